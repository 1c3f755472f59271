"""What a variant costs in an own channel. What marketplaces are told stands with their listings."""

from collections.abc import Collection
from datetime import datetime

from oms import db

# The channel's own price goes before the one for all own channels, whose name is empty and so sorts behind.
_VALID = """
SELECT DISTINCT ON (variant_id) variant_id, amount
  FROM inventory_price
 WHERE variant_id = ANY(%s) AND channel IN ('', %s) AND currency = %s AND valid @> %s::timestamptz
 ORDER BY variant_id, channel DESC
"""


def of(variants: Collection[int], *, channel: str, currency: str, at: datetime) -> dict[int, int]:
    """Prices by variant id in minor units of `currency`, as valid at that moment; what has none is absent.

    One statement.
    """
    return dict(db.fetch(_VALID, [list(variants), channel, currency, at])) if variants else {}
