"""How often a channel may be asked, counted over all workers."""

import time

import pytest

from channels import budgets
from channels.connectors.base import Budget, Throttled
from channels.models import CallBudget, ChannelAccount
from tests import factories
from tests.oms.threads import together

SLOW = Budget(rate=0.001, burst=5)


@pytest.fixture
def account(db: None) -> ChannelAccount:
    return factories.account("ebay")


def wait(account: ChannelAccount, operation: str = "ask", default: Budget = SLOW) -> float | None:
    """The seconds to wait; None when the call was granted."""
    try:
        budgets.take(account, operation, default)
    except Throttled as told:
        return told.retry_after
    return None


class TestTake:
    def test_grants_the_burst_and_then_says_how_long(self, account: ChannelAccount) -> None:
        granted = [wait(account) for _ in range(5)]
        told = wait(account)

        assert granted == [None] * 5
        assert told is not None
        assert 990 < told <= 1000

    def test_a_refusal_costs_nothing(self, account: ChannelAccount) -> None:
        for _ in range(5):
            wait(account)
        before = CallBudget.objects.values_list("tokens", "counted_at").get()
        for _ in range(5):
            wait(account)

        assert CallBudget.objects.values_list("tokens", "counted_at").get() == before

    def test_refills_at_its_rate_and_not_above_its_burst(self, account: ChannelAccount) -> None:
        quick = Budget(rate=50, burst=2)
        assert [wait(account, default=quick) for _ in range(2)] == [None, None]
        time.sleep(0.1)
        found = [wait(account, default=quick) for _ in range(3)]

        assert found[:2] == [None, None]
        assert found[2] is not None
        assert found[2] >= 0.05  # never so short that a caller would spin

    def test_operations_and_accounts_have_their_own(self, account: ChannelAccount) -> None:
        one = Budget(rate=0.001, burst=1)
        other = factories.account("amazon")

        assert [wait(account, "a", one), wait(account, "b", one), wait(other, "a", one)] == [None] * 3
        assert wait(account, "a", one) is not None

    @pytest.mark.django_db(transaction=True)
    def test_many_workers_together_never_exceed_it(self, account: ChannelAccount) -> None:
        """Also while none of them has made the bucket yet."""
        found = together([lambda: [wait(account) for _ in range(6)]] * 8)

        assert sum(told is None for each in found for told in each) == 5
        assert CallBudget.objects.count() == 1


class TestClose:
    def test_nobody_asks_before_the_time_the_channel_named(self, account: ChannelAccount) -> None:
        wait(account)
        budgets.close(account, "ask", seconds=30)
        told = wait(account)

        assert told is not None
        assert told > 29

    def test_is_over_when_the_time_is(self, account: ChannelAccount) -> None:
        quick = Budget(rate=50, burst=2)
        wait(account, default=quick)
        budgets.close(account, "ask", seconds=0.1)
        assert wait(account, default=quick) is not None
        time.sleep(0.15)

        assert wait(account, default=quick) is None


class TestLearn:
    def test_the_rate_the_channel_tells_is_the_one_that_counts(self, account: ChannelAccount) -> None:
        for _ in range(5):
            wait(account)
        budgets.learn(account, "ask", rate=0.5)
        told = wait(account)

        assert CallBudget.objects.get().rate == 0.5
        assert told is not None
        assert told <= 2
