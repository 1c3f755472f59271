"""Hold stock for someone, let it go again, or see it leave. The only writer of reservations.

A reservation on a shelf is counted in that shelf's `reserved` in the same transaction. One without a location
waits for stock: nothing is promised, but channels are told of fewer units.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory import ledger
from inventory.events import availability_changed
from inventory.ledger import Entry, Shelf
from inventory.models import Reservation
from oms import db, outbox
from oms.errors import Refused


class InsufficientStock(Refused):
    code = "insufficient_stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Units that `holder` wants set aside; no location means: wait for stock."""

    holder: str
    line: int
    variant_id: int
    location_id: int | None
    quantity: int


@db.inside_transaction
def write(wishes: Sequence[Wish], *, now: datetime) -> list[int]:
    """Write the rows and return their ids in the order of `wishes`. One statement; counters are `secure`'s part.

    Split in two so that a long write can lock the shelves last. Whoever calls this calls `secure` with
    the same wishes before committing.
    """
    if not wishes:
        return []
    rows = db.fetch(
        """
        INSERT INTO inventory_reservation (held_at, location_id, variant_id, quantity, holder, holder_line)
        SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::int[])
        RETURNING id
        """,
        [
            now,
            [wish.location_id for wish in wishes],
            [wish.variant_id for wish in wishes],
            [wish.quantity for wish in wishes],
            [wish.holder for wish in wishes],
            [wish.line for wish in wishes],
        ],
    )
    return [row[0] for row in rows]


@db.inside_transaction
def secure(wishes: Iterable[Wish]) -> None:
    """Count the wishes into their shelves, all or nothing. One statement, which locks the shelves.

    Raises InsufficientStock naming every shelf that does not have so many free; the caller's
    transaction must not go on then.
    """
    demand: Counter[Shelf] = Counter()
    for wish in wishes:
        if wish.location_id is not None:
            demand[wish.location_id, wish.variant_id] += wish.quantity
    if short := ledger.reserve(demand):
        raise InsufficientStock(
            "Somebody else took units of this order a moment ago.",
            short=[
                {"location_id": location, "variant_id": variant, "wanted": demand[location, variant]}
                for location, variant in sorted(short)
            ],
        )


@db.inside_transaction
def hold(wishes: Sequence[Wish], *, now: datetime) -> list[int]:
    """Set units aside, all of them or none, tell who listens, and return the reservations' ids.

    Raises InsufficientStock. A holder can hold one live reservation per line and shelf; the database refuses
    a second.
    """
    ids = write(wishes, now=now)
    outbox.publish(availability_changed((wish.variant_id for wish in wishes), now=now))
    secure(wishes)
    return ids


@db.inside_transaction
def release(*, parts: Mapping[int, int], now: datetime) -> int:
    """Let go of units: {reservation id: units}. Return how many went back; ended reservations count nothing.

    A reservation that keeps some units goes on with fewer. Safe to repeat only for whole reservations.
    """
    freed: Counter[Shelf] = Counter()
    taken = _take(parts, ending=Reservation.State.RELEASED, now=now)
    for reservation, units in taken:
        if reservation.location_id is not None:
            freed[reservation.location_id, reservation.variant_id] -= units
    outbox.publish(availability_changed((reservation.variant_id for reservation, _ in taken), now=now))
    ledger.reserve(freed)
    return sum(units for _, units in taken)


@db.inside_transaction
def consume(*, parts: Mapping[int, int], cause: str, cause_id: str, actor: str, now: datetime) -> None:
    """The held units left the shelf: {reservation id: units}. Writes the sale into the ledger.

    Raises ledger.NotEnoughOnHand if a reservation holds fewer than asked for.
    """
    taken = _take(parts, ending=Reservation.State.CONSUMED, now=now)
    if sum(units for _, units in taken) != sum(parts.values()):
        raise ledger.NotEnoughOnHand("These units are no longer held for this order.", reservations=sorted(parts))
    gone: Counter[Shelf] = Counter()
    entries = []
    for reservation, units in taken:
        assert reservation.location_id is not None  # noqa: S101  # a constraint of the table
        gone[reservation.location_id, reservation.variant_id] += units
        entries.append(
            Entry(
                location_id=reservation.location_id,
                variant_id=reservation.variant_id,
                kind=ledger.Kind.SALE,
                quantity=-units,
                cause=cause,
                cause_id=cause_id,
                cause_line=reservation.holder_line,
                occurred_at=now,
            )
        )
    ledger.demand_all_on_hand(ledger.post(entries, actor=actor, unreserve=gone))


def _take(parts: Mapping[int, int], *, ending: str, now: datetime) -> list[tuple[Reservation, int]]:
    """Lock live reservations in order, take units off them and end those that hold nothing more."""
    live = Reservation.objects.filter(pk__in=parts, state=Reservation.State.HELD).order_by("pk")
    taken = []
    for reservation in live.select_for_update():
        units = min(parts[reservation.pk], reservation.quantity)
        if units <= 0:
            continue
        if units == reservation.quantity:
            reservation.state, reservation.ended_at = ending, now
        else:
            reservation.quantity -= units
        taken.append((reservation, units))
    Reservation.objects.bulk_update([r for r, _ in taken], ["state", "ended_at", "quantity"])
    return taken


@db.inside_transaction
def grow(*, reservation_id: int, units: int, now: datetime) -> None:
    """Let a live reservation on a shelf hold more. Raises InsufficientStock; the transaction must not go on then."""
    reservation = Reservation.objects.select_for_update().get(pk=reservation_id, state=Reservation.State.HELD)
    assert reservation.location_id is not None  # noqa: S101  # callers grow what lies on a shelf
    reservation.quantity += units
    reservation.save(update_fields=["quantity"])
    outbox.publish(availability_changed([reservation.variant_id], now=now))
    if ledger.reserve({(reservation.location_id, reservation.variant_id): units}):
        raise InsufficientStock("Somebody else took units of this order a moment ago.", short=[])
