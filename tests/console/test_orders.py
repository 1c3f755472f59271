"""The screens about orders: the list, one order, its messages, and what can be done with it."""

import json
import re
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from channels.models import ShipmentPush
from inventory.models import StockLevel
from oms import inbox
from oms.models import AuditEntry, InboxMessage, Role
from orders import allocation, cancellation, fulfilment
from orders.incoming import Buyer, Method
from orders.models import FulfilmentOrder, Order, OrderHold, OrderLine, Parcel
from tests import factories

HOSTILE = "<img src=x onerror=alert(1)>"
STEERING = "\u202egnirets"
HTMX = {"HTTP_HX_REQUEST": "true"}
NUMBER = "14-09876-55321"

pytestmark = pytest.mark.django_db


@pytest.fixture
def treadmill():
    found = factories.variant("T90", title="Treadmill T90")
    factories.stock(found, 9, factories.location("EAST", name="Warehouse East"))
    factories.marketplace("ebay")
    factories.channel("web")
    return found


@pytest.fixture
def order(treadmill) -> Order:
    """Two treadmills, bought on eBay, held at Warehouse East."""
    return factories.order(factories.line("T90", 2), channel="ebay", number=NUMBER)


@pytest.fixture
def short(treadmill) -> Order:
    """Twelve treadmills, bought on eBay when there were nine."""
    return factories.order(factories.line("T90", 12), channel="ebay")


def page_of(client, order, **query):
    return client.get(reverse("console:order", args=[order.number]), query)


def text_of(answer) -> str:
    return answer.content.decode()


def words_of(answer) -> str:
    """The page as it is read: without tags, blanks folded."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text_of(answer)))


def seen(answer, name: str) -> str:
    """The version of the order that the form of this name carries."""
    return re.search(rf'name="seen" value="(\d+)" id="{name}_seen"', text_of(answer))[1]


def send(client, order, name: str, *, version: str = "", htmx: bool = False, **form):
    url = reverse(f"console:order-{name}", args=[order.number])
    return client.post(url, {"seen": version, **form}, **(HTMX if htmx else {}))


def hear(order, body: bytes = b"{}", *, version: str = "1", quarantined: str = "") -> InboxMessage:
    """A message of eBay about the order, taken in or stuck."""
    letter = inbox.Letter(
        event_id=f"{order.external_number}:{version}", topic="order", object_id=order.external_number, raw=body
    )
    inbox.store(source="channel:ebay", letters=[letter])
    message = InboxMessage.objects.latest("pk")
    if quarantined:
        inbox.quarantine(message.pk, code=quarantined, message="It says more.", facts={})
    else:
        inbox.finish(message.pk, outcome=f"order:{order.number}")
    message.refresh_from_db()
    return message


CANCEL = {"reason": "Ordered twice", "note": ""}
SHIP = {"location": "EAST", "carrier": "UPS", "tracking_number": "1Z999"}


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


class TestStory:
    def story(self, desk, order) -> str:
        return page_of(desk, order).context["story"]

    def test_of_units_that_are_held(self, desk, order):
        told = "Ordered on eBay on 3 November by Greg Sterling: all 2 units are being made ready at Warehouse East."
        assert self.story(desk, order) == told

    def test_of_a_parcel_that_left(self, desk, order, time_machine):
        time_machine.move_to("2026-11-05T10:00:00Z", tick=False)
        send(desk_of("supervisor"), order, "shipment", **SHIP)

        assert "all 2 units left Warehouse East on 5 November with UPS." in self.story(desk, order)

    def test_of_units_that_wait(self, desk, short):
        story = self.story(desk, short)

        assert "9 of 12 units are being made ready at Warehouse East, and 3 of 12 units wait for stock." in story

    def test_of_a_cancelled_order(self, desk, order):
        cancellation.cancel(number=order.number, reason="", actor=factories.ACTOR, now=factories.NOW)

        assert "all 2 units were cancelled on 3 November by the desk." in self.story(desk, order)

    def test_of_what_a_customer_took_along(self, desk, treadmill):
        factories.stock(treadmill, 1, factories.store("OXF", name="Oxford Street"))
        factories.channel("till", "till")
        line = factories.line("T90", method=Method.CARRY_OUT, location="OXF")
        bought = factories.order(line, channel="till", sold_at="OXF", ship_to=None, buyer=Buyer())

        assert self.story(desk, bought) == "Bought at Oxford Street on 3 November: the unit was taken along."

    def test_of_what_waits_to_be_collected(self, desk, treadmill):
        factories.stock(treadmill, 1, factories.store("OXF", name="Oxford Street"))
        order = factories.order(factories.line("T90", method=Method.PICKUP, location="OXF"), channel="web")

        assert "the unit is kept for collection at Oxford Street." in self.story(desk, order)

    def test_says_that_the_buyer_asks_and_that_it_is_held(self, desk, order):
        Order.objects.update(cancel_requested=True, awaiting_payment=True)
        OrderHold.objects.create(
            order=order, reason="manual", note="ring first", placed_at=factories.NOW, placed_by="staff:eve"
        )

        story = self.story(desk, order)

        assert "eBay still waits for the payment" in story
        assert "On hold: somebody asked to wait (ring first)." in story
        assert "The buyer asks to cancel it." in story

    def test_names_the_year_when_it_is_another(self, desk, order):
        Order.objects.update(placed_at=factories.NOW.replace(year=2024))

        assert "on 3 November 2024" in self.story(desk, order)


def desk_of(role: str, **reach) -> Client:
    client = Client()
    client.force_login(factories.staff(role, **reach))
    return client


class TestOrder:
    def test_shows_what_a_caller_asks_for(self, desk, order):
        page = words_of(page_of(desk, order))

        for shown in (
            NUMBER,
            str(order.number),
            "Treadmill T90",
            "2 × US$10.00",
            "US$20.00",
            "Warehouse East",
            "has everything",
        ):
            assert shown in page

    def test_does_not_exist_out_of_reach(self, as_role, order):
        factories.store("OXF")

        assert page_of(as_role("agent", channels=("web",)), order).status_code == 404
        assert page_of(as_role("associate", locations=("OXF",)), order).status_code == 404
        assert page_of(as_role("associate", locations=("EAST",)), order).status_code == 200

    @pytest.mark.parametrize("number", ["0", "1", "999999999999999999", "9" * 40])
    def test_a_number_nobody_has_is_not_found(self, desk, order, number):
        assert desk.get(f"/orders/{number}/").status_code == 404

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_see_orders(self, as_role, order, role):
        sees = role not in ("merchandiser", "privacy_officer", "platform_admin")

        assert page_of(as_role(role), order).status_code == (200 if sees else 403)

    def test_covers_how_to_reach_the_buyer(self, desk, order):
        page = text_of(page_of(desk, order))

        assert "greg@example.com" not in page
        assert "g•••@e•••.com" in page
        assert "1 Main St" not in page
        assert "Reading, PA" in page

    @pytest.mark.parametrize("role", ["auditor", "finance", "inventory_manager", "integration_admin", "associate"])
    def test_shows_nobody_to_roles_that_see_no_customers(self, as_role, order, role):
        factories.order(factories.line("T90"), channel="ebay", number="OTHER-1")
        page = text_of(page_of(as_role(role), order))

        assert "Sterling" not in page.replace("Greg Sterling", "Sterling") or role == "associate"
        assert "g•••@e•••.com" not in page
        assert "OTHER-1" not in page
        assert reverse("console:customer", args=[order.customer_id]) not in page

    def test_shows_the_address_to_who_has_it_to_send(self, as_role, order):
        factories.store("OXF")
        associate = as_role("associate", locations=("EAST",))
        assert "1 Main St" in text_of(page_of(associate, order))

        send(associate, order, "shipment", **SHIP)
        assert "1 Main St" not in text_of(page_of(associate, order))

    def test_lists_what_else_the_person_ordered_within_reach(self, desk, order):
        factories.order(factories.line("T90"), channel="web", number="W-77")

        assert [other.external_number for other in page_of(desk, order).context["others"]] == ["W-77"]
        assert page_of(desk_of("agent", channels=("ebay",)), order).context["others"] == []

    def test_adds_up_the_money(self, desk, order):
        rows = {row["label"]: row["value"] for row in page_of(desk, order).context["money"]}

        assert rows == {"Items": "US$20.00", "Delivery": "US$0.00", "Total": "US$20.00", "Paid": "US$20.00"}

    def test_shows_what_is_still_to_pay_and_what_was_paid_back(self, desk, order):
        order.payments.update(captured=1500, refunded=500)

        rows = {row["label"]: row["value"] for row in page_of(desk, order).context["money"]}
        assert rows["Still to pay"] == "US$5.00"
        assert rows["Paid back"] == "−US$5.00"

    def test_shows_a_parcel_and_whether_its_channel_knows(self, desk, order):
        account = factories.account("ebay")
        send(desk_of("supervisor"), order, "shipment", **SHIP)
        push = ShipmentPush.objects.create(account=account, parcel=Parcel.objects.get(), state="pending")
        assert "eBay is being told" in text_of(page_of(desk, order))

        ShipmentPush.objects.filter(pk=push.pk).update(state="done", done_at=timezone.now())
        page = text_of(page_of(desk, order))
        assert "eBay knows" in page
        assert "eBay was told that 1Z999 left" in page

    def test_warns_in_words(self, desk, order):
        Order.objects.update(warnings=["address_warning", "text_cleaned", "brand_new"])
        page = text_of(page_of(desk, order))

        assert "Check it before sending." in page
        assert "Characters that cannot be printed" in page
        assert "Brand new." in page

    def test_says_when_news_of_the_channel_is_stuck(self, order):
        message = hear(order, quarantined="change_after_pick")
        url = reverse("console:message", args=[message.pk])

        assert "News of eBay is stuck: Change too late" in text_of(page_of(desk_of("agent"), order))
        assert url not in text_of(page_of(desk_of("agent"), order))
        assert url in text_of(page_of(desk_of("supervisor"), order))

    def test_does_not_mix_in_news_about_another_order_or_channel(self, desk, order):
        twin = factories.order(factories.line("T90"), channel="web", number=NUMBER)
        hear(order, quarantined="change_after_pick")

        assert "is stuck" not in text_of(page_of(desk, twin))

    def test_stays_small_and_cheap(self, treadmill, django_assert_max_num_queries):
        for _ in range(9):
            factories.order(factories.line("T90", 9), channel="ebay")
        factories.stock(treadmill, 400, factories.location("WEST"))
        lines = [factories.line("T90", 2) for _ in range(30)]
        order = factories.order(*lines, channel="ebay", number=NUMBER)
        for place in range(12):
            hear(order, version=str(place), quarantined="totals_differ" if place == 3 else "")
        supervisor = desk_of("supervisor")
        fulfilment.ship(
            number=order.number, location="WEST", carrier="UPS", tracking_number="1Z1", units={1: 1, 2: 1},
            actor=factories.ACTOR, now=factories.NOW,
        )  # fmt: skip

        with django_assert_max_num_queries(15):
            answer = page_of(supervisor, order)
        assert len(answer.content) < 60_000

    def test_shows_a_long_order_in_stretches(self, desk, treadmill):
        order = factories.order(*[factories.line("T90") for _ in range(45)], channel="ebay")
        positions = []
        for start in (1, 13, 25, 37):
            answer = desk.get(
                reverse("console:order", args=[order.number]),
                {"lines_from": start},
                **HTMX,
                HTTP_HX_TARGET="more-lines",
            )
            assert "<html" not in text_of(answer)
            positions += [row.line.position for row in answer.context["rows"]]

        assert positions == list(range(1, 46))
        assert page_of(desk, order, lines_from="x" * 50).status_code == 200

    @pytest.mark.parametrize("text", [HOSTILE, "{{7*7}}", STEERING, "javascript:alert(1)"])
    def test_hostile_text_stays_text(self, desk, order, text):
        message = hear(order, quarantined="sku_unmapped")
        InboxMessage.objects.filter(pk=message.pk).update(message=text, code=text[:60])
        Order.objects.update(
            buyer_name=text, note=text, sold_by=text, external_number=text, warnings=[text],
            ship_to={"name": text, "city": text, "region": text, "country": text},
        )  # fmt: skip
        InboxMessage.objects.update(object_id=text)
        OrderLine.objects.update(sku=text, title=text)
        FulfilmentOrder.objects.update(why=text)
        order.payments.update(method=text[:30], reference=text)
        OrderHold.objects.create(order=order, reason=text[:40], note=text, placed_at=factories.NOW, placed_by=text)
        Parcel.objects.create(
            order=order, external_id=text, carrier=text, tracking_number=text, shipped_at=factories.NOW
        )

        for answer in (page_of(desk, order), page_of(desk_of("supervisor"), order)):
            page = text_of(answer)
            assert "<img src=x" not in page
            assert ">49<" not in page
            assert 'href="javascript' not in page

    def test_odd_stored_facts_are_no_accident(self, desk, order):
        Order.objects.update(ship_to=[1, 2], warnings=[None, 3])
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO oms_auditentry (happened_at, actor, action, object_kind, object_id, facts)"
                " VALUES (now(), 'nobody', 'order.shipped', 'order', %s, '[1]'),"
                " (now(), '', 'order.accepted', 'order', %s, '{\"units\": 3, \"why\": []}'),"
                " (now(), 'staff:x', 'order.never-heard-of', 'order', %s, '{}')",
                [str(order.number)] * 3,
            )

        page = text_of(page_of(desk, order))
        assert "Never heard of" in page


class TestTimeline:
    def entries(self, client, order) -> list[dict]:
        return page_of(client, order).context["timeline"]

    def test_tells_who_did_what_from_all_systems_newest_last(self, order):
        hear(order)
        supervisor = desk_of("supervisor")
        send(supervisor, order, "shipment", **SHIP)

        told = [(entry["text"], entry["source"]) for entry in self.entries(supervisor, order)]

        assert told[0] == ("Order accepted", "desk")
        assert ("Message received", "eBay") in told
        assert told[-1] == ("2 units left Warehouse East", "desk")
        moments = [entry["at"] for entry in self.entries(supervisor, order)]
        assert moments == sorted(moments)

    def test_leads_to_the_raw_message_those_who_may_see_it(self, order):
        message = hear(order)
        url = f"/orders/{order.number}/raw/?message={message.pk}"

        assert url in [entry.get("raw_url") for entry in self.entries(desk_of("auditor"), order)]
        assert url not in text_of(page_of(desk_of("agent"), order))

    def test_tells_of_a_stuck_message_and_what_was_done_about_it(self, order):
        message = hear(order, quarantined="totals_differ")
        inbox.skip(ids=[message.pk], reason="checked by phone", actor=factories.ACTOR, now=timezone.now())
        stuck = hear(order, version="2", quarantined="totals_differ")

        told = {entry["text"]: entry for entry in self.entries(desk_of("supervisor"), order)}

        assert told["Message stuck: Sums do not add up"]["url"] == reverse("console:message", args=[stuck.pk])
        assert told["Stuck message set aside"]["detail"] == "checked by phone"

    def test_tells_a_parcel_the_channel_told_of_once(self, desk, order):
        Parcel.objects.create(
            order=order, external_id="p1", carrier="DHL", tracking_number="D1", shipped_at=factories.NOW
        )

        assert [entry["detail"] for entry in self.entries(desk, order) if entry["icon"] == "truck"] == ["DHL D1"]

    def test_tells_of_holds(self, desk, order):
        OrderHold.objects.create(
            order=order, reason="manual", placed_at=factories.NOW, placed_by="staff:eve",
            released_at=factories.NOW, released_by="staff:adam",
        )  # fmt: skip

        told = [(entry["text"], entry.get("actor")) for entry in self.entries(desk, order)]
        assert ("Put on hold", "eve") in told
        assert ("Released from hold", "adam") in told


class TestActions:
    def offered(self, client, order) -> tuple[list[str], list[str]]:
        offers = page_of(client, order).context["offers"]
        return [offer.name for offer in offers.now], [offer.name for offer in offers.never]

    def test_are_those_that_are_legal_now_and_why_the_others_are_not(self, order):
        assert self.offered(desk_of("supervisor"), order) == (["shipment", "cancellation"], ["allocation"])
        page = words_of(page_of(desk_of("supervisor"), order))
        assert "Find stock No unit waits for stock." in page

    def test_are_narrowed_by_the_role(self, order):
        assert self.offered(desk_of("agent"), order) == (["cancellation"], ["allocation"])
        assert self.offered(desk_of("associate"), order) == (["shipment"], [])
        assert self.offered(desk_of("auditor"), order) == ([], [])

    def test_put_the_buyers_wish_first(self, order):
        Order.objects.update(cancel_requested=True)

        assert self.offered(desk_of("supervisor"), order)[0] == ["cancellation", "shipment"]

    def test_offer_no_shipment_from_places_out_of_reach(self, order):
        factories.store("OXF")
        Order.objects.update(sold_at=factories.location("NEAR"))

        now, never = self.offered(desk_of("associate", locations=("NEAR",)), order)
        assert (now, never) == ([], ["shipment"])

    def test_send_nothing_that_is_on_hold(self, order):
        OrderHold.objects.create(order=order, reason="manual", placed_at=factories.NOW, placed_by="staff:eve")

        assert self.offered(desk_of("associate"), order) == ([], ["shipment"])
        assert "It is on hold: somebody asked to wait." in text_of(page_of(desk_of("associate"), order))
        assert send(desk_of("associate"), order, "shipment", **SHIP).status_code == 409

    def test_say_what_a_cancellation_would_do(self, desk, short):
        page = words_of(page_of(desk, short))

        assert "9 units held for it can be sold again at once." in page
        assert "3 units leave the queue for stock." in page
        assert "$120.00 stays paid until it is refunded." in page
        assert "eBay is not told: cancel it on its own pages as well." in page


class TestCancellation:
    def test_cancels_and_says_so_with_the_next_step(self, desk, order):
        answer = send(desk, order, "cancellation", **CANCEL, version=seen(page_of(desk, order), "cancellation"))

        assert answer.status_code == 302
        page = text_of(desk.get(answer.url))
        assert f"Cancelled 2 units of order {order.number}." in page
        assert f'<a href="{reverse("console:oversell")}">See who waits for stock</a>' in page
        order.refresh_from_db()
        assert order.status == "cancelled"
        assert StockLevel.objects.get().reserved == 0
        entry = AuditEntry.objects.get(action="order.cancelled")
        assert entry.reason == "Ordered twice"
        assert entry.actor.startswith("staff:agent")

    def test_tells_htmx_where_to_go(self, desk, order):
        answer = send(desk, order, "cancellation", **CANCEL, htmx=True)

        assert answer["HX-Redirect"] == reverse("console:order", args=[order.number])

    @pytest.mark.parametrize(
        ("form", "fault"),
        [
            ({}, "Say why; the reason is kept."),
            ({"reason": "", "note": "they rang"}, "Say why; the reason is kept."),
            ({"reason": "Other"}, "Say what the other reason is."),
            ({"reason": "made up"}, "not one of the available choices"),
            ({"reason": "Other", "note": "x" * 241}, "at most 240 characters"),
            ({"reason": "Other", "note": "a\x00b"}, "Null characters are not allowed"),
        ],
    )
    @pytest.mark.parametrize("htmx", [True, False])
    def test_asks_again_and_loses_nothing_that_was_typed(self, desk, order, form, fault, htmx):
        answer = send(desk, order, "cancellation", **form, htmx=htmx)

        assert answer.status_code == 422
        page = text_of(answer)
        assert fault in page.replace("&#x27;", "'")
        assert "error-summary" in page
        assert "autofocus" in page
        assert ("<html" in page) == (not htmx)
        if form.get("note") == "they rang":
            assert "they rang</textarea>" in page
        assert Order.objects.get().status == "allocated"

    def test_an_empty_post_is_a_form_with_everything_missing(self, desk, order):
        assert desk.post(reverse("console:order-cancellation", args=[order.number])).status_code == 422

    def test_twice_is_once(self, desk, order):
        version = seen(page_of(desk, order), "cancellation")
        first, second = (send(desk, order, "cancellation", **CANCEL, version=version) for _ in range(2))

        assert (first.status_code, second.status_code) == (302, 302)
        assert AuditEntry.objects.filter(action="order.cancelled").count() == 1

    def test_another_cancellation_of_the_same_order_is_told_what_happened(self, desk, order):
        version = seen(page_of(desk, order), "cancellation")
        send(desk, order, "cancellation", **CANCEL, version=version)

        answer = send(desk, order, "cancellation", reason="Cannot be supplied", version=version)

        assert answer.status_code == 409
        assert "Changed while you were typing" in text_of(answer)

    def test_names_the_colleague_who_was_faster_and_keeps_what_was_typed(self, desk, order):
        version = seen(page_of(desk, order), "cancellation")
        associate = desk_of("associate", username="maya")
        fulfilment.ship(
            number=order.number, location="EAST", carrier="UPS", tracking_number="1Z1", units={1: 1},
            actor=factories.audit.Actor("staff", "maya"), now=timezone.now(),
        )  # fmt: skip

        answer = send(desk, order, "cancellation", reason="Other", note="they rang", version=version, htmx=True)

        assert answer.status_code == 409
        page = text_of(answer)
        assert "1 unit left Warehouse East by maya at" in page
        assert "they rang</textarea>" in page
        assert OrderLine.objects.get().cancelled == 0
        assert associate  # she has a page of her own

        again = send(
            desk, order, "cancellation", reason="Other", note="they rang", version=seen(answer, "cancellation")
        )
        assert again.status_code == 302
        line = OrderLine.objects.get()
        assert (line.cancelled, line.shipped) == (1, 1)

    def test_stock_found_meanwhile_does_not_stand_in_the_way(self, desk, short, treadmill):
        version = seen(page_of(desk, short), "cancellation")
        factories.stock(treadmill, 5, factories.location("WEST"))
        allocation.fill(number=short.number, actor=factories.ACTOR, now=timezone.now())

        assert send(desk, short, "cancellation", **CANCEL, version=version).status_code == 302

    def test_what_has_left_is_refused_in_words(self, desk, order):
        send(desk_of("supervisor"), order, "shipment", **SHIP)

        answer = send(desk, order, "cancellation", **CANCEL)

        assert answer.status_code == 409
        assert "Everything has left already" in text_of(answer)

    def test_does_not_exist_out_of_reach(self, as_role, order):
        assert send(as_role("agent", channels=("web",)), order, "cancellation", **CANCEL).status_code == 404
        assert Order.objects.get().status == "allocated"

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_cancel(self, as_role, order, role):
        may = role in ("agent", "supervisor", "store_manager")

        assert send(as_role(role), order, "cancellation", **CANCEL).status_code == (302 if may else 403)

    @pytest.mark.parametrize("name", ["cancellation", "shipment", "allocation"])
    def test_is_not_to_be_had_by_a_link(self, name, order):
        client = desk_of("supervisor")

        assert client.get(reverse(f"console:order-{name}", args=[order.number])).status_code == 405

    @pytest.mark.parametrize("name", ["cancellation", "shipment", "allocation"])
    def test_needs_its_token(self, name, order):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(factories.staff("supervisor"))

        assert send(strict, order, name, **CANCEL, **SHIP).status_code == 403

    @pytest.mark.parametrize("text", [HOSTILE, "{{7*7}}", STEERING])
    def test_hostile_words_stay_words(self, desk, order, text):
        refused = text_of(send(desk, order, "cancellation", reason=text, note=text))
        assert "<img src=x" not in refused

        send(desk, order, "cancellation", reason="Other", note=text)
        page = text_of(page_of(desk, order))
        assert "<img src=x" not in page
        assert ">49<" not in page


class TestShipment:
    @pytest.fixture
    def clerk(self):
        return desk_of("supervisor")

    def test_sends_and_says_so_with_the_next_step(self, clerk, order):
        answer = send(clerk, order, "shipment", **SHIP, version=seen(page_of(clerk, order), "shipment"))

        assert answer.status_code == 302
        page = text_of(clerk.get(answer.url))
        assert "UPS 1Z999 left Warehouse East." in page
        assert "Next at Warehouse East" in page
        parcel = Parcel.objects.get()
        assert (parcel.carrier, parcel.tracking_number) == ("UPS", "1Z999")
        assert StockLevel.objects.get().on_hand == 7

    def test_writes_the_number_as_labels_do(self, clerk, order):
        send(clerk, order, "shipment", **SHIP | {"tracking_number": " 1z 999 aa1 "})

        assert Parcel.objects.get().tracking_number == "1Z999AA1"

    @pytest.mark.parametrize(
        ("form", "fault"),
        [
            ({"location": "EAST", "carrier": "", "tracking_number": "1Z"}, "Say who carries it."),
            ({"location": "EAST", "carrier": "UPS"}, "Scan or type the number on the label."),
            ({"location": "EAST", "carrier": "UPS", "tracking_number": "\u200b\u202e"}, "Scan or type the number"),
            ({"carrier": "UPS", "tracking_number": "1Z"}, "Choose where it leaves from."),
            ({"location": "MOON", "carrier": "UPS", "tracking_number": "1Z"}, "not one of the available choices"),
            ({"location": "EAST", "carrier": "U" * 41, "tracking_number": "1Z"}, "at most 40 characters"),
        ],
    )
    def test_asks_again_and_loses_nothing_that_was_typed(self, clerk, order, form, fault):
        answer = send(clerk, order, "shipment", **form, htmx=True)

        assert answer.status_code == 422
        assert fault in text_of(answer)
        assert not Parcel.objects.exists()
        for name in ("carrier", "tracking_number"):
            assert f'name="{name}"' in text_of(answer)
        if form.get("carrier") == "UPS":
            assert 'value="UPS"' in text_of(answer)

    def test_offers_the_places_within_reach_where_units_wait(self, treadmill):
        rower = factories.variant("ROW")
        factories.stock(rower, 1, factories.location("WEST", name="Depot West"))
        order = factories.order(factories.line("T90"), factories.line("ROW"), channel="ebay")

        def offered(client):
            return [code for code, _ in page_of(client, order).context["offers"].now[0].form.fields["location"].choices]

        assert offered(desk_of("supervisor")) == ["EAST", "WEST"]
        assert offered(desk_of("associate", locations=("WEST",))) == ["WEST"]
        refused = send(desk_of("associate", locations=("WEST",)), order, "shipment", **SHIP)
        assert refused.status_code == 422
        assert not Parcel.objects.exists()

    def test_twice_is_once(self, clerk, order):
        version = seen(page_of(clerk, order), "shipment")
        answers = [send(clerk, order, "shipment", **SHIP, version=version) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [302, 302, 302]
        assert Parcel.objects.count() == 1
        assert StockLevel.objects.get().on_hand == 7

    def test_a_second_label_from_an_old_page_is_told_what_happened(self, clerk, order):
        version = seen(page_of(clerk, order), "shipment")
        send(clerk, order, "shipment", **SHIP, version=version)

        answer = send(clerk, order, "shipment", **SHIP | {"tracking_number": "1Z-OTHER"}, version=version)

        assert answer.status_code in (409, 422)
        assert Parcel.objects.count() == 1

    def test_a_number_that_another_place_has_used_is_refused(self, clerk, treadmill):
        rower = factories.variant("ROW")
        factories.stock(rower, 1, factories.location("WEST", name="Depot West"))
        order = factories.order(factories.line("T90"), factories.line("ROW"), channel="ebay")
        send(clerk, order, "shipment", **SHIP)

        answer = send(clerk, order, "shipment", **SHIP | {"location": "WEST"})

        assert answer.status_code == 409
        assert "1Z999 left Warehouse East already" in text_of(answer)
        assert Parcel.objects.count() == 1

    def test_an_unpaid_order_is_refused_in_words(self, clerk, order):
        Order.objects.update(awaiting_payment=True)

        answer = send(clerk, order, "shipment", **SHIP)
        assert answer.status_code == 409
        assert "waits for the payment" in text_of(answer)

    def test_names_the_change_a_colleague_made(self, clerk, order):
        version = seen(page_of(clerk, order), "shipment")
        with_reason = {"number": order.number, "reason": "rang", "actor": factories.audit.Actor("staff", "eve")}
        cancellation.cancel(**with_reason, now=timezone.now())

        answer = send(clerk, order, "shipment", **SHIP, version=version, htmx=True)

        assert answer.status_code in (409, 422)
        assert "2 units cancelled by eve" in text_of(answer)

    def test_hands_over_what_is_collected_without_a_label(self, treadmill):
        factories.stock(treadmill, 1, factories.store("OXF", name="Oxford Street"))
        order = factories.order(factories.line("T90", method=Method.PICKUP, location="OXF"), channel="web")
        associate = desk_of("associate", locations=("OXF",))
        page = page_of(associate, order)
        assert "Hand over 1 unit" in text_of(page)
        assert 'name="tracking_number"' not in text_of(page)

        version = seen(page, "shipment")
        answers = [send(associate, order, "shipment", location="OXF", version=version) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [302, 302]
        assert "Handed over order" in text_of(associate.get(answers[0].url))
        assert Parcel.objects.get().carrier == "Collected"

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_send(self, as_role, order, role):
        may = role in ("associate", "store_manager", "supervisor")

        assert send(as_role(role), order, "shipment", **SHIP).status_code == (302 if may else 403)

    def test_does_not_exist_out_of_reach(self, order):
        factories.store("OXF")
        assert send(desk_of("associate", locations=("OXF",)), order, "shipment", **SHIP).status_code == 404


class TestAllocation:
    def test_finds_stock_and_says_so_with_the_next_step(self, desk, short, treadmill):
        factories.stock(treadmill, 2, factories.location("WEST", name="Depot West"))

        answer = send(desk, short, "allocation", version=seen(page_of(desk, short), "allocation"))

        assert answer.status_code == 302
        page = text_of(desk.get(answer.url))
        assert f"Found stock for 2 units of order {short.number}." in page
        assert "?status=backordered" in page
        assert OrderLine.objects.get().backordered == 1

    def test_says_in_words_that_there_still_is_none(self, desk, short):
        answer = send(desk, short, "allocation", htmx=True)

        assert answer.status_code == 409
        assert "No location has a free unit" in text_of(answer)

    def test_twice_is_once(self, desk, short, treadmill):
        version = seen(page_of(desk, short), "allocation")
        factories.stock(treadmill, 2, factories.location("WEST"))
        first = send(desk, short, "allocation", version=version)
        factories.stock(treadmill, 2, factories.location("NORTH"))

        second = send(desk, short, "allocation", version=version)

        assert (first.status_code, second.status_code) == (302, 302)
        assert OrderLine.objects.get().backordered == 1

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_give_stock(self, as_role, short, role):
        may = role in ("agent", "supervisor", "inventory_manager", "store_manager")

        assert send(as_role(role), short, "allocation").status_code == (409 if may else 403)


@pytest.mark.django_db(transaction=True)
class TestTwoPressesAtTheSameTime:
    @pytest.mark.parametrize(("name", "form"), [("cancellation", CANCEL), ("shipment", SHIP)])
    def test_do_one_thing(self, order, name, form):
        clients = [desk_of("supervisor", username="grace"), Client()]
        clients[1].cookies = clients[0].cookies
        version = seen(page_of(clients[0], order), name)
        answers = []

        def press(client):
            answers.append(send(client, order, name, **form, version=version))
            connection.close()

        threads = [threading.Thread(target=press, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [answer.status_code for answer in answers] == [302, 302]
        assert AuditEntry.objects.filter(action__in=["order.cancelled", "order.shipped"]).count() == 1
        assert Parcel.objects.count() == (name == "shipment")


RAW = {
    "orderId": NUMBER,
    "buyer": {"username": "g.sterling_88", "email": "greg@example.com"},
    "shipTo": {"fullName": "Greg Sterling", "addressLine1": "1 Main St", "phoneNumber": "+1 610 555 0100"},
    "note": HOSTILE,
    "total": {"value": "19.98", "currency": "USD"},
}


class TestRaw:
    def get(self, client, order, **query):
        return client.get(reverse("console:order-raw", args=[order.number]), query)

    def test_shows_the_message_as_text_and_writes_the_look_down(self, order):
        message = hear(order, json.dumps(RAW).encode())
        supervisor = desk_of("supervisor", username="grace")

        page = text_of(self.get(supervisor, order))

        assert "greg@example.com" in page
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page
        entry = AuditEntry.objects.get(action="order.raw_read")
        assert (entry.actor, entry.object_id, entry.facts) == (
            "staff:grace",
            str(order.number),
            {"message": message.pk},
        )

    def test_writes_every_look_down_but_not_into_the_story(self, order):
        hear(order, json.dumps(RAW).encode())
        supervisor = desk_of("supervisor")
        for _ in range(2):
            self.get(supervisor, order)

        assert AuditEntry.objects.filter(action="order.raw_read").count() == 2
        assert "raw" not in [entry["text"] for entry in page_of(supervisor, order).context["timeline"]]

    @pytest.mark.parametrize("role", ["auditor", "integration_admin"])
    def test_covers_people_for_roles_that_see_none(self, order, role):
        hear(order, json.dumps(RAW).encode())

        page = text_of(self.get(desk_of(role), order))

        for hidden in ("greg@example.com", "Sterling", "1 Main St", "555 0100", "g.sterling_88"):
            assert hidden not in page
        assert NUMBER in page
        assert "19.98" in page

    def test_shows_the_version_that_was_asked_for(self, order):
        first = hear(order, b'{"orderId": "first"}', version="1")
        hear(order, b'{"orderId": "second"}', version="2")
        supervisor = desk_of("supervisor")

        assert "second" in text_of(self.get(supervisor, order))
        assert "first" in text_of(self.get(supervisor, order, message=first.pk))

    def test_does_not_show_the_message_of_another_order(self, order, treadmill):
        other = factories.order(factories.line("T90"), channel="ebay", number="OTHER")
        message = hear(other, b'{"orderId": "other"}')

        assert self.get(desk_of("supervisor"), order, message=message.pk).status_code == 404
        assert self.get(desk_of("supervisor"), order, message="x").status_code == 404

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"\xff\xfe\x00", b"[" * 5000, b'{"a": 1e400}', b'{"a":1,"a":2}', b"null"]
    )
    @pytest.mark.parametrize("role", ["supervisor", "auditor"])
    def test_what_cannot_be_read_is_no_accident(self, order, body, role):
        hear(order, body)

        assert self.get(desk_of(role), order).status_code == 200

    def test_a_huge_message_is_cut(self, order):
        hear(order, json.dumps({"note": "x" * 200_000}).encode())

        answer = self.get(desk_of("supervisor"), order)
        assert len(answer.content) < 60_000
        assert "only its beginning is shown" in text_of(answer)

    def test_says_when_there_is_none_and_writes_nothing_down(self, order):
        assert "No messages" in text_of(self.get(desk_of("supervisor"), order))
        assert not AuditEntry.objects.filter(action="order.raw_read").exists()

    @pytest.mark.parametrize("role", Role.values)
    def test_is_for_those_who_may_read_raw(self, as_role, order, role):
        may = role in ("supervisor", "integration_admin", "auditor")

        assert self.get(as_role(role), order).status_code == (200 if may else 403)

    def test_does_not_exist_out_of_reach(self, order):
        hear(order)
        assert self.get(desk_of("supervisor", channels=("web",)), order).status_code == 404
