"""Messages of a marketplace, as its own example of an order tells them."""

import json
from datetime import timedelta

from django.utils import timezone

from channels import order_import
from oms import inbox
from oms.models import InboxMessage
from tests.channels.connectors.payloads import ebay_order

OURS, THEIRS = "MAT-RUBBER", "TREAD-1000"  # the SKUs of the example: a treadmill that nobody here calls so, and a mat


def order(number, *, sku=THEIRS, **more):
    """eBay's example order in dollars, under this number and with this SKU on its first line."""
    found = json.loads(json.dumps(ebay_order("paid")).replace("GBP", "USD"))
    found["orderId"] = number
    found["lineItems"][0]["sku"] = sku
    return json.dumps({**found, **more}).encode()


def receive(number, raw=None, *, channel="ebay", event="", take_in=True, **more):
    """A message as it stands after it was worked on once."""
    event = event or f"{number}:1"
    letter = inbox.Letter(
        event_id=event, topic="order", object_id=number, raw=raw or order(number, **more),
        version_at=timezone.now() - timedelta(minutes=5),
    )  # fmt: skip
    inbox.store(source=f"channel:{channel}", letters=[letter])
    if take_in:
        order_import.take_in()
    return InboxMessage.objects.filter(object_id=number).latest("pk")
