from dataclasses import replace
from datetime import datetime

import pytest

from oms import money
from orders.incoming import MOST_LINES, MOST_UNITS, Address, BadOrder, Method, Parcel, Payment, State, check
from tests.factories import HOME, NOW, incoming, line


def code_of(order) -> str:
    with pytest.raises(BadOrder) as refusal:
        check(order)
    return refusal.value.code


class TestCheck:
    def test_has_nothing_against_a_plain_order(self):
        assert check(incoming(line("A", 2), line("B"))) == ()

    def test_wants_lines(self):
        assert code_of(incoming(total=0)) == "no_lines"

    def test_takes_no_more_lines_than_anybody_orders(self):
        assert code_of(incoming(*[line("A")] * (MOST_LINES + 1))) == "too_large"

    def test_wants_lines_told_apart(self):
        assert code_of(incoming(line("A", external_id="1"), line("B", external_id="1"))) == "duplicate_line"

    @pytest.mark.parametrize("quantity", [0, -1, 1.0, 1.5, True, "2", None, MOST_UNITS + 1, 2**31])
    def test_wants_whole_units(self, quantity):
        assert code_of(incoming(replace(line("A"), quantity=quantity))) == "quantity_invalid"

    @pytest.mark.parametrize(
        ("progress", "code"),
        [
            ({"shipped": -1}, "quantity_invalid"),
            ({"cancelled": -1}, "quantity_invalid"),
            ({"shipped": 2, "cancelled": 1}, "quantity_invalid"),
        ],
    )
    def test_wants_no_more_gone_than_was_ordered(self, progress, code):
        assert code_of(incoming(line("A", 2, **progress))) == code

    @pytest.mark.parametrize(
        ("amounts", "code"),
        [
            ({"unit_price": -1}, "price_negative"),
            ({"total": -1}, "price_negative"),
            ({"discount": -1}, "amount_negative"),
            ({"tax": -1}, "amount_negative"),
            ({"discount": 1001}, "discount_too_large"),
            ({"total": 990}, "totals_differ"),
        ],
    )
    def test_wants_amounts_of_a_line_that_make_sense(self, amounts, code):
        order = incoming(line("A"))

        assert code_of(replace(order, lines=(replace(order.lines[0], **amounts),))) == code

    @pytest.mark.parametrize("field", ["shipping", "discount", "tax", "total"])
    def test_wants_no_negative_amount_of_the_order(self, field):
        assert code_of(replace(incoming(line("A")), **{field: -1})) == "amount_negative"

    @pytest.mark.parametrize("amount", [10.0, 9.99, "1000", True, None, float("nan"), money.MOST + 1, -money.MOST - 1])
    @pytest.mark.parametrize("field", ["unit_price", "discount", "tax", "total"])
    def test_wants_whole_minor_units_of_a_line(self, field, amount):
        """A float would be rounded by the database, in silence."""
        order = incoming(line("A"))

        assert code_of(replace(order, lines=(replace(order.lines[0], **{field: amount}),))) == "amount_invalid"

    @pytest.mark.parametrize("amount", [10.0, "1000", True, money.MOST + 1])
    @pytest.mark.parametrize("field", ["shipping", "discount", "tax", "total"])
    def test_wants_whole_minor_units_of_the_order(self, field, amount):
        assert code_of(replace(incoming(line("A")), **{field: amount})) == "amount_invalid"

    @pytest.mark.parametrize(("amount", "code"), [(-1, "amount_negative"), (9.5, "amount_invalid")])
    def test_wants_payments_of_whole_minor_units(self, amount, code):
        assert code_of(incoming(line("A"), payments=(Payment(method="card", amount=amount),))) == code

    def test_forgives_and_notes_a_rounded_minor_unit_per_line(self):
        order = incoming(line("A"), line("B"))

        assert check(replace(order, total=order.total + 2)) == ("total_differs",)
        assert code_of(replace(order, total=order.total + 3)) == "totals_differ"

    def test_adds_tax_that_is_not_included(self):
        taxed = line("A", tax=80, total=1080)

        assert check(incoming(taxed, tax_included=False, tax=5, shipping=100, total=1185)) == ()
        assert code_of(incoming(taxed, tax_included=True)) == "totals_differ"

    def test_takes_a_full_discount(self):
        assert check(incoming(line("A", discount=1000, total=0), total=0)) == ()

    @pytest.mark.parametrize("method", [Method.PICKUP, Method.CARRY_OUT])
    def test_wants_the_store_of_what_is_collected(self, method):
        assert code_of(incoming(line("A", method=method))) == "store_missing"
        assert check(incoming(line("A", method=method, location="S1"), ship_to=None)) == ()

    @pytest.mark.parametrize(
        ("more", "ordered"),
        [
            ({"fulfilled_by_channel": True}, {}),
            ({"state": State.AWAITING_PAYMENT}, {}),
            ({"state": State.CANCELLED}, {}),
            ({}, {"shipped": 1}),
            ({}, {"cancelled": 1}),
        ],
    )
    def test_wants_an_address_only_where_something_is_still_to_be_sent(self, more, ordered):
        assert code_of(incoming(line("A"), ship_to=None)) == "address_missing"
        assert check(incoming(line("A", **ordered), ship_to=None, **more)) == ()

    @pytest.mark.parametrize("country", ["us", "USA", "U", "U$", "ÜS"])
    def test_wants_a_country_in_iso(self, country):
        assert code_of(incoming(line("A"), ship_to=replace(HOME, country=country))) == "country_unknown"

    def test_takes_an_address_without_a_country(self):
        assert check(incoming(line("A"), ship_to=Address(line1="1 Main St"))) == ()

    def test_wants_a_moment_that_says_its_offset(self):
        assert code_of(incoming(line("A"), placed_at=datetime(2026, 11, 3))) == "timestamp_invalid"  # noqa: DTZ001  # naive

    @pytest.mark.parametrize("units", [0, -1, 1.5, MOST_UNITS + 1])
    def test_wants_whole_units_in_parcels(self, units):
        parcel = Parcel(external_id="P1", units=(("1", units),))

        assert code_of(incoming(line("A", external_id="1"), parcels=(parcel,))) == "quantity_invalid"


class TestFingerprint:
    def test_is_the_same_for_the_same_story_told_later(self):
        order = incoming(line("A"), updated_at=NOW)

        assert replace(order, updated_at=NOW.replace(hour=20)).fingerprint == order.fingerprint

    @pytest.mark.parametrize("change", [{"total": 999}, {"state": State.CANCELLED}, {"ship_to": None}, {"note": "!"}])
    def test_is_another_for_another_story(self, change):
        order = incoming(line("A"))

        assert replace(order, **change).fingerprint != order.fingerprint

    def test_exists_for_any_text(self):
        assert incoming(line("A"), note="\ud800").fingerprint


class TestNamedParcels:
    def test_are_told_apart_by_id_or_tracking_number_or_place(self):
        parcels = (
            Parcel(external_id="P1", tracking_number="T1"), Parcel(external_id="", tracking_number="T2"),
            Parcel(external_id=""),
        )  # fmt: skip

        assert list(incoming(line("A"), parcels=parcels).named_parcels()) == ["P1", "T2", "2"]

    def test_told_twice_are_one(self):
        parcels = (Parcel(external_id="P1", units=(("1", 1),)), Parcel(external_id="P1", units=(("2", 1), ("1", 2))))

        (parcel,) = incoming(line("A"), parcels=parcels).named_parcels().values()

        assert parcel.units_of({"1", "2"}) == {"1": 3, "2": 1}
        assert parcel.units_of({"2"}) == {"2": 1}
