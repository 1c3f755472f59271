"""An order in one sentence that a person can read aloud. Pure: reads what was fetched, asks for nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from console.order_words import by_whom, hold_words
from oms.models import AuditEntry
from orders import lifecycle
from orders.models import Allocation, Order, OrderHold, OrderLine, Parcel, SalesChannel


def tell(
    order: Order,
    lines: Sequence[OrderLine],
    *,
    buyer: str,
    allocations: Iterable[Allocation],
    parcels: Sequence[Parcel],
    entries: Sequence[AuditEntry],
    holds: Sequence[OrderHold],
    now: datetime,
) -> str:
    units = lifecycle.count(lines)
    whole = sum(units.values())
    said = [
        *_cancelled(order, units, whole, entries, now),
        *_taken_along(order, lines, units, whole),
        *_sent(order, units, whole, parcels, now),
        *_on_its_way_out(allocations, whole),
        *_waiting(order, units, whole),
        *_back(units, whole),
    ]
    more = [f"On hold: {hold_words(hold)}." for hold in holds if hold.released_at is None]
    if order.awaiting_payment:
        more.insert(0, f"{order.channel.name} still waits for the payment, so nothing is sent yet.")
    if order.cancel_requested and units["cancelled"] != whole:
        more.append("The buyer asks to cancel it.")
    opening = _opening(order, buyer, now)
    return " ".join([f"{opening}: {_listed(said)}." if said else f"{opening}.", *more])


def _opening(order: Order, buyer: str, now: datetime) -> str:
    where = {
        SalesChannel.Kind.TILL: f"Bought at {order.sold_at.name if order.sold_at else 'a till'}",
        SalesChannel.Kind.PHONE: f"Ordered by phone ({order.channel.name})",
        SalesChannel.Kind.WEB_SHOP: f"Ordered in the web shop ({order.channel.name})",
    }.get(SalesChannel.Kind(order.channel.kind), f"Ordered on {order.channel.name}")
    return f"{where} on {day(order.placed_at, now)}{f' by {buyer}' if buyer else ''}"


def _cancelled(
    order: Order, units: Mapping[str, int], whole: int, entries: Sequence[AuditEntry], now: datetime
) -> list[str]:
    if not units["cancelled"]:
        return []
    deed = next((entry for entry in reversed(entries) if entry.action == "order.cancelled"), None)
    how = f" on {day(deed.happened_at, now)} {by_whom(deed.actor, order.channel.name)}" if deed else ""
    return [f"{_many(units['cancelled'], whole, 'was cancelled', 'were cancelled')}{how}"]


def _taken_along(order: Order, lines: Sequence[OrderLine], units: Mapping[str, int], whole: int) -> list[str]:
    along = sum(line.delivered for line in lines if line.method == "carry_out")
    handed = units["delivered"] - along
    return [
        *([_many(along, whole, "was taken along", "were taken along")] if along else []),
        *([_many(handed, whole, "was delivered", "were delivered")] if handed else []),
    ]


def _sent(order: Order, units: Mapping[str, int], whole: int, parcels: Sequence[Parcel], now: datetime) -> list[str]:
    gone = units["shipped"]
    if not gone:
        return []
    if order.fulfilled_by_channel:
        return [
            _many(gone, whole, f"was sent by {order.channel.name} itself", f"were sent by {order.channel.name} itself")
        ]
    if not parcels:
        return [_many(gone, whole, "has left", "have left")]
    last = parcels[-1]
    how = f"on {day(last.shipped_at, now)}{f' with {last.carrier}' if last.carrier else ''}"
    if len(parcels) > 1:
        return [f"{_many(gone, whole, 'left', 'left')} in {len(parcels)} parcels, the last {how}"]
    origin = f" {last.fulfilment.location.name}" if last.fulfilment else ""
    return [f"{_many(gone, whole, 'left', 'left')}{origin} {how}"]


def _on_its_way_out(allocations: Iterable[Allocation], whole: int) -> list[str]:
    waiting: Counter[tuple[str, str]] = Counter()
    for allocation in allocations:
        fulfilment = allocation.fulfilment
        waiting[fulfilment.location.name, fulfilment.method] += allocation.pending
    said = []
    for (place, method), units in waiting.items():
        doing = "kept for collection" if method == "pickup" else "being made ready"
        if units:
            said.append(f"{_many(units, whole, f'is {doing}', f'are {doing}')} at {place}")
    return said


def _waiting(order: Order, units: Mapping[str, int], whole: int) -> list[str]:
    said = []
    if units["backordered"]:
        said.append(_many(units["backordered"], whole, "waits for stock", "wait for stock"))
    if units["open"] and order.fulfilled_by_channel:
        said.append(f"{order.channel.name} itself is to send {_some(units['open'], whole)}")
    elif units["open"]:
        said.append(_many(units["open"], whole, "is not planned yet", "are not planned yet"))
    return said


def _back(units: Mapping[str, int], whole: int) -> list[str]:
    return [
        *(
            [_many(units["returning"], whole, "is on the way back", "are on the way back")]
            if units["returning"]
            else []
        ),
        *([_many(units["returned"], whole, "came back", "came back")] if units["returned"] else []),
    ]


def _many(units: int, whole: int, one: str, several: str) -> str:
    return f"{_some(units, whole)} {one if units == 1 else several}"


def _some(units: int, whole: int) -> str:
    if units == whole:
        return "the unit" if whole == 1 else f"all {whole:,} units"
    return f"{units:,} of {whole:,} units"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])}, and {parts[-1]}"


def day(moment: datetime, now: datetime) -> str:
    """3 November, with the year when it is another one."""
    local = timezone.localtime(moment)
    return f"{local.day} {local:%B}{'' if local.year == timezone.localtime(now).year else f' {local.year}'}"
