"""The list of all orders of all channels."""

from datetime import timedelta

import pytest
from django.utils.html import escape

from oms.models import Role
from orders.models import Order
from tests import factories
from tests.console.orders.desk import HOSTILE, HTMX, NUMBER, STEERING, text_of

pytestmark = pytest.mark.django_db


class TestBoard:
    URL = "/orders/"

    def numbers(self, client, **query) -> list[int]:
        return [row.order.number for row in client.get(self.URL, query).context["rows"]]

    def test_shows_orders_of_all_channels_newest_first(self, desk, treadmill):
        old = factories.order(factories.line("T90"), placed_at=factories.NOW - timedelta(days=2))
        new = factories.order(factories.line("T90", 2), channel="ebay", number=NUMBER)

        answer = desk.get(self.URL)

        assert [row.order.number for row in answer.context["rows"]] == [new.number, old.number]
        for shown in (NUMBER, "eBay", "Web", "Greg Sterling", "Allocated", "Warehouse East", "$20.00"):
            assert shown in text_of(answer)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"channel": "ebay"}, ["ebay"]), ({"status": "allocated"}, ["ebay", "web"]), ({"status": "shipped"}, []),
            ({"since": "2026-11-02"}, ["ebay"]), ({"until": "2026-11-01"}, ["web"]),
            ({"until": "2026-11-03"}, ["ebay", "web"]),
            ({"place": "EAST"}, ["ebay"]), ({"place": "warehouse e"}, ["ebay"]), ({"place": "WEST"}, ["web"]),
            ({"place": "nowhere"}, []), ({"q": "14-09"}, ["ebay"]), ({"q": "X-web"}, ["web"]),
            ({"q": "14-09", "channel": "web"}, []),
        ],
    )  # fmt: skip
    def test_is_narrowed_by_its_filters(self, desk, treadmill, query, found):
        factories.order(factories.line("T90", 2), channel="ebay", number=NUMBER, placed_at=factories.NOW)
        row = factories.variant("ROW")
        factories.stock(row, 1, factories.location("WEST", name="Depot West"))
        factories.order(
            factories.line("ROW"), channel="web", number="X-web-1", placed_at=factories.NOW - timedelta(days=2)
        )

        rows = desk.get(self.URL, query).context["rows"]

        assert [row.order.channel.code for row in rows] == found

    def test_finds_our_own_number(self, desk, order):
        assert self.numbers(desk, q=str(order.number)) == [order.number]

    @pytest.mark.parametrize(
        "query",
        [
            {"since": "0001-01-01"}, {"until": "9999-12-31"}, {"until": "2026-02-30"}, {"since": "yesterday"},
            {"status": "nonsense"}, {"channel": HOSTILE}, {"q": "a"}, {"q": "x" * 500}, {"place": "\x00"},
            {"q": "%%%%"},
            {"after": "made up"}, {"before": "made:up:too"}, {"after": "\x00"}, {"q": "14_"}, {"place": "%"},
        ],
    )  # fmt: skip
    def test_filters_that_make_no_sense_are_no_accident(self, desk, order, query):
        assert desk.get(self.URL, query).status_code == 200

    def test_says_which_filter_makes_no_sense_and_keeps_it(self, desk, order):
        page = text_of(desk.get(self.URL, {"since": "2026-02-30"}))

        assert "Placed from: Enter a valid date." in page
        assert 'value="2026-02-30"' in page

    def test_names_the_filters_in_force_and_takes_each_off(self, desk, order):
        chips = desk.get(self.URL, {"channel": "ebay", "status": "allocated"}).context["chips"]

        assert chips == [
            {"label": "Channel: eBay", "without": "status=allocated"},
            {"label": "Status: Allocated", "without": "channel=ebay"},
        ]

    def test_pages_back_and_forth_without_losing_the_filters(self, desk, treadmill, monkeypatch):
        monkeypatch.setattr("console.orders._board.PAGE", 2)
        numbers = [
            factories.order(factories.line("T90"), placed_at=factories.NOW - timedelta(hours=hours)).number
            for hours in range(5)
        ]

        first = desk.get(self.URL, {"channel": "web"})
        second = desk.get(f"{self.URL}?{first.context['page'].older}")
        third = desk.get(f"{self.URL}?{second.context['page'].older}")
        back = desk.get(f"{self.URL}?{third.context['page'].newer}")

        shown = [[row.order.number for row in answer.context["rows"]] for answer in (first, second, third, back)]
        assert shown == [numbers[:2], numbers[2:4], numbers[4:], numbers[2:4]]
        assert third.context["page"].older == ""
        assert "channel=web" in second.context["page"].older

    def test_orders_placed_at_the_same_moment_are_each_shown_once(self, desk, treadmill, monkeypatch):
        monkeypatch.setattr("console.orders._board.PAGE", 2)
        placed = {factories.order(factories.line("T90")).number for _ in range(5)}

        found, query = [], ""
        for _ in range(3):
            answer = desk.get(f"{self.URL}?{query}")
            found += [row.order.number for row in answer.context["rows"]]
            query = answer.context["page"].older

        assert sorted(found) == sorted(placed)

    def test_answers_a_filter_with_the_list_alone(self, desk, order):
        answer = desk.get(self.URL, {"channel": "ebay", "q": ""}, **HTMX)

        assert "<html" not in text_of(answer)
        assert NUMBER in text_of(answer)
        assert answer["HX-Push-Url"] == "/orders/?channel=ebay"

    def test_answers_the_way_back_with_the_whole_page(self, desk, order):
        assert "<html" in text_of(desk.get(self.URL, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true"))

    def test_costs_the_same_however_many_orders(self, desk, treadmill, django_assert_max_num_queries):
        factories.stock(treadmill, 90, factories.location("WEST"))
        for _ in range(45):
            factories.order(factories.line("T90"), factories.line("T90"))

        with django_assert_max_num_queries(10):
            answer = desk.get(self.URL)
        assert len(answer.context["rows"]) == 40
        assert len(answer.content) < 60_000

    def test_shows_nothing_out_of_reach(self, as_role, order):
        factories.store("OXF")

        assert self.numbers(as_role("agent", channels=("web",))) == []
        assert self.numbers(as_role("associate", locations=("OXF",))) == []
        assert self.numbers(as_role("associate", locations=("EAST", "OXF"))) == [order.number]

    def test_offers_no_channel_and_no_place_out_of_reach(self, as_role, order):
        page = text_of(as_role("associate", channels=("web",), locations=("OXF",)).get(self.URL))

        assert 'value="ebay"' not in page
        assert "EAST" not in page

    def test_says_when_there_is_nothing_yet_and_when_nothing_fits(self, desk):
        assert "No orders yet" in text_of(desk.get(self.URL))
        assert "No order fits these filters" in text_of(desk.get(self.URL, {"status": "shipped"}))

    @pytest.mark.parametrize(
        ("role", "name"), [("agent", "Greg Sterling"), ("associate", "Greg S."), ("auditor", "G. S.")]
    )
    def test_shows_as_much_of_a_name_as_the_role_may_see(self, as_role, order, role, name):
        page = text_of(as_role(role).get(self.URL))

        assert name in page
        assert ("Sterling" in page) == (role == "agent")

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_see_orders(self, as_role, role):
        sees = role not in ("merchandiser", "privacy_officer", "platform_admin")

        assert as_role(role).get(self.URL).status_code == (200 if sees else 403)

    @pytest.mark.parametrize("text", [HOSTILE, "{{7*7}}", STEERING])
    def test_hostile_text_stays_text(self, desk, order, text):
        Order.objects.update(buyer_name=text, external_number=text)

        page = text_of(desk.get(self.URL)) + text_of(desk.get(self.URL, {"place": text, "q": text}))

        assert "<img src=x" not in page
        assert ">49<" not in page
        assert f"<bdi>{escape(text)}</bdi>" in page
