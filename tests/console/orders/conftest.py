"""Two orders of a treadmill: one that is held, one that is short."""

import pytest

from orders.models import Order
from tests import factories
from tests.console.orders.desk import NUMBER


@pytest.fixture
def treadmill():
    found = factories.variant("T90", title="Treadmill T90")
    factories.stock(found, 9, factories.location("EAST", name="Warehouse East"))
    factories.marketplace("ebay")
    factories.channel("web")
    return found


@pytest.fixture
def order(treadmill) -> Order:
    """Two treadmills, bought on eBay, held at Warehouse East."""
    return factories.order(factories.line("T90", 2), channel="ebay", number=NUMBER)


@pytest.fixture
def short(treadmill) -> Order:
    """Twelve treadmills, bought on eBay when there were nine."""
    return factories.order(factories.line("T90", 12), channel="ebay")
