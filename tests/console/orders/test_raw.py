"""The messages of an order as the channel sent them."""

import json

import pytest
from django.urls import reverse

from oms.models import AuditEntry, Role
from tests import factories
from tests.console.orders.desk import (
    HOSTILE,
    NUMBER,
    desk_of,
    hear,
    page_of,
    text_of,
)

pytestmark = pytest.mark.django_db

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
