"""Stock that `inventory.availability` leaves out, because nothing of it can be promised."""

from collections import defaultdict
from collections.abc import Collection

from inventory.availability import Shelf
from inventory.models import StockLevel


def closed(variants: Collection[int]) -> dict[int, list[Shelf]]:
    """What lies in places that are closed, by variant, in one statement."""
    levels = StockLevel.objects.filter(variant__in=variants, location__is_open=False, on_hand__gt=0)
    found: dict[int, list[Shelf]] = defaultdict(list)
    for level in levels.select_related("location").order_by("location__code"):
        at = level.location
        found[level.variant_id].append(
            Shelf(
                at.pk, at.code, at.name, at.kind, at.region, level.on_hand, level.reserved, level.safety,
                sells_online=False, ships=False, offers_pickup=False,
            )
        )  # fmt: skip
    return found
