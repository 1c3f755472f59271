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
from oms import audit, db, outbox, search
from oms.errors import Refused
from orders import _graph, allocation, events, lifecycle
from orders._graph import Draft, LineDraft
from orders.incoming import BadOrder, IncomingOrder, Method, State, check
from orders.models import SalesChannel
from orders.sourcing import Candidate, Demand, Share, plan

ATTEMPTS = 4
MARKETPLACE = SalesChannel.Kind.MARKETPLACE


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
    for line in order.lines:
        to_collect = line.method is Method.PICKUP and line.shipped + line.cancelled < line.quantity
        if to_collect and order.state is not State.CANCELLED and line.location not in seen.collectable_at:
            raise BadOrder(
                "store_unavailable", f"Nothing can be collected at {line.location} now.", location=line.location
            )
    return Draft(order, seen, (*order.warnings, *warnings))


def _plan(drafts: Sequence[Draft], stock: dict[str, availability.Availability]) -> None:
    """Give every line its variant and every unit its bucket, from one unlocked look at the shelves."""
    candidates = allocation.candidates(stock.values())
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
        _source(draft, candidates)


def _source(draft: Draft, candidates: Sequence[Candidate]) -> None:
    order, to = draft.order, draft.order.ship_to
    for line in draft.lines:
        _put_what_is_known(line, order)
    if not order.fulfilled_by_channel:
        gone = [line for line in draft.lines if line.left]
        for share in plan([_demand(draft, line, line.left) for line in gone], candidates):
            draft.lines[share.line - 1].found += share.quantity if share.location_id is None else 0
        demands = [_demand(draft, line, line.unplaced) for line in draft.lines if line.unplaced]
        shares = plan(demands, candidates, region=to.region if to else "", country=to.country if to else "")
        _refuse_shortage(draft, shares)
        for share in shares:
            draft.lines[share.line - 1].take(share)
    draft.status = lifecycle.status_of(draft.units, awaiting_payment=order.state is State.AWAITING_PAYMENT)


def _put_what_is_known(line: LineDraft, order: IncomingOrder) -> None:
    """Units that need no place: cancelled, sent by somebody, or carried out, wherever the books believe them to be."""
    told, is_cancelled = line.incoming, order.state is State.CANCELLED
    line.put("cancelled", told.quantity - told.shipped if is_cancelled else told.cancelled)
    if order.fulfilled_by_channel:
        line.put("shipped", line.unplaced if order.state is State.SHIPPED else told.shipped)
        line.put("open", line.unplaced)
        return
    is_carried_out = told.method is Method.CARRY_OUT
    left = line.unplaced if is_carried_out else told.shipped
    line.put("delivered" if is_carried_out else "shipped", left)
    line.left = left if told.location else 0


def _demand(draft: Draft, line: LineDraft, units: int) -> Demand:
    return Demand(line.position, line.variant_id, units, draft.seen.locations.get(line.incoming.location))


def _refuse_shortage(draft: Draft, shares: Sequence[Share]) -> None:
    """Marketplaces have sold already: no refusal can undo it."""
    if draft.seen.kind == MARKETPLACE:
        return
    short = [
        {"line": line.incoming.external_id, "sku": line.incoming.sku, "wanted": line.quantity, "short": share.quantity}
        for share in shares
        if share.location_id is None
        for line in [draft.lines[share.line - 1]]
    ]
    if short:
        raise OutOfStock(
            f"Not enough stock of {short[0]['sku']}: {short[0]['short']} of {short[0]['wanted']} cannot be promised.",
            short=short,
        )


def _record(drafts: Sequence[Draft], *, actor: audit.Actor, now: datetime) -> None:
    """Write people, reservations, orders, deeds and events, and lock the shelves at the end."""
    people = identity.recognise([buyer_of(draft.order) for draft in drafts])
    keys = []
    for draft, person in zip(drafts, people, strict=True):
        draft.customer_id = person.customer_id
        keys += person.keys + search_keys(draft.order, order_id=draft.seen.order_id, number=draft.seen.number)
    wishes = [wish for draft in drafts for wish in draft.wishes()]
    ids = reservations.write(wishes, now=now)
    _graph.write(drafts, dict(zip(((wish.holder, wish.line, wish.location_id) for wish in wishes), ids, strict=True)))
    news = [events.about_order(events.ORDER_ACCEPTED, d.seen.number, now=now, channel=d.order.channel) for d in drafts]
    with db.together(as_one=True):
        audit.record(actor, [_deed(draft) for draft in drafts])
        search.index(keys)
        outbox.publish([*news, *availability_changed((wish.variant_id for wish in wishes), now=now)])
    leaving = [entry for draft in drafts for entry in draft.leaving()]
    ledger.open_shelves((entry.location_id, entry.variant_id) for entry in leaving)
    reservations.secure(wishes, leaving=leaving, actor=str(actor))


def buyer_of(order: IncomingOrder) -> identity.Person:
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


def search_keys(order: IncomingOrder, *, order_id: int, number: int) -> list[search.Key]:
    """What leads to an order when somebody says it."""
    kinds, to = search.K, order.ship_to
    said = [
        (kinds.NUMBER, str(number)),
        (kinds.EXTERNAL, order.external_number),
        (kinds.EMAIL, order.buyer.email),
        (kinds.PHONE, order.buyer.phone),
        (kinds.NAME, order.buyer.name),
        (kinds.NAME, to.name if to else ""),
        (kinds.PHONE, to.phone if to else ""),
        (kinds.POSTCODE, to.postcode if to else ""),
        *((kinds.TRACKING, parcel.tracking_number) for parcel in order.parcels),
    ]
    return [search.Key(kind, value, "order", order_id, channel=order.channel) for kind, value in said if value]


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
