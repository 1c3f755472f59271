"""The first page: everybody's own work, and nobody else's."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from oms import inbox
from oms.models import Role
from oms.permissions import ROUTES, staff_may
from orders.incoming import Method
from orders.models import Order, OrderHold
from tests import factories

HOSTILE = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.django_db


@pytest.fixture
def treadmill():
    found = factories.variant("T90", title="Treadmill T90")
    factories.stock(found, 9, factories.location("EAST", name="Warehouse East"))
    factories.marketplace("ebay")
    factories.channel("web")
    return found


def home(client):
    return client.get(reverse("console:home"))


def text_of(answer) -> str:
    return answer.content.decode()


def panel(answer, title: str):
    return next((each for each in answer.context["panels"] if each.title == title), None)


def numbers(answer, title: str) -> list[int]:
    return [row["order"].number for row in panel(answer, title).rows]


def stuck() -> None:
    letter = inbox.Letter(event_id=str(timezone.now()), topic="order", object_id="1", raw=b"{}")
    inbox.store(source="channel:ebay", letters=[letter])
    (message,) = inbox.claim(topic="order")
    inbox.quarantine(message.id, code="sku_unmapped", message="", facts={})


class TestEverybody:
    @pytest.mark.parametrize("role", Role.values)
    def test_has_a_page_that_leads_only_where_the_role_may_go(self, as_role, treadmill, role):
        factories.account("ebay")
        factories.order(factories.line("T90", 12), channel="ebay")
        stuck()

        answer = home(as_role(role))

        assert answer.status_code == 200
        page = text_of(answer)
        assert answer.context["doors"]
        for name in ("orders", "customers", "products", "channels", "oversell", "counter", "access"):
            linked = f'href="{reverse(f"console:{name}")}' in page
            assert not linked or staff_may(role, ROUTES[f"console:{name}"]), name
        assert ('aria-label="Ask"' in page) == staff_may(role, "search")

    @pytest.mark.parametrize("role", Role.values)
    def test_has_a_page_on_the_first_day(self, as_role, role):
        answer = home(as_role(role))

        assert answer.status_code == 200
        assert answer.context["doors"]

    @pytest.mark.parametrize("role", Role.values)
    def test_waits_for_no_more_than_a_few_statements(self, as_role, treadmill, role, django_assert_max_num_queries):
        factories.account("ebay")
        factories.stock(treadmill, 40, factories.store("OXF"))
        for place in range(12):
            method = {"method": Method.PICKUP, "location": "OXF"} if place % 2 else {}
            factories.order(factories.line("T90", **method), placed_at=timezone.now() - timedelta(minutes=place))
            stuck()
        for _ in range(12):
            factories.order(factories.line("T90", 90), channel="ebay")
        client = as_role(role)

        with django_assert_max_num_queries(15):
            answer = home(client)
        assert len(answer.content) < 60_000

    def test_is_for_staff(self, client):
        assert home(client).status_code == 302

    def test_is_not_kept_by_the_browser(self, desk):
        assert "no-store" in home(desk)["Cache-Control"]

    @pytest.mark.parametrize("text", [HOSTILE, "{{7*7}}", "\u202egnirets"])
    def test_hostile_text_stays_text(self, as_role, treadmill, text):
        order = factories.order(factories.line("T90", 12), channel="ebay", placed_at=timezone.now())
        OrderHold.objects.create(order=order, reason="manual", note=text, placed_at=factories.NOW, placed_by=text)
        Order.objects.update(buyer_name=text, cancel_requested=True)
        treadmill.product.title = text
        treadmill.product.save()

        for role in ("agent", "supervisor", "associate", "store_manager"):
            page = text_of(home(as_role(role)))
            assert "<img src=x" not in page
            assert ">49<" not in page


class TestAgent:
    def test_sees_what_waits_for_stock_oldest_promise_first(self, desk, treadmill):
        later = factories.order(factories.line("T90", 12), channel="ebay")
        first = factories.order(factories.line("T90", 2), channel="ebay", placed_at=factories.NOW - timedelta(days=1))

        assert numbers(home(desk), "Waiting for stock") == [first.number, later.number]

    def test_sees_what_came_in_lately_newest_first(self, desk, treadmill):
        now = timezone.now()
        old, new = (
            factories.order(factories.line("T90"), placed_at=now - timedelta(hours=hours)).number for hours in (2, 1)
        )
        factories.order(factories.line("T90"), placed_at=now - timedelta(hours=7))

        assert numbers(home(desk), "Came in lately") == [new, old]

    def test_sees_holds_with_their_reason_until_they_are_released(self, desk, treadmill):
        order = factories.order(factories.line("T90"))
        hold = OrderHold.objects.create(
            order=order, reason="address_warning", placed_at=factories.NOW, placed_by="system:x"
        )
        assert panel(home(desk), "On hold").rows[0]["why"] == "the address has to be checked"

        hold.released_at = timezone.now()
        hold.save()
        assert numbers(home(desk), "On hold") == []
        assert "No order is on hold." in text_of(home(desk))

    def test_sees_buyers_who_ask_to_cancel_only_when_there_are_some(self, desk, treadmill):
        order = factories.order(factories.line("T90"))
        assert panel(home(desk), "The buyer asks to cancel") is None

        Order.objects.update(cancel_requested=True)
        assert numbers(home(desk), "The buyer asks to cancel") == [order.number]

    def test_sees_nothing_of_channels_out_of_reach(self, as_role, treadmill):
        order = factories.order(factories.line("T90", 12), channel="ebay", placed_at=timezone.now())
        OrderHold.objects.create(order=order, reason="manual", placed_at=factories.NOW, placed_by="staff:x")
        Order.objects.update(cancel_requested=True)

        assert str(order.number) not in text_of(home(as_role("agent", channels=("web",))))
        assert str(order.number) in text_of(home(as_role("agent", channels=("ebay",))))

    def test_is_told_when_there_is_more(self, desk, treadmill):
        for _ in range(9):
            factories.order(factories.line("T90", 20), channel="ebay")

        waiting = panel(home(desk), "Waiting for stock")
        assert (len(waiting.rows), waiting.more) == (8, True)


class TestAssociate:
    @pytest.fixture
    def oxford(self, treadmill):
        place = factories.store("OXF", name="Oxford Street")
        factories.stock(treadmill, 5, place)
        return place

    def test_sees_what_to_hand_over_and_what_to_send_at_their_places_oldest_first(self, as_role, treadmill, oxford):
        pick = [factories.order(factories.line("T90", method=Method.PICKUP, location="OXF")).number for _ in range(2)]
        send = factories.order(factories.line("T90", 9), channel="web").number

        here = home(as_role("associate", locations=("OXF",)))
        assert numbers(here, "To hand over") == pick
        assert numbers(here, "To pick and send") == []
        assert "Nothing waits to be picked and sent." in text_of(here)

        there = home(as_role("associate", locations=("EAST",)))
        assert numbers(there, "To hand over") == []
        assert numbers(there, "To pick and send") == [send]
        assert panel(there, "To pick and send").rows[0]["units"] == 9

    def test_sees_whom_it_is_for_without_the_whole_name(self, as_role, treadmill, oxford):
        factories.order(factories.line("T90", method=Method.PICKUP, location="OXF"))

        page = text_of(home(as_role("associate", locations=("OXF",))))
        assert "Greg S." in page
        assert "Sterling" not in page
        assert "Treadmill T90" in page

    def test_sees_no_work_that_is_not_paid(self, as_role, treadmill):
        factories.order(factories.line("T90"), channel="ebay")
        Order.objects.update(awaiting_payment=True)

        assert numbers(home(as_role("associate")), "To pick and send") == []

    def test_sees_no_work_of_channels_out_of_reach(self, as_role, treadmill):
        factories.order(factories.line("T90"), channel="ebay")

        assert numbers(home(as_role("associate", channels=("web",))), "To pick and send") == []


class TestChannels:
    def test_tells_those_who_look_after_them_what_is_stuck(self, as_role, treadmill):
        factories.account("ebay")
        factories.order(factories.line("T90", 12), channel="ebay")
        stuck()

        figures = {row["label"]: row for row in panel(home(as_role("inventory_manager")), "Needs a person").rows}
        assert figures["Messages stuck"]["value"] == "1"
        assert figures["Units sold without stock"]["value"] == "3"

    def test_counts_only_what_lies_within_reach(self, as_role, treadmill):
        factories.order(factories.line("T90", 12), channel="ebay")
        stuck()

        rows = panel(home(as_role("inventory_manager", channels=("web",))), "Needs a person").rows
        assert [row["value"] for row in rows] == ["0", "0"]
        assert [row["tone"] for row in rows] == ["", ""]

    def test_calls_a_channel_fresh_only_when_that_is_proven(self, as_role, treadmill):
        account = factories.account("ebay")
        merchandiser = as_role("merchandiser")

        def word() -> str:
            return panel(home(merchandiser), "Channels").rows[0]["word"]

        assert word() == "Not started"
        cursor = account.cursors.create(resource="orders", read_to=timezone.now(), fresh_to=timezone.now())
        assert word() == "Fresh"
        cursor.fresh_to = timezone.now() - timedelta(minutes=10)
        cursor.save()
        assert word() == "Running late"
        cursor.failures = 3
        cursor.save()
        assert word() == "Needs a look"

    def test_says_when_none_is_connected(self, as_role):
        assert "No marketplace is connected yet." in text_of(home(as_role("merchandiser")))
