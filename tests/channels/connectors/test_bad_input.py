"""The marketplace payloads of the bad-input catalogue, by its ids, through both translators."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.connectors.reading import MOST_UNITS
from oms.errors import Refused
from orders.incoming import IncomingOrder, State, check
from tests.channels.connectors import payloads
from tests.channels.connectors.payloads import GONE, put


class Vendor:
    def __init__(self, name: str) -> None:
        self.at = payloads.WHERE[name]

    def read(self, *changes: tuple[str, object], **settings: str) -> IncomingOrder:
        """Translate the good order with some fields changed, and hold the result against the port's own rules."""
        payload = self.at["order"]()
        for what, value in changes:
            put(payload, self.at.get(what, what), value)
        order: IncomingOrder = self.at["read"](payload, **settings)
        check(order)
        return order

    def code(self, *changes: tuple[str, object]) -> str:
        """The code of the refusal."""
        with pytest.raises(Refused) as refused:
            self.read(*changes)
        json.dumps(refused.value.facts).encode()  # facts must be fit to be kept
        assert "\\u0000" not in json.dumps(refused.value.facts)
        return refused.value.code


@pytest.fixture(params=["ebay", "amazon"])
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return Vendor(request.param)


def test_the_good_order_has_nothing_to_complain_of(vendor: Vendor) -> None:
    order = vendor.read()

    assert (order.state, order.warnings) == (State.OPEN, ())


def test_m02_a_sku_is_taken_letter_by_letter(vendor: Vendor) -> None:
    assert vendor.read(("sku", "LАMP-2")).lines[0].sku == "LАMP-2"  # the second letter is Cyrillic


def test_m03_another_currency(vendor: Vendor) -> None:
    assert vendor.code(("currency", "EUR")) == "currency_mismatch"


@pytest.mark.parametrize("currency", ["XXX", "HRK", "gbp", "", None, "£", "GB\x00"])
def test_m04_no_currency_in_use(vendor: Vendor, currency: object) -> None:
    assert vendor.code(("currency", currency)) == "currency_unknown"


def test_m05_negative_price(vendor: Vendor) -> None:
    assert vendor.code(("cost", "-5.00")) == "price_negative"


def test_m06_a_gift_is_taken_only_where_the_account_says_so(vendor: Vendor) -> None:
    lines = vendor.at["order"]()[vendor.at["lines"]]
    gone = [("cost", "0.00"), ("total", _total_without_first(lines))]

    assert vendor.code(*gone) == "price_zero"
    assert vendor.read(*gone, zero_price="accept").lines[0].unit_price == 0


def _total_without_first(lines: list[dict[str, Any]]) -> str:
    return "34.94" if "lineItemId" in lines[0] else "24.99"


@pytest.mark.parametrize(
    "price", ["1.234,56", "1e3", "١٢", " 10 ", "10.", ".5", "+5", "0x10", "1_0", "", 12, None, 5.5]
)
def test_m07_only_plain_decimals_are_amounts(vendor: Vendor, price: object) -> None:
    assert vendor.code(("cost", price)) == "bad_amount"


@pytest.mark.parametrize("price", ["1.00001", "1.005", "NaN", "Infinity", "1e400", float("inf"), float("nan")])
def test_m08_no_finer_than_the_currency_and_finite(vendor: Vendor, price: object) -> None:
    assert vendor.code(("cost", price)) == "bad_amount"


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 2**31, "2", True, None, MOST_UNITS + 1, 1.0])
def test_m09_a_quantity_is_a_whole_number_in_bounds(vendor: Vendor, quantity: object) -> None:
    assert vendor.code(("quantity", quantity)) == "quantity_invalid"


class TestM10Address:
    def test_missing(self, vendor: Vendor) -> None:
        assert vendor.code(("to", {})) == "address_missing"
        assert vendor.code(("to", None)) == "address_missing"

    @pytest.mark.parametrize("state", ["shipped", "cancelled"])
    def test_missing_is_fine_where_nothing_is_left_to_send(self, vendor: Vendor, state: str) -> None:
        order = payloads.ebay_order("people_gone") if vendor.at is payloads.WHERE["ebay"] else payloads.amazon_order()
        if vendor.at is payloads.WHERE["amazon"]:
            put(order, "fulfillment.fulfillmentStatus", state.upper())
            put(order, "recipient", GONE)
        elif state == "cancelled":
            put(order, "cancelStatus.cancelState", "CANCELED")
        assert vendor.at["read"](order).ship_to is None

    def test_missing_country(self, vendor: Vendor) -> None:
        assert vendor.code(("country", GONE)) == "country_missing"

    @pytest.mark.parametrize("country", ["XX", "Atlantis", "G"])
    def test_unknown_country(self, vendor: Vendor, country: str) -> None:
        assert vendor.code(("country", country)) == "country_unknown"

    @pytest.mark.parametrize(("written", "meant"), [("UK", "GB"), ("gb", "GB")])
    def test_country_by_table(self, vendor: Vendor, written: str, meant: str) -> None:
        order = vendor.read(("country", written))

        assert order.ship_to is not None
        assert order.ship_to.country == meant
        assert order.warnings == ()


class TestM11DoubtfulAddress:
    @pytest.mark.parametrize(
        ("country", "postcode", "region"),
        [
            ("GB", "78701", "Avon"),
            ("US", "SW1A 1AA", "TX"),
            ("US", "78701", ""),
            ("US", "78701", None),
            ("DE", "1234", ""),
            ("CA", "90210", "ON"),
        ],
    )
    def test_is_taken_with_a_warning(self, vendor: Vendor, country: str, postcode: str, region: str | None) -> None:
        order = vendor.read(("country", country), ("postcode", postcode), ("region", region))

        assert order.warnings == ("address_warning",)

    @pytest.mark.parametrize(
        ("country", "postcode", "region"),
        [
            ("US", "78701-1234", "TX"),
            ("DE", "10115", ""),
            ("CA", "K1A 0B1", "ON"),
            ("GB", "sw1a1aa", ""),
            ("IE", "whatever", ""),
        ],
    )
    def test_a_right_one_is_not_doubted(self, vendor: Vendor, country: str, postcode: str, region: str) -> None:
        assert vendor.read(("country", country), ("postcode", postcode), ("region", region)).warnings == ()


class TestM12Names:
    def test_steering_characters_go_and_that_is_told(self, vendor: Vendor) -> None:
        order = vendor.read(("name", "Anna \u202eevil\u202c \u200bMüller"))

        assert order.ship_to is not None
        assert order.ship_to.name == "Anna evil Müller"
        assert "text_cleaned" in order.warnings

    def test_a_name_of_4000_letters_is_cut(self, vendor: Vendor) -> None:
        order = vendor.read(("name", "n" * 4000))

        assert order.ship_to is not None
        assert len(order.ship_to.name) == 200
        assert "text_cleaned" in order.warnings

    def test_folded_blanks_and_composed_accents_are_no_news(self, vendor: Vendor) -> None:
        order = vendor.read(("name", "  Zoe\u0308  Quinn "))

        assert order.ship_to is not None
        assert order.ship_to.name == "Zoë Quinn"
        assert order.warnings == ()


@pytest.mark.parametrize("what", ["number", "line_id", "sku"])
def test_m13_nul_in_an_identifier(vendor: Vendor, what: str) -> None:
    assert vendor.code((what, "AB\x00C")) == "identifier_invalid"


def test_m13_nul_in_free_text(vendor: Vendor) -> None:
    order = vendor.read(("title", "Lamp\x00shade"))

    assert order.lines[0].title == "Lamp shade"
    assert order.warnings == ("text_cleaned",)


@pytest.mark.parametrize("what", ["number", "sku", "title", "name"])
def test_m14_half_a_character(vendor: Vendor, what: str) -> None:
    assert vendor.code((what, "a\ud800b")) == "invalid_unicode"


def test_m19_a_line_id_twice(vendor: Vendor) -> None:
    first = vendor.at["order"]()[vendor.at["lines"]][0][vendor.at["line_id"].rpartition(".")[2]]

    assert vendor.code(("second_id", first)) == "duplicate_line"


class TestM30Totals:
    def _moved(self, vendor: Vendor, minor: int) -> tuple[str, str]:
        good = vendor.read().total
        return "total", f"{(good + minor) / 100:.2f}"

    @pytest.mark.parametrize("minor", [-2, -1, 1, 2])
    def test_a_minor_unit_a_line_is_rounding(self, vendor: Vendor, minor: int) -> None:
        good = vendor.read()
        order = vendor.read(self._moved(vendor, minor))

        assert order.total == good.total + minor
        assert order.warnings == ("total_differs",)

    @pytest.mark.parametrize("minor", [-1000, -3, 3, 1000])
    def test_more_is_not(self, vendor: Vendor, minor: int) -> None:
        assert vendor.code(self._moved(vendor, minor)) == "totals_differ"


class TestM33Moments:
    @pytest.mark.parametrize(
        ("stamp", "meant"),
        [
            ("2026-10-02T09:14:27Z", datetime(2026, 10, 2, 9, 14, 27, tzinfo=UTC)),
            ("2026-10-02T09:14:27+02:00", datetime(2026, 10, 2, 7, 14, 27, tzinfo=UTC)),
            ("2026-10-02T09:14:60Z", datetime(2026, 10, 2, 9, 15, tzinfo=UTC)),
            ("2026-07-02T09:14:27", datetime(2026, 7, 2, 8, 14, 27, tzinfo=UTC)),  # the account's zone is London's
        ],
    )
    def test_read(self, vendor: Vendor, stamp: str, meant: datetime) -> None:
        order = vendor.read(("placed", stamp))

        assert order.placed_at == meant
        assert order.warnings == ()

    @pytest.mark.parametrize(
        ("stamp", "meant"),
        [
            ("2026-03-29T01:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # London's clocks skip this hour
            ("2026-10-25T01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # and show this one twice
        ],
    )
    def test_a_clock_that_jumps_is_told(self, vendor: Vendor, stamp: str, meant: datetime) -> None:
        order = vendor.read(("placed", stamp))

        assert order.placed_at == meant
        assert order.warnings == ("time_ambiguous",)

    @pytest.mark.parametrize(
        "stamp",
        [
            "0001-01-01T00:00:00Z",
            "2026-10-02T24:00:00Z",
            "02/10/2026",
            "1764000000000",
            1764000000,
            None,
            "",
            "2026-02-30T10:00:00Z",
        ],
    )
    def test_refused(self, vendor: Vendor, stamp: object) -> None:
        assert vendor.code(("placed", stamp)) == "timestamp_invalid"


@pytest.mark.parametrize("status", ["SHIPPED_LATE", "unshipped", "", None, "\ud800"])
def test_m35_a_status_unknown_to_us(vendor: Vendor, status: object) -> None:
    assert vendor.code(("status", status)) == "status_unknown"


class TestM36Shape:
    def test_fields_we_do_not_know_are_passed_over(self, vendor: Vendor) -> None:
        assert vendor.read(("somethingNew", {"deep": [1]})) == vendor.read()

    def test_optional_fields_may_be_missing_or_null(self, vendor: Vendor) -> None:
        for path in vendor.at["optional"]:
            assert vendor.read((path, GONE)).lines[1] == vendor.read().lines[1]
            assert vendor.read((path, None)).lines[1] == vendor.read().lines[1]

    def test_null_for_a_list_is_an_empty_one(self, vendor: Vendor) -> None:
        for path in vendor.at["nullable"]:
            assert vendor.read((path, None)).total == vendor.read().total

    @pytest.mark.parametrize("wrong", ["text", 5, [5], {"a": 1}])
    def test_another_kind_of_value_is_refused(self, vendor: Vendor, wrong: object) -> None:
        assert vendor.code(("lines", wrong)) == "shape_invalid"

    def test_an_order_without_lines(self, vendor: Vendor) -> None:
        assert vendor.code(("lines", [])) == "no_lines"


def test_m39_an_address_no_mail_server_takes_is_left_out() -> None:
    for bad in ["nobody", "@shop.example", "a@b\r\nBcc: c@d", "a" * 300 + "@b.example"]:
        order = payloads.amazon_order()
        put(order, "buyer.buyerEmail", bad)
        read = payloads.amazon(order)
        assert read.buyer.email == ""
        assert "email_invalid" in read.warnings


def test_m41_relay_addresses_are_marked() -> None:
    order = payloads.amazon_order()
    assert payloads.amazon(order).buyer.email_is_relay
    put(order, "buyer.buyerEmail", "anna@shop.example")
    assert not payloads.amazon(order).buyer.email_is_relay
