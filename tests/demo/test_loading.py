"""The world in the database: whole, once, and as what it is. What these tests expect they read off the world itself."""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db.models import Sum
from django.test import TestCase

from channels.models import ChannelAccount, Listing
from demo.loading import everything, offers, past, record, standing
from demo.loading.steps import Silent
from demo.world import catalogue, codes, history, opening, places
from demo.world.shapes import Cancellation, Charge, Reason, StockAdjustment
from inventory.models import Location, OpeningHours, Price, Product, StockLevel, StockMovement, Variant
from oms import books, search
from oms.models import AuditEntry, OutboxEvent, SearchKey
from orders.incoming import IncomingOrder
from orders.models import Order, OrderLine, Payment, SalesChannel

pytestmark = pytest.mark.usefixtures("world_is_read")

ENDS_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
INVOICES = 60
COUNTED = (
    Location, OpeningHours, Product, Variant, Price, SalesChannel, ChannelAccount, Listing, Order, OrderLine, Payment,
    StockLevel, StockMovement, SearchKey, AuditEntry, OutboxEvent,
)  # fmt: skip


class Interrupted(Exception):
    pass


class GivesUp(Silent):
    """Breaks the load off when the first batch of orders has been booked."""

    @contextmanager
    def step(self, name, total=0):
        def report(done):
            if name == "orders":
                raise Interrupted

        yield report


def load(steps=None, **more):
    return everything.load(limit=INVOICES, now=ENDS_AT, steps=steps or Silent(), **{"side_by_side": False, **more})


def happened():
    return list(history.events(ends_at=ENDS_AT, limit=INVOICES))


def everything_counted():
    rows = {model.__name__: model.objects.count() for model in COUNTED}
    units = StockMovement.objects.order_by("kind").values_list("kind").annotate(units=Sum("quantity"))
    return rows, dict(units), Payment.objects.aggregate(paid=Sum("captured"), back=Sum("refunded"))


class TestLoaded(TestCase):
    """One load for all of these."""

    @classmethod
    def setUpTestData(cls):
        cls.facts = load()
        cls.events = happened()

    def test_the_books_balance(self):
        assert books.examine() == {}

    def test_every_order_of_the_past_came_in_with_all_its_lines(self):
        orders = [event for event in self.events if isinstance(event, IncomingOrder)]
        assert len(orders) == INVOICES == self.facts["orders"] == Order.objects.count()
        assert set(Order.objects.values_list("channel__code", "external_number")) == {
            (order.channel, order.external_number) for order in orders
        }
        assert sum(len(order.lines) for order in orders) == self.facts["lines"] == OrderLine.objects.count()
        assert Order.objects.aggregate(worth=Sum("total"))["worth"] == sum(order.total for order in orders)

    def test_goods_left_from_where_the_past_says(self):
        left = Counter()
        for event in self.events:
            if isinstance(event, IncomingOrder):
                for moved in history.movements(event):
                    left[moved.location] += moved.quantity
        sales = StockMovement.objects.filter(kind="sale").values_list("location__code")
        assert dict(sales.annotate(units=Sum("quantity"))) == left

    def test_credit_notes_are_returns_and_not_orders(self):
        parts = [part for event in self.events if isinstance(event, Cancellation) for part in event.parts]
        known, unknown = [part for part in parts if part.order], [part for part in parts if not part.order]
        assert known
        assert unknown
        lines = OrderLine.objects.filter(returned__gt=0)
        assert sum(lines.values_list("returned", flat=True)) == sum(part.quantity for part in known)
        by_cause = dict(
            StockMovement.objects.filter(kind="return", cause__in=["credit-note", "unmatched-credit"])
            .values_list("cause")
            .annotate(units=Sum("quantity"))
        )
        assert by_cause == {
            "credit-note": sum(part.quantity for part in known),
            "unmatched-credit": sum(part.quantity for part in unknown),
        }
        refunds = sum(part.quantity * part.unit_price for part in known)
        assert Payment.objects.aggregate(back=Sum("refunded"))["back"] == refunds

    def test_write_offs_are_what_somebody_typed(self):
        corrections = [event for event in self.events if isinstance(event, StockAdjustment)]
        booked = {move.cause_id: move for move in StockMovement.objects.filter(cause="correction")}
        assert booked.keys() == {event.number for event in corrections}
        for event in corrections:
            move = booked[event.number]
            assert move.quantity == event.quantity
            assert move.reason.startswith(event.reason.value.replace("_", " "))
            if event.quantity < 0 and event.reason is Reason.DAMAGED:
                assert move.kind == "damage"
            if event.quantity < 0 and event.reason is Reason.UNEXPLAINED:
                assert move.kind == "write_off"

    def test_charges_are_counted_and_not_booked(self):
        charges = [event for event in self.events if isinstance(event, Charge)]
        assert self.facts["charges"] == Counter(charge.kind.value for charge in charges)
        assert self.facts["charged"] == sum(charge.amount for charge in charges)
        assert not OrderLine.objects.filter(variant__sku__in=codes.CHARGES).exists()

    def test_shelves_hold_today_what_should_lie_there(self):
        on_hand = {
            (code, sku): units
            for code, sku, units in StockLevel.objects.values_list("location__code", "variant__sku", "on_hand")
        }
        assert all(on_hand[shelf] >= units for shelf, units in opening.levels().items())

    def test_nobody_waits_to_be_told_of_the_past(self):
        assert not OutboxEvent.objects.exists()

    def test_places_keep_their_hours_and_services(self):
        store = places.stores()[0]
        row = Location.objects.get(code=store.code)
        assert (row.kind, row.zone, row.services, row.offers_pickup) == ("store", store.zone, [*store.services], True)
        assert row.hours.count() == len(store.hours)
        assert not Location.objects.get(kind="supplier").sells_online

    def test_barcodes_and_versions_are_found(self):
        assert Variant.objects.exclude(gtin=None).count() == 33
        parasols = Product.objects.get(code="15056").variants
        assert set(parasols.values_list("name", flat=True)) == {"Black", "Natural", "Pink"}
        hits = search.look_up(search.read("edwardian parasol pink"), channels=None)
        assert hits[0].entity_id == parasols.get(name="Pink").pk

    def test_what_is_not_sold_any_more_has_no_price(self):
        gone = Product.objects.filter(status=Product.Status.DISCONTINUED)
        assert gone.count() == sum(not variant.active for variant in catalogue.variants().values())
        assert not Price.objects.filter(variant__product__in=gone).exists()

    def test_the_treadmill_is_a_thousand_dollars_cheaper_in_our_own_ebay_shop(self):
        in_the_shop = Price.objects.get(variant__sku=catalogue.TREADMILL, channel="").amount
        listed = Listing.objects.filter(variant__sku=catalogue.TREADMILL)
        asked = dict(listed.values_list("account__channel__code", "price"))
        assert (in_the_shop, asked) == (1_899_00, {"ebay": 899_00, "amazon": 1_899_00})

    def test_accounts_rest_until_their_marketplace_is_open(self):
        assert set(ChannelAccount.objects.values_list("connector", "state")) == {
            ("ebay", "paused"), ("amazon", "paused")
        }  # fmt: skip

    def test_a_second_load_looks_and_leaves(self):
        before = everything_counted()
        assert load() == self.facts
        assert everything_counted() == before

    def test_every_part_loaded_twice_is_there_once(self):
        before = everything_counted()
        opens_at = history.opens_at(ends_at=ENDS_AT, limit=INVOICES)
        standing.load(opens_at=opens_at, steps=Silent())
        found = past.streams(ends_at=ENDS_AT, limit=INVOICES)
        summary = past.load(found, opens_at=opens_at, steps=Silent(), side_by_side=False)
        offers.load()
        assert everything_counted() == before
        assert (summary.orders, summary.new_lines) == (INVOICES, 0)

    def test_a_world_begun_otherwise_is_finished_as_it_was_begun(self):
        assert record.begin(limit=5, now=datetime(2027, 1, 1, tzinfo=UTC)).limit == INVOICES


@pytest.mark.django_db(transaction=True)
class TestInterrupted:
    def test_a_load_broken_off_goes_on_side_by_side_and_ends_the_same(self):
        with pytest.raises(Interrupted):
            load(GivesUp())
        assert 0 < Order.objects.count() < INVOICES
        assert record.loaded() is None

        facts = load(side_by_side=True)

        assert (facts["orders"], Order.objects.count()) == (INVOICES, INVOICES)
        assert OrderLine.objects.count() == facts["lines"]
        assert books.examine() == {}
        known = [part for event in happened() if isinstance(event, Cancellation) for part in event.parts if part.order]
        assert OrderLine.objects.aggregate(back=Sum("returned"))["back"] == sum(part.quantity for part in known)


class TestStreams:
    def test_they_hold_everything_that_happened_once(self):
        found = [event for batches in past.streams(ends_at=ENDS_AT, limit=300) for batch in batches for event in batch]
        expected = list(history.events(ends_at=ENDS_AT, limit=300))
        assert Counter(map(repr, found)) == Counter(map(repr, expected))

    def test_one_persons_documents_are_in_one_stream(self):
        whose = {(channel, number): person for channel, number, person in history.who_bought(limit=300)}
        stream_of = {}
        for place, batches in enumerate(past.streams(ends_at=ENDS_AT, limit=300)):
            for event in (event for batch in batches for event in batch):
                keys = []
                if isinstance(event, IncomingOrder):
                    keys = [(event.channel, event.external_number)]
                elif isinstance(event, Cancellation):
                    keys = [(part.channel, part.order) for part in event.parts if part.order]
                for key in keys:
                    assert stream_of.setdefault(whose.get(key, key), place) == place
        assert set(stream_of.values()) == {0, 1}

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_the_opening_stock_lasts_however_they_interleave(self, order):
        streams = [
            [event for batch in batches for event in batch] for batches in past.streams(ends_at=ENDS_AT, limit=300)
        ]
        receipts = opening.opening_stock(*streams, opens_at=ENDS_AT)
        level = Counter({(receipt.location, receipt.sku): receipt.quantity for receipt in receipts})
        for place in order:
            for event in streams[place]:
                for moved in history.movements(event):
                    level[moved.location, moved.sku] += moved.quantity
                    assert level[moved.location, moved.sku] >= 0
