"""What tests of stock ask the tables."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from inventory import events, ledger
from inventory.models import StockLevel
from oms import db
from oms.models import OutboxEvent
from tests import factories
from tests.oms.threads import PATIENCE


@db.transaction
def reserve(changes: dict[ledger.Shelf, int]) -> set[ledger.Shelf]:
    return ledger.reserve(changes)


def shelf_of(units: int = 0, *, reserved: int = 0) -> ledger.Shelf:
    """A shelf of its own location and variant."""
    variant = factories.variant()
    shelf = (factories.stock(variant, units).pk, variant.pk)
    if reserved:
        assert reserve({shelf: reserved}) == set()
    return shelf


def level(shelf: ledger.Shelf) -> tuple[int, int]:
    """(on hand, reserved)"""
    found = StockLevel.objects.get(location=shelf[0], variant=shelf[1])
    return found.on_hand, found.reserved


def told() -> list[str]:
    """Variants of which the channels were told, once for each time."""
    rows = OutboxEvent.objects.filter(topic=events.AVAILABILITY_CHANGED, destination="channels.stock-push")
    return list(rows.order_by("pk").values_list("aggregate_id", flat=True))


@contextmanager
def no_deadlocks() -> Iterator[None]:
    """Postgres resolves a deadlock and our retry hides it; its own count tells."""
    before = _deadlocks()
    yield
    assert _deadlocks() == before, "transactions locked each other out"


def _deadlocks() -> int:
    """What sessions have counted reaches the statistics when they end at the latest."""
    until = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
            if cursor.fetchone() == (0,):
                break
            time.sleep(0.01)
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]
