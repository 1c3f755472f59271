"""What leaves: parcels from a location, and the stock that goes with them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from inventory import reservations
from oms import audit, db, outbox, search, text
from oms.errors import Refused
from orders import events, lifecycle
from orders.lifecycle import Move
from orders.models import Allocation, FulfilmentOrder, Order, OrderLine, Parcel, ParcelLine
from orders.reading import lock


class CannotShip(Refused):
    code = "cannot_ship"


class NoSuchLine(Refused):
    code = "line_unknown"
    status = 422


@db.transaction
def ship(
    *,
    number: int,
    location: str,
    carrier: str,
    tracking_number: str,
    units: Mapping[int, int] | None = None,
    actor: audit.Actor,
    now: datetime,
) -> Parcel:
    """A parcel leaves `location`: {line position: units}, or everything allocated there.

    Repeating it with the same tracking number returns the parcel that left. Raises CannotShip, NoSuchLine,
    lifecycle.IllegalMove, reading.NoSuchOrder.
    """
    order, lines = lock(number)
    tracking_number = text.free(tracking_number, most=60)
    if tracking_number and (already := order.parcels.filter(tracking_number=tracking_number).first()):
        return already
    _demand_free_to_go(order)
    if unknown := sorted(set(units or ()) - {line.position for line in lines}):
        raise NoSuchLine(f"This order has no line {unknown[0]}.", number=number, lines=unknown)
    pending = _pending(order, location)
    wanted = {line.pk: units[line.position] for line in lines if units and units.get(line.position)}
    chosen = {a: a.pending if units is None else wanted.get(a.line_id, 0) for a in pending}
    chosen = {allocation: count for allocation, count in chosen.items() if count}
    elsewhere = wanted.keys() - {allocation.line_id for allocation in chosen}
    if not chosen or elsewhere or any(count > allocation.pending for allocation, count in chosen.items()):
        raise CannotShip(f"{location} has nothing more of this order to send, or not so many.", number=number)
    return _send(order, lines, chosen, carrier, tracking_number, actor=actor, now=now)


def _demand_free_to_go(order: Order) -> None:
    if order.awaiting_payment:
        raise CannotShip("The channel still waits for the payment; ship when it says paid.", number=order.number)
    if hold := order.holds.filter(released_at=None).order_by("pk").first():
        raise CannotShip(f"The order is on hold ({hold.reason}); release it first.", number=order.number)


def _pending(order: Order, location: str) -> list[Allocation]:
    here = Allocation.objects.filter(fulfilment__order=order, fulfilment__location__code=location)
    rows = here.order_by("pk").select_for_update(of=("self",)).select_related("fulfilment")
    return [allocation for allocation in rows if allocation.pending]


def _send(
    order: Order, lines: Sequence[OrderLine], chosen: Mapping[Allocation, int], carrier: str, tracking_number: str,
    *, actor: audit.Actor, now: datetime,
) -> Parcel:  # fmt: skip
    fulfilment: FulfilmentOrder = next(iter(chosen)).fulfilment
    by_id = {line.pk: line for line in lines}
    lifecycle.move(
        order, lines, [Move(by_id[a.line_id], "allocated", "shipped", n) for a, n in chosen.items()], now=now
    )
    for allocation, count in chosen.items():
        allocation.sent += count
    keep(chosen)
    parcel = Parcel.objects.create(
        order=order, fulfilment=fulfilment, carrier=text.free(carrier, most=40), tracking_number=tracking_number,
        shipped_at=now,
    )  # fmt: skip
    ParcelLine.objects.bulk_create(
        ParcelLine(parcel=parcel, line_id=allocation.line_id, quantity=count) for allocation, count in chosen.items()
    )
    close_finished(order)
    key = search.Key(search.K.TRACKING, tracking_number, "order", order.pk, channel=order.channel.code)
    search.index([key] if tracking_number else [])
    audit.record(
        actor,
        [
            audit.Deed(
                action="order.shipped", object_kind="order", object_id=str(order.number), happened_at=now,
                facts={
                    "units": sum(chosen.values()), "from": fulfilment.location.code, "carrier": parcel.carrier,
                    "tracking_number": tracking_number,
                },
            )
        ],
    )  # fmt: skip
    outbox.publish([events.about_order(events.PARCEL_SHIPPED, order.number, now=now, parcel=parcel.pk)])
    reservations.consume(
        parts={a.reservation_id: n for a, n in chosen.items() if a.reservation_id},
        cause="parcel", cause_id=str(parcel.pk), actor=str(actor), now=now,
    )  # fmt: skip
    return parcel


@db.inside_transaction
def keep(allocations: Iterable[Allocation]) -> None:
    """Store what has been sent and dropped of these allocations. One statement."""
    rows = [(each.pk, each.sent, each.dropped) for each in allocations]
    if rows:
        db.fetch(_KEEP, [list(column) for column in zip(*rows, strict=True)])


_KEEP = """
UPDATE orders_allocation a SET sent = now.sent, dropped = now.dropped
  FROM unnest(%s::bigint[], %s::int[], %s::int[]) AS now(id, sent, dropped) WHERE a.id = now.id
"""


@db.inside_transaction
def close_finished(order: Order) -> None:
    """Close open fulfilments of which nothing is pending any more. One statement."""
    db.fetch(_CLOSE, [order.pk])


_CLOSE = """
UPDATE orders_fulfilmentorder f SET state = CASE WHEN done.sent > 0 THEN 'closed' ELSE 'cancelled' END
  FROM (SELECT fulfilment_id, sum(a.sent) AS sent
          FROM orders_allocation a JOIN orders_fulfilmentorder o ON o.id = a.fulfilment_id
         WHERE o.order_id = %s AND o.state = 'open'
         GROUP BY 1 HAVING sum(a.quantity - a.sent - a.dropped) = 0) done
 WHERE f.id = done.fulfilment_id
"""
