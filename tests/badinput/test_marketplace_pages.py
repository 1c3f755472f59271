"""M49 and M50: pages that never end and answers that are none, through a pull over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from channels import order_import
from channels.connectors.amazon import client as amazon_client
from channels.connectors.ebay import client as ebay_client
from oms.models import InboxMessage
from orders.models import Order
from tests import factories
from tests.channels.shops import READING, Shop, open_shop, time_passes


@pytest.fixture(params=["ebay", "amazon"])
def shop(request: pytest.FixtureRequest, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A marketplace with five sales, which shows two a page."""
    monkeypatch.setattr(ebay_client, "PAGE", 2)
    monkeypatch.setattr(amazon_client, "PAGE", 2)
    factories.stock(factories.variant("LAMP"), 10)
    with open_shop(request.param, settings) as shop:
        shop.market.list("LAMP", quantity=10, price="10.00", currency="USD")
        for _ in range(5):
            shop.sell()
        yield shop


def pull(shop: Shop) -> int:
    new = order_import.pull(account_id=shop.account.pk)
    order_import.take_in()
    return new


def recovers(shop: Shop) -> bool:
    """The fault is over: all five orders are here, once."""
    shop.market.faults.clear()
    time_passes()
    pull(shop)
    return (Order.objects.count(), InboxMessage.objects.count(), shop.cursor.failures) == (5, 5, 0)


@pytest.mark.parametrize("fault", ["loop", "empty_page"])
def test_m49_pages_that_never_end_are_given_up_and_noted(shop: Shop, fault: str) -> None:
    start = order_import._cursor(shop.account).read_to
    shop.market.faults.arm(fault, operation=READING[shop.kind], times=None)
    pull(shop)

    assert len(shop.calls(READING[shop.kind])) < 10
    assert (shop.cursor.read_to, shop.cursor.failures) == (start, 1)
    assert shop.cursor.error
    assert Order.objects.count() == InboxMessage.objects.count() <= 2
    assert recovers(shop)


def test_m49_a_page_with_everything_twice_brings_everything_once(shop: Shop) -> None:
    shop.market.faults.arm("duplicate_orders", operation=READING[shop.kind], times=None)
    pull(shop)

    assert recovers(shop)


@pytest.mark.parametrize("fault", ["html", "half_page", "lost_answer", "error"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_m50_an_answer_that_is_none_brings_no_half_order(shop: Shop, fault: str, page: int) -> None:
    start = order_import._cursor(shop.account).read_to
    shop.market.faults.arm("slow", operation=READING[shop.kind], times=page - 1)
    shop.market.faults.arm(fault, operation=READING[shop.kind])
    pull(shop)

    assert (shop.cursor.read_to, shop.cursor.failures) == (start, 1)
    assert Order.objects.count() == InboxMessage.objects.filter(state="done").count() == (page - 1) * 2
    assert recovers(shop)
