"""Units came back: on a shelf again, off the order, and what was paid for them given back.

For documents that tell what has happened already, such as the credit notes of a back office. What a document says is
done whole or not at all, and once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory import ledger
from inventory.models import Location
from oms import audit, db
from oms.errors import Refused
from orders import lifecycle
from orders.lifecycle import Move
from orders.models import Order, OrderLine, Payment
from orders.reading import NoSuchOrder

CAUSE = "credit-note"


class MoreThanWasSent(Refused):
    code = "more_than_was_sent"


class Unplaceable(Refused):
    """A document names a line or a location that we do not have."""

    code = "return_unplaceable"
    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """Units of one line that are back, and what their buyer gets for all of them."""

    channel: str
    order: str  # the channel's number
    line: str  # the channel's id
    quantity: int
    location: str  # code of the place where they lie
    refund: int  # minor units


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    number: str
    issued_at: datetime
    parts: tuple[Back, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    note: CreditNote
    place: int  # within its note, from 1
    back: Back


@dataclass(slots=True)
class _Case:
    """One order and everything this batch does to it."""

    order: Order
    lines: dict[str, OrderLine]  # by external id
    parts: list[_Part]

    def line(self, back: Back) -> OrderLine:
        if back.line not in self.lines:
            raise Unplaceable(f"Order {self.order.number} has no line {back.line}.", line=back.line)
        return self.lines[back.line]


@db.transaction
def take_back(*, notes: Sequence[CreditNote], actor: audit.Actor, now: datetime) -> set[str]:
    """Book credit notes, all or none, in a fixed number of statements; return the numbers that were new.

    Safe to repeat: a number that was booked before changes nothing. Refunds end at what was captured. Raises
    MoreThanWasSent, NoSuchOrder, Unplaceable.
    """
    cases = _lock(notes)
    fresh = {note.number for note in notes} - _booked(notes)
    for case in cases:
        case.parts = [part for part in case.parts if part.note.number in fresh]
    concerned = [case for case in cases if case.parts]
    if concerned:
        _move(concerned, now=now)
        refunded = _refund(concerned)
        audit.record(actor, [deed for case in concerned for deed in _deeds(case, refunded)])
        _shelve(concerned, actor=actor)
    return fresh


def _lock(notes: Iterable[CreditNote]) -> list[_Case]:
    """Lock every order the notes name, then the lines, in the order everybody locks them."""
    by_order: dict[tuple[str, str], list[_Part]] = defaultdict(list)
    for note in {note.number: note for note in notes}.values():
        for place, back in enumerate(note.parts, start=1):
            by_order[back.channel, back.order].append(_Part(note, place, back))
    found = db.fetch(
        "SELECT o.id FROM unnest(%s::text[], %s::text[]) AS w(channel, number)"
        "  JOIN orders_saleschannel c ON c.code = w.channel"
        "  JOIN orders_order o ON o.channel_id = c.id AND o.external_number = w.number",
        [[channel for channel, _ in by_order], [number for _, number in by_order]],
    )
    orders = list(Order.objects.filter(pk__in=[pk for (pk,) in found]).select_related("channel").locked())
    lines: dict[int, dict[str, OrderLine]] = defaultdict(dict)
    for line in OrderLine.objects.filter(order__in=orders).locked():
        lines[line.order_id][line.external_id] = line
    known = {(order.channel.code, order.external_number): order for order in orders}
    for channel, number in by_order.keys() - known.keys():
        raise NoSuchOrder(f"There is no order {number} on {channel}.", channel=channel, number=number)
    return [_Case(order, lines[order.pk], by_order[key]) for key, order in known.items()]


def _booked(notes: Sequence[CreditNote]) -> set[str]:
    """Asked after the orders are locked: a note that came through another transaction meanwhile is seen."""
    rows = db.fetch(
        "SELECT DISTINCT cause_id FROM inventory_stockmovement WHERE cause = %s AND cause_id = ANY(%s)",
        [CAUSE, [note.number for note in notes]],
    )
    return {number for (number,) in rows}


def _move(cases: Sequence[_Case], *, now: datetime) -> None:
    """What was delivered comes back before what was only sent."""
    wanted = Counter[OrderLine]()
    for case in cases:
        for part in case.parts:
            wanted[case.line(part.back)] += part.back.quantity
    leaving = []
    for line, units in wanted.items():
        sent = line.delivered + line.shipped
        if units > sent:
            raise MoreThanWasSent(
                f"Of line {line.position} {sent} units are with their buyer; {units} cannot come back.",
                line=line.external_id, sent=sent, asked=units,
            )  # fmt: skip
        delivered = min(units, line.delivered)
        taken = {"delivered": delivered, "shipped": units - delivered}
        leaving += [Move(line, bucket, "returning", count) for bucket, count in taken.items() if count]
    received = [Move(line, "returning", "returned", units) for line, units in wanted.items()]
    orders = {case.order: list(case.lines.values()) for case in cases}
    lifecycle.move_many(orders, leaving, now=now)
    lifecycle.move_many(orders, received, now=now)


def _refund(cases: Sequence[_Case]) -> Counter[tuple[int, str]]:
    """Give money back, oldest payment first, as far as there is any; return it by (order id, note)."""
    payments: dict[int, list[Payment]] = defaultdict(list)
    rows = Payment.objects.filter(order__in=[case.order for case in cases]).order_by("pk")
    for payment in rows.select_for_update(no_key=True):
        payments[payment.order_id].append(payment)
    given = Counter[tuple[int, str]]()
    for case in cases:
        for part in case.parts:
            left = part.back.refund
            for payment in payments[case.order.pk]:
                amount = min(left, payment.captured - payment.refunded)
                payment.refunded += amount
                left -= amount
            given[case.order.pk, part.note.number] += part.back.refund - left
    Payment.objects.bulk_update([each for found in payments.values() for each in found], ["refunded"])
    return given


def _deeds(case: _Case, refunded: Counter[tuple[int, str]]) -> Iterable[audit.Deed]:
    by_note: dict[str, list[_Part]] = defaultdict(list)
    for part in case.parts:
        by_note[part.note.number].append(part)
    for number, parts in by_note.items():
        yield audit.Deed(
            action="order.returned", object_kind="order", object_id=str(case.order.number),
            happened_at=parts[0].note.issued_at,
            facts={
                "document": number, "units": sum(part.back.quantity for part in parts),
                "refunded": refunded[case.order.pk, number], "to": sorted({part.back.location for part in parts}),
            },
        )  # fmt: skip


def _shelve(cases: Sequence[_Case], *, actor: audit.Actor) -> None:
    codes = {part.back.location for case in cases for part in case.parts}
    locations = dict(Location.objects.filter(code__in=codes).values_list("code", "pk"))
    for code in codes - locations.keys():
        raise Unplaceable(f"There is no location “{code}”.", location=code)
    entries = [
        ledger.Entry(
            location_id=locations[part.back.location], variant_id=case.line(part.back).variant_id,
            kind=ledger.Kind.RETURN, quantity=part.back.quantity, cause=CAUSE, cause_id=part.note.number,
            cause_line=part.place, occurred_at=part.note.issued_at,
        )
        for case in cases
        for part in case.parts
    ]  # fmt: skip
    ledger.open_shelves((entry.location_id, entry.variant_id) for entry in entries)
    ledger.demand_all_on_hand(ledger.post(entries, actor=str(actor)))
