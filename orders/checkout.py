"""What our own tills and phones sell: the prices of this moment, one payment, and the one front door.

The basket is the screen's; the rules are here. Whoever sells has shown prices to a customer: if one of them has
changed since, nothing is sold until it was shown again.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

import phonenumbers

from inventory import pricing
from inventory.models import Location, Product, Variant
from oms import audit, text
from oms.errors import Refused
from orders import intake
from orders.incoming import Address, Buyer, IncomingOrder, Line, Method, Payment
from orders.models import Order, SalesChannel

PAYMENTS = ("card", "cash")
MOST_UNITS = 999  # of one line; more is a slip of the scanner
OWN_KINDS = (SalesChannel.Kind.TILL, SalesChannel.Kind.PHONE)


class CannotSell(Refused):
    """The sale as put together breaks a rule; the message says which."""

    code = "cannot_sell"
    status = 422


class NotForSale(Refused):
    """Somebody must price these before anybody can buy them, or nobody knows them."""

    code = "not_for_sale"
    status = 422


class PriceChanged(Refused):
    """`changes` are [{sku, shown, now}] in minor units; `now` is what it costs from here on."""

    code = "price_changed"


class SoldOtherwise(Refused):
    """There is an order of this number, and it is not this sale."""

    code = "sold_otherwise"


class CardNumber(Refused):
    """A number that pays was typed where people read it."""

    code = "card_number"
    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Units of one SKU that leave in one way. `price` is what the customer was shown for one of them."""

    sku: str
    quantity: int
    price: int
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """`number` is given once by whoever puts the sale together: the same number is the same sale."""

    number: str
    channel: str
    store: str
    items: Sequence[Item]
    payment: str
    buyer: Buyer = field(default_factory=Buyer)
    ship_to: Address | None = None
    note: str = ""


def sell(sale: Sale, *, actor: audit.Actor, now: datetime) -> intake.Accepted:
    """Sell it, paid in full, and hold or hand over its units. Safe to repeat: one number, one order.

    Raises PriceChanged, NotForSale, CannotSell, CardNumber, SoldOtherwise; intake.OutOfStock for what cannot be
    promised; BadOrder as the front door does.
    """
    _check(sale)
    if (already := _already(sale)) is not None:
        return already
    channel = SalesChannel.objects.filter(code=sale.channel, kind__in=OWN_KINDS).first()
    if channel is None:
        raise CannotSell(f"There is no till channel “{sale.channel}”.", channel=sale.channel)
    _check_store(sale)
    variants = _variants(sale)
    _demand_shown_prices(sale, variants, channel.currency, now=now)
    return intake.accept(_incoming(sale, variants, channel.currency, actor=actor, now=now), actor=actor, now=now)


def _check(sale: Sale) -> None:
    if not sale.items:
        raise CannotSell("The basket is empty.")
    if sale.payment not in PAYMENTS:
        raise CannotSell("Choose how it is paid: by card or in cash.", field="payment")
    for item in sale.items:
        if not 0 < item.quantity <= MOST_UNITS:
            raise CannotSell(f"Sell 1 to {MOST_UNITS} of {item.sku} at a time.", sku=item.sku)
    if any(item.method is Method.SHIP for item in sale.items) and not _can_be_sent_to(sale.ship_to):
        raise CannotSell("Something is to be shipped: its name and address are needed.", field="ship_to")
    refuse_card_numbers(_free_texts(sale))


def _can_be_sent_to(to: Address | None) -> bool:
    return to is not None and all((to.name, to.line1, to.city)) and re.fullmatch("[A-Z]{2}", to.country) is not None


def _free_texts(sale: Sale) -> Iterable[tuple[str, str]]:
    yield "note", sale.note
    for part in (asdict(sale.buyer), asdict(sale.ship_to) if sale.ship_to else {}):
        yield from ((name, value) for name, value in part.items() if isinstance(value, str))


def _already(sale: Sale) -> intake.Accepted | None:
    order = Order.objects.filter(channel__code=sale.channel, external_number=sale.number).first()
    if order is None:
        return None
    sold = Counter((line.variant.sku, line.method, line.quantity) for line in order.lines.select_related("variant"))
    if sold != Counter((item.sku, str(item.method), item.quantity) for item in sale.items):
        raise SoldOtherwise(
            f"This basket was sold as order {order.number} before it was changed. Take out what that order holds.",
            number=order.number,
        )
    return intake.Accepted(order.pk, order.number, is_new=False, status=order.status)


def _check_store(sale: Sale) -> None:
    store = Location.objects.filter(code=sale.store, kind=Location.Kind.STORE, is_open=True).first()
    if store is None:
        raise CannotSell(f"“{sale.store}” is no open store.", store=sale.store)
    if not store.offers_pickup and any(item.method is Method.PICKUP for item in sale.items):
        raise CannotSell(f"Nothing can be collected in {store.name}. Ship it, or hand it over now.", store=sale.store)


def _variants(sale: Sale) -> dict[str, Variant]:
    found = Variant.objects.filter(sku__in={item.sku for item in sale.items}).titled()
    found = found.exclude(product__status=Product.Status.DRAFT)
    variants = {variant.sku: variant for variant in found}
    unknown = sorted({item.sku for item in sale.items} - variants.keys())
    if unknown:
        raise NotForSale(f"Nothing of ours has the SKU “{unknown[0]}”. Take it out.", skus=unknown)
    return variants


def _demand_shown_prices(sale: Sale, variants: dict[str, Variant], currency: str, *, now: datetime) -> None:
    ids = {variants[item.sku].pk for item in sale.items}
    prices = pricing.of(ids, channel=sale.channel, currency=currency, at=now)
    unpriced = sorted({item.sku for item in sale.items if variants[item.sku].pk not in prices})
    if unpriced:
        raise NotForSale(f"{variants[unpriced[0]].title} has no price here today. Take it out.", skus=unpriced)
    changes = {
        item.sku: {"sku": item.sku, "shown": item.price, "now": prices[variants[item.sku].pk]}
        for item in sale.items
        if item.price != prices[variants[item.sku].pk]
    }
    if changes:
        raise PriceChanged(
            "Prices have changed since they were shown. Tell the customer, then sell again.",
            changes=list(changes.values()),
        )


def _incoming(
    sale: Sale, variants: dict[str, Variant], currency: str, *, actor: audit.Actor, now: datetime
) -> IncomingOrder:
    lines = tuple(
        Line(
            external_id=str(place),
            sku=item.sku,
            title=variants[item.sku].title,
            quantity=item.quantity,
            unit_price=item.price,
            total=item.quantity * item.price,
            method=item.method,
            location="" if item.method is Method.SHIP else sale.store,
        )
        for place, item in enumerate(sale.items, start=1)
    )
    total = sum(line.total for line in lines)
    return IncomingOrder(
        channel=sale.channel,
        external_number=sale.number,
        placed_at=now,
        currency=currency,
        buyer=sale.buyer,
        ship_to=sale.ship_to,
        lines=lines,
        total=total,
        payments=(Payment(method=sale.payment, amount=total),) if total else (),
        sold_at=sale.store,
        sold_by=actor.name[:80],
        note=text.free(sale.note, most=2000),
    )


# -- numbers that pay ---------------------------------------------------------------------------------------------

_DIGITS = re.compile(r"\d(?:[\s./_-]{0,2}\d){12,}")
_MOST_OF_A_PHONE = 15  # digits, by the plan of all plans (E.164)


def refuse_card_numbers(texts: Iterable[tuple[str, str]]) -> None:
    """Raise CardNumber, naming the field, if one of the (field, text) holds what may be a payment card's number."""
    for name, value in texts:
        if holds_card_number(value):
            raise CardNumber(
                "That looks like the number of a payment card. Take it out: cards go through the terminal only, and"
                " their numbers are never written down here.",
                field=name,
            )


def holds_card_number(value: str) -> bool:
    """Whether 13 to 19 digits in it, grouped as people group them, pass the check of card numbers (Luhn).

    A whole international phone number is none, though one in ten would pass.
    """
    if value.strip().startswith("+") and _is_phone(value):
        return False
    return any(map(_passes_luhn, _candidates(value)))


def _is_phone(value: str) -> bool:
    if sum(character.isdecimal() for character in value) > _MOST_OF_A_PHONE:
        return False
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(value)))
    except phonenumbers.NumberParseException:
        return False


def _candidates(value: str) -> Iterable[str]:
    for run in _DIGITS.findall(value):
        groups = re.split(r"\D+", run)
        for first in range(len(groups)):
            digits = ""
            for group in groups[first:]:
                digits += group
                if len(digits) > 19:
                    break
                if len(digits) >= 13:
                    yield digits


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0
