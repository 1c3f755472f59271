"""Many orders by hand: ids taken at once, COPY, and one UPDATE of all the stock."""

import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from orders.incoming import IncomingOrder


def load(raw: Any, orders: Sequence[IncomingOrder]) -> None:
    demand: Counter[str] = Counter()
    with raw, raw.cursor() as cursor:
        cursor.execute(
            "SELECT nextval('floor.orders_id_seq') FROM generate_series(1, %s)", [len(orders)]
        )  # fmt: skip
        ids = [order_id for (order_id,) in cursor.fetchall()]
        heads, lines = io.StringIO(), io.StringIO()
        for order_id, order in zip(ids, orders, strict=True):
            heads.write(_row(order_id, order.external_number, order.buyer.name, order.buyer.email, order.total))
            for line in order.lines:
                lines.write(_row(order_id, line.sku, line.quantity, line.unit_price))
                demand[line.sku] += line.quantity
        _copy(cursor, "floor.orders (id, number, name, email, total)", heads)
        _copy(cursor, "floor.lines (order_id, sku, quantity, price)", lines)
        skus = sorted(demand)
        cursor.execute(
            "UPDATE floor.stock SET reserved = reserved + units FROM unnest(%s::text[], %s::int[]) AS w(wanted, units)"
            " WHERE sku = wanted",
            [skus, [demand[sku] for sku in skus]],
        )


def _row(*values: object) -> str:
    return "\t".join(str(value).replace("\\", "\\\\").replace("\t", " ") for value in values) + "\n"


def _copy(cursor: Any, table: str, rows: io.StringIO) -> None:
    rows.seek(0)
    cursor.copy_expert(f"COPY {table} FROM STDIN", rows)
