import pytest

from inventory import reservations
from inventory.models import Reservation
from oms import books, db
from oms.models import AuditEntry
from orders import cancellation, fulfilment, reading
from orders.models import FulfilmentOrder, Order, OrderLine
from tests import factories
from tests.factories import ACTOR, NOW, line
from tests.inventory.shelves import level, told

pytestmark = pytest.mark.django_db


def cancel(number: int) -> int:
    return cancellation.cancel(number=number, reason="changed my mind", actor=ACTOR, now=NOW)


@db.transaction
def withdraw(number: int, *units: int) -> int:
    order, lines = reading.lock(number)
    most = {each.pk: count for each, count in zip(lines, units, strict=True)}
    gone = cancellation.withdraw(order, lines, most, actor=ACTOR, reason="", now=NOW)
    reservations.release(parts=gone.parts, now=NOW)
    return gone.units


@pytest.fixture
def shelf(db):
    """Three treadmills."""
    factories.channel("web")
    factories.marketplace("ebay")
    treadmill = factories.variant("T90")
    return factories.stock(treadmill, 3, factories.location("EAST")).pk, treadmill.pk


class TestCancel:
    def test_gives_the_stock_back(self, shelf):
        order = factories.order(line("T90", 2))

        assert cancel(order.number) == 2

        order.refresh_from_db()
        assert order.status == "cancelled"
        assert level(shelf) == (3, 0)
        assert FulfilmentOrder.objects.get().state == "cancelled"
        assert not books.examine()

    def test_takes_back_the_demand_that_waits(self, shelf):
        order = factories.order(line("T90", 5), channel="ebay")

        assert cancel(order.number) == 5

        assert not Reservation.objects.filter(state="held").exists()
        assert level(shelf) == (3, 0)
        assert not books.examine()

    def test_leaves_what_was_sent(self, shelf):
        order = factories.order(line("T90", 3))
        fulfilment.ship(
            number=order.number, location="EAST", carrier="", tracking_number="1Z", units={1: 1}, actor=ACTOR, now=NOW
        )

        assert cancel(order.number) == 2

        order.refresh_from_db()
        kept = OrderLine.objects.get()
        assert (order.status, kept.shipped, kept.cancelled) == ("shipped", 1, 2)
        assert level(shelf) == (2, 0)
        assert FulfilmentOrder.objects.get().state == "closed"
        assert not books.examine()

    def test_tells_the_channels_and_leaves_a_deed(self, shelf):
        order = factories.order(line("T90", 2))
        before = told()

        cancel(order.number)

        assert told() == before + [str(shelf[1])]
        deed = AuditEntry.objects.get(action="order.cancelled")
        assert (deed.object_id, deed.reason, deed.facts) == (
            str(order.number), "changed my mind", {"units": 2, "lines": [1]},
        )  # fmt: skip

    def test_refuses_a_second_time(self, shelf):
        order = factories.order(line("T90", 2))
        cancel(order.number)

        with pytest.raises(cancellation.NothingToCancel, match="cancelled already"):
            cancel(order.number)
        assert level(shelf) == (3, 0)

    def test_refuses_what_has_left(self, shelf):
        order = factories.order(line("T90", 2))
        fulfilment.ship(number=order.number, location="EAST", carrier="", tracking_number="1Z", actor=ACTOR, now=NOW)

        with pytest.raises(cancellation.NothingToCancel, match="take it back"):
            cancel(order.number)

    def test_does_not_know_every_number(self):
        with pytest.raises(reading.NoSuchOrder):
            cancel(1)

    @pytest.mark.parametrize("lines", [2, 50])
    def test_costs_as_many_statements_for_any_number_of_lines(self, shelf, django_assert_max_num_queries, lines):
        place = factories.location("P")
        for number in range(lines):
            factories.stock(factories.variant(f"S{number}"), 1, place)
        wanted = [line(f"S{number}", 2) for number in range(lines)]
        order = factories.order(*wanted, channel="ebay")

        with django_assert_max_num_queries(15):
            assert cancel(order.number) == 2 * lines

        assert not books.examine()


class TestWithdraw:
    def test_takes_units_without_stock_first(self, shelf):
        order = factories.order(line("T90", 5), channel="ebay")

        assert withdraw(order.number, 3) == 3

        kept = OrderLine.objects.get()
        assert (kept.backordered, kept.allocated, kept.cancelled) == (0, 2, 3)
        assert level(shelf) == (3, 2)
        assert not books.examine()

    def test_takes_what_was_planned_last_first(self, shelf):
        second = factories.stock(factories.Variant.objects.get(), 1, factories.location("WEST"))
        order = factories.order(line("T90", 4))

        withdraw(order.number, 1)

        states = dict(FulfilmentOrder.objects.values_list("location__code", "state"))
        assert states == {"EAST": "open", "WEST": "cancelled"}
        assert level((second.pk, shelf[1])) == (1, 0)
        assert not books.examine()

    def test_takes_from_each_line_what_is_asked_of_it(self, shelf):
        factories.stock(factories.variant("MUG"), 9, factories.Location.objects.get())
        order = factories.order(line("T90", 3), line("MUG", 3))

        assert withdraw(order.number, 0, 2) == 2

        assert list(OrderLine.objects.order_by("position").values_list("allocated", "cancelled")) == [(3, 0), (1, 2)]
        assert not books.examine()

    def test_leaves_picked_units_alone(self, shelf):
        order = factories.order(line("T90", 3))
        OrderLine.objects.update(allocated=1, picked=2)

        assert withdraw(order.number, 3) == 1

        kept = OrderLine.objects.get()
        assert (kept.picked, kept.cancelled) == (2, 1)
        assert not books.examine()

    def test_does_nothing_for_nothing(self, shelf):
        order = factories.order(line("T90", 3))

        assert withdraw(order.number, 0) == 0
        assert not AuditEntry.objects.filter(action="order.cancelled").exists()
        assert Order.objects.get().status == "allocated"
