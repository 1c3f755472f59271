"""What tests of stock ask the tables."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from inventory import events, ledger
from inventory.models import StockLevel
from oms import db
from oms.models import OutboxEvent
from tests import factories


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
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        return cursor.fetchone()[1]
