"""An order by hand: six round trips of psycopg2, BEGIN and COMMIT among them."""

from collections.abc import Sequence
from typing import Any

from orders.incoming import IncomingOrder


def place(raw: Any, order: IncomingOrder) -> None:
    skus = sorted(line.sku for line in order.lines)
    wanted = {line.sku: line.quantity for line in order.lines}
    with raw, raw.cursor() as cursor:  # BEGIN … COMMIT
        cursor.execute("SELECT sku FROM floor.stock WHERE sku = ANY(%s)", [skus])
        cursor.execute(HOLD, [skus, [wanted[sku] for sku in skus]])
        if cursor.rowcount != len(skus):
            raise RuntimeError("sold out")
        cursor.execute(
            "INSERT INTO floor.orders (number, name, email, total) VALUES (%s, %s, %s, %s) RETURNING id",
            [order.external_number, order.buyer.name, order.buyer.email, order.total],
        )
        ((order_id,),) = cursor.fetchall()
        cursor.execute(
            "INSERT INTO floor.lines (order_id, sku, quantity, price)"
            " SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::bigint[])",
            [order_id, *_columns(order)],
        )


HOLD = """
WITH wanted AS (
    SELECT * FROM unnest(%s::text[], %s::int[]) AS w(sku, units)
), locked AS MATERIALIZED (
    SELECT sku, units FROM floor.stock JOIN wanted USING (sku) ORDER BY sku FOR NO KEY UPDATE OF stock
)
UPDATE floor.stock SET reserved = reserved + units FROM locked
 WHERE stock.sku = locked.sku AND reserved + units <= on_hand
"""


def _columns(order: IncomingOrder) -> Sequence[list[Any]]:
    return (
        [line.sku for line in order.lines],
        [line.quantity for line in order.lines],
        [line.unit_price for line in order.lines],
    )
