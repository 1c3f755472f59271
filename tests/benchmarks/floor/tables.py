"""The least tables an order needs."""

from typing import Any

from tests.benchmarks.goods import Shop

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.stock (
    sku text PRIMARY KEY, on_hand int NOT NULL, reserved int NOT NULL DEFAULT 0, CHECK (reserved <= on_hand)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS floor.orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text UNIQUE NOT NULL, name text, email text, total bigint
);
CREATE TABLE IF NOT EXISTS floor.lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id bigint NOT NULL, sku text, quantity int, price bigint
);
"""


def make(raw: Any, shop: Shop, *, units: int) -> None:
    """Empty tables, and `units` of every SKU."""
    with raw, raw.cursor() as cursor:
        cursor.execute(SCHEMA)
        cursor.execute("TRUNCATE floor.stock, floor.orders, floor.lines")
        cursor.execute("INSERT INTO floor.stock (sku, on_hand) SELECT unnest(%s::text[]), %s", [list(shop.skus), units])
