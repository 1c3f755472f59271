"""Deciding who sends an order, without a database."""

import random
from collections.abc import Iterator
from dataclasses import replace

from orders.sourcing import Candidate, Demand, plan
from tests.benchmarks.floor import nearest
from tests.benchmarks.goods import REGIONS
from tests.benchmarks.measure import Figure, Options, against_rate, against_time, alone, figure

LOCATIONS, SKUS, CARRIED = 1_500, 1_000, 300
BATCH = 10_000


def plans(options: Options) -> Iterator[Figure]:
    """sourcing.plan: two lines among 1,500 locations of which each carries 300 of 1,000 SKUs; one order, then many.

    Its floor looks at every location in order of distance, for the first that has everything.
    """
    one, many = options.filled(n=300, seconds=4), options.filled(n=BATCH, seconds=15)
    draw = random.Random(f"{one.seed}:sourcing")
    candidates = [_candidate(number, draw) for number in range(LOCATIONS)]
    places = [nearest.Place(each.location_id, *_somewhere(draw)[1:], dict(each.free)) for each in candidates]
    orders = [(dict.fromkeys(draw.sample(range(SKUS), 2), 1), *_somewhere(draw)) for _ in range(many.n + 200)]

    def brute(number: int) -> None:
        wanted, _, latitude, longitude = orders[number]
        nearest.nearest(wanted, places, latitude, longitude)

    def ours(number: int) -> None:
        wanted, region, _, _ = orders[number]
        demands = [Demand(line, variant, units) for line, (variant, units) in enumerate(wanted.items(), start=1)]
        plan(demands, candidates, region=region, country="US")

    floor, single = alone(brute, n=one.n, seconds=one.seconds / 2), alone(ours, n=one.n, seconds=one.seconds)
    sizes = {"locations": LOCATIONS, "lines": 2, "seed": one.seed}
    yield figure("sourcing.plan", single, what="one order", **against_time("brute-force", floor, single), **sizes)
    floor = alone(brute, n=many.n, seconds=many.seconds / 4, warm_up=0)
    batch = alone(ours, n=many.n, seconds=many.seconds, warm_up=0)
    yield figure("sourcing.plan", batch, what="batch", **against_rate("brute-force", floor, batch), **sizes)


def _somewhere(draw: random.Random) -> tuple[str, float, float]:
    return draw.choice(REGIONS), draw.uniform(25, 48), draw.uniform(-122, -70)


def _candidate(number: int, draw: random.Random) -> Candidate:
    made = Candidate(
        location_id=number, code=f"L{number:04}", kind="warehouse" if number < 10 else "store",
        region=draw.choice(REGIONS), ships=True, offers_pickup=number >= 10, free={}, country="US",
    )  # fmt: skip
    return replace(made, free={sku: draw.randrange(1, 60) for sku in draw.sample(range(SKUS), CARRIED)})
