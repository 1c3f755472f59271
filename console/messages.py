"""The error desk: one message that could not be taken in, why, and the buttons that help."""

from typing import Any

from django.contrib import messages as toasts
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from channels import mapping as skus
from channels.tasks import ring, take_in_orders
from console import masking, payload
from console.context import StaffRequest
from console.vocabulary import stuck_words
from oms import inbox, text
from oms.errors import Refused
from oms.models import AuditEntry, InboxMessage
from oms.permissions import staff_may
from orders.models import SalesChannel

State = InboxMessage.State

MOST_AT_ONCE = 1_000
SKUS_SHOWN, OTHERS_SHOWN, ENTRIES_SHOWN = 3, 8, 30
DEEDS = {
    "inbox.retried": ("rotate-cw", "active", "Put back in the queue"),
    "inbox.skipped": ("circle-slash", "calm", "Set aside for good"),
}


@require_GET
@vary_on_headers("HX-Request")
def message(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _find(request, pk))


@require_POST
def mapping(request: StaffRequest, pk: int) -> HttpResponse:
    """Say which of our products the channel's SKU means, and take in everything that waited for it."""
    stuck = _find(request, pk)
    theirs = request.POST.get("sku", "")
    if stuck.state != State.QUARANTINED or theirs not in _unmapped(stuck):
        toasts.info(request, "This message no longer waits for that SKU; nothing was changed.")
        return redirect("console:message", pk=pk)
    typed = request.POST.get("variant_sku") or request.POST.get("typed", "")
    try:
        ours = text.free(typed, most=80)
        freed = skus.map_and_retry(
            message_id=pk, sku=theirs, variant_sku=ours, actor=request.actor, now=timezone.now()
        )  # fmt: skip
    except Refused as refusal:
        return _page(request, stuck, refusal=refusal.message, typed=typed[:80], status=refusal.status)
    ring(take_in_orders)
    toasts.success(request, f"“{theirs}” now means {ours}. {_taken_in(freed)}")
    return redirect("console:message", pk=pk)


@require_POST
def retry(request: StaffRequest, pk: int) -> HttpResponse:
    """Take the message in again, or with `all` everything of its channel that is stuck for that cause."""
    stuck = _find(request, pk)
    everything = "all" in request.POST
    ids = _with_cause(stuck.source, text.free(request.POST["all"], most=60)) if everything else [pk]
    released = inbox.retry(ids=ids, actor=request.actor, now=timezone.now())
    if released:
        ring(take_in_orders)
        toasts.success(request, _taken_in(released))
    else:
        toasts.info(request, "Nothing is stuck there any more; nothing was changed.")
    if everything:
        return redirect("console:channel", code=_channel_of(stuck))
    return redirect("console:message", pk=pk)


@require_POST
def skip(request: StaffRequest, pk: int) -> HttpResponse:
    stuck = _find(request, pk)
    try:
        reason = text.free(request.POST.get("reason"), most=300)
        skipped = inbox.skip(ids=[pk], reason=reason, actor=request.actor, now=timezone.now())
    except Refused as refusal:
        return _page(request, stuck, refusal=refusal.message, status=422)
    if skipped:
        toasts.success(request, "Set aside for good. Your reason is kept with it.")
    else:
        toasts.info(request, "Somebody has dealt with this message already; nothing was changed.")
    return redirect("console:message", pk=pk)


def _find(request: StaffRequest, pk: int) -> InboxMessage:
    """The message, if its channel lies within reach. One out of reach does not exist."""
    found = InboxMessage.objects.filter(pk=pk).first()
    if found is None or not request.reach.has_channel(_channel_of(found)):
        raise Http404(pk)
    return found


def _channel_of(stuck: InboxMessage) -> str:
    return stuck.source.removeprefix("channel:")


def _with_cause(source: str, code: str) -> list[int]:
    stuck = InboxMessage.objects.filter(source=source, state=State.QUARANTINED, code=code)
    return list(stuck.order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])


def _taken_in(count: int) -> str:
    if count == 1:
        return "1 message is being taken in."
    return f"{count:,} messages are being taken in." if count else "Nothing else waited for it."


# -- the page -----------------------------------------------------------------------------------------------------


def _page(
    request: StaffRequest, stuck: InboxMessage, *, refusal: str = "", typed: str = "", status: int = 200
) -> HttpResponse:
    role = request.staff.role
    code = _channel_of(stuck)
    channel = SalesChannel.objects.filter(code=code).first()
    is_stuck = stuck.state == State.QUARANTINED
    sees_people = staff_may(role, "order.read_raw") and masking.sees_people(role)
    context = {
        "message": stuck,
        "words": stuck_words(stuck.code) if is_stuck else None,
        "story": _story(stuck),
        "state": _state(stuck),
        "crumbs": _crumbs(code, channel),
        "is_stuck": is_stuck,
        "may_fix": staff_may(role, "message.fix"),
        "may_skip": staff_may(role, "message.skip"),
        "refusal": refusal,
        "typed": typed,
        "unmapped": _unmapped_with_suggestions(stuck) if is_stuck else [],
        "same_cause": len(_with_cause(stuck.source, stuck.code)) if is_stuck else 0,
        "about": _about(stuck, channel, sees_orders=staff_may(role, "order.read")),
        "facts": _facts(stuck),
        "others": _others(stuck),
        "payload": payload.shown(bytes(stuck.raw), with_people=sees_people),
        "sees_people": sees_people,
        "history": _history(stuck, channel),
    }
    template = "console/messages/_message.html" if request.htmx else "console/messages/message.html"
    return render(request, template, context, status=status)


def _story(stuck: InboxMessage) -> str:
    if stuck.state == State.QUARANTINED:
        return stuck_words(stuck.code).happened
    if stuck.state == State.RECEIVED:
        return "In the queue: it is being taken in."
    if stuck.outcome == "skipped":
        return "Somebody set this message aside for good; nothing came of it."
    if stuck.state == State.IGNORED:
        return "This message was older news than what the desk knew already; nothing came of it."
    return "This message was taken in."


def _state(stuck: InboxMessage) -> str:
    if stuck.state == State.IGNORED:
        return "skipped" if stuck.outcome == "skipped" else "ignored"
    return {State.QUARANTINED: "quarantined", State.RECEIVED: "queued", State.DONE: "done"}[State(stuck.state)]


def _crumbs(code: str, channel: SalesChannel | None) -> list[dict[str, str]]:
    crumbs = [{"label": "Channels", "url": reverse("console:channels")}]
    if channel:
        crumbs.append({"label": channel.name, "url": reverse("console:channel", args=[code])})
    return crumbs


def _unmapped(stuck: InboxMessage) -> list[str]:
    found = stuck.facts.get("skus") if stuck.code == "sku_unmapped" else None
    return [sku for sku in found if isinstance(sku, str)] if isinstance(found, list) else []


def _unmapped_with_suggestions(stuck: InboxMessage) -> list[dict[str, Any]]:
    found = []
    for sku in _unmapped(stuck)[:SKUS_SHOWN]:
        title = skus.title_in(stuck, sku)
        found.append({"sku": sku, "title": title, "suggestions": skus.suggestions(sku=sku, title=title)})
    return found


def _about(stuck: InboxMessage, channel: SalesChannel | None, *, sees_orders: bool) -> list[dict[str, Any]]:
    number = stuck.outcome.removeprefix("order:") if stuck.outcome.startswith("order:") else ""
    became = {"label": "Became", "value": f"order {number}"}
    if number.isdecimal() and sees_orders:
        became["url"] = reverse("console:order", args=[int(number)])
    tried = {0: "not since the last retry", 1: "once"}.get(stuck.attempts, f"{stuck.attempts} times")
    return [
        {"label": "Channel", "value": channel.name if channel else stuck.source},
        {"label": "Its number there", "value": stuck.object_id, "mono": True, "copies": stuck.object_id},
        *([became] if number else []),
        {"label": "Kind", "value": stuck.topic},
        {"label": "Tried", "value": tried},
        {"label": "Message", "value": str(stuck.pk)},
    ]  # fmt: skip


def _facts(stuck: InboxMessage) -> list[dict[str, Any]]:
    """What the refusal noted; the unmapped SKUs have a place of their own."""
    noted = [(name, value) for name, value in stuck.facts.items() if name != "skus"]
    return [{"label": name.replace("_", " ").capitalize(), "value": _told(value)} for name, value in noted[:12]]


def _told(value: Any) -> str:
    """A fact of a refusal in one line; it may quote anything the channel sent."""
    if isinstance(value, list):
        return ", ".join(str(each) for each in value[:10])[:200]
    return str(value)[:200]


def _others(stuck: InboxMessage) -> list[dict[str, Any]]:
    """Other messages about the same thing, the newest first. A newer one that came in makes this one old news."""
    same = InboxMessage.objects.filter(source=stuck.source, object_id=stuck.object_id).exclude(pk=stuck.pk)
    rows = same.order_by("-pk").only("state", "outcome", "received_at")[:OTHERS_SHOWN]
    return [
        {"pk": each.pk, "state": _state(each), "at": each.received_at,
         "overtakes": each.pk > stuck.pk and each.state == State.DONE}
        for each in rows
    ]  # fmt: skip


def _history(stuck: InboxMessage, channel: SalesChannel | None) -> list[dict[str, Any]]:
    name = channel.name if channel else stuck.source
    entries = [{"at": stuck.received_at, "icon": "inbox", "text": "Received", "source": name}]
    if stuck.version_at:
        entries.insert(0, {"at": stuck.version_at, "icon": "pencil", "text": "Changed on the channel", "source": name})
    deeds = AuditEntry.objects.filter(object_kind="message", object_id=str(stuck.pk)).order_by("-pk")[:ENTRIES_SHOWN]
    for deed in reversed(deeds):
        icon, tone, words = DEEDS.get(deed.action, ("circle-small", "calm", deed.action))
        cause = deed.facts.get("code", "")
        entries.append(
            {
                "at": deed.happened_at, "icon": icon, "tone": tone, "text": words, "source": "Desk",
                "actor": deed.actor.partition(":")[2],
                "detail": deed.reason or (f"It was stuck for: {stuck_words(cause).word}" if cause else ""),
            }
        )  # fmt: skip
    if stuck.finished_at and stuck.outcome != "skipped":
        entries.append(
            {"at": stuck.finished_at, "icon": "circle-check", "tone": "good", "text": "Taken in", "source": "Desk"}
        )
    return entries
