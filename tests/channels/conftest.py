from collections.abc import Iterator
from typing import Any

import pytest

from channels.models import Listing
from inventory.models import Location, Variant
from tests import factories
from tests.channels.shops import Shop, open_shop


@pytest.fixture
def warehouse(db: None) -> Location:
    """Ten lamps."""
    return factories.stock(factories.variant("LAMP"), 10, factories.location("WH"))


def _open(kind: str, settings: Any) -> Iterator[Shop]:
    with open_shop(kind, settings) as shop:
        shop.market.list("LAMP", quantity=10, price="10.00", currency="USD")
        yield shop


@pytest.fixture
def ebay_shop(warehouse: Location, settings: Any) -> Iterator[Shop]:
    yield from _open("ebay", settings)


@pytest.fixture
def amazon_shop(warehouse: Location, settings: Any) -> Iterator[Shop]:
    yield from _open("amazon", settings)


@pytest.fixture(params=["ebay", "amazon"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """Each marketplace in turn."""
    found: Shop = request.getfixturevalue(f"{request.param}_shop")
    return found


@pytest.fixture
def lamp(shop: Shop) -> Listing:
    """The listing of the lamp; the channel was told nothing yet."""
    return factories.listing(shop.account, Variant.objects.get(sku="LAMP"), product_type="HOME")
