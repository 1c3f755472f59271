from collections import Counter, defaultdict
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
    ships: bool  # to whoever did not choose a place
    offers_pickup: bool
    free: dict[int, int]  # variant id → units
    country: str = ""


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


def plan(
    demands: Sequence[Demand], candidates: Sequence[Candidate], *, region: str = "", country: str = ""
) -> list[Share]:
    """Split the demands over the candidates and take what is planned out of their `free`.

    Lines with a chosen place come from there or wait. The rest goes out in as few parcels as possible:
    one location that has everything if there is one, else whoever covers most, then who covers most of
    what remains. Ties: the buyer's country first, then warehouses, then the buyer's region, then the code, the
    same way every time.
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
    return shares + _as_few_parcels_as_possible(free_choice, pool, (country, region))


def _from_one(demand: Demand, candidate: Candidate | None, why: str) -> Iterable[Share]:
    units = min(demand.quantity, candidate.free.get(demand.variant_id, 0)) if candidate else 0
    if candidate and units > 0:
        candidate.free[demand.variant_id] -= units
        yield Share(demand.line, demand.variant_id, candidate.location_id, units, why)
    if units < demand.quantity:
        yield Share(demand.line, demand.variant_id, None, demand.quantity - max(units, 0), "nobody has it now")


def _as_few_parcels_as_possible(
    demands: Sequence[Demand], pool: Sequence[Candidate], to: tuple[str, str]
) -> list[Share]:
    shares: list[Share] = []
    needs = _Needs(demands, pool)
    ranked = sorted(pool, key=lambda candidate: _preference(candidate, to))
    while ranked:
        best = max(ranked, key=lambda candidate: needs.covered[candidate.location_id])  # the first of equals
        covered = needs.covered[best.location_id]
        if not covered:
            break
        ranked.remove(best)
        shares += needs.take_from(best, "has everything" if covered == needs.total else "covers most of what remained")
    return shares + needs.without_a_place()


def _preference(candidate: Candidate, to: tuple[str, str]) -> tuple[bool, int, bool, str]:
    country, region = to
    abroad = bool(country) and candidate.country != country
    return abroad, _KIND_ORDER.get(candidate.kind, 9), abroad or candidate.region != region, candidate.code


class _Needs:
    """What still needs a place, and how much of it each location could send."""

    def __init__(self, demands: Sequence[Demand], pool: Sequence[Candidate]) -> None:
        self._lines: dict[int, list[Demand]] = defaultdict(list)  # variant → its lines
        for demand in demands:
            self._lines[demand.variant_id].append(demand)
        self.total = sum(demand.quantity for demand in demands)
        self.covered: Counter[int] = Counter()  # location → units
        self._holders = {
            variant: {candidate.location_id: candidate for candidate in pool if candidate.free.get(variant, 0) > 0}
            for variant in self._lines
        }
        for variant, holders in self._holders.items():
            units = self._units(variant)
            for location, candidate in holders.items():
                self.covered[location] += min(units, candidate.free[variant])

    def _units(self, variant: int) -> int:
        return sum(demand.quantity for demand in self._lines[variant])

    def take_from(self, candidate: Candidate, why: str) -> list[Share]:
        shares = []
        for variant, holders in self._holders.items():
            if holders.pop(candidate.location_id, None) is None:
                continue
            before, remaining = self._units(variant), []
            for demand in self._lines[variant]:
                for share in _from_one(demand, candidate, why):
                    if share.location_id is None:
                        remaining.append(Demand(demand.line, variant, share.quantity))
                    else:
                        shares.append(share)
            self._lines[variant] = remaining
            after = self._units(variant)
            for location, other in holders.items():
                self.covered[location] += min(after, other.free[variant]) - min(before, other.free[variant])
        return shares

    def without_a_place(self) -> list[Share]:
        rest = (demand for demands in self._lines.values() for demand in demands)
        return [Share(demand.line, demand.variant_id, None, demand.quantity, "nobody has it now") for demand in rest]
