"""The hands in warehouses and stores: they send what is allocated, and put away what suppliers deliver."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from demo.world import opening
from inventory import ledger
from inventory.ledger import Entry, Kind
from inventory.models import Location, Variant
from oms import audit, db
from oms.errors import Refused
from orders import fulfilment
from orders.models import FulfilmentOrder, OrderHold

logger = logging.getLogger(__name__)

ACTOR = audit.Actor("system", "warehouse")
CARRIER = "UPS"
SHELVES = 40  # put away from one delivery
LOW = 3  # a shelf is low when it holds less than a third of what should lie there


def send(*, waiting_for: timedelta, most: int, now: datetime) -> int:
    """Send up to `most` orders that have waited that long, oldest first; return how many parcels left."""
    open_work = FulfilmentOrder.objects.filter(state=FulfilmentOrder.State.OPEN, method="ship")
    ready = open_work.filter(created_at__lte=now - waiting_for, order__awaiting_payment=False)
    held = OrderHold.objects.filter(released_at=None).values("order")
    rows = ready.exclude(order__in=held).order_by("pk").values_list("pk", "order__number", "location__code")
    return sum(_send(*row, now=now) for row in rows[:most])


def _send(pk: int, number: int, location: str, *, now: datetime) -> bool:
    try:
        fulfilment.ship(
            number=number, location=location, carrier=CARRIER, tracking_number=tracking_number(pk), actor=ACTOR, now=now
        )
    except Refused as refusal:
        logger.warning("floor.not-sent order=%s location=%s code=%s", number, location, refusal.code)
        return False
    return True


def tracking_number(serial: int) -> str:
    """A UPS ground number; the same serial always gets the same one."""
    body = f"999DEM03{serial % 10_000_000:07}"
    return f"1Z{body}{check_digit(body)}"


def check_digit(body: str) -> int:
    values = [int(letter) if letter.isdigit() else (ord(letter) - 3) % 10 for letter in body]
    return -(sum(values[0::2]) + 2 * sum(values[1::2])) % 10


class Stockroom:
    """What should lie on each shelf, by the rule that made the opening stock."""

    def __init__(self) -> None:
        locations = dict(Location.objects.values_list("code", "pk"))
        variants = dict(Variant.objects.values_list("sku", "pk"))
        self._full = {
            (locations[code], variants[sku]): units
            for (code, sku), units in opening.levels().items()
            if code in locations and sku in variants
        }

    def put_away(self, *, now: datetime) -> int:
        """Fill shelves that have run low, the emptiest first; return how many units came."""
        low = self._low()
        by_location: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for location, variant, units in low[:SHELVES]:
            by_location[location].append((variant, units))
        for location, goods in by_location.items():
            _receive(location_id=location, goods=goods, now=now)
        return sum(units for goods in by_location.values() for _, units in goods)

    def _low(self) -> list[tuple[int, int, int]]:
        shelves = sorted(self._full)
        return db.fetch(
            """
            SELECT location_id, variant_id, w.full_at - (l.on_hand - l.reserved)
              FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS w(location_id, variant_id, full_at)
              JOIN inventory_stocklevel l USING (location_id, variant_id)
             WHERE (l.on_hand - l.reserved) * %s < w.full_at
             ORDER BY l.on_hand - l.reserved, location_id, variant_id
            """,
            [
                [location for location, _ in shelves],
                [variant for _, variant in shelves],
                [self._full[shelf] for shelf in shelves],
                LOW,
            ],
        )


@db.transaction
def _receive(*, location_id: int, goods: Sequence[tuple[int, int]], now: datetime) -> None:
    entries = [
        Entry(
            location_id=location_id, variant_id=variant, kind=Kind.RECEIPT, quantity=units, cause="delivery",
            cause_id=f"{now:%Y%m%d-%H%M%S}", cause_line=place, reason="supplier's delivery", occurred_at=now,
        )
        for place, (variant, units) in enumerate(goods, start=1)
    ]  # fmt: skip
    ledger.demand_all_on_hand(ledger.post(entries, actor=str(ACTOR)))
