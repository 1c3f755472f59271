"""The order form every channel fills in. Pure data: this is the port the outside world plugs into."""

import hashlib
import re
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from oms import money
from oms.errors import Refused


class BadOrder(Refused):
    """The order as sent cannot be taken. `code` names the reason for machines; it is set per instance."""

    status = 422

    def __init__(self, code: str, message: str, **facts: object) -> None:
        super().__init__(message, **facts)
        self.code = code  # type: ignore[misc]  # many reasons, one class: quarantine files by code


class State(StrEnum):
    """How far the channel says the order has come."""

    AWAITING_PAYMENT = "awaiting_payment"
    OPEN = "open"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Method(StrEnum):
    """How a line reaches its buyer."""

    SHIP = "ship"
    PICKUP = "pickup"
    CARRY_OUT = "carry_out"  # handed over at the till: gone from the shelf at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Whoever bought. Everything may be missing: marketplaces mask what they like."""

    name: str = ""
    email: str = ""
    phone: str = ""
    reference: str = ""  # the channel's own id of the buyer, stable across orders
    loyalty_number: str = ""
    email_is_relay: bool = False  # a marketplace's forwarding address, never the same person twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""  # ISO 3166 alpha-2
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line. Amounts are integer minor units of the order's currency, for the whole line, before order-level parts.

    `total` is what the buyer pays for the line: quantity × unit_price − discount (+ tax when not included).
    """

    external_id: str
    sku: str  # ours once the channel's mapping was applied
    channel_sku: str = ""  # as the channel wrote it, when that differs
    title: str = ""
    quantity: int
    unit_price: int
    discount: int = 0
    tax: int = 0
    total: int
    cancelled: int = 0  # units of `quantity` that will not be sent
    shipped: int = 0  # units of `quantity` that have left already
    method: Method = Method.SHIP
    location: str = ""  # code of the store for pickup and carry-out; where shipped units left from, if known


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money the buyer gave or promised. `collected_by_channel`: the marketplace pays us out later."""

    method: str  # "card", "cash", "marketplace", ...
    amount: int
    reference: str = ""
    captured: bool = True
    collected_by_channel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Something that already left, as the channel tells it."""

    external_id: str
    carrier: str = ""
    tracking_number: str = ""
    shipped_at: datetime | None = None
    units: tuple[tuple[str, int], ...] = ()  # (line external_id, quantity)

    def units_of(self, lines: Container[str]) -> Counter[str]:
        """Units by line, of these lines."""
        counted: Counter[str] = Counter()
        for line, units in self.units:
            if line in lines:
                counted[line] += units
        return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingOrder:
    """One order as some channel tells it, in our words. Amounts are integer minor units of `currency`."""

    channel: str  # SalesChannel.code
    external_number: str
    placed_at: datetime  # aware
    updated_at: datetime | None = None  # the channel's own version; an older one never overwrites a newer
    currency: str
    state: State = State.OPEN
    fulfilled_by_channel: bool = False  # FBA and its like: our stock is not touched
    buyer: Buyer = field(default_factory=Buyer)
    ship_to: Address | None = None
    lines: tuple[Line, ...]
    shipping: int = 0
    discount: int = 0  # order-level, beyond the lines' own
    tax: int = 0  # order-level, beyond the lines' own
    tax_included: bool = True
    total: int
    payments: tuple[Payment, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    sold_at: str = ""  # code of the store whose till sold it
    sold_by: str = ""  # staff user name, for the credit of the sale
    note: str = ""
    cancel_requested: bool = False  # a buyer's wish, not a fact: we decide
    warnings: tuple[str, ...] = ()  # codes of repairs made on the way in ("address_warning", "text_cleaned")

    def named_parcels(self) -> dict[str, Parcel]:
        """The parcels by what tells them apart in this order, however often one is told: its id, its tracking number
        or, for want of both, its place in the order."""
        named: dict[str, Parcel] = {}
        for place, parcel in enumerate(self.parcels):
            name = (parcel.external_id or parcel.tracking_number or str(place))[:80]
            known = named.get(name)
            named[name] = replace(known, units=known.units + parcel.units) if known else parcel
        return named

    @property
    def fingerprint(self) -> str:
        """Equal for two tellings of the same story, whatever their time stamps."""
        return hashlib.sha256(repr(replace(self, updated_at=None)).encode("utf-8", "replace")).hexdigest()


MOST_UNITS = 1_000_000  # of one line; a bigger number is a slip of the keyboard
MOST_LINES = 10_000


def check(order: IncomingOrder) -> tuple[str, ...]:
    """Apply the rules every order must obey, whatever channel it came from. Pure.

    Return warnings to keep with the order. Raises BadOrder with the code of the first rule broken.
    """
    if not order.lines:
        raise BadOrder("no_lines", "The order has no lines; send at least one.")
    if len(order.lines) > MOST_LINES:
        raise BadOrder("too_large", f"The order has more than {MOST_LINES} lines; split it.", lines=len(order.lines))
    ids = {line.external_id for line in order.lines}
    if len(ids) != len(order.lines):
        raise BadOrder("duplicate_line", "Two lines of the order have the same id; number them apart.")
    _check_amounts(order)
    for line in order.lines:
        _check_line(line, order)
    _check_parcels(order)
    if order.ship_to and order.ship_to.country and not re.fullmatch("[A-Z]{2}", order.ship_to.country):
        raise BadOrder(
            "country_unknown", f"“{order.ship_to.country}” is no country's ISO code.", country=order.ship_to.country
        )
    if order.placed_at.tzinfo is None:
        raise BadOrder("timestamp_invalid", "The order does not say its moment's offset from UTC.")
    negative = [name for name in ("shipping", "discount", "tax", "total") if getattr(order, name) < 0]
    if negative:
        raise BadOrder("amount_negative", f"The order's {negative[0]} is negative.", fields=negative)
    return _check_sum(order)


def _check_amounts(order: IncomingOrder) -> None:
    """Whole minor units, and no sum that nobody pays: a database would round a fraction in silence."""
    for name, amount in _amounts(order):
        if type(amount) is not int or abs(amount) > money.MOST:
            raise BadOrder("amount_invalid", f"The {name} is no whole number of minor units.", field=name)
    if any(payment.amount < 0 for payment in order.payments):
        raise BadOrder("amount_negative", "A payment is negative.", fields=["payment"])


def _amounts(order: IncomingOrder) -> Iterator[tuple[str, object]]:
    yield from (("shipping", order.shipping), ("discount", order.discount), ("tax", order.tax), ("total", order.total))
    yield from (("payment", payment.amount) for payment in order.payments)
    for line in order.lines:
        yield from (("unit price", line.unit_price), ("line discount", line.discount))
        yield from (("line tax", line.tax), ("line total", line.total))


def _check_parcels(order: IncomingOrder) -> None:
    for parcel in order.parcels:
        for line, units in parcel.units:
            if type(units) is not int or not 0 < units <= MOST_UNITS:
                raise BadOrder("quantity_invalid", "A parcel holds no whole number of units.", line=line)


def _check_line(line: Line, order: IncomingOrder) -> None:
    facts = {"line": line.external_id, "sku": line.sku}
    if type(line.quantity) is not int or not 0 < line.quantity <= MOST_UNITS:
        raise BadOrder("quantity_invalid", f"Line {line.external_id}: order 1 to {MOST_UNITS:,} whole units.", **facts)
    if line.unit_price < 0 or line.total < 0:
        raise BadOrder("price_negative", f"Line {line.external_id} has a negative price.", **facts)
    if line.discount < 0 or line.tax < 0:
        raise BadOrder("amount_negative", f"Line {line.external_id} has a negative discount or tax.", **facts)
    if line.discount > line.quantity * line.unit_price:
        raise BadOrder("discount_too_large", f"Line {line.external_id} is discounted by more than it costs.", **facts)
    if min(line.cancelled, line.shipped) < 0 or line.cancelled + line.shipped > line.quantity:
        raise BadOrder(
            "quantity_invalid", f"Line {line.external_id}: more was sent or cancelled than ordered.", **facts
        )
    if line.method is not Method.SHIP and not line.location:
        raise BadOrder("store_missing", f"Line {line.external_id} is collected, but no store is named.", **facts)
    wants_address = line.method is Method.SHIP and line.shipped + line.cancelled < line.quantity
    if wants_address and not order.ship_to and not order.fulfilled_by_channel and order.state is State.OPEN:
        raise BadOrder("address_missing", "The order is to be sent, but says no address.", **facts)


def _check_sum(order: IncomingOrder) -> tuple[str, ...]:
    """A minor unit of rounding per line is forgiven and noted; more means we misread the order."""
    taxed = 0 if order.tax_included else 1
    slack = len(order.lines)
    for line in order.lines:
        expected = line.quantity * line.unit_price - line.discount + taxed * line.tax
        if abs(expected - line.total) > line.quantity:
            raise BadOrder(
                "totals_differ",
                f"Line {line.external_id}: the parts come to {expected}, the total says {line.total} (minor units).",
                line=line.external_id, expected=expected, total=line.total,
            )  # fmt: skip
    parts = sum(line.total for line in order.lines) + order.shipping - order.discount + taxed * order.tax
    if abs(parts - order.total) > slack:
        raise BadOrder(
            "totals_differ",
            f"The lines, shipping, discount and tax come to {parts}, the total says {order.total} (minor units).",
            expected=parts, total=order.total,
        )  # fmt: skip
    return ("total_differs",) if parts != order.total else ()
