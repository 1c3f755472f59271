"""Years of old orders in seconds: rows as the front door would have left them, made by the database itself.

Every second order is a customer's second one. Names combine the demo's given names and surnames.
"""

import random
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tests.benchmarks import goods

REGIONS = list(goods.REGIONS)


def load(rows: int, shop: goods.Shop, *, seed: int) -> None:
    """Add `rows` finished orders of two lines, with their customers and everything that finds them."""
    given, surnames = goods.names()
    known: dict[str, Any] = {
        "rows": rows, "seed": seed, "given": list(given), "surnames": list(surnames), "regions": REGIONS,
        "variants": list(shop.variants), "skus": list(shop.skus),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0; SET maintenance_work_mem = '256MB'")
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'oms_searchkey' AND indexname LIKE 'search\\_%%'"
        )
        indexes = [definition for (definition,) in cursor.fetchall()]
        cursor.execute("DROP INDEX search_exact, search_prefix, search_ending, search_names")
        for statement in (_PEOPLE, _CUSTOMERS, _IDENTITIES, _ORDERS, _LINES, _ORDER_KEYS, _CUSTOMER_KEYS):
            cursor.execute(statement, known)
        for definition in indexes:
            cursor.execute(definition)
        cursor.execute(
            "VACUUM (ANALYZE) orders_order, orders_orderline, oms_searchkey, customers_customer, customers_identity"
        )
        cursor.execute("RESET statement_timeout; RESET lock_timeout; RESET maintenance_work_mem")


# hash(i, part) draws from lists, the same for the same seed. Customer c has the orders 2c and 2c + 1.
_PEOPLE = """
CREATE TEMP TABLE person AS
SELECT c, nextval('customers_customer_id_seq') AS id, g || ' ' || s AS name,
       lower(g) || '.' || c || '@example.com' AS email,
       '1' || 201 + h3 %% 780 || '555' || lpad((c %% 10000)::text, 4, '0') AS phone,
       lpad((10000 + h3 %% 89999)::text, 5, '0') AS postcode, (%(regions)s::text[])[1 + h3 %% 8] AS region
  FROM (SELECT c, abs(hashint8extended(c, %(seed)s) %% 1000003) AS h1,
               abs(hashint8extended(c, %(seed)s + 1) %% 1000003) AS h2,
               abs(hashint8extended(c, %(seed)s + 2) %% 1000003) AS h3
          FROM generate_series(0, (%(rows)s - 1) / 2) AS c) AS drawn,
       LATERAL (SELECT (%(given)s::text[])[1 + h1 %% cardinality(%(given)s::text[])] AS g,
                       (%(surnames)s::text[])[1 + h2 %% cardinality(%(surnames)s::text[])] AS s) AS named
"""
_CUSTOMERS = "INSERT INTO customers_customer (id, name, first_channel) SELECT id, name, 'web' FROM person"
_IDENTITIES = """
INSERT INTO customers_identity (customer_id, kind, value, shown, channel)
SELECT id, 'email', lower(email), email, 'web' FROM person
 UNION ALL SELECT id, 'phone', phone, '+' || phone, 'web' FROM person
"""
_ORDERS = """
INSERT INTO orders_order
       (channel_id, external_number, customer_id, status, currency, placed_at, buyer_name, ship_to, items_total,
        shipping_total, discount_total, tax_total, tax_included, total, warnings)
SELECT (SELECT id FROM orders_saleschannel WHERE code = 'web'), 'A-' || lpad(i::text, 9, '0'), p.id, 'completed', 'USD',
       timestamptz '2026-11-01 12:00+00' - make_interval(mins => (%(rows)s - i)::int), p.name,
       jsonb_build_object('name', p.name, 'line1', '1 Main St', 'city', 'Reading', 'region', p.region,
                          'postcode', p.postcode, 'country', 'US'),
       3000, 0, 0, 0, true, 3000, '[]'
  FROM generate_series(0, %(rows)s - 1) AS i JOIN person p ON p.c = i / 2
"""
_LINES = """
INSERT INTO orders_orderline
       (order_id, position, external_id, variant_id, sku, title, method, unit_price, discount, tax, total, quantity,
        delivered)
SELECT o.id, line, line::text, (%(variants)s::bigint[])[place], (%(skus)s::text[])[place], 'Article', 'ship',
       1500, 0, 0, 1500, 1, 1
  FROM orders_order o, generate_series(1, 2) AS line,
       LATERAL (SELECT 1 + abs(hashint8extended(o.id * 2 + line, %(seed)s) %% cardinality(%(skus)s::text[]))
                    AS place) AS drawn
 WHERE o.external_number LIKE 'A-%%'
"""
_ORDER_KEYS = """
INSERT INTO oms_searchkey (kind, value, entity_kind, entity_id, channel)
SELECT kind, value, 'order', o.id, 'web'
  FROM orders_order o JOIN person p ON p.id = o.customer_id,
       LATERAL (VALUES ('number', o.number::text), ('external', o.external_number), ('email', lower(p.email)),
                       ('phone', p.phone), ('name', lower(p.name)), ('postcode', p.postcode)) AS key(kind, value)
"""
_CUSTOMER_KEYS = """
INSERT INTO oms_searchkey (kind, value, entity_kind, entity_id)
SELECT kind, value, 'customer', id
  FROM person, LATERAL (VALUES ('email', lower(email)), ('phone', phone), ('name', lower(name)), ('postcode', postcode))
               AS key(kind, value)
"""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody types, the order they have in mind, and what it is."""

    typed: str
    order_id: int
    customer_id: int
    kind: str


def questions(n: int, *, seed: int) -> list[Question]:
    """Every kind of thing a caller says, about orders drawn evenly."""
    draw = random.Random(f"{seed}:questions")
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM orders_order")
        first, last = cursor.fetchone()
        cursor.execute(_ASKED_ABOUT, [[draw.randint(first, last) for _ in range(n)]])
        found = cursor.fetchall()
    kinds = list(_TYPED)
    return [
        Question(_TYPED[kind](row, draw), row[0], row[7], kind)
        for place, row in enumerate(found)
        for kind in [kinds[place % len(kinds)]]
    ]


_ASKED_ABOUT = """
SELECT o.id, o.number::text, o.external_number, e.value, p.value, o.buyer_name, o.ship_to ->> 'postcode', o.customer_id
  FROM unnest(%s::bigint[]) WITH ORDINALITY AS w(id, place)
  JOIN orders_order o USING (id)
  JOIN customers_identity e ON e.customer_id = o.customer_id AND e.kind = 'email'
  JOIN customers_identity p ON p.customer_id = o.customer_id AND p.kind = 'phone'
 ORDER BY place
"""


def _misspelt(name: str, draw: random.Random) -> str:
    """Two letters swapped, one left out, or one doubled; the first stays."""
    place = draw.randrange(1, len(name) - 1)
    swapped = name[:place] + name[place + 1 : place + 2] + name[place] + name[place + 2 :]
    return draw.choice((swapped, name[:place] + name[place + 1 :], name[:place] + name[place] + name[place:]))


def _formatted(phone: str, draw: random.Random) -> str:
    area, middle, last = phone[1:4], phone[4:7], phone[7:]
    return draw.choice((f"({area}) {middle}-{last}", f"+1 {area} {middle} {last}", f"{area}{middle}{last}"))


_TYPED = {
    "number": lambda row, draw: row[1],
    "external": lambda row, draw: row[2].lower(),
    "email": lambda row, draw: row[3].upper(),
    "email start": lambda row, draw: row[3][: row[3].index("@") + 1],
    "phone": lambda row, draw: _formatted(row[4], draw),
    "phone ending": lambda row, draw: row[4][-7:],
    "name": lambda row, draw: row[5],
    "name misspelt": lambda row, draw: _misspelt(row[5], draw),
    "name fragment": lambda row, draw: row[5].split()[-1][:5],
    "postcode": lambda row, draw: row[6],
}
