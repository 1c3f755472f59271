"""Customers: found by anything they are known by, whole across channels, and hidden until somebody says what for."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from customers.models import Customer, Identity
from customers.privacy import PURPOSES
from oms.models import AuditEntry, Role
from oms.permissions import staff_may
from orders import cancellation, intake
from orders.incoming import Address, Buyer
from orders.models import Order
from tests import factories

HOSTILE = "<img src=x onerror=alert(1)>{{ 7|add:7 }}\"'"
BOARD = "/customers/"

pytestmark = pytest.mark.django_db


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


@pytest.fixture
def bike():
    """Something that can be bought on three channels."""
    factories.channel("web", name="Web shop")
    factories.marketplace("ebay")
    factories.marketplace("amazon")
    variant = factories.variant("BIKE", title="Exercise bike")
    factories.stock(variant, 500)
    return variant


def street(line1: str = "1 Main St", name: str = "") -> Address:
    return Address(name=name, line1=line1, city="Reading", region="PA", postcode="19601", country="US")


def buy(name: str = "Greg Sterling", channel: str = "web", *, days: int = 0, at: str = "", **known: str) -> Order:
    """An order `days` days ago. Whoever says nothing else is known by an e-mail made of the name."""
    known = known or {"email": f"{name.split()[0].lower()}@example.com"}
    return factories.order(
        factories.line("BIKE", price=49900, title="Exercise bike"), channel=channel, buyer=Buyer(name=name, **known),
        ship_to=street(at or f"{name} Road", name), placed_at=factories.NOW - timedelta(days=days),
    )  # fmt: skip


def crowd(number: int, channel: str = "web") -> None:
    """Many people, each of whom ordered once; person 0 last."""
    intake.accept_many(
        [
            factories.incoming(
                factories.line("BIKE"), channel=channel,
                buyer=Buyer(name=f"Person {place:03}", email=f"p{place}@example.com", phone=f"+1 610 555 {place:04}"),
                ship_to=street(f"{place} Main St"), placed_at=factories.NOW - timedelta(minutes=place),
            )
            for place in range(number)
        ],
        actor=factories.ACTOR, now=factories.NOW,
    )  # fmt: skip


def names(answer) -> list[str]:
    return [row.person.name for row in answer.context["rows"]]


def page_of(order: Order) -> str:
    return f"{BOARD}{order.customer_id}/"


class TestBoard:
    def test_lists_everybody_once_newest_order_first(self, desk, bike):
        buy("Anna Berg", days=2)
        buy("Greg Sterling", days=9)
        buy("Greg Sterling", "ebay", days=1)

        answer = desk.get(BOARD)

        assert names(answer) == ["Greg Sterling", "Anna Berg"]
        greg = answer.context["rows"][0]
        assert (greg.orders, sorted(greg.channels)) == (2, ["Web shop", "eBay"])
        assert greg.last_at == factories.NOW - timedelta(days=1)

    def test_sorts_by_name_and_puts_the_nameless_last(self, desk, bike):
        for name in ("zoe", "Anna", "Greg"):
            buy(name)
        factories.order(
            factories.line("BIKE"), channel="ebay", buyer=Buyer(reference="b_77"), ship_to=street("9 Oak St")
        )

        answer = desk.get(BOARD, {"sort": "name"})

        assert names(answer) == ["Anna", "Greg", "zoe", ""]
        assert "No name given" in answer.content.decode()

    @pytest.mark.parametrize(
        "typed",
        [
            "sterling",
            "terli",
            "GREG ST",
            "greg@example.com",
            "GREG@Example.com",
            "+1 (610) 555-0100",
            "6105550100",
            "0100",
        ],
    )
    def test_finds_by_anything_a_caller_says(self, desk, bike, typed):
        buy(email="greg@example.com", phone="+1 610 555 0100")
        buy("Anna Berg")

        for sort in ("", "name"):
            assert names(desk.get(BOARD, {"q": typed, "sort": sort})) == ["Greg Sterling"]

    def test_shows_too_little_to_reach_anybody(self, desk, bike):
        buy(email="greg@example.com", phone="+1 610 555 0100")

        page = desk.get(BOARD).content.decode()

        assert "g•••@e•••.com" in page
        assert "••• 100" in page
        assert "greg@example.com" not in page
        assert "5550100" not in page.replace(" ", "")

    def test_says_that_an_address_is_a_relay(self, desk, bike):
        factories.order(
            factories.line("BIKE"), channel="ebay",
            buyer=Buyer(name="Anna", email="x1@relay.example", email_is_relay=True, reference="anna_1"),
        )  # fmt: skip

        assert ">relay<" in desk.get(BOARD).content.decode()

    def test_counts_the_orders_of_the_merged_with_the_one_who_stays(self, desk, bike):
        stays, merged = buy("Greg Sterling", days=3), buy("G. Sterling", "ebay", days=1)
        Customer.objects.filter(pk=merged.customer_id).update(merged_into=stays.customer_id)

        for query in ({}, {"sort": "name"}, {"q": "sterling"}, {"q": "g.@example.com"}):
            answer = desk.get(BOARD, query)
            assert names(answer) == ["Greg Sterling"]
            assert answer.context["rows"][0].orders == 2

    def test_shows_those_who_ordered_on_the_channels_in_reach(self, as_role, bike):
        buy("Anna Berg", "web")
        buy("Greg Sterling", "ebay")
        buy("Greg Sterling", "web")
        limited = as_role("agent", channels=("ebay",))

        for query in ({}, {"sort": "name"}, {"q": "sterling"}):
            answer = limited.get(BOARD, query)
            assert names(answer) == ["Greg Sterling"]
            assert answer.context["rows"][0].channels == ["eBay"]
        assert names(limited.get(BOARD, {"q": "anna"})) == []
        assert names(limited.get(BOARD, {"q": "anna@example.com", "sort": "name"})) == []

    def test_shows_those_who_ordered_from_the_stores_in_reach(self, as_role, bike):
        here = factories.store("S1", ships=False)
        factories.stock(bike, 5, here)
        factories.channel("till", "till")
        buy("Anna Berg")
        taken = factories.line("BIKE", method="carry_out", location="S1")
        factories.order(taken, channel="till", sold_at="S1", ship_to=None, buyer=Buyer(name="Olu", phone="6105550111"))

        assert names(as_role("store_manager", locations=("S1",)).get(BOARD)) == ["Olu"]

    @pytest.mark.parametrize("sort", ["", "name"])
    def test_pages_there_and_back(self, desk, bike, sort):
        crowd(65)
        pages, query = [], f"sort={sort}"
        for _ in range(3):
            answer = desk.get(f"{BOARD}?{query}")
            pages.append(names(answer))
            query = answer.context["page"].older

        assert [len(page) for page in pages] == [30, 30, 5]
        assert [name for page in pages for name in page] == [f"Person {place:03}" for place in range(65)]
        back = desk.get(f"{BOARD}?{answer.context['page'].newer}")
        assert names(back) == pages[1]
        assert names(desk.get(f"{BOARD}?{back.context['page'].newer}")) == pages[0]

    @pytest.mark.parametrize("cursor", ["x", "W10:forged:sig", "%00", "1"])
    def test_starts_from_the_top_for_a_made_up_cursor(self, desk, bike, cursor):
        buy("Anna Berg")

        assert names(desk.get(BOARD, {"after": cursor, "before": cursor})) == ["Anna Berg"]

    def test_a_cursor_of_one_order_is_none_of_the_other(self, desk, bike):
        crowd(31)
        cursor = desk.get(BOARD).context["page"].older

        assert len(names(desk.get(f"{BOARD}?{cursor}&sort=name"))) == 30

    @pytest.mark.parametrize("query", [{}, {"sort": "name"}, {"q": "person"}])
    @pytest.mark.parametrize("reach", [{}, {"channels": ("web",)}, {"locations": ("L1",)}])
    def test_costs_few_statements(self, as_role, bike, django_assert_max_num_queries, query, reach):
        crowd(35)
        browser = as_role("supervisor", **reach)

        with django_assert_max_num_queries(15):
            answer = browser.get(BOARD, query)

        assert len(answer.content) < 60_000

    def test_htmx_gets_the_rows_only_unless_it_goes_back(self, desk, bike):
        buy()

        part = desk.get(BOARD, headers={"HX-Request": "true"}).content.decode()
        whole = desk.get(BOARD, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}).content.decode()

        assert "<html" not in part
        assert "Greg Sterling" in part
        assert "<html" in whole

    @pytest.mark.parametrize(
        "typed",
        ["x" * 10_000, "%%%%", "_" * 20, "a", "(a+)+$", "\x00\x1f", "'; --", HOSTILE, "\N{SNOWMAN}", "a " * 300],
    )
    def test_survives_whatever_is_typed(self, desk, bike, typed):
        buy("Anna Berg")

        answer = desk.get(BOARD, {"q": typed})

        assert answer.status_code == 200
        assert "img" not in Tags(answer.content.decode()).found

    def test_says_what_to_do_when_nobody_is_there(self, desk, db):
        assert "Nobody has ordered yet" in desk.get(BOARD).content.decode()
        assert "Nobody fits that" in desk.get(BOARD, {"q": "zzzzz"}).content.decode()

    def test_is_kept_by_no_cache(self, desk, bike):
        assert "no-store" in desk.get(BOARD)["Cache-Control"]

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_see_customers(self, as_role, bike, role):
        order = buy()

        for url in (BOARD, page_of(order)):
            assert (as_role(role).get(url).status_code == 200) == staff_may(role, "customer.read")

    def test_sends_strangers_to_the_login(self, client, bike):
        assert client.get(page_of(buy())).status_code == 302


class TestCustomer:
    def test_shows_the_orders_of_every_channel_in_one_list(self, desk, bike):
        first, second, third = buy(days=30), buy(channel="ebay", days=3), buy(channel="amazon", days=1)

        answer = desk.get(page_of(first))
        page = answer.content.decode()

        assert [order.number for order in answer.context["orders"]] == [third.number, second.number, first.number]
        assert "Ordered 3 times from 4 Oct 2026 to 2 Nov 2026" in page
        assert "3 not finished yet" in page
        assert all(f'href="{reverse("console:order", args=[o.number])}"' in page for o in (first, second, third))
        assert "Exercise bike" in page

    def test_adds_up_value_per_currency_without_what_was_cancelled(self, desk, bike):
        factories.channel("web-eu", currency="EUR", name="Web shop EU")
        order, cancelled = buy(), buy(channel="ebay")
        factories.order(
            factories.line("BIKE", price=30000), channel="web-eu", currency="EUR",
            buyer=Buyer(name="Greg Sterling", email="greg@example.com"),
        )  # fmt: skip
        cancellation.cancel(number=cancelled.number, reason="test", actor=factories.ACTOR, now=factories.NOW)

        value = desk.get(page_of(order)).context["value"]

        assert {each["label"]: each["value"] for each in value} == {"USD": "US$499.00", "EUR": "€300.00"}

    def test_hides_how_to_reach_them(self, desk, bike):
        order = buy(email="greg@example.com", phone="+1 610 555 0100", loyalty_number="L-998877", at="44 Elm Street")

        page = desk.get(page_of(order)).content.decode()

        assert "g•••@e•••.com" in page
        assert [
            hidden for hidden in ("greg@example.com", "555 0100", "L-998877", "44 Elm", "19601") if hidden in page
        ] == []
        assert "Reading, PA, US" in page

    def test_names_nobody_in_the_title_or_the_list_of_recent_pages(self, desk, bike):
        head = desk.get(page_of(buy("Greg Sterling"))).content.decode().partition("</head>")[0]

        assert "Sterling" not in head

    def test_leads_from_a_merged_customer_to_the_one_who_stays(self, desk, bike):
        stays, merged = buy("Greg Sterling"), buy("G. Sterling", "ebay")
        Customer.objects.filter(pk=merged.customer_id).update(merged_into=stays.customer_id)

        answer = desk.get(page_of(merged))

        assert (answer.status_code, answer["Location"]) == (302, page_of(stays))
        page = desk.get(page_of(stays))
        assert {order.number for order in page.context["orders"]} == {stays.number, merged.number}
        assert len(page.context["identities"]) == 2

    def test_exists_only_for_those_who_reach_an_order_of_theirs(self, as_role, bike):
        web, ebay = buy("Anna Berg"), buy("Greg Sterling", "ebay")
        buy("Greg Sterling", "web")
        limited = as_role("agent", channels=("ebay",))

        assert limited.get(page_of(web)).status_code == 404
        answer = limited.get(page_of(ebay))
        assert [order.number for order in answer.context["orders"]] == [ebay.number]
        assert answer.context["value"] == [{"label": "USD", "value": "US$499.00"}]
        assert "1 order" in answer.context["where"]

    def test_somebody_merged_into_a_person_out_of_reach_does_not_exist(self, as_role, bike):
        stays, merged = buy("Anna Berg"), buy("A. Berg")
        Customer.objects.filter(pk=merged.customer_id).update(merged_into=stays.customer_id)

        assert as_role("agent", channels=("ebay",)).get(page_of(merged)).status_code == 404

    @pytest.mark.parametrize("pk", ["0", "999999", "9" * 30])
    def test_nobody_is_nobody(self, desk, pk):
        assert desk.get(f"{BOARD}{pk}/").status_code == 404

    def test_counts_an_order_once_however_many_places_send_it(self, as_role, bike):
        near, far = factories.location("NEAR"), factories.location("FAR")
        variant = factories.variant("ROPE")
        factories.stock(variant, 1, near)
        factories.stock(variant, 1, far)
        order = factories.order(factories.line("ROPE", 2, price=1000))

        answer = as_role("store_manager", locations=("NEAR", "FAR")).get(page_of(order))

        assert order.fulfilments.count() == 2
        assert answer.context["value"] == [{"label": "USD", "value": "US$20.00"}]
        assert len(answer.context["orders"]) == 1

    def test_hints_at_who_may_be_the_same_person(self, desk, bike):
        greg = buy("Greg Sterling", email="greg@example.com", phone="+1 610 555 0100", at="5 Elm St")
        buy("Maud Other", email="maud@example.com", phone="610-555-0100", at="77 Far Rd")
        buy("G. Starling", email="gs@example.com", at="5  ELM st")
        buy("Anna Berg", email="anna@example.com", at="6 Elm St")

        answer = desk.get(page_of(greg))

        assert {each["person"].name: each["why"] for each in answer.context["alike"]} == {
            "Maud Other": "same phone",
            "G. Starling": "same address",
        }
        assert "May be the same person" in answer.content.decode()

    def test_hints_at_nobody_out_of_reach(self, as_role, bike):
        greg = buy("Greg Sterling", "ebay", email="greg@example.com", phone="+1 610 555 0100")
        buy("Maud Other", "web", email="maud@example.com", phone="610-555-0100")

        assert as_role("agent", channels=("ebay",)).get(page_of(greg)).context["alike"] == []

    def test_does_not_take_a_relay_for_a_hint(self, desk, bike):
        for name in ("Anna Berg", "Greg Sterling"):
            order = factories.order(
                factories.line("BIKE"), channel="ebay", ship_to=street(f"{name} Rd"),
                buyer=Buyer(name=name, email="all@relay.example", email_is_relay=True, reference=name),
            )  # fmt: skip

        assert desk.get(page_of(order)).context["alike"] == []

    def test_shows_no_orders_to_who_sees_no_orders(self, as_role, bike):
        order = buy()

        page = as_role("privacy_officer").get(page_of(order)).content.decode()

        assert "Orders are not shown to your role" in page
        assert str(order.number) not in page
        assert "US$499.00" not in page

    def test_pages_a_long_history(self, desk, bike):
        lines = [
            factories.incoming(factories.line("BIKE"), placed_at=factories.NOW - timedelta(hours=hour))
            for hour in range(30)
        ]
        accepted = intake.accept_many(lines, actor=factories.ACTOR, now=factories.NOW)
        url = page_of(Order.objects.get(pk=accepted[0].order_id))

        first = desk.get(url)
        second = desk.get(f"{url}?{first.context['page'].older}", headers={"HX-Request": "true"})

        shown = [order.number for page in (first, second) for order in page.context["orders"]]
        assert shown == [each.number for each in accepted]
        assert "<html" not in second.content.decode()

    @pytest.mark.parametrize("reach", [{}, {"channels": ("web", "ebay")}])
    def test_costs_few_statements(self, as_role, bike, django_assert_max_num_queries, reach):
        for number in range(14):
            order = buy(channel=("web", "ebay")[number % 2], days=number, at=f"{number} Elm St")
        buy("Maud Other", email="maud@example.com", at="1 Elm St")
        browser = as_role("supervisor", **reach)

        with django_assert_max_num_queries(15):
            answer = browser.get(page_of(order))

        assert len(answer.context["alike"]) == 1
        assert len(answer.content) < 60_000

    def test_keeps_hostile_text_text(self, desk, bike):
        order = factories.order(
            factories.line("BIKE", title=HOSTILE), channel="ebay",
            buyer=Buyer(name=HOSTILE, email="a@example.com", reference=HOSTILE), ship_to=street(HOSTILE, HOSTILE),
        )  # fmt: skip
        Customer.objects.filter(pk=order.customer_id).update(note=HOSTILE)

        for answer in (desk.get(page_of(order)), desk.get(BOARD), reveal(desk, order)):
            page = answer.content.decode()
            assert "onerror" in page
            assert "img" not in Tags(page).found
            assert "{{ 7|add:7 }}" in page

    def test_somebody_without_orders_is_still_somebody(self, desk, as_role, bike):
        customer = Customer.objects.create(name="Nora New")

        assert "No orders yet" in desk.get(f"{BOARD}{customer.pk}/").content.decode()
        assert as_role("agent", channels=("web",)).get(f"{BOARD}{customer.pk}/").status_code == 404


def reveal(browser: Client, order: Order, purpose: str = "identify", **more):
    return browser.post(f"{page_of(order)}reveal/", {"purpose": purpose}, **more)


class TestReveal:
    @pytest.fixture
    def order(self, bike):
        return buy(email="greg@example.com", phone="+1 610 555 0100", at="44 Elm Street")

    def test_shows_everything_and_writes_down_who_saw_it(self, as_role, order):
        browser = as_role("agent", username="maya")

        page = reveal(browser, order).content.decode()

        assert [
            shown for shown in ("greg@example.com", "+1 610 555 0100", "44 Elm Street", "19601") if shown not in page
        ] == []
        entry = AuditEntry.objects.get(action="customer.revealed")
        assert (entry.actor, entry.role, entry.object_id) == ("staff:maya", "agent", str(order.customer_id))
        assert entry.reason == PURPOSES["identify"]
        assert entry.facts == {"fields": ["address", "email", "phone"], "purpose": "identify"}

    def test_does_not_last(self, desk, order):
        reveal(desk, order)

        page = desk.get(page_of(order)).content.decode()

        assert "greg@example.com" not in page
        assert PURPOSES["identify"] in page  # but it stands there that somebody looked

    @pytest.mark.parametrize("purpose", ["", "curious", HOSTILE])
    def test_asks_what_for_and_shows_nothing_until_then(self, desk, order, purpose):
        for headers in ({}, {"HX-Request": "true"}):
            answer = reveal(desk, order, purpose, headers=headers)
            page = answer.content.decode()
            assert answer.status_code == 422
            assert "Choose what you need the details for" in page
            assert "greg@example.com" not in page
            assert "img" not in Tags(page).found
        assert not AuditEntry.objects.filter(action="customer.revealed").exists()

    def test_htmx_gets_the_card_only(self, desk, order):
        page = reveal(desk, order, headers={"HX-Request": "true"}).content.decode()

        assert "greg@example.com" in page
        assert "<html" not in page
        assert 'id="contact"' in page

    def test_is_kept_by_no_cache(self, desk, order):
        assert "no-store" in reveal(desk, order)["Cache-Control"]
        assert "no-store" in reveal(desk, order, headers={"HX-Request": "true"})["Cache-Control"]

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_and_for_nobody_else(self, as_role, order, role):
        answer = reveal(as_role(role), order)

        may = staff_may(role, "customer.reveal")
        assert answer.status_code == (200 if may else 403)
        assert ("greg@example.com" in answer.content.decode()) == may
        assert AuditEntry.objects.filter(action="customer.revealed").exists() == may

    def test_offers_nothing_to_who_may_not(self, as_role, order):
        page = as_role("store_manager").get(page_of(order)).content.decode()

        assert "Show in full" not in page

    def test_somebody_out_of_reach_does_not_exist(self, as_role, order):
        assert reveal(as_role("agent", channels=("ebay",)), order).status_code == 404
        assert not AuditEntry.objects.filter(action="customer.revealed").exists()

    def test_takes_no_get_and_no_forged_post(self, desk, order):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(factories.staff())

        assert desk.get(f"{page_of(order)}reveal/").status_code == 405
        assert reveal(strict, order).status_code == 403
        assert not AuditEntry.objects.filter(action="customer.revealed").exists()

    def test_is_written_down_under_the_one_who_stays(self, desk, order):
        stays = Customer.objects.create(name="Gregory Sterling")
        Identity.objects.create(customer=stays, kind="email", value="g2@example.com", shown="g2@example.com")
        Customer.objects.filter(pk=order.customer_id).update(merged_into=stays)

        page = reveal(desk, order).content.decode()

        assert "g2@example.com" in page
        assert "greg@example.com" in page
        assert AuditEntry.objects.get(action="customer.revealed").object_id == str(stays.pk)
