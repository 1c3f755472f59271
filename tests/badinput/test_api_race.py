"""A12: many at once, on connections of their own."""

import json
from collections import Counter
from typing import Any

import pytest

from inventory.models import Reservation, StockLevel
from oms.models import IdempotencyKey
from orders.models import Order, Parcel
from tests import factories
from tests.api.calls import Caller, body, line
from tests.badinput.problems import problem
from tests.oms.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 24  # connections; the database has two hundred for everybody


@pytest.fixture
def shop(db: None) -> Caller:
    factories.channel("web")
    factories.stock(factories.variant("T90"), 10, factories.location("WH"))
    return Caller(factories.api_client()[1])


def answers(*requests: Any) -> list[Any]:
    """What the requests got, dealt out to as many callers as the connections allow."""
    hands = [requests[place::AT_ONCE] for place in range(min(AT_ONCE, len(requests)))]
    dealt = together([lambda hand=hand: [ask() for ask in hand] for hand in hands])
    return [answer for hand in dealt for answer in hand]


def statuses(found: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in found)


class TestA12ManyAtOnce:
    def test_two_hundred_without_a_key_are_all_refused(self, shop: Caller) -> None:
        said = body(line("T90"))
        found = answers(*[lambda: Caller(shop.key).post("orders", said)] * 200)

        assert statuses(found) == {400: 200}
        assert {problem(answer)[1] for answer in found} == {"idempotency_key_required"}
        assert Order.objects.count() == 0

    def test_sixty_four_with_one_key_are_one_order(self, shop: Caller) -> None:
        said = json.dumps(body(line("T90", 2))).encode()
        found = answers(*[lambda: Caller(shop.key).place(said, key="k")] * 64)

        assert statuses(found) == {201: 64}
        assert len({answer.content for answer in found}) == 1
        assert sum("Idempotent-Replayed" not in answer for answer in found) == 1
        assert (Order.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
        assert StockLevel.objects.get().reserved == 2

    def test_one_order_under_many_keys_is_one_order(self, shop: Caller) -> None:
        said = json.dumps(body(line("T90", 2))).encode()
        found = answers(*[lambda: Caller(shop.key).place(said)] * 32)

        assert statuses(found) == {201: 1, 200: 31}
        assert len({answer.json()["number"] for answer in found}) == 1
        assert StockLevel.objects.get().reserved == 2

    def test_two_stories_under_one_key_are_one_order_and_a_refusal(self, shop: Caller) -> None:
        stories = [body(line("T90", units)) for units in (1, 2)]
        found = together([lambda said=said: Caller(shop.key).place(said, key="k") for said in stories])

        assert statuses(found) == {201: 1, 422: 1}
        assert Order.objects.count() == 1

    def test_two_hundred_buyers_of_the_last_unit(self, shop: Caller) -> None:
        factories.stock(factories.variant("LAST"), 1, factories.location("CORNER"))
        found = answers(*[lambda: Caller(shop.key).place(body(line("LAST")))] * 200)
        refused = [answer for answer in found if answer.status_code != 201]

        assert statuses(found) == {201: 1, 409: 199}
        assert {problem(answer)[1] for answer in refused} == {"out_of_stock"}
        assert all(answer.json()["facts"]["short"][0]["short"] == 1 for answer in refused)
        assert (Order.objects.count(), Reservation.objects.count()) == (1, 1)

    def test_baskets_that_cross_each_other_sell_out_exactly(self, shop: Caller) -> None:
        """Two articles, named in one order by half of the buyers and in the other by the rest."""
        at = factories.location("CORNER")
        for sku in ("A", "B"):
            factories.stock(factories.variant(sku), 8, at)
        baskets = [[line("A"), line("B")], [line("B"), line("A")]] * 16
        found = answers(*[lambda basket=basket: Caller(shop.key).place(body(*basket)) for basket in baskets])

        assert statuses(found) == {201: 8, 409: 24}
        assert set(StockLevel.objects.filter(location=at).values_list("on_hand", "reserved")) == {(8, 8)}

    def test_a_cancellation_and_a_shipment_do_not_both_win(self, shop: Caller) -> None:
        number = shop.place(body(line("T90", 2))).json()["number"]
        sent = {"location": "WH", "carrier": "UPS", "tracking_number": "1Z"}
        found = together(
            [
                lambda: Caller(shop.key).post(f"orders/{number}/cancellation", {"reason": "r"}),
                lambda: Caller(shop.key).post(f"orders/{number}/shipments", sent),
            ]
        )
        left = StockLevel.objects.get()

        assert sorted(answer.status_code for answer in found) in ([200, 409], [201, 409])
        assert (left.on_hand, left.reserved) == ((8, 0) if Parcel.objects.exists() else (10, 0))

    def test_one_parcel_told_many_times_at_once_is_one(self, shop: Caller) -> None:
        number = shop.place(body(line("T90", 2))).json()["number"]
        sent = {"location": "WH", "carrier": "UPS", "tracking_number": "1Z", "lines": {"1": 1}}
        found = answers(*[lambda: Caller(shop.key).post(f"orders/{number}/shipments", sent)] * 16)

        assert statuses(found) == {201: 16}
        assert (Parcel.objects.count(), StockLevel.objects.get().on_hand) == (1, 9)
