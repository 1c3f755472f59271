"""The stock the past begins with: enough that no shelf ever falls below zero, and that today's shelves look lived in.

Today's level is a rule. Warehouses hold four weeks of the code's usual demand, at least 6 and at most 2,000 units,
three fifths of it east; the contract warehouse a quarter of that for what Amazon lists. A store carries 60 in 100 of
the 240 most bought gifts (2 to 9 units) and 35 in 100 of the electronics (1 to 4). Three treadmills stand in
Warehouse East, one in each of two stores. Where history itself leaves more behind, there is more.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from math import ceil

from demo.world import catalogue, chance, history, listings, places
from demo.world.buyers import AMAZON
from demo.world.history import Event
from demo.world.shapes import OpeningReceipt, Variant

WEEKS = 39  # of history
COVER = 4  # weeks
FEWEST, MOST = 6, 2000
USUAL_AT_MOST = 24  # a line of more is wholesale
STORE_RANGE = 240
TREADMILLS = {places.EAST: 3}
STORES_WITH_TREADMILL = (1, 4)  # by rank of the store

Shelf = tuple[str, str]  # (location, sku)


def opening_stock(*streams: Iterable[Event], opens_at: datetime, seed: int = chance.SEED) -> list[OpeningReceipt]:
    """Return the receipts to book at `opens_at` before these events, sorted by (location, sku).

    Streams may be booked side by side, in whatever way they interleave.
    """
    net: dict[Shelf, int] = {}
    lowest: dict[Shelf, int] = {}
    for events in streams:
        for shelf, (end, low) in _courses(events).items():
            net[shelf] = net.get(shelf, 0) + end
            lowest[shelf] = lowest.get(shelf, 0) + low
    wanted = levels(seed)
    needed = {
        shelf: max(-lowest.get(shelf, 0), wanted.get(shelf, 0) - net.get(shelf, 0))
        for shelf in sorted(net.keys() | wanted.keys())
    }
    return [
        OpeningReceipt(location=location, sku=sku, quantity=units, moment=opens_at)
        for (location, sku), units in needed.items()
        if units
    ]


def _courses(events: Iterable[Event]) -> dict[Shelf, tuple[int, int]]:
    """Return where each shelf ends and how low it gets on the way, from nothing."""
    found: dict[Shelf, tuple[int, int]] = {}
    for event in events:
        for moved in history.movements(event):
            shelf = (moved.location, moved.sku)
            level, low = found.get(shelf, (0, 0))
            level += moved.quantity
            found[shelf] = (level, min(low, level))
    return found


@cache
def levels(seed: int = chance.SEED) -> dict[Shelf, int]:
    """Return the least that lies on each shelf today."""
    on_amazon = {listing.sku for listing in listings.listings(seed) if listing.channel == AMAZON}
    found: dict[Shelf, int] = {}
    for rank, variant in enumerate(catalogue.sellable()):
        if variant.sku == catalogue.TREADMILL:
            continue
        units = _cover(variant)
        found[places.EAST, variant.sku] = ceil(units * 3 / 5)
        found[places.WEST, variant.sku] = units - ceil(units * 3 / 5)
        if variant.sku in on_amazon:
            found[places.CONTRACT, variant.sku] = ceil(units / 4)
        if rank < STORE_RANGE or variant.gtin:
            found |= _in_stores(variant, seed)
    found |= {(location, catalogue.TREADMILL): units for location, units in TREADMILLS.items()}
    return found | {(places.stores()[rank].code, catalogue.TREADMILL): 1 for rank in STORES_WITH_TREADMILL}


def _cover(variant: Variant) -> int:
    usual = min(variant.usual_quantity, USUAL_AT_MOST)
    return min(MOST, max(FEWEST, ceil(variant.popularity * usual * COVER / WEEKS)))


def _in_stores(variant: Variant, seed: int) -> dict[Shelf, int]:
    chances, fewest, spread = (35, 1, 4) if variant.gtin else (60, 2, 8)
    found = {}
    for store in places.stores():
        draw = chance.number(seed, "shelf", store.code, variant.sku)
        if draw % 100 < chances:
            found[store.code, variant.sku] = fewest + draw // 100 % spread
    return found
