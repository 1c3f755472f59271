"""From one change to all channels: events, the scheduler's bell, and the tasks they ring for. Tasks run in line."""

import pytest
from django.utils import timezone

from channels import tasks
from channels.models import ChannelAccount, Listing, ShipmentPush, StockPush
from inventory.models import Variant
from oms import audit, books, outbox
from orders import cancellation, fulfilment
from orders.models import Order
from tests import factories
from tests.channels.shops import READING, Shop

ACTOR = audit.Actor("system", "tests")


def relay() -> None:
    while outbox.deliver():
        pass


@pytest.fixture
def lamps(ebay_shop: Shop, amazon_shop: Shop) -> list[Listing]:
    lamp = Variant.objects.get(sku="LAMP")
    return [factories.listing(each.account, lamp, product_type="HOME") for each in (ebay_shop, amazon_shop)]


def both(ebay_shop: Shop, amazon_shop: Shop) -> list[int]:
    return [each.market.stock()["LAMP"] for each in (ebay_shop, amazon_shop)]


class TestSubscribers:
    def test_a_sale_anywhere_lowers_what_every_channel_shows(
        self, ebay_shop: Shop, amazon_shop: Shop, lamps: list[Listing]
    ) -> None:
        factories.channel("web")
        factories.order(factories.line("LAMP", 3))
        relay()

        assert both(ebay_shop, amazon_shop) == [7, 7]

    def test_a_cancellation_raises_it_again(self, ebay_shop: Shop, amazon_shop: Shop, lamps: list[Listing]) -> None:
        factories.channel("web")
        order = factories.order(factories.line("LAMP", 3))
        relay()
        cancellation.cancel(number=order.number, reason="r", actor=ACTOR, now=timezone.now())
        relay()

        assert both(ebay_shop, amazon_shop) == [10, 10]

    def test_many_changes_between_two_deliveries_are_one_call(self, ebay_shop: Shop, lamps: list[Listing]) -> None:
        factories.channel("web")
        for _ in range(5):
            factories.order(factories.line("LAMP"))
        relay()

        assert len(ebay_shop.calls("bulkUpdatePriceQuantity")) == 1
        assert ebay_shop.market.stock() == {"LAMP": 5}

    def test_a_parcel_that_leaves_is_told_to_its_channel(self, shop: Shop) -> None:
        number = shop.sell()
        tasks.ring_due()
        relay()
        order = Order.objects.get(external_number=number)
        fulfilment.ship(
            number=order.number, location="WH", carrier="DPD", tracking_number="1Z9", actor=ACTOR, now=timezone.now()
        )
        relay()

        assert [package["tracking"] for package in shop.market.order(number)["packages"]] == ["1Z9"]
        assert ShipmentPush.objects.get().state == "done"

    def test_and_comes_back_as_news_that_changes_nothing(self, shop: Shop) -> None:
        self.test_a_parcel_that_leaves_is_told_to_its_channel(shop)
        before = Order.objects.values("status", "lines__shipped").get()
        tasks.ring_due()
        relay()

        assert (
            Order.objects.values("status", "lines__shipped").get()
            == before
            == {"status": "shipped", "lines__shipped": 1}
        )
        assert Order.objects.get().parcels.count() == 1
        assert books.examine() == {}


class TestRingDue:
    def test_brings_a_sale_to_the_desk_and_its_stock_to_the_other_channel(
        self, ebay_shop: Shop, amazon_shop: Shop, lamps: list[Listing]
    ) -> None:
        number = ebay_shop.sell(quantity=4)
        tasks.ring_due()
        relay()

        assert Order.objects.get().external_number == number
        assert both(ebay_shop, amazon_shop) == [6, 6]
        assert books.examine() == {}

    def test_rings_for_what_was_left_lying(self, ebay_shop: Shop, lamps: list[Listing]) -> None:
        """The rows are there and nobody has rung: a broker was down, a worker died."""
        _, row = ebay_shop.ship()
        StockPush.objects.create(listing=lamps[0], account=ebay_shop.account, wanted_since=timezone.now())
        tasks.ring_due()

        row.refresh_from_db()
        assert row.state == "done"
        assert StockPush.objects.get(listing=lamps[0]).done == 1

    def test_does_not_ring_before_the_time(self, shop: Shop) -> None:
        shop.market.faults.arm("throttle", operation=READING[shop.kind], retry_after=60)
        tasks.ring_due()
        calls = len(shop.market.calls())
        tasks.ring_due()

        assert len(shop.market.calls()) == calls

    def test_leaves_accounts_that_are_stopped_alone(self, shop: Shop) -> None:
        listing = factories.listing(shop.account, Variant.objects.get(sku="LAMP"))
        StockPush.objects.create(listing=listing, account=shop.account, wanted_since=timezone.now())
        shop.ship()
        ChannelAccount.objects.update(state="paused")
        tasks.ring_due()

        assert list(shop.market.calls()) == []

    def test_one_channel_that_is_down_keeps_no_other_waiting(
        self, ebay_shop: Shop, amazon_shop: Shop, lamps: list[Listing]
    ) -> None:
        ebay_shop.market.faults.arm("reset", times=None)
        number = amazon_shop.sell()
        tasks.ring_due()
        relay()

        assert Order.objects.get().external_number == number
        assert both(ebay_shop, amazon_shop) == [10, 9]


@pytest.mark.parametrize(
    "task", [tasks.pull_orders, tasks.take_in_orders, tasks.push_stock, tasks.push_shipments, tasks.verify_stock,
    tasks.ring_due]
)  # fmt: skip
def test_tasks_take_what_a_newer_release_may_send_along(task: object, ebay_shop: Shop) -> None:
    mine = (
        {}
        if task in (tasks.take_in_orders, tasks.verify_stock, tasks.ring_due)
        else {"account_id": ebay_shop.account.pk}
    )

    task(**mine, priority_hint="new")  # type: ignore[operator]  # tasks are callable
