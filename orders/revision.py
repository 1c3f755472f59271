"""A channel tells a newer version of an order we have: apply what may still change, refuse what came too late.

The ordered quantity of a line never changes; fewer units are cancelled ones. What has been picked or sent cannot be
taken back by a message.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum

from customers import identity
from inventory import reservations
from inventory.reservations import Departure
from oms import audit, db, search
from orders import cancellation, fulfilment, intake, lifecycle
from orders.incoming import Address, BadOrder, IncomingOrder, State
from orders.incoming import Parcel as ToldParcel
from orders.lifecycle import SENT, STILL_HERE, Move
from orders.models import Allocation, Order, OrderLine, Parcel, ParcelLine, Payment
from orders.reading import lock

# Where units that have left without us are taken from: those nearest to the door first.
_TOWARDS_THE_DOOR = ("packed", "picked", *reversed(STILL_HERE))


class Change(StrEnum):
    NONE = "none"
    STALE = "stale"
    APPLIED = "applied"


@db.inside_transaction
def apply(*, number: int, incoming: IncomingOrder, actor: audit.Actor, now: datetime) -> Change:
    """Bring order `number` up to what `incoming` says. Safe to repeat; an older version changes nothing.

    Raises BadOrder (`change_after_pick`, `line_unknown`, `quantity_raised`) when the news contradicts what has
    happened here.
    """
    order, lines = lock(number)
    held = order.external_updated_at
    if held and incoming.updated_at and incoming.updated_at < held:
        return Change.STALE
    order.external_updated_at = incoming.updated_at or held
    if order.external_fingerprint == incoming.fingerprint:
        order.save(update_fields=["external_updated_at"])
        return Change.NONE
    _demand_known_units(lines, incoming)
    _pay(order, lines, incoming)
    _meet(order, incoming)
    _readdress(order, lines, incoming, actor=actor, now=now)
    left, no_longer_waiting = _take_parcels(order, lines, incoming, actor=actor, now=now)
    freed = _cancel(order, lines, incoming, actor=actor, now=now)
    order.external_fingerprint = incoming.fingerprint
    order.save(update_fields=["external_updated_at", "external_fingerprint"])
    lifecycle.settle(order, lines, now=now)
    reservations.end(left=left, released=no_longer_waiting + freed, actor=str(actor), now=now)
    return Change.APPLIED


def _demand_known_units(lines: Sequence[OrderLine], incoming: IncomingOrder) -> None:
    ours = {line.external_id: line for line in lines}
    if unknown := [told.external_id for told in incoming.lines if told.external_id not in ours]:
        raise BadOrder("line_unknown", f"The channel added line {unknown[0]} after the order came in.", lines=unknown)
    for told in incoming.lines:
        if told.quantity > (had := ours[told.external_id].quantity):
            raise BadOrder(
                "quantity_raised",
                f"The channel now asks for {told.quantity} of line {told.external_id}, the order came in with {had}.",
                line=told.external_id, had=had, asked=told.quantity,
            )  # fmt: skip


def _pay(order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder) -> None:
    """A pending order became a real one, or the other way round; amounts of a pending one arrive late."""
    order.cancel_requested = incoming.cancel_requested
    was_waiting, order.awaiting_payment = order.awaiting_payment, incoming.state is State.AWAITING_PAYMENT
    if not was_waiting:
        return
    order.total, order.shipping_total, order.discount_total = incoming.total, incoming.shipping, incoming.discount
    order.items_total = sum(line.total for line in incoming.lines)
    order.tax_total = incoming.tax + sum(line.tax for line in incoming.lines)
    order.tax_included = incoming.tax_included
    order.save(update_fields=["total", "shipping_total", "discount_total", "items_total", "tax_total", "tax_included"])
    told = [(order.pk, t.external_id, t.unit_price, t.discount, t.tax, t.total) for t in incoming.lines]
    db.fetch(_REPRICE, [list(column) for column in zip(*told, strict=True)])
    _promise_becomes_payment(order, incoming)


_REPRICE = """
UPDATE orders_orderline line
   SET unit_price = told.unit_price, discount = told.discount, tax = told.tax, total = told.total
  FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
       AS told(order_id, external_id, unit_price, discount, tax, total)
 WHERE line.order_id = told.order_id AND line.external_id = told.external_id
"""


def _promise_becomes_payment(order: Order, incoming: IncomingOrder) -> None:
    promised = list(order.payments.order_by("pk").select_for_update(no_key=True))
    for place, told in enumerate(incoming.payments):
        payment = promised[place] if place < len(promised) else Payment(order=order, currency=order.currency)
        payment.method, payment.reference = told.method[:30], told.reference[:120]
        payment.collected_by_channel = told.collected_by_channel
        payment.authorised, payment.captured = told.amount, told.amount if told.captured else 0
        payment.save()


def _meet(order: Order, incoming: IncomingOrder) -> None:
    """Who bought may be told late; whatever is told leads to the order from now on."""
    keys = intake.search_keys(incoming, order_id=order.pk, number=order.number)
    if order.customer_id is None:
        (buyer,) = identity.recognise([intake.buyer_of(incoming)])
        order.customer_id, keys = buyer.customer_id, keys + buyer.keys
        order.buyer_name = order.buyer_name or incoming.buyer.name[:200]
        order.save(update_fields=["customer", "buyer_name"])
    search.index(keys)


def _readdress(
    order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder, *, actor: audit.Actor, now: datetime
) -> None:
    told = incoming.ship_to
    if told is None or _only_forgets(told, order.ship_to or {}):
        return
    if order.ship_to and not order.fulfilled_by_channel and _beyond_recall(lines):
        raise BadOrder("change_after_pick", "The buyer changed the address after units were picked or sent.")
    order.ship_to = asdict(told)
    order.save(update_fields=["ship_to"])
    _tell(order, "order.readdressed", actor=actor, now=now)


def _only_forgets(told: Address, known: Mapping[str, str]) -> bool:
    """Channels drop the addresses of old orders, whole or in parts; forgetting is not a change of address."""
    return all(not value or value == known.get(name) for name, value in asdict(told).items())


def _beyond_recall(lines: Sequence[OrderLine]) -> bool:
    units = lifecycle.count(lines)
    return any(units[bucket] for bucket in (*SENT, "picked", "packed"))


def _take_parcels(
    order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder, *, actor: audit.Actor, now: datetime
) -> tuple[list[Departure], Counter[int]]:
    """Units that left without us, through the channel's own pages, count as sent; our own parcels come back known.

    Return what left the shelves, and the waiting demand that is served by it.
    """
    missing = _left_without_us(lines, incoming)
    departures: list[Departure] = []
    served: Counter[int] = Counter()
    for name, told in _unknown_parcels(order, incoming).items():
        units = told.units_of(missing) & missing
        missing -= units
        departures += _send(order, lines, units, name, told, served, actor=actor, now=now)
    departures += _send(order, lines, missing, "", ToldParcel(external_id=""), served, actor=actor, now=now)
    if departures:
        fulfilment.close_finished(order)
    return departures, served


def _left_without_us(lines: Sequence[OrderLine], incoming: IncomingOrder) -> Counter[str]:
    """{line id of the channel: units} that it says have left and we do not know of."""
    by_external = {line.external_id: line for line in lines}
    in_parcels: Counter[str] = Counter()
    for parcel in incoming.parcels:
        in_parcels += parcel.units_of(by_external)
    missing: Counter[str] = Counter()
    for told in incoming.lines:
        line = by_external[told.external_id]
        gone = max(told.shipped, in_parcels[told.external_id])
        if incoming.fulfilled_by_channel and incoming.state is State.SHIPPED:
            gone = told.quantity - told.cancelled
        missing[told.external_id] = gone - sum(getattr(line, bucket) for bucket in SENT)
    return +missing


def _unknown_parcels(order: Order, incoming: IncomingOrder) -> dict[str, ToldParcel]:
    ours = {text for names in order.parcels.values_list("external_id", "tracking_number") for text in names if text}
    known = {search.normalise(search.K.TRACKING, name) for name in ours}
    return {
        name: told
        for name, told in incoming.named_parcels().items()
        if name not in ours and search.normalise(search.K.TRACKING, told.tracking_number) not in known
    }


def _send(
    order: Order, lines: Sequence[OrderLine], units: Mapping[str, int], name: str, told: ToldParcel,
    served: Counter[int], *, actor: audit.Actor, now: datetime,
) -> list[Departure]:  # fmt: skip
    """Write down one parcel that left without us; add the waiting demand it serves to `served`."""
    moves = [move for line in lines for move in _moves_out(line, units.get(line.external_id, 0))]
    if lost := sum(units.values()) - sum(move.units for move in moves):
        # What was cancelled here has left there: both stories are true, and a person has to bring them together.
        _tell(order, "order.shipped_though_cancelled", actor=actor, now=now, units=lost)
    if not moves:
        return []
    parcel = Parcel.objects.create(
        order=order, external_id=name, carrier=told.carrier[:40], tracking_number=told.tracking_number[:60],
        shipped_at=told.shipped_at or now,
    )  # fmt: skip
    sent: Counter[OrderLine] = Counter()
    for move in moves:
        sent[move.line] += move.units
    ParcelLine.objects.bulk_create(ParcelLine(parcel=parcel, line=line, quantity=n) for line, n in sent.items())
    waiting = {move.line.position: move.units for move in moves if move.source == "backordered"}
    served.update(reservations.waiting(holder=order.holder, units=waiting) if waiting else {})
    parts = _off_the_allocations(moves)
    lifecycle.move(order, lines, moves, now=now)
    _tell(order, "order.shipped_on_channel", actor=actor, now=now, tracking_number=told.tracking_number)
    return [Departure(parts=parts, cause="parcel", cause_id=str(parcel.pk))]


def _moves_out(line: OrderLine, units: int) -> list[Move]:
    moves = []
    for bucket in _TOWARDS_THE_DOOR:
        if count := min(units, getattr(line, bucket)):
            moves.append(Move(line, bucket, "shipped", count))
            units -= count
    return moves


def _off_the_allocations(moves: Sequence[Move]) -> dict[int, int]:
    """Note on the allocations what has left; return the reservations it uses up."""
    wanted: Counter[int] = Counter()
    for move in moves:
        if move.source not in ("open", "backordered"):
            wanted[move.line.pk] += move.units
    parts, changed = {}, []
    for allocation in Allocation.objects.filter(line__in=wanted).order_by("pk").select_for_update(no_key=True):
        if count := min(wanted[allocation.line_id], allocation.pending):
            wanted[allocation.line_id] -= count
            allocation.sent += count
            changed.append(allocation)
            if allocation.reservation_id:
                parts[allocation.reservation_id] = count
    fulfilment.keep(changed)
    return parts


def _cancel(
    order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder, *, actor: audit.Actor, now: datetime
) -> Counter[int]:
    """Cancel what the channel says is cancelled; return what held it."""
    told = {line.external_id: line for line in incoming.lines}
    most: dict[int, int] = {}
    for line in lines:
        if incoming.state is State.CANCELLED or line.external_id not in told:
            most[line.pk] = line.quantity - line.cancelled
        else:
            each = told[line.external_id]
            most[line.pk] = max(0, each.cancelled + line.quantity - each.quantity - line.cancelled)
    wanted = sum(most.values())
    gone = cancellation.withdraw(order, lines, most, actor=actor, reason="cancelled on the channel", now=now)
    if gone.units < wanted and incoming.state is State.CANCELLED:
        # What has left cannot be cancelled: both stories are true, and a person has to bring them together.
        _tell(order, "order.cancelled_too_late", actor=actor, now=now, units=wanted - gone.units)
    elif gone.units < wanted:
        raise BadOrder(
            "change_after_pick", "The channel cancels units that were picked or sent.", units=wanted - gone.units
        )
    return Counter(gone.parts)


def _tell(order: Order, action: str, *, actor: audit.Actor, now: datetime, **facts: object) -> None:
    deed = audit.Deed(
        action=action, object_kind="order", object_id=str(order.number), happened_at=now, facts=dict(facts)
    )
    audit.record(actor, [deed])
