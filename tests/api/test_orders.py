"""Placing and reading orders over HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import Location, Reservation, StockLevel
from oms import books
from oms.models import AuditEntry, IdempotencyKey
from orders.models import Order
from tests import factories
from tests.api.calls import Caller, body, line


def taken() -> int:
    return sum(StockLevel.objects.values_list("reserved", flat=True))


class TestPlace:
    def test_holds_the_stock_and_answers_with_our_number(self, shop: Caller) -> None:
        answer = shop.place(body(line("T90", 3), number="W-1"))

        order = Order.objects.get()
        assert answer.status_code == 201
        assert answer.json() == {
            "number": order.number, "channel": "web", "external_number": "W-1", "status": "allocated",
            "backordered": 0,
        }  # fmt: skip
        assert (taken(), order.buyer_name, order.total) == (3, "Greg Sterling", 3000)

    def test_is_remembered_with_the_client_and_its_request(self, shelf: Location) -> None:
        client, key = factories.api_client(name="web-shop")
        Caller(key).post("orders", body(line("T90")), Idempotency_Key="k", X_Request_ID="req-7")

        entry = AuditEntry.objects.get(action="order.accepted")
        assert (entry.actor, entry.request_id) == (f"client:{client.name}", "req-7")

    def test_what_is_short_is_named_and_nothing_kept(self, shop: Caller) -> None:
        answer = shop.place(body(line("T90", 11, id="a"), line("T90", 1, id="b")), key="k")

        said = answer.json()
        assert (answer.status_code, said["code"]) == (409, "out_of_stock")
        assert {each["sku"] for each in said["facts"]["short"]} == {"T90"}
        assert sum(each["short"] for each in said["facts"]["short"]) == 2
        assert (Order.objects.count(), taken(), IdempotencyKey.objects.count()) == (0, 0, 0)

    def test_after_a_refusal_the_key_is_free(self, shop: Caller) -> None:
        assert shop.place(body(line("T90", 11)), key="k").status_code == 409
        assert shop.place(body(line("T90", 1)), key="k").status_code == 201

    @pytest.mark.parametrize(
        ("more", "status", "code"),
        [
            ({"channel": "nowhere"}, 422, "channel_unknown"),
            ({"currency": "EUR"}, 422, "currency_mismatch"),
            ({"total": 990}, 422, "totals_differ"),
            ({"ship_to": None}, 422, "address_missing"),
            ({"placed_at": "2026-11-03T14:02:10"}, 422, "timestamp_invalid"),
            ({"sold_at": "MOON"}, 422, "store_unavailable"),
            ({"number": " W-1"}, 422, "identifier_invalid"),
            ({"lines": [line("NOPE")]}, 422, "sku_unmapped"),
            ({"lines": [line("t90")]}, 422, "sku_unmapped"),
            ({"lines": [line("T90", id="1"), line("T90", id="1")], "total": 2000}, 422, "duplicate_line"),
            ({"lines": [line("T90", price=0)], "total": 0}, 422, "price_zero"),
            ({"lines": [line("T90", method="pickup")]}, 422, "store_missing"),
        ],
    )
    def test_refuses_with_a_code(self, shop: Caller, more: dict[str, Any], status: int, code: str) -> None:
        answer = shop.place(body(line("T90"), **more))

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert Order.objects.count() == 0

    def test_what_a_customer_carries_out_leaves_the_shelf(self, shop: Caller) -> None:
        factories.channel("till", "till")
        store = factories.stock(factories.variant("MAT"), 2, factories.store("S1"))
        sold = line("MAT", 2, method="carry_out", location="S1")
        answer = shop.place(body(sold, channel="till", sold_at="S1", ship_to=None))

        assert answer.json()["status"] == "completed"
        assert StockLevel.objects.get(location=store).on_hand == 0

    @pytest.mark.parametrize("lines", [2, 50])
    def test_takes_few_statements_whatever_its_size(self, shop: Caller, lines: int) -> None:
        for place in range(lines):
            factories.stock(factories.variant(f"V-{place}"), 5, Location.objects.get(code="WH"))
        said = json.dumps(body(*(line(f"V-{place}") for place in range(lines)))).encode()
        with CaptureQueriesContext(connection) as seen:
            assert shop.place(said).status_code == 201

        statements = [q["sql"].strip() for q in seen if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
        assert len(statements) <= 12, statements


class TestRepeat:
    def test_needs_a_key(self, shop: Caller) -> None:
        answer = shop.post("orders", body(line("T90")))

        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
        assert "Idempotency-Key" in answer.json()["detail"]
        assert Order.objects.count() == 0

    @pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "é"])
    def test_a_key_is_printable_and_short(self, shop: Caller, key: str) -> None:
        assert shop.post("orders", body(line("T90")), Idempotency_Key=key).json()["code"] == "idempotency_key_required"

    def test_the_same_request_gets_the_same_bytes(self, shop: Caller) -> None:
        said = body(line("T90"))
        first, second = (shop.place(said, key="k") for _ in range(2))

        assert (second.status_code, second.content) == (201, first.content)
        assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
        assert (Order.objects.count(), taken()) == (1, 1)

    def test_the_answer_is_the_old_one_whatever_became_of_the_order(self, shop: Caller) -> None:
        said = body(line("T90"))
        first = shop.place(said, key="k")
        shop.post(f"orders/{first.json()['number']}/cancellation", {"reason": "changed mind"})

        assert shop.place(said, key="k").content == first.content

    def test_another_request_under_the_key_is_refused(self, shop: Caller) -> None:
        shop.place(body(line("T90")), key="k")
        answer = shop.place(body(line("T90", 2)), key="k")

        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert Order.objects.count() == 1

    def test_keys_of_two_programs_are_two(self, shelf: Location) -> None:
        answers = [Caller(factories.api_client()[1]).place(body(line("T90")), key="k") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 201]
        assert Order.objects.count() == 2

    def test_the_same_order_under_another_key_is_the_one_we_have(self, shop: Caller) -> None:
        said = body(line("T90"))
        first, second = shop.place(said), shop.place(said)

        assert second.status_code == 200
        assert second.json()["number"] == first.json()["number"]
        assert taken() == 1

    def test_another_order_under_a_used_number_is_refused(self, shop: Caller) -> None:
        shop.place(body(line("T90"), number="W-1"))
        answer = shop.place(body(line("T90", 2), number="W-1"))

        assert (answer.status_code, answer.json()["code"]) == (409, "order_number_reused")
        assert (Order.objects.count(), taken()) == (1, 1)


class TestRead:
    def test_says_where_every_unit_is(self, shop: Caller, placed: dict[str, Any]) -> None:
        said = shop.get(f"orders/{placed['number']}").json()

        assert {key: said[key] for key in ("number", "channel", "external_number", "status", "total")} == {
            "number": placed["number"], "channel": "web", "external_number": "W-100", "status": "allocated",
            "total": 2000,
        }  # fmt: skip
        assert said["lines"] == [
            {
                "position": 1, "external_id": "1", "sku": "T90", "title": "", "method": "ship", "quantity": 2,
                "unit_price": 1000, "total": 2000, "buckets": {"allocated": 2},
            }
        ]  # fmt: skip

    def test_says_nothing_of_the_person(self, shop: Caller, placed: dict[str, Any]) -> None:
        for path in (f"orders/{placed['number']}", "orders"):
            said = shop.get(path).content.decode()
            assert not any(word in said for word in ("Sterling", "greg@", "555", "Main St", "19601"))

    @pytest.mark.parametrize("number", ["0", "999999", "9" * 18, "9" * 30, "9" * 5000])
    def test_one_that_does_not_exist(self, shop: Caller, number: str) -> None:
        answer = shop.get(f"orders/{number}")

        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


class TestList:
    def test_newest_first_by_pages_that_miss_and_repeat_none(self, shop: Caller) -> None:
        """Seven orders of which five bear the same moment."""
        moments = [0, 1, 1, 1, 1, 1, 2]
        for minutes in moments:
            factories.order(factories.line("T90"), placed_at=factories.NOW + timedelta(minutes=minutes))
        pages, path = [], "orders?page_size=2"
        while path:
            said = shop.get(path).json()
            pages.append([each["number"] for each in said["results"]])
            path = (said["next"] or "").removeprefix("http://testserver")
        in_order = list(Order.objects.order_by("-placed_at", "-pk").values_list("number", flat=True))

        assert [len(page) for page in pages] == [2, 2, 2, 1]
        assert [number for page in pages for number in page] == in_order

    def test_keeps_its_filters_over_pages(self, shop: Caller) -> None:
        factories.channel("phone", "phone")
        for code in ("web", "phone", "web", "phone"):
            factories.order(factories.line("T90"), channel=code)
        first = shop.get("orders", page_size=1, channel="phone").json()
        second = shop.get(first["next"].removeprefix("http://testserver")).json()

        assert [each["channel"] for each in first["results"] + second["results"]] == ["phone", "phone"]
        assert second["next"] is None

    def test_filters(self, shop: Caller, placed: dict[str, Any]) -> None:
        def found(**query: str) -> int:
            return len(shop.get("orders", **query).json()["results"])

        assert found(external_number="W-100") == found(status="allocated") == found(channel="web") == 1
        assert found(external_number="w-100") == found(status="shipped") == found(channel="ebay") == 0
        for moment in ("2026-11-03T14:02:10Z", "2026-11-02T17:36:10-20:26"):
            assert (found(placed_after=moment), found(placed_before=moment)) == (1, 0)

    @pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+20:26", "9999-12-31T23:59:59-20:26"])
    def test_has_no_moments_outside_the_calendar(self, shop: Caller, moment: str) -> None:
        answer = shop.get("orders", placed_after=moment)

        assert answer.status_code == 422
        assert "placed_after" in answer.json()["facts"]

    def test_takes_as_many_statements_for_twelve_as_for_one(
        self, shop: Caller, django_assert_max_num_queries: Any
    ) -> None:
        factories.stock(factories.variant("MAT"), 100, Location.objects.get(code="WH"))
        for _ in range(12):
            factories.order(factories.line("MAT"), factories.line("MAT"))
        with django_assert_max_num_queries(4):
            assert len(shop.get("orders").json()["results"]) == 12


def test_the_books_balance_after_all_of_it(shop: Caller, placed: dict[str, Any]) -> None:
    shop.place(body(line("T90", 99)))
    shop.post(f"orders/{placed['number']}/cancellation", {"reason": "r"})

    assert books.examine() == {}
    assert not Reservation.objects.filter(state="held").exists()
