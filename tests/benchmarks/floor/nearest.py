"""The nearest place that has everything, by looking at all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt


@dataclass(frozen=True, slots=True)
class Place:
    location_id: int
    latitude: float
    longitude: float
    free: dict[int, int]


def nearest(wanted: dict[int, int], places: Sequence[Place], latitude: float, longitude: float) -> int | None:
    for place in sorted(places, key=lambda each: _distance(latitude, longitude, each.latitude, each.longitude)):
        if all(place.free.get(variant, 0) >= units for variant, units in wanted.items()):
            for variant, units in wanted.items():
                place.free[variant] -= units
            return place.location_id
    return None


def _distance(a: float, b: float, c: float, d: float) -> float:
    """Kilometres over the globe (haversine)."""
    a, b, c, d = map(radians, (a, b, c, d))
    return 12_742 * asin(sqrt(sin((c - a) / 2) ** 2 + cos(a) * cos(c) * sin((d - b) / 2) ** 2))
