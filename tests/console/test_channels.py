"""The channels at a glance and one of them in detail: green only when it is proven."""

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.models import CallBudget, ChannelAccount, Listing, ShipmentPush, StockPush, SyncCursor
from oms.models import InboxMessage, Role
from oms.permissions import ACTIONS
from orders.models import Parcel
from tests import factories
from tests.console import mail
from tests.console.tills import HOSTILE, HTMX, Tags, text_of


@pytest.fixture
def ebay(db):
    account = factories.account("ebay")
    looked_at(account)
    return account


@pytest.fixture
def supervisor(as_role, ebay):
    return as_role("supervisor")


def looked_at(account, *, ago=3, **more):
    moment = timezone.now() - timedelta(seconds=ago)
    SyncCursor.objects.update_or_create(
        account=account, resource="orders", defaults={"read_to": moment, "fresh_to": moment, **more}
    )


def push(account, sku, *, ago=5, **more):
    listing = factories.listing(account, factories.variant(sku), told=more.pop("told", None))
    return StockPush.objects.create(
        listing=listing, account=account, wanted_since=timezone.now() - timedelta(seconds=ago), **more
    )


def strip(browser, name="eBay"):
    """(word, tone, story, {figure: value}) of a marketplace on the board."""
    (row,) = [row for row in browser.get("/channels/").context["accounts"] if row.strip.name == name]
    return row.word, row.tone, row.story, {stat["label"]: stat["value"] for stat in row.stats}


class TestWhoMay:
    @pytest.mark.parametrize("role", Role.values)
    def test_look_is_what_the_table_says(self, as_role, ebay, role):
        browser, expected = as_role(role), 200 if role in ACTIONS["channel.read"].roles else 403

        assert browser.get("/channels/").status_code == expected
        assert browser.get("/channels/ebay/").status_code == expected

    def test_a_channel_out_of_reach_does_not_exist(self, as_role, ebay):
        factories.account("amazon")
        factories.channel("web")
        browser = as_role("supervisor", channels=("amazon",))

        assert [row.strip.code for row in browser.get("/channels/").context["accounts"]] == ["amazon"]
        assert browser.get("/channels/").context["own"] == []
        for view in ("", "listings", "stock", "connection"):
            assert browser.get("/channels/ebay/", {"view": view}).status_code == 404
        assert browser.get("/channels/nowhere/").status_code == 404

    def test_without_any_it_says_what_to_do(self, as_role, ebay):
        assert "No channel is in your reach" in text_of(as_role("finance", channels=()).get("/channels/"))

    def test_orders_are_for_those_who_may_read_orders(self, as_role, ebay):
        factories.stock(factories.variant("T90"), 5)
        order = factories.order(factories.line("T90"), channel="ebay")

        assert f"/orders/{order.number}/" in text_of(as_role("supervisor").get("/channels/ebay/"))
        page = text_of(as_role("merchandiser").get("/channels/ebay/"))
        assert f"/orders/{order.number}/" not in page
        assert "Latest orders" not in page
        assert "Sterling" not in page


class TestBoard:
    def test_is_green_when_the_last_answer_proves_it(self, supervisor, ebay):
        word, tone, story, figures = strip(supervisor)

        assert (word, tone) == ("Healthy", "good")
        assert "all stock has been told" in story
        assert figures["Quarantine"] == figures["Queue"] == figures["Not taken"] == "0"

    @pytest.mark.parametrize(
        ("state", "word", "tone"), [("paused", "Paused", "warn"), ("unauthorised", "Not authorised", "bad")]
    )
    def test_a_stopped_account_is_not(self, supervisor, ebay, state, word, tone):
        ChannelAccount.objects.update(state=state, state_reason="Renew the consent")

        assert strip(supervisor)[:2] == (word, tone)
        assert "Renew the consent" in strip(supervisor)[2]

    @pytest.mark.parametrize(("failures", "word", "tone"), [(1, "Trying again", "warn"), (5, "Down", "bad")])
    def test_one_that_does_not_answer_is_not(self, supervisor, ebay, failures, word, tone):
        looked_at(ebay, failures=failures, error="HTTP 503")

        assert strip(supervisor)[:2] == (word, tone)
        assert "HTTP 503" in strip(supervisor)[2]

    def test_one_not_looked_at_is_not(self, supervisor, ebay):
        looked_at(ebay, ago=300)
        assert strip(supervisor)[:2] == ("Running late", "warn")

        SyncCursor.objects.all().delete()
        assert strip(supervisor)[:2] == ("Not started", "warn")

    def test_one_with_stock_untold_for_long_is_not(self, supervisor, ebay):
        push(ebay, "A", ago=5)
        assert strip(supervisor)[:2] == ("Healthy", "good")
        assert strip(supervisor)[3]["Queue"] == "1"

        push(ebay, "B", ago=600)
        assert strip(supervisor)[:2] == ("Running late", "warn")

    def test_one_that_did_not_take_stock_is_not(self, supervisor, ebay):
        push(ebay, "A", done=1, error_code="25002", error="ended")

        word, tone, story, figures = strip(supervisor)
        assert (word, tone, figures["Not taken"]) == ("Needs a look", "warn", "1")
        assert "1 listing took no new stock" in story

    def test_one_with_stuck_messages_is_not(self, supervisor, ebay):
        mail.receive("14-1")

        word, tone, story, figures = strip(supervisor)
        assert (word, tone, figures["Quarantine"]) == ("Needs a look", "warn", "1")
        assert "1 message waits for a person" in story
        assert "1 of 1 account needs a look, and 1 message waits for a person." in text_of(supervisor.get("/channels/"))

    def test_own_channels_stand_below(self, supervisor, ebay):
        factories.channel("web")
        factories.stock(factories.variant("T90"), 5)
        factories.order(factories.line("T90"), placed_at=timezone.now())
        (row,) = supervisor.get("/channels/").context["own"]

        assert (row.word, row.strip.orders_today) == ("Open", 1)

    def test_refreshes_by_itself_with_the_strips_alone(self, supervisor):
        page = text_of(supervisor.get("/channels/"))
        assert 'hx-get="/channels/" hx-trigger="every 5s"' in page

        fragment = supervisor.get("/channels/", headers=HTMX)
        assert b"<html" not in fragment.content
        assert b'id="channel-ebay"' in fragment.content
        assert "HX-Request" in fragment["Vary"]

    def test_many_channels_cost_no_more_statements(self, supervisor, django_assert_max_num_queries):
        for number in range(10):
            looked_at(account := factories.account(f"market-{number}", connector="ebay"))
            push(account, f"SKU-P{number}")
        with django_assert_max_num_queries(15):
            page = supervisor.get("/channels/")

        assert len(page.context["accounts"]) == 11
        assert len(page.content) < 60_000

    def test_hostile_words_of_a_channel_stay_text(self, supervisor, ebay):
        ebay.channel.name = HOSTILE
        ebay.channel.save()
        looked_at(ebay, failures=1, error=HOSTILE)
        push(ebay, "A", error_code="x", error=HOSTILE)

        for url in (
            "/channels/",
            "/channels/ebay/",
            *(f"/channels/ebay/?view={v}" for v in ("listings", "stock", "connection")),
        ):
            page = supervisor.get(url).content.decode()
            assert "onerror" in page, url
            assert {"img", "style"} & set(Tags(page).found) == set(), url


class TestStuck:
    def test_stands_by_cause_with_a_way_to_each(self, supervisor, ebay):
        for number in range(6):
            mail.receive(f"14-{number}")
        unreadable = mail.receive("14-9", b"x")
        first, second = supervisor.get("/channels/ebay/").context["groups"]

        assert (first.words.word, first.count, len(first.messages), first.more) == ("SKU not known", 6, 4, 2)
        assert (second.words.word, second.count) == ("Not readable", 1)
        page = text_of(supervisor.get("/channels/ebay/"))
        assert f'href="/messages/{unreadable.pk}/"' in page
        assert "Retry all 6" in page

    def test_all_of_a_cause_can_be_shown(self, supervisor, ebay):
        for number in range(6):
            mail.receive(f"14-{number}")

        (group,) = supervisor.get("/channels/ebay/", {"cause": "sku_unmapped"}).context["groups"]
        assert (len(group.messages), group.more) == (6, 0)
        for cause in ("no_such", "\x00", HOSTILE, "x" * 5000):
            assert supervisor.get("/channels/ebay/", {"cause": cause}).status_code == 200

    def test_retry_is_offered_to_those_who_may(self, as_role, ebay):
        for number in range(2):
            mail.receive(f"14-{number}")

        assert "Retry all 2" in text_of(as_role("merchandiser").get("/channels/ebay/"))
        assert "Retry all" not in text_of(as_role("finance").get("/channels/ebay/"))

    def test_other_channels_and_other_states_do_not_count(self, supervisor, ebay):
        factories.account("amazon")
        InboxMessage.objects.filter(pk=mail.receive("14-1", channel="amazon").pk).update(state="quarantined", code="x")
        InboxMessage.objects.filter(pk=mail.receive("14-2").pk).update(state="ignored")

        page = supervisor.get("/channels/ebay/")
        assert page.context["groups"] == []
        assert "Nothing is stuck" in text_of(page)

    def test_much_costs_no_more_statements(self, supervisor, ebay, django_assert_max_num_queries):
        factories.stock(factories.variant("T90"), 50)
        for number in range(12):
            mail.receive(f"14-{number}", take_in=number == 11)
            factories.order(factories.line("T90"), channel="ebay")
        with django_assert_max_num_queries(15):
            page = supervisor.get("/channels/ebay/")

        assert len(page.context["orders"]) == 10
        assert len(page.content) < 60_000


class TestListings:
    def rows(self, browser, **query):
        page = browser.get("/channels/ebay/", {"view": "listings", **query})
        return [(row["listing"].sku, row["listing"].told, row["now"], row["state"]) for row in page.context["listings"]]

    def test_say_what_was_told_what_is_true_and_whether_they_agree(self, supervisor, ebay):
        for sku, units, told in (("A", 3, 3), ("B", 3, 5), ("C", 3, 3), ("D", 3, 5), ("E", 3, 3)):
            factories.stock(variant := factories.variant(sku), units)
            factories.listing(ebay, variant, told=told, state="ended" if sku == "E" else "live")
        StockPush.objects.create(
            listing=Listing.objects.get(sku="C"), account=ebay, wanted_since=timezone.now(), error_code="1", error="No"
        )
        StockPush.objects.create(listing=Listing.objects.get(sku="D"), account=ebay, wanted_since=timezone.now())

        assert self.rows(supervisor) == [
            ("A", 3, 3, "in_sync"),
            ("B", 5, 3, "late"),
            ("C", 3, 3, "failed"),
            ("D", 5, 3, "queued"),
            ("E", 3, 3, "ended"),
        ]

    def test_now_is_what_the_channel_would_be_told(self, supervisor, ebay):
        ChannelAccount.objects.update(buffer=2)
        factories.stock(variant := factories.variant("A"), 9)
        factories.listing(ebay, variant, sku="A-1")
        factories.listing(ebay, variant, sku="A-2", most_offered=4)

        assert [now for _, _, now, _ in self.rows(supervisor)] == [7, 4]

    def test_are_found_by_their_sku_or_ours(self, supervisor, ebay):
        factories.listing(ebay, factories.variant("OURS-1"), sku="THEIRS-1")
        factories.listing(ebay, factories.variant("X"), sku="Y")

        for typed in ("theirs", "OURS-1", "ours"):
            assert [row[0] for row in self.rows(supervisor, q=typed)] == ["THEIRS-1"], typed
        for typed in ("\x00zzz", HOSTILE, "%", "נ"):
            assert self.rows(supervisor, q=typed) == [], typed

    def test_come_in_pages_and_a_made_up_page_is_the_first(self, supervisor, ebay, django_assert_max_num_queries):
        for number in range(60):
            factories.listing(ebay, factories.variant(f"SKU-{number:02}"))
        seen, url = [], "/channels/ebay/?view=listings"
        while url:
            with django_assert_max_num_queries(15):
                page = supervisor.get(url, headers=HTMX)
            seen += [row["listing"].sku for row in page.context["listings"]]
            url = f"/channels/ebay/?{page.context['next']}" if page.context["next"] else ""

        assert seen == [f"SKU-{number:02}" for number in range(60)]
        assert b"<html" not in page.content
        assert len(self.rows(supervisor, after="made-up:thing")) == 25

    def test_an_own_channel_has_none(self, supervisor):
        factories.channel("web")

        assert supervisor.get("/channels/web/", {"view": "listings"}).context["view"] == ""


class TestToBeTold:
    def test_names_what_waits_and_what_was_refused(self, supervisor, ebay):
        push(ebay, "A")
        push(ebay, "B", done=1, error_code="1", error="The listing has ended")
        push(ebay, "C", done=1)
        factories.stock(factories.variant("T90"), 5)
        order = factories.order(factories.line("T90"), channel="ebay")
        parcel = Parcel.objects.create(order=order, tracking_number="1Z999", shipped_at=timezone.now())
        ShipmentPush.objects.create(account=ebay, parcel=parcel, state="rejected", error="Unknown carrier")
        page = supervisor.get("/channels/ebay/", {"view": "stock"})

        assert {row.listing.sku for row in page.context["pushes"]} == {"A", "B"}
        for words in ("The listing has ended", "1Z999", "Unknown carrier"):
            assert words in text_of(page)

    def test_many_cost_no_more_statements(self, supervisor, ebay, django_assert_max_num_queries):
        for number in range(60):
            push(ebay, f"SKU-{number}")
        with django_assert_max_num_queries(15):
            page = supervisor.get("/channels/ebay/", {"view": "stock"})

        assert "The 50 oldest are shown." in text_of(page)
        assert len(page.content) < 60_000

    def test_nothing_is_good_news(self, supervisor):
        assert text_of(supervisor.get("/channels/ebay/", {"view": "stock"})).count("All told") == 2


class TestConnection:
    def test_says_what_may_still_be_asked_and_no_secret(self, supervisor, ebay, django_assert_max_num_queries):
        CallBudget.objects.create(account=ebay, operation="getOrders", rate=1, burst=50, tokens=7)
        CallBudget.objects.create(
            account=ebay, operation="push", rate=0.01, burst=20, tokens=9,
            closed_until=timezone.now() + timedelta(minutes=1),
        )  # fmt: skip
        with django_assert_max_num_queries(15):
            page = supervisor.get("/channels/ebay/", {"view": "connection"})

        left = {budget["operation"]: budget["left"] for budget in page.context["budgets"]}
        assert left["getOrders"] in (7, 8)
        assert left["push"] == 0
        assert "Closed by the channel" in text_of(page)
        for secret in ("demo-secret", "demo-refresh"):
            assert secret not in text_of(page)
