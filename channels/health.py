"""Is what a channel says and what the desk says the same thing, and how fresh is it? Proven, not assumed."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, OuterRef, Q, Subquery
from django.utils import timezone

from channels.models import CallBudget, ChannelAccount, Listing, ShipmentPush, StockPush, SyncCursor
from channels.order_import import source_of
from oms.models import InboxMessage
from orders.models import Order, SalesChannel


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One channel on one line. Fields about an account are None or 0 for own channels."""

    code: str
    name: str
    kind: str
    state: str  # of the account; "active" for own channels
    state_reason: str = ""
    fresh_to: datetime | None = None  # everything the channel showed up to here is in our inbox
    lag_seconds: float | None = None
    last_push_at: datetime | None = None
    push_queue: int = 0
    oldest_push_at: datetime | None = None  # the oldest change not yet told
    push_errors: int = 0
    quarantined: int = 0
    orders_today: int = 0
    last_order_at: datetime | None = None
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Stuck:
    code: str
    count: int
    example: int  # id of one message
    message: str


@dataclass(frozen=True, slots=True)
class Details:
    strip: Strip
    cursors: list[SyncCursor] = field(default_factory=list)
    budgets: list[CallBudget] = field(default_factory=list)
    pushes: list[StockPush] = field(default_factory=list)
    shipments: list[ShipmentPush] = field(default_factory=list)
    stuck: list[Stuck] = field(default_factory=list)


def strips(*, codes: frozenset[str] | None = None) -> list[Strip]:
    """Every channel, or those named, in a fixed number of statements."""
    now = timezone.now()
    channels = SalesChannel.objects.order_by("name")
    if codes is not None:
        channels = channels.filter(code__in=codes)
    accounts = {account.channel_id: account for account in ChannelAccount.objects.all()}
    cursors = {cursor.account_id: cursor for cursor in SyncCursor.objects.filter(resource="orders")}
    waiting = StockPush.objects.filter(wanted__gt=F("done")).values("account")
    pushes: dict[int, dict[str, Any]] = {
        row["account"]: dict(row)
        for row in waiting.annotate(queue=Count("*"), oldest=Min("wanted_since")).order_by("account")
    }
    failed = StockPush.objects.exclude(error_code="").values("account").annotate(count=Count("*")).order_by("account")
    errors = {row["account"]: row["count"] for row in failed}
    told = Listing.objects.values("account").annotate(last=Max("told_at")).order_by("account")
    last_told = {row["account"]: row["last"] for row in told}
    stuck = InboxMessage.objects.filter(state="quarantined").values("source").annotate(count=Count("*"))
    quarantined = {row["source"]: row["count"] for row in stuck.order_by("source")}
    since = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = {
        row["channel"]: row["count"]
        for row in Order.objects.filter(placed_at__gte=since)
        .values("channel")
        .annotate(count=Count("*"))
        .order_by("channel")
    }
    found = []
    newest = Order.objects.filter(channel=OuterRef("pk")).order_by("-placed_at", "-id").values("placed_at")[:1]
    for channel in channels.annotate(last_order_at=Subquery(newest)):
        account = accounts.get(channel.pk)
        key = account.pk if account else 0
        cursor = cursors.get(key)
        queue = pushes.get(key, {})
        found.append(
            Strip(
                code=channel.code,
                name=channel.name,
                kind=channel.kind,
                state=account.state if account else "active",
                state_reason=account.state_reason if account else "",
                fresh_to=cursor.fresh_to if cursor else None,
                lag_seconds=(now - cursor.fresh_to).total_seconds() if cursor else None,
                last_push_at=last_told.get(key),
                push_queue=queue.get("queue", 0),
                oldest_push_at=queue.get("oldest"),
                push_errors=errors.get(key, 0),
                quarantined=quarantined.get(source_of(channel.code), 0),
                orders_today=today.get(channel.pk, 0),
                last_order_at=channel.last_order_at,
                failures=cursor.failures if cursor else 0,
                error=cursor.error if cursor else "",
            )
        )
    return found


def details(code: str) -> Details | None:
    """Everything about one channel; None if there is no such channel."""
    found = strips(codes=frozenset({code}))
    if not found:
        return None
    account = ChannelAccount.objects.filter(channel__code=code).first()
    stuck = InboxMessage.objects.filter(source=source_of(code), state="quarantined").values("code")
    groups = [
        Stuck(row["code"], row["count"], row["example"], row["message"])
        for row in stuck.annotate(count=Count("*"), example=Max("id"), message=Max("message")).order_by(
            "-count", "code"
        )
    ]
    if account is None:
        return Details(found[0], stuck=groups)
    pending = StockPush.objects.filter(account=account).filter(Q(wanted__gt=F("done")) | ~Q(error_code=""))
    return Details(
        found[0],
        cursors=list(account.cursors.order_by("resource")),
        budgets=list(account.budgets.order_by("operation")),
        pushes=list(pending.select_related("listing__variant").order_by("wanted_since")[:50]),
        shipments=list(
            ShipmentPush.objects.filter(account=account)
            .exclude(state="done")
            .select_related("parcel__order")
            .order_by("pk")[:50]
        ),
        stuck=groups,
    )
