"""Rules that Postgres itself keeps: each refuses its bad row, whatever code wrote it."""

import pytest
from django.db import IntegrityError
from django.db.models import Model

from orders.models import (
    Allocation,
    FulfilmentOrder,
    Order,
    OrderHold,
    OrderLine,
    Parcel,
    ParcelLine,
    Payment,
    SalesChannel,
)
from orders.models.order import BUCKETS
from tests import factories
from tests.factories import NOW, line

pytestmark = pytest.mark.django_db


def refuses(model: type[Model], constraint: str, good: dict[str, object], bad: dict[str, object]) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        model.objects.create(**{**good, **bad})


@pytest.fixture
def order(db):
    """One treadmill, allocated in the east."""
    factories.channel("web")
    factories.stock(factories.variant("T90"), 1, factories.location("EAST"))
    return factories.order(line("T90", external_id="L1"), number="TAKEN")


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("a_channel_has_a_currency", {"currency": "usd"}),
        ("channel_kind_exists", {"kind": "fax"}),
        ("orders_saleschannel_code", {"code": "web"}),
    ],
)
def test_sales_channel(order, constraint, bad):
    refuses(SalesChannel, constraint, {"code": "new", "name": "New", "kind": "web_shop", "currency": "USD"}, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("an_order_enters_once", {"external_number": "TAKEN"}),
        ("an_order_has_an_external_number", {"external_number": ""}),
        ("an_order_has_a_currency", {"currency": "usd"}),
        ("order_status_exists", {"status": "lost"}),
        ("order_total_is_not_negative", {"total": -1}),
        *(
            ("order_amounts_are_not_negative", {f"{part}_total": -1})
            for part in ("items", "shipping", "discount", "tax")
        ),
    ],
)
def test_order(order, constraint, bad):
    good = {
        "channel": order.channel, "external_number": "NEW", "currency": "USD", "placed_at": NOW, "items_total": 0,
        "total": 0,
    }  # fmt: skip

    refuses(Order, constraint, good, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("one_line_per_position", {"position": 1}),
        ("one_line_per_external_id", {"external_id": "L1"}),
        ("a_line_orders_something", {"quantity": 0, "open": 0}),
        ("every_unit_is_in_one_bucket", {"open": 1}),
        ("every_unit_is_in_one_bucket", {"shipped": 1}),
        *(("no_bucket_is_negative", {bucket: -1, "open": 3}) for bucket in BUCKETS if bucket != "open"),
        *(("line_amounts_are_not_negative", {part: -1}) for part in ("unit_price", "discount", "tax", "total")),
        ("line_method_exists", {"method": "drone", "pickup_at_id": None}),  # None: where the order is sent from
        ("a_collected_line_says_where", {"method": "pickup"}),
        ("a_collected_line_says_where", {"method": "carry_out"}),
    ],
)
def test_order_line(order, constraint, bad):
    good = {
        "order": order, "position": 2, "external_id": "L2", "variant": factories.variant("MUG"), "sku": "MUG",
        "method": "ship", "unit_price": 0, "total": 0, "quantity": 2, "open": 2,
    }  # fmt: skip

    if "pickup_at_id" in bad:
        bad = {**bad, "pickup_at_id": FulfilmentOrder.objects.get().location_id}
    refuses(OrderLine, constraint, good, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("fulfilment_method_exists", {"method": "drone"}),
        ("fulfilment_state_exists", {"state": "lost"}),
        ("one_open_fulfilment_per_place", {"method": "ship"}),
    ],
)
def test_fulfilment_order(order, constraint, bad):
    place = FulfilmentOrder.objects.get().location

    refuses(FulfilmentOrder, constraint, {"order": order, "location": place, "method": "pickup"}, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("an_allocation_allocates", {"quantity": 0}),
        ("no_more_leaves_than_was_allocated", {"sent": 2, "dropped": 1}),
        ("no_more_leaves_than_was_allocated", {"sent": -1}),
        ("no_more_leaves_than_was_allocated", {"dropped": -1}),
        ("one_allocation_per_line_and_place", {"fulfilment": None}),  # None: the one that is taken
    ],
)
def test_allocation(order, constraint, bad):
    taken = FulfilmentOrder.objects.get()
    other = FulfilmentOrder.objects.create(order=order, location=taken.location, method="pickup")
    bad = {name: value or taken if name == "fulfilment" else value for name, value in bad.items()}

    refuses(Allocation, constraint, {"line": order.lines.get(), "fulfilment": other, "quantity": 2}, bad)


def test_a_told_parcel_is_kept_once(order):
    Parcel.objects.create(order=order, external_id="P1", shipped_at=NOW)
    for _ in range(2):
        Parcel.objects.create(order=order, shipped_at=NOW)  # ours have no such id

    refuses(Parcel, "a_told_parcel_is_kept_once", {"order": order, "external_id": "P1", "shipped_at": NOW}, {})


@pytest.mark.parametrize(
    ("constraint", "bad"), [("a_parcel_line_holds_something", {"quantity": 0}), ("a_line_is_in_a_parcel_once", {})]
)
def test_parcel_line(order, constraint, bad):
    parcel = Parcel.objects.create(order=order, shipped_at=NOW)
    if not bad:
        ParcelLine.objects.create(parcel=parcel, line=order.lines.get(), quantity=1)

    refuses(ParcelLine, constraint, {"parcel": parcel, "line": order.lines.get(), "quantity": 1}, bad)


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("payments_are_not_negative", {"authorised": -1, "captured": -1, "refunded": -1}),
        ("payments_are_not_negative", {"refunded": -1}),
        ("no_more_is_captured_than_allowed", {"captured": 101}),
        ("no_more_is_refunded_than_captured", {"captured": 50, "refunded": 51}),
        ("a_payment_has_a_currency", {"currency": "usd"}),
    ],
)
def test_payment(order, constraint, bad):
    refuses(Payment, constraint, {"order": order, "method": "card", "currency": "USD", "authorised": 100}, bad)


def test_one_open_hold_per_reason(order):
    good = {"order": order, "reason": "manual", "placed_at": NOW, "placed_by": "staff:grace"}
    OrderHold.objects.create(**good, released_at=NOW)
    OrderHold.objects.create(**good)
    OrderHold.objects.create(**{**good, "reason": "address_warning"})

    refuses(OrderHold, "one_open_hold_per_reason", good, {})
