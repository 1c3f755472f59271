"""Worker, relay, Valkey and Postgres are killed while every channel sells: no order is lost, none comes twice."""

import threading
import time
from collections import Counter
from contextlib import closing
from itertools import count

import psycopg2
import pytest
from playwright.sync_api import expect

from oms.embedded import postgres, processes
from tests.journeys import whole_shop
from tests.journeys.conftest import ADDRESS

pytestmark = [pytest.mark.browser, pytest.mark.chaos, pytest.mark.slow]

KILLS = ("celery -A oms worker", "manage.py relay", "valkey", "postgres", "gunicorn", "celery -A oms beat", "postgres")


class Traffic(threading.Thread):
    """Buyers on both marketplaces and in the web shop, who send again with the same key until they are answered."""

    def __init__(self, shop: whole_shop.Shop) -> None:
        super().__init__()
        self.shop, self.ending, self.acknowledged = shop, threading.Event(), []

    def run(self) -> None:
        for turn in count():
            if self.ending.is_set():
                return
            sku = whole_shop.SKUS[turn % len(whole_shop.SKUS)]
            buyer = {"name": f"Buyer {turn}", "username": f"buyer_{turn}", "email": f"b{turn}@members.example"}
            self.shop.markets[turn % 2].buy(sku, buyer=buyer, address={**ADDRESS, "name": f"Buyer {turn}"})
            self._order(f"W-{turn}", sku)
            self.ending.wait(0.15)

    def _order(self, number: str, sku: str) -> None:
        body = {
            "channel": "web", "number": number, "placed_at": "2026-11-03T14:02:10Z", "currency": "USD",
            "buyer": {"name": "Greg Sterling", "email": "greg@example.com"},
            "ship_to": {"name": "Greg", "line1": "1 Main St", "city": "Reading", "postcode": "19601", "country": "US"},
            "lines": [{"id": "1", "sku": sku, "quantity": 1, "unit_price": 1000, "total": 1000}], "total": 1000,
        }  # fmt: skip
        for _ in range(60):
            if self.shop.post("/api/v1/orders", body, f"key-{number}") in (200, 201):
                self.acknowledged.append(number)
                return
            time.sleep(0.5)


def numbers(shop: whole_shop.Shop) -> Counter[tuple[str, str]]:
    with closing(psycopg2.connect(postgres.address(shop.place))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.code, o.external_number FROM orders_order o JOIN orders_saleschannel c ON c.id = o.channel_id"
        )
        return Counter(cursor.fetchall())


def test_nothing_is_lost_and_nothing_comes_twice(tmp_path, page):
    with whole_shop.running(tmp_path / "var") as shop:
        traffic = Traffic(shop)
        traffic.start()
        for victim in KILLS:
            time.sleep(2.5)
            shop.kill(victim)
        time.sleep(2.5)
        traffic.ending.set()
        traffic.join(60)

        sold = {(market.kind, number) for market in shop.markets for number in market.orders}
        sold |= {("web", number) for number in traffic.acknowledged}
        assert len(traffic.acknowledged) > 20
        assert processes.wait_until(lambda: sold <= set(numbers(shop)), seconds=120, every=1)
        assert set(numbers(shop).values()) == {1}
        assert set(numbers(shop)) == sold

        left = dict.fromkeys(whole_shop.SKUS, whole_shop.UNITS)
        for market in shop.markets:
            for order in market.orders.values():
                left[order["lines"][0]["sku"]] -= 1
        for number in traffic.acknowledged:
            left[whole_shop.SKUS[int(number[2:]) % len(whole_shop.SKUS)]] -= 1
        told = processes.wait_until(lambda: all(m.stock() == left for m in shop.markets), seconds=120, every=1)
        assert told, [left, *(market.stock() for market in shop.markets)]
        books = shop.manage("books")
        assert books.returncode == 0, books.stdout

        page.goto(f"{shop.url}/login/")
        page.get_by_label("User name").fill("maya")
        page.get_by_label("Password", exact=True).fill("password")
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{shop.url}/search/?q={traffic.acknowledged[-1]}")
        expect(page.get_by_role("main")).to_contain_text(traffic.acknowledged[-1])
