"""Who may call: keys, scopes and their end."""

from datetime import UTC, datetime, timedelta

import pytest

from oms.models import Scope
from orders.models import Order
from tests import factories
from tests.api.calls import Caller, body, caller, line

READING = ["orders", "orders/100001", "availability?sku=T90"]


class TestKey:
    @pytest.mark.parametrize("path", READING)
    def test_without_one(self, shop: Caller, path: str) -> None:
        answer = Caller().get(path)

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"

    def test_every_wrong_one_gets_the_same_answer(self, shop: Caller) -> None:
        now = datetime.now(UTC)
        expired, expired_key = factories.api_client()
        revoked, revoked_key = factories.api_client()
        type(expired).objects.filter(pk=expired.pk).update(
            created_at=now - timedelta(days=2), expires_at=now - timedelta(seconds=1)
        )
        type(revoked).objects.filter(pk=revoked.pk).update(revoked_at=now)
        _, good = factories.api_client()
        other = good[:-1] + ("A" if good[-1] != "A" else "B")
        wrong = [
            expired_key, revoked_key, other, good + "=", good.upper(), good.replace("oms_", ""),
            "oms_0123456789ab_" + "x" * 43,
            "", "garbage", "oms__", "eyJhbGciOiJub25lIn0.e30.", "x" * 8000, "'; DROP TABLE orders_order; --",
        ]  # fmt: skip
        answers = [Caller().send("GET", "orders", headers={"Authorization": f"Bearer {key}"}) for key in wrong]
        answers += [
            Caller().send("GET", "orders", headers={"Authorization": f"{kind} {good}"}) for kind in ("Basic", "Token")
        ]

        assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
        assert Caller(good).get("orders").status_code == 200

    def test_ends_at_once_when_it_is_revoked(self, shop: Caller) -> None:
        client, key = factories.api_client()
        assert Caller(key).get("orders").status_code == 200
        type(client).objects.filter(pk=client.pk).update(revoked_at=datetime.now(UTC))

        assert Caller(key).get("orders").status_code == 401

    def test_is_kept_as_a_hash_only(self, shop: Caller) -> None:
        client, key = factories.api_client()

        assert key.rpartition("_")[2] not in str(vars(type(client).objects.get(pk=client.pk)))

    def test_a_session_of_the_console_is_none(self, shop: Caller) -> None:
        browser = Caller()
        browser.client.force_login(factories.staff("platform_admin", is_superuser=True))

        assert browser.get("orders").status_code == 401


class TestScopes:
    ASKED = {
        "list": Scope.ORDERS_READ, "read": Scope.ORDERS_READ, "place": Scope.ORDERS_WRITE,
        "cancel": Scope.ORDERS_WRITE,
        "ship": Scope.FULFILMENT_WRITE, "availability": Scope.STOCK_READ,
    }  # fmt: skip

    @pytest.mark.parametrize("scope", Scope.values)
    def test_opens_its_own_doors_and_no_other(self, shop: Caller, placed: dict[str, int], scope: str) -> None:
        program, number = caller(scope), placed["number"]
        shipped = {"location": "WH", "carrier": "UPS", "tracking_number": "1Z"}
        answers = {
            "list": program.get("orders"),
            "read": program.get(f"orders/{number}"),
            "availability": program.get("availability", sku="T90"),
            "place": program.place(body(line("T90"))),
            "ship": program.post(f"orders/{number}/shipments", shipped),
            "cancel": program.post(f"orders/{number}/cancellation", {"reason": "r"}),
        }
        opened = {name for name, answer in answers.items() if answer.status_code != 403}

        assert opened == {name for name, asked in self.ASKED.items() if asked == scope}
        assert all(a.json()["code"] == "permission_denied" for n, a in answers.items() if n not in opened)
        assert Order.objects.count() == 1 + (scope == Scope.ORDERS_WRITE)

    def test_none_opens_nothing(self, shop: Caller) -> None:
        client, key = factories.api_client()
        type(client).objects.filter(pk=client.pk).update(scopes=[])

        assert [Caller(key).get(path).status_code for path in READING] == [403, 403, 403]

    def test_looking_at_the_head_is_reading(self, shop: Caller, placed: dict[str, int]) -> None:
        reader, writer = caller(Scope.ORDERS_READ), caller(Scope.ORDERS_WRITE)

        assert [c.send("HEAD", "orders").status_code for c in (reader, writer)] == [200, 403]
