from dataclasses import replace
from datetime import timedelta

import pytest

from customers.models import Customer
from inventory.models import Reservation, StockMovement
from oms import books, db, search
from oms.models import AuditEntry
from orders import cancellation, fulfilment, intake, reading, revision
from orders.incoming import Address, BadOrder, Buyer, IncomingOrder, Parcel, Payment, State
from orders.models import Order, OrderLine, ParcelLine
from orders.revision import Change
from tests import factories
from tests.factories import ACTOR, HOME, NOW, incoming, line
from tests.inventory.shelves import level, told

pytestmark = pytest.mark.django_db
AWAY = replace(HOME, line1="2 Elm St", postcode="19602")


@pytest.fixture
def shelf(db):
    """Five treadmills in the east, and an eBay shop."""
    factories.marketplace("ebay")
    treadmill = factories.variant("T90")
    return factories.stock(treadmill, 5, factories.location("EAST")).pk, treadmill.pk


class Story:
    """One order as the channel tells it over time."""

    def __init__(self, *lines, **more: object) -> None:
        self.told = incoming(*lines, **{"channel": "ebay", "updated_at": NOW, **more})
        self.number = intake.accept(self.told, actor=ACTOR, now=NOW).number

    def goes_on(self, *lines: dict[str, object], minutes: int = 1, **more: object) -> Change:
        """Tell it anew, `minutes` later: each of `lines` changes the line at its place."""
        changed = [replace(was, **change) for was, change in zip(self.told.lines, lines, strict=False)]
        kept = tuple(changed) + self.told.lines[len(changed) :]
        at = self.told.updated_at and self.told.updated_at + timedelta(minutes=minutes)
        return self.hears(replace(self.told, **{"lines": kept, "updated_at": at, **more}))

    def hears(self, told: IncomingOrder) -> Change:
        change = _apply(self.number, told)
        if change is not Change.STALE:
            self.told = told
        return change

    @property
    def order(self) -> Order:
        return Order.objects.get(number=self.number)

    @property
    def buckets(self) -> list[dict[str, int]]:
        lines = OrderLine.objects.filter(order__number=self.number).order_by("position")
        names = ("open", "backordered", "allocated", "picked", "shipped", "cancelled")
        return [{name: units for name in names if (units := getattr(each, name))} for each in lines]


@db.transaction
def _apply(number: int, told: IncomingOrder) -> Change:
    return revision.apply(number=number, incoming=told, actor=ACTOR, now=NOW)


def ship(number: int, **more: object) -> None:
    about = {"location": "EAST", "carrier": "UPS", "tracking_number": "1Z1", **more}
    fulfilment.ship(number=number, actor=ACTOR, now=NOW, **about)


def deeds(action: str) -> list[dict[str, object]]:
    return list(AuditEntry.objects.filter(action=action).order_by("pk").values_list("facts", flat=True))


class TestVersions:
    def test_the_same_story_changes_nothing(self, shelf):
        story = Story(line("T90", 2))
        before = told()

        assert story.goes_on() is Change.NONE
        assert told() == before

    def test_an_older_one_changes_nothing(self, shelf):
        story = Story(line("T90", 2))

        assert story.goes_on({"cancelled": 2}, minutes=-1, state=State.CANCELLED) is Change.STALE
        assert story.buckets == [{"allocated": 2}]

    def test_another_of_the_same_second_is_applied(self, shelf):
        story = Story(line("T90", 2))

        assert story.goes_on({"cancelled": 1}, minutes=0) is Change.APPLIED
        assert story.buckets == [{"allocated": 1, "cancelled": 1}]

    def test_an_older_one_is_known_even_when_a_newer_one_said_nothing_new(self, shelf):
        story = Story(line("T90", 2))
        story.goes_on(minutes=10)

        assert story.goes_on({"cancelled": 1}, minutes=-5) is Change.STALE

    def test_one_without_a_date_does_not_make_old_ones_new(self, shelf):
        story = Story(line("T90", 2))
        story.hears(replace(story.told, updated_at=None, note="gift"))
        story.told = replace(story.told, updated_at=NOW)

        assert story.goes_on({"cancelled": 1}, minutes=-5) is Change.STALE

    def test_applied_twice_has_one_effect(self, shelf):
        story = Story(line("T90", 3, external_id="1"))
        parcels = (Parcel(external_id="P1", units=(("1", 1),)),)
        news = replace(
            story.told, updated_at=NOW + timedelta(hours=1), parcels=parcels,
            lines=(replace(story.told.lines[0], cancelled=1, shipped=1),),
        )  # fmt: skip

        assert story.hears(news) is Change.APPLIED
        again = replace(news, updated_at=NOW + timedelta(hours=2), note="x")
        assert story.hears(again) is Change.APPLIED

        assert story.buckets == [{"allocated": 1, "shipped": 1, "cancelled": 1}]
        assert level(shelf) == (4, 1)
        assert not books.examine()


class TestCancellation:
    def test_of_all(self, shelf):
        story = Story(line("T90", 7))

        story.goes_on(state=State.CANCELLED)

        assert (story.order.status, story.buckets) == ("cancelled", [{"cancelled": 7}])
        assert level(shelf) == (5, 0)
        assert not Reservation.objects.filter(state="held").exists()
        assert not books.examine()

    def test_of_some_units(self, shelf):
        story = Story(line("T90", 3))

        story.goes_on({"cancelled": 2})

        assert story.buckets == [{"allocated": 1, "cancelled": 2}]
        assert level(shelf) == (5, 1)

    def test_by_a_smaller_quantity(self, shelf):
        story = Story(line("T90", 2))

        story.goes_on({"quantity": 1})

        assert story.buckets == [{"allocated": 1, "cancelled": 1}]
        assert story.order.lines.get().quantity == 2, "what was ordered stays what was ordered"

    def test_by_leaving_a_line_out(self, shelf):
        story = Story(line("T90"), line("T90"))

        story.hears(replace(story.told, lines=story.told.lines[:1], note="x"))

        assert story.buckets == [{"allocated": 1}, {"cancelled": 1}]

    def test_in_steps(self, shelf):
        story = Story(line("T90", 4))

        for cancelled in (1, 3, 4):
            story.goes_on({"cancelled": cancelled})

        assert story.buckets == [{"cancelled": 4}]
        assert level(shelf) == (5, 0)
        assert not books.examine()

    def test_of_what_we_cancelled_ourselves_is_done(self, shelf):
        story = Story(line("T90", 2))
        cancellation.cancel(number=story.number, reason="", actor=ACTOR, now=NOW)

        assert story.goes_on(state=State.CANCELLED) is Change.APPLIED
        assert story.buckets == [{"cancelled": 2}]
        assert not deeds("order.cancelled_too_late")

    def test_taken_back_by_the_channel_stays(self, shelf):
        """Units given back may be promised to others; nobody gets them twice."""
        story = Story(line("T90", 2))
        story.goes_on({"cancelled": 1})

        story.goes_on({"cancelled": 0}, note="changed my mind")

        assert story.buckets == [{"allocated": 1, "cancelled": 1}]

    def test_after_it_was_sent_changes_nothing_and_is_seen(self, shelf):
        story = Story(line("T90", 2))
        ship(story.number)

        story.goes_on(state=State.CANCELLED)

        assert (story.order.status, story.buckets) == ("shipped", [{"shipped": 2}])
        assert deeds("order.cancelled_too_late") == [{"units": 2}]
        assert level(shelf) == (3, 0)

    def test_after_a_part_was_sent_cancels_the_rest(self, shelf):
        story = Story(line("T90", 3))
        ship(story.number, units={1: 1})

        story.goes_on(state=State.CANCELLED)

        assert story.buckets == [{"shipped": 1, "cancelled": 2}]
        assert deeds("order.cancelled_too_late") == [{"units": 1}]
        assert not books.examine()

    def test_of_units_that_were_picked_needs_a_person(self, shelf):
        story = Story(line("T90", 2))
        OrderLine.objects.update(allocated=0, picked=2)

        with pytest.raises(BadOrder) as refusal:
            story.goes_on({"cancelled": 1})

        assert refusal.value.code == "change_after_pick"
        assert story.buckets == [{"picked": 2}]

    def test_before_the_order_came_leaves_it_cancelled_when_it_comes(self, shelf):
        story = Story(line("T90", 2), state=State.CANCELLED)

        assert story.goes_on(state=State.OPEN, minutes=-5) is Change.STALE
        story.goes_on(state=State.OPEN, minutes=5)

        assert (story.order.status, story.buckets) == ("cancelled", [{"cancelled": 2}])
        assert level(shelf) == (5, 0)

    def test_asked_for_by_the_buyer_is_a_wish_and_no_fact(self, shelf):
        story = Story(line("T90", 2))

        story.goes_on(cancel_requested=True)

        assert story.order.cancel_requested
        assert story.buckets == [{"allocated": 2}]


class TestUnknown:
    def test_line_needs_a_person(self, shelf):
        story = Story(line("T90"))

        with pytest.raises(BadOrder) as refusal:
            story.hears(replace(story.told, lines=(*story.told.lines, line("T90", external_id="new"))))

        assert (refusal.value.code, refusal.value.facts["lines"]) == ("line_unknown", ["new"])

    def test_units_need_a_person(self, shelf):
        story = Story(line("T90", 2, external_id="1"))

        with pytest.raises(BadOrder) as refusal:
            story.goes_on({"quantity": 3})

        assert (refusal.value.code, refusal.value.facts) == ("quantity_raised", {"line": "1", "had": 2, "asked": 3})

    def test_order_is_nobodys(self):
        with pytest.raises(reading.NoSuchOrder):
            _apply(1, incoming(line("T90")))


class TestAddress:
    def test_changes_before_anything_was_picked(self, shelf):
        story = Story(line("T90"))

        story.goes_on(ship_to=AWAY)

        assert story.order.ship_to["line1"] == "2 Elm St"
        assert deeds("order.readdressed") == [{}]
        assert search.look_up(search.read("19602"), channels=None)

    @pytest.mark.parametrize("bucket", ["picked", "packed"])
    def test_needs_a_person_after_pick(self, shelf, bucket):
        story = Story(line("T90"))
        OrderLine.objects.update(**{"allocated": 0, bucket: 1})

        with pytest.raises(BadOrder) as refusal:
            story.goes_on(ship_to=AWAY)

        assert refusal.value.code == "change_after_pick"
        assert story.order.ship_to["line1"] == HOME.line1

    def test_needs_a_person_after_it_was_sent(self, shelf):
        story = Story(line("T90"))
        ship(story.number)

        with pytest.raises(BadOrder):
            story.goes_on(ship_to=AWAY)

    @pytest.mark.parametrize("left", [None, Address(city="Reading", region="PA", postcode="19601", country="US")])
    def test_forgotten_by_the_channel_is_no_change(self, shelf, left):
        story = Story(line("T90"))
        ship(story.number)

        assert story.goes_on({"shipped": 1}, ship_to=left) is Change.APPLIED
        assert story.order.ship_to["line1"] == HOME.line1

    def test_of_what_the_channel_sends_itself_is_its_own_business(self, shelf):
        story = Story(line("T90"), fulfilled_by_channel=True, state=State.SHIPPED)

        assert story.goes_on(ship_to=AWAY) is Change.APPLIED

    def test_told_late_is_taken(self, shelf):
        story = Story(line("T90", price=0), ship_to=None, state=State.AWAITING_PAYMENT)

        story.goes_on({"unit_price": 1000, "total": 1000}, ship_to=HOME, state=State.OPEN, total=1000)

        assert story.order.ship_to["postcode"] == "19601"


class TestPayment:
    def test_makes_a_pending_order_a_real_one(self, shelf):
        promised = (Payment(method="marketplace", amount=0, captured=False, collected_by_channel=True),)
        story = Story(line("T90", 2, price=0), state=State.AWAITING_PAYMENT, ship_to=None, payments=promised, total=0)
        assert story.order.status == "awaiting_payment"

        paid = (Payment(method="marketplace", amount=2580, reference="R1", collected_by_channel=True),)
        story.goes_on(
            {"unit_price": 1000, "total": 2000, "tax": 80}, state=State.OPEN, ship_to=HOME, payments=paid, shipping=500,
            tax_included=False, total=2580,
        )  # fmt: skip

        order = story.order
        assert (order.status, order.total, order.items_total, order.shipping_total, order.tax_total) == (
            "allocated", 2580, 2000, 500, 80,
        )  # fmt: skip
        assert not order.tax_included
        kept = order.lines.get()
        assert (kept.unit_price, kept.tax, kept.total) == (1000, 80, 2000)
        payment = order.payments.get()
        assert (payment.authorised, payment.captured, payment.reference) == (2580, 2580, "R1")
        assert level(shelf) == (5, 2), "held once, not once more"

    def test_that_never_came_frees_the_stock(self, shelf):
        story = Story(line("T90", 2), state=State.AWAITING_PAYMENT)

        story.goes_on(state=State.CANCELLED)

        assert story.order.status == "cancelled"
        assert level(shelf) == (5, 0)

    def test_that_was_made_does_not_change_amounts_any_more(self, shelf):
        story = Story(line("T90"))

        story.goes_on({"unit_price": 1, "total": 1}, total=1)

        assert story.order.total == 1000

    def test_reprices_fifty_lines_in_one_statement(self, shelf, django_assert_max_num_queries):
        factories.stock(factories.Variant.objects.get(), 50)
        story = Story(*(line("T90", price=0) for _ in range(50)), state=State.AWAITING_PAYMENT)
        prices = [{"unit_price": 1000, "total": 1000}] * 50

        with django_assert_max_num_queries(26):
            story.goes_on(*prices, state=State.OPEN, total=50_000)

        assert set(OrderLine.objects.values_list("total", flat=True)) == {1000}


class TestBuyer:
    def test_told_late_becomes_a_customer_and_leads_to_the_order(self, shelf):
        story = Story(line("T90"), buyer=Buyer(), ship_to=None, state=State.AWAITING_PAYMENT)
        assert story.order.customer is None

        story.goes_on(state=State.OPEN, ship_to=HOME, buyer=Buyer(name="Greg Sterling", email="greg@example.com"))

        assert story.order.customer == Customer.objects.get()
        assert story.order.buyer_name == "Greg Sterling"
        hits = search.look_up(search.read("greg@example.com"), channels=None)
        assert ("order", story.order.pk) in {(hit.entity_kind, hit.entity_id) for hit in hits}

    def test_known_stays(self, shelf):
        story = Story(line("T90"))
        customer = story.order.customer

        story.goes_on(buyer=Buyer(name="Somebody Else", email="else@example.com"))

        assert story.order.customer == customer


class TestParcels:
    def sent(self, *units: tuple[str, int], name: str = "P1", tracking: str = "") -> Parcel:
        return Parcel(external_id=name, tracking_number=tracking, units=units)

    def test_that_left_without_us_take_their_units_along(self, shelf):
        story = Story(line("T90", 3, external_id="1"))

        story.goes_on({"shipped": 2}, parcels=(self.sent(("1", 2), tracking="1Z 7"),))

        assert story.buckets == [{"allocated": 1, "shipped": 2}]
        assert level(shelf) == (3, 1)
        assert deeds("order.shipped_on_channel") == [{"tracking_number": "1Z 7"}]
        assert search.look_up(search.read("1Z7"), channels=None)
        assert not books.examine()

    def test_of_ours_come_back_known(self, shelf):
        story = Story(line("T90", 3, external_id="1"))
        ship(story.number, units={1: 1}, tracking_number="1Z 7")

        story.goes_on({"shipped": 1}, parcels=(self.sent(("1", 1), name="EBAY-9", tracking="1z7"),))

        assert story.buckets == [{"allocated": 2, "shipped": 1}]
        assert story.order.parcels.count() == 1

    def test_of_ours_come_back_known_under_any_name(self, shelf):
        """The channel shortened the tracking number; how many have left says that it is ours."""
        story = Story(line("T90", 3, external_id="1"))
        ship(story.number, units={1: 1}, tracking_number="1Z 7")

        story.goes_on({"shipped": 1}, parcels=(self.sent(("1", 1), name="EBAY-9", tracking="Z7"),))

        assert story.buckets == [{"allocated": 2, "shipped": 1}]
        assert level(shelf) == (4, 2)

    def test_join_those_we_have_sent(self, shelf):
        story = Story(line("T90", 3, external_id="1"))
        ship(story.number, units={1: 1}, tracking_number="1Z7")
        ours, theirs = self.sent(("1", 1), name="A", tracking="1Z7"), self.sent(("1", 2), name="B", tracking="1Z8")

        story.goes_on({"shipped": 3}, parcels=(ours, theirs))

        assert story.buckets == [{"shipped": 3}]
        assert sorted(ParcelLine.objects.values_list("quantity", flat=True)) == [1, 2]
        assert not books.examine()

    def test_nobody_described_are_counted_by_what_the_lines_say(self, shelf):
        """eBay tells that a line was sent, and not in which parcel."""
        story = Story(line("T90", 2))

        story.goes_on({"shipped": 2}, state=State.SHIPPED)
        story.goes_on({"shipped": 2}, state=State.SHIPPED, note="x")

        assert (story.order.status, story.buckets) == ("shipped", [{"shipped": 2}])
        assert level(shelf) == (3, 0)
        assert story.order.parcels.count() == 1
        assert not books.examine()

    def test_with_neither_id_nor_number_are_counted_once(self, shelf):
        story = Story(line("T90", 3, external_id="1"))
        parcels = (self.sent(("1", 1), name=""),)

        story.goes_on({"shipped": 1}, parcels=parcels)
        story.goes_on({"shipped": 1}, parcels=parcels, note="x")

        assert story.buckets == [{"allocated": 2, "shipped": 1}]

    def test_may_hold_what_we_still_waited_for(self, shelf):
        """Somebody found two more and sent all seven: nothing waits any longer."""
        story = Story(line("T90", 7, external_id="1"))
        assert story.buckets == [{"allocated": 5, "backordered": 2}]

        story.goes_on({"shipped": 7}, parcels=(self.sent(("1", 7)),))

        assert story.buckets == [{"shipped": 7}]
        assert not Reservation.objects.filter(state="held").exists()
        assert level(shelf) == (0, 0)
        assert not books.examine()

    def test_may_hold_what_was_picked(self, shelf):
        story = Story(line("T90", 3, external_id="1"))
        OrderLine.objects.update(allocated=1, picked=2)

        story.goes_on({"shipped": 2}, parcels=(self.sent(("1", 2)),))

        assert story.buckets == [{"allocated": 1, "shipped": 2}]
        assert not books.examine()

    def test_of_the_channels_own_warehouse_touch_no_stock(self, shelf):
        story = Story(line("T90", 3, external_id="1"), fulfilled_by_channel=True)

        story.goes_on({"shipped": 1}, parcels=(self.sent(("1", 1)),), state=State.PARTIALLY_SHIPPED)
        assert story.buckets == [{"open": 2, "shipped": 1}]
        story.goes_on(state=State.SHIPPED)

        assert story.buckets == [{"shipped": 3}]
        assert level(shelf) == (5, 0)
        assert not StockMovement.objects.filter(kind="sale").exists()

    def test_of_what_we_cancelled_are_seen(self, shelf):
        story = Story(line("T90", 2, external_id="1"))
        cancellation.cancel(number=story.number, reason="", actor=ACTOR, now=NOW)

        story.goes_on({"shipped": 1}, parcels=(self.sent(("1", 1)),))

        assert story.buckets == [{"cancelled": 2}]
        assert deeds("order.shipped_though_cancelled") == [{"units": 1}]

    def test_and_a_cancellation_at_once(self, shelf):
        story = Story(line("T90", 7, external_id="1"))

        story.goes_on({"shipped": 1, "cancelled": 4}, parcels=(self.sent(("1", 1)),))

        assert story.buckets == [{"allocated": 2, "shipped": 1, "cancelled": 4}]
        assert level(shelf) == (4, 2)
        assert not books.examine()

    def test_close_the_work_of_their_place(self, shelf):
        story = Story(line("T90", 2, external_id="1"))

        story.goes_on({"shipped": 2}, parcels=(self.sent(("1", 2)),))

        assert story.order.fulfilments.get().state == "closed"

    @pytest.mark.parametrize("lines", [2, 50])
    def test_cost_as_many_statements_for_any_number_of_lines(self, shelf, django_assert_max_num_queries, lines):
        for _ in range(lines):
            factories.stock(factories.Variant.objects.get(), 2)
        story = Story(*(line("T90", 2, external_id=str(number)) for number in range(lines)))
        parcel = self.sent(*((str(number), 1) for number in range(lines)))

        with django_assert_max_num_queries(36):
            story.goes_on(*[{"shipped": 1, "cancelled": 1}] * lines, parcels=(parcel,))

        assert set(OrderLine.objects.values_list("shipped", "cancelled")) == {(1, 1)}
        assert not books.examine()
