"""The stock ledger: the only module that writes stock levels and movements.

A level's counters are lock and guard, the movements are the truth. Rows of levels are locked in
(location, variant) order by every statement here and by nothing else, so that writers queue instead of
deadlocking; a transaction that both moves and promises units therefore does so in one `post`. Every change refuses
to go below what is promised; the constraints of the table stand behind it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.events import availability_changed
from inventory.models import StockMovement
from oms import db, outbox
from oms.errors import Refused

Kind = StockMovement.Kind
Shelf = tuple[int, int]  # (location id, variant id)


class NotEnoughOnHand(Refused):
    code = "not_enough_on_hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement to be. (cause, cause_id, cause_line) with the shelf counts once, however often it is posted."""

    location_id: int
    variant_id: int
    kind: str
    quantity: int  # units, positive in, negative out
    cause: str
    cause_id: str
    cause_line: int = 0
    reason: str = ""
    occurred_at: datetime


@db.inside_transaction
def open_shelves(shelves: Iterable[Shelf]) -> None:
    """Make sure a level exists for each shelf. One statement."""
    if ordered := sorted(set(shelves)):
        db.fetch(
            "INSERT INTO inventory_stocklevel (location_id, variant_id)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING",
            [list(column) for column in zip(*ordered, strict=True)],
        )


@db.inside_transaction
def post(entries: Sequence[Entry], *, actor: str, promise: Mapping[Shelf, int] | None = None) -> set[Shelf]:
    """Write movements, change the counters with them and tell everyone; return the shelves that were short.

    Three statements for any number of entries, on shelves that exist (`open_shelves`). Entries whose cause was
    posted before change nothing. `promise` promises (+) or frees (−) units of shelves in the same step; units that
    leave because they were promised change nothing for anybody else. Does not raise for a short shelf: a caller
    that gets any back must let its transaction go, as the movements of that shelf are written and its level is not.
    """
    promised = dict(promise or {})
    came: dict[Shelf, int] = {}
    rows = db.fetch(_INSERT_MOVEMENTS, _columns(entries, actor), often=True) if entries else []
    for location, variant, units in rows:
        came[location, variant] = units
    moved = {variant for (location, variant), units in came.items() if units != promised.get((location, variant), 0)}
    if moved:
        outbox.publish(availability_changed(moved, now=max(entry.occurred_at for entry in entries)))
    return _change({shelf: (came.get(shelf, 0), promised.get(shelf, 0)) for shelf in came.keys() | promised.keys()})


@db.inside_transaction
def reserve(changes: Mapping[Shelf, int]) -> set[Shelf]:
    """Promise (+) or free (−) units on shelves; return those that could not promise so many. One statement.

    Nothing is changed on a shelf that is returned. The caller decides whether that undoes the rest.
    """
    return _change({shelf: (0, units) for shelf, units in changes.items() if units})


def _change(changes: Mapping[Shelf, tuple[int, int]]) -> set[Shelf]:
    if not changes:
        return set()
    shelves = sorted(changes)
    done = db.fetch(
        _CHANGE,
        [
            [location for location, _ in shelves],
            [variant for _, variant in shelves],
            [changes[shelf][0] for shelf in shelves],
            [changes[shelf][1] for shelf in shelves],
        ],
        often=True,
    )
    return set(shelves) - {(location, variant) for location, variant in done}


# The CTE takes the locks in order and reads what is there once they are had: a level that somebody changed while we
# waited is judged as it is now, not as it was when the statement began.
_CHANGE = """
WITH wanted AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[]) AS w(location_id, variant_id, came, promised)
), locked AS MATERIALIZED (
    SELECT level.id, on_hand + came AS on_hand, reserved + promised AS reserved
      FROM inventory_stocklevel level JOIN wanted USING (location_id, variant_id)
     ORDER BY level.location_id, level.variant_id FOR NO KEY UPDATE OF level
)
UPDATE inventory_stocklevel level
   SET on_hand = locked.on_hand, reserved = locked.reserved
  FROM locked
 WHERE level.id = locked.id
   AND locked.on_hand >= locked.reserved AND locked.reserved >= 0
RETURNING level.location_id, level.variant_id
"""

_INSERT_MOVEMENTS = """
WITH added AS (
    INSERT INTO inventory_stockmovement
           (actor, cause, cause_id, cause_line, location_id, variant_id, kind, quantity, reason, occurred_at)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::int[],
                             %s::text[], %s::timestamptz[])
        ON CONFLICT (cause, cause_id, cause_line, location_id, variant_id) DO NOTHING
    RETURNING location_id, variant_id, quantity
)
SELECT location_id, variant_id, sum(quantity)::int FROM added GROUP BY 1, 2
"""


def _columns(entries: Sequence[Entry], actor: str) -> list[object]:
    """What comes before what goes, so that no running total dips, and else in the order of causes, so that two who
    post the same ones queue."""
    rows = sorted(
        (
            *(e.quantity < 0, e.cause, e.cause_id, e.cause_line, e.location_id, e.variant_id),
            *(e.kind, e.quantity, e.reason, e.occurred_at),
        )
        for e in entries
    )
    return [actor[:80], *([row[i] for row in rows] for i in range(1, 10))]


def demand_all_on_hand(short: Collection[Shelf]) -> None:
    """Raise NotEnoughOnHand if any shelf is in `short`."""
    if short:
        raise NotEnoughOnHand(
            "Fewer units are there, or more are promised, than this would take. Count the shelf and adjust it first.",
            shelves=[{"location_id": location, "variant_id": variant} for location, variant in sorted(short)],
        )
