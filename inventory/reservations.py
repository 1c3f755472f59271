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

    A holder has one live reservation per line and place: more units for it are added to that one. Split in two so
    that a long write can lock the shelves last. Whoever calls this calls `secure` with the same wishes before
    committing.
    """
    if not wishes:
        return []
    rows = db.fetch(
        """
        INSERT INTO inventory_reservation (held_at, location_id, variant_id, quantity, holder, holder_line)
        SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::int[])
            ON CONFLICT (holder, holder_line, variant_id, location_id) WHERE state = 'held'
            DO UPDATE SET quantity = inventory_reservation.quantity + excluded.quantity
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
        often=True,
    )
    return [row[0] for row in rows]


@db.inside_transaction
def secure(wishes: Iterable[Wish], *, leaving: Sequence[Entry] = (), actor: str = "") -> None:
    """Count the wishes into their shelves, all or nothing, with what comes and goes there in the same step.

    Locks the shelves. Raises InsufficientStock naming every shelf that does not have so many free; the
    caller's transaction must not go on then.
    """
    demand: Counter[Shelf] = Counter()
    for wish in wishes:
        if wish.location_id is not None:
            demand[wish.location_id, wish.variant_id] += wish.quantity
    if short := ledger.post(leaving, actor=actor, promise=demand):
        wanted = demand.copy()
        for entry in leaving:
            wanted[entry.location_id, entry.variant_id] -= entry.quantity
        raise InsufficientStock(
            "Somebody else took units of this order a moment ago.",
            short=[
                {"location_id": location, "variant_id": variant, "wanted": wanted[location, variant]}
                for location, variant in sorted(short)
            ],
        )


@db.inside_transaction
def hold(wishes: Sequence[Wish], *, now: datetime) -> list[int]:
    """Set units aside, all of them or none, tell who listens, and return the reservations' ids.

    Raises InsufficientStock; the transaction must not go on then.
    """
    ids = write(wishes, now=now)
    outbox.publish(availability_changed((wish.variant_id for wish in wishes), now=now))
    secure(wishes)
    return ids


def waiting(*, holder: str, units: Mapping[int, int]) -> dict[int, int]:
    """{reservation id: units} of the demand that waits for stock, for {line of the holder: units}."""
    rows = Reservation.objects.filter(holder=holder, holder_line__in=units, location=None, state=Reservation.State.HELD)
    return {pk: units[line] for pk, line in rows.values_list("pk", "holder_line")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Held units that left the shelf: {reservation id: units}, and what took them."""

    parts: Mapping[int, int]
    cause: str
    cause_id: str


@db.inside_transaction
def release(*, parts: Mapping[int, int], now: datetime) -> int:
    """Let go of units: {reservation id: units}. Return how many went back; ended reservations count nothing.

    A reservation that keeps some units goes on with fewer. Safe to repeat only for whole reservations.
    """
    return end(released=parts, now=now)


@db.inside_transaction
def consume(*, parts: Mapping[int, int], cause: str, cause_id: str, actor: str, now: datetime) -> None:
    """The held units left the shelf: {reservation id: units}. Writes the sale into the ledger.

    Raises ledger.NotEnoughOnHand if a reservation holds fewer than asked for.
    """
    end(left=[Departure(parts=parts, cause=cause, cause_id=cause_id)], actor=actor, now=now)


@db.inside_transaction
def end(
    *, left: Sequence[Departure] = (), released: Mapping[int, int] | None = None, actor: str = "", now: datetime
) -> int:
    """`consume` every departure and then `release` the rest; return how many units went back.

    For a transaction that does several of these: the shelves are locked once, in order, at the end.
    """
    freed: Counter[Shelf] = Counter()
    entries = []
    for departure in left:
        for taken in _take_all(departure.parts, now=now):
            freed[taken.shelf] += taken.units
            entries.append(_sale(taken, departure, now=now))
    back = _take(released or {}, ending=Reservation.State.RELEASED, now=now)
    for taken in back:
        if taken.location_id is not None:
            freed[taken.shelf] += taken.units
    outbox.publish(availability_changed((taken.variant_id for taken in back), now=now))
    ledger.demand_all_on_hand(ledger.post(entries, actor=actor, promise={s: -units for s, units in freed.items()}))
    return sum(taken.units for taken in back)


@dataclass(frozen=True, slots=True)
class _Taken:
    reservation_id: int
    location_id: int | None
    variant_id: int
    line: int
    units: int

    @property
    def shelf(self) -> Shelf:
        assert self.location_id is not None  # noqa: S101  # a constraint of the table: only shelved units are consumed
        return self.location_id, self.variant_id


def _take_all(parts: Mapping[int, int], *, now: datetime) -> list[_Taken]:
    taken = _take(parts, ending=Reservation.State.CONSUMED, now=now)
    if sum(each.units for each in taken) != sum(parts.values()):
        raise ledger.NotEnoughOnHand("These units are no longer held for this order.", reservations=sorted(parts))
    return taken


def _sale(taken: _Taken, departure: Departure, *, now: datetime) -> Entry:
    location, variant = taken.shelf
    return Entry(
        location_id=location, variant_id=variant, kind=ledger.Kind.SALE, quantity=-taken.units, cause=departure.cause,
        cause_id=departure.cause_id, cause_line=taken.line, occurred_at=now,
    )  # fmt: skip


def _take(parts: Mapping[int, int], *, ending: str, now: datetime) -> list[_Taken]:
    """Take units off live reservations and end those that hold nothing more. One statement."""
    wanted = sorted((reservation, units) for reservation, units in parts.items() if units > 0)
    if not wanted:
        return []
    columns = [list(column) for column in zip(*wanted, strict=True)]
    return [_Taken(*row) for row in db.fetch(_TAKE, [*columns, ending, now])]


# Locked in order, and what is there is read once the lock is had: see the ledger.
_TAKE = """
WITH wanted AS (
    SELECT * FROM unnest(%s::bigint[], %s::int[]) AS w(id, units)
), locked AS MATERIALIZED (
    SELECT r.id, quantity, least(units, quantity) AS units
      FROM inventory_reservation r JOIN wanted USING (id)
     WHERE state = 'held' ORDER BY r.id FOR NO KEY UPDATE OF r
)
UPDATE inventory_reservation r
   SET state = CASE WHEN locked.units = locked.quantity THEN %s ELSE r.state END,
       ended_at = CASE WHEN locked.units = locked.quantity THEN %s::timestamptz END,
       quantity = CASE WHEN locked.units = locked.quantity THEN locked.quantity ELSE locked.quantity - locked.units END
  FROM locked
 WHERE r.id = locked.id
RETURNING r.id, r.location_id, r.variant_id, r.holder_line, locked.units
"""
