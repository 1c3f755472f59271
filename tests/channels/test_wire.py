"""The guarded way to a channel: budget, token, call, and what its answers mean."""

from collections.abc import Iterator
from typing import Any

import pytest

from channels import credentials, wire
from channels.connectors.base import Throttled, Unauthorised, Unavailable
from channels.models import CallBudget, ChannelAccount
from demo.marketplaces import AmazonMarketplace
from demo.marketplaces.server import Reply
from oms import db
from tests.channels.shops import LOOKING, Shop, open_shop
from tests.oms.threads import Step, together

commits = pytest.mark.django_db(transaction=True)


def ask(shop: Shop) -> dict[str, int]:
    found: dict[str, int] = shop.connector.read_stock(["LAMP"])
    return found


def asked(shop: Shop) -> int:
    return len(shop.calls("token"))


class TestToken:
    def test_is_asked_for_once_and_kept(self, shop: Shop) -> None:
        for _ in range(3):
            assert ask(shop) == {"LAMP": 10}

        shop.account.refresh_from_db()
        assert asked(shop) == 1
        assert shop.account.token_expires_at is not None
        assert bytes(shop.account.access_token)

    def test_is_renewed_before_it_ends(self, shop: Shop) -> None:
        shop.market.token_lifetime = 170  # less than the margin
        ask(shop)
        ask(shop)

        assert asked(shop) == 2

    def test_one_that_is_refused_is_renewed_once(self, shop: Shop) -> None:
        ask(shop)
        shop.market.revoke_tokens()

        assert ask(shop) == {"LAMP": 10}
        assert asked(shop) == 2

    def test_a_new_one_that_is_refused_as_well_ends_it(self, shop: Shop) -> None:
        ask(shop)
        shop.market.faults.arm("stale_token", operation=LOOKING[shop.kind], times=2)

        with pytest.raises(Unauthorised):
            ask(shop)
        assert (asked(shop), len(shop.calls(LOOKING[shop.kind]))) == (2, 3)

    def test_refused_credentials_are_not_hammered(self, shop: Shop) -> None:
        shop.market.refresh_token = "withdrawn"

        with pytest.raises(Unauthorised):
            ask(shop)
        assert asked(shop) == 1

    @pytest.mark.parametrize(
        ("fault", "failure"), [("error", Unavailable), ("throttle", Throttled), ("reset", Unavailable)]
    )
    def test_trouble_on_the_way_to_it_passes(self, shop: Shop, fault: str, failure: type[Exception]) -> None:
        shop.market.faults.arm(fault, operation="token")

        with pytest.raises(failure):
            ask(shop)
        assert ask(shop) == {"LAMP": 10}

    @commits
    def test_workers_who_need_one_at_the_same_moment_ask_once(self, ebay_shop: Shop) -> None:
        ebay_shop.market.faults.arm("slow", operation="token", seconds=0.3)

        assert together([lambda: ask(ebay_shop)] * 4) == [{"LAMP": 10}] * 4
        assert asked(ebay_shop) == 1

    @commits
    def test_workers_whose_token_is_refused_at_the_same_moment_ask_once(self, ebay_shop: Shop) -> None:
        ask(ebay_shop)
        ebay_shop.market.revoke_tokens()
        ebay_shop.market.faults.arm("slow", operation="token", seconds=0.3)

        assert together([lambda: ask(ebay_shop)] * 4) == [{"LAMP": 10}] * 4
        assert asked(ebay_shop) == 2

    @commits
    def test_a_worker_who_waits_for_another_in_vain_comes_back_later(self, ebay_shop: Shop) -> None:
        """The other one hangs on the channel longer than a process may wait for a lock."""
        held, enough = Step(), Step()

        def hang() -> None:
            with db.in_turn(f"token:{ebay_shop.account.pk}"):
                held.reached()
                enough.wait()

        def come_late() -> None:
            held.wait()
            db.fetch("SET lock_timeout = '100ms'")
            try:
                ask(ebay_shop)
            finally:
                enough.reached()

        failed = together([hang, come_late])[1]
        assert isinstance(failed, Unavailable)
        assert failed.code == "token_awaited"


class RotatingAmazon(AmazonMarketplace):
    """Gives a new refresh token with each access token, and takes none twice."""

    def _token(self, call: Any, names: Any) -> Reply:
        reply = super()._token(call, names)
        if reply.status != 200:
            return reply
        self.refresh_token = f"refresh-{len(self._calls)}"
        return Reply.of({"access_token": self.give_token(), "refresh_token": self.refresh_token, "expires_in": 3600})


class TestRotation:
    @pytest.fixture
    def rotating(self, db: None, settings: Any) -> Iterator[Shop]:
        with open_shop("amazon", settings, RotatingAmazon(settle=0)) as shop:
            shop.market.list("LAMP", quantity=10, price="10.00")
            yield shop

    def test_the_new_refresh_token_is_the_one_used_next(self, rotating: Shop) -> None:
        for _ in range(3):
            assert ask(rotating) == {"LAMP": 10}
            rotating.market.revoke_tokens()

        assert asked(rotating) == 3
        rotating.account.refresh_from_db()
        assert credentials.of(rotating.account).refresh_token == rotating.market.refresh_token
        assert credentials.of(rotating.account).client_secret == "demo-secret"

    def test_it_is_kept_even_if_the_first_call_with_the_new_access_token_fails(self, rotating: Shop) -> None:
        rotating.market.faults.arm("reset", operation="getListingsItem")
        with pytest.raises(Unavailable):
            ask(rotating)
        rotating.account.refresh_from_db()

        assert credentials.of(rotating.account).refresh_token == rotating.market.refresh_token
        assert ask(rotating) == {"LAMP": 10}


class HeaderAmazon(AmazonMarketplace):
    """Sends one header more with everything."""

    header = ("", "")

    def _headers(self) -> dict[str, str]:
        return super()._headers() | dict([self.header])


class TestAnswers:
    @pytest.fixture
    def market(self, db: None, settings: Any) -> Iterator[Shop]:
        with open_shop("amazon", settings, HeaderAmazon(settle=0)) as shop:
            shop.market.list("LAMP", quantity=10, price="10.00")
            shop.market.header = ("x-nothing", "1")
            ask(shop)
            yield shop

    def test_the_real_rate_is_learnt(self, market: Shop) -> None:
        market.market.header = ("x-amzn-RateLimit-Limit", "2.5")
        ask(market)

        assert CallBudget.objects.get(operation="getListingsItem").rate == 2.5

    @pytest.mark.parametrize("told", ["inf", "nan", "-1", "0", "1e400", "1e-300", "999999999", "\u00b2", "soon", ""])
    def test_a_rate_that_is_none_is_passed_over(self, market: Shop, told: str) -> None:
        market.market.header = ("x-amzn-RateLimit-Limit", told)

        assert ask(market) == {"LAMP": 10}
        assert CallBudget.objects.get(operation="getListingsItem").rate == 1000

    @pytest.mark.parametrize(
        ("told", "wait"),
        [
            ("7", 7), ("1.5", 1.5), ("0", 0), ("", 20), ("soon", 20), ("Wed, 21 Oct 2026 07:28:00 GMT", 20), ("-5",
            20),
            ("inf", 20), ("nan", 20), ("\u00b2", 20), ("9" * 400, 20), ("99999999999", 86400),
        ],
    )  # fmt: skip
    def test_how_long_to_wait(self, market: Shop, told: str, wait: float) -> None:
        market.market.faults.arm("throttle", operation="getListingsItem")
        market.market.header = ("Retry-After", told)

        with pytest.raises(Throttled) as throttled:
            ask(market)
        assert throttled.value.retry_after == wait

    @pytest.mark.parametrize("status", [500, 502, 503, 599])
    def test_their_own_trouble(self, market: Shop, status: int) -> None:
        market.market.faults.arm("error", operation="getListingsItem", status=status)

        with pytest.raises(Unavailable) as failed:
            ask(market)
        assert failed.value.code == str(status)


def test_an_account_may_have_rates_of_its_own(shop: Shop) -> None:
    shop.set(**{f"rate__{LOOKING[shop.kind]}": "0.01/1"})
    ask(shop)

    with pytest.raises(Throttled):
        ask(shop)


def test_an_address_nobody_allowed_is_not_called(shop: Shop, settings: Any) -> None:
    settings.OMS_ALLOWED_PRIVATE_HOSTS = []

    with pytest.raises(Unavailable):
        ask(shop)
    assert list(shop.market.calls()) == []


def test_stopping_leaves_an_account_a_person_paused_as_it_is(shop: Shop) -> None:
    ChannelAccount.objects.update(state="paused")
    with pytest.raises(Unauthorised), wire.stopping_on_refused_credentials(shop.account):
        raise Unauthorised("no")

    shop.account.refresh_from_db()
    assert shop.account.state == "paused"
