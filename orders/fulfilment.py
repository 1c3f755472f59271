"""What leaves: parcels from a location, and the stock that goes with them."""

from collections.abc import Mapping, Sequence
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

    Repeating it with the same tracking number returns the parcel that left. Raises CannotShip,
    lifecycle.IllegalMove, reading.NoSuchOrder.
    """
    order, lines = lock(number)
    tracking_number = text.free(tracking_number, most=60)
    if tracking_number and (already := order.parcels.filter(tracking_number=tracking_number).first()):
        return already
    if order.awaiting_payment:
        raise CannotShip("The channel still waits for the payment; ship when it says paid.", number=number)
    pending = _pending(order, location)
    wanted = {line.pk: units[line.position] for line in lines if units and units.get(line.position)}
    chosen = {a: wanted.get(a.line_id, 0) if units else a.pending for a in pending}
    chosen = {allocation: count for allocation, count in chosen.items() if count}
    if not chosen or any(count > allocation.pending for allocation, count in chosen.items()):
        raise CannotShip(f"{location} has nothing more of this order to send, or not so many.", number=number)
    return _send(order, lines, chosen, carrier, tracking_number, actor=actor, now=now)


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
    Allocation.objects.bulk_update(chosen, ["sent"])
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


def close_finished(order: Order) -> None:
    """Close open fulfilments of which nothing is pending any more."""
    for fulfilment in order.fulfilments.filter(state=FulfilmentOrder.State.OPEN).prefetch_related("allocations"):
        allocations = list(fulfilment.allocations.all())
        if not any(allocation.pending for allocation in allocations):
            sent = any(allocation.sent for allocation in allocations)
            fulfilment.state = FulfilmentOrder.State.CLOSED if sent else FulfilmentOrder.State.CANCELLED
            fulfilment.save(update_fields=["state"])
