"""One timeline of an order from all systems, oldest first: who said or did what, and when. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.urls import reverse

from console.order_words import Told, describe, facts_of, hold_words, units, who
from console.vocabulary import stuck_words
from oms.models import AuditEntry, InboxMessage
from orders.models import Order, OrderHold, Parcel

DESK = "desk"
State = InboxMessage.State


def entries(
    order: Order,
    *,
    deeds: Iterable[AuditEntry],
    messages: Iterable[InboxMessage],
    parcels: Sequence[Parcel],
    holds: Iterable[OrderHold],
    places: Mapping[str, str],
    reads_raw: bool,
    reads_messages: bool,
) -> list[dict[str, Any]]:
    """Entries as components/timeline.html takes them. `places`: names of locations by code and by id."""
    deeds = list(deeds)
    found = [_deed(deed, order, places) for deed in deeds]
    found += [_message(message, order, reads_raw, reads_messages) for message in messages]
    told = {facts_of(deed).get("tracking_number", "") for deed in deeds if deed.action.startswith("order.shipped")}
    found += [_parcel(parcel, order) for parcel in parcels if parcel.tracking_number not in told]
    found += [_telling(parcel, order) for parcel in parcels if _was_told(parcel)]
    found += [entry for hold in holds for entry in _hold(hold)]
    return sorted(found, key=lambda entry: entry["at"])


def _entry(at: Any, told: Told, source: str, **more: Any) -> dict[str, Any]:
    return {
        "at": at,
        "text": told.text,
        "icon": told.icon,
        "tone": told.tone,
        "detail": told.detail,
        "source": source,
        **more,
    }


def _deed(deed: AuditEntry, order: Order, places: Mapping[str, str]) -> dict[str, Any]:
    kind, name = who(deed.actor)
    source = {"channel": order.channel.name, "client": name}.get(kind, DESK)
    return _entry(deed.happened_at, describe(deed, places), source, actor=name if kind == "staff" else "")


def _message(message: InboxMessage, order: Order, reads_raw: bool, reads_messages: bool) -> dict[str, Any]:
    stuck = message.state == State.QUARANTINED
    told = {
        State.RECEIVED: Told("Message waits to be read", "mail"),
        State.DONE: Told("Message received", "mail"),
        State.IGNORED: Told("Message set aside: older than what we have, or skipped by a person", "mail-x"),
    }.get(State(message.state)) or Told(
        f"Message stuck: {stuck_words(message.code).word}", "mail-warning", "bad", message.message
    )
    raw = f"{reverse('console:order-raw', args=[order.number])}?message={message.pk}" if reads_raw else ""
    url = reverse("console:message", args=[message.pk]) if stuck and reads_messages else ""
    return _entry(message.received_at, told, order.channel.name, raw_url=raw, url=url)


def _parcel(parcel: Parcel, order: Order) -> dict[str, Any]:
    origin = parcel.fulfilment.location.name if parcel.fulfilment else order.channel.name
    told = Told(
        f"{units(sum(line.quantity for line in parcel.lines.all()))} left {origin}",
        "truck", "active", f"{parcel.carrier} {parcel.tracking_number}".strip(),
    )  # fmt: skip
    return _entry(parcel.shipped_at, told, order.channel.name if parcel.external_id else DESK)


def _was_told(parcel: Parcel) -> bool:
    push = getattr(parcel, "push", None)
    return push is not None and push.done_at is not None


def _telling(parcel: Parcel, order: Order) -> dict[str, Any]:
    told = Told(
        f"{order.channel.name} was told that {parcel.tracking_number or 'the parcel'} left", "radio-tower", "good"
    )
    return _entry(parcel.push.done_at, told, order.channel.name)


def _hold(hold: OrderHold) -> list[dict[str, Any]]:
    words = hold_words(hold)
    found = [_entry(hold.placed_at, Told("Put on hold", "hand", "warn", words), DESK, actor=who(hold.placed_by)[1])]
    if hold.released_at:
        let_go = Told("Released from hold", "play", "calm", words)
        found.append(_entry(hold.released_at, let_go, DESK, actor=who(hold.released_by)[1]))
    return found
