"""Credit notes: units come back once, never more than were sent, and never more money than was paid."""

import threading
from dataclasses import replace

import pytest
from django.db import connection

from inventory.models import StockLevel, StockMovement
from oms import books
from oms.models import AuditEntry
from orders import returns
from orders.incoming import Payment, State
from orders.models import Order, OrderLine
from orders.reading import NoSuchOrder
from tests import factories


@pytest.fixture
def place(db):
    factories.channel("web")
    return factories.location("WH-EAST")


def sold(place, units=3, price=1000, number="W1", **more):
    """An order whose only line has left `place` already."""
    variant = factories.variant(f"T90-{number}")
    factories.stock(variant, units, place)
    line = factories.line(variant.sku, units, price=price, shipped=units, location=place.code, external_id="1")
    return factories.order(line, number=number, state=State.SHIPPED, **more)


def back(quantity=1, order="W1", **more):
    given = {"channel": "web", "order": order, "line": "1", "location": "WH-EAST", "refund": quantity * 1000}
    return returns.Back(quantity=quantity, **{**given, **more})


def note(*parts, number="C1"):
    return returns.CreditNote(number=number, issued_at=factories.NOW, parts=parts or (back(),))


def take_back(*notes):
    return returns.take_back(notes=notes, actor=factories.ACTOR, now=factories.NOW)


def line_of(order):
    return OrderLine.objects.get(order=order)


class TestTakeBack:
    def test_units_are_on_the_shelf_again_and_off_the_order(self, place):
        order = sold(place)

        assert take_back(note(back(2))) == {"C1"}

        line = line_of(order)
        assert (line.shipped, line.returning, line.returned) == (1, 0, 2)
        assert StockLevel.objects.get().on_hand == 2
        movement = StockMovement.objects.get(kind="return")
        assert (movement.quantity, movement.cause, movement.cause_id) == (2, "credit-note", "C1")
        assert books.examine() == {}

    def test_an_order_of_which_everything_came_back_is_completed(self, place):
        order = sold(place)
        take_back(note(back(3)))
        order.refresh_from_db()
        assert order.status == Order.Status.COMPLETED

    def test_the_money_goes_back_to_where_it_came_from(self, place):
        order = sold(place)
        take_back(note(back(2, refund=1500)))
        assert order.payments.get().refunded == 1500

    def test_several_payments_give_back_the_oldest_first(self, place):
        payments = (Payment(method="gift card", amount=2000), Payment(method="card", amount=1000))
        order = sold(place, payments=payments)
        take_back(note(back(3, refund=2500)))
        assert list(order.payments.order_by("pk").values_list("refunded", flat=True)) == [2000, 500]

    def test_nobody_gets_more_than_was_captured(self, place):
        order = sold(place)
        take_back(note(back(1, refund=9000)))
        assert order.payments.get().refunded == 3000
        assert AuditEntry.objects.get(action="order.returned").facts["refunded"] == 3000

    def test_a_note_counts_once(self, place):
        order = sold(place)
        take_back(note(back(1)))

        assert take_back(note(back(1))) == set()
        assert take_back(note(back(1)), note(back(1), number="C2")) == {"C2"}

        assert line_of(order).returned == 2
        assert StockLevel.objects.get().on_hand == 2
        assert order.payments.get().refunded == 2000
        assert AuditEntry.objects.filter(action="order.returned").count() == 2

    def test_what_was_delivered_comes_back_before_what_was_only_sent(self, place):
        order = sold(place)
        OrderLine.objects.filter(order=order).update(shipped=2, delivered=1)
        take_back(note(back(2)))
        line = line_of(order)
        assert (line.delivered, line.shipped, line.returned) == (0, 1, 2)

    def test_parts_of_one_line_count_together(self, place):
        order = sold(place)
        take_back(note(back(1), back(2)))
        assert line_of(order).returned == 3
        assert StockMovement.objects.filter(kind="return").count() == 2

    def test_the_story_says_what_came_back_and_where_it_lies(self, place):
        order = sold(place)
        take_back(note(back(2)))
        told = AuditEntry.objects.get(action="order.returned")
        assert told.object_id == str(order.number)
        assert told.facts == {"document": "C1", "units": 2, "refunded": 2000, "to": ["WH-EAST"]}

    def test_many_notes_cost_as_many_statements_as_one(self, place, django_assert_max_num_queries):
        for number in range(12):
            sold(place, number=f"W{number}")
        notes = [note(back(1, order=f"W{number}"), number=f"C{number}") for number in range(12)]
        with django_assert_max_num_queries(18):
            take_back(*notes)


class TestRefusals:
    def nothing_changed(self, order):
        assert line_of(order).returned == 0
        assert StockLevel.objects.get().on_hand == 0
        assert order.payments.get().refunded == 0

    def test_never_more_than_was_sent(self, place):
        order = sold(place)
        with pytest.raises(returns.MoreThanWasSent) as refused:
            take_back(note(back(2), back(2)))
        assert refused.value.facts == {"line": "1", "sent": 3, "asked": 4}
        self.nothing_changed(order)

    def test_one_bad_note_stops_the_batch(self, place):
        order = sold(place)
        with pytest.raises(returns.MoreThanWasSent):
            take_back(note(back(1)), note(back(3), number="C2"))
        self.nothing_changed(order)

    def test_an_order_nobody_knows(self, place):
        with pytest.raises(NoSuchOrder):
            take_back(note(back(1, order="W404")))

    @pytest.mark.parametrize("wrong", [{"line": "9"}, {"location": "NOWHERE"}])
    def test_a_line_or_a_place_nobody_knows(self, place, wrong):
        order = sold(place)
        with pytest.raises(returns.Unplaceable):
            take_back(note(replace(back(1), **wrong)))
        self.nothing_changed(order)


@pytest.mark.django_db(transaction=True)
class TestTogether:
    """Two clerks at the same moment."""

    def both(self, *notes):
        outcomes, gate = [], threading.Barrier(len(notes))

        def clerk(each):
            gate.wait()
            try:
                outcomes.append(take_back(each))
            except returns.MoreThanWasSent as refusal:
                outcomes.append(refusal.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=clerk, args=[each]) for each in notes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return outcomes

    @pytest.fixture
    def order(self, transactional_db):
        factories.channel("web")
        return sold(factories.location("WH-EAST"))

    def test_the_same_note_is_booked_once(self, order):
        outcomes = self.both(note(back(2)), note(back(2)))
        assert sorted(outcomes, key=len) == [set(), {"C1"}]
        assert line_of(order).returned == 2
        assert StockLevel.objects.get().on_hand == 2

    def test_two_notes_never_bring_back_more_than_was_sent(self, order):
        outcomes = self.both(note(back(2)), note(back(2), number="C2"))
        assert "more_than_was_sent" in outcomes
        assert line_of(order).returned == 2
        assert order.payments.get().refunded == 2000
        assert books.examine() == {}
