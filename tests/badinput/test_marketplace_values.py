"""M01 to M15, M19, M33, M35 and M36: one raw order with one thing wrong, from the inbox to the desk."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from channels import mapping, order_import
from channels.models import Listing
from oms import audit, inbox
from oms.models import AuditEntry, InboxMessage
from orders.models import Order, SalesChannel
from tests import factories
from tests.badinput.arrivals import Arrivals, held
from tests.channels.connectors import payloads
from tests.channels.connectors.payloads import GONE, put

MAYA = audit.Actor("staff", "maya", "supervisor")


@pytest.fixture(params=["ebay", "amazon"])
def shop(request: pytest.FixtureRequest, db: None) -> Arrivals:
    return Arrivals(request.param)


def retry(message: InboxMessage) -> InboxMessage:
    """What the button does."""
    assert inbox.retry(ids=[message.pk], actor=MAYA, now=timezone.now()) == 1
    order_import.take_in()
    message.refresh_from_db()
    return message


def test_the_good_order_is_taken(shop: Arrivals) -> None:
    order = shop.order(shop.payload())

    assert (order.status, order.warnings, order.buyer_name) == ("allocated", [], "Miriam Okafor")
    assert held() == sum(line.quantity for line in order.lines.all())


class TestM01UnknownSku:
    def ghost(self, shop: Arrivals) -> dict[str, Any]:
        """The good order with a third line of an article nobody knows."""
        payload = shop.payload()
        lines = payload[shop.at["lines"]]
        lines.append(copy.deepcopy(lines[1]))
        put(payload, shop.at["line_id"].replace(".0.", ".2."), "90000000000099")
        put(payload, shop.at["sku"].replace(".0.", ".2."), "GHOST-9")
        put(payload, shop.at["total"], {"ebay": "459.88", "amazon": "144.97"}[shop.kind])
        return payload

    def test_on_one_of_three_lines_holds_nothing(self, shop: Arrivals) -> None:
        assert shop.code(self.ghost(shop)) == "sku_unmapped"
        assert InboxMessage.objects.get().facts == {"skus": ["GHOST-9"]}

    def test_map_and_retry_completes_it(self, shop: Arrivals) -> None:
        message = shop.bring(self.ghost(shop))
        first = shop.skus[0]
        freed = mapping.map_and_retry(
            message_id=message.pk, sku="GHOST-9", variant_sku=first, actor=MAYA, now=timezone.now()
        )
        message = shop.work_off(message)
        order = Order.objects.get()

        assert (freed, message.state, message.outcome) == (1, "done", f"order:{order.number}")
        assert [(line.sku, line.variant.sku) for line in order.lines.order_by("position")][2] == ("GHOST-9", first)
        assert Listing.objects.get(sku="GHOST-9").variant.sku == first
        assert (AuditEntry.objects.filter(action="listing.mapped").count(), message.code) == (1, "")

    def test_mapping_frees_every_order_that_waited_for_it(self, shop: Arrivals) -> None:
        for place in range(3):
            payload = self.ghost(shop)
            put(payload, shop.at["number"], f"702-000000{place}-1111111")
            message = shop.bring(payload)
        freed = mapping.map_and_retry(
            message_id=message.pk, sku="GHOST-9", variant_sku=shop.skus[0], actor=MAYA, now=timezone.now()
        )
        order_import.take_in()

        assert (freed, Order.objects.count()) == (3, 3)


class TestM02SkuThatLooksLikeOne:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (str.lower, "sku_unmapped"),
            (lambda sku: sku.replace("A", "\u0410"), "sku_unmapped"),  # a Cyrillic letter
            (lambda sku: sku.replace("-", "\u2010"), "sku_unmapped"),
            (lambda sku: sku.replace("-", " -"), "sku_unmapped"),
            (lambda sku: sku + " ", "identifier_invalid"),
            (lambda sku: sku + "\u200b", "identifier_invalid"),
            (lambda sku: "\u00a0" + sku, "identifier_invalid"),
        ],
    )
    def test_is_none(self, shop: Arrivals, change: Any, code: str) -> None:
        assert shop.code(shop.payload(("sku", change(shop.skus[0])))) == code

    @pytest.mark.parametrize(
        "change", [str.lower, lambda sku: sku.replace("A", "\u0410"), lambda sku: f"{sku[:4]} {sku[4:]}"]
    )
    def test_is_suggested(self, shop: Arrivals, change: Any) -> None:
        first = mapping.suggestions(sku=change(shop.skus[0]))[0]

        assert first.sku == shop.skus[0]
        assert first.why


class TestM03AnotherCurrency:
    def test_waits_until_the_channel_trades_in_it(self, shop: Arrivals) -> None:
        euros = json.dumps(shop.payload()).replace('"GBP"', '"EUR"').encode()
        assert shop.code(euros) == "currency_mismatch"
        SalesChannel.objects.update(currency="EUR")

        assert retry(InboxMessage.objects.get()).state == "done"
        assert Order.objects.get().currency == "EUR"

    def test_on_one_line_only(self, shop: Arrivals) -> None:
        assert shop.code(shop.payload(("currency", "EUR"))) == "currency_mismatch"


@pytest.mark.parametrize("currency", ["XXX", "HRK", "gbp", "", None, "£", "GB\x00", 826, ["GBP"]])
def test_m04_no_currency_in_use(shop: Arrivals, currency: object) -> None:
    assert shop.code(shop.payload(("currency", currency))) in ("currency_unknown", "shape_invalid")


def test_m05_a_negative_price(shop: Arrivals) -> None:
    assert shop.code(shop.payload(("cost", "-5.00"))) == "price_negative"


def test_m06_a_gift_waits_until_the_channel_takes_such(shop: Arrivals) -> None:
    total = {"ebay": "34.94", "amazon": "24.99"}[shop.kind]
    assert shop.code(shop.payload(("cost", "0.00"), ("total", total))) == "price_zero"
    SalesChannel.objects.update(allows_zero_price=True)

    assert retry(InboxMessage.objects.get()).state == "done"
    assert Order.objects.get().lines.get(position=1).total == 0


@pytest.mark.parametrize("price", ["1.234,56", "1e3", "١٢", " 10 ", "10.", "+5", "", 12, None, True])
def test_m07_prices_that_could_mean_anything(shop: Arrivals, price: object) -> None:
    assert shop.code(shop.payload(("cost", price))) == "bad_amount"


@pytest.mark.parametrize(
    ("price", "code"),
    [
        ('"1.00001"', "bad_amount"), ('"NaN"', "bad_amount"), ('"Infinity"', "bad_amount"), ('"1e400"', "bad_amount"),
        ("NaN", "json_invalid"), ("Infinity", "json_invalid"), ("1e400", "json_invalid"), ("1" + "0" * 5000,
        "json_invalid"),
        ('"' + "9" * 400 + '"', "bad_amount"),
    ],
)  # fmt: skip
def test_m08_prices_no_column_can_hold(shop: Arrivals, price: str, code: str) -> None:
    raw = json.dumps(shop.payload(("cost", "@@"))).replace('"@@"', price).encode()

    assert shop.code(raw) == code


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 1.0, 2**31, 2**63, "2", True, None, []])
def test_m09_quantities(shop: Arrivals, quantity: object) -> None:
    assert shop.code(shop.payload(("quantity", quantity))) == "quantity_invalid"


class TestM10Address:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (("to", None), "address_missing"),
            (("country", GONE), "country_missing"),
            (("country", "Atlantis"), "country_unknown"),
        ],
    )
    def test_missing(self, shop: Arrivals, change: tuple[str, object], code: str) -> None:
        assert shop.code(shop.payload(change)) == code

    def test_of_a_country_by_its_other_name(self, shop: Arrivals) -> None:
        order = shop.order(shop.payload(("country", "UK")))

        assert order.ship_to is not None
        assert order.ship_to["country"] == "GB"

    def test_is_not_needed_for_what_is_collected(self, db: None) -> None:
        shop = Arrivals("ebay")
        payload = payloads.ebay_order("pickup")
        for entry in payload["lineItems"]:
            entry["sku"] = shop.skus[0]
        assert shop.code(payload) == "store_unavailable"
        factories.stock(order_import.Variant.objects.get(sku=shop.skus[0]), 5, factories.store("STORE-0281"))

        assert retry(InboxMessage.objects.get()).state == "done"
        assert {line.pickup_at.code for line in Order.objects.get().lines.all() if line.pickup_at} == {"STORE-0281"}


@pytest.mark.parametrize(
    ("country", "postcode", "region"), [("GB", "78701", "Avon"), ("US", "SW1A 1AA", "TX"), ("US", "78701", None)]
)
def test_m11_a_doubtful_address_is_taken_and_marked(
    shop: Arrivals, country: str, postcode: str, region: str | None
) -> None:
    order = shop.order(shop.payload(("country", country), ("postcode", postcode), ("region", region)))

    assert order.warnings == ["address_warning"]


class TestM12Names:
    @pytest.mark.parametrize(
        ("written", "kept", "warnings"),
        [
            ("Ana 👩\u200d👩\u200d👧 Ruiz", "Ana 👩\u200d👩\u200d👧 Ruiz", []),
            ("Zoe\u0308  Quinn", "Zoë Quinn", []),
            ("Anna \u202eevil\u202c M", "Anna evil M", ["text_cleaned"]),
            ("A\u200bnna\ufeff", "Anna", ["text_cleaned"]),
            ("n" * 4000, "n" * 200, ["text_cleaned"]),
        ],
    )
    def test_are_kept_as_they_can_be_printed(
        self, shop: Arrivals, written: str, kept: str, warnings: list[str]
    ) -> None:
        order = shop.order(shop.payload(("name", written)))

        assert order.ship_to is not None
        assert (order.ship_to["name"], order.warnings) == (kept, warnings)


class TestM13Nul:
    @pytest.mark.parametrize("what", ["number", "line_id", "sku"])
    def test_in_an_identifier(self, shop: Arrivals, what: str) -> None:
        assert shop.code(shop.payload((what, "AB\x00C"))) == "identifier_invalid"

    @pytest.mark.parametrize("what", ["title", "name", "postcode"])
    def test_in_free_text(self, shop: Arrivals, what: str) -> None:
        order = shop.order(shop.payload((what, "B\x00S3")))

        assert "text_cleaned" in order.warnings
        assert "\\u0000" not in json.dumps(
            [order.ship_to, order.buyer_name, [line.title for line in order.lines.all()]]
        )

    def test_in_a_name_of_a_field_that_comes_twice(self, shop: Arrivals) -> None:
        """What is filed quotes the name, and neither text nor JSON of the database may hold it."""
        assert shop.code(b'{"\\u0000": 1, "\\u0000": 2}') == "json_invalid"


class TestM14HalfACharacter:
    @pytest.mark.parametrize("what", ["number", "line_id", "sku", "title", "name", "postcode"])
    def test_is_filed_and_its_bytes_kept(self, shop: Arrivals, what: str) -> None:
        assert shop.code(shop.payload((what, "a\ud800b"))) == "invalid_unicode"

    def test_in_a_name_of_a_field(self, shop: Arrivals) -> None:
        assert shop.code(shop.payload() | {"a\udfff": 1}) in ("json_invalid", "invalid_unicode")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("Miriam", "Mir\xefam").encode("latin-1"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("Miriam", "@@").encode().replace(b"@@", b"\xed\xa0\x80"),
        lambda text: text.encode()[:200],
        lambda text: b"",
        lambda text: b"null",
        lambda text: b"[]",
        lambda text: b'"order"',
        lambda text: b"<html>" + text.encode(),
        lambda text: b"[" * 100_000,
    ],
)
def test_m15_bytes_that_are_no_order(shop: Arrivals, spoil: Any) -> None:
    assert shop.code(spoil(json.dumps(shop.payload(), ensure_ascii=False))) in ("json_invalid", "shape_invalid")


def test_m18_a_key_twice(shop: Arrivals) -> None:
    raw = json.dumps(shop.payload()).encode()

    assert shop.code(raw[:-1] + b', "x": 1, "x": 2}') == "json_invalid"


def test_m19_a_line_id_twice(shop: Arrivals) -> None:
    first = shop.payload()[shop.at["lines"]][0][shop.at["line_id"].rpartition(".")[2]]

    assert shop.code(shop.payload(("second_id", first))) == "duplicate_line"


class TestM33Moments:
    @pytest.mark.parametrize(
        ("stamp", "meant", "warnings"),
        [
            ("2026-10-02T09:14:27Z", datetime(2026, 10, 2, 9, 14, 27, tzinfo=UTC), []),
            ("2026-10-02T09:14:27+02:00", datetime(2026, 10, 2, 7, 14, 27, tzinfo=UTC), []),
            ("2026-07-02T09:14:27", datetime(2026, 7, 2, 8, 14, 27, tzinfo=UTC), []),  # a wall clock in London
            ("2026-03-29T01:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), ["time_ambiguous"]),  # never shown
            ("2026-10-25T01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), ["time_ambiguous"]),  # shown twice
            ("2026-06-30T23:59:60Z", datetime(2026, 7, 1, 0, 0, tzinfo=UTC), []),
        ],
    )
    def test_are_read(self, shop: Arrivals, stamp: str, meant: datetime, warnings: list[str]) -> None:
        order = shop.order(shop.payload(("placed", stamp)))

        assert (order.placed_at, order.warnings) == (meant, warnings)

    @pytest.mark.parametrize(
        "stamp",
        [
            "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-10-02T24:00:00Z", "1764000000000",
            1764000000, None,
            "", "2026-02-30T10:00:00Z", "yesterday", "2026-10-02", True,
        ],
    )  # fmt: skip
    def test_are_refused(self, shop: Arrivals, stamp: object) -> None:
        assert shop.code(shop.payload(("placed", stamp))) == "timestamp_invalid"


@pytest.mark.parametrize("status", ["SHIPPED_LATE", "unshipped", "", None])
def test_m35_a_status_unknown_to_us(shop: Arrivals, status: object) -> None:
    assert shop.code(shop.payload(("status", status))) == "status_unknown"


class TestM36Shape:
    def test_fields_we_do_not_know_are_passed_over(self, shop: Arrivals) -> None:
        assert shop.order(shop.payload() | {"somethingNew": {"deep": [{"a": None}]}}).warnings == []

    def test_optional_fields_may_be_missing_or_null(self, shop: Arrivals) -> None:
        paths = shop.at["optional"] + shop.at["nullable"]
        for place, path in enumerate(paths):
            value = None if path in shop.at["nullable"] else GONE
            message = shop.bring(shop.payload((path, value), (shop.at["number"], f"702-000000{place}-2222222")))
            assert message.state == "done", (path, message.code, message.message)
        assert Order.objects.count() == len(paths)

    @pytest.mark.parametrize("wrong", ["text", 5, [5], {"a": 1}, [[]], [None]])
    def test_another_kind_of_value_is_filed(self, shop: Arrivals, wrong: object) -> None:
        assert shop.code(shop.payload(("lines", wrong))) == "shape_invalid"
