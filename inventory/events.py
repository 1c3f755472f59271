"""What inventory tells the rest of the system."""

from collections.abc import Iterable
from datetime import datetime

from oms.outbox import Event

AVAILABILITY_CHANGED = "inventory.availability-changed"


def availability_changed(variants: Iterable[int], *, now: datetime) -> list[Event]:
    """Promisable stock of these variants moved. Carries no figure: whoever hears it reads the current one."""
    return [
        Event(topic=AVAILABILITY_CHANGED, aggregate=("variant", str(variant)), happened_at=now, payload={})
        for variant in sorted(set(variants))
    ]
