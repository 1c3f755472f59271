"""Every fact has one writer: whoever else writes to its tables, by the ORM or by SQL, fails the build."""

import ast

import pytest

from orders.models.order import BUCKETS
from tests.architecture.source import Fact, modules, writes

WHOLE_ROW = frozenset[str]()


def fact(name: str, *labels: str, by: str, locks: bool = False) -> Fact:
    return Fact(name, dict.fromkeys(labels, WHOLE_ROW), frozenset(by.split()), locks)


FACTS = [
    fact("stock", "inventory.StockLevel", "inventory.StockMovement", by="inventory/ledger.py", locks=True),
    fact("reservations", "inventory.Reservation", by="inventory/reservations.py"),
    Fact(
        "order status and line buckets",
        {"orders.Order": frozenset({"status"}), "orders.OrderLine": frozenset(BUCKETS)},
        frozenset({"orders/lifecycle.py", "orders/_graph.py"}),
    ),
    fact("events", "oms.OutboxEvent", "oms.AggregateSequence", by="oms/outbox.py"),
    fact("messages from outside", "oms.InboxMessage", by="oms/inbox.py"),
    fact("answers kept", "oms.IdempotencyKey", by="oms/idempotency.py"),
    fact("audit entries", "oms.AuditEntry", by="oms/audit.py"),
    fact("search keys", "oms.SearchKey", by="oms/search.py"),
    fact("people", "customers.Customer", "customers.Identity", "customers.Address", by="customers/identity.py"),
    fact("call budgets", "channels.CallBudget", by="channels/budgets.py"),
    fact("wishes to push stock", "channels.StockPush", by="channels/stock_push.py"),
    fact("wishes to push shipments", "channels.ShipmentPush", by="channels/shipment_push.py"),
    Fact(
        "secrets of channels",
        {"channels.ChannelAccount": frozenset({"secrets", "access_token", "token_expires_at"})},
        frozenset({"channels/credentials.py"}),
        makes=False,
    ),
]
STOCK, RESERVATIONS, ORDERS = FACTS[:3]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_only_its_writers_write(fact):
    strangers = {
        module.path: found
        for module in modules()
        if module.path not in fact.writers and (found := writes(fact, module.tree))
    }

    assert strangers == {}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_its_writers_are_seen_writing(fact):
    """Else the scan looks past how this code writes, and the test above proves nothing."""
    by_path = {module.path: module for module in modules()}

    assert {path for path in fact.writers if not writes(fact, by_path[path].tree)} == set()


@pytest.mark.parametrize(
    "code",
    [
        "StockLevel.objects.create(on_hand=1)",
        "models.StockLevel.objects.filter(pk=1).update(on_hand=1)",
        "StockLevel(on_hand=1).save()",
        "StockLevel.objects.bulk_create([])",
        "await StockLevel.objects.aupdate_or_create(pk=1)",
        "StockMovement.objects.all().delete()",
        "level = StockLevel.objects.get(pk=1)\nlevel.on_hand = 1\nlevel.save()",
        "shelf = StockLevel.objects.first()\nshelf.delete()",
        "for each in StockLevel.objects.all():\n    each.save()",
        "[each.delete() for each in StockLevel.objects.filter(on_hand=0)]",
        "def f(shelf: StockLevel) -> None:\n    shelf.save()",
        "def f(shelves: Sequence[StockLevel]) -> None:\n    shelves[0].save()",
        "def f(stock_level) -> None:\n    stock_level.save()",
        "location.stock_levels.update(on_hand=0)",
        "variant.stock_levels.all().delete()",
        "from inventory.models import StockLevel as Shelf\nShelf.objects.get_or_create(pk=1)",
        "rows = list(StockLevel.objects.select_for_update())",
        'db.fetch("UPDATE inventory_stocklevel SET on_hand = 1")',
        'db.fetch("update only  inventory_stocklevel\\n set on_hand = 1")',
        "db.fetch('INSERT INTO \"inventory_stockmovement\" (kind) VALUES (1)')",
        'db.fetch("WITH x AS (DELETE FROM inventory_stocklevel RETURNING 1) SELECT 1")',
        'db.fetch("TRUNCATE inventory_stocklevel")',
        'db.fetch(f"UPDATE inventory_stocklevel level SET {column} = 1")',
        '"SELECT * FROM inventory_stocklevel ORDER BY id FOR NO KEY UPDATE"',
    ],
)
def test_a_stranger_that_writes_stock_is_seen(code):
    assert writes(STOCK, ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "StockLevel.objects.filter(on_hand__gt=0).values_list('pk')",
        "found = StockLevel.objects.get(pk=1)\nprint(found.on_hand)",
        'db.fetch("SELECT on_hand FROM inventory_stocklevel")',
        'db.fetch("UPDATE inventory_reservation r SET state = 1 FROM inventory_stocklevel")',
        "def f(level: StockLevel) -> int:\n    return level.free",
        "kept = {}\nkept.update(StockLevel.objects.in_bulk())",
        "from elsewhere import StockLevel\nStockLevel(on_hand=1).save()",
        "class StockLevel:\n    pass\nStockLevel()",
    ],
)
def test_a_stranger_that_reads_stock_is_left_alone(code):
    assert writes(STOCK, ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "Order.objects.filter(pk=1).update(status='open')",
        "Order.objects.filter(pk=1).update(**changes)",
        "order.status = 'open'",
        "order.note, order.status = '', 'open'",
        "def f(sale: Order) -> None:\n    sale.save()",
        "order.save(update_fields=['note', 'status'])",
        "order.save(update_fields=fields)",
        "line.order.save()",
        "OrderLine.objects.bulk_update(lines, BUCKETS)",
        "OrderLine.objects.bulk_update(lines, ['shipped'])",
        "for each in order.lines.all():\n    each.shipped += 1",
        "setattr(move.line, bucket, 1)",
        "OrderLine.objects.create(order=order)",
        "order.lines.filter(pk=1).delete()",
        '"UPDATE orders_orderline SET tax = 0, shipped = shipped + 1 WHERE id = 1"',
        '"UPDATE orders_order o SET (status, total) = (now.status, now.total) FROM now"',
        'f"UPDATE orders_orderline SET ({names}) = (1)"',
        '"INSERT INTO orders_order (number) VALUES (1)"',
    ],
)
def test_a_stranger_that_writes_status_or_buckets_is_seen(code):
    assert writes(ORDERS, ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "order.ship_to = {}\norder.save(update_fields=['ship_to'])",
        "Order.objects.filter(pk=1).update(note='')",
        "OrderLine.objects.bulk_update(lines, ['tax'])",
        "if order.status == 'open':\n    pass",
        '"UPDATE orders_orderline line SET tax = now.tax FROM now WHERE shipped = 0"',
        '"UPDATE orders_fulfilmentorder SET state = 1"',
    ],
)
def test_a_stranger_that_writes_other_columns_is_left_alone(code):
    assert writes(ORDERS, ast.parse(code)) == []
