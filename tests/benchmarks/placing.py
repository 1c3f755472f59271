"""One order at a time, through the front door and through the web server."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test import Client

from api import auth
from oms import db
from oms.models import ALL, Scope
from orders import intake
from orders.incoming import IncomingOrder
from tests.benchmarks import archive, database, goods, serving, traffic
from tests.benchmarks.floor import place as floor_place
from tests.benchmarks.floor import tables
from tests.benchmarks.goods import ACTOR, Shop
from tests.benchmarks.measure import Do, Figure, Filled, Make, Options, against_rate, counting, crowd, figure

MANY_LINES = 50
COUNTED = 5  # orders, of which the dearest is told
SOLD_OUT = 409


def place(options: Options) -> Iterator[Figure]:
    """orders.place: `intake.accept` in this process; its floor is psycopg2 in six round trips."""
    asked = options.filled(n=4000, seconds=4, clients=(1, 8, 32))
    with _shop_to_sell_from(asked) as shop:
        sent = _Orders(shop, asked)
        few, many = (_statements_of_accept(sent.some(COUNTED, lines=lines)) for lines in (2, MANY_LINES))
        for clients in asked.clients:
            floor = crowd(_by_hand(sent.block()), clients=clients, n=asked.n, seconds=asked.seconds / 2)
            ours = crowd(_accept(sent.block()), clients=clients, n=asked.n, seconds=asked.seconds)
            yield figure(
                "orders.place", ours, clients=clients, lines=2, sql=few[0], trips=few[1],
                **against_rate("psycopg2-six-trips", floor, ours), rows=asked.rows, seed=asked.seed,
            )  # fmt: skip
        n = max(asked.n // 20, 1)
        big = sent.block(lines=MANY_LINES)
        floor = crowd(_by_hand(big), clients=1, n=n, seconds=asked.seconds / 2)
        ours = crowd(_accept(big), clients=1, n=n, seconds=asked.seconds)
        yield figure(
            "orders.place", ours, clients=1, lines=MANY_LINES, sql=many[0], trips=many[1],
            **against_rate("psycopg2-six-trips", floor, ours), rows=asked.rows, seed=asked.seed,
        )  # fmt: skip


def place_http(options: Options) -> Iterator[Figure]:
    """orders.place_http: POST /api/v1/orders over gunicorn; its floor is one Django view with one round trip."""
    asked = options.filled(n=6000, seconds=5, clients=(1, 8, 32))
    with _shop_to_sell_from(asked) as shop:
        key, sent = _api_key(), _Orders(shop, asked)
        few, many = (_statements_of_post(sent.some(COUNTED, lines=lines), key) for lines in (2, MANY_LINES))
        floors = dict(_over_http(serving.FLOOR, sent, asked, key))
        for clients, found in _over_http(serving.PRODUCT, sent, asked, key):
            floor, ours = floors[clients].timing, found.timing
            yield figure(
                "orders.place_http", ours, clients=clients, lines=2, sql=few[0], trips=few[1], sql_50_lines=many[0],
                trips_50_lines=many[1], busy=found.count(traffic.BUSY), **against_rate("django-one-view", floor, ours),
                floor_p99_ms=figure("", floor)["p99_ms"], rows=asked.rows, seed=asked.seed,
            )  # fmt: skip


def hot(options: Options) -> Iterator[Figure]:
    """orders.hot: everybody buys the same last units over HTTP; its floor is the one view on one row."""
    asked = options.filled(n=1000, seconds=60, clients=(32,))
    for clients in asked.clients:
        with database.fresh():
            shop = goods.shop(skus=51, locations=1, scarce=asked.n)
            hot = Shop(shop.skus[:1], shop.variants[:1], shop.locations)
            key = _api_key()
            many = goods.orders(hot, seed=asked.seed, n=asked.n + clients, lines=1)
            sent = [traffic.request(order, key=key) for order in many]
            found = {}
            for application in (serving.FLOOR, serving.PRODUCT):
                with closing(database.raw()) as raw:
                    tables.make(raw, hot, units=asked.n)
                with serving.served(application) as port:
                    found[application] = traffic.send(
                        port, sent, clients=clients, seconds=asked.seconds, until=SOLD_OUT, warm_up=0
                    )
            ours = found[serving.PRODUCT]
            yield figure(
                "orders.hot", ours.timing, clients=clients, units=asked.n, **_sold(hot, asked.n, ours),
                busy=ours.count(traffic.BUSY),
                **against_rate("django-one-row", found[serving.FLOOR].timing, ours.timing), seed=asked.seed,
            )  # fmt: skip


def _sold(hot: Shop, units: int, answers: traffic.Answers) -> dict[str, int]:
    """Units promised and orders kept, read from the tables. A ghost is an order without stock, or a wrong answer."""
    ((promised, orders, holding),) = db.fetch(_SOLD, [list(hot.variants)])
    return {
        "sold": promised,
        "oversold": max(promised - units, 0),
        "ghosts": orders - holding + abs(orders - answers.count(200, 201)),
    }


_SOLD = """
SELECT coalesce(sum(line.allocated), 0)::int, count(*), count(held.id)
  FROM orders_orderline line JOIN orders_order o ON o.id = line.order_id
  LEFT JOIN inventory_reservation held
    ON held.holder = 'order:' || o.number AND held.holder_line = line.position AND held.variant_id = line.variant_id
   AND held.quantity = line.quantity AND held.location_id IS NOT NULL AND held.state = 'held'
 WHERE line.variant_id = ANY(%s)
"""


@contextmanager
def _shop_to_sell_from(asked: Filled) -> Iterator[Shop]:
    """1,000 SKUs in 5 locations with plenty of each, `rows` old orders, and the floor's tables."""
    with database.fresh():
        shop = goods.shop()
        if asked.rows:
            archive.load(asked.rows, shop, seed=asked.seed)
        with closing(database.raw()) as raw:
            tables.make(raw, shop, units=goods.PLENTY)
        yield shop


class _Orders:
    """Orders nobody has seen yet, in blocks that do not overlap."""

    def __init__(self, shop: Shop, asked: Filled) -> None:
        self._shop = shop
        self._asked = asked
        self._first = 0

    def some(self, n: int, *, lines: int = 2) -> list[IncomingOrder]:
        self._first += n
        return list(goods.orders(self._shop, seed=self._asked.seed, n=n, lines=lines, first=self._first - n))

    def block(self, *, lines: int = 2) -> list[IncomingOrder]:
        """As many as one figure may ask for, warm-up included, whatever the number of workers."""
        n = max(self._asked.n // 20, 1) if lines == MANY_LINES else self._asked.n
        return self.some(n + max(self._asked.clients) * 50 + 200, lines=lines)


def _accept(orders: Sequence[IncomingOrder]) -> Make:
    return lambda _: lambda place: intake.accept(orders[place], actor=ACTOR, now=datetime.now(UTC))


def _by_hand(orders: Sequence[IncomingOrder]) -> Make:
    def connected(_: int) -> Do:
        raw = database.raw()
        return lambda place: floor_place.place(raw, orders[place])

    return connected


def _over_http(application: str, sent: _Orders, asked: Filled, key: str) -> Iterator[tuple[int, traffic.Answers]]:
    with serving.served(application) as port:
        for clients in asked.clients:
            requests = [traffic.request(order, key=key) for order in sent.some(asked.n + traffic.WARM_UP)]
            yield clients, traffic.send(port, requests, clients=clients, seconds=asked.seconds)


def _statements_of_accept(orders: Sequence[IncomingOrder]) -> tuple[int, int]:
    found = []
    for order in orders:
        with counting() as statements:
            intake.accept(order, actor=ACTOR, now=datetime.now(UTC))
        found.append((statements.count, statements.trips))
    return max(found)


def _statements_of_post(orders: Sequence[IncomingOrder], key: str) -> tuple[int, int]:
    """Of the whole request, login and idempotency included."""
    browser, found = Client(), []
    for order in orders:
        with counting() as statements:
            answer = browser.post(
                traffic.PATH, goods.as_json(order), content_type="application/json",
                headers={
                    "host": "127.0.0.1", "authorization": f"Bearer {key}", "idempotency-key": order.external_number
                },
            )  # fmt: skip
        if answer.status_code != 201:
            raise RuntimeError(f"an order was refused: {answer.content.decode()}")
        found.append((statements.count, statements.trips))
    connection.close()
    return max(found)


def _api_key() -> str:
    _, key = auth.issue(
        name="bench",
        scopes=list(Scope.values),
        channels=[ALL],
        locations=[ALL],
        now=datetime.now(UTC) - timedelta(days=1),
    )
    return key
