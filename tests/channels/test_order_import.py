"""Orders from a channel into the inbox, and from the inbox to the desk."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels import order_import
from channels.connectors.amazon import client as amazon_client
from channels.connectors.ebay import client as ebay_client
from channels.models import CallBudget, ChannelAccount
from inventory.models import StockLevel
from oms import audit, books, inbox
from oms.models import InboxMessage
from orders.models import Order
from tests import factories
from tests.channels.shops import READING, Shop, seconds_from_now, time_passes
from tests.oms.threads import together

commits = pytest.mark.django_db(transaction=True)
MAYA = audit.Actor("staff", "maya", "supervisor")


def pull(shop: Shop) -> int:
    return order_import.pull(account_id=shop.account.pk)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ebay_client, "PAGE", 2)
    monkeypatch.setattr(amazon_client, "PAGE", 2)


class TestPull:
    def test_keeps_each_order_as_it_came_and_says_how_far_it_read(self, shop: Shop) -> None:
        before = timezone.now()
        sold = [shop.sell() for _ in range(3)]
        assert pull(shop) == 3

        newest = max(datetime.fromisoformat(order["modified"]) for order in shop.market.orders.values())
        cursor = shop.cursor
        assert set(InboxMessage.objects.values_list("object_id", flat=True)) == set(sold)
        assert cursor.read_to == newest
        assert before < cursor.fresh_to <= timezone.now()
        assert (cursor.failures, cursor.error) == (0, "")
        message = InboxMessage.objects.filter(object_id=sold[0]).get()
        assert (message.source, message.topic, message.state) == (f"channel:{shop.kind}", "order", "received")
        assert json.loads(bytes(message.raw))["orderId"] == sold[0]

    def test_what_comes_again_is_recognised(self, shop: Shop) -> None:
        shop.sell()

        assert [pull(shop) for _ in range(3)] == [1, 0, 0]
        assert len(shop.calls(READING[shop.kind])) == 3

    def test_a_changed_order_is_a_new_message(self, shop: Shop) -> None:
        number = shop.sell()
        pull(shop)
        shop.market.cancel(number)

        assert pull(shop) == 1
        assert InboxMessage.objects.filter(object_id=number).count() == 2

    def test_nothing_new_makes_it_fresher_all_the_same(self, shop: Shop) -> None:
        shop.sell()
        pull(shop)
        first = shop.cursor
        pull(shop)

        assert shop.cursor.fresh_to > first.fresh_to
        assert shop.cursor.read_to == first.read_to

    def test_an_order_the_channel_shows_late_is_still_found(self, shop: Shop) -> None:
        """Its stamp lies before what was read already: that is what the overlap is for."""
        shop.sell()
        pull(shop)
        late = shop.sell()
        shop.market.orders[late]["modified"] = (shop.cursor.read_to - timedelta(minutes=5)).isoformat()

        assert pull(shop) == 1
        assert InboxMessage.objects.filter(object_id=late).exists()

    @pytest.mark.usefixtures("small_pages")
    def test_a_failure_in_page_three_reads_all_of_it_again(self, shop: Shop) -> None:
        for _ in range(5):
            shop.sell()
        start = order_import._cursor(shop.account).read_to
        shop.market.faults.arm("slow", operation=READING[shop.kind], times=2)
        shop.market.faults.arm("error", operation=READING[shop.kind])
        assert pull(shop) == 0

        assert (InboxMessage.objects.count(), shop.cursor.read_to, shop.cursor.failures) == (4, start, 1)
        assert "503" in shop.cursor.error
        assert seconds_from_now(shop.cursor.next_at) > 0
        calls = len(shop.calls(READING[shop.kind]))
        assert pull(shop) == 0
        assert len(shop.calls(READING[shop.kind])) == calls  # it waits

        time_passes()
        assert pull(shop) == 1
        assert (InboxMessage.objects.count(), shop.cursor.failures, shop.cursor.error) == (5, 0, "")
        assert len(shop.calls(READING[shop.kind])) == calls + 3
        assert shop.cursor.read_to > start

    @pytest.mark.usefixtures("small_pages")
    def test_a_worker_that_dies_in_page_three_leaves_the_cursor_and_no_lock(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(5):
            shop.sell()
        start, stored = order_import._cursor(shop.account).read_to, []
        store = inbox.store

        def dying(**letters: Any) -> int:
            if len(stored) == 2:
                raise SystemExit
            stored.append(store(**letters))
            return stored[-1]

        monkeypatch.setattr(inbox, "store", dying)
        with pytest.raises(SystemExit):
            pull(shop)
        monkeypatch.setattr(inbox, "store", store)

        assert (stored, shop.cursor.read_to) == ([2, 2], start)
        assert pull(shop) == 1

    @pytest.mark.parametrize(("told", "wait"), [(7.0, 7), (None, 20), (0.0, 0)])
    def test_waits_as_long_as_the_channel_says(self, shop: Shop, told: float | None, wait: float) -> None:
        pull(shop)
        shop.market.faults.arm("throttle", operation=READING[shop.kind], retry_after=told)
        pull(shop)

        assert wait - 2 < seconds_from_now(shop.cursor.next_at) <= wait
        assert (shop.cursor.failures, "429" in shop.cursor.error) == (0, True)
        calls = len(shop.calls(READING[shop.kind]))
        if wait:
            shop.sell()
            time_passes()
            assert pull(shop) == 0  # the bucket is closed even when somebody rings early
            assert len(shop.calls(READING[shop.kind])) == calls

    def test_its_own_patience_is_no_error(self, shop: Shop) -> None:
        shop.set(**{f"rate__{READING[shop.kind]}": "0.01/1"})
        shop.sell()
        assert (pull(shop), pull(shop)) == (1, 0)

        assert (shop.cursor.failures, shop.cursor.error) == (0, "")
        assert 90 < seconds_from_now(shop.cursor.next_at) <= 100
        assert len(shop.calls(READING[shop.kind])) == 1

    def test_backs_off_further_each_time(self, shop: Shop) -> None:
        shop.market.faults.arm("reset", operation=READING[shop.kind], times=4)
        waits = []
        for _ in range(4):
            pull(shop)
            waits.append(round(seconds_from_now(shop.cursor.next_at)))
            time_passes()

        assert waits == [2, 4, 8, 16]
        assert shop.cursor.failures == 4

    def test_counts_the_wait_from_the_end_of_a_try_that_hung(self, ebay_shop: Shop) -> None:
        ebay_shop.market.faults.arm("hang", operation="getOrders", seconds=1.2)
        pull(ebay_shop)

        assert seconds_from_now(ebay_shop.cursor.next_at) > 1.5

    def test_refused_credentials_stop_the_account_until_a_person_comes(self, shop: Shop) -> None:
        shop.market.refresh_token = "withdrawn"
        assert pull(shop) == 0

        shop.account.refresh_from_db()
        assert shop.account.state == ChannelAccount.State.UNAUTHORISED
        assert "consent" in shop.account.state_reason
        time_passes()
        asked = len(shop.calls("token"))
        assert (pull(shop), len(shop.calls("token"))) == (0, asked)

    def test_a_paused_account_is_left_alone(self, shop: Shop) -> None:
        ChannelAccount.objects.update(state="paused")

        assert (pull(shop), list(shop.market.calls())) == (0, [])

    @commits
    def test_one_at_a_time_for_each_account(self, ebay_shop: Shop) -> None:
        ebay_shop.sell()
        ebay_shop.market.faults.arm("slow", operation="getOrders", seconds=0.6)
        found = together([lambda: pull(ebay_shop)] * 3)

        assert sorted(found) == [0, 0, 1]
        assert len(ebay_shop.calls("getOrders")) == 1

    @commits
    def test_two_accounts_do_not_wait_for_each_other(self, ebay_shop: Shop, amazon_shop: Shop) -> None:
        for each in (ebay_shop, amazon_shop):
            each.sell()
            each.market.faults.arm("slow", operation=READING[each.kind], seconds=0.3)

        assert together([lambda each=each: pull(each) for each in (ebay_shop, amazon_shop)]) == [1, 1]


def bring(shop: Shop) -> None:
    pull(shop)
    order_import.take_in()


class TestTakeIn:
    def test_makes_orders_of_messages(self, shop: Shop) -> None:
        number = shop.sell(quantity=2)
        bring(shop)

        order = Order.objects.get()
        assert (order.external_number, order.channel.code, order.status) == (number, shop.kind, "allocated")
        assert InboxMessage.objects.get().outcome == f"order:{order.number}"
        assert StockLevel.objects.get().reserved == 2

    def test_goes_by_the_listing_before_the_sku(self, shop: Shop) -> None:
        """The channel's LAMP is our mat, whatever of ours is called LAMP."""
        mat = factories.variant("MAT")
        factories.stock(mat, 5)
        factories.listing(shop.account, mat, "LAMP")
        shop.sell()
        bring(shop)

        line = Order.objects.get().lines.get()
        assert (line.variant.sku, line.sku) == ("MAT", "LAMP")

    def test_a_listing_of_another_account_counts_nothing(self, ebay_shop: Shop, amazon_shop: Shop) -> None:
        factories.listing(amazon_shop.account, factories.variant("MAT"), "LAMP")
        ebay_shop.sell()
        bring(ebay_shop)

        assert Order.objects.get().lines.get().variant.sku == "LAMP"

    def test_follows_an_order_through_its_life(self, shop: Shop) -> None:
        number = shop.sell(quantity=2, pending=True)
        stages = [self._now(shop)]
        shop.market.pay(number)
        stages.append(self._now(shop))
        shop.market.cancel(number, request=True)
        stages.append(self._now(shop))
        shop.market.cancel(number)
        stages.append(self._now(shop))

        assert stages == [
            ("awaiting_payment", 2, False), ("allocated", 2, False), ("allocated", 2, True), ("cancelled", 0, False),
        ]  # fmt: skip
        assert Order.objects.count() == 1

    def _now(self, shop: Shop) -> tuple[str, int, bool]:
        bring(shop)
        order = Order.objects.get()
        return order.status, StockLevel.objects.get().reserved, order.cancel_requested

    def test_more_than_we_have_is_demand_and_not_refused(self, shop: Shop) -> None:
        shop.sell(quantity=12, oversell=True)
        bring(shop)

        line = Order.objects.get().lines.get()
        assert (line.allocated, line.backordered) == (10, 2)

    @commits
    def test_many_workers_take_each_order_once(self, ebay_shop: Shop) -> None:
        sold = [ebay_shop.sell(oversell=True) for _ in range(24)]
        pull(ebay_shop)
        found = together([lambda: [order_import.take_in(limit=3) for _ in range(9)]] * 4)

        assert sum(map(sum, found)) == 24
        assert sorted(Order.objects.values_list("external_number", flat=True)) == sorted(sold)
        assert StockLevel.objects.get().reserved == 10
        assert sum(Order.objects.values_list("lines__backordered", flat=True)) == 14
        assert books.examine() == {}

    def test_our_own_fault_is_tried_again_then_filed_and_stops_nobody(
        self, ebay_shop: Shop, amazon_shop: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        number = ebay_shop.sell()
        pull(ebay_shop)
        ChannelAccount.objects.filter(pk=ebay_shop.account.pk).update(connector="nonsense")
        amazon_shop.sell()
        pull(amazon_shop)
        looked_at = []
        for _ in range(inbox.GIVE_UP_AFTER + 2):
            looked_at.append(order_import.take_in())
            InboxMessage.objects.update(next_at=timezone.now())
        message = InboxMessage.objects.get(source="channel:ebay")

        assert looked_at == [2] + [1] * (inbox.GIVE_UP_AFTER - 1) + [0, 0]
        assert (message.state, message.code) == ("quarantined", "unexpected")
        assert Order.objects.get().channel.code == "amazon"
        assert "Okafor" not in caplog.text

        ChannelAccount.objects.filter(pk=ebay_shop.account.pk).update(connector="ebay")
        inbox.retry(ids=[message.pk], actor=MAYA, now=timezone.now())
        order_import.take_in()
        assert Order.objects.filter(external_number=number).exists()

    def test_waits_longer_after_each_of_our_faults(self, ebay_shop: Shop) -> None:
        ebay_shop.sell()
        pull(ebay_shop)
        ChannelAccount.objects.update(connector="nonsense")
        waits = []
        for _ in range(3):
            order_import.take_in()
            waits.append(round(seconds_from_now(InboxMessage.objects.get().next_at)))
            InboxMessage.objects.update(next_at=timezone.now())

        assert waits == [2, 4, 8]


def test_budgets_are_made_at_first_need(shop: Shop) -> None:
    pull(shop)

    assert CallBudget.objects.get().operation == READING[shop.kind]
