"""Telling channels which parcels left: once, whatever happens on the way."""

import pytest

from channels import shipment_push
from channels.models import ChannelAccount, ShipmentPush
from orders.models import Parcel
from tests import factories
from tests.channels.shops import SHIPPING, Shop, seconds_from_now, time_passes
from tests.oms.threads import together

commits = pytest.mark.django_db(transaction=True)


def push(shop: Shop) -> int:
    return shipment_push.push(account_id=shop.account.pk)


def packages(shop: Shop, number: str) -> list[str]:
    return [package["tracking"] for package in shop.market.order(number)["packages"]]


class TestWant:
    def test_once_however_often_it_is_said(self, shop: Shop) -> None:
        _, row = shop.ship()
        row.delete()
        accounts = {shipment_push.want(parcel_id=row.parcel_id) for _ in range(3)}

        assert (accounts, ShipmentPush.objects.count()) == ({shop.account.pk}, 1)

    def test_not_of_an_own_channel(self, shop: Shop) -> None:
        factories.channel("web")
        order = factories.order(factories.line("LAMP"))
        parcel = Parcel.objects.create(order=order, tracking_number="1Z", shipped_at=factories.NOW)

        assert shipment_push.want(parcel_id=parcel.pk) is None
        assert not ShipmentPush.objects.exists()

    def test_not_what_the_channel_itself_told_us(self, shop: Shop) -> None:
        _, row = shop.ship()
        row.delete()
        Parcel.objects.update(external_id="4711")

        assert shipment_push.want(parcel_id=row.parcel_id) is None


class TestPush:
    def test_tells_the_parcel_once(self, shop: Shop) -> None:
        number, row = shop.ship()
        assert [push(shop), push(shop)] == [1, 0]

        row.refresh_from_db()
        assert packages(shop, number) == [row.parcel.tracking_number]
        assert (row.state, row.error, row.done_at is not None) == ("done", "", True)

    def test_a_lost_answer_makes_no_second_package(self, shop: Shop) -> None:
        number, row = shop.ship()
        shop.market.faults.arm("lost_answer", operation=SHIPPING[shop.kind])
        assert push(shop) == 0
        row.refresh_from_db()
        assert (row.state, row.attempts, len(packages(shop, number))) == ("pending", 1, 1)

        time_passes()
        assert (push(shop), len(packages(shop, number))) == (1, 1)

    def test_waits_a_little_longer_each_time(self, shop: Shop) -> None:
        _, row = shop.ship()
        shop.market.faults.arm("error", operation=SHIPPING[shop.kind], times=3)
        waits = []
        for _ in range(3):
            push(shop)
            row.refresh_from_db()
            waits.append(round(seconds_from_now(row.next_at)))
            time_passes()

        assert waits == [1, 2, 4]
        assert push(shop) == 1

    def test_too_many_calls_are_no_fault_of_the_parcel(self, shop: Shop) -> None:
        _, row = shop.ship()
        shop.market.faults.arm("throttle", operation=SHIPPING[shop.kind], retry_after=30)
        push(shop)

        row.refresh_from_db()
        assert row.attempts == 0
        assert 28 < seconds_from_now(row.next_at) <= 30

    def test_one_the_channel_rejects_waits_for_a_person_and_holds_up_no_other(self, shop: Shop) -> None:
        gone, refused = shop.ship()
        del shop.market.orders[gone]
        number, _ = shop.ship()
        assert push(shop) == 1

        refused.refresh_from_db()
        assert (refused.state, bool(refused.error_code), bool(refused.error)) == ("rejected", True, True)
        assert len(packages(shop, number)) == 1
        time_passes()
        calls = len(shop.market.calls())
        assert (push(shop), len(shop.market.calls())) == (0, calls)

    def test_when_the_channel_is_down_it_is_asked_once_and_not_for_every_parcel(self, shop: Shop) -> None:
        for _ in range(3):
            shop.ship()
        shop.market.faults.arm("error", operation=SHIPPING[shop.kind], times=None)
        push(shop)

        assert len(shop.calls(SHIPPING[shop.kind])) == 1

    def test_refused_credentials_stop_the_account(self, shop: Shop) -> None:
        _, row = shop.ship()
        shop.market.refresh_token = "withdrawn"
        push(shop)

        shop.account.refresh_from_db()
        row.refresh_from_db()
        assert (shop.account.state, row.state) == ("unauthorised", "pending")

    def test_an_account_that_is_stopped_is_left_alone(self, shop: Shop) -> None:
        shop.ship()
        ChannelAccount.objects.update(state="paused")

        assert (push(shop), list(shop.market.calls())) == (0, [])

    @commits
    def test_two_workers_open_one_package(self, ebay_shop: Shop) -> None:
        """At eBay looking first is no help against somebody who looks at the same time."""
        number, _ = ebay_shop.ship()
        ebay_shop.market.faults.arm("slow", operation="getShippingFulfillments", times=2, seconds=0.4)
        found = together([lambda: push(ebay_shop)] * 2)

        assert sorted(found) == [0, 1]
        assert len(packages(ebay_shop, number)) == 1
