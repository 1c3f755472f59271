"""Give waiting units a place when stock lands, oldest promise first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q

from inventory import availability, reservations
from inventory.availability import Availability, Shelf
from inventory.models import Location, StockLevel
from inventory.reservations import InsufficientStock, Wish
from oms import audit, db
from oms.errors import Refused
from orders import lifecycle
from orders.lifecycle import Move
from orders.models import Order, OrderLine
from orders.reading import lock
from orders.sourcing import Candidate, Demand, Share, plan

ATTEMPTS = 4


class NothingFound(Refused):
    code = "still_short"


def fill(*, number: int, actor: audit.Actor, now: datetime) -> int:
    """Hold stock for what this order waits for, as far as there is any; return how many units got a place.

    Raises NothingFound when there still is none; InsufficientStock when somebody was faster again and again.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _fill(number=number, actor=actor, now=now)
        except InsufficientStock:
            continue  # somebody was faster between our look and our lock: look again
    return _fill(number=number, actor=actor, now=now)


@db.transaction
def _fill(*, number: int, actor: audit.Actor, now: datetime) -> int:
    order, lines = lock(number)
    short = [line for line in lines if line.backordered]
    shares = [share for share in _shares(order, short) if share.location_id is not None]
    if not shares:
        raise NothingFound("No location has a free unit of what this order waits for.", number=number)
    by_position = {line.position: line for line in lines}
    placed: Counter[int] = Counter()
    for share in shares:
        placed[share.line] += share.quantity
    reservations.release(parts=reservations.waiting(holder=order.holder, units=placed), now=now)
    wishes = [_wish(order, share) for share in shares]
    _write_down(order, by_position, shares, reservations.write(wishes, now=now))
    moves = [Move(by_position[line], "backordered", "allocated", units) for line, units in placed.items()]
    lifecycle.move(order, lines, moves, now=now)
    audit.record(
        actor,
        [
            audit.Deed(
                action="order.allocated", object_kind="order", object_id=str(order.number), happened_at=now,
                facts={"units": placed.total(), "why": {str(share.location_id): share.why for share in shares}},
            )
        ],
    )  # fmt: skip
    reservations.secure(wishes)
    return placed.total()


def candidates(stock: Iterable[Availability]) -> list[Candidate]:
    """The locations that hold any of these variants, as sourcing sees them."""
    found: dict[int, Candidate] = {}
    for each in stock:
        for shelf in each.shelves:
            if shelf.location_id not in found:
                found[shelf.location_id] = _candidate(shelf)
            found[shelf.location_id].free[each.variant_id] = shelf.free
    return sorted(found.values(), key=lambda candidate: candidate.code)


def _candidate(shelf: Shelf) -> Candidate:
    return Candidate(
        shelf.location_id, shelf.code, shelf.kind, shelf.region, shelf.serves_anybody, shelf.offers_pickup, {},
        shelf.country,
    )  # fmt: skip


def _shares(order: Order, short: Sequence[OrderLine]) -> list[Share]:
    stock = availability.of({line.variant_id for line in short})
    demands = [Demand(line.position, line.variant_id, line.backordered, line.pickup_at_id) for line in short]
    to = order.ship_to or {}
    return plan(demands, candidates(stock.values()), region=to.get("region", ""), country=to.get("country", ""))


def _wish(order: Order, share: Share) -> Wish:
    return Wish(
        holder=order.holder, line=share.line, variant_id=share.variant_id, location_id=share.location_id,
        quantity=share.quantity,
    )  # fmt: skip


def _write_down(
    order: Order, lines: dict[int, OrderLine], shares: Sequence[Share], reservation_ids: Sequence[int]
) -> None:
    """Make the shares work for their locations, on top of what those have already. One statement."""
    rows = [
        (line.pk, share.location_id, line.method, share.why[:200], reservation, share.quantity)
        for share, reservation in zip(shares, reservation_ids, strict=True)
        for line in [lines[share.line]]
    ]
    db.fetch(_WRITE_DOWN, [*(list(column) for column in zip(*rows, strict=True)), order.pk])


_WRITE_DOWN = """
WITH work AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::int[])
               AS w(line_id, location_id, method, why, reservation_id, quantity)
), place AS (
    INSERT INTO orders_fulfilmentorder AS f (order_id, location_id, method, why)
    SELECT DISTINCT ON (location_id, method) %s::bigint, location_id, method, why FROM work
     ORDER BY location_id, method
        ON CONFLICT (order_id, location_id, method) WHERE state = 'open' DO UPDATE SET why = f.why
    RETURNING id, location_id, method
)
INSERT INTO orders_allocation AS a (line_id, fulfilment_id, reservation_id, quantity)
SELECT line_id, place.id, reservation_id, quantity FROM work JOIN place USING (location_id, method)
    ON CONFLICT (line_id, fulfilment_id)
    DO UPDATE SET quantity = a.quantity + excluded.quantity, reservation_id = excluded.reservation_id
"""


def waiting_orders(variants: Sequence[int], *, limit: int = 50) -> list[int]:
    """Numbers of orders that wait for any of these variants where a unit of it is free, oldest first."""
    free = StockLevel.objects.filter(variant=OuterRef("variant"), on_hand__gt=F("reserved"), location__is_open=True)
    anywhere = free.filter(location__sells_online=True, location__ships=True).exclude(
        location__kind=Location.Kind.SUPPLIER
    )
    lines = OrderLine.objects.filter(variant__in=variants, backordered__gt=0).filter(
        Q(Exists(free.filter(location=OuterRef("pickup_at")))) | Q(Exists(anywhere), pickup_at=None)
    )
    rows = lines.order_by("order__placed_at", "order_id").values_list("order__number", flat=True)
    return list(dict.fromkeys(rows[:limit]))
