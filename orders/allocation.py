"""Give waiting units a place when stock lands, oldest promise first."""

from collections.abc import Sequence
from datetime import datetime

from inventory import availability, reservations
from inventory.models import Reservation
from oms import audit, db
from oms.errors import Refused
from orders import lifecycle
from orders.lifecycle import Move
from orders.models import Allocation, FulfilmentOrder, Order, OrderLine
from orders.reading import lock
from orders.sourcing import Candidate, Demand, Share, plan


class NothingFound(Refused):
    code = "still_short"


@db.transaction
def fill(*, number: int, actor: audit.Actor, now: datetime) -> int:
    """Hold stock for what this order waits for, as far as there is any; return how many units got a place.

    Raises NothingFound when there still is none; InsufficientStock when somebody was faster (call again).
    """
    order, lines = lock(number)
    waiting = [line for line in lines if line.backordered]
    shares = [share for share in _shares(order, waiting) if share.location_id is not None]
    if not shares:
        raise NothingFound("No location has a free unit of what this order waits for.", number=number)
    _release_waiting(order, shares, now=now)
    _allocate(order, {line.position: line for line in lines}, shares, now=now)
    by_position = {line.position: line for line in lines}
    moves = [Move(by_position[share.line], "backordered", "allocated", share.quantity) for share in shares]
    lifecycle.move(order, lines, moves, now=now)
    units = sum(share.quantity for share in shares)
    audit.record(
        actor,
        [
            audit.Deed(
                action="order.allocated", object_kind="order", object_id=str(order.number), happened_at=now,
                facts={"units": units, "why": {str(share.location_id): share.why for share in shares}},
            )
        ],
    )  # fmt: skip
    return units


def _shares(order: Order, waiting: Sequence[OrderLine]) -> list[Share]:
    found = availability.of({line.variant_id for line in waiting})
    candidates: dict[int, Candidate] = {}
    for each in found.values():
        for shelf in each.shelves:
            candidate = candidates.setdefault(
                shelf.location_id,
                Candidate(
                    shelf.location_id, shelf.code, shelf.kind, shelf.region, shelf.ships, shelf.offers_pickup, {}
                ),
            )
            candidate.free[each.variant_id] = shelf.free
    demands = [Demand(line.position, line.variant_id, line.backordered, line.pickup_at_id) for line in waiting]
    ordered = sorted(candidates.values(), key=lambda candidate: candidate.code)
    return plan(demands, ordered, region=(order.ship_to or {}).get("region", ""))


def _release_waiting(order: Order, shares: Sequence[Share], *, now: datetime) -> None:
    placed: dict[int, int] = {}
    for share in shares:
        placed[share.line] = placed.get(share.line, 0) + share.quantity
    rows = Reservation.objects.filter(
        holder=f"order:{order.number}", holder_line__in=placed, location=None, state=Reservation.State.HELD
    )
    reservations.release(parts={row.pk: placed[row.holder_line] for row in rows.order_by("pk")}, now=now)


def _allocate(order: Order, lines: dict[int, OrderLine], shares: Sequence[Share], *, now: datetime) -> None:
    """Hold the shares and write them down as work for their locations, on top of what those have already."""
    for share in shares:
        assert share.location_id is not None  # noqa: S101  # the caller left out what found no place
        line = lines[share.line]
        fulfilment, _ = FulfilmentOrder.objects.get_or_create(
            order=order, location_id=share.location_id, method=line.method, state=FulfilmentOrder.State.OPEN,
            defaults={"why": share.why},
        )  # fmt: skip
        held = Reservation.objects.filter(
            holder=f"order:{order.number}", holder_line=line.position, location_id=share.location_id,
            state=Reservation.State.HELD,
        )  # fmt: skip
        existing = Allocation.objects.filter(line=line, fulfilment=fulfilment).first()
        units = share.quantity
        if (row := held.first()) is not None:
            reservations.grow(reservation_id=row.pk, units=units, now=now)
            reservation_id = row.pk
        else:
            wish = reservations.Wish(
                holder=f"order:{order.number}", line=line.position, variant_id=line.variant_id,
                location_id=share.location_id, quantity=units,
            )  # fmt: skip
            (reservation_id,) = reservations.hold([wish], now=now)
        if existing:
            existing.quantity += units
            existing.reservation_id = reservation_id
            existing.save(update_fields=["quantity", "reservation_id"])
        else:
            Allocation.objects.create(line=line, fulfilment=fulfilment, reservation_id=reservation_id, quantity=units)


def waiting_orders(variants: Sequence[int], *, limit: int = 50) -> list[int]:
    """Numbers of orders that wait for any of these variants, oldest first."""
    lines = OrderLine.objects.filter(variant__in=variants, backordered__gt=0)
    rows = lines.order_by("order__placed_at", "order_id").values_list("order__number", flat=True)
    return list(dict.fromkeys(rows[:limit]))
