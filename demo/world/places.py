"""Where the retailer keeps and sells goods: sixty stores, two warehouses, a contract warehouse and a supplier.

Stores are the sixty BigBox stores of the Best Buy data that are nearest, within their state, to the most of the
addresses people live at. The other places stand in cities of the address file: a warehouse where the summed distance
to all addresses east (or west) of the Mississippi is smallest, the contract warehouse where it is smallest to all
(of cities with at least twenty addresses: no warehouse in Aspen), the supplier in the city nearest the container port
of Los Angeles.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from math import asin, cos, hypot, radians, sin, sqrt
from typing import Any

from demo.world import hours, sources, zones
from demo.world.shapes import Place, PlaceKind

STORES = 60
CITY = 20  # addresses that make a place large enough for a warehouse
MISSISSIPPI = -90.2
CONTAINER_PORT = (33.74, -118.26)
LOST = {1536}  # its position lies 1,068 km from its own ZIP
EAST, WEST, CONTRACT, SUPPLIER = "WH-EAST", "WH-WEST", "3PL-CENTRAL", "SUP-PACIFIC"

Point = tuple[float, float]


def all_places() -> tuple[Place, ...]:
    return (*stores(), *depots())


@cache
def stores() -> tuple[Place, ...]:
    """Return the stores, the one with the most addresses around it first."""
    known = {found["id"]: found for found in sources.stores()}
    return tuple(_store(known[number]) for number, _ in _catchments().most_common(STORES))


@cache
def depots() -> tuple[Place, ...]:
    cities = _cities()
    east = {city: found for city, found in cities.items() if found[0][1] > MISSISSIPPI}
    west = {city: found for city, found in cities.items() if found[0][1] <= MISSISSIPPI}
    port = min(cities, key=lambda city: distance_km(cities[city][0], CONTAINER_PORT))
    return (
        _depot(EAST, PlaceKind.WAREHOUSE, "Warehouse East", _centre(east)),
        _depot(WEST, PlaceKind.WAREHOUSE, "Warehouse West", _centre(west)),
        _depot(CONTRACT, PlaceKind.THIRD_PARTY, "Contract Warehouse Central", _centre(cities)),
        _depot(SUPPLIER, PlaceKind.SUPPLIER, "Pacific Import Supply", port),
    )


def nearest_store(latitude: float, longitude: float) -> str:
    return min(stores(), key=lambda store: _flat(latitude, longitude, store.latitude, store.longitude)).code


@cache
def nearest_warehouse(state: str) -> str:
    """Return the warehouse on the state's side of the Mississippi, by the middle of its addresses."""
    longitudes = [float(row["lon"]) for row in sources.addresses() if row["state"] == state]
    return WEST if longitudes and sum(longitudes) / len(longitudes) <= MISSISSIPPI else EAST


def repair_zip(written: str) -> str:
    """Return five digits: leading zeros that a spreadsheet ate come back, ZIP+4 loses its tail."""
    return written.strip().partition("-")[0].zfill(5)


def distance_km(here: Point, there: Point) -> float:
    """Great-circle distance."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(radians, point)) for point in (here, there))
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0 * asin(sqrt(chord))


def _catchments() -> Counter[int]:
    by_state: dict[str, list[tuple[int, float, float]]] = {}
    for store in sources.stores():
        if store["type"] == "BigBox" and store["id"] not in LOST:
            spot = (store["id"], store["location"]["lat"], store["location"]["lon"])
            by_state.setdefault(store["state"], []).append(spot)
    served = [row for row in sources.addresses() if row["state"] in by_state]
    return Counter(sorted(_nearest(row, by_state[row["state"]]) for row in served))


def _nearest(row: dict[str, str], spots: Iterable[tuple[int, float, float]]) -> int:
    latitude, longitude = float(row["lat"]), float(row["lon"])
    return min(spots, key=lambda spot: _flat(latitude, longitude, spot[1], spot[2]))[0]


def _flat(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance good enough to tell near from far, in degrees of latitude; a hundred times cheaper to repeat."""
    return hypot(lat1 - lat2, (lon1 - lon2) * cos(radians(lat1)))


def _store(found: dict[str, Any]) -> Place:
    latitude, longitude = found["location"]["lat"], found["location"]["lon"]
    return Place(
        code=f"S{found['id']:04}",
        kind=PlaceKind.STORE,
        name=found["name"],
        line1=", ".join(filter(None, (found["address"].strip(), found["address2"].strip()))),
        city=found["city"],
        region=found["state"],
        postcode=repair_zip(found["zip"]),
        latitude=latitude,
        longitude=longitude,
        zone=zones.of(found["state"], latitude, longitude),
        hours=hours.parse(found["hours"]),
        services=tuple(dict.fromkeys(service.strip() for service in found["services"])),
    )


Cities = dict[tuple[str, str], tuple[Point, int, str]]  # (city, state) → middle, addresses, ZIP


@cache
def _cities() -> Cities:
    grouped: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in sources.addresses():
        grouped.setdefault((row["city"], row["state"]), []).append(row)
    return {city: (_middle(rows), len(rows), rows[0]["postal_code"]) for city, rows in grouped.items()}


def _middle(rows: list[dict[str, str]]) -> Point:
    return sum(float(row["lat"]) for row in rows) / len(rows), sum(float(row["lon"]) for row in rows) / len(rows)


def _centre(cities: Cities) -> tuple[str, str]:
    def haul(city: tuple[str, str]) -> float:
        return sum(weight * _flat(*cities[city][0], *point) for point, weight in _weights(cities))

    return min((city for city in cities if cities[city][1] >= CITY), key=haul)


def _weights(cities: Cities) -> Iterator[tuple[Point, int]]:
    return ((point, weight) for point, weight, _ in cities.values())


def _depot(code: str, kind: PlaceKind, name: str, city: tuple[str, str]) -> Place:
    (latitude, longitude), _, postcode = _cities()[city]
    return Place(
        code=code,
        kind=kind,
        name=name,
        line1="",
        city=city[0],
        region=city[1],
        postcode=postcode,
        latitude=round(latitude, 5),
        longitude=round(longitude, 5),
        zone=zones.of(city[1], latitude, longitude),
    )
