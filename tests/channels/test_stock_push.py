"""Telling channels our stock: once, the newest number, and again when it got lost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from channels import stock_push, tasks
from channels.models import ChannelAccount, Listing, StockPush
from inventory.models import Location
from oms import books, db
from tests import factories
from tests.channels.shops import LOOKING, TELLING, Shop, seconds_from_now, time_passes
from tests.oms.threads import Step, together

commits = pytest.mark.django_db(transaction=True)


def want(*listings: Listing, times: int = 1) -> None:
    for _ in range(times):
        stock_push.want(variants=[listing.variant_id for listing in listings])


def push(shop: Shop) -> int:
    return stock_push.push(account_id=shop.account.pk)


def told(listing: Listing) -> int | None:
    return Listing.objects.get(pk=listing.pk).told


def row(listing: Listing) -> StockPush:
    return StockPush.objects.get(listing=listing)


def take(units: int) -> None:
    """Somebody buys that many lamps in our web shop."""
    factories.channel("web")
    factories.order(factories.line("LAMP", units))


class TestWant:
    def test_many_wishes_are_one_row_and_one_call(self, shop: Shop, lamp: Listing) -> None:
        want(lamp, times=100)
        push(shop)

        assert (row(lamp).wanted, row(lamp).done) == (100, 100)
        assert len(shop.calls(TELLING[shop.kind])) == 1

    def test_concerns_every_account_that_lists_the_variant(self, ebay_shop: Shop, amazon_shop: Shop) -> None:
        lamps = [factories.listing(each.account, factories.variant("LAMP")) for each in (ebay_shop, amazon_shop)]
        ended = factories.listing(ebay_shop.account, factories.variant("LAMP"), "LAMP-OLD", state="ended")

        accounts = stock_push.want(variants=[lamps[0].variant_id])
        assert accounts == sorted([ebay_shop.account.pk, amazon_shop.account.pk])
        assert not StockPush.objects.filter(listing=ended).exists()

    def test_is_one_statement_for_many_variants(self, shop: Shop, warehouse: Location) -> None:
        listings = [shop.offer(f"V{place}", 1, warehouse) for place in range(12)]
        with CaptureQueriesContext(connection) as seen:
            want(*listings)

        assert (len(seen), StockPush.objects.count()) == (1, 12)

    def test_a_wish_does_not_shorten_a_wait(self, shop: Shop, lamp: Listing) -> None:
        want(lamp)
        shop.market.faults.arm("throttle", operation=TELLING[shop.kind], retry_after=60)
        push(shop)
        want(lamp)

        assert seconds_from_now(row(lamp).next_at) > 50
        assert push(shop) == 0


class TestPush:
    def test_tells_what_is_available(self, shop: Shop, lamp: Listing) -> None:
        take(3)
        want(lamp)

        assert push(shop) == 1
        assert (told(lamp), shop.market.stock()) == (7, {"LAMP": 7})

    def test_tells_the_number_of_now_not_of_the_wish(self, shop: Shop, lamp: Listing) -> None:
        want(lamp)
        take(4)
        push(shop)

        assert shop.market.stock() == {"LAMP": 6}

    def test_what_the_channel_knows_is_not_told(self, shop: Shop, lamp: Listing) -> None:
        Listing.objects.update(told=10)
        want(lamp)

        assert push(shop) == 0
        assert (row(lamp).done, list(shop.market.calls())) == (1, [])

    @pytest.mark.parametrize(
        ("buffer", "most", "shown"), [(3, None, 7), (0, 4, 4), (3, 4, 4), (50, None, 0), (0, 50, 10)]
    )
    def test_keeps_back_what_the_account_and_the_listing_say(
        self, shop: Shop, lamp: Listing, buffer: int, most: int | None, shown: int
    ) -> None:
        ChannelAccount.objects.update(buffer=buffer)
        Listing.objects.update(most_offered=most)
        want(lamp)
        push(shop)

        assert shop.market.stock() == {"LAMP": shown}

    def test_sold_out_goes_first(self, amazon_shop: Shop, warehouse: Location) -> None:
        units = {"A": 5, "B": 0, "C": 5, "D": 0}
        want(*[amazon_shop.offer(sku, count, warehouse) for sku, count in units.items()])
        push(amazon_shop)

        paths = [call["path"][-1] for call in amazon_shop.calls("patchListingsItem")]
        assert set(paths[:2]) == {"B", "D"}
        assert set(paths) == set("ABCD")

    def test_tells_more_than_a_batch_in_one_go(self, shop: Shop, warehouse: Location) -> None:
        listings = [shop.offer(f"V{place}", place, warehouse) for place in range(23)]
        want(*listings)

        assert push(shop) == 23
        assert {sku: n for sku, n in shop.market.stock().items() if sku != "LAMP"} == {f"V{n}": n for n in range(23)}

    def test_what_changes_meanwhile_is_told_before_it_ends(self, shop: Shop, lamp: Listing) -> None:
        """The second number is due as soon as the first has been told."""
        want(lamp)
        push(shop)
        take(2)
        want(lamp)
        push(shop)

        assert (told(lamp), row(lamp).done) == (8, 2)

    def test_accepted_is_not_yet_seen(self, ebay_shop: Shop, amazon_shop: Shop) -> None:
        lamps = [factories.listing(each.account, factories.variant("LAMP")) for each in (ebay_shop, amazon_shop)]
        want(lamps[0])
        push(ebay_shop)
        push(amazon_shop)

        assert [Listing.objects.get(pk=each.pk).confirmed_at is not None for each in lamps] == [True, False]

    @pytest.mark.parametrize("state", ["paused", "unauthorised"])
    def test_an_account_that_is_stopped_is_left_alone(self, shop: Shop, lamp: Listing, state: str) -> None:
        ChannelAccount.objects.update(state=state)
        want(lamp)

        assert (push(shop), list(shop.market.calls())) == (0, [])


class TestTrouble:
    @pytest.mark.parametrize("fault", ["error", "reset", "html", "half_page"])
    def test_is_tried_again_later_and_a_little_later_each_time(self, shop: Shop, lamp: Listing, fault: str) -> None:
        want(lamp)
        shop.market.faults.arm(fault, operation=TELLING[shop.kind], times=3)
        waits = []
        for attempt in range(1, 4):
            assert push(shop) == 0
            assert (row(lamp).attempts, row(lamp).done, told(lamp)) == (attempt, 0, None)
            assert row(lamp).error
            waits.append(round(seconds_from_now(row(lamp).next_at)))
            time_passes()
        push(shop)

        assert waits == [1, 2, 4]
        assert (told(lamp), row(lamp).attempts, row(lamp).error, row(lamp).error_code) == (10, 0, "", "")

    def test_too_many_calls_are_no_fault_of_the_listing(self, shop: Shop, lamp: Listing) -> None:
        want(lamp)
        shop.market.faults.arm("throttle", operation=TELLING[shop.kind], retry_after=30)
        push(shop)

        assert row(lamp).attempts == 0
        assert 28 < seconds_from_now(row(lamp).next_at) <= 30

    def test_nor_of_those_behind_it_in_the_batch(self, shop: Shop, warehouse: Location) -> None:
        first, second, third = (shop.offer(sku, 5, warehouse) for sku in "ABC")
        want(first, second, third)
        shop.market.faults.arm("slow", operation=TELLING[shop.kind])
        shop.market.faults.arm("throttle", operation=TELLING[shop.kind], retry_after=30)
        push(shop)

        assert [told(each) for each in (first, second, third)] == [5, None, None]
        assert [row(each).attempts for each in (second, third)] == [0, 0]
        assert all(28 < seconds_from_now(row(each).next_at) <= 30 for each in (second, third))

    def test_what_is_rejected_is_kept_and_holds_up_nobody(self, shop: Shop, lamp: Listing, warehouse: Location) -> None:
        ghost = factories.listing(shop.account, factories.variant("GHOST"), product_type="HOME")
        factories.stock(factories.variant("GHOST"), 1, warehouse)
        want(ghost, lamp)
        push(shop)

        assert told(lamp) == 10
        assert (told(ghost), row(ghost).done, row(ghost).wanted) == (None, 1, 1)
        assert row(ghost).error_code
        assert row(ghost).error
        calls = len(shop.market.calls())
        time_passes()
        assert (push(shop), len(shop.market.calls())) == (0, calls)  # it waits for a person or the next change

        shop.market.list("GHOST", quantity=0, price="1.00")
        want(ghost)
        push(shop)
        assert (told(ghost), row(ghost).error_code) == (1, "")

    def test_a_part_of_an_answer_that_failed(self, ebay_shop: Shop) -> None:
        lamp = factories.listing(ebay_shop.account, factories.variant("LAMP"))
        want(lamp)
        ebay_shop.market.faults.arm("part_fails")
        push(ebay_shop)

        assert (told(lamp), row(lamp).attempts, row(lamp).error_code) == (None, 1, "25001")

    def test_a_lost_answer_is_told_again_and_does_no_harm(self, shop: Shop, lamp: Listing) -> None:
        want(lamp)
        take(1)
        shop.market.faults.arm("lost_answer", operation=TELLING[shop.kind])
        push(shop)
        assert (told(lamp), shop.market.stock()) == (None, {"LAMP": 9})

        time_passes()
        push(shop)
        assert (told(lamp), shop.market.stock()) == (9, {"LAMP": 9})

    def test_refused_credentials_stop_the_account(self, shop: Shop, lamp: Listing) -> None:
        shop.market.refresh_token = "withdrawn"
        want(lamp)
        push(shop)

        shop.account.refresh_from_db()
        assert shop.account.state == "unauthorised"
        assert (row(lamp).done, row(lamp).error_code) == (0, "consent_needed")


@commits
class TestTwoWorkers:
    def test_an_older_number_cannot_overtake_a_newer_one(self, amazon_shop: Shop) -> None:
        """The first worker knows ten and is held up on its way; meanwhile four are sold and a second one rings."""
        lamp = factories.listing(amazon_shop.account, factories.variant("LAMP"), product_type="HOME")
        want(lamp)
        amazon_shop.market.faults.arm("slow", operation="getListingsItem", seconds=0.8)
        under_way = Step()

        def first() -> int:
            under_way.reached()
            return push(amazon_shop)

        def second() -> int:
            under_way.wait()
            while not amazon_shop.calls("getListingsItem"):
                pass
            take(4)
            want(lamp)
            return push(amazon_shop)

        found = together([first, second])

        assert found[1] == 0
        assert (amazon_shop.market.stock(), told(lamp)) == ({"LAMP": 6}, 6)
        assert (row(lamp).done, row(lamp).wanted) == (2, 2)
        assert books.examine() == {}

    def test_of_two_accounts_do_not_wait_for_each_other(self, ebay_shop: Shop, amazon_shop: Shop) -> None:
        lamp = factories.listing(ebay_shop.account, factories.variant("LAMP"))
        factories.listing(amazon_shop.account, factories.variant("LAMP"), product_type="HOME")
        want(lamp)
        for each in (ebay_shop, amazon_shop):
            each.market.faults.arm("slow", operation=TELLING[each.kind], seconds=0.3)

        assert together([lambda each=each: push(each) for each in (ebay_shop, amazon_shop)]) == [1, 1]

    def test_wishes_uttered_at_once_are_all_counted(self, ebay_shop: Shop) -> None:
        lamp = factories.listing(ebay_shop.account, factories.variant("LAMP"))
        want(lamp)
        together([lambda: want(lamp, times=10)] * 4)

        assert row(lamp).wanted == 41


class TestVerify:
    def verify(self, shop: Shop, **more: int) -> int:
        return stock_push.verify(account_id=shop.account.pk, **more)

    def test_200_and_then_nothing_is_found_and_told_again(self, shop: Shop, lamp: Listing) -> None:
        take(4)
        want(lamp)
        shop.market.faults.arm("forget", operation=TELLING[shop.kind])
        push(shop)
        assert (told(lamp), shop.market.stock()) == (6, {"LAMP": 10})

        assert self.verify(shop) == 1
        push(shop)
        assert (told(lamp), shop.market.stock()) == (6, {"LAMP": 6})
        assert self.verify(shop) == 0
        assert Listing.objects.get().confirmed_at is not None

    def test_somebody_set_more_on_the_channels_own_pages(self, shop: Shop, lamp: Listing) -> None:
        want(lamp)
        push(shop)
        self.verify(shop)
        shop.market.set_stock("LAMP", 99)
        assert self.verify(shop) == 1
        push(shop)

        assert shop.market.stock() == {"LAMP": 10}

    def test_fewer_may_be_a_sale_we_have_not_heard_of(self, shop: Shop, lamp: Listing) -> None:
        """Telling the old number at once would put the unit up for sale a second time."""
        want(lamp)
        push(shop)
        self.verify(shop)
        shop.sell()
        assert self.verify(shop) == 0
        push(shop)
        assert shop.market.stock() == {"LAMP": 9}

        assert self.verify(shop) == 1  # still so: nothing was sold, it was changed over there
        push(shop)
        assert shop.market.stock() == {"LAMP": 10}

    def test_a_listing_the_channel_does_not_know_any_more_is_told_and_refused(
        self, shop: Shop, lamp: Listing, warehouse: Location
    ) -> None:
        """And then stands in the way of no other one's turn."""
        gone = shop.offer("GONE", 5, warehouse, told=5)
        del shop.market.listings["GONE"]
        want(lamp)
        push(shop)
        assert self.verify(shop) == 1
        push(shop)

        assert (told(gone), bool(row(gone).error_code)) == (None, True)
        assert self.verify(shop, limit=1) == 0
        assert Listing.objects.get(sku="LAMP").confirmed_at is not None

    def test_takes_turns(self, shop: Shop, warehouse: Location) -> None:
        want(*[shop.offer(f"V{place}", 3, warehouse) for place in range(6)])
        push(shop)
        Listing.objects.update(confirmed_at=None)
        for _ in range(3):
            self.verify(shop, limit=2)

        assert not Listing.objects.filter(confirmed_at=None).exists()

    def test_keeps_what_it_has_seen_when_the_budget_ends(self, shop: Shop, warehouse: Location) -> None:
        want(*[shop.offer(f"V{place}", 3, warehouse) for place in range(6)])
        push(shop)
        Listing.objects.update(confirmed_at=None)
        shop.market.set_stock("V0", 99)
        shop.market.faults.arm("slow", operation=LOOKING[shop.kind], times=3)
        shop.market.faults.arm("throttle", operation=LOOKING[shop.kind], retry_after=9)

        assert self.verify(shop) == 1
        assert Listing.objects.exclude(confirmed_at=None).count() == 2

    def test_what_a_push_has_told_meanwhile_is_not_undone(self, shop: Shop, lamp: Listing) -> None:
        """Between our look at the listing and the channel's answer a newer number was told."""
        want(lamp)
        push(shop)
        stale = Listing.objects.get()
        take(4)
        want(lamp)
        push(shop)

        assert stock_push._differs(stale, 99) is False
        assert told(lamp) == 6

    def test_one_channel_that_is_down_does_not_keep_the_others_from_their_turn(
        self, ebay_shop: Shop, amazon_shop: Shop, warehouse: Location
    ) -> None:
        for each in (ebay_shop, amazon_shop):
            each.offer(f"V-{each.kind}", 3, warehouse, told=10)
        ebay_shop.market.faults.arm("error", times=None)
        tasks.verify_stock()

        assert Listing.objects.get(sku="V-amazon").confirmed_at is not None

    def test_asks_nothing_of_an_account_that_is_stopped(self, shop: Shop, lamp: Listing) -> None:
        Listing.objects.update(told=10, told_at=timezone.now())
        ChannelAccount.objects.update(state="paused")

        assert (self.verify(shop), list(shop.market.calls())) == (0, [])


def test_the_lag_of_a_push_counts_from_the_first_wish_not_heard(shop: Shop, lamp: Listing) -> None:
    want(lamp)
    first = row(lamp).wanted_since
    want(lamp, times=3)
    assert row(lamp).wanted_since == first

    push(shop)
    want(lamp)
    assert row(lamp).wanted_since > first


def test_no_call_happens_inside_a_transaction(shop: Shop) -> None:
    """The wire refuses: locks must not be held while a channel takes its time."""

    @db.transaction
    def wrong() -> None:
        shop.connector.read_stock(["LAMP"])

    with pytest.raises(db.InsideTransaction):
        wrong()
