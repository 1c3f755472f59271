"""The front door: every order from every channel enters here, once, whatever its size, in the same few statements.

Order of the work: look, plan, recognise the buyer, write everything, and only then lock the shelves. So a shelf
that everybody wants is locked for two round trips, not for the whole order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from customers import identity
from inventory import availability, ledger, reservations
from inventory.events import availability_changed
from inventory.ledger import Shelf
from oms import audit, db, outbox, search
from oms.errors import Refused
from orders import _graph, events, lifecycle
from orders._graph import Draft, LineDraft
from orders.incoming import BadOrder, IncomingOrder, Line, Method, State, check
from orders.models import SalesChannel
from orders.sourcing import Candidate, Demand, Share, plan

ATTEMPTS = 4
MARKETPLACE, TILL = SalesChannel.Kind.MARKETPLACE, SalesChannel.Kind.TILL


class OutOfStock(Refused):
    """An own channel asked for units that cannot be promised."""

    code = "out_of_stock"


@dataclass(frozen=True, slots=True)
class Accepted:
    order_id: int
    number: int
    is_new: bool
    status: str
    backordered: int = 0  # units nobody has now


def accept(incoming: IncomingOrder, *, actor: audit.Actor, now: datetime) -> Accepted:
    """Take one order in: plan it, hold its stock and record it, in one transaction.

    Safe to repeat: the same (channel, external number) gives the order we have, unchanged. Own channels
    get OutOfStock for what cannot be held; marketplace orders are sold already, so what is short becomes
    visible demand. Raises BadOrder, InsufficientStock after losing the race for a shelf again and again.
    """
    return accept_many([incoming], actor=actor, now=now)[0]


def accept_many(batch: Sequence[IncomingOrder], *, actor: audit.Actor, now: datetime) -> list[Accepted]:
    """Take many orders in together, all or none, in as many statements as one. The answers keep the order of `batch`.

    Raises as `accept` does, for the first order that cannot be taken.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _in_own_transaction(batch, actor=actor, now=now)
        except reservations.InsufficientStock:
            continue  # somebody was faster between our look and our lock: look again
    return _in_own_transaction(batch, actor=actor, now=now)


@db.transaction
def _in_own_transaction(batch: Sequence[IncomingOrder], *, actor: audit.Actor, now: datetime) -> list[Accepted]:
    return place(batch, actor=actor, now=now)


@db.inside_transaction
def place(batch: Sequence[IncomingOrder], *, actor: audit.Actor, now: datetime) -> list[Accepted]:
    """`accept_many` for a caller that owns the transaction, such as a request with an idempotency key.

    Raises InsufficientStock or db.Again when another transaction was faster; roll back and call again.
    """
    checked = [(order, check(order)) for order in batch]
    context = _graph.look(batch)
    drafts = [
        _draft(order, warnings, seen) for (order, warnings), seen in zip(checked, context, strict=True) if seen.is_new
    ]
    if drafts:
        _plan(drafts, availability.by_sku({line.sku for draft in drafts for line in draft.order.lines}))
        _record(drafts, actor=actor, now=now)
    numbers = {draft.seen.number: draft for draft in drafts}
    return [
        Accepted(seen.order_id, seen.number, seen.is_new, draft.status, draft.units["backordered"])
        if (draft := numbers.get(seen.number))
        else Accepted(seen.order_id, seen.number, is_new=False, status=seen.status)
        for seen in context
    ]


def _draft(order: IncomingOrder, warnings: Sequence[str], seen: _graph.Seen) -> Draft:
    if seen.channel_id is None:
        raise BadOrder("channel_unknown", f"There is no channel “{order.channel}”.", channel=order.channel)
    if order.currency != seen.currency:
        raise BadOrder(
            "currency_mismatch",
            f"{order.channel} trades in {seen.currency}, this order is in {order.currency}.",
            channel=seen.currency, order=order.currency,
        )  # fmt: skip
    free = [line.external_id for line in order.lines if line.unit_price == 0]
    if free and not seen.allows_zero_price and order.state is not State.AWAITING_PAYMENT:
        raise BadOrder("price_zero", f"Line {free[0]} costs nothing, and {order.channel} sells no gifts.", lines=free)
    codes = [line.location for line in order.lines if line.location] + ([order.sold_at] if order.sold_at else [])
    for code in codes:
        if code not in seen.locations:
            raise BadOrder("store_unavailable", f"There is no location “{code}”.", location=code)
    return Draft(order, seen, (*order.warnings, *warnings))


def _plan(drafts: Sequence[Draft], stock: dict[str, availability.Availability]) -> None:
    """Give every line its variant and every unit its bucket, from one unlocked look at the shelves."""
    candidates: dict[int, Candidate] = {}
    for found in stock.values():
        for shelf in found.shelves:
            candidate = candidates.get(shelf.location_id) or candidates.setdefault(
                shelf.location_id,
                Candidate(
                    shelf.location_id, shelf.code, shelf.kind, shelf.region, shelf.ships, shelf.offers_pickup, {}
                ),
            )
            candidate.free[found.variant_id] = shelf.free
    ordered = sorted(candidates.values(), key=lambda candidate: candidate.code)
    for draft in drafts:
        unknown = sorted({line.sku for line in draft.order.lines if line.sku not in stock})
        if unknown:
            raise BadOrder(
                "sku_unmapped",
                f"No product has the SKU “{unknown[0]}”. Map it to one of ours, then retry.",
                skus=unknown,
            )
        draft.lines = [
            LineDraft(line, position, stock[line.sku].variant_id)
            for position, line in enumerate(draft.order.lines, start=1)
        ]
        _source(draft, ordered)


def _source(draft: Draft, candidates: Sequence[Candidate]) -> None:
    order, locations = draft.order, draft.seen.locations
    demands = []
    for line in draft.lines:
        line.put("cancelled", line.quantity if order.state is State.CANCELLED else line.incoming.cancelled)
        if order.fulfilled_by_channel:
            line.put("shipped" if order.state is State.SHIPPED else "open", line.unplaced)
            continue
        line.put(_sent_bucket(line.incoming), line.incoming.shipped)
        if line.unplaced:
            chosen = locations[line.incoming.location] if line.incoming.location else None
            demands.append(Demand(line.position, line.variant_id, line.unplaced, chosen))
    ship_to = order.ship_to
    shares = plan(demands, candidates, region=ship_to.region if ship_to else "")
    _refuse_shortage(draft, shares)
    for share in shares:
        draft.lines[share.line - 1].take(share)
    draft.status = lifecycle.status_of(draft.units, awaiting_payment=order.state is State.AWAITING_PAYMENT)


def _sent_bucket(line: Line) -> str:
    return "delivered" if line.method is Method.CARRY_OUT else "shipped"


def _refuse_shortage(draft: Draft, shares: Sequence[Share]) -> None:
    """Marketplaces have sold already, and what was carried out of a store has left: no refusal can undo it."""
    if draft.seen.kind == MARKETPLACE:
        return
    short = [
        {"line": line.incoming.external_id, "sku": line.incoming.sku, "wanted": line.quantity, "short": share.quantity}
        for share in shares
        if share.location_id is None and not (line := draft.lines[share.line - 1]).leaves_at_once
    ]
    if short:
        raise OutOfStock(
            f"Not enough stock of {short[0]['sku']}: {short[0]['short']} of {short[0]['wanted']} cannot be promised.",
            short=short,
        )


def _record(drafts: Sequence[Draft], *, actor: audit.Actor, now: datetime) -> None:
    """Write people, reservations, orders, deeds and events, and lock the shelves at the end."""
    people = identity.recognise([_person(draft.order) for draft in drafts])
    keys = []
    for draft, person in zip(drafts, people, strict=True):
        draft.customer_id = person.customer_id
        keys += person.keys + _search_keys(draft)
    wishes = [wish for draft in drafts for wish in draft.wishes()]
    ids = reservations.write(wishes, now=now)
    _graph.write(drafts, dict(zip(((wish.holder, wish.line, wish.location_id) for wish in wishes), ids, strict=True)))
    moved = {line.variant_id for draft in drafts for line in draft.lines if line.touches_stock}
    news = [events.about_order(events.ORDER_ACCEPTED, d.seen.number, now=now, channel=d.order.channel) for d in drafts]
    with db.together():
        audit.record(actor, [_deed(draft) for draft in drafts])
        search.index(keys)
        outbox.publish([*news, *availability_changed(moved, now=now)])
    _move_stock(drafts, wishes, actor=actor)


def _move_stock(drafts: Sequence[Draft], wishes: Sequence[reservations.Wish], *, actor: audit.Actor) -> None:
    entries = [entry for draft in drafts for entry in draft.sales()]
    if not entries:
        reservations.secure(wishes)
        return
    surplus = [entry for draft in drafts for entry in draft.found_at_the_till()]
    ledger.open_shelves((entry.location_id, entry.variant_id) for entry in (*entries, *surplus))
    short = ledger.post([*surplus, *entries], actor=str(actor))
    if short:
        raise reservations.InsufficientStock(
            "Somebody else took units of this order a moment ago.", short=_named(short)
        )
    reservations.secure(wishes)


def _named(short: set[Shelf]) -> list[dict[str, int]]:
    return [{"location_id": location, "variant_id": variant} for location, variant in sorted(short)]


def _person(order: IncomingOrder) -> identity.Person:
    buyer, to = order.buyer, order.ship_to
    place = None
    if to:
        place = identity.Place(
            name=to.name, line1=to.line1, line2=to.line2, city=to.city, region=to.region, postcode=to.postcode,
            country=to.country, phone=to.phone,
        )  # fmt: skip
    return identity.Person(
        channel=order.channel,
        name=buyer.name or (to.name if to else ""),
        email=buyer.email,
        email_is_relay=buyer.email_is_relay,
        phone=buyer.phone or (to.phone if to else ""),
        reference=buyer.reference,
        loyalty_number=buyer.loyalty_number,
        place=place,
    )


def _search_keys(draft: Draft) -> list[search.Key]:
    order, kinds = draft.order, search.K
    to = order.ship_to
    said = [
        (kinds.NUMBER, str(draft.seen.number)),
        (kinds.EXTERNAL, order.external_number),
        (kinds.EMAIL, order.buyer.email),
        (kinds.PHONE, order.buyer.phone),
        (kinds.NAME, order.buyer.name),
        (kinds.NAME, to.name if to else ""),
        (kinds.PHONE, to.phone if to else ""),
        (kinds.POSTCODE, to.postcode if to else ""),
        *((kinds.TRACKING, parcel.tracking_number) for parcel in order.parcels),
    ]
    return [
        search.Key(kind, value, "order", draft.seen.order_id, channel=order.channel) for kind, value in said if value
    ]


def _deed(draft: Draft) -> audit.Deed:
    order = draft.order
    return audit.Deed(
        action="order.accepted",
        object_kind="order",
        object_id=str(draft.seen.number),
        happened_at=order.placed_at,
        facts={
            "channel": order.channel,
            "external_number": order.external_number,
            "lines": len(order.lines),
            "units": {bucket: units for bucket, units in draft.units.items() if units},
            "why": draft.reasons(),
            "warnings": list(draft.warnings),
        },
    )
