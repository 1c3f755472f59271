"""How long until a sale is on the desk, and until the other channels show it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from demo.check.selling import Sale


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds, as a distribution."""

    count: int
    median: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        if len(seconds) < 2:
            return cls(len(seconds), sum(seconds), sum(seconds))
        steps = quantiles(seconds, n=20, method="inclusive")
        return cls(len(seconds), steps[9], steps[18])


def followed(
    sales: Iterable[Sale],
    *,
    channel: str,
    pushes: Iterable[Mapping[str, Any]],
    opened_with: Mapping[str, int],
    taken_in: Mapping[tuple[str, str], float],
    found: Mapping[tuple[str, str, str], int],
) -> tuple[list[float], list[Sale]]:
    """Return how long `channel` took to be told of each sale elsewhere, and the sales it never was told of.

    A push tells of a sale when it names no more than what the sale left. `opened_with` is what the channel showed
    before, by SKU; `taken_in` when the desk had a sale; `found` are units of a sale, by (channel, number, SKU), that
    were on no shelf of the books and so changed nothing.
    """
    told: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for push in pushes:
        told[push["sku"]].append(push)
    left, seconds, never = dict(opened_with), [], []
    for sale in sorted(sales, key=lambda sale: taken_in[sale.channel, sale.number]):
        for sku, units in sale.units.items():
            gone = units - found.get((sale.channel, sale.number, sku), 0)
            if sku not in left or not gone or left[sku] <= 0:
                continue
            left[sku] -= gone
            if sale.channel == channel:
                continue
            at = (push["at"] for push in told[sku] if push["at"] >= sale.at and push["quantity"] <= max(0, left[sku]))
            if (first := next(at, None)) is None:
                never.append(sale)
            else:
                seconds.append(first - sale.at)
    return seconds, never
