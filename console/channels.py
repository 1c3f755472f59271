"""The channels at a glance, and one of them in detail: proven fresh, or why not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.core import signing
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from channels import health
from channels.health import Strip
from channels.models import CallBudget, ChannelAccount, Listing, ShipmentPush, StockPush
from channels.order_import import source_of
from console.context import StaffRequest
from console.templatetags.show import span
from console.vocabulary import Stuck, stuck_words
from inventory import availability
from oms import text
from oms.models import InboxMessage
from oms.permissions import staff_may
from orders.models import Order, SalesChannel

LATE = timedelta(minutes=2)  # orders or stock older than this are no longer called fresh
DOWN_AFTER = 5  # failures in a row
PAGE = 25
SHOWN_PER_CAUSE, MOST_STUCK = 4, 200
VIEWS = {"": "Overview", "listings": "Listings", "stock": "To be told", "connection": "Connection"}


@dataclass(frozen=True, slots=True)
class Row:
    """A strip in the words of the screen."""

    strip: Strip
    word: str
    tone: str
    story: str
    stats: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Cause:
    """Messages stuck for one reason; `messages` are the newest of `count`."""

    words: Stuck
    count: int
    messages: list[Any]

    @property
    def more(self) -> int:
        return self.count - len(self.messages)


@require_GET
@vary_on_headers("HX-Request")
def board(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    rows = [_row(strip, now) for strip in health.strips(codes=request.reach.channels)]
    context = {
        "accounts": [row for row in rows if _is_account(row.strip)],
        "own": [row for row in rows if not _is_account(row.strip)],
        "story": _summary(rows),
        "now": now,
    }
    template = "console/channels/_strips.html" if request.htmx else "console/channels/board.html"
    return render(request, template, context)


@require_GET
@vary_on_headers("HX-Request")
def channel(request: StaffRequest, code: str) -> HttpResponse:
    if not request.reach.has_channel(code):
        raise Http404(code)
    strips = health.strips(codes=frozenset({code}))
    if not strips:
        raise Http404(code)
    now, view = timezone.now(), request.GET.get("view", "")
    row = _row(strips[0], now)
    has_account = _is_account(row.strip)
    parts = {"listings": _listings, "stock": _to_be_told, "connection": _connection} if has_account else {}
    view = view if view in parts else ""
    context = {
        "row": row,
        "crumbs": [{"label": "Channels", "url": reverse("console:channels")}],
        "has_account": has_account,
        "tabs": [{"label": VIEWS[name], "url": f"?view={name}", "current": view == name} for name in VIEWS],
        "view": view,
        "now": now,
        **parts.get(view, _overview)(request, code),
    }
    if request.htmx and view == "listings":
        return render(request, "console/channels/_listings.html", context)
    return render(request, "console/channels/channel.html", context)


# -- in words -----------------------------------------------------------------------------------------------------


def _is_account(strip: Strip) -> bool:
    return strip.kind == SalesChannel.Kind.MARKETPLACE


def _row(strip: Strip, now: datetime) -> Row:
    word, tone, story = _judged(strip, now) if _is_account(strip) else _judged_own(strip)
    return Row(strip, word, tone, story, _stats(strip, now) if _is_account(strip) else [])


def _judged(strip: Strip, now: datetime) -> tuple[str, str, str]:
    """Word, tone and one sentence. Green only for what the last answer of the channel proves."""
    name = strip.name
    if strip.state == ChannelAccount.State.UNAUTHORISED:
        return "Not authorised", "bad", f"{name} no longer takes our credentials. {strip.state_reason}".strip()
    if strip.state == ChannelAccount.State.PAUSED:
        return "Paused", "warn", f"{name} is paused. {strip.state_reason}".strip()
    if strip.failures:
        tone, word = ("bad", "Down") if strip.failures >= DOWN_AFTER else ("warn", "Trying again")
        times = "once" if strip.failures == 1 else f"{strip.failures} times in a row"
        return word, tone, f"The last look for orders failed {times}: {strip.error or 'no answer'}"
    return _judged_by_freshness(strip, now)


def _judged_by_freshness(strip: Strip, now: datetime) -> tuple[str, str, str]:
    if strip.fresh_to is None:
        return "Not started", "warn", f"No order of {strip.name} has been looked for yet."
    if now - strip.fresh_to > LATE:
        return "Running late", "warn", f"Orders are known up to {span(now - strip.fresh_to)} ago; the next look is due."
    if strip.oldest_push_at and now - strip.oldest_push_at > LATE:
        waiting = span(now - strip.oldest_push_at)
        return "Running late", "warn", f"Orders are fresh, but a change of stock has waited {waiting} to be told."
    wrong = [_waiting(strip.quarantined)] if strip.quarantined else []
    wrong += [f"{_many(strip.push_errors, 'listing')} took no new stock"] if strip.push_errors else []
    if wrong:
        return "Needs a look", "warn", f"Orders are fresh, but {' and '.join(wrong)}."
    return "Healthy", "good", f"{strip.name} and this desk say the same: orders are fresh and {_told(strip)}."


def _waiting(messages: int) -> str:
    return f"{_many(messages, 'message')} {'waits' if messages == 1 else 'wait'} for a person"


def _told(strip: Strip) -> str:
    return f"{_many(strip.push_queue, 'change')} of stock on the way" if strip.push_queue else "all stock has been told"


def _judged_own(strip: Strip) -> tuple[str, str, str]:
    if strip.last_order_at is None:
        return "Quiet", "calm", f"{strip.name} has not sold anything yet."
    return "Open", "active", f"{strip.name} took {_many(strip.orders_today, 'order')} today."


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _stats(strip: Strip, now: datetime) -> list[dict[str, Any]]:
    fresh = strip.fresh_to is not None and now - strip.fresh_to <= LATE
    waited = strip.oldest_push_at is not None and now - strip.oldest_push_at > LATE
    local, page = timezone.localtime, reverse("console:channel", args=[strip.code])
    return [
        {
            "label": "Orders fresh to",
            "value": f"{local(strip.fresh_to):%H:%M:%S}" if strip.fresh_to else "–",
            "note": f"{span(now - strip.fresh_to)} behind" if strip.fresh_to else "",
            "tone": "good" if fresh else "warn",
        },
        {
            "label": "Stock told",
            "value": f"{local(strip.last_push_at):%H:%M:%S}" if strip.last_push_at else "–",
            "note": _day(strip.last_push_at, now),
        },
        {
            "label": "Queue",
            "value": f"{strip.push_queue:,}",
            "note": f"oldest {span(now - strip.oldest_push_at)}" if strip.oldest_push_at else "",
            "tone": "warn" if waited else "",
        },
        {
            "label": "Not taken",
            "value": f"{strip.push_errors:,}",
            "tone": "bad" if strip.push_errors else "",
            "url": f"{page}?view=stock" if strip.push_errors else "",
        },
        {
            "label": "Quarantine",
            "value": f"{strip.quarantined:,}",
            "tone": "bad" if strip.quarantined else "",
            "url": f"{page}#stuck" if strip.quarantined else "",
        },
        {"label": "Orders today", "value": f"{strip.orders_today:,}"},
    ]


def _day(moment: datetime | None, now: datetime) -> str:
    return f"{span(now - moment)} ago" if moment and now - moment > timedelta(days=1) else ""


def _summary(rows: list[Row]) -> str:
    accounts = [row for row in rows if _is_account(row.strip)]
    wrong = [row for row in accounts if row.tone != "good"]
    stuck = sum(row.strip.quarantined for row in rows)
    if not accounts:
        return "No marketplace is connected yet; what the own channels sell is below."
    needs = "needs" if len(wrong) == 1 else "need"
    health_words = (
        f"{len(wrong)} of {_many(len(accounts), 'account')} {needs} a look" if wrong else "All accounts are fresh"
    )
    stuck_word = _waiting(stuck) if stuck else "no message is stuck"
    return f"{health_words}, and {stuck_word}."


# -- the parts of one channel ---------------------------------------------------------------------------------------


def _overview(request: StaffRequest, code: str) -> dict[str, Any]:
    cause = text.free(request.GET.get("cause"), most=60)
    sees_orders = staff_may(request.staff.role, "order.read")
    found = Order.objects.within(request.reach).filter(channel__code=code).order_by("-placed_at", "-id")
    return {
        "groups": _stuck(code, cause),
        "cause": cause,
        "may_fix": staff_may(request.staff.role, "message.fix"),
        "orders": list(found[:10]) if sees_orders else [],
        "sees_orders": sees_orders,
    }


def _stuck(code: str, cause: str) -> list[Cause]:
    """What is stuck, by cause, the most frequent one first: a few of each, and all of the cause asked for."""
    stuck = InboxMessage.objects.filter(source=source_of(code), state=InboxMessage.State.QUARANTINED).defer("raw")
    counted = stuck.annotate(
        count=Window(Count("*"), partition_by="code"),
        nth=Window(RowNumber(), partition_by="code", order_by=F("pk").desc()),
    )
    shown = counted.filter(Q(nth__lte=SHOWN_PER_CAUSE) | Q(code=cause, nth__lte=MOST_STUCK)).order_by(
        "-count", "code", "nth"
    )
    groups = ((reason, list(messages)) for reason, messages in groupby(shown, key=lambda message: message.code))
    return [Cause(stuck_words(reason), messages[0].count, messages) for reason, messages in groups]


def _listings(request: StaffRequest, code: str) -> dict[str, Any]:
    """A page of listings with what the channel was told last and what it would be told now."""
    account = get_object_or_404(ChannelAccount, channel__code=code)
    typed = text.free(request.GET.get("q"), most=80)
    listings = Listing.objects.filter(account=account).select_related("variant__product", "push").order_by("sku")
    if typed:
        listings = listings.filter(Q(sku__istartswith=typed) | Q(variant__sku__istartswith=typed))
    if after := _cursor(request.GET.get("after", "")):
        listings = listings.filter(sku__gt=after)
    page = list(listings[: PAGE + 1])
    stock = availability.of({listing.variant_id for listing in page[:PAGE]})
    return {
        "listings": [_listing(listing, account, stock) for listing in page[:PAGE]],
        "q": typed,
        "next": _query(typed, page[PAGE - 1].sku) if len(page) > PAGE else "",
        "first": _query(typed, "") if after else "",
    }


def _listing(listing: Listing, account: ChannelAccount, stock: dict[int, availability.Availability]) -> dict[str, Any]:
    now = stock[listing.variant_id].for_channel(buffer=account.buffer, most=listing.most_offered)
    push: StockPush | None = getattr(listing, "push", None)
    waits = push is not None and push.wanted > push.done
    if listing.state == Listing.State.ENDED:
        state = "ended"
    elif push is not None and push.error_code:
        state = "failed"
    elif waits:
        state = "queued"
    elif listing.told == now:
        state = "in_sync"
    else:
        state = "late"
    return {"listing": listing, "now": now, "state": state, "push": push}


def _to_be_told(request: StaffRequest, code: str) -> dict[str, Any]:
    pushes = StockPush.objects.filter(account__channel__code=code).filter(Q(wanted__gt=F("done")) | ~Q(error_code=""))
    shipments = ShipmentPush.objects.filter(account__channel__code=code).exclude(state=ShipmentPush.State.DONE)
    return {
        "pushes": list(pushes.select_related("listing__variant").order_by("wanted_since")[:50]),
        "shipments": list(shipments.select_related("parcel__order").order_by("pk")[:50]),
        "most": 50,
    }


def _connection(request: StaffRequest, code: str) -> dict[str, Any]:
    account = get_object_or_404(ChannelAccount, channel__code=code)
    now = timezone.now()
    return {
        "facts": [
            {"label": "Connector", "value": account.connector},
            {"label": "Clock of the account", "value": account.zone},
            {"label": "Buffer", "value": f"{account.buffer} kept back of each listing"},
            {"label": "Access", "value": _access(account, now)},
            *(
                {"label": key.replace("_", " ").capitalize(), "value": str(value)}
                for key, value in sorted(account.settings.items())
            ),
        ],
        "cursors": list(account.cursors.order_by("resource")),
        "budgets": [_budget(budget, now) for budget in account.budgets.order_by("operation")],
    }


def _access(account: ChannelAccount, now: datetime) -> str:
    expires = account.token_expires_at
    if expires is None:
        return "no token yet"
    return f"token for another {span(expires - now)}" if expires > now else "token expired; renewed at the next call"


def _budget(budget: CallBudget, now: datetime) -> dict[str, Any]:
    refilled = budget.tokens + budget.rate * max(0.0, (now - budget.counted_at).total_seconds())
    closed = budget.closed_until is not None and budget.closed_until > now
    return {
        "operation": budget.operation,
        "left": 0 if closed else int(min(budget.burst, refilled)),
        "burst": budget.burst,
        "rate": f"{budget.rate:g} a second" if budget.rate >= 1 else f"one in {1 / budget.rate:,.0f} seconds",
        "closed_until": budget.closed_until if closed else None,
    }


# -- keyset paging --------------------------------------------------------------------------------------------------


def _query(typed: str, after: str) -> str:
    query = QueryDict(mutable=True)
    query["view"] = "listings"
    if typed:
        query["q"] = typed
    if after:
        query["after"] = signing.dumps(after, salt="listings")
    return query.urlencode()


def _cursor(given: str) -> str:
    """The SKU to go on after; a cursor somebody made up starts from the top."""
    try:
        return str(signing.loads(given, salt="listings")) if given else ""
    except signing.BadSignature:
        return ""
