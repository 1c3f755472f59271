"""What orders tell the rest of the system. Ids and primitives only."""

from datetime import datetime
from typing import Any

from oms.outbox import Event

ORDER_ACCEPTED = "orders.order-accepted"
ORDER_MOVED = "orders.order-moved"
PARCEL_SHIPPED = "orders.parcel-shipped"


def about_order(topic: str, number: int, *, now: datetime, **facts: Any) -> Event:
    return Event(topic=topic, aggregate=("order", str(number)), happened_at=now, payload={"number": number, **facts})
