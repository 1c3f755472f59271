"""Places, and how far they lie apart."""

from collections.abc import Collection
from math import asin, cos, radians, sin, sqrt

from inventory.models import Location

EARTH = 6371.0  # km


def distances(origin: Location, others: Collection[int]) -> dict[int, float]:
    """Kilometres as the crow flies from `origin`, by location id; places nobody has located are absent."""
    if origin.latitude is None or origin.longitude is None:
        return {}
    here = (origin.latitude, origin.longitude)
    spots = Location.objects.filter(pk__in=others).values_list("pk", "latitude", "longitude")
    return {pk: between(here, (lat, lon)) for pk, lat, lon in spots if lat is not None and lon is not None}


def between(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Great-circle kilometres between two (latitude, longitude)."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, point)) for point in (here, there))
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH * asin(min(1.0, sqrt(chord)))
