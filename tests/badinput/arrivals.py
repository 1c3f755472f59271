"""Raw marketplace orders on their real way: bytes into the inbox, the inbox worked off."""

import hashlib
import json
from typing import Any

from channels import order_import
from inventory.models import Location, Reservation, StockLevel
from oms import inbox
from oms.models import InboxMessage
from orders.models import Order
from tests import factories
from tests.channels.connectors.payloads import WHERE, put

SKUS = {"ebay": ("TREAD-1000", "MAT-RUBBER"), "amazon": ("LAMP-2", "BULB")}
SECOND = {"ebay": "lineItems.1", "amazon": "orderItems.1"}
STAMP = {"ebay": "lastModifiedDate", "amazon": "lastUpdatedTime"}
EARLIER, LATER = "2026-10-02T09:10:00.000Z", "2026-10-03T08:00:00.000Z"


class Arrivals:
    """A marketplace account of ours whose two articles lie in the warehouse, twenty of each."""

    def __init__(self, kind: str, code: str = "") -> None:
        self.kind, self.at, self.skus = kind, WHERE[kind], SKUS[kind]
        factories.marketplace(code or kind, currency="GBP")
        settings = {"seller_id": "A2DEMOSELLER", "marketplace_id": "A1F83G8C2ARO7P"}
        self.account = factories.account(code or kind, connector=kind, settings=settings)
        self.account.zone = "Europe/London"
        self.account.save()
        for sku in self.skus:
            if not StockLevel.objects.filter(variant__sku=sku).exists():
                at = Location.objects.filter(code="WH").first() or factories.location("WH")
                factories.stock(factories.variant(sku), 20, at)

    def payload(self, *changes: tuple[str, object]) -> dict[str, Any]:
        """The good order, two lines of which the second is open, with some fields changed."""
        payload: dict[str, Any] = self.at["order"]()
        for what, value in changes:
            put(payload, self.at.get(what, what).replace("SECOND", SECOND[self.kind]), value)
        return payload

    def arrive(self, said: dict[str, Any] | bytes, *, event_id: str = "") -> InboxMessage:
        """Put one message into the inbox, as a pull does."""
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        digest = hashlib.sha256(raw).hexdigest()
        number = said.get(self.at["number"]) if isinstance(said, dict) else None
        letter = inbox.Letter(
            event_id=event_id or digest, topic=order_import.TOPIC, raw=raw, object_id=f"{number}".replace("\x00", "")
            if isinstance(number, str) and number.isprintable() else "unreadable",
        )  # fmt: skip
        source = order_import.source_of(self.account.channel.code)
        assert inbox.store(source=source, letters=[letter]) == 1
        return InboxMessage.objects.order_by("-pk")[0]

    def bring(self, said: dict[str, Any] | bytes, **more: str) -> InboxMessage:
        """Let it arrive, and take it in."""
        message = self.arrive(said, **more)
        return self.work_off(message)

    def work_off(self, message: InboxMessage) -> InboxMessage:
        order_import.take_in()
        message.refresh_from_db()
        return message

    def code(self, said: dict[str, Any] | bytes) -> str:
        """The code a message is filed under, with nothing done and the bytes kept."""
        message = self.bring(said)
        assert message.state == "quarantined", (message.state, message.outcome)
        assert message.message
        assert Order.objects.count() == 0
        assert held() == 0
        assert InboxMessage.objects.count() == 1
        assert bytes(message.raw) == (said if isinstance(said, bytes) else json.dumps(said).encode())
        return message.code

    def order(self, said: dict[str, Any] | bytes) -> Order:
        """The order a message becomes."""
        message = self.bring(said)
        assert message.state == "done", (message.state, message.code, message.message)
        order = Order.objects.get()
        assert message.outcome == f"order:{order.number}"
        return order


def held() -> int:
    """Units set aside, as the shelves and as the reservations say."""
    of_shelves = sum(StockLevel.objects.values_list("reserved", flat=True))
    live = Reservation.objects.filter(state="held", location__isnull=False)
    assert of_shelves == sum(live.values_list("quantity", flat=True))
    return of_shelves
