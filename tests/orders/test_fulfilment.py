import pytest

from inventory.models import StockMovement
from oms import books, search
from oms.models import AuditEntry, OutboxEvent
from orders import cancellation, fulfilment
from orders.fulfilment import CannotShip
from orders.incoming import Method, State
from orders.models import FulfilmentOrder, Order, OrderHold, OrderLine, Parcel
from tests import factories
from tests.factories import ACTOR, NOW, line
from tests.inventory.shelves import level, told

pytestmark = pytest.mark.django_db


def ship(number: int, **more: object) -> Parcel:
    about = {"location": "EAST", "carrier": "UPS", "tracking_number": "1Z1", **more}
    return fulfilment.ship(number=number, actor=ACTOR, now=NOW, **about)


@pytest.fixture
def shelf(db):
    """Three treadmills in the east."""
    factories.channel("web")
    factories.marketplace("ebay")
    treadmill = factories.variant("T90")
    return factories.stock(treadmill, 3, factories.location("EAST")).pk, treadmill.pk


class TestShip:
    def test_sends_everything_that_lies_there(self, shelf):
        order = factories.order(line("T90", 2))

        parcel = ship(order.number)

        assert (parcel.carrier, parcel.tracking_number, parcel.shipped_at) == ("UPS", "1Z1", NOW)
        assert parcel.lines.get().quantity == 2
        order.refresh_from_db()
        assert order.status == "shipped"
        assert level(shelf) == (1, 0)
        sale = StockMovement.objects.get(kind="sale")
        assert (sale.quantity, sale.cause, sale.cause_id) == (-2, "parcel", str(parcel.pk))
        assert FulfilmentOrder.objects.get().state == "closed"
        assert not books.examine()

    def test_sends_what_is_said(self, shelf):
        factories.stock(factories.variant("MUG"), 3, factories.Location.objects.get())
        order = factories.order(line("T90", 2), line("MUG", 3))

        ship(order.number, units={2: 1})

        order.refresh_from_db()
        assert order.status == "partially_shipped"
        assert list(order.lines.order_by("position").values_list("allocated", "shipped")) == [(2, 0), (2, 1)]
        assert FulfilmentOrder.objects.get().state == "open"
        assert not books.examine()

    def test_is_done_once_for_one_tracking_number(self, shelf):
        order = factories.order(line("T90", 2))

        first = ship(order.number, units={1: 1})
        again = ship(order.number, units={1: 1}, tracking_number=" 1Z1 ")

        assert first == again
        assert level(shelf) == (2, 1)
        assert OutboxEvent.objects.filter(topic="orders.parcel-shipped").count() <= 1

    def test_sends_the_rest_later(self, shelf):
        order = factories.order(line("T90", 3))

        ship(order.number, units={1: 1})
        ship(order.number, tracking_number="1Z2")

        assert list(order.parcels.order_by("pk").values_list("lines__quantity", flat=True)) == [1, 2]
        assert level(shelf) == (0, 0)
        assert not books.examine()

    def test_sends_from_each_place_what_lies_there(self, shelf):
        west = factories.stock(factories.Variant.objects.get(), 2, factories.location("WEST"))
        order = factories.order(line("T90", 5))

        ship(order.number, location="WEST")

        assert level((west.pk, shelf[1])) == (0, 0)
        assert level(shelf) == (3, 3)
        assert dict(FulfilmentOrder.objects.values_list("location__code", "state")) == {
            "EAST": "open",
            "WEST": "closed",
        }
        assert not books.examine()

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({"location": "NOWHERE"}, CannotShip),
            ({"units": {1: 4}}, CannotShip),
            ({"units": {1: 1, 2: 1}}, CannotShip),  # line 2 lies in the west
            ({"units": {}}, CannotShip),
            ({"units": {1: 0}}, CannotShip),
            ({"units": {1: -1}}, Exception),
            ({"units": {9: 1}}, fulfilment.NoSuchLine),
            ({"units": {1: 1, 9: 1}}, fulfilment.NoSuchLine),
        ],
    )
    def test_refuses_all_when_it_cannot_send_all_that_is_said(self, shelf, more, why):
        factories.stock(factories.variant("MUG"), 1, factories.location("WEST"))
        order = factories.order(line("T90", 3), line("MUG"))

        with pytest.raises(why):
            ship(order.number, **more)

        assert not Parcel.objects.exists()
        assert level(shelf) == (3, 3)

    def test_refuses_what_was_cancelled(self, shelf):
        order = factories.order(line("T90", 2))
        cancellation.cancel(number=order.number, reason="", actor=ACTOR, now=NOW)

        with pytest.raises(CannotShip):
            ship(order.number)

    def test_refuses_to_send_before_it_is_paid(self, shelf):
        order = factories.order(line("T90", 2), channel="ebay", state=State.AWAITING_PAYMENT)

        with pytest.raises(CannotShip, match="payment"):
            ship(order.number)

    def test_refuses_to_send_what_is_on_hold_until_somebody_releases_it(self, shelf):
        order = factories.order(line("T90", 2))
        hold = OrderHold.objects.create(order=order, reason="manual", placed_at=NOW, placed_by="staff:grace")

        with pytest.raises(CannotShip, match="manual"):
            ship(order.number)

        hold.released_at = NOW
        hold.save()
        assert ship(order.number).pk

    def test_hands_over_what_is_collected(self, shelf):
        factories.stock(factories.Variant.objects.get(), 1, factories.store("S1"))
        order = factories.order(line("T90", method=Method.PICKUP, location="S1"))

        ship(order.number, location="S1", carrier="", tracking_number="")

        assert Order.objects.get().status == "shipped"
        assert not books.examine()

    def test_makes_the_parcel_findable_and_leaves_a_deed(self, shelf):
        order = factories.order(line("T90", 2))

        parcel = ship(order.number, tracking_number="1Z 999 AA1")

        (hit,) = search.look_up(search.read("1z999aa1"), channels=None)
        assert (hit.entity_kind, hit.entity_id) == ("order", order.pk)
        deed = AuditEntry.objects.get(action="order.shipped")
        assert deed.facts == {"units": 2, "from": "EAST", "carrier": "UPS", "tracking_number": parcel.tracking_number}

    def test_tells_of_the_parcel_and_not_of_stock_nobody_else_could_have_had(self, shelf):
        order = factories.order(line("T90", 2))
        before = told()

        parcel = ship(order.number)

        assert told() == before
        (event,) = OutboxEvent.objects.filter(topic="orders.parcel-shipped")
        assert event.payload == {"number": order.number, "parcel": parcel.pk}

    @pytest.mark.parametrize("lines", [2, 50])
    def test_costs_as_many_statements_for_any_number_of_lines(self, shelf, django_assert_max_num_queries, lines):
        place = factories.location("P")
        for number in range(lines):
            factories.stock(factories.variant(f"S{number}"), 1, place)
        order = factories.order(*(line(f"S{number}") for number in range(lines)))

        with django_assert_max_num_queries(22):
            ship(order.number, location="P")

        assert OrderLine.objects.filter(shipped=1).count() == lines
        assert not books.examine()
