"""K01 and K02: words that try to be markup, on every screen, and requests other sites make a browser send."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from channels import order_import, stock_push
from channels.models import ChannelAccount, Listing, ShipmentPush, StockPush, SyncCursor
from customers.models import Customer
from inventory.models import Location, Price, Product, Variant
from oms import audit, inbox, logs, permissions
from oms.models import InboxMessage, Role
from orders import cancellation, fulfilment
from orders.incoming import Address, Buyer, Payment, State
from orders.models import Order, SalesChannel
from tests import factories

# A tag, an attribute of either quote, a script, a template and an address, each with a mark of its own.
TAG = "<zqx-el zqx-a=1><img src=zqx onerror=zqx()>"
QUOTES = '" zqx-b="1" onload="zqx()" \' zqx-c=\'1'
SCRIPT = "</script></textarea></title></style><script>zqx()</script><!--"
TEMPLATE = "{{ 7777|add:7777 }}{% debug %}"
ADDRESS = "javascript:zqx()"
HOSTILE = TAG + QUOTES + SCRIPT + TEMPLATE
SHORT = "<zqx-el>\"zqx-b='1"  # where there is room for few letters

LEADING = ("href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href", "poster", "data", "srcset")


@dataclass
class Seen(HTMLParser):
    """What a browser would make of a page: complaints about what should not be there, and the text."""

    complaints: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    inside: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    __hash__ = object.__hash__

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        if "zqx" in tag or tag in {"object", "embed", "iframe", "base", "style"}:
            self.complaints.append(f"<{tag}>")
        for name, value in attrs:
            if "zqx" in name or name.startswith("on") or name in {"style", "srcdoc"}:
                self.complaints.append(f"<{tag} {name}={value!r}>")
            if name in LEADING and not _leads_somewhere_good(value or ""):
                self.complaints.append(f"<{tag} {name}={value!r}>")
        if tag == "script" and not dict(attrs).get("src", "").startswith("/static/"):
            kind = dict(attrs).get("type")
            if kind != "application/json":
                self.complaints.append(f"<script {attrs}>")

    def handle_comment(self, data: str) -> None:
        if "zqx" in data:
            self.complaints.append(f"<!--{data[:40]}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _leads_somewhere_good(address: str) -> bool:
    """Our own pages, https pages elsewhere, mail and phone; nothing that runs, and no image of a stranger's."""
    plain = unquote(address).strip().lower()
    return plain in {"", "zqx"} or plain.startswith(("/", "#", "?", "https://", "mailto:", "tel:", "data:image/"))


def complaints(answer: Any) -> list[str]:
    said = answer.content.decode()
    seen = Seen()
    seen.feed(said)
    seen.close()
    if "15554" in said:
        seen.complaints.append("a template was run")
    return seen.complaints


def text(answer: Any) -> str:
    seen = Seen()
    seen.feed(answer.content.decode())
    return "".join(seen.text)


@dataclass
class World:
    """One of everything, and every word of it hostile."""

    order: Order
    customer: int
    message: InboxMessage
    variant: Variant

    def address(self, name: str, pattern: Any) -> str:
        known = {
            "number": self.order.number, "sku": self.variant.sku, "code": "ebay", "line": 1,
            "pk": self.customer if name.startswith("customer") else self.message.pk,
        }  # fmt: skip
        return reverse(f"console:{name}", kwargs={key: known[key] for key in pattern.converters})


@pytest.fixture
def world(db: None) -> World:
    now = timezone.now()
    actor = audit.Actor("staff", "<zqx-el>")
    store = factories.store("S1", name=HOSTILE[:120], city=HOSTILE[:80], line1=HOSTILE[:120], phone=SHORT, region=SHORT)
    sku = "<zqx-el zqx-a=1>\"'{{7}}"
    variant = factories.variant(sku, title=HOSTILE[:200], price=1000)
    factories.stock(variant, 5, store)
    Product.objects.update(
        brand=HOSTILE[:80], category=HOSTILE[:200], description=HOSTILE, image_url=ADDRESS, title=HOSTILE[:200]
    )
    Variant.objects.update(name=HOSTILE[:120])
    Price.objects.update(channel="")
    factories.channel("web", name=HOSTILE[:80])
    factories.channel("till", "till", name=HOSTILE[:80])
    account = factories.account("ebay", settings={"api": ADDRESS, "auth": ADDRESS})
    SalesChannel.objects.update(name=HOSTILE[:80])
    ChannelAccount.objects.update(state="unauthorised", state_reason=HOSTILE[:300])
    SyncCursor.objects.create(
        account=account,
        resource="orders",
        read_to=now,
        fresh_to=now,
        failures=3,
        error=HOSTILE[:300],
        last_started_at=now,
    )
    listing = factories.listing(account, variant, HOSTILE[:80], external_id=HOSTILE[:80], title=HOSTILE[:300], told=3)
    stock_push.want(variants=[variant.pk])
    StockPush.objects.update(error_code=SHORT, error=HOSTILE[:300])
    other = factories.order(factories.line(sku, 2), channel="web", number=HOSTILE[:80])
    cancellation.cancel(number=other.number, reason=HOSTILE, actor=actor, now=now)
    order = _order(sku, now)
    fulfilment.ship(
        number=order.number, location="S1", carrier=SHORT, tracking_number=f"{ADDRESS}{SHORT}"[:60], units={1: 1},
        actor=actor, now=now,
    )  # fmt: skip
    ShipmentPush.objects.create(
        account=account, parcel=order.parcels.get(), state="rejected", error_code=SHORT, error=HOSTILE[:300]
    )
    order.refresh_from_db()
    Customer.objects.update(note=HOSTILE)
    assert order.customer_id
    assert listing.pk
    return World(order, order.customer_id, _message(), variant)


def _order(sku: str, now: datetime) -> Order:
    address = Address(
        name=HOSTILE[:200], line1=HOSTILE[:200], line2=HOSTILE[:200], city=HOSTILE[:120], region=SHORT,
        postcode=SHORT[:20],
        country="US", phone=SHORT,
    )  # fmt: skip
    buyer = Buyer(
        name=HOSTILE[:200], email="\"<zqx-el>'zqx-b=1\"@example.com", phone=SHORT, reference=HOSTILE[:80],
        loyalty_number=SHORT,
    )  # fmt: skip
    lines = [factories.line(sku, 9, title=HOSTILE[:300], external_id=HOSTILE[:80])]
    return factories.order(
        *lines, channel="ebay", number=f"N{HOSTILE[:78]}", buyer=buyer, ship_to=address, note=HOSTILE, placed_at=now,
        warnings=(SHORT, "address_warning"), cancel_requested=True, state=State.OPEN,
        payments=(Payment(method=SHORT, amount=9000, reference=HOSTILE[:120], collected_by_channel=True),),
    )  # fmt: skip


def _message() -> InboxMessage:
    raw = json.dumps({"orderId": HOSTILE, "lineItems": [{"sku": HOSTILE[:80], "title": HOSTILE}]}).encode()
    letters = [
        inbox.Letter(event_id=f"{code}{HOSTILE}"[:200], topic="order", object_id=HOSTILE[:100], raw=raw + b" " * place)
        for place, code in enumerate(("sku_unmapped", "price_zero"))
    ]
    inbox.store(source=order_import.source_of("ebay"), letters=letters)
    for message in InboxMessage.objects.order_by("pk"):
        inbox.quarantine(
            message.pk,
            code=message.event_id.partition("<")[0],
            message=HOSTILE,
            facts={"skus": [HOSTILE[:80]], "x": HOSTILE},
        )
    return InboxMessage.objects.order_by("pk")[0]


def pages() -> list[tuple[str, Any]]:
    """Every route of the console by its name."""
    console = next(each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "console")
    return [(pattern.name, pattern.pattern) for pattern in console.url_patterns]


def roles(name: str) -> list[str]:
    """Two of those who may look: what is masked for one may be shown to another."""
    action = permissions.ROUTES[f"console:{name}"]
    allowed = permissions.ACTIONS[action].roles if action in permissions.ACTIONS else {Role.SUPERVISOR}
    return sorted(allowed, key=lambda role: (role != Role.SUPERVISOR, role))[:2]


def browser(role: str) -> Client:
    found = Client()
    user = factories.staff(
        role, username=f"{role[:8]}{datetime.now(UTC).timestamp()}", first_name=SHORT, last_name=HOSTILE[:100]
    )
    get_user_model().objects.filter(pk=user.pk).update(email=SHORT)
    found.force_login(user)
    return found


PART = {"HX-Request": "true"}
QUERY = {
    "q": HOSTILE, "cause": HOSTILE, "after": HOSTILE, "before": HOSTILE, "view": HOSTILE, "why": HOSTILE,
    "message": HOSTILE,
    "store": HOSTILE, "kind": HOSTILE, "channel": HOSTILE, "status": HOSTILE, "lines_from": HOSTILE, "sort": HOSTILE,
    "places": HOSTILE, "location": HOSTILE, "next": ADDRESS, "page": HOSTILE, "cursor": HOSTILE,
}  # fmt: skip
FORM = {
    "reason": HOSTILE, "carrier": HOSTILE, "tracking_number": HOSTILE, "location": HOSTILE, "sku": HOSTILE,
    "variant_sku": HOSTILE,
    "variant": HOSTILE, "q": HOSTILE, "code": HOSTILE, "store": HOSTILE, "quantity": HOSTILE, "name": HOSTILE,
    "email": HOSTILE,
    "phone": HOSTILE, "note": HOSTILE, "basket": HOSTILE, "purpose": HOSTILE, "key": HOSTILE, "username": HOSTILE,
    "password": HOSTILE, "next": ADDRESS, "line": HOSTILE, "price": HOSTILE, "paid": HOSTILE, "method": HOSTILE,
}  # fmt: skip


class TestK01Markup:
    @pytest.mark.parametrize(("name", "pattern"), pages(), ids=[name for name, _ in pages()])
    def test_stays_text_on_every_screen(self, world: World, name: str, pattern: Any) -> None:
        """With and without hostile questions, whole pages and parts of them."""
        address = world.address(name, pattern)
        for role in roles(name):
            visitor = browser(role)
            for query, headers in (({}, {}), (QUERY, {}), (QUERY, PART), ({"q": "zqx"}, PART)):
                answer = visitor.get(address, query, headers=headers)
                assert answer.status_code < 500
                assert complaints(answer) == [], (role, query)

    @pytest.mark.parametrize(("name", "pattern"), pages(), ids=[name for name, _ in pages()])
    def test_stays_text_in_what_a_form_gives_back(self, world: World, name: str, pattern: Any) -> None:
        address = world.address(name, pattern)
        for role in roles(name)[:1]:
            visitor = browser(role)
            visitor.get("/counter/")  # a till is open
            for headers in ({}, PART):
                answer = visitor.post(address, FORM, headers=headers, follow=True)
                assert answer.status_code < 500
                assert complaints(answer) == [], role

    @pytest.mark.parametrize(
        "name", ["orders", "order", "customer", "product", "channel", "message", "search", "oversell"]
    )
    def test_is_on_those_screens_at_all(self, world: World, name: str) -> None:
        """Or the cases above would prove nothing."""
        pattern = dict(pages())[name]
        said = text(
            browser(Role.SUPERVISOR).get(world.address(name, pattern), {"q": "zqx"} if name == "search" else {})
        )

        assert "zqx" in said

    def test_stays_text_where_nothing_is_found(self, world: World) -> None:
        for path in (f"/products/{TAG}/", f"/channels/{SHORT}/", f"/{HOSTILE}", "/orders/1/", "/messages/999999/"):
            answer = browser(Role.SUPERVISOR).get(path)
            assert (answer.status_code, complaints(answer)) == (404, [])

    def test_no_screen_lets_a_script_of_its_own_run(self, world: World) -> None:
        policy = browser(Role.SUPERVISOR).get("/orders/")["Content-Security-Policy"]

        assert "script-src 'self'" in policy
        assert "unsafe" not in policy

    def test_the_reader_of_pages_would_see_it(self) -> None:
        class Answer:
            content = f"<p title='{HOSTILE}'>{HOSTILE}</p><a href='{ADDRESS}'>{TEMPLATE} 15554</a>".encode()

        assert len(complaints(Answer())) >= 6


class TestK02OtherSites:
    @pytest.fixture
    def strict(self, db: None) -> Client:
        factories.staff("agent", username="maya")
        return Client(enforce_csrf_checks=True)

    PAIR = {"username": "maya", "password": "password"}

    def token(self, visitor: Client) -> str:
        visitor.get("/login/")
        return visitor.cookies["csrftoken"].value

    def test_log_in_needs_the_token_of_its_own_page(self, strict: Client) -> None:
        assert strict.post("/login/", self.PAIR).status_code == 403
        assert "sessionid" not in strict.cookies

        said = self.PAIR | {"csrfmiddlewaretoken": self.token(strict)}
        assert strict.post("/login/", said).status_code == 302

    @pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x"])
    def test_nor_in_another_form(self, strict: Client, kind: str) -> None:
        self.token(strict)

        assert strict.post("/login/", json.dumps(self.PAIR), content_type=kind).status_code == 403

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://testserver:81"]
    )
    def test_nor_from_another_page(self, strict: Client, origin: str) -> None:
        said = self.PAIR | {"csrfmiddlewaretoken": self.token(strict)}

        assert strict.post("/login/", said, headers={"Origin": origin}).status_code == 403

    def test_the_token_of_somebody_else_does_not_do(self, strict: Client) -> None:
        self.token(strict)
        said = self.PAIR | {"csrfmiddlewaretoken": self.token(Client())}

        assert strict.post("/login/", said).status_code == 403

    @pytest.mark.parametrize(("name", "pattern"), pages(), ids=[name for name, _ in pages()])
    def test_no_screen_takes_a_post_without_it(self, world: World, name: str, pattern: Any) -> None:
        """Whoever is signed in; the answer of every route, whether or not it takes posts at all."""
        before = list(Order.objects.order_by("pk").values())
        visitor = Client(enforce_csrf_checks=True)
        visitor.force_login(factories.staff(roles(name)[0]))

        assert visitor.post(world.address(name, pattern), FORM).status_code == 403
        assert list(Order.objects.order_by("pk").values()) == before

    def test_log_out_needs_it_too(self, strict: Client) -> None:
        strict.force_login(get_user_model().objects.get())

        assert strict.post("/logout/").status_code == 403
        assert strict.get("/logout/").status_code == 405
        assert strict.get("/orders/").status_code == 200

    @pytest.mark.parametrize("path", ["orders", "orders/1/cancellation", "orders/1/shipments"])
    def test_the_api_does_not_know_the_browsers_session(self, strict: Client, path: str) -> None:
        """So no other site can make a signed-in browser call it, token or not."""
        strict.force_login(get_user_model().objects.get())
        answer = strict.post(f"/api/v1/{path}", "{}", content_type="application/json", headers={"Idempotency-Key": "k"})

        assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/search/", "/orders/", "/customers/", "/nothing/", "/api/v1/orders"])
def test_what_a_caller_is_looked_for_by_is_in_no_log(db: None, path: str) -> None:
    """The log names the address of every request; that nobody is named in it is looked at after every case."""
    assert browser(Role.AGENT).get(path, {"q": "Miriam Okafor, 7 Lantern Row"}).status_code < 500
    assert logs.clean(f"GET {path}?q=Okafor&x=1 failed: 404") == f"GET {path}?… failed: 404"


def test_every_listing_and_place_was_hostile(world: World) -> None:
    assert Listing.objects.get().sku.startswith("<zqx-el")
    assert Location.objects.get().name.startswith("<zqx-el")
