"""Take units off an order before they leave, and give their stock back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from inventory import reservations
from oms import audit, db
from oms.errors import Refused
from orders import fulfilment, lifecycle
from orders.lifecycle import STILL_HERE, Move
from orders.models import Allocation, Order, OrderLine
from orders.reading import lock


class NothingToCancel(Refused):
    code = "nothing_to_cancel"


@db.transaction
def cancel(*, number: int, reason: str, actor: audit.Actor, now: datetime) -> int:
    """Cancel every unit that has not been picked or sent; return how many.

    Raises NothingToCancel when no unit is left to cancel. Against picking at the same moment one of both
    wins whole: both lock the order first.
    """
    order, lines = lock(number)
    gone = withdraw(order, lines, {line.pk: line.quantity for line in lines}, actor=actor, reason=reason, now=now)
    if not gone.units:
        raise NothingToCancel(lifecycle.actions(order, lines)["cancel"], number=number)
    reservations.release(parts=gone.parts, now=now)
    return gone.units


@dataclass(frozen=True, slots=True)
class Withdrawn:
    units: int = 0
    parts: Mapping[int, int] = field(default_factory=dict)  # {reservation id: units} that nobody needs any more


@db.inside_transaction
def withdraw(
    order: Order, lines: Sequence[OrderLine], most: Mapping[int, int], *, actor: audit.Actor, reason: str, now: datetime
) -> Withdrawn:
    """Cancel up to `most` units per line id, those without stock first; say how many, and what held them.

    Units picked or sent are left alone. The caller locked the order and its lines, and releases what held the
    units at its end: shelves are locked last.
    """
    moves = []
    for line in lines:
        left = most.get(line.pk, 0)
        for bucket in STILL_HERE:
            units = min(left, getattr(line, bucket))
            left -= units
            if units:
                moves.append(Move(line, bucket, "cancelled", units))
    if not moves:
        return Withdrawn()
    waiting = {move.line.position: move.units for move in moves if move.source == "backordered"}
    parts = reservations.waiting(holder=order.holder, units=waiting) | _allocated(order, moves)
    lifecycle.move(order, lines, moves, now=now)
    units = sum(move.units for move in moves)
    audit.record(
        actor,
        [
            audit.Deed(
                action="order.cancelled", object_kind="order", object_id=str(order.number), happened_at=now,
                reason=reason[:300], facts={"units": units, "lines": sorted({move.line.position for move in moves})},
            )
        ],
    )  # fmt: skip
    return Withdrawn(units, parts)


def _allocated(order: Order, moves: Sequence[Move]) -> dict[int, int]:
    """Take the units off the allocations, latest first, and close fulfilments that have nothing left to send."""
    wanted = {move.line.pk: move.units for move in moves if move.source == "allocated"}
    parts: dict[int, int] = {}
    changed = []
    for allocation in Allocation.objects.filter(line__in=wanted).order_by("-pk").select_for_update():
        units = min(wanted[allocation.line_id], allocation.pending)
        if units:
            wanted[allocation.line_id] -= units
            allocation.dropped += units
            changed.append(allocation)
            if allocation.reservation_id:
                parts[allocation.reservation_id] = units
    fulfilment.keep(changed)
    fulfilment.close_finished(order)
    return parts
