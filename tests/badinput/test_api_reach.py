"""A01, A02: what belongs to others does not exist."""

from typing import Any

import pytest

from inventory.models import StockLevel
from oms.models import AuditEntry
from orders.models import Order, Parcel
from tests import factories
from tests.api.calls import Caller, body, caller, line
from tests.badinput.problems import problem

WHY = {"reason": "r"}
SHIPPED = {"location": "WH", "carrier": "UPS", "tracking_number": "1Z"}


@pytest.fixture(params=["another channel's", "another store's"])
def stranger(request: pytest.FixtureRequest, placed: dict[str, Any]) -> Caller:
    """A program with every scope that reaches everything but the order placed."""
    factories.channel("phone", "phone")
    factories.store("S1")
    if request.param == "another store's":
        return caller(locations=("S1",))
    return caller(channels=("phone",))


def untouched() -> bool:
    order = Order.objects.get()
    deeds = AuditEntry.objects.exclude(action="order.accepted").count()
    return (order.status, StockLevel.objects.get().reserved, Parcel.objects.count(), deeds) == ("allocated", 2, 0, 0)


class TestA01AnothersOrder:
    def test_by_its_number(self, stranger: Caller, placed: dict[str, Any]) -> None:
        answer = stranger.get(f"orders/{placed['number']}")

        assert problem(answer) == (404, "order_not_found")

    def test_looks_like_one_that_was_never_there(self, stranger: Caller, placed: dict[str, Any]) -> None:
        there, not_there = (stranger.get(f"orders/{n}").content.decode() for n in (placed["number"], 777777))

        assert there.replace(str(placed["number"]), "777777") == not_there

    def test_to_cancel(self, stranger: Caller, placed: dict[str, Any]) -> None:
        assert problem(stranger.post(f"orders/{placed['number']}/cancellation", WHY))[0] == 404
        assert untouched()

    def test_to_ship(self, stranger: Caller, placed: dict[str, Any]) -> None:
        assert problem(stranger.post(f"orders/{placed['number']}/shipments", SHIPPED))[0] == 404
        assert untouched()

    def test_a_body_that_is_wrong_tells_no_more_about_it(self, stranger: Caller, placed: dict[str, Any]) -> None:
        for number in (placed["number"], 777777):
            assert problem(stranger.post(f"orders/{number}/shipments", {"x": 1})) == (404, "order_not_found")

    @pytest.mark.parametrize("query", [{}, {"channel": "web"}, {"external_number": "W-100"}, {"status": "allocated"}])
    def test_in_the_list_and_by_filter(self, stranger: Caller, query: dict[str, str]) -> None:
        assert stranger.get("orders", **query).json()["results"] == []

    def test_by_the_cursor_of_somebody_else(self, stranger: Caller, shop: Caller) -> None:
        shop.place(body(line("T90")))
        following = shop.get("orders", page_size=1).json()["next"]

        assert stranger.get(following.removeprefix("http://testserver")).json()["results"] == []

    def test_placing_one_for_another_channel_or_store(self, stranger: Caller) -> None:
        factories.channel("till", "till")
        sold = line("T90", method="carry_out", location="WH")

        assert problem(stranger.place(body(sold, channel="till", sold_at="WH")))[0] == 403
        assert untouched()

    def test_a_channel_that_does_not_exist_is_answered_alike(self, stranger: Caller) -> None:
        narrow = caller(channels=("phone",))

        assert narrow.place(body(line("T90"))).content == narrow.place(body(line("T90"), channel="nowhere")).content


class TestA01OnesOwn:
    def test_order_is_there(self, placed: dict[str, Any]) -> None:
        """Sent from one's own warehouse, or sold by one's own channel."""
        for own in (caller(channels=("web",)), caller(locations=("WH",))):
            assert own.get(f"orders/{placed['number']}").status_code == 200
            assert len(own.get("orders").json()["results"]) == 1

    def test_a_program_that_reaches_nothing_sees_nothing(self, placed: dict[str, Any]) -> None:
        nowhere = caller(channels=(), locations=())

        assert nowhere.get("orders").json()["results"] == []
        assert nowhere.get("availability", sku="T90").json()[0]["locations"] == []

    def test_shipping_from_where_one_does_not_reach(self, placed: dict[str, Any]) -> None:
        factories.store("S1")
        seller = caller(channels=("web",), locations=("S1", "WH"))

        assert problem(seller.post(f"orders/{placed['number']}/shipments", SHIPPED | {"location": "S2"}))[0] == 403
        assert untouched()


class TestA02OwnOrderWithAnothersLine:
    def test_nothing_is_sent(self, shop: Caller, placed: dict[str, Any]) -> None:
        """Lines go by their position in the order, so another's line cannot even be named."""
        theirs = Order.objects.get(number=shop.place(body(line("T90"))).json()["number"]).lines.get().pk
        path = f"orders/{placed['number']}/shipments"

        assert problem(shop.post(path, SHIPPED | {"lines": {str(theirs % 100_000 + 50): 1}})) == (422, "line_unknown")
        assert problem(shop.post(path, SHIPPED | {"lines": {"1": 1, "2": 1}})) == (422, "line_unknown")
        assert Parcel.objects.count() == 0

    def test_anothers_store_in_ones_own_order(self, shelf: Any) -> None:
        factories.channel("till", "till")
        factories.stock(factories.variant("MAT"), 1, factories.store("S1"))
        factories.store("S2")
        cashier = caller(channels=("till",), locations=("S2",))
        foreign = line("MAT", method="carry_out", location="S1")

        assert problem(cashier.place(body(foreign, channel="till", sold_at="S2")))[0] == 403
        assert Order.objects.count() == 0
