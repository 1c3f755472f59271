"""Holding stock, and saying how much there is."""

import random
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from inventory import availability, reservations
from oms import db
from tests.benchmarks import database, goods
from tests.benchmarks.floor import stock as floor_stock
from tests.benchmarks.floor import tables
from tests.benchmarks.goods import Shop
from tests.benchmarks.measure import Do, Figure, Make, Options, against_rate, against_time, alone, crowd, figure

SKUS, LOCATIONS = 100, 200


def hold(options: Options) -> Iterator[Figure]:
    """stock.hold: two-line holds over 1,000 SKUs, and all of them on one shelf; its floor is a guarded UPDATE."""
    asked = options.filled(n=4000, seconds=3, clients=(1, 8, 32))
    with database.fresh():
        shop = goods.shop()
        shelves = [f"{location}:{variant}" for location in shop.locations for variant in shop.variants]
        with closing(database.raw()) as raw:
            tables.make(raw, Shop(tuple(shelves), (), ()), units=goods.PLENTY)
        for what, some in (("spread", shop), ("hot", Shop(shop.skus[:1], shop.variants[:1], shop.locations[:1]))):
            for clients in asked.clients:
                by_hand = _hold_by_hand(some, asked.seed)
                floor = crowd(by_hand, clients=clients, n=asked.n, seconds=asked.seconds / 2)
                holding = _hold(some, asked.seed, holder=f"{what}-{clients}")
                ours = crowd(holding, clients=clients, n=asked.n, seconds=asked.seconds)
                yield figure(
                    "stock.hold", ours, what=what, clients=clients, **against_rate("guarded-update", floor, ours),
                    seed=asked.seed,
                )  # fmt: skip


def _pairs(shop: Shop, number: int, seed: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    draw = random.Random(f"{seed}:{number}")
    while True:
        first, second = ((draw.choice(shop.locations), draw.choice(shop.variants)) for _ in range(2))
        yield first, second


def _hold(shop: Shop, seed: int, *, holder: str) -> Make:
    def worker(number: int) -> Do:
        pairs = _pairs(shop, number, seed)

        @db.transaction
        def two_lines(place: int) -> None:
            wishes = [
                reservations.Wish(
                    holder=f"{holder}:{place}", line=line, variant_id=variant, location_id=location, quantity=1
                )
                for line, (location, variant) in enumerate(next(pairs), start=1)
            ]
            reservations.hold(wishes, now=datetime.now(UTC))

        return two_lines

    return worker


def _hold_by_hand(shop: Shop, seed: int) -> Make:
    def worker(number: int) -> Do:
        pairs = _pairs(shop, number, seed)
        raw = database.raw()
        raw.autocommit = True
        cursor = raw.cursor()
        return lambda _: floor_stock.hold(cursor, sorted({f"{place}:{variant}" for place, variant in next(pairs)}))

    return worker


def available(options: Options) -> Iterator[Figure]:
    """stock.available: 100 SKUs for a channel over 200 locations, with all rules; its floor is a plain join."""
    asked = options.filled(n=100, seconds=5)
    with database.fresh():
        shop = goods.shop(skus=SKUS, locations=LOCATIONS, units=40)
        skus = list(shop.skus)
        with closing(database.raw()) as raw, raw.cursor() as cursor:
            raw.autocommit = True
            floor = alone(lambda _: floor_stock.available(cursor, skus), n=asked.n, seconds=asked.seconds / 2)
        ours = alone(lambda _: _for_a_channel(skus), n=asked.n, seconds=asked.seconds)
        yield figure(
            "stock.available", ours, skus=SKUS, locations=LOCATIONS, **against_time("plain-join", floor, ours),
            seed=asked.seed,
        )  # fmt: skip


def _for_a_channel(skus: list[str]) -> dict[str, int]:
    return {sku: found.for_channel(buffer=2, most=5000) for sku, found in availability.by_sku(skus).items()}
