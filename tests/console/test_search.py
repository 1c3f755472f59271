"""The one box: what it finds, for whom, why, and that nothing typed into it breaks anything."""

import pytest
from django.urls import reverse

from console import search as screen
from customers.models import Customer
from oms import search as keys
from oms.models import Role
from orders import fulfilment
from orders.incoming import Buyer
from orders.models import Order
from tests import factories

HOSTILE = "<img src=x onerror=alert(1)>"
PANEL = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "find-results"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def treadmill():
    found = factories.variant("T90", gtin="4006381333931", title="Treadmill T90")
    factories.stock(found, 9, factories.location("EAST", name="Warehouse East"))
    factories.marketplace("ebay")
    factories.channel("web")
    return found


@pytest.fixture
def order(treadmill) -> Order:
    return factories.order(factories.line("T90"), channel="ebay", number="14-09876-55321")


def find(client, typed, **more):
    return client.get(reverse("console:search"), {"q": typed}, **more)


def text_of(answer) -> str:
    return answer.content.decode()


class TestOpensAtOnce:
    @pytest.mark.parametrize("typed", ["14-09876-55321", " 14-09876-55321 ", "14-09876-55321\x00"])
    def test_when_one_order_matches_exactly(self, desk, order, typed):
        answer = find(desk, typed)

        assert answer.status_code == 302
        assert answer.url == reverse("console:order", args=[order.number])

    def test_our_own_number(self, desk, order):
        assert find(desk, str(order.number)).url == reverse("console:order", args=[order.number])

    @pytest.mark.parametrize("typed", ["T90", "t90", "4006381333931", "04006381333931"])
    def test_a_product_by_sku_or_barcode(self, desk, order, typed):
        assert find(desk, typed).url == reverse("console:product", args=["T90"])

    def test_a_tracking_number(self, desk, order):
        fulfilment.ship(
            number=order.number, location="EAST", carrier="UPS", tracking_number="1Z999AA10123456784",
            actor=factories.ACTOR, now=factories.NOW,
        )  # fmt: skip

        assert find(desk, "1z999aa1 0123456784").url == reverse("console:order", args=[order.number])

    def test_not_when_order_and_customer_match_by_the_same_address(self, desk, order):
        answer = find(desk, "greg@example.com")

        assert answer.status_code == 200
        assert [group["kind"] for group in answer.context["groups"]] == ["order", "customer"]

    def test_not_while_one_types(self, desk, order):
        answer = find(desk, "14-09876-55321", **PANEL)

        assert answer.status_code == 200
        assert "<html" not in text_of(answer)
        assert "components/search-results.html" in [template.name for template in answer.templates]

    def test_what_is_out_of_reach_does_not_stand_in_the_way(self, as_role, order):
        factories.order(factories.line("T90"), channel="web", number="14-09876-55321")

        answer = find(as_role("agent", channels=("ebay",)), "14-09876-55321")

        assert answer.url == reverse("console:order", args=[order.number])


class TestFinds:
    @pytest.mark.parametrize(
        "typed",
        ["Greg Sterling", "sterling", "Stirling", "STERLNG", "19601", "14-09876", "0100", "(610) 555-0100", "greg@exa"],
    )
    def test_the_order_by_what_a_caller_says(self, desk, order, typed):
        found = find(desk, typed, **PANEL)

        assert reverse("console:order", args=[order.number]) in text_of(found)

    def test_what_is_pasted_with_words_around_it(self, desk, order):
        pasted = (
            "Hello, I bought a treadmill three weeks ago (order 14-09876-55321), nothing came. "
            "Please write to greg@example.com or call +1 610 555 0100. Thanks!"
        )

        assert reverse("console:order", args=[order.number]) in text_of(find(desk, pasted, **PANEL))

    def test_a_product_by_a_word_of_its_title_with_what_can_be_sold(self, desk, treadmill):
        page = text_of(find(desk, "treadmil", **PANEL))

        assert reverse("console:product", args=["T90"]) in page
        assert "9 to sell" in page

    def test_newest_first_within_the_same_closeness(self, desk, treadmill):
        numbers = [
            factories.order(factories.line("T90"), placed_at=factories.NOW.replace(day=day)).number for day in (3, 1, 2)
        ]

        (orders, *_) = find(desk, "sterling", **PANEL).context["groups"]

        shown = [item.url for item in orders["items"]]
        assert shown == [reverse("console:order", args=[numbers[place]]) for place in (0, 2, 1)]

    def test_the_very_name_before_a_newer_similar_one(self, desk, treadmill):
        very = factories.order(factories.line("T90"), placed_at=factories.NOW.replace(day=1))
        factories.order(
            factories.line("T90"), buyer=Buyer(name="Ann Stirling", email="ann@example.com"), ship_to=factories.HOME
        )

        (orders, *_) = find(desk, "sterling", **PANEL).context["groups"]

        assert very.number in [int(item.url.strip("/").split("/")[-1]) for item in orders["items"]]
        assert orders["items"][0].rank <= orders["items"][-1].rank

    def test_a_merged_customer_as_the_one_who_stays(self, desk, order):
        stays = Customer.objects.create(name="Gregory Sterling")
        Customer.objects.filter(pk=order.customer_id).update(merged_into=stays)

        page = text_of(find(desk, "greg@example.com"))

        assert reverse("console:customer", args=[stays.pk]) in page
        assert reverse("console:customer", args=[order.customer_id]) not in page


class TestWhy:
    @pytest.mark.parametrize(
        ("typed", "kind", "marked"),
        [
            ("14-0987", "channel’s number", "14-0987"),
            ("sterling", "name", "Sterling"),
            ("stirling", "name", "Sterling"),
            ("5550100", "phone", "5550100"),
        ],
    )
    def test_names_the_kind_and_marks_the_place(self, desk, order, typed, kind, marked):
        (orders, *_) = find(desk, typed, **PANEL).context["groups"]
        (one,) = orders["items"]

        assert kind.replace("’", "'") in one.why_before
        assert one.why_match == marked

    def test_covers_an_address_that_was_not_typed_in_full(self, desk, order):
        assert "greg@example.com" not in text_of(find(desk, "greg@exa", **PANEL)).replace('value="greg@exa"', "")
        assert "g•••@e•••.com" in text_of(find(desk, "greg@exa", **PANEL))

    def test_shows_an_address_that_was_typed_in_full(self, desk, order):
        (orders, *_) = find(desk, "greg@example.com", **PANEL).context["groups"]

        assert orders["items"][0].why_match == "greg@example.com"

    def test_shows_of_a_phone_only_the_digits_that_were_typed(self, desk, order):
        page = text_of(find(desk, "0100", **PANEL))

        assert "••• " in page
        assert "610" not in page.replace(str(order.number), "")


class TestForWhom:
    def test_channels_out_of_reach_are_not_found(self, as_role, order):
        page = text_of(find(as_role("agent", channels=("web",)), "14-09876-55321"))

        assert "Nothing matches" in page
        assert str(order.number) not in page

    def test_places_out_of_reach_are_not_found(self, as_role, order):
        factories.store("OXF")
        url = reverse("console:order", args=[order.number])

        assert url not in text_of(find(as_role("store_manager", locations=("OXF",)), "sterling", **PANEL))
        assert url in text_of(find(as_role("store_manager", locations=("EAST",)), "sterling", **PANEL))

    def test_nor_is_a_customer_who_bought_nothing_within_reach(self, as_role, order):
        factories.store("OXF")
        url = reverse("console:customer", args=[order.customer_id])

        assert url not in text_of(find(as_role("store_manager", locations=("OXF",)), "greg@example.com"))
        assert url in text_of(find(as_role("store_manager", locations=("EAST",)), "greg@example.com"))

    def test_an_associate_finds_the_order_but_not_the_customer(self, as_role, order):
        answer = find(as_role("associate"), "sterling", **PANEL)

        assert [group["kind"] for group in answer.context["groups"]] == ["order"]
        assert "Greg S." in text_of(answer)
        assert "Sterling" not in text_of(answer)

    @pytest.mark.parametrize("role", ["auditor", "inventory_manager", "finance", "integration_admin"])
    @pytest.mark.parametrize("typed", ["greg sterling", "greg@example.com", "+1 610 555 0100"])
    def test_roles_that_meet_nobody_find_no_order_by_a_person(self, as_role, order, role, typed):
        page = text_of(find(as_role(role), typed, **PANEL))

        assert str(order.number) not in page
        assert "not by the person" in page

    def test_but_find_it_by_its_number(self, as_role, order):
        answer = find(as_role("auditor"), "14-0987", **PANEL)

        assert str(order.number) in text_of(answer)
        assert "G. S." in text_of(answer)

    def test_a_merchandiser_finds_products_only(self, as_role, order):
        answer = find(as_role("merchandiser"), "t", **PANEL)
        assert answer.context["groups"] == []

        found = find(as_role("merchandiser"), "Treadmill", **PANEL).context["groups"]
        assert [group["kind"] for group in found] == ["variant"]
        assert find(as_role("merchandiser"), "14-09876-55321").status_code == 200

    @pytest.mark.parametrize("role", Role.values)
    def test_every_role_gets_an_answer_or_a_refusal(self, as_role, order, role):
        allowed = role not in ("privacy_officer", "platform_admin")

        assert find(as_role(role), "sterling").status_code == (200 if allowed else 403)

    def test_strangers_are_sent_to_the_login_page(self, client):
        assert find(client, "sterling").status_code == 302


class TestHopeless:
    @pytest.mark.parametrize(
        "typed",
        [
            "", " ", "\x00", "\x00\x00", "%%%%", "____", "\\", "'; DROP TABLE oms_searchkey; --", "(a+)+$", HOSTILE,
            "{{7*7}}", "\u202eRTL", "🏷️", "²³¹", "a", "ab", "0", "@", "@@@", "a@", "+", "+1", "((((", "x" * 399,
            "x" * 401, "1" * 400, "a " * 300, "\ufffd", "ﷺ" * 64, "e\u0301" * 60, "%s %(name)s", "\u0130" * 30,
            "-" * 64, "٠١٢٣٤٥٦٧",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("headers", [{}, PANEL])
    def test_nothing_typed_is_an_accident(self, desk, treadmill, typed, headers):
        assert find(desk, typed, **headers).status_code == 200

    def test_broken_encodings_are_no_accident(self, desk):
        url = reverse("console:search")
        for query in ("?q=%ED%A0%80", "?q=%FF%FE", "?q=%", "?q=%00", "?q", "?q=a&q=b"):
            assert desk.get(url + query).status_code == 200

    def test_says_that_only_the_beginning_was_read(self, desk, order):
        page = text_of(find(desk, "14-09876-55321 " + "and so on " * 50, **PANEL))

        assert "first 400 characters" in page
        assert reverse("console:order", args=[order.number]) in page

    @pytest.mark.parametrize(
        ("typed", "hint"), [("%%%%", "letters or digits"), ("ab", "three letters"), ("zzqx", "Try part of a name")]
    )
    def test_says_what_to_do_instead(self, desk, order, typed, hint):
        assert hint in text_of(find(desk, typed))

    def test_a_search_that_takes_too_long_becomes_a_hint(self, desk, order, monkeypatch):
        monkeypatch.setattr(keys, "_LOOK_UP", "SELECT 1 FROM pg_sleep(2) WHERE %(limit)s > 0")
        monkeypatch.setattr(screen, "PATIENCE", 30)

        answer = find(desk, "sterling", **PANEL)

        assert answer.status_code == 422
        assert "Add another word" in text_of(answer)

    def test_its_patience_does_not_outlive_it(self, desk, order):
        with keys.db.connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            before = cursor.fetchone()
            find(desk, "sterling")
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == before

    @pytest.mark.parametrize("name", [HOSTILE, "{{7*7}}", "\u202eevil", "'\"><script>alert(1)</script>"])
    def test_hostile_names_stay_text(self, desk, treadmill, name):
        factories.order(factories.line("T90"), buyer=Buyer(name=name, email="h@example.com"), number="H-1")
        Order.objects.update(buyer_name=name)

        for answer in (find(desk, "h@example.com"), find(desk, name), find(desk, "h@example.com", **PANEL)):
            page = text_of(answer)
            assert "<img src=x" not in page
            assert "<script>alert" not in page
            assert ">49<" not in page


class TestPage:
    def test_says_what_the_box_takes_before_anything_is_typed(self, desk):
        page = text_of(desk.get(reverse("console:search")))

        assert "What it takes" in page
        assert "A tracking number" in page

    def test_keeps_what_was_typed_in_the_box(self, desk):
        assert 'value="zzqx"' in text_of(find(desk, "zzqx"))

    def test_leads_from_the_panel_to_everything(self, desk, treadmill):
        for _ in range(7):
            factories.order(factories.line("T90"))

        panel = find(desk, "sterling", **PANEL)

        assert "5 of 7" in text_of(panel)
        assert "Show all of it" in text_of(panel)
        assert text_of(find(desk, "sterling")).count('class="result"') == 8

    def test_shows_one_kind_when_asked(self, desk, order):
        page = find(desk, "sterling").context
        only = desk.get(reverse("console:search"), {"q": "sterling", "kind": "customer"})

        assert [tab["label"] for tab in page["tabs"]] == ["All", "Orders", "Customers"]
        assert [group["kind"] for group in only.context["groups"]] == ["customer"]

    def test_the_list_of_all_never_opens_a_record_by_itself(self, desk, order):
        assert desk.get(reverse("console:search"), {"q": "14-09876-55321", "kind": ""}).status_code == 200

    def test_is_not_kept_by_the_browser(self, desk, order):
        assert "no-store" in find(desk, "sterling")["Cache-Control"]

    def test_costs_the_same_however_much_is_found(self, desk, treadmill, django_assert_max_num_queries):
        factories.stock(treadmill, 40, factories.location("WEST"))
        for place in range(30):
            buyer = Buyer(name=f"Greg Sterling {place}", email=f"g{place}@example.com")
            factories.order(factories.line("T90"), buyer=buyer)

        with django_assert_max_num_queries(14):
            page = text_of(find(desk, "sterling"))
        assert len(page) < 60_000
