"""A03, A04, A05, A08, A09 and A18: requests of another shape than asked for."""

import codecs
import json
import time
from typing import Any

import pytest
from django.core import signing
from django.test import RequestFactory
from django.urls import get_resolver

from oms import logs
from oms.money import MOST
from oms.wsgi import application
from orders.models import Order
from tests import factories
from tests.api.calls import Caller, body, line
from tests.badinput.problems import problem


class TestA03FieldsNobodyAskedFor:
    @pytest.mark.parametrize(
        "more",
        [
            {"state": "shipped"}, {"status": "shipped"}, {"customer_id": 1}, {"is_staff": True}, {"store_id": 1},
            {"id": 5},
            {"fulfilled_by_channel": True}, {"refunded_minor": 1}, {"warnings": []}, {"__proto__": {}}, {"": 1},
        ],
    )  # fmt: skip
    def test_of_an_order(self, shop: Caller, more: dict[str, Any]) -> None:
        answer = shop.place(body(line("T90"), **more))

        assert problem(answer) == (422, "invalid")
        assert list(answer.json()["facts"]) == list(more)
        assert Order.objects.count() == 0

    @pytest.mark.parametrize(
        ("at", "name"), [("lines", "shipped"), ("lines", "cancelled"), ("payments", "collected_by_channel")]
    )
    def test_of_its_parts(self, shop: Caller, at: str, name: str) -> None:
        said = body(line("T90"))
        said[at][0][name] = 1
        answer = shop.place(said)

        assert problem(answer) == (422, "invalid")
        assert name in json.dumps(answer.json()["facts"][at])

    def test_of_its_people(self, shop: Caller) -> None:
        said = body(line("T90"))
        said["buyer"]["email_is_relay"] = True
        said["ship_to"] = said["ship_to"] | {"latitude": 1}
        answer = shop.place(said)

        assert problem(answer) == (422, "invalid")
        assert answer.json()["facts"] == {
            "buyer": {"email_is_relay": ["There is no such field."]},
            "ship_to": {"latitude": ["There is no such field."]},
        }  # fmt: skip

    def test_a_thousand_of_them_are_not_all_repeated(self, shop: Caller) -> None:
        answer = shop.place(body(line("T90"), **{f"x{place}" * 50: 1 for place in range(1000)}))

        assert problem(answer)[0] == 422
        assert len(answer.content) < 5000


class TestA04QuestionsNobodyAnswers:
    @pytest.mark.parametrize(
        "query",
        [
            {"ordering": "password"}, {"ordering": "customer__email"}, {"fields": "cost_price"}, {"page": "-1"},
            {"expand": "customer.orders.customer.orders.customer"}, {"customer__name": "Sterling"},
            {"number__in": "1,2"},
            {"channel__code": "web"}, {"offset": "1000000000"}, {"format": "api"}, {"status__regex": "(a+)+$"},
            {"": "x"},
        ],
    )  # fmt: skip
    def test_of_the_list(self, shop: Caller, query: dict[str, str]) -> None:
        assert problem(shop.get("orders", **query)) == (422, "parameter_unknown")

    def test_anywhere_else(self, shop: Caller, placed: dict[str, Any]) -> None:
        number = placed["number"]
        answers = [
            shop.get(f"orders/{number}?fields=customer"),
            shop.get("availability?sku=T90&expand=supplier"),
            shop.place(body(line("T90"))),
            shop.post(f"orders/{number}/cancellation?force=1", {"reason": "r"}),
            shop.post("orders?dry_run=1", body(line("T90")), Idempotency_Key="k"),
        ]

        assert [answer.status_code for answer in answers] == [422, 422, 201, 422, 422]
        assert Order.objects.get(number=number).status == "allocated"

    @pytest.mark.parametrize(
        "query",
        [
            {"status": "bogus"}, {"status": "shipped' OR '1'='1"}, {"placed_after": "yesterday"},
            {"placed_before": "9" * 400},
            {"external_number": "\x00"}, {"channel": "a\x00b"}, {"placed_after": "2026-02-30T00:00:00Z"},
            {"placed_after": "0001-01-01T00:00:00+14:00"}, {"placed_before": "9999-12-31T23:59:59-14:00"},
        ],
    )  # fmt: skip
    def test_with_values_that_are_none(self, shop: Caller, query: dict[str, str]) -> None:
        assert problem(shop.get("orders", **query)) == (422, "invalid")

    @pytest.mark.parametrize(
        "query",
        [
            {"external_number": "%"}, {"external_number": "x" * 5000}, {"channel": "'; --"},
            {"external_number": "\ufffd"},
        ],
    )  # fmt: skip
    def test_with_values_that_find_nothing(self, shop: Caller, query: dict[str, str]) -> None:
        assert shop.get("orders", **query).status_code == 200

    def test_half_a_character_in_the_address(self, shop: Caller) -> None:
        assert shop.send("GET", "/api/v1/orders", QUERY_STRING="external_number=%ED%A0%80").status_code == 200


class TestA05Pages:
    def test_are_of_two_hundred_at_most(self, shop: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("api.pagination.MOST", 3)
        for _ in range(5):
            factories.order(factories.line("T90"))

        assert [len(shop.get("orders", page_size=size).json()["results"]) for size in (10**9, 10**400, 4, 2)] == [
            3,
            3,
            3,
            2,
        ]

    @pytest.mark.parametrize("size", ["0", "-1", "1e9", "1.5", "", "ten", "١٠", "00", "0x10", "NaN", " 5", "+5"])
    def test_have_a_size_or_none(self, shop: Caller, size: str) -> None:
        assert problem(shop.get("orders", page_size=size)) == (422, "page_invalid")

    @pytest.mark.parametrize(
        "cursor",
        [
            "", "x", "cD0yMDI2", "eyJhIjoxfQ:1abc:sig", "\x00", "é", "a" * 20_000, "::", "..%2f", "cD1nYXJiYWdl",
            signing.dumps(["2026-11-03T14:02:10+00:00", 5], salt="something else"),
            signing.dumps(["2026-11-03T14:02:10+00:00", 5], key="another", salt="api.cursor"),
        ],
    )  # fmt: skip
    def test_a_cursor_nobody_gave_out(self, shop: Caller, cursor: str) -> None:
        assert problem(shop.get("orders", cursor=cursor)) == (422, "page_invalid")

    def test_a_cursor_with_one_letter_changed(self, shop: Caller, placed: dict[str, Any]) -> None:
        shop.place(body(line("T90")))
        given = shop.get("orders", page_size=1).json()["next"].partition("cursor=")[2].partition("&")[0]
        changed = ("A" if given[0] != "A" else "B") + given[1:]

        assert shop.send("GET", "/api/v1/orders", QUERY_STRING=f"cursor={given}").status_code == 200
        assert problem(shop.send("GET", "/api/v1/orders", QUERY_STRING=f"cursor={changed}")) == (422, "page_invalid")


def raw(said: dict[str, Any], field: str, value: str) -> bytes:
    """The body with a field's value as literally written."""
    return json.dumps(said | {field: "@@"}).replace('"@@"', value).encode()


class TestA08JsonOfAnotherKind:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("total", "1" + "0" * 4000), ("total", "1" + "0" * 5000), ("total", "1e400"), ("total", "1000.0"),
            ("total", "true"),
            ("total", '"1000"'), ("total", "NaN"), ("total", "-Infinity"), ("total", str(MOST + 1)), ("total",
            "[1000]"),
            ("number", "5"), ("number", "true"), ("number", '["W-1"]'), ("number", '{"a": 1}'), ("currency", "true"),
            ("currency", "840"), ("lines", '{"0": {}}'), ("lines", '"T90"'), ("lines", "[1]"), ("lines", "[[]]"),
            ("lines", "[null, 5]"), ("ship_to", "[]"), ("buyer", '"Greg"'), ("tax_included", '"yes"'),
            ("tax_included", "1"),
            ("payments", "{}"), ("payments", '["card"]'), ("placed_at", "1764000000"),
        ],
    )  # fmt: skip
    def test_is_malformed(self, shop: Caller, field: str, value: str) -> None:
        answer = shop.place(raw(body(line("T90")), field, value))

        assert problem(answer)[0] == 400
        assert len(answer.content) < 1000
        assert Order.objects.count() == 0

    @pytest.mark.parametrize(
        ("at", "field", "value"),
        [
            ("lines", "quantity", 1.0), ("lines", "quantity", "1"), ("lines", "quantity", True), ("lines", "sku", 5),
            ("lines", "method", True), ("lines", "method", ["ship"]), ("payments", "captured", "true"), ("payments",
            "method", 1),
        ],
    )  # fmt: skip
    def test_within_its_parts_too(self, shop: Caller, at: str, field: str, value: Any) -> None:
        said = body(line("T90"))
        said[at][0][field] = value

        assert problem(shop.place(said)) == (400, "invalid")

    @pytest.mark.parametrize(
        ("field", "value"),
        [("quantity", 0), ("quantity", -1), ("quantity", 2**31), ("unit_price", -1), ("method", "fly")],
    )
    def test_of_the_right_kind_and_out_of_bounds_is_not(self, shop: Caller, field: str, value: Any) -> None:
        assert problem(shop.place(body(line("T90") | {field: value}))) == (422, "invalid")

    @pytest.mark.parametrize(
        "content",
        [
            b"", b" ", b"{", b"null", b"5", b'"text"', b"[]", b"{}x", b'{"a":1,}', b"{'a':1}", b"\xef\xbb\xbf{}",
            b"\x00",
            b"[" * 100_000, b'{"a":' * 100_000, b'{"number":"A","number":"B"}', b'{"lines":[{"id":"1","id":"2"}]}',
            b'{"\\u0000":1,"\\u0000":2}', b'{"\\ud800":1,"\\ud800":2}', b'{"a":"\xff"}', "{'é'}".encode("latin-1"),
            codecs.BOM_UTF16_LE + '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-16-be"),
            b'{"a":"\xed\xa0\x80"}',
            b'{"a":"\n"}', b"a=1&b=2", b"<order/>",
        ],
    )  # fmt: skip
    def test_a_body_that_is_no_object(self, shop: Caller, content: bytes) -> None:
        answer = shop.send("POST", "orders", content, content_type="application/json", headers={"Idempotency-Key": "k"})

        assert problem(answer)[0] in (400, 422)
        assert (answer.status_code == 422) == (content == b"")  # no body at all lacks every field

    def test_half_characters_are_refused_and_can_be_said(self, shop: Caller) -> None:
        """As free text, as an identifier, as a word of ours and as a field's name."""
        for more in ({"note": "a\ud800"}, {"number": "\udfff"}, {"lines": [line("T90", method="\ud800")]}):
            assert problem(shop.place(body(line("T90")) | more)) == (422, "invalid")
        assert problem(shop.place(body(line("T90")) | {"\ud800": 1})) == (400, "json_invalid")

    @pytest.mark.parametrize("field", ["number", "channel", "note", "currency", "placed_at", "sold_at"])
    def test_nul_in_any_text(self, shop: Caller, field: str) -> None:
        assert problem(shop.place(body(line("T90")) | {field: "A\x00B"}))[0] == 422
        assert Order.objects.count() == 0

    def test_text_that_lies_is_taken_without_the_lie(self, shop: Caller) -> None:
        said = body(line("T90", title="Tread\u202emill"), note="ring\u200b twice\x07")
        said["buyer"]["name"] = "Greg\u202e Sterling"
        said["payments"][0]["reference"] = "pay\u2066_1"
        assert shop.place(said).status_code == 201

        order = Order.objects.get()
        assert (order.buyer_name, order.note, order.lines.get().title) == ("Greg Sterling", "ring twice", "Treadmill")
        assert order.payments.get().reference == "pay_1"

    def test_fifty_megabytes_are_not_even_read(self, shop: Caller) -> None:
        answer = shop.send("POST", "orders", b"[" + b" " * 50_000_000, headers={"Idempotency-Key": "k"})

        assert problem(answer) == (413, "too_large")

    def test_a_length_that_is_a_lie(self, shop: Caller) -> None:
        for length in ("9" * 400, "-5", "x"):
            answer = shop.send("POST", "orders", b"{}", headers={"Idempotency-Key": "k"}, CONTENT_LENGTH=length)
            assert problem(answer)[0] == 413

    def test_a_compressed_body_stays_what_it_is(self, shop: Caller) -> None:
        bomb = codecs.encode(b"0" * 1_000_000, "zlib")
        headers = {"Idempotency-Key": "k", "Content-Encoding": "deflate"}

        assert problem(shop.send("POST", "orders", bomb, headers=headers))[0] == 400

    def test_as_many_lines_as_an_order_may_have(self, shop: Caller) -> None:
        assert problem(shop.place(body(*(line("T90") for _ in range(10_001))))) == (422, "invalid")


class TestA09OtherWaysToAsk:
    @pytest.mark.parametrize(
        "kind",
        [
            "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
            "application/xml",
            "application/json; charset=utf-7", "application/json; charset=utf-16", "application/json; charset=base64",
            "application/json; charset=latin-1", "application/octet-stream", "garbage", "application/jsonp",
        ],
    )  # fmt: skip
    def test_another_content_type(self, shop: Caller, kind: str) -> None:
        content = json.dumps(body(line("T90"))).encode()
        answer = shop.send("POST", "orders", content, content_type=kind, headers={"Idempotency-Key": "k"})

        assert problem(answer) == (415, "unsupported_media_type")
        assert Order.objects.count() == 0

    def test_no_content_type(self, shop: Caller) -> None:
        content = json.dumps(body(line("T90"))).encode()
        answer = shop.send("POST", "orders", content, CONTENT_TYPE="", headers={"Idempotency-Key": "k"})

        assert problem(answer)[0] == 415

    @pytest.mark.parametrize(
        "kind", ["application/json", "application/json; charset=UTF-8", 'Application/JSON;charset="utf8"']
    )
    def test_utf_8_however_it_is_said(self, shop: Caller, kind: str) -> None:
        content = json.dumps(body(line("T90"))).encode()

        assert (
            shop.send("POST", "orders", content, content_type=kind, headers={"Idempotency-Key": "k"}).status_code == 201
        )

    @pytest.mark.django_db(transaction=True)  # a real request begins and ends with its connection
    @pytest.mark.parametrize(("path", "status"), [("/api/v1/orders", "415"), ("/login/", "200"), ("/healthz", "200")])
    def test_a_charset_does_not_get_to_read_the_address(self, path: str, status: str) -> None:
        """In UTF-7 this parameter is half a character, and base64 decodes no text at all."""
        for charset in ("utf-7", "base64", "unicode_escape", "utf-16", "idna", "rot13", "hex"):
            asked = RequestFactory().get(path, CONTENT_TYPE=f"text/html; charset={charset}").environ
            asked["QUERY_STRING"] = "external_number=%2B2AA-"
            said: list[str] = []
            application(asked, lambda line, headers, said=said: said.append(line))
            assert said[0].startswith(status)

    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND", "CONNECT"])
    @pytest.mark.parametrize(
        "path", ["orders", "orders/1", "orders/1/cancellation", "orders/1/shipments", "availability"]
    )
    def test_another_method(self, shop: Caller, placed: dict[str, Any], method: str, path: str) -> None:
        answer = shop.send(method, path.replace("/1", f"/{placed['number']}"), b"{}")

        assert problem(answer) == (405, "method_not_allowed")
        assert answer["Allow"]
        assert Order.objects.get().status == "allocated"

    @pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
    def test_a_method_in_a_header_is_passed_over(self, shop: Caller, placed: dict[str, Any], header: str) -> None:
        path = f"orders/{placed['number']}"

        assert shop.send("GET", path, headers={header: "DELETE"}).status_code == 200
        assert problem(shop.send("POST", path, b"{}", headers={header: "GET"}))[0] == 405

    def test_a_body_where_none_belongs_is_passed_over(self, shop: Caller) -> None:
        assert shop.send("GET", "orders", b'{"status": "shipped"}').status_code == 200
        assert shop.send("GET", "orders", b"\xff" * 100, content_type="text/plain").status_code == 200

    @pytest.mark.parametrize("accept", ["text/html", "application/xml", "x", "*/*;q=0"])
    def test_an_answer_in_another_form(self, shop: Caller, accept: str) -> None:
        assert shop.send("GET", "orders", headers={"Accept": accept}).status_code in (200, 406)


class TestProblems:
    @pytest.mark.parametrize(
        "path",
        ["/api/", "/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/orders/", "/api/v1/orders/x",
        "/api/v2/orders",
         "/api/v1/orders/1/raw", "/api/v1/orders/-1", "/api/v1/%00", "/api/v1/orders/1%0d%0a",
         "/api/v1/" + "x" * 5000],
    )  # fmt: skip
    def test_where_there_is_nothing(self, shop: Caller, path: str) -> None:
        for asking in (shop, Caller()):
            assert asking.send("GET", path).status_code == 404
            if path != "/api":
                assert problem(asking.send("POST", path, b"{}")) == (404, "not_found")

    def test_another_host(self, shop: Caller) -> None:
        assert problem(shop.send("GET", "orders", headers={"Host": "evil.example"})) == (400, "bad_request")

    def test_our_own_fault_says_nothing_of_our_insides(self, shop: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any, **__: Any) -> None:
            raise ValueError("SELECT secret FROM orders_order")

        monkeypatch.setattr("inventory.availability.by_sku", broken)
        shop.client.raise_request_exception = False

        assert problem(shop.get("availability", sku="T90")) == (500, "internal")

    def test_every_route_refuses_in_this_shape(self) -> None:
        """Without a key, all but the description of the API."""
        v1 = next(each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "v1")
        for pattern in v1.url_patterns:
            path = str(pattern.pattern).replace("<int:number>", "1")
            for method in ("GET", "POST"):
                answer = Caller().send(method, path, b"{}")
                if path != "schema":
                    assert problem(answer)[0] == 401


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "a" * 20_000 + "@", "@" * 20_000, "a.b-c" * 4_000, "+1 " * 7_000, " " * 20_000]
)
def test_a_long_word_costs_the_log_no_time(text: str) -> None:
    """The log names the address of every request, and callers choose it."""
    started = time.process_time()
    assert logs.clean(f"{text} x.y+z@mail.example.com") == f"{text} [e-mail]"

    assert time.process_time() - started < 0.5
