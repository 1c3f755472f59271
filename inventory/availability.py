"""How many can be sold. The one function behind every screen, the API, sourcing and what channels are told.

For a channel:  Σ over open locations that sell online and ship of max(0, on hand − reserved − safety)
                − units that accepted orders still wait for − the channel's buffer,
then at least 0 and at most the listing's maximum. A location's safety stock protects its own last units and takes
nothing from other locations, hence the inner floor; the outer floor is the only other one. What lies at a supplier is
not ours to promise.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from oms import db


class Shelf(NamedTuple):  # made by the ten thousand, which a data class is slow at
    """Stock of one variant at one location."""

    location_id: int
    code: str
    name: str
    kind: str
    region: str
    on_hand: int
    reserved: int
    safety: int
    sells_online: bool
    ships: bool
    offers_pickup: bool
    country: str = ""

    @property
    def serves_anybody(self) -> bool:
        """Whether an order that names no place may be sent from here. These, and no others, count for channels."""
        return self.sells_online and self.ships and self.kind != "supplier"

    @property
    def free(self) -> int:
        """What may be promised here, safety stock included: an associate sells the last one too."""
        return self.on_hand - self.reserved

    @property
    def offered(self) -> int:
        """What this shelf adds to the number channels are told."""
        return max(0, self.on_hand - self.reserved - self.safety) if self.serves_anybody else 0


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a sum, for the question why a number is what it is."""

    label: str
    units: int
    kind: str  # "location", "waiting", "buffer", "floor", "maximum"
    reference: str = ""  # code of the location, where there is one


@dataclass(frozen=True, slots=True)
class Availability:
    variant_id: int
    sku: str
    title: str
    shelves: tuple[Shelf, ...] = ()
    waiting: int = 0  # units accepted orders wait for

    def for_channel(self, *, buffer: int = 0, most: int | None = None) -> int:
        """Units a channel may be told. Never negative."""
        return _capped(sum(shelf.offered for shelf in self.shelves) - self.waiting - buffer, most)

    def why(self, *, buffer: int = 0, most: int | None = None) -> list[Term]:
        """The terms of `for_channel`; they add up to it exactly."""
        terms = [
            Term(f"{shelf.name}: {shelf.on_hand} on hand − {shelf.reserved} reserved − {shelf.safety} safety",
                 shelf.offered, "location", shelf.code)
            for shelf in self.shelves
            if shelf.serves_anybody and (shelf.on_hand or shelf.reserved)
        ]  # fmt: skip
        if self.waiting:
            terms.append(Term("orders waiting for stock", -self.waiting, "waiting"))
        if buffer:
            terms.append(Term("buffer of the channel", -buffer, "buffer"))
        total, told = sum(term.units for term in terms), self.for_channel(buffer=buffer, most=most)
        if total < 0:
            terms.append(Term("a channel is never told less than none", -total, "floor"))
        elif told != total:
            terms.append(Term(f"the listing offers {most} at most", told - total, "maximum"))
        return terms


def _capped(units: int, most: int | None) -> int:
    return max(0, units if most is None else min(units, most))


# Rows come once per variant and location; a variant without stock anywhere comes once with nulls.
_SHELVES = """
WITH v AS MATERIALIZED (
    SELECT id, sku, name, product_id,
           (SELECT coalesce(sum(quantity), 0) FROM inventory_reservation r
             WHERE r.variant_id = asked.id AND r.state = 'held' AND r.location_id IS NULL) AS waiting
      FROM inventory_variant asked WHERE {which}
)
SELECT v.id, v.sku, p.title || CASE WHEN v.name = '' THEN '' ELSE ', ' || v.name END, p.status, v.waiting,
       l.id, l.code, l.name, l.kind, l.region, s.on_hand, s.reserved, s.safety, l.sells_online, l.ships,
       l.offers_pickup, l.country
  FROM v
  JOIN inventory_product p ON p.id = v.product_id
  LEFT JOIN (inventory_stocklevel s JOIN inventory_location l ON l.id = s.location_id AND l.is_open)
    ON s.variant_id = v.id
"""
_BY_ID = _SHELVES.format(which="id = ANY(%s)")
_BY_SKU = _SHELVES.format(which="sku = ANY(%s)")


def of(variants: Collection[int]) -> dict[int, Availability]:
    """Availability by variant id, from one statement; unknown ids are absent."""
    rows = db.fetch(_BY_ID, [list(variants)], often=True) if variants else []
    return {found.variant_id: found for found in _gather(rows)}


def by_sku(skus: Collection[str]) -> dict[str, Availability]:
    """Availability by exact SKU, from one statement; unknown SKUs are absent."""
    rows = db.fetch(_BY_SKU, [list(skus)], often=True) if skus else []
    return {found.sku: found for found in _gather(rows)}


def _gather(rows: Iterable[tuple[Any, ...]]) -> Iterable[Availability]:
    heads: dict[int, tuple[Any, ...]] = {}
    shelves: dict[int, list[Shelf]] = defaultdict(list)
    for row in rows:
        heads[row[0]] = row
        if row[5] is not None:
            shelves[row[0]].append(Shelf(*row[5:]))
    for variant, head in heads.items():
        ordered = sorted(shelves[variant], key=lambda shelf: shelf.code)
        yield Availability(variant, head[1], head[2], tuple(ordered), int(head[4]))
