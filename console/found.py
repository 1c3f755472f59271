"""Hits of the search box as lines on a screen: what was found, why it matched, and nothing the role may not see."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import phonenumbers
from django.db.models import Exists, OuterRef, Subquery
from django.urls import reverse

from console import masking
from console.templatetags.show import masked
from customers.models import Customer
from inventory import availability
from inventory.models import Variant
from oms import permissions, search, text
from oms.permissions import Reach
from oms.search import Hit, K
from orders.models import Order

# What only somebody who may know the person can have typed with good reason.
PERSONAL = {K.EMAIL, K.PHONE, K.NAME, K.POSTCODE, K.BUYER, K.LOYALTY}
EXACT, LITERAL, ALIKE = range(3)


@dataclass(frozen=True, slots=True)
class Looker:
    """Whoever searches: what they may see, and what they typed."""

    role: str
    reach: Reach
    typed: str

    def may(self, action: str) -> bool:
        return permissions.staff_may(self.role, action)


@dataclass(frozen=True, slots=True)
class Why:
    """How a record matched, in three parts of which the middle one is marked."""

    before: str
    match: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One line. The names are those of components/search-results.html."""

    url: str
    title: str
    why_before: str
    why_match: str
    why_after: str
    rank: int
    at: datetime | None = None
    status: str = ""
    amount: str = ""

    @property
    def why(self) -> str:
        return self.why_before + self.why_after


def allowed(hits: Iterable[Hit], looker: Looker) -> list[Hit]:
    """Those hits whose kind of record, and whose way of being found, this role may use."""
    kinds = {
        kind
        for kind, action in {"order": "order.read", "customer": "customer.read", "variant": "product.read"}.items()
        if looker.may(action)
    }
    by_person = masking.meets_people(looker.role)
    return [
        hit
        for hit in hits
        if hit.entity_kind in kinds and (by_person or hit.entity_kind == "variant" or hit.kind not in PERSONAL)
    ]


def groups(hits: Sequence[Hit], looker: Looker, *, most: int) -> list[dict[str, Any]]:
    """Groups of at most `most` lines and `all` of them, the group with an exact hit first.

    One statement per kind of record and one for stock, however many hits there are.
    """
    kinds: list[tuple[str, str, str, Callable[[dict[int, Hit], Looker], list[Found]]]] = [
        ("order", "Orders", "receipt-text", _orders),
        ("customer", "Customers", "user", _customers),
        ("variant", "Products", "package", _variants),
    ]
    made = []
    for kind, label, icon, draw in kinds:
        of_kind = {hit.entity_id: hit for hit in hits if hit.entity_kind == kind}
        if of_kind and (found := draw(of_kind, looker)):
            group = {
                "kind": kind,
                "label": label,
                "icon": icon,
                "total": len(found),
                "items": found[:most],
                "all": found,
            }
            made.append(group)
    return sorted(made, key=lambda group: group["all"][0].rank)


def _ordered(found: Iterable[Found]) -> list[Found]:
    """Exact ones first, then those that hold the very text, then the merely similar; newest first in each."""
    newest = sorted(found, key=lambda one: one.at.timestamp() if one.at else 0.0, reverse=True)
    return sorted(newest, key=lambda one: one.rank)


def _orders(hits: dict[int, Hit], looker: Looker) -> list[Found]:
    orders = Order.objects.within(looker.reach).filter(pk__in=hits).select_related("channel")
    return _ordered(_order(order, hits[order.pk], looker) for order in orders)


def _order(order: Order, hit: Hit, looker: Looker) -> Found:
    names = [order.buyer_name, str((order.ship_to or {}).get("name") or "")]
    if hit.kind == K.EXTERNAL:
        names = [order.external_number]
    why = _why(hit, looker, names)
    buyer = masking.person(order.buyer_name, looker.role)
    after = f"{why.after} · {buyer}" if buyer and hit.kind != K.NAME else why.after
    return Found(
        url=reverse("console:order", args=[order.number]),
        title=f"{order.number} · {order.channel.name} {order.external_number}",
        why_before=why.before, why_match=why.match, why_after=after, rank=_rank(hit, looker),
        at=order.placed_at, status=order.status,
    )  # fmt: skip


def _customers(hits: dict[int, Hit], looker: Looker) -> list[Found]:
    latest = Order.objects.filter(customer=OuterRef("pk")).order_by("-placed_at").values("placed_at")[:1]
    customers = Customer.objects.filter(pk__in=hits).select_related("merged_into")
    if looker.reach != permissions.EVERYWHERE:
        customers = customers.filter(Exists(Order.objects.within(looker.reach).filter(customer=OuterRef("pk"))))
    found: dict[int, Found] = {}
    for customer in customers.annotate(last_order_at=Subquery(latest)):
        stays = customer.merged_into or customer
        line = _customer(customer, stays, hits[customer.pk], looker)
        if stays.pk not in found or line.rank < found[stays.pk].rank:
            found[stays.pk] = line
    return _ordered(found.values())


def _customer(customer: Any, stays: Customer, hit: Hit, looker: Looker) -> Found:
    why = _why(hit, looker, [customer.name])
    return Found(
        url=reverse("console:customer", args=[stays.pk]),
        title=stays.name or f"Customer {stays.pk}",
        why_before=why.before, why_match=why.match, why_after=why.after, rank=_rank(hit, looker),
        at=customer.last_order_at or customer.created_at,
        amount="last order" if customer.last_order_at else "no orders yet",
    )  # fmt: skip


def _variants(hits: dict[int, Hit], looker: Looker) -> list[Found]:
    variants = list(Variant.objects.filter(pk__in=hits).titled())
    stock = availability.of([variant.pk for variant in variants])
    return _ordered(_variant(variant, hits[variant.pk], looker, stock[variant.pk]) for variant in variants)


def _variant(variant: Variant, hit: Hit, looker: Looker, stock: availability.Availability) -> Found:
    why = _why(hit, looker, [variant.product.title] if hit.kind == K.NAME else [variant.sku])
    return Found(
        url=reverse("console:product", args=[variant.sku]),
        title=variant.title,
        why_before=why.before, why_match=why.match,
        why_after=why.after if hit.kind == K.SKU else f"{why.after} · SKU {variant.sku}",
        rank=_rank(hit, looker), amount=f"{stock.for_channel():,} to sell",
    )  # fmt: skip


# -- why it matched -------------------------------------------------------------------------------------------------


def _rank(hit: Hit, looker: Looker) -> int:
    if hit.exact:
        return EXACT
    return LITERAL if hit.kind != K.NAME or text.fold(looker.typed) in hit.value else ALIKE


def _why(hit: Hit, looker: Looker, spellings: Sequence[str]) -> Why:
    """`spellings`: how the record itself writes what was compared without case and accents."""
    kind = f"{K(hit.kind).label} "
    shown = next((each for each in spellings if search.normalise(hit.kind, each) == hit.value), hit.value)
    if hit.kind == K.NAME:
        return _why_name(kind, hit, looker, shown)
    if hit.exact:
        return Why(kind, _dialled(hit.value) if hit.kind == K.PHONE else shown)
    if hit.kind == K.PHONE:
        return Why(f"{kind}••• ", "".join(c for c in looker.typed if c.isdigit()))
    if hit.kind == K.EMAIL:
        return Why(f"{kind}{masked(hit.value)}")
    length = len(search.normalise(hit.kind, looker.typed))
    return Why(kind, shown[:length], shown[length:])


def _dialled(digits: str) -> str:
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _why_name(kind: str, hit: Hit, looker: Looker, shown: str) -> Why:
    """Mark the words that were typed, or else the word that comes nearest to one of them."""
    shown = shown if shown != hit.value else shown.title()
    if hit.entity_kind != "variant":
        shown = masking.person(shown, looker.role)
    folded, wanted = text.fold(shown), text.fold(looker.typed)
    place = folded.find(wanted)
    if place < 0 or len(folded) != len(shown):
        words = {text.fold(word.strip(".,;:()")): word for word in shown.split()}
        close = next((near[0] for word in wanted.split() if (near := get_close_matches(word, words, 1, 0.5))), "")
        place, wanted = (shown.find(words[close]), words[close]) if close else (0, "")
    end = place + len(wanted)
    return Why(kind + shown[:place], shown[place:end], shown[end:])
