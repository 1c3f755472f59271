"""Rules that Postgres itself keeps: each refuses its bad row, whatever code wrote it."""

from datetime import UTC, datetime, time

import pytest
from django.db import IntegrityError
from django.db.models import Model
from django.utils import timezone

from inventory.models import Location, OpeningHours, Price, Product, Reservation, StockLevel, StockMovement, Variant
from tests import factories

pytestmark = pytest.mark.django_db
SPRING, SUMMER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def refuses(model: type[Model], constraint: str, good: dict[str, object], bad: dict[str, object]) -> None:
    """The good row fits, and what is bad about the other breaks this constraint and no other."""
    with pytest.raises(IntegrityError, match=constraint):
        model.objects.create(**{**good, **bad})


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("location_codes_are_plain", {"code": "east"}),
        ("location_codes_are_plain", {"code": ""}),
        ("location_codes_are_plain", {"code": "-EAST"}),
        ("location_kind_exists", {"kind": "garage"}),
        ("location_country_is_iso", {"country": "us"}),
        ("location_lies_on_the_globe", {"latitude": 91.0, "longitude": 0.0}),
        ("location_lies_on_the_globe", {"latitude": 0.0, "longitude": 181.0}),
        ("location_lies_on_the_globe", {"latitude": 0.0, "longitude": None}),
        ("only_stores_and_3pl_offer_pickup", {"offers_pickup": True}),
        ("inventory_location_code", {"code": "WEST"}),
    ],
)
def test_location(constraint, bad):
    good = {"code": "EAST", "name": "Warehouse East", "kind": "warehouse"}
    Location.objects.create(**{**good, "code": "WEST"})

    refuses(Location, constraint, good, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("weeks_have_seven_days", {"weekday": 7}),
        ("stores_open_before_they_close", {"closes": time(9)}),
        ("stores_open_before_they_close", {"closes": time(8)}),
        ("one_stretch_per_opening", {"weekday": 1}),
    ],
)
def test_opening_hours(constraint, bad):
    good = {"location": factories.store(), "weekday": 0, "opens": time(9), "closes": time(18)}
    OpeningHours.objects.create(**{**good, "weekday": 1})

    refuses(OpeningHours, constraint, good, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("a_product_has_a_code_and_a_title", {"code": ""}),
        ("a_product_has_a_code_and_a_title", {"title": ""}),
        ("product_status_exists", {"status": "sold"}),
        ("inventory_product_code", {"code": "TAKEN"}),
    ],
)
def test_product(constraint, bad):
    Product.objects.create(code="TAKEN", title="Treadmill")

    refuses(Product, constraint, {"code": "P1", "title": "Treadmill"}, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("a_sku_has_no_blanks_around_it", {"sku": ""}),
        ("a_sku_has_no_blanks_around_it", {"sku": " T90"}),
        ("a_sku_has_no_blanks_around_it", {"sku": "T90\n"}),
        ("a_gtin_passes_its_check_digit", {"gtin": "00036000291453"}),
        ("a_gtin_passes_its_check_digit", {"gtin": "036000291452"}),
        ("a_gtin_passes_its_check_digit", {"gtin": ""}),
        ("inventory_variant_gtin", {"gtin": "00036000291452"}),
        ("inventory_variant_sku", {"sku": "TAKEN"}),
        ("inventory_variant_weight_grams", {"weight_grams": -1}),
    ],
)
def test_variant(constraint, bad):
    factories.variant("TAKEN", gtin="036000291452")
    good = {"product": Product.objects.get(), "sku": "T90"}

    refuses(Variant, constraint, good, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("a_price_is_not_negative", {"amount": -1}),
        ("a_price_has_a_currency", {"currency": "usd"}),
        ("a_price_has_a_currency", {"currency": ""}),
        ("one_price_at_a_time", {"valid": (datetime(2026, 5, 31, tzinfo=UTC), None)}),
    ],
)
def test_price(constraint, bad):
    good = {"variant": factories.variant(), "currency": "USD", "amount": 89900, "valid": (SUMMER, None)}
    Price.objects.create(**{**good, "valid": (SPRING, SUMMER)})

    refuses(Price, constraint, good, bad)


def test_prices_of_other_channels_currencies_and_times_fit_beside_each_other():
    good = {"variant": factories.variant(), "currency": "USD", "amount": 89900, "valid": (SPRING, SUMMER)}

    for other in ({}, {"channel": "ebay"}, {"currency": "EUR"}, {"valid": (SUMMER, None)}):
        Price.objects.create(**{**good, **other})


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("reserved_is_not_negative", {"reserved": -1}),
        ("never_promise_what_is_not_there", {"reserved": 4}),
        ("never_promise_what_is_not_there", {"on_hand": -1}),
        ("safety_is_not_negative", {"safety": -1}),
    ],
)
def test_stock_level(constraint, bad):
    good = {"location": factories.location(), "variant": factories.variant(), "on_hand": 3}

    refuses(StockLevel, constraint, good, bad)


def test_a_shelf_has_one_level():
    variant = factories.variant()
    place = factories.stock(variant, 1)

    refuses(StockLevel, "one_level_per_location_and_variant", {"location": place, "variant": variant}, {})


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("a_movement_moves", {"quantity": 0, "kind": "adjustment"}),
        ("movement_kind_exists", {"kind": "theft"}),
        ("one_movement_per_cause", {"cause_id": "taken"}),
        *(
            ("what_comes_in_is_positive", {"kind": k, "quantity": -1})
            for k in ("receipt", "return", "transfer_in", "release")
        ),
        *(
            ("what_goes_out_is_negative", {"kind": kind, "quantity": 1})
            for kind in ("sale", "transfer_out", "damage", "quarantine", "write_off")
        ),
    ],
)
def test_stock_movement(constraint, bad):
    good = {
        "location": factories.location(), "variant": factories.variant(), "kind": "receipt", "quantity": 1,
        "cause": "test", "cause_id": "1", "actor": "tests", "occurred_at": timezone.now(),
    }  # fmt: skip
    StockMovement.objects.create(**{**good, "cause_id": "taken"})

    refuses(StockMovement, constraint, good, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("a_reservation_reserves", {"quantity": 0}),
        ("reservation_state_exists", {"state": "lost", "ended_at": timezone.now()}),
        ("a_held_reservation_has_no_end", {"ended_at": timezone.now()}),
        ("a_held_reservation_has_no_end", {"state": "released"}),
        ("only_shelved_units_are_consumed", {"state": "consumed", "ended_at": timezone.now(), "location": None}),
        ("one_live_reservation_per_holder_line", {"holder": "order:taken"}),
        ("one_live_reservation_per_holder_line", {"holder": "order:waits", "location": None}),
    ],
)
def test_reservation(constraint, bad):
    good = {
        "location": factories.location(), "variant": factories.variant(), "quantity": 1, "holder": "order:1",
        "held_at": timezone.now(),
    }  # fmt: skip
    Reservation.objects.create(**{**good, "holder": "order:taken"})
    Reservation.objects.create(**{**good, "holder": "order:waits", "location": None})

    refuses(Reservation, constraint, good, bad)
