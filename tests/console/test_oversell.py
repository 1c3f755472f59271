"""Oversold: everybody concerned by a shortage is named, and what would end it is said."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from console import shortages
from inventory.availability import Availability, Shelf
from inventory.models import Location, StockLevel
from oms.models import Role
from oms.permissions import EVERYWHERE, NOWHERE, Reach, staff_may
from orders import cancellation, fulfilment
from orders.incoming import Buyer
from orders.models import Order, OrderLine
from tests import factories
from tests.console.pages import Page

HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}\"'"
QUEUE = "/oversell/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def channels():
    factories.channel("web", name="Web shop")
    factories.channel("till", "till", name="Store tills")
    return factories.marketplace("ebay"), factories.marketplace("amazon")


def sell(sku: str, channel: str, name: str, units: int = 1, *, days: int = 0, **more) -> Order:
    buyer = Buyer(name=name, email=f"{name.split()[0].lower()}@example.com")
    placed = factories.NOW - timedelta(days=days)
    line = factories.line(sku, units, **more)
    return factories.order(line, channel=channel, buyer=buyer, placed_at=placed)


@pytest.fixture
def race(channels):
    """Two buyers on two channels want the last treadmill."""
    treadmill = factories.variant("T90", title="Treadmill T90")
    east = factories.stock(treadmill, 1, factories.location("EAST", name="Warehouse East"))
    first = sell("T90", "ebay", "Greg Sterling")
    second = sell("T90", "amazon", "Anna Berg")
    return SimpleNamespace(treadmill=treadmill, east=east, first=first, second=second)


def only(answer) -> shortages.Shortage:
    (shortage,) = answer.context["shortages"]
    return shortage


def remedies_of(answer) -> list[str]:
    return [remedy.text for remedy in only(answer).remedies]


class TestQueue:
    def test_names_both_who_raced_for_the_last_one_with_their_channels(self, desk, race):
        answer = desk.get(QUEUE)
        shortage = only(answer)

        assert (shortage.units, shortage.orders, shortage.since) == (1, 1, factories.NOW)
        assert [(each.order.number, each.order.channel, each.units) for each in shortage.waiting] == [
            (race.second.number, "Amazon", 1)
        ]
        assert [(each.order.number, each.order.channel, each.place) for each in shortage.holding] == [
            (race.first.number, "eBay", "Warehouse East")
        ]
        page = Page(answer)
        assert {f"/orders/{race.first.number}/", f"/orders/{race.second.number}/", "/products/T90/"} <= set(page.links)
        for said in ("1 unit", "Greg Sterling", "Anna Berg", "Warehouse East", "1 short"):
            assert said in page.words

    def test_names_who_took_the_last_one_along(self, desk, channels):
        mat = factories.variant("MAT")
        factories.stock(mat, 1, factories.store("S1", name="Reading"))
        taken = factories.order(
            factories.line("MAT", method="carry_out", location="S1", shipped=1),
            channel="till",
            sold_at="S1",
            ship_to=None,
        )
        sell("MAT", "ebay", "Greg Sterling")

        (last,) = only(desk.get(QUEUE)).holding

        assert (last.order.number, last.order.channel, last.place, last.has_left) == (
            taken.number, "Store tills", "Reading", True,
        )  # fmt: skip

    def test_names_who_had_the_last_one_sent(self, desk, race):
        fulfilment.ship(
            number=race.first.number, location="EAST", carrier="UPS", tracking_number="1Z9", actor=factories.ACTOR,
            now=factories.NOW,
        )  # fmt: skip

        (last,) = only(desk.get(QUEUE)).holding

        assert (last.order.number, last.has_left) == (race.first.number, True)

    def test_puts_the_worst_first_and_then_the_oldest(self, desk, channels):
        for sku, units, days in (("A", 1, 1), ("B", 5, 0), ("C", 1, 9), ("D", 2, 0)):
            factories.variant(sku)
            sell(sku, "ebay", "Greg Sterling", units, days=days)

        answer = desk.get(QUEUE)

        assert [shortage.stock.sku for shortage in answer.context["shortages"]] == ["B", "D", "C", "A"]
        assert answer.context["totals"] == {
            "products": 4, "orders": 4, "units": 9, "since": factories.NOW - timedelta(days=9),
        }  # fmt: skip

    def test_forgets_what_was_settled(self, desk, race):
        cancellation.cancel(number=race.second.number, reason="test", actor=factories.ACTOR, now=factories.NOW)

        assert desk.get(QUEUE).context["shortages"] == []

    def test_says_what_it_means_when_it_is_empty(self, desk):
        assert "No order waits for stock" in desk.get(QUEUE).content.decode()

    def test_names_so_many_orders_and_counts_the_rest(self, desk, channels):
        mat = factories.variant("MAT")
        factories.stock(mat, 12, factories.location("EAST"))
        for number in range(36):
            sell("MAT", "ebay", f"Buyer{number} X", days=100 - number)

        answer = desk.get(QUEUE)
        shortage = only(answer)

        assert (len(shortage.waiting), shortage.unnamed, shortage.units) == (20, 4, 24)
        assert (len(shortage.holding), shortage.held_by_others) == (8, 4)
        assert "And 4 more orders that wait." in Page(answer).words
        assert "4 more units held by orders not listed here" in Page(answer).words

    def test_pages_from_the_worst_to_the_least(self, desk, channels):
        for number in range(30):
            factories.variant(f"S-{number:02}")
            sell(f"S-{number:02}", "ebay", "Greg Sterling", 30 - number % 15)
        seen, query = [], ""
        for _ in range(3):
            answer = desk.get(f"{QUEUE}?{query}")
            seen += [(-each.units, each.stock.sku) for each in answer.context["shortages"]]
            query = answer.context["page"].older

        assert len(seen) == 30
        assert seen == sorted(seen)
        assert query == ""

    def test_costs_few_statements(self, desk, as_role, channels, django_assert_max_num_queries):
        for number in range(14):
            variant = factories.variant(f"S-{number:02}")
            if number % 2:
                factories.stock(variant, 1, factories.location(f"W{number}"))
            for name in ("Greg Sterling", "Anna Berg"):
                sell(f"S-{number:02}", "ebay", name, 1 + number % 3)
        limited = as_role("supervisor", channels=("ebay",))

        for browser in (desk, limited):
            with django_assert_max_num_queries(15):
                answer = browser.get(QUEUE)
            assert len(answer.context["shortages"]) == 12
            assert len(answer.content) < 60_000

    def test_keeps_hostile_text_text(self, desk, channels):
        factories.variant(HOSTILE, title=HOSTILE)
        factories.stock(factories.variant("B", title="B"), 1, factories.location("EVIL", name=HOSTILE))
        sell(HOSTILE, "ebay", HOSTILE)
        sell("B", "ebay", HOSTILE, 2)

        answer = desk.get(QUEUE)

        assert answer.content.decode().count("onerror") >= 5
        assert "img" not in Page(answer).tags

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_see_it(self, as_role, race, role):
        assert (as_role(role).get(QUEUE).status_code == 200) == staff_may(role, "oversell.read")

    @pytest.mark.parametrize("role", ["inventory_manager", "auditor"])
    def test_shows_initials_to_who_needs_no_more(self, as_role, race, role):
        words = Page(as_role(role).get(QUEUE)).words

        assert "A. B." in words
        assert "Berg" not in words


class TestReach:
    def test_names_nobody_out_of_reach(self, as_role, race):
        answer = as_role("agent", channels=("amazon",)).get(QUEUE)

        shortage = only(answer)
        assert [each.order.number for each in shortage.waiting] == [race.second.number]
        assert (shortage.holding, shortage.held_by_others) == ([], 1)
        words = Page(answer).words
        assert str(race.first.number) not in words
        assert "Greg" not in words

    def test_counts_only_what_is_waited_for_within_reach(self, as_role, race):
        sell("T90", "ebay", "Tom Rivers", 4)

        assert only(as_role("agent", channels=("amazon",)).get(QUEUE)).units == 1
        assert as_role("agent", channels=("web",)).get(QUEUE).context["shortages"] == []

    @pytest.mark.parametrize(
        ("reach", "count"),
        [(EVERYWHERE, 2), (NOWHERE, 0), (Reach(None, frozenset({"ebay"})), 1), (Reach(frozenset({"EAST"}), None), 0)],
    )
    def test_counts_products_for_the_navigation(self, race, reach, count, django_assert_max_num_queries):
        factories.variant("MAT")
        sell("MAT", "ebay", "Tom Rivers", 3)

        with django_assert_max_num_queries(1):
            assert shortages.waiting_count(reach) == count


class TestAllocation:
    @pytest.fixture
    def arrived(self, race):
        factories.stock(race.treadmill, 1, race.east)
        return race

    def test_is_offered_when_there_is_something_to_give(self, desk, race):
        assert Page(desk.get(QUEUE)).forms == ["/logout/"]
        factories.stock(race.treadmill, 1, race.east)

        answer = desk.get(QUEUE)

        assert f"/orders/{race.second.number}/allocation/" in Page(answer).forms
        assert remedies_of(answer)[0] == "1 free at Warehouse East (EAST): allocate now."

    def test_ends_the_shortage(self, desk, arrived):
        answer = desk.post(f"/orders/{arrived.second.number}/allocation/")

        assert answer.status_code == 302
        assert OrderLine.objects.get(order=arrived.second).allocated == 1
        assert desk.get(QUEUE).context["shortages"] == []

    @pytest.mark.parametrize("role", ["agent", "supervisor", "inventory_manager", "store_manager", "auditor"])
    def test_is_offered_to_who_may(self, as_role, arrived, role):
        forms = Page(as_role(role).get(QUEUE)).forms

        assert (f"/orders/{arrived.second.number}/allocation/" in forms) == staff_may(role, "order.allocate")


class TestAskingAgain:
    def test_nothing_new_is_answered_with_nothing(self, desk, race):
        again = desk.get(QUEUE).context["again"]

        answer = desk.get(f"{QUEUE}?{again}", headers={"HX-Request": "true"})

        assert (answer.status_code, answer.content) == (204, b"")

    def test_news_are_shown_without_the_frame(self, desk, race):
        again = desk.get(QUEUE).context["again"]
        sell("T90", "ebay", "Tom Rivers")

        answer = desk.get(f"{QUEUE}?{again}", headers={"HX-Request": "true"})

        assert "Tom Rivers" in answer.content.decode()
        assert "<html" not in answer.content.decode()
        assert answer.context["again"] != again

    def test_an_empty_queue_is_watched_as_well(self, desk, channels):
        again = desk.get(QUEUE).context["again"]
        factories.variant("MAT", title="Yoga mat")
        sell("MAT", "ebay", "Greg Sterling")

        assert "Yoga mat" in desk.get(f"{QUEUE}?{again}", headers={"HX-Request": "true"}).content.decode()

    def test_a_page_asked_for_as_a_page_is_one_whatever_was_seen(self, desk, race):
        again = desk.get(QUEUE).context["again"]

        assert "<html" in desk.get(f"{QUEUE}?{again}").content.decode()


class TestRemedies:
    """What is said about stock that is somewhere, in the database and out of it."""

    def test_nothing_anywhere(self, desk, channels):
        factories.variant("MAT")
        sell("MAT", "ebay", "Greg Sterling")

        assert remedies_of(desk.get(QUEUE)) == ["Nothing anywhere: buy or cancel."]

    def test_all_of_it_promised(self, desk, race):
        assert remedies_of(desk.get(QUEUE)) == [
            "1 on hand is promised to other orders.", "Nothing else anywhere: buy or cancel.",
        ]  # fmt: skip

    def test_closed_places(self, desk, race):
        factories.stock(race.treadmill, 2, factories.store("S0123", name="Flint"))
        Location.objects.filter(code="S0123").update(is_open=False)

        answer = desk.get(QUEUE)

        assert "2 on hand at Flint (S0123), which is closed." in remedies_of(answer)
        assert "(closed)" in Page(answer).words

    def test_places_that_send_nothing(self, desk, race):
        factories.stock(race.treadmill, 2, factories.store("S0123", name="Flint", ships=False))

        assert remedies_of(desk.get(QUEUE))[0] == (
            "2 free at Flint (S0123), which sends nothing: move it, or let the buyer collect it there."
        )

    def test_suppliers(self, desk, race):
        factories.stock(race.treadmill, 9, factories.location("SUP", "supplier", name="Maker"))

        assert remedies_of(desk.get(QUEUE))[0] == "9 free at Maker (SUP), a supplier: order it from there."

    def test_safety_stock_is_given_to_those_who_wait(self, desk, race):
        factories.stock(race.treadmill, 2, race.east)
        StockLevel.objects.update(safety=2)

        assert remedies_of(desk.get(QUEUE))[0] == "2 free at Warehouse East (EAST), its safety stock: allocate now."

    def test_lines_that_are_collected_wait_for_their_own_store(self):
        line = OrderLine(pickup_at_id=7, backordered=1)
        stock = Availability(1, "T90", "Treadmill", (_shelf(8, "S8", free=3), _shelf(7, "S7", free=0)))

        assert [remedy.text for remedy in shortages.remedies(stock, [], [line])] == [
            "3 free at Place S8 (S8), but the buyer collects elsewhere: move it, or send it instead."
        ]

    def test_lines_that_are_collected_are_given_what_their_store_has(self):
        line = OrderLine(pickup_at_id=7, backordered=1)
        stock = Availability(1, "T90", "Treadmill", (_shelf(7, "S7", free=2, ships=False),))

        assert [remedy.text for remedy in shortages.remedies(stock, [], [line])] == [
            "2 free at Place S7 (S7): allocate now."
        ]


def _shelf(pk: int, code: str, *, free: int, ships: bool = True) -> Shelf:
    return Shelf(pk, code, f"Place {code}", "store", "PA", free, 0, 0, True, ships, True)
