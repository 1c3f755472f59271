"""Everybody lands on their own work: what waits for them, and the door to what they do all day."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from channels import health
from console import masking
from console.channels import LATE
from console.context import StaffRequest
from console.order_words import hold_words
from inventory.models import Location
from oms.models import InboxMessage, Role
from oms.permissions import staff_may
from orders.models import FulfilmentOrder, Order, OrderHold, OrderLine, SalesChannel

SHOWN = 8  # rows of a panel
LATELY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page. `rows` are what its template draws; without any it says why that is good."""

    title: str
    template: str
    rows: list[Any]
    url: str = ""  # where all of it stands
    link: str = ""
    empty: str = ""
    more: bool = False

    @property
    def path(self) -> str:
        return f"console/home/{self.template}.html"


@dataclass(frozen=True, slots=True)
class Desk:
    """Who looks, and from when on."""

    request: StaffRequest
    now: datetime

    @property
    def role(self) -> str:
        return self.request.staff.role

    def may(self, action: str) -> bool:
        return staff_may(self.role, action)

    def orders(self) -> QuerySet[Order]:
        return Order.objects.within(self.request.reach).select_related("channel")


@require_GET
@masking.private
def home(request: StaffRequest) -> HttpResponse:
    desk = Desk(request, timezone.now())
    panels = [panel for draw in WORK[Role(desk.role)] if (panel := draw(desk))]
    context = {
        "panels": panels,
        "doors": _doors(desk),
        "searches": desk.may("search"),
        "story": STORIES[Role(desk.role)],
        "asks": "Number, name, e-mail, phone, SKU" if masking.meets_people(desk.role) else _asks(desk),
    }
    return render(request, "console/home/page.html", context)


def _asks(desk: Desk) -> str:
    return "Order number, tracking number, SKU" if desk.may("order.read") else "SKU, barcode, words of a title"


def _doors(desk: Desk) -> list[dict[str, Any]]:
    """The places this role works at, most likely first, for who has nothing waiting."""
    doors = [
        ("order.place", "Sell at the counter", "counter", "scan-barcode"),
        ("order.read", "All orders", "orders", "receipt-text"),
        ("customer.read", "Customers", "customers", "users"),
        ("channel.read", "Channels", "channels", "radio-tower"),
        ("product.read", "Products", "products", "package"),
        ("access.read", "Who may what", "access", "key-round"),
    ]
    found = [
        {"label": label, "url": reverse(f"console:{name}"), "icon": icon}
        for action, label, name, icon in doors
        if desk.may(action)
    ]
    return [{**door, "primary": place == 0 and not desk.may("search")} for place, door in enumerate(found[:3])]


# -- orders -----------------------------------------------------------------------------------------------------------


def _row(order: Order, desk: Desk, why: str = "") -> dict[str, Any]:
    return {"order": order, "buyer": masking.person(order.buyer_name, desk.role), "why": why}


def _orders(
    desk: Desk, title: str, found: QuerySet[Order], *by: str, empty: str = "", url: str = "", link: str = ""
) -> Panel:
    orders = list(found.order_by(*by)[: SHOWN + 1])
    rows = [_row(order, desk) for order in orders[:SHOWN]]
    return Panel(title, "_orders", rows, url, link, empty, more=len(orders) > SHOWN)


def _waiting_for_stock(desk: Desk) -> Panel:
    lines = OrderLine.objects.filter(backordered__gt=0).values("order")
    return _orders(
        desk, "Waiting for stock", desk.orders().filter(pk__in=lines), "placed_at", "pk",
        empty="No order waits for stock.", url=f"{reverse('console:orders')}?status=backordered", link="All that wait",
    )  # fmt: skip


def _asked_to_cancel(desk: Desk) -> Panel | None:
    found = desk.orders().filter(cancel_requested=True, status__in=["open", "backordered", "allocated"])
    panel = _orders(desk, "The buyer asks to cancel", found, "placed_at", "pk")
    return panel if panel.rows else None


def _on_hold(desk: Desk) -> Panel:
    holds = OrderHold.objects.filter(released_at=None, order__in=Order.objects.within(desk.request.reach).values("pk"))
    found = list(holds.select_related("order__channel").order_by("placed_at", "pk")[: SHOWN + 1])
    rows = [_row(hold.order, desk, hold_words(hold)) for hold in found[:SHOWN]]
    return Panel("On hold", "_orders", rows, empty="No order is on hold.", more=len(found) > SHOWN)


def _lately(desk: Desk) -> Panel:
    found = desk.orders().filter(placed_at__gte=desk.now - LATELY)
    return _orders(
        desk, "Came in lately", found, "-placed_at", "-pk", empty="No order came in during the last six hours.",
        url=reverse("console:orders"), link="All orders",
    )  # fmt: skip


# -- the store --------------------------------------------------------------------------------------------------------


def _work(desk: Desk, title: str, method: str, empty: str) -> Panel:
    """Open work of the places in reach, oldest first."""
    plans = FulfilmentOrder.objects.filter(
        state=FulfilmentOrder.State.OPEN, method=method, order__awaiting_payment=False,
        location__in=Location.objects.within(desk.request.reach), order__channel__in=_channels(desk),
    )  # fmt: skip
    pending = Sum(F("allocations__quantity") - F("allocations__sent") - F("allocations__dropped"))
    open_work = plans.select_related("order__channel", "location").annotate(pending=pending)
    found = list(open_work.order_by("order__placed_at", "pk")[: SHOWN + 1])
    titles = _first_titles([plan.order_id for plan in found])
    rows = [
        {
            **_row(plan.order, desk),
            "units": plan.pending,
            "place": plan.location.name,
            "title": titles.get(plan.order_id),
        }
        for plan in found[:SHOWN]
    ]
    url = f"{reverse('console:orders')}?status=allocated"
    return Panel(title, "_work", rows, url, empty=empty, more=len(found) > SHOWN)


def _channels(desk: Desk) -> QuerySet[SalesChannel]:
    codes = desk.request.reach.channels
    return SalesChannel.objects.all() if codes is None else SalesChannel.objects.filter(code__in=codes)


def _first_titles(orders: list[int]) -> dict[int, str]:
    lines = OrderLine.objects.filter(order__in=orders, allocated__gt=0).order_by("order", "position")
    return dict(lines.distinct("order").values_list("order", "variant__product__title"))


def _to_hand_over(desk: Desk) -> Panel:
    return _work(desk, "To hand over", "pickup", "Nobody waits to collect anything.")


def _to_send(desk: Desk) -> Panel:
    return _work(desk, "To pick and send", "ship", "Nothing waits to be picked and sent.")


# -- channels and stock -----------------------------------------------------------------------------------------------


def _channel_health(desk: Desk) -> Panel:
    strips = health.strips(codes=desk.request.reach.channels)
    rows = [_strip(strip, desk.now) for strip in strips if strip.kind == SalesChannel.Kind.MARKETPLACE]
    return Panel(
        "Channels", "_channels", rows, reverse("console:channels"), "All channels",
        "No marketplace is connected yet.",
    )  # fmt: skip


def _strip(strip: health.Strip, now: datetime) -> dict[str, Any]:
    fresh = strip.fresh_to is not None and now - strip.fresh_to <= LATE
    failing = strip.state != "active" or bool(strip.failures)
    late = "Running late" if strip.fresh_to else "Not started"
    return {
        "strip": strip,
        "tone": "bad" if failing else "good" if fresh else "warn",
        "word": "Needs a look" if failing else "Fresh" if fresh else late,
    }


def _figures(desk: Desk) -> Panel:
    """The two numbers nobody wants to see, and where they come from."""
    reach = desk.request.reach
    stuck = InboxMessage.objects.filter(state=InboxMessage.State.QUARANTINED)
    if reach.channels is not None:
        stuck = stuck.filter(source__in=[f"channel:{code}" for code in reach.channels])
    rows = []
    if desk.may("channel.read"):
        number = stuck.count()
        rows.append(_figure("Messages stuck", number, "bad", reverse("console:channels")))
    if desk.may("oversell.read"):
        lines = OrderLine.objects.filter(backordered__gt=0)
        if reach.channels is not None or reach.locations is not None:
            lines = lines.filter(order__in=Order.objects.within(reach).values("pk"))
        short = lines.aggregate(units=Sum("backordered"))["units"] or 0
        rows.append(_figure("Units sold without stock", short, "warn", reverse("console:oversell")))
    return Panel("Needs a person", "_figures", rows)


def _figure(label: str, number: int, tone: str, url: str) -> dict[str, Any]:
    return {"label": label, "value": f"{number:,}", "tone": tone if number else "", "url": url}


Draw = Callable[[Desk], Panel | None]
WORK: dict[Role, tuple[Draw, ...]] = {
    Role.AGENT: (_asked_to_cancel, _waiting_for_stock, _on_hold, _lately),
    Role.SUPERVISOR: (_figures, _asked_to_cancel, _waiting_for_stock, _on_hold, _lately),
    Role.ASSOCIATE: (_to_hand_over, _to_send),
    Role.STORE_MANAGER: (_figures, _to_hand_over, _to_send, _waiting_for_stock),
    Role.INVENTORY_MANAGER: (_figures, _waiting_for_stock, _channel_health),
    Role.MERCHANDISER: (_figures, _channel_health),
    Role.INTEGRATION_ADMIN: (_figures, _channel_health),
    Role.FINANCE: (_channel_health, _lately),
    Role.AUDITOR: (_figures, _channel_health, _lately),
    Role.PRIVACY_OFFICER: (),
    Role.PLATFORM_ADMIN: (),
}
STORIES = {
    Role.AGENT: "Type what the caller says. Below is what waits for somebody to decide.",
    Role.SUPERVISOR: "What is stuck, what waits for a decision, and what came in.",
    Role.ASSOCIATE: "What customers wait for at your store, oldest first.",
    Role.STORE_MANAGER: "What waits at your stores, and what they cannot fulfil.",
    Role.INVENTORY_MANAGER: "Where stock is short, and whether the channels know.",
    Role.MERCHANDISER: "How your listings' channels are, and what is stuck on its way in.",
    Role.INTEGRATION_ADMIN: "Whether every channel is fresh, and what is stuck on its way in.",
    Role.FINANCE: "What the channels sold lately.",
    Role.AUDITOR: "How things stand. You see everything and change nothing.",
    Role.PRIVACY_OFFICER: "Find the person who asked; what they ordered is not part of it.",
    Role.PLATFORM_ADMIN: "Who may do what. Orders, people and stock are not shown to your role.",
}
