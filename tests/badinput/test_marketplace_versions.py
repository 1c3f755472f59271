"""M16, M20 to M23, M26, M27 and M46: how often, in what order and how large orders come."""

import copy
import json
import time
from typing import Any

import pytest
from django.utils import timezone

from channels import order_import
from channels.models import StockPush
from inventory.models import Location, Reservation, StockLevel, Variant
from oms import audit, db, inbox
from oms.models import InboxMessage, OutboxEvent
from orders import fulfilment, lifecycle, reading
from orders.incoming import MOST_LINES
from orders.lifecycle import Move
from orders.models import Order, OrderLine
from tests import factories
from tests.badinput.arrivals import EARLIER, LATER, STAMP, Arrivals, held
from tests.channels.connectors import payloads
from tests.channels.connectors.payloads import put
from tests.oms.threads import together

MAYA = audit.Actor("staff", "maya", "supervisor")
commits = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["ebay", "amazon"])
def shop(request: pytest.FixtureRequest, db: None) -> Arrivals:
    return Arrivals(request.param)


def later(shop: Arrivals, *changes: tuple[str, object], at: str = LATER) -> dict[str, Any]:
    """A newer version of the good order."""
    return shop.payload((STAMP[shop.kind], at), *changes)


def cancelled(shop: Arrivals, at: str = LATER) -> dict[str, Any]:
    where = {"ebay": ("cancelStatus.cancelState", "CANCELED"), "amazon": ("status", "CANCELLED")}[shop.kind]
    return later(shop, where, at=at)


def fewer(shop: Arrivals) -> dict[str, Any]:
    """One unit less of the line that has several."""
    if shop.kind == "ebay":
        cost = ("lineItems.1.lineItemCost.value", "19.96")
        return later(shop, ("lineItems.1.quantity", 4), cost, ("total", "429.94"))
    left = ("orderItems.0.fulfillment", {"quantityFulfilled": 0, "quantityUnfulfilled": 1})
    return later(shop, ("quantity", 1), ("cost", "49.99"), ("total", "74.98"), left)


def changed_line(shop: Arrivals) -> OrderLine:
    return OrderLine.objects.get(position={"ebay": 2, "amazon": 1}[shop.kind])


@db.transaction
def move(number: int, source: str, target: str) -> None:
    """What somebody in the warehouse does with the whole order."""
    order, lines = reading.lock(number)
    moves = [Move(line, source, target, units) for line in lines if (units := getattr(line, source))]
    lifecycle.move(order, lines, moves, now=timezone.now())


def big(shop: Arrivals, lines: int) -> dict[str, Any]:
    """An eBay order of so many lines of one unit."""
    payload = shop.payload()
    one = copy.deepcopy(payload["lineItems"][1])
    one |= {"quantity": 1, "lineItemCost": {"value": "5.00", "currency": "GBP"}}
    payload["lineItems"] = [one | {"lineItemId": str(10**12 + place)} for place in range(lines)]
    put(payload, shop.at["total"], f"{lines * 5 + 9.99:.2f}")
    return payload


class TestM16Large:
    @commits
    def test_ten_thousand_lines_are_taken_and_hold_nobody_up(self) -> None:
        shop = Arrivals("ebay")
        factories.stock(Variant.objects.get(sku="MAT-RUBBER"), MOST_LINES, Location.objects.get())
        factories.channel("web")
        message = shop.arrive(big(shop, MOST_LINES))
        waits = [0.0]

        def take_it_in() -> float:
            started = time.monotonic()
            order_import.take_in()
            return time.monotonic() - started

        def sell_the_same_meanwhile() -> None:
            while InboxMessage.objects.get(pk=message.pk).state == "received":
                started = time.monotonic()
                factories.order(factories.line("MAT-RUBBER"))
                waits.append(time.monotonic() - started)
                time.sleep(0.05)

        taken, trouble = together([take_it_in, sell_the_same_meanwhile])
        message.refresh_from_db()

        assert (message.state, message.code, trouble) == ("done", "", None)
        assert OrderLine.objects.filter(order__channel__code="ebay").count() == MOST_LINES
        assert taken < 10
        assert max(waits) < 2

    def test_one_line_more_is_filed(self) -> None:
        shop = Arrivals("ebay")

        assert shop.code(big(shop, MOST_LINES + 1)) == "too_large"


class TestM20Twice:
    def test_the_same_bytes_are_one_message(self, shop: Arrivals) -> None:
        raw = json.dumps(shop.payload()).encode()
        letters = [inbox.Letter(event_id="e", topic="order", object_id="1", raw=raw)] * 2
        stored = [inbox.store(source="channel:ebay", letters=letters) for _ in range(2)]

        assert (stored, InboxMessage.objects.count()) == ([1, 0], 1)

    @commits
    @pytest.mark.parametrize("kind", ["ebay", "amazon"])
    def test_two_tellings_and_two_workers_are_one_order(self, kind: str) -> None:
        shop = Arrivals(kind)
        for blanks in range(6):
            shop.arrive(json.dumps(shop.payload(), indent=blanks).encode())
        together([lambda: order_import.take_in(limit=3)] * 2)

        order = Order.objects.get()
        assert set(InboxMessage.objects.values_list("state", "outcome")) == {("done", f"order:{order.number}")}
        assert held() == sum(order.lines.values_list("quantity", flat=True))


def test_m21_one_number_on_two_accounts_is_two_orders(shop: Arrivals) -> None:
    other = Arrivals(shop.kind, f"{shop.kind}-two")
    shop.bring(shop.payload())
    other.bring(shop.payload())

    assert set(Order.objects.values_list("channel__code", flat=True)) == {shop.kind, f"{shop.kind}-two"}
    assert len(set(Order.objects.values_list("external_number", flat=True))) == 1


class TestM22ChangedAfterImport:
    def test_fewer_units_before_they_are_picked(self, shop: Arrivals) -> None:
        shop.bring(shop.payload())
        before = held()
        message = shop.bring(fewer(shop))
        line = changed_line(shop)

        assert (message.state, line.cancelled, held()) == ("done", 1, before - 1)
        assert line.allocated == line.quantity - 1

    def test_another_address_before_it_is_picked(self, shop: Arrivals) -> None:
        order = shop.order(shop.payload())
        message = shop.bring(later(shop, ("postcode", "BS1 1AA")))
        order.refresh_from_db()

        assert message.state == "done"
        assert order.ship_to is not None
        assert order.ship_to["postcode"] == "BS1 1AA"

    @pytest.mark.parametrize("what", ["units", "address"])
    def test_after_it_was_picked_it_waits_for_a_person(self, shop: Arrivals, what: str) -> None:
        order = shop.order(shop.payload())
        move(order.number, "allocated", "picked")
        news = fewer(shop) if what == "units" else later(shop, ("postcode", "BS1 1AA"))
        before = (held(), Order.objects.values().get())
        message = shop.bring(news)

        assert (message.state, message.code) == ("quarantined", "change_after_pick")
        assert (held(), Order.objects.values().get()) == before

        move(order.number, "picked", "allocated")  # put back on the shelf, then the button
        inbox.retry(ids=[message.pk], actor=MAYA, now=timezone.now())
        assert shop.work_off(message).state == "done"

    def test_after_it_was_sent_it_waits_for_a_person(self, shop: Arrivals) -> None:
        order = shop.order(shop.payload())
        fulfilment.ship(
            number=order.number, location="WH", carrier="DPD", tracking_number="1Z", actor=MAYA, now=timezone.now()
        )
        message = shop.bring(later(shop, ("postcode", "BS1 1AA")))
        assert (message.state, message.code) == ("quarantined", "change_after_pick")

        inbox.skip(ids=[message.pk], reason="the buyer was told", actor=MAYA, now=timezone.now())
        message.refresh_from_db()
        assert (message.state, message.outcome) == ("ignored", "skipped")
        assert Order.objects.get().status == "shipped"

    def test_a_line_nobody_ordered_before(self, shop: Arrivals) -> None:
        order = shop.order(shop.payload())
        message = shop.bring(later(shop, ("second_id", "90000000000077")))

        assert (message.state, message.code) == ("quarantined", "line_unknown")
        assert order.lines.count() == 2


class TestM23CancelledFirst:
    def test_the_order_comes_cancelled_and_holds_nothing(self, shop: Arrivals) -> None:
        message = shop.bring(cancelled(shop))
        order = Order.objects.get()

        assert (message.state, order.status, held()) == ("done", "cancelled", 0)
        assert not Reservation.objects.exists()

    def test_the_creation_that_comes_late_changes_nothing(self, shop: Arrivals) -> None:
        shop.bring(cancelled(shop))
        message = shop.bring(shop.payload())

        assert message.state == "ignored"
        assert (Order.objects.get().status, held()) == ("cancelled", 0)


class TestM26BackInTime:
    def test_an_older_version_is_ignored(self, shop: Arrivals) -> None:
        shop.bring(later(shop))
        before = (held(), Order.objects.values().get())
        message = shop.bring(later(shop, ("postcode", "BS9 9ZZ"), at=EARLIER))

        assert message.state == "ignored"
        assert (held(), Order.objects.values().get()) == before

    def test_an_older_cancellation_too(self, shop: Arrivals) -> None:
        shop.bring(later(shop))

        assert shop.bring(cancelled(shop, at=EARLIER)).state == "ignored"
        assert Order.objects.get().status == "allocated"


class TestM27TwoStoriesUnderOneName:
    def test_the_second_waits_for_a_person(self, shop: Arrivals) -> None:
        shop.bring(shop.payload(), event_id="evt_1")
        message = shop.bring(later(shop, ("postcode", "BS1 1AA")), event_id="evt_1")
        order = Order.objects.get()

        assert (message.state, message.code) == ("quarantined", "event_id_reuse")
        assert InboxMessage.objects.count() == 2
        assert order.ship_to is not None
        assert order.ship_to["postcode"] == "BS3 1JP"

        inbox.retry(ids=[message.pk], actor=MAYA, now=timezone.now())
        assert shop.work_off(message).state == "done"

    def test_told_again_they_are_still_two(self, shop: Arrivals) -> None:
        stories = [json.dumps(said).encode() for said in (shop.payload(), later(shop))]
        letters = [inbox.Letter(event_id="evt_1", topic="order", object_id="1", raw=raw) for raw in stories]
        stored = [inbox.store(source="channel:ebay", letters=letters) for _ in range(3)]

        assert (stored, InboxMessage.objects.count()) == ([2, 0, 0], 2)


class TestM46SentByTheMarketplace:
    def payload(self, shop: Arrivals) -> dict[str, Any]:
        if shop.kind == "amazon":
            return shop.payload(("fulfillment.fulfilledBy", "AMAZON"), ("recipient", None))
        payload = payloads.ebay_order("fulfilled_by_ebay")
        for entry in payload["lineItems"]:
            entry["sku"] = shop.skus[0]
        return payload

    def test_touches_no_stock_of_ours(self, shop: Arrivals) -> None:
        shelves = list(StockLevel.objects.values())
        before = OutboxEvent.objects.filter(topic="inventory.availability-changed").count()
        order = shop.order(self.payload(shop))

        assert order.fulfilled_by_channel
        assert list(StockLevel.objects.values()) == shelves
        assert not Reservation.objects.exists()
        assert not StockPush.objects.exists()
        assert OutboxEvent.objects.filter(topic="inventory.availability-changed").count() == before

    def test_can_be_cancelled_and_still_touches_none(self, shop: Arrivals) -> None:
        ways = {
            "ebay": ("cancelStatus.cancelState", "CANCELED"),
            "amazon": ("fulfillment.fulfillmentStatus", "CANCELLED"),
        }
        shop.bring(self.payload(shop))
        news = self.payload(shop) | {STAMP[shop.kind]: LATER}
        put(news, *ways[shop.kind])
        message = shop.bring(news)

        assert (message.state, Order.objects.get().status, held()) == ("done", "cancelled", 0)


def test_one_bad_order_among_many_stops_none(shop: Arrivals) -> None:
    for place in range(9):
        spoilt = [("cost", "x")] if place == 4 else []
        shop.arrive(shop.payload((shop.at["number"], f"702-000000{place}-3333333"), *spoilt))
    assert order_import.take_in() == 9

    assert Order.objects.count() == 8
    assert InboxMessage.objects.get(state="quarantined").code == "bad_amount"
