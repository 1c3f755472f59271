"""What can be done with an order, once, however often it is asked for."""

import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from inventory.models import StockLevel
from oms.models import AuditEntry, Role
from orders import allocation, cancellation, fulfilment
from orders.incoming import Method
from orders.models import Order, OrderLine, Parcel
from tests import factories
from tests.console.orders.desk import CANCEL, HOSTILE, SHIP, STEERING, desk_of, page_of, seen, send, text_of

pytestmark = pytest.mark.django_db


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
