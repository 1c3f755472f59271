"""How the tests of the order screens ask and read."""

import re

from django.test import Client
from django.urls import reverse

from oms import inbox
from oms.models import InboxMessage
from tests import factories

HOSTILE = "<img src=x onerror=alert(1)>"
STEERING = "\u202egnirets"
HTMX = {"HTTP_HX_REQUEST": "true"}
NUMBER = "14-09876-55321"


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


def desk_of(role: str, **reach) -> Client:
    client = Client()
    client.force_login(factories.staff(role, **reach))
    return client
