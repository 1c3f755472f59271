"""A channel tells a newer version of an order we have: apply what may still change, refuse what came too late.

The ordered quantity of a line never changes; fewer units are cancelled ones. What has been picked or sent cannot be
taken back by a message.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum

from inventory import reservations
from oms import audit, db, search
from orders import cancellation, fulfilment, lifecycle
from orders.incoming import BadOrder, IncomingOrder, State
from orders.lifecycle import SENT, STILL_HERE, Move
from orders.models import Allocation, Order, OrderLine, Parcel, ParcelLine, Payment
from orders.reading import lock


class Change(StrEnum):
    NONE = "none"
    STALE = "stale"
    APPLIED = "applied"


@db.inside_transaction
def apply(*, number: int, incoming: IncomingOrder, actor: audit.Actor, now: datetime) -> Change:
    """Bring order `number` up to what `incoming` says. Safe to repeat; an older version changes nothing.

    Raises BadOrder (`change_after_pick`, `line_unknown`) when the news contradicts what has happened here.
    """
    order, lines = lock(number)
    if order.external_updated_at and incoming.updated_at and incoming.updated_at < order.external_updated_at:
        return Change.STALE
    if order.external_fingerprint == incoming.fingerprint:
        return Change.NONE
    by_external = {line.external_id: line for line in lines}
    unknown = [line.external_id for line in incoming.lines if line.external_id not in by_external]
    if unknown:
        raise BadOrder("line_unknown", f"The channel added line {unknown[0]} after the order came in.", lines=unknown)
    _pay(order, incoming)
    _readdress(order, lines, incoming, actor=actor, now=now)
    _take_parcels(order, lines, incoming, actor=actor, now=now)
    _cancel(order, lines, incoming, actor=actor, now=now)
    order.external_updated_at, order.external_fingerprint = incoming.updated_at, incoming.fingerprint
    order.save(update_fields=["external_updated_at", "external_fingerprint"])
    lifecycle.settle(order, lines, now=now)
    return Change.APPLIED


def _pay(order: Order, incoming: IncomingOrder) -> None:
    """A pending order became a real one, or the other way round; amounts of a pending one arrive late."""
    order.cancel_requested = incoming.cancel_requested
    was_waiting, order.awaiting_payment = order.awaiting_payment, incoming.state is State.AWAITING_PAYMENT
    if not was_waiting:
        return
    order.total, order.shipping_total, order.discount_total = incoming.total, incoming.shipping, incoming.discount
    order.items_total = sum(line.total for line in incoming.lines)
    order.save(update_fields=["total", "shipping_total", "discount_total", "items_total"])
    by_external = {line.external_id: line for line in incoming.lines}
    for line in order.lines.filter(external_id__in=by_external).select_for_update(no_key=True):
        told = by_external[line.external_id]
        line.unit_price, line.discount, line.tax, line.total = told.unit_price, told.discount, told.tax, told.total
        line.save(update_fields=["unit_price", "discount", "tax", "total"])
    if not order.payments.exists():
        Payment.objects.bulk_create(
            Payment(
                order=order, method=p.method, reference=p.reference, currency=order.currency, authorised=p.amount,
                collected_by_channel=p.collected_by_channel, captured=p.amount if p.captured else 0,
            )
            for p in incoming.payments
        )  # fmt: skip


def _readdress(
    order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder, *, actor: audit.Actor, now: datetime
) -> None:
    told = asdict(incoming.ship_to) if incoming.ship_to else None
    # Channels drop the addresses of old orders; forgetting is not a change of address.
    if told is None or told == order.ship_to:
        return
    if order.ship_to and _beyond_recall(lines):
        raise BadOrder("change_after_pick", "The buyer changed the address after units were picked or sent.")
    order.ship_to = told
    order.save(update_fields=["ship_to"])
    keys = [search.Key(search.K.POSTCODE, told["postcode"], "order", order.pk, channel=order.channel.code)]
    keys += [search.Key(search.K.NAME, told["name"], "order", order.pk, channel=order.channel.code)]
    search.index(keys)
    _tell(order, "order.readdressed", actor=actor, now=now)


def _beyond_recall(lines: Sequence[OrderLine]) -> bool:
    units = lifecycle.count(lines)
    return any(units[bucket] for bucket in (*SENT, "picked", "packed"))


def _take_parcels(
    order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder, *, actor: audit.Actor, now: datetime
) -> None:
    """Parcels that left without us, through the channel's own pages, count as sent; our own come back and are known."""
    known = set(order.parcels.values_list("external_id", flat=True))
    known |= set(order.parcels.values_list("tracking_number", flat=True))
    by_external = {line.external_id: line for line in lines}
    for told in incoming.parcels:
        if told.external_id in known or (told.tracking_number and told.tracking_number in known):
            continue
        units = {by_external[e]: n for e, n in told.units if e in by_external}
        moves, parts = _sent_elsewhere(units)
        if not moves:
            continue
        parcel = Parcel.objects.create(
            order=order, external_id=told.external_id or told.tracking_number, carrier=told.carrier[:40],
            tracking_number=told.tracking_number[:60], shipped_at=told.shipped_at or now,
        )  # fmt: skip
        ParcelLine.objects.bulk_create(ParcelLine(parcel=parcel, line=line, quantity=n) for line, n in units.items())
        lifecycle.move(order, lines, moves, now=now)
        reservations.consume(parts=parts, cause="parcel", cause_id=str(parcel.pk), actor=str(actor), now=now)
        fulfilment.close_finished(order)
        _tell(order, "order.shipped_on_channel", actor=actor, now=now, tracking_number=told.tracking_number)


def _sent_elsewhere(units: dict[OrderLine, int]) -> tuple[list[Move], dict[int, int]]:
    """The moves, and the reservations they use up, for units the channel says have left."""
    moves: list[Move] = []
    parts: dict[int, int] = {}
    for line, told in units.items():
        left = told
        for bucket in reversed(STILL_HERE):
            count = min(left, getattr(line, bucket))
            left -= count
            if count:
                moves.append(Move(line, bucket, "shipped", count))
        allocated = sum(move.units for move in moves if move.line is line and move.source == "allocated")
        for allocation in Allocation.objects.filter(line=line).order_by("pk").select_for_update():
            count = min(allocated, allocation.pending)
            allocated -= count
            if count and allocation.reservation_id:
                allocation.sent += count
                allocation.save(update_fields=["sent"])
                parts[allocation.reservation_id] = count
    return moves, parts


def _cancel(
    order: Order, lines: Sequence[OrderLine], incoming: IncomingOrder, *, actor: audit.Actor, now: datetime
) -> None:
    told = {line.external_id: line for line in incoming.lines}
    most: dict[int, int] = {}
    for line in lines:
        if incoming.state is State.CANCELLED or line.external_id not in told:
            most[line.pk] = line.quantity - line.cancelled
        else:
            each = told[line.external_id]
            fewer = each.cancelled + max(0, line.quantity - each.quantity) - line.cancelled
            most[line.pk] = max(0, fewer)
    wanted = sum(most.values())
    done = cancellation.withdraw(order, lines, most, actor=actor, reason="cancelled on the channel", now=now)
    if done < wanted and incoming.state is State.CANCELLED:
        # What has left cannot be cancelled: both stories are true, and a person has to bring them together.
        _tell(order, "order.cancelled_too_late", actor=actor, now=now, units=wanted - done)
    elif done < wanted:
        raise BadOrder("change_after_pick", "The channel cancels units that were picked or sent.", units=wanted - done)


def _tell(order: Order, action: str, *, actor: audit.Actor, now: datetime, **facts: object) -> None:
    deed = audit.Deed(
        action=action, object_kind="order", object_id=str(order.number), happened_at=now, facts=dict(facts)
    )
    audit.record(actor, [deed])
