"""Taking units off an order, and sending them, over HTTP."""

from typing import Any

import pytest

from inventory.models import Location, StockLevel
from oms.models import AuditEntry
from orders.incoming import State
from orders.models import Order, Parcel
from tests import factories
from tests.api.calls import Caller, body, line

WHY = {"reason": "changed mind"}


def shipped(**more: Any) -> dict[str, Any]:
    return {"location": "WH", "carrier": "UPS", "tracking_number": "1Z999", **more}


def shelf_now() -> tuple[int, int]:
    level = StockLevel.objects.get(variant__sku="T90")
    return level.on_hand, level.reserved


class TestCancellation:
    def test_gives_the_stock_back(self, shop: Caller, placed: dict[str, Any]) -> None:
        answer = shop.post(f"orders/{placed['number']}/cancellation", WHY)

        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert shelf_now() == (10, 0)

    def test_twice_is_once(self, shop: Caller, placed: dict[str, Any]) -> None:
        first, second = (shop.post(f"orders/{placed['number']}/cancellation", WHY) for _ in range(2))

        assert (second.status_code, second.json()) == (200, first.json())
        assert AuditEntry.objects.filter(action="order.cancelled").count() == 1
        assert shelf_now() == (10, 0)

    def test_leaves_what_was_sent(self, shop: Caller, placed: dict[str, Any]) -> None:
        path = f"orders/{placed['number']}"
        shop.post(f"{path}/shipments", shipped(lines={"1": 1}))
        for _ in range(2):
            answer = shop.post(f"{path}/cancellation", WHY)
            assert answer.json()["lines"][0]["buckets"] == {"shipped": 1, "cancelled": 1}

        assert shelf_now() == (9, 0)

    def test_of_what_has_left_whole_is_refused(self, shop: Caller, placed: dict[str, Any]) -> None:
        shop.post(f"orders/{placed['number']}/shipments", shipped())
        answer = shop.post(f"orders/{placed['number']}/cancellation", WHY)

        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_cancel")

    @pytest.mark.parametrize("said", [{}, {"reason": ""}, {"reason": "  "}, {"reason": 5}, {"reason": "r", "units": 1}])
    def test_says_why_and_no_more(self, shop: Caller, placed: dict[str, Any], said: dict[str, Any]) -> None:
        assert shop.post(f"orders/{placed['number']}/cancellation", said).status_code in (400, 422)
        assert shelf_now() == (10, 2)


class TestShipment:
    def test_takes_the_units_off_the_shelf(self, shop: Caller, placed: dict[str, Any]) -> None:
        answer = shop.post(f"orders/{placed['number']}/shipments", shipped())

        assert (answer.status_code, answer.json()["status"]) == (201, "shipped")
        assert (shelf_now(), Parcel.objects.get().tracking_number) == ((8, 0), "1Z999")

    def test_twice_is_once(self, shop: Caller, placed: dict[str, Any]) -> None:
        said = shipped(lines={"1": 1})
        first, second = (shop.post(f"orders/{placed['number']}/shipments", said) for _ in range(2))

        assert (second.status_code, second.json()) == (201, first.json())
        assert (Parcel.objects.count(), shelf_now()) == (1, (9, 1))

    @pytest.mark.parametrize(
        ("lines", "status", "code"),
        [
            ({"1": 3}, 409, "cannot_ship"),
            ({"9": 1}, 422, "line_unknown"),
            ({"1": 1, "9": 1}, 422, "line_unknown"),
            ({}, 422, "invalid"),
            ({"one": 1}, 422, "invalid"),
            ({"01": 1}, 422, "invalid"),
            ({"١": 1}, 422, "invalid"),
            ({"1" * 5000: 1}, 422, "invalid"),
            ({"": 1}, 422, "invalid"),
            ({"1": 0}, 422, "invalid"),
            ({"1": -1}, 422, "invalid"),
            ({"1": "1"}, 400, "invalid"),
            ({"1": True}, 400, "invalid"),
            ({"1": 10**4000}, 400, "invalid"),
            ([1], 400, "invalid"),
            (None, 400, "invalid"),
        ],
    )
    def test_of_what_is_not_there(
        self, shop: Caller, placed: dict[str, Any], lines: Any, status: int, code: str
    ) -> None:
        """What names no line of the order must never be read as "all of it"."""
        answer = shop.post(f"orders/{placed['number']}/shipments", shipped(lines=lines))

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (Parcel.objects.count(), shelf_now()) == (0, (10, 2))

    def test_of_a_line_that_lies_elsewhere_sends_nothing_at_all(self, shop: Caller) -> None:
        factories.stock(factories.variant("MAT"), 1, factories.location("FAR"))
        number = shop.place(body(line("T90"), line("MAT"))).json()["number"]
        answer = shop.post(f"orders/{number}/shipments", shipped(lines={"1": 1, "2": 1}))

        assert (answer.status_code, answer.json()["code"]) == (409, "cannot_ship")
        assert Parcel.objects.count() == 0

    @pytest.mark.parametrize("tracking", ["", " ", "\u200b", " 1Z", "1Z\u202e", "1" * 61])
    def test_needs_a_tracking_number_that_can_be_seen(
        self, shop: Caller, placed: dict[str, Any], tracking: str
    ) -> None:
        """It is what makes repeating safe."""
        answer = shop.post(f"orders/{placed['number']}/shipments", shipped(tracking_number=tracking, lines={"1": 1}))

        assert answer.status_code == 422
        assert Parcel.objects.count() == 0

    @pytest.mark.parametrize("location", ["NOWHERE", "wh", "FAR"])
    def test_from_where_nothing_lies(self, shop: Caller, placed: dict[str, Any], location: str) -> None:
        factories.location("FAR")
        answer = shop.post(f"orders/{placed['number']}/shipments", shipped(location=location))

        assert (answer.status_code, answer.json()["code"]) == (409, "cannot_ship")

    def test_of_an_order_that_waits_for_its_payment(self, shop: Caller) -> None:
        factories.marketplace("ebay")
        number = factories.order(factories.line("T90"), channel="ebay", state=State.AWAITING_PAYMENT).number
        answer = shop.post(f"orders/{number}/shipments", shipped())

        assert (answer.status_code, answer.json()["code"]) == (409, "cannot_ship")
        assert Order.objects.get(number=number).status == "awaiting_payment"


def test_a_store_that_is_gone_is_still_one(shop: Caller, placed: dict[str, Any]) -> None:
    """A location may close while it still has units to send."""
    Location.objects.filter(code="WH").update(is_open=False)

    assert shop.post(f"orders/{placed['number']}/shipments", shipped()).status_code == 201
