"""What the channel page shows, and at what cost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels import health, order_import, stock_push
from channels.models import CallBudget, ChannelAccount, Listing, ShipmentPush, StockPush, SyncCursor
from oms import inbox
from oms.models import InboxMessage
from orders.models import Parcel
from tests import factories


def marketplace(code: str, lamps: int = 3) -> ChannelAccount:
    """An account with listings, wishes, a cursor, stuck messages and orders."""
    account = factories.account(code, connector="ebay")
    lamp = factories.variant("LAMP")
    for place in range(lamps):
        factories.listing(account, lamp, f"LAMP-{place}", told=5, told_at=timezone.now())
    stock_push.want(variants=[lamp.pk])
    now = timezone.now()
    SyncCursor.objects.create(account=account, resource="orders", read_to=now, fresh_to=now - timedelta(seconds=90))
    factories.order(factories.line("LAMP"), channel=code, placed_at=now)
    for n in range(2):
        letter = inbox.Letter(event_id=f"{n}", topic="order", object_id="1", raw=f"{code} {n}".encode())
        inbox.store(source=order_import.source_of(code), letters=[letter])
        message = InboxMessage.objects.order_by("-pk")[0]
        inbox.quarantine(message.pk, code="sku_unmapped", message="No product has it.", facts={})
    return account


def statements(codes: int) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert len(health.strips()) == codes
    return len(seen)


class TestStrips:
    def test_say_what_is_so(self, db: None) -> None:
        factories.stock(factories.variant("LAMP"), 10)
        account = marketplace("ebay")
        factories.channel("web")
        factories.order(factories.line("LAMP"), placed_at=timezone.now() - timedelta(days=3))
        StockPush.objects.filter(listing__sku="LAMP-0").update(done=1, wanted=1, error_code="rejected")
        first = StockPush.objects.exclude(listing__sku="LAMP-0").order_by("wanted_since")[0].wanted_since
        ebay, web = sorted(health.strips(), key=lambda strip: strip.code)

        assert (ebay.code, ebay.kind, ebay.state) == ("ebay", "marketplace", "active")
        assert (ebay.push_queue, ebay.oldest_push_at, ebay.push_errors) == (2, first, 1)
        assert (ebay.quarantined, ebay.orders_today, ebay.failures, ebay.error) == (2, 1, 0, "")
        assert ebay.last_push_at == max(Listing.objects.values_list("told_at", flat=True))
        assert ebay.lag_seconds is not None
        assert 90 <= ebay.lag_seconds < 100
        assert account.channel_id
        assert (web.code, web.fresh_to, web.lag_seconds, web.push_queue, web.quarantined) == ("web", None, None, 0, 0)
        assert (web.orders_today, web.last_order_at is not None) == (0, True)

    def test_say_why_an_account_stands_still(self, db: None) -> None:
        factories.account("ebay")
        ChannelAccount.objects.update(state="unauthorised", state_reason="eBay refuses our credentials.")

        assert [(s.state, s.state_reason) for s in health.strips()] == [
            ("unauthorised", "eBay refuses our credentials.")
        ]

    def test_cost_as_much_for_twelve_channels_as_for_three(self, db: None) -> None:
        factories.stock(factories.variant("LAMP"), 50)
        for n in range(3):
            marketplace(f"shop-{n}")
        three = statements(3)
        for n in range(3, 12):
            marketplace(f"shop-{n}")

        assert statements(12) == three

    def test_may_be_asked_for_some(self, db: None) -> None:
        factories.channel("web")
        factories.channel("phone", "phone")

        assert [strip.code for strip in health.strips(codes=frozenset({"phone", "nowhere"}))] == ["phone"]
        assert health.strips(codes=frozenset()) == []


class TestDetails:
    def test_name_what_is_waiting_and_stuck(self, db: None) -> None:
        factories.stock(factories.variant("LAMP"), 10)
        account = marketplace("ebay")
        CallBudget.objects.create(account=account, operation="getOrders", rate=1, burst=5, tokens=5)
        order = factories.order(factories.line("LAMP"), channel="ebay")
        parcel = Parcel.objects.create(order=order, tracking_number="1Z", shipped_at=factories.NOW)
        ShipmentPush.objects.create(account=account, parcel=parcel)
        found = health.details("ebay")

        assert found is not None
        assert [push.listing.sku for push in found.pushes] == ["LAMP-0", "LAMP-1", "LAMP-2"]
        assert [row.parcel.order.number for row in found.shipments] == [order.number]
        assert [(each.code, each.count) for each in found.stuck] == [("sku_unmapped", 2)]
        assert InboxMessage.objects.filter(pk=found.stuck[0].example, state="quarantined").exists()
        assert (len(found.cursors), [budget.operation for budget in found.budgets]) == (1, ["getOrders"])

    def test_of_an_own_channel_are_short(self, db: None) -> None:
        factories.channel("web")
        found = health.details("web")

        assert found is not None
        assert (found.strip.code, found.cursors, found.pushes) == ("web", [], [])

    def test_of_none(self, db: None) -> None:
        assert health.details("nowhere") is None


@pytest.mark.django_db
def test_a_channel_without_anything_is_quiet() -> None:
    factories.account("ebay")
    (strip,) = health.strips()

    assert (strip.fresh_to, strip.last_push_at, strip.oldest_push_at, strip.last_order_at) == (None, None, None, None)
