"""One order: who and what, its story, what can be done now, and everything that was said about it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from console import masking
from console.context import StaffRequest
from console.order_words import GRAVE, hold_words, warning_words
from console.orders import _offers, _record, _story, _timeline
from console.orders._forms import CARRIERS
from console.orders._record import Record
from console.templatetags.show import masked, money
from console.vocabulary import stuck_words
from customers import timeline
from customers.models import Identity
from oms.models import InboxMessage
from oms.permissions import staff_may
from orders import lifecycle
from orders.models import Allocation, Order, OrderLine, Parcel
from orders.models.order import BUCKETS

LINES = 12  # shown at once
OTHERS = 5  # other orders of the same customer
IDENTITIES = 5


@dataclass(frozen=True, slots=True)
class LineRow:
    line: OrderLine
    buckets: dict[str, int]
    sources: list[Allocation]  # where its units come from, and why


@require_GET
@masking.private
@vary_on_headers("HX-Request", "HX-Target")
def order(request: StaffRequest, number: int) -> HttpResponse:
    record = _record.read(number, reach=request.reach, whole="story" in request.GET)
    rows, next_lines = _lines(record, request.GET.get("lines_from", ""))
    if request.htmx and request.htmx.target == "more-lines":
        return render(
            request, "console/orders/_lines.html", {"rows": rows, "next_lines": next_lines, "order": record.order}
        )
    return render(
        request, "console/orders/order.html", _context(record, request) | {"rows": rows, "next_lines": next_lines}
    )


def _context(record: Record, request: StaffRequest) -> dict[str, Any]:
    order, role, now = record.order, request.staff.role, timezone.now()
    parcels = list(
        order.parcels.select_related("fulfilment__location", "push")
        .prefetch_related("lines")
        .order_by("shipped_at", "pk")
    )
    buyer = masking.person(order.buyer_name or str((order.ship_to or {}).get("name") or ""), role)
    offers = _offers.of(record, request)
    return {
        "order": order,
        "buyer": buyer,
        "story": _story.tell(
            order, record.lines, buyer=buyer, allocations=record.allocations, parcels=parcels, entries=record.entries,
            holds=record.holds, now=now,
        ),
        "offers": offers,
        "banners": _banners(record, role),
        "customer": _customer(order, role),
        "address": _address(record, request),
        "others": _others(record, request),
        "money": _money(record),
        "payments": [_payment(payment) for payment in record.payments],
        "parcels": [_parcel(parcel, order.channel.name) for parcel in parcels],
        "timeline": _timeline.entries(
            order, deeds=record.entries, messages=record.messages, parcels=parcels, holds=record.holds,
            places=record.places, reads_raw=staff_may(role, "order.read_raw"),
            reads_messages=staff_may(role, "channel.read"),
        ),
        "is_cut": record.is_cut,
        "reads_raw": staff_may(role, "order.read_raw") and bool(record.messages),
        "sees_products": staff_may(role, "product.read"),
        "sees_customer": masking.sees_people(role) and order.customer_id is not None,
        "carriers": CARRIERS,
    }  # fmt: skip


# -- lines ------------------------------------------------------------------------------------------------------------


def _lines(record: Record, given: str) -> tuple[list[LineRow], int]:
    """A stretch of lines from the position asked for, and the position of the next stretch or 0."""
    start = int(given) if given.isdecimal() and len(given) < 8 else 1
    shown = [line for line in record.lines if line.position >= start]
    sources: dict[int, list[Allocation]] = {}
    for allocation in record.allocations:
        if allocation.quantity > allocation.dropped:
            sources.setdefault(allocation.line_id, []).append(allocation)
    rows = [
        LineRow(line, {bucket: getattr(line, bucket) for bucket in BUCKETS}, sources.get(line.pk, []))
        for line in shown[:LINES]
    ]
    return rows, shown[LINES].position if len(shown) > LINES else 0


# -- what to know before going on -------------------------------------------------------------------------------------


def _banners(record: Record, role: str) -> list[dict[str, Any]]:
    order = record.order
    found = [_stuck(message, order, role) for message in record.messages if _is_stuck(message)]
    found += [
        {"tone": "warn", "title": "On hold", "text": f"{hold_words(hold)[0].upper()}{hold_words(hold)[1:]}."}
        for hold in record.holds
        if hold.released_at is None
    ]
    if order.cancel_requested and lifecycle.count(record.lines)["cancelled"] < sum(
        line.quantity for line in record.lines
    ):
        text = f"It is a wish, not a fact: {order.channel.name} waits for what you decide."
        found.append({"tone": "warn", "title": "The buyer asks to cancel", "text": text})
    codes = [str(code) for code in order.warnings or []]
    for tone, kept in (("warn", [c for c in codes if c in GRAVE]), ("calm", [c for c in codes if c not in GRAVE])):
        if kept:
            title = "Look before sending" if tone == "warn" else "Noted when it came in"
            found.append({"tone": tone, "title": title, "text": " ".join(warning_words(code) for code in kept)})
    return found


def _is_stuck(message: InboxMessage) -> bool:
    return message.state == InboxMessage.State.QUARANTINED


def _stuck(message: InboxMessage, order: Order, role: str) -> dict[str, Any]:
    words = stuck_words(message.code)
    return {
        "tone": "bad",
        "title": f"News of {order.channel.name} is stuck: {words.word}",
        "text": f"{words.happened} This page shows the order without it.",
        "url": reverse("console:message", args=[message.pk]) if staff_may(role, "channel.read") else "",
        "link": "See the message and what to do" if staff_may(role, "message.fix") else "See the message",
    }


# -- people -----------------------------------------------------------------------------------------------------------


def _customer(order: Order, role: str) -> list[dict[str, Any]]:
    """How the customer is known, masked: their own page uncovers it, for a reason, and writes it down."""
    if not masking.sees_people(role) or order.customer_id is None:
        return []
    hidden = {kind for kinds in timeline.HIDDEN.values() for kind in kinds}
    ids = {order.customer_id: order.customer_id}
    known = timeline.identities(ids).get(order.customer_id, timeline.Known())
    ours = [
        identity
        for identity in known.identities
        if identity.kind != Identity.Kind.BUYER or identity.channel == order.channel.code
    ]
    return [
        {
            "label": identity.get_kind_display().capitalize(),
            "value": masked(identity.shown) if identity.kind in hidden else identity.shown,
        }
        for identity in ours[:IDENTITIES]
    ]


def _address(record: Record, request: StaffRequest) -> list[str]:
    """Where it goes, line by line: whole for who has it to send now, else the town."""
    to = record.order.ship_to if isinstance(record.order.ship_to, dict) else {}
    role = request.staff.role
    town = ", ".join(str(to[part]) for part in ("city", "region") if to.get(part))
    places = _offers.waiting(record, request.reach).values()
    if not (staff_may(role, "order.ship") and any(not place.is_collected for place in places)):
        return [line for line in (town, str(to.get("country") or "")) if line]
    lines = [to.get("name"), to.get("line1"), to.get("line2"), f"{town} {to.get('postcode') or ''}", to.get("country")]
    return [text for line in lines if (text := str(line or "").strip())]


def _others(record: Record, request: StaffRequest) -> list[Order]:
    """What else this person ordered within reach, whichever of their merged selves did."""
    order = record.order
    if not masking.sees_people(request.staff.role) or order.customer is None:
        return []
    who = order.customer.merged_into_id or order.customer_id
    others = Order.objects.within(request.reach).filter(Q(customer=who) | Q(customer__merged_into=who))
    return list(others.exclude(pk=order.pk).select_related("channel").order_by("-placed_at", "-pk")[: OTHERS + 1])


# -- money and parcels ------------------------------------------------------------------------------------------------


def _money(record: Record) -> list[dict[str, Any]]:
    order = record.order

    def shown(label: str, minor: int, **more: Any) -> dict[str, Any]:
        return {"label": label, "value": money(minor, order.currency), **more}

    captured = sum(payment.captured for payment in record.payments)
    refunded = sum(payment.refunded for payment in record.payments)
    owed = order.total - captured
    return [
        shown("Items", order.items_total),
        shown("Delivery", order.shipping_total),
        *([shown("Discount", -order.discount_total)] if order.discount_total else []),
        *([shown("Tax, included" if order.tax_included else "Tax", order.tax_total)] if order.tax_total else []),
        shown("Total", order.total, total=True),
        shown("Paid", captured),
        *([shown("Paid back", -refunded)] if refunded else []),
        *([shown("Still to pay", owed)] if owed > 0 else []),
    ]


def _payment(payment: Any) -> dict[str, Any]:
    waits = payment.captured < payment.authorised
    state = "refunded" if payment.refunded == payment.captured > 0 else "partially_refunded" if payment.refunded else ""
    return {"payment": payment, "state": state or ("authorised" if waits else "captured")}


def _parcel(parcel: Parcel, channel: str) -> dict[str, Any]:
    push = getattr(parcel, "push", None)
    words = {
        "done": (f"{channel} knows", "good"),
        "pending": (f"{channel} is being told", "calm"),
        "rejected": (f"{channel} refused it", "bad"),
    }
    word, tone = words[push.state] if push else ("", "")
    return {
        "parcel": parcel,
        "units": sum(line.quantity for line in parcel.lines.all()),
        "origin": parcel.fulfilment.location.name if parcel.fulfilment else "",
        "word": word,
        "tone": tone,
        "fault": push.error if push and push.state == "rejected" else "",
    }
