from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Warehouses before stores: they pack for a living, and a store's shelf also serves whoever walks in.
_KIND_ORDER = {"warehouse": 0, "3pl": 1, "store": 2, "supplier": 3}


@dataclass(slots=True)
class Candidate:
    """A location as sourcing sees it. `free` goes down as a plan takes from it."""

    location_id: int
    code: str
    kind: str
    region: str
    ships: bool
    offers_pickup: bool
    free: dict[int, int]  # variant id → units


@dataclass(frozen=True, slots=True)
class Demand:
    """Units of one line that still need a place. `location_id` is set when the buyer chose it."""

    line: int
    variant_id: int
    quantity: int
    location_id: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Units of a line from one location; no location means that nobody has them now."""

    line: int
    variant_id: int
    location_id: int | None
    quantity: int
    why: str


def plan(demands: Sequence[Demand], candidates: Sequence[Candidate], *, region: str = "") -> list[Share]:
    """Split the demands over the candidates and take what is planned out of their `free`.

    Lines with a chosen place come from there or wait. The rest goes out in as few parcels as possible:
    one location that has everything if there is one, else whoever covers most, then who covers most of
    what remains. Ties: warehouses first, then the buyer's region, then the code, the same way every time.
    """
    by_id = {candidate.location_id: candidate for candidate in candidates}
    shares: list[Share] = []
    free_choice: list[Demand] = []
    for demand in demands:
        if demand.location_id is None:
            free_choice.append(demand)
        else:
            shares += _from_one(demand, by_id.get(demand.location_id), "chosen by the buyer")
    pool = [candidate for candidate in candidates if candidate.ships and candidate.kind != "supplier"]
    return shares + _as_few_parcels_as_possible(free_choice, pool, region)


def _from_one(demand: Demand, candidate: Candidate | None, why: str) -> Iterable[Share]:
    units = min(demand.quantity, candidate.free.get(demand.variant_id, 0)) if candidate else 0
    if candidate and units > 0:
        candidate.free[demand.variant_id] -= units
        yield Share(demand.line, demand.variant_id, candidate.location_id, units, why)
    if units < demand.quantity:
        yield Share(demand.line, demand.variant_id, None, demand.quantity - max(units, 0), "nobody has it now")


def _as_few_parcels_as_possible(demands: Sequence[Demand], pool: list[Candidate], region: str) -> list[Share]:
    shares: list[Share] = []
    remaining = {demand.line: demand for demand in demands}
    while remaining and pool:
        wanted: dict[int, int] = defaultdict(int)
        for demand in remaining.values():
            wanted[demand.variant_id] += demand.quantity
        total = sum(wanted.values())
        covered = {c.location_id: _covered(c, wanted) for c in pool}
        best = min(
            pool, key=lambda c: (-covered[c.location_id], _KIND_ORDER.get(c.kind, 9), c.region != region, c.code)
        )
        if covered[best.location_id] == 0:
            break
        pool = [candidate for candidate in pool if candidate is not best]
        why = "has everything" if covered[best.location_id] == total and not shares else "covers most of what remained"
        for demand in list(remaining.values()):
            del remaining[demand.line]
            for share in _from_one(demand, best, why):
                if share.location_id is None:
                    remaining[demand.line] = Demand(demand.line, demand.variant_id, share.quantity)
                else:
                    shares.append(share)
    return shares + [Share(d.line, d.variant_id, None, d.quantity, "nobody has it now") for d in remaining.values()]


def _covered(candidate: Candidate, wanted: dict[int, int]) -> int:
    return sum(min(units, max(0, candidate.free.get(variant, 0))) for variant, units in wanted.items())
