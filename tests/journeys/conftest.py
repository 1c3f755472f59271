"""A whole retailer in one process: the desk in a browser, the background at work, and only the far ends simulated."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections

from channels import tasks
from demo.marketplaces import AmazonMarketplace, EbayMarketplace, Marketplace
from inventory.models import Location, Variant
from oms import outbox
from tests import factories

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's driver runs a loop in the test's thread

ADDRESS = {
    "name": "Gregory Sterling", "line1": "12 Penn St", "city": "Reading", "region": "PA", "postcode": "19601",
    "country": "US", "phone": "+1 610 555 0147",
}  # fmt: skip


@dataclass
class Retailer:
    """A treadmill, cheaper in the own eBay shop, in one warehouse; an account on eBay and one on Amazon."""

    treadmill: Variant
    warehouse: Location
    ebay: Any
    amazon: Any

    def buy(self, market: Marketplace, *, name: str, **more: Any) -> str:
        buyer = {"name": name, "username": name.lower().replace(" ", "_"), "email": "x1@members.ebay.example"}
        return market.buy(self.treadmill.sku, buyer=buyer, address={**ADDRESS, "name": name}, **more)


@pytest.fixture
def retailer(request: pytest.FixtureRequest, transactional_db: None, settings: Any) -> Iterator[Retailer]:
    """Has three treadmills, or as many as an indirect parameter says."""
    units = getattr(request, "param", 3)
    ebay, amazon = EbayMarketplace(), AmazonMarketplace(settle=0)
    with ebay.serve() as ebay_side, amazon.serve() as amazon_side:
        settings.OMS_ALLOWED_PRIVATE_HOSTS = [f"127.0.0.1:{side.port}" for side in (ebay_side, amazon_side)]
        treadmill = factories.variant("T90-BLK", title="Treadmill T90, folding", price=189900)
        warehouse = factories.stock(treadmill, units, factories.location("WH-EAST", name="Warehouse East", region="PA"))
        factories.channel("till", "till", name="Store tills")
        for market, side, price in ((ebay, ebay_side, "899.00"), (amazon, amazon_side, "1899.00")):
            market.list(treadmill.sku, quantity=units, price=price, title="Treadmill T90, folding", currency="USD")
            account = factories.account(
                market.kind,
                settings={
                    "api": side.url, "auth": side.url, "settle": "0", "seller_id": "A2DEMOSELLER",
                    "marketplace_id": "A1F83G8C2ARO7P" if market is amazon else "EBAY_US",
                },
            )  # fmt: skip
            factories.listing(account, treadmill, price=int(price.replace(".", "")), product_type="HOME")
        yield Retailer(treadmill, warehouse, ebay, amazon)
        ebay.close()
        amazon.close()


@pytest.fixture
def background(retailer: Retailer) -> Iterator[threading.Thread]:
    """Scheduler, relay and workers in one thread, for the test to start; what goes wrong there fails the test."""
    ending, troubles = threading.Event(), []

    def work() -> None:
        try:
            while not ending.is_set():
                tasks.ring_due()
                while outbox.deliver():
                    pass
                ending.wait(0.2)
        except Exception as trouble:
            troubles.append(trouble)
            raise
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    yield thread
    ending.set()
    if thread.ident:
        thread.join(30)
    assert troubles == []


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Ask until the answer is true, 20 seconds at most; return it."""

    def ask(question: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 20
        while not (answer := question()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert answer
        return answer

    return ask


@pytest.fixture
def agent(page: Any, live_server: Any, complaints: list[str]) -> Iterator[Any]:
    """The browser of Maya, supervisor in the call centre, signed in through the login page."""
    factories.staff("supervisor", username="maya", first_name="Maya", last_name="Okafor")
    page.goto(f"{live_server.url}/login/")
    page.get_by_label("User name").fill("maya")
    page.get_by_label("Password", exact=True).fill("password")
    page.get_by_role("button", name="Sign in").click()
    yield page
    assert complaints == []
