from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from channels.connectors.amazon import Amazon
from channels.connectors.base import Account
from channels.connectors.ebay import Ebay
from demo.marketplaces import AmazonMarketplace, EbayMarketplace, Marketplace
from tests.channels.connectors import contract, wire


@dataclass
class Channel:
    """A simulated marketplace that runs, and a connector that speaks to it."""

    market: Any
    connector: Any
    wire: wire.TestWire
    checked: contract.Checked | None

    def expect_nonsense(self) -> None:
        """From now on answers may break the contract: that is what is tried."""
        if self.checked:
            self.wire.transport = self.checked.send

    @property
    def reading(self) -> str:
        """The operation that reads orders, for faults that strike it and not the token's."""
        return {"ebay": "getOrders", "amazon": "searchOrders"}[self.market.kind]


def connect(market: Marketplace, kind: type[Any], url: str, *, timeout: float = 5.0) -> Channel:
    settings = {"api": url, "auth": url, "marketplace_id": "A1F83G8C2ARO7P", "seller_id": "A2DEMOSELLER"}
    account = Account(code=kind.kind, currency="GBP", zone="Europe/London", settings=settings)
    send = wire.over_http(timeout)
    checked = contract.Checked(send) if contract.SPECS.is_dir() else None
    way = wire.TestWire(kind, account, checked or send)
    return Channel(market=market, connector=kind(way), wire=way, checked=checked)


@pytest.fixture
def ebay() -> Iterator[Channel]:
    market = EbayMarketplace()
    with market.serve() as running:
        yield connect(market, Ebay, running.url)


@pytest.fixture
def amazon() -> Iterator[Channel]:
    market = AmazonMarketplace(settle=0)
    with market.serve() as running:
        yield connect(market, Amazon, running.url)


@pytest.fixture(params=["ebay", "amazon"])
def channel(request: pytest.FixtureRequest) -> Channel:
    """Each marketplace in turn, for what both must do."""
    found: Channel = request.getfixturevalue(request.param)
    return found
