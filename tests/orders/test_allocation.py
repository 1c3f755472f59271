from datetime import timedelta

import pytest

from inventory import reservations
from inventory.models import Reservation
from oms import books, outbox
from oms.models import AuditEntry
from orders import allocation, fulfilment
from orders.incoming import Method
from orders.models import Allocation, FulfilmentOrder, OrderLine
from tests import factories
from tests.factories import ACTOR, NOW, line
from tests.inventory.shelves import level, told

pytestmark = pytest.mark.django_db


def fill(number: int) -> int:
    return allocation.fill(number=number, actor=ACTOR, now=NOW)


@pytest.fixture
def treadmill(db):
    factories.marketplace("ebay")
    return factories.variant("T90")


class TestFill:
    def test_gives_waiting_units_a_place(self, treadmill):
        order = factories.order(line("T90", 3), channel="ebay")
        east = factories.stock(treadmill, 5, factories.location("EAST"))

        assert fill(order.number) == 3

        order.refresh_from_db()
        assert order.status == "allocated"
        assert level((east.pk, treadmill.pk)) == (5, 3)
        assert not Reservation.objects.filter(location=None, state="held").exists()
        assert not books.examine()

    def test_goes_as_far_as_there_is_stock(self, treadmill):
        order = factories.order(line("T90", 3), channel="ebay")
        factories.stock(treadmill, 2)

        assert fill(order.number) == 2

        kept = OrderLine.objects.get()
        assert (kept.allocated, kept.backordered) == (2, 1)
        assert Reservation.objects.get(location=None, state="held").quantity == 1
        assert not books.examine()

    def test_adds_to_the_work_of_a_place(self, treadmill):
        east = factories.stock(treadmill, 2, factories.location("EAST"))
        order = factories.order(line("T90", 3), channel="ebay")
        factories.stock(treadmill, 4, east)

        fill(order.number)

        assert Allocation.objects.get().quantity == 3
        assert FulfilmentOrder.objects.count() == 1
        assert not books.examine()

    def test_adds_to_a_place_that_has_sent_what_it_had(self, treadmill):
        mug = factories.variant("MUG")
        east = factories.stock(treadmill, 2, factories.stock(mug, 1, factories.location("EAST")))
        order = factories.order(line("T90", 3), line("MUG"), channel="ebay")
        fulfilment.ship(
            number=order.number, location="EAST", carrier="", tracking_number="1Z", units={1: 2}, actor=ACTOR, now=NOW
        )
        factories.stock(treadmill, 1, east)

        assert fill(order.number) == 1

        kept = Allocation.objects.get(line__position=1)
        assert (kept.quantity, kept.sent, kept.pending) == (3, 2, 1)
        assert not books.examine()

    def test_begins_anew_at_a_place_that_was_done(self, treadmill):
        east = factories.stock(treadmill, 2, factories.location("EAST"))
        order = factories.order(line("T90", 3), channel="ebay")
        fulfilment.ship(number=order.number, location="EAST", carrier="", tracking_number="1Z", actor=ACTOR, now=NOW)
        factories.stock(treadmill, 1, east)

        fill(order.number)

        assert sorted(FulfilmentOrder.objects.values_list("state", flat=True)) == ["closed", "open"]
        assert not books.examine()

    def test_spreads_over_places(self, treadmill):
        order = factories.order(line("T90", 3), channel="ebay")
        for code in ("EAST", "WEST"):
            factories.stock(treadmill, 2, factories.location(code))

        assert fill(order.number) == 3

        assert dict(Allocation.objects.values_list("fulfilment__location__code", "quantity")) == {"EAST": 2, "WEST": 1}
        assert not books.examine()

    def test_waits_for_the_store_the_buyer_chose(self, treadmill):
        factories.store("S1")
        order = factories.order(line("T90", method=Method.PICKUP, location="S1"), channel="ebay")
        factories.stock(treadmill, 2)

        with pytest.raises(allocation.NothingFound):
            fill(order.number)

        factories.stock(treadmill, 1, factories.Location.objects.get(code="S1"))
        assert fill(order.number) == 1
        assert FulfilmentOrder.objects.get().method == "pickup"

    @pytest.mark.parametrize("more", [{"is_open": False}, {"sells_online": False}, {"kind": "supplier"}])
    def test_finds_nothing_where_orders_are_not_sent_from(self, treadmill, more):
        order = factories.order(line("T90"), channel="ebay")
        factories.stock(treadmill, 2, factories.location(**{"kind": "warehouse", **more}))

        with pytest.raises(allocation.NothingFound):
            fill(order.number)

    def test_finds_nothing_for_an_order_that_waits_for_nothing(self, treadmill):
        factories.stock(treadmill, 2)
        order = factories.order(line("T90"), channel="ebay")

        with pytest.raises(allocation.NothingFound):
            fill(order.number)

    def test_tells_the_channels_and_leaves_a_deed(self, treadmill):
        order = factories.order(line("T90", 2), channel="ebay")
        east = factories.stock(treadmill, 2)
        before = told()

        fill(order.number)

        assert told() == before + [str(treadmill.pk)]
        deed = AuditEntry.objects.get(action="order.allocated")
        assert deed.facts == {"units": 2, "why": {str(east.pk): "has everything"}}

    @pytest.mark.parametrize("lines", [2, 50])
    def test_costs_as_many_statements_for_any_number_of_lines(self, treadmill, django_assert_max_num_queries, lines):
        variants = [factories.variant(f"S{number}") for number in range(lines)]
        order = factories.order(*(line(variant.sku) for variant in variants), channel="ebay")
        place = factories.location()
        for variant in variants:
            factories.stock(variant, 1, place)

        with django_assert_max_num_queries(16):
            assert fill(order.number) == lines

        assert not books.examine()


class TestWaitingOrders:
    def test_are_named_once_and_oldest_first(self, treadmill):
        mug = factories.variant("MUG")
        young = factories.order(line("T90"), line("MUG"), channel="ebay", placed_at=NOW)
        old = factories.order(line("T90"), channel="ebay", placed_at=NOW - timedelta(days=1))
        factories.stock(treadmill, 1, factories.stock(mug, 1))

        assert allocation.waiting_orders([treadmill.pk, mug.pk]) == [old.number, young.number]
        assert allocation.waiting_orders([mug.pk]) == [young.number]

    def test_are_none_while_nothing_is_free(self, treadmill):
        factories.order(line("T90"), channel="ebay")
        factories.stock(treadmill, 1, factories.location(kind="supplier"))
        factories.stock(treadmill, 1, factories.location(is_open=False))

        assert allocation.waiting_orders([treadmill.pk]) == []

    def test_are_none_when_everybody_has_a_place(self, treadmill):
        factories.stock(treadmill, 1)
        factories.order(line("T90"), channel="ebay")

        assert allocation.waiting_orders([treadmill.pk]) == []

    def test_leave_out_who_waits_for_a_store_that_has_none(self, treadmill):
        """However many they are, they keep nobody waiting who can be served."""
        factories.store("S1")
        for _ in range(3):
            factories.order(
                line("T90", method=Method.PICKUP, location="S1"), channel="ebay", placed_at=NOW - timedelta(days=9)
            )
        order = factories.order(line("T90"), channel="ebay")
        factories.stock(treadmill, 1)

        assert allocation.waiting_orders([treadmill.pk], limit=2) == [order.number]


class TestFillWaiting:
    """What orders do when stock lands."""

    def test_gives_it_to_the_oldest_promise(self, treadmill):
        young = factories.order(line("T90"), channel="ebay", placed_at=NOW)
        old = factories.order(line("T90"), channel="ebay", placed_at=NOW - timedelta(days=1))
        factories.stock(treadmill, 1)

        while outbox.deliver():
            pass

        young.refresh_from_db()
        old.refresh_from_db()
        assert (old.status, young.status) == ("allocated", "backordered")
        assert not books.examine()

    def test_comes_to_an_end(self, treadmill):
        for _ in range(3):
            factories.order(line("T90"), channel="ebay")
        factories.stock(treadmill, 2)

        rounds = 0
        while outbox.deliver():
            rounds += 1
            assert rounds < 20

        assert reservations.waiting(holder="order:0", units={1: 1}) == {}
        assert sum(OrderLine.objects.values_list("backordered", flat=True)) == 1
