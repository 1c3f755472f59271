"""One order: its story, what it shows and what it offers."""

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from channels.models import ShipmentPush
from oms import inbox
from oms.models import InboxMessage, Role
from orders import cancellation, fulfilment
from orders.incoming import Buyer, Method
from orders.models import FulfilmentOrder, Order, OrderHold, OrderLine, Parcel
from tests import factories
from tests.console.orders.desk import (
    HOSTILE,
    HTMX,
    NUMBER,
    SHIP,
    STEERING,
    desk_of,
    hear,
    page_of,
    send,
    text_of,
    words_of,
)

pytestmark = pytest.mark.django_db


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
