"""Cancel, send, find stock: read the form, call the one function, say what happened.

Doing the same twice does one thing. Whoever sends a form again finds their own deed done; whoever sends one that was
filled in before a colleague changed the order is told what changed, and nothing they typed is lost.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from console.context import StaffRequest
from console.order_words import by_whom, describe, facts_of, units
from console.orders import _offers, _record
from console.orders._forms import CARRIERS, COLLECTED, CancelForm, DeedForm
from console.orders._offers import ALLOCATE, CANCEL, SHIP
from console.orders._record import Record
from inventory.reservations import InsufficientStock
from oms.errors import Refused
from oms.models import AuditEntry
from oms.permissions import staff_may
from orders import allocation as stock
from orders import cancellation as withdrawal
from orders import fulfilment

Act = Callable[[StaffRequest, int, DeedForm, datetime], SafeString]
LEAVES = {SHIP: "order.shipped", ALLOCATE: "order.allocated", CANCEL: "order.cancelled"}  # entries the deeds leave
HARMLESS = {ALLOCATE: {"order.allocated"}, CANCEL: {"order.allocated"}}  # news that does not change the question
ATTEMPTS = 3


class TrackingNumberTaken(Refused):
    code = "tracking_number_taken"


@require_POST
def cancellation(request: StaffRequest, number: int) -> HttpResponse:
    return _do(request, number, CANCEL, _cancel)


@require_POST
def shipment(request: StaffRequest, number: int) -> HttpResponse:
    return _do(request, number, SHIP, _ship)


@require_POST
def allocation(request: StaffRequest, number: int) -> HttpResponse:
    return _do(request, number, ALLOCATE, _allocate)


def _do(request: StaffRequest, number: int, name: str, act: Act) -> HttpResponse:
    record = _record.read(number, reach=request.reach)
    form = _offers.one(name, record, request, given=_given(request)).form
    is_valid = form.is_valid()
    if _is_done(name, record, form, request):
        return _back(request, number)
    if news := _news(name, record, form):
        return _again(request, name, record, news=news)
    if not is_valid:
        return _again(request, name, record, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        said = act(request, number, form, timezone.now())
    except Refused as refusal:
        record = _record.read(number, reach=request.reach)
        if _is_done(name, record, form, request):
            return _back(request, number)
        return _again(request, name, record, refusal=refusal.message)
    messages.success(request, said)
    return _back(request, number)


def _given(request: StaffRequest) -> QueryDict:
    """What was sent, never empty: an empty form is a filled one with everything missing."""
    given = request.POST.copy()
    given.setdefault("seen", "")
    return given


# -- what happened since the form was filled in -----------------------------------------------------------------------


def _since(record: Record, form: DeedForm) -> list[AuditEntry]:
    seen = form.version_seen
    if seen is None:
        return []
    return [entry for entry in record.entries if entry.pk > seen and entry.object_kind == "order"]


def _is_done(name: str, record: Record, form: DeedForm, request: StaffRequest) -> bool:
    """Whether this very person has done this very thing since: the form came a second time."""
    return any(
        entry.action == LEAVES[name] and entry.actor == str(request.actor) and _is_same(entry, form)
        for entry in _since(record, form)
    )


def _is_same(entry: AuditEntry, form: DeedForm) -> bool:
    if isinstance(form, CancelForm):
        return form.is_valid() and entry.reason == form.words[:300]
    if entry.action != LEAVES[SHIP]:
        return True
    # The place is no choice any more once everything has left it, so what was sent is compared, not what is valid.
    typed = form.cleaned_data.get("tracking_number") or ""
    facts = facts_of(entry)
    same_parcel = facts.get("tracking_number") == typed or facts.get("carrier") == COLLECTED
    return same_parcel and facts.get("from") == form.data.get("location")


def _news(name: str, record: Record, form: DeedForm) -> list[str]:
    """What others changed since the form was filled in, as far as it changes the question."""
    news = [entry for entry in _since(record, form) if entry.action not in HARMLESS.get(name, ())]
    return [_told(entry, record) for entry in news]


def _told(entry: AuditEntry, record: Record) -> str:
    what, who = describe(entry, record.places).text, by_whom(entry.actor, record.order.channel.name)
    return f"{what} {who} at {timezone.localtime(entry.recorded_at):%H:%M}"


# -- the deeds --------------------------------------------------------------------------------------------------------


def _cancel(request: StaffRequest, number: int, form: DeedForm, now: datetime) -> SafeString:
    assert isinstance(form, CancelForm)  # noqa: S101
    count = withdrawal.cancel(number=number, reason=form.words, actor=request.actor, now=now)
    if staff_may(request.staff.role, "oversell.read"):
        return _said(
            f"Cancelled {units(count)} of order {number}.", "See who waits for stock", reverse("console:oversell")
        )
    return _said(f"Cancelled {units(count)} of order {number}.", "Other orders", reverse("console:orders"))


def _ship(request: StaffRequest, number: int, form: DeedForm, now: datetime) -> SafeString:
    data = form.cleaned_data
    parcel = fulfilment.ship(
        number=number, location=data["location"], carrier=data["carrier"], tracking_number=data["tracking_number"],
        actor=request.actor, now=now,
    )  # fmt: skip
    origin = parcel.fulfilment.location if parcel.fulfilment else None
    if parcel.shipped_at != now and (origin is None or origin.code != data["location"]):
        raise TrackingNumberTaken(
            f"A parcel with {parcel.tracking_number} left {origin.name if origin else 'elsewhere'} already;"
            " each parcel has a number of its own.",
            tracking_number=parcel.tracking_number,
        )
    where = origin.name if origin else data["location"]
    more = f"{reverse('console:orders')}?status=allocated&place={data['location']}"
    if parcel.carrier == COLLECTED:
        return _said(f"Handed over order {number} at {where}.", f"Next at {where}", more)
    return _said(f"{parcel.carrier} {parcel.tracking_number} left {where}.", f"Next at {where}", more)


def _allocate(request: StaffRequest, number: int, form: DeedForm, now: datetime) -> SafeString:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            count = stock.fill(number=number, actor=request.actor, now=now)
            break
        except InsufficientStock:
            if attempt == ATTEMPTS:
                raise
    more = f"{reverse('console:orders')}?status=backordered"
    return _said(f"Found stock for {units(count)} of order {number}.", "Other orders that wait", more)


# -- the answer -------------------------------------------------------------------------------------------------------


def _said(words: str, next_step: str, url: str) -> SafeString:
    return format_html('{} <a href="{}">{}</a>', words, url, next_step)


def _back(request: StaffRequest, number: int) -> HttpResponse:
    url = reverse("console:order", args=[number])
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)


def _again(
    request: StaffRequest, name: str, record: Record, *,
    news: Sequence[str] = (), refusal: str = "", status: int = HTTPStatus.CONFLICT,
) -> HttpResponse:  # fmt: skip
    """The form once more, as it was filled in, with what is in the way. It now knows the order as it stands."""
    given = _given(request)
    if status == HTTPStatus.CONFLICT:
        given["seen"] = str(record.version)
    offer = _offers.one(name, record, request, given=given)
    context = {"offer": offer, "order": record.order, "news": news, "refusal": refusal, "carriers": CARRIERS}
    template = "console/orders/_deed.html" if request.htmx else "console/orders/deed.html"
    return render(request, template, context, status=status)
