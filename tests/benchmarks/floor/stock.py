"""Stock by hand: a guarded UPDATE in sorted order, and a plain join."""

from typing import Any

from tests.benchmarks.floor.place import HOLD


def hold(cursor: Any, shelves: list[str]) -> None:
    cursor.execute(HOLD, [shelves, [1] * len(shelves)])
    if cursor.rowcount != len(shelves):
        raise RuntimeError("sold out")


AVAILABLE = """
SELECT v.sku, sum(greatest(s.on_hand - s.reserved - s.safety, 0))
  FROM inventory_variant v
  JOIN inventory_stocklevel s ON s.variant_id = v.id
  JOIN inventory_location l ON l.id = s.location_id AND l.is_open AND l.sells_online
 WHERE v.sku = ANY(%s) GROUP BY v.sku
"""


def available(cursor: Any, skus: list[str]) -> list[Any]:
    cursor.execute(AVAILABLE, [skus])
    found: list[Any] = cursor.fetchall()
    return found
