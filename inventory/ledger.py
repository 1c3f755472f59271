"""The stock ledger: the only module that writes stock levels and movements.

A level's counters are lock and guard, the movements are the truth. Rows of levels are locked in
(location, variant) order by every statement here and by nothing else, so that writers queue instead of
deadlocking. Every change refuses to go below what is promised; the constraints of the table stand behind it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.models import StockMovement
from oms import db
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
def post(entries: Sequence[Entry], *, actor: str, unreserve: Mapping[Shelf, int] | None = None) -> set[Shelf]:
    """Write movements and change the counters with them; return the shelves that were short.

    Two statements for any number of entries, on shelves that exist (`open_shelves`). Entries whose cause was
    posted before change nothing. `unreserve` takes as many units off the promises of a shelf in the same step,
    for units that leave because they were promised. Does not raise for a short shelf: a caller that gets any
    back must let its transaction go, as the movements of that shelf are written and its level is not.
    """
    release = dict(unreserve or {})
    if not entries and not release:
        return set()
    delta: dict[Shelf, int] = dict.fromkeys(release, 0)
    for row in db.fetch(_INSERT_MOVEMENTS, _columns(entries, actor)) if entries else []:
        shelf = (row[0], row[1])
        delta[shelf] = delta.get(shelf, 0) + row[2]
    return _change({shelf: (units, -release.get(shelf, 0)) for shelf, units in delta.items()})


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
    )
    return set(shelves) - {(location, variant) for location, variant in done}


# The CTE takes the locks in order; the guard is judged again on the newest version of each locked row.
_CHANGE = """
WITH wanted AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[]) AS w(location_id, variant_id, came, promised)
), locked AS MATERIALIZED (
    SELECT level.id, came, promised
      FROM inventory_stocklevel level JOIN wanted USING (location_id, variant_id)
     ORDER BY level.location_id, level.variant_id FOR NO KEY UPDATE OF level
)
UPDATE inventory_stocklevel level
   SET on_hand = on_hand + came, reserved = reserved + promised
  FROM locked
 WHERE level.id = locked.id
   AND on_hand + came >= reserved + promised AND reserved + promised >= 0
RETURNING level.location_id, level.variant_id
"""

_INSERT_MOVEMENTS = """
WITH added AS (
    INSERT INTO inventory_stockmovement
           (actor, location_id, variant_id, kind, quantity, cause, cause_id, cause_line, reason, occurred_at)
    SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::text[], %s::text[], %s::int[],
                             %s::text[], %s::timestamptz[])
        ON CONFLICT (cause, cause_id, cause_line, location_id, variant_id) DO NOTHING
    RETURNING location_id, variant_id, quantity
)
SELECT location_id, variant_id, sum(quantity)::int FROM added GROUP BY 1, 2
"""


def _columns(entries: Sequence[Entry], actor: str) -> list[object]:
    rows = [
        (e.location_id, e.variant_id, e.kind, e.quantity, e.cause, e.cause_id, e.cause_line, e.reason, e.occurred_at)
        for e in entries
    ]
    return [actor[:80], *([row[i] for row in rows] for i in range(9))]


def demand_all_on_hand(short: Collection[Shelf]) -> None:
    """Raise NotEnoughOnHand if any shelf is in `short`."""
    if short:
        raise NotEnoughOnHand(
            "Fewer units are there, or more are promised, than this would take. Count the shelf and adjust it first.",
            shelves=[{"location_id": location, "variant_id": variant} for location, variant in sorted(short)],
        )
