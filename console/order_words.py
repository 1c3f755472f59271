"""What happened to an order, in words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oms.models import AuditEntry
from orders.models import OrderHold

HOLDS = {
    "address_warning": "the address has to be checked",
    "awaiting_payment": "the payment is not there yet",
    "manual": "somebody asked to wait",
}
WARNINGS = {
    "address_warning": "Part of the address does not fit its country. Check it before sending.",
    "text_cleaned": "Characters that cannot be printed were taken out of a text.",
    "email_invalid": "The e-mail address is none, so nothing can be sent to it.",
    "time_ambiguous": "The channel's time fell into the hour when clocks change; it may be an hour off.",
    "total_differs": "The parts differ from the channel's total by a rounding.",
    "total_missing": "The channel told no total; it was added up from the lines.",
    "unit_price_rounded": "A price per unit was rounded; the line's total is exact.",
    "sku_missing": "The channel told no SKU for a line; its own item number was used.",
    "shipped_units_unknown": "The channel says that units left, but not yet how many.",
    "refunded": "The channel has paid the buyer back. Do not send anything.",
    "partly_refunded": "The channel has paid part of the money back.",
    "marketplace_tax_left_out": "Tax that the channel collects and pays itself is not part of the total.",
    "package_status_unknown": "The channel told a parcel state that is not known here.",
}
GRAVE = {"refunded", "address_warning"}  # of the warnings, those that change what to do next


@dataclass(frozen=True, slots=True)
class Told:
    """An audit entry on a timeline."""

    text: str
    icon: str = "circle-small"
    tone: str = "calm"
    detail: str = ""


def hold_words(hold: OrderHold) -> str:
    return HOLDS.get(hold.reason, hold.reason.replace("_", " ")) + (f" ({hold.note})" if hold.note else "")


def warning_words(code: str) -> str:
    return WARNINGS.get(code, code.replace("_", " ").capitalize() + ".")


def units(number: int) -> str:
    return f"{number:,} unit{'' if number == 1 else 's'}"


def who(actor: str) -> tuple[str, str]:
    """("staff", "grace") of "staff:grace"."""
    kind, _, name = actor.partition(":")
    return kind, name


def by_whom(actor: str, channel: str) -> str:
    kind, name = who(actor)
    return {"staff": f"by {name}", "channel": f"on {channel}", "client": f"by the program {name}"}.get(
        kind, "by the desk"
    )


def facts_of(entry: AuditEntry) -> dict[str, Any]:
    return entry.facts if isinstance(entry.facts, dict) else {}


def describe(entry: AuditEntry, places: Mapping[str, str]) -> Told:
    """`places`: names of locations by code and by id, as the facts of an entry hold either."""
    teller = _TELLERS.get(entry.action)
    if teller is not None:
        return teller(facts_of(entry), entry, places)
    words = entry.action.rpartition(".")[2].replace("_", " ").replace("-", " ").capitalize()
    return Told(words, detail=entry.reason)


def _accepted(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    by_bucket = _mapping(facts, "units")
    where = ", ".join(f"{number} {bucket}" for bucket, number in by_bucket.items())
    short = bool(by_bucket.get("backordered"))
    return Told("Order accepted", "inbox", "warn" if short else "active", f"Units: {where}" if where else "")


def _cancelled(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    return Told(f"{_units(facts)} cancelled", "ban", "calm", entry.reason)


def _shipped(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    code = str(facts.get("from", ""))
    parcel = " ".join(str(facts[name]) for name in ("carrier", "tracking_number") if facts.get(name))
    return Told(f"{_units(facts)} left {places.get(code, code)}", "truck", "active", parcel)


def _shipped_on_channel(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    return Told("Marked as sent on the channel", "truck", "active", str(facts.get("tracking_number", "")))


def _allocated(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    why = _mapping(facts, "why")
    names = ", ".join(f"{places.get(place, f'location {place}')}: {reason}" for place, reason in why.items())
    return Told(f"{_units(facts)} found stock", "package-check", "good", names)


def _readdressed(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    return Told("The buyer changed the address", "map-pin", "active")


def _too_late(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    detail = "Both stories are true; stop the parcel if you still can, or settle it with the buyer."
    return Told(f"Cancelled on the channel after {_units(facts)} had left", "octagon-x", "bad", detail)


def _retried(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    return Told("Stuck message put back in the queue", "rotate-ccw", "active", entry.reason)


def _skipped(facts: dict[str, Any], entry: AuditEntry, places: Mapping[str, str]) -> Told:
    return Told("Stuck message set aside", "archive", "calm", entry.reason)


def _mapping(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, dict) else {}


def _units(facts: Mapping[str, Any]) -> str:
    number = facts.get("units")
    return units(number) if isinstance(number, int) else "Units"


_TELLERS = {
    "order.accepted": _accepted,
    "order.cancelled": _cancelled,
    "order.shipped": _shipped,
    "order.shipped_on_channel": _shipped_on_channel,
    "order.allocated": _allocated,
    "order.readdressed": _readdressed,
    "order.cancelled_too_late": _too_late,
    "inbox.retried": _retried,
    "inbox.skipped": _skipped,
}
