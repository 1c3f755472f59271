"""Every screen, with people's names and stuck messages on it, in a real Chromium: axe finds nothing on any."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels.models import SyncCursor
from customers.models import Customer
from oms import inbox
from oms.models import InboxMessage
from orders import cancellation, fulfilment
from orders.incoming import Buyer
from tests import factories
from tests.browser.looks import violations

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's driver runs a loop in the test's thread
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
PEOPLE = ("Greg Sterling", "Zoë Ångström", "نور الهدى عبد الرحمن", "Bartholomew Featherstonehaugh-Cholmondeley")


@pytest.fixture
def paths(db: None) -> dict[str, str]:
    """{name of a screen: its path}, for a small retailer on whom the sun does not always shine."""
    now = timezone.now()
    treadmill = factories.variant("T90-BLK", title="Treadmill T90, folding, black", gtin="4006381333931", price=189900)
    mug = factories.variant("MUG-RED", title="Enamel mug, red", price=1250)
    east = factories.location("WH-EAST", name="Warehouse East", region="PA", city="Reading")
    store = factories.store("S0123", name="Oxford Street", city="Philadelphia", region="PA")
    for variant, units, place in ((treadmill, 2, east), (mug, 40, east), (mug, 3, store)):
        factories.stock(variant, units, place)
    factories.channel("web", name="Web shop")
    factories.channel("till", "till", name="Store tills")
    for code, price in (("ebay", 89900), ("amazon", 189900)):
        account = factories.account(code)
        factories.listing(account, treadmill, price=price, told=2, told_at=now, confirmed_at=now)
        moment = now - timedelta(seconds=4)
        SyncCursor.objects.create(account=account, resource="orders", read_to=moment, fresh_to=moment)
    orders = [
        factories.order(
            factories.line("T90-BLK" if place < 3 else "MUG-RED", 1, price=89900, title="Treadmill T90"),
            channel=("ebay", "amazon", "web")[place % 3] if place != 2 else "amazon",
            placed_at=now - timedelta(hours=place * 5),
            buyer=Buyer(name=PEOPLE[place % 4], email=f"buyer{place}@example.com", phone=f"+1 610 555 01{place:02}"),
        )
        for place in range(12)
    ]
    fulfilment.ship(
        number=orders[4].number, location="WH-EAST", carrier="UPS", tracking_number="1Z999AA10123456784",
        actor=factories.ACTOR, now=now,
    )  # fmt: skip
    cancellation.cancel(number=orders[5].number, reason="changed her mind", actor=factories.ACTOR, now=now)
    raw = json.dumps({"orderId": "14-09876-55321", "lineItems": [{"sku": "T90 BLK", "title": "Treadmill T90"}]})
    letter = inbox.Letter(event_id="14-09876-55321:1", topic="order", object_id="14-09876-55321", raw=raw.encode())
    inbox.store(source="channel:ebay", letters=[letter])
    stuck = InboxMessage.objects.get()
    facts = {"skus": ["T90 BLK"]}
    inbox.quarantine(stuck.pk, code="sku_unmapped", message="No product has the SKU “T90 BLK”.", facts=facts)
    return {
        "home": "/", "orders": "/orders/", "order": f"/orders/{orders[0].number}/",
        "order-shipped": f"/orders/{orders[4].number}/", "order-raw": f"/orders/{orders[0].number}/raw/",
        "search": "/search/?q=sterling", "search-nothing": "/search/?q=zzzz", "customers": "/customers/",
        "customer": f"/customers/{Customer.objects.order_by('pk')[0].pk}/", "products": "/products/",
        "product": "/products/T90-BLK/", "channels": "/channels/", "channel": "/channels/ebay/",
        "channel-listings": "/channels/ebay/?view=listings", "channel-connection": "/channels/ebay/?view=connection",
        "message": f"/messages/{stuck.pk}/", "oversell": "/oversell/", "counter": "/counter/", "style": "/style/",
    }  # fmt: skip


@pytest.fixture
def supervisor(page: Any, live_server: Any, client: Any, complaints: list[str]) -> Any:
    client.force_login(factories.staff("supervisor", username="maya", first_name="Maya", last_name="Okafor"))
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    yield page
    # Taking a picture makes Chromium itself add a style, which the page's policy refuses.
    assert [said for said in complaints if "inline style" not in said] == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_screen_is_for_everybody(paths, supervisor, live_server, scheme, width):
    supervisor.set_viewport_size({"width": width, "height": 900})
    supervisor.emulate_media(color_scheme=scheme)
    wrong = {}
    for name, path in paths.items():
        answer = supervisor.goto(f"{live_server.url}{path}")
        assert answer.status == 200, f"{path} answered {answer.status}"
        found = violations(supervisor)
        if not supervisor.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            found.append("scrolls sideways")
        if found:
            wrong[name] = found
        if folder := os.environ.get("OMS_SCREENSHOTS"):
            supervisor.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=width == 390)
    assert wrong == {}


def test_nobody_needs_a_mouse_to_find_an_order_and_cancel_it(paths, supervisor, live_server):
    number = paths["order"].strip("/").split("/")[-1]
    supervisor.goto(f"{live_server.url}/")
    supervisor.keyboard.press("/")
    supervisor.keyboard.type(number)
    supervisor.keyboard.press("Enter")
    supervisor.wait_for_url(f"{live_server.url}{paths['order']}")

    supervisor.get_by_role("button", name="Cancel", exact=False).first.focus()
    supervisor.keyboard.press("Enter")
    assert supervisor.get_by_role("dialog").first.is_visible()
