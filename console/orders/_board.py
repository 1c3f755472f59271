"""All orders of all channels, newest first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from console import keyset, masking
from console.context import StaffRequest
from console.vocabulary import status
from inventory.models import Location
from oms.models import SearchKey
from oms.permissions import Reach
from oms.search import K, normalise
from orders.models import FulfilmentOrder, Order, OrderLine, SalesChannel

PAGE = 40
SUGGESTED = 100  # places offered while one types
LIKE = 20  # places a typed fragment may mean

_DAYS = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))]


class Filters(forms.Form):
    """What the list is narrowed by. A filter that makes no sense is shown with its fault and narrows nothing."""

    q = forms.CharField(
        label="Number", required=False, max_length=80, min_length=3,
        error_messages={"min_length": "Type at least three characters."},
    )  # fmt: skip
    channel = forms.ChoiceField(label="Channel", required=False)
    status = forms.ChoiceField(label="Status", required=False)
    since = forms.DateField(label="Placed from", required=False, validators=_DAYS)
    until = forms.DateField(label="Placed to", required=False, validators=_DAYS)
    place = forms.CharField(label="Sold at or sent from", required=False, max_length=80)

    def __init__(self, given: QueryDict, channels: Sequence[SalesChannel]) -> None:
        super().__init__(given)
        self.fields["channel"].choices = [(channel.code, channel.name) for channel in channels]  # type: ignore[attr-defined]
        self.fields["status"].choices = [(code, status(code)[0]) for code in Order.Status.values]  # type: ignore[attr-defined]

    @property
    def selects(self) -> list[forms.BoundField]:
        return [self["channel"], self["status"]]

    @property
    def faults(self) -> list[str]:
        return [f"{self[name].label}: {faults[0]}" for name, faults in self.errors.items()]

    @property
    def wanted(self) -> dict[str, Any]:
        """The filters in force, by name."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


@dataclass(slots=True)
class Row:
    order: Order
    buyer: str
    lines: int = 0
    units: int = 0
    places: list[str] = field(default_factory=list)


@require_GET
@masking.private
@vary_on_headers("HX-Request")
def board(request: StaffRequest) -> HttpResponse:
    """The list. htmx asks for the same URL and gets the list without the frame."""
    channels = list(_channels(request.reach))
    filters = Filters(request.GET, channels)
    wanted = filters.wanted
    found = _narrowed(wanted, request.reach)
    page = keyset.page(found, by=("-placed_at", "-pk"), size=PAGE, asked=request.GET, name="orders")
    context = {
        "filters": filters,
        "chips": _chips(wanted, filters, request.GET),
        "rows": _rows(page.rows, request.staff.role),
        "page": page,
        "places": Location.objects.within(request.reach).order_by("name").values_list("code", "name")[:SUGGESTED],
    }
    if not keyset.wants_fragment(request):
        return render(request, "console/orders/board.html", context)
    response = render(request, "console/orders/_list.html", context)
    query = _query(request.GET, wanted)
    response["HX-Push-Url"] = f"{request.path}?{query}" if query else request.path
    return response


def _channels(reach: Reach) -> Any:
    channels = SalesChannel.objects.order_by("name")
    return channels if reach.channels is None else channels.filter(code__in=reach.channels)


def _narrowed(wanted: dict[str, Any], reach: Reach) -> Any:
    found = Order.objects.within(reach).only("pk", "placed_at")
    if number := wanted.get("q"):
        found = found.filter(pk__in=_numbered(number))
    if channel := wanted.get("channel"):
        found = found.filter(channel__code=channel)
    if code := wanted.get("status"):
        found = found.filter(status=code)
    if since := wanted.get("since"):
        found = found.filter(placed_at__gte=_midnight(since))
    if until := wanted.get("until"):
        found = found.filter(placed_at__lt=_midnight(until + timedelta(days=1)))
    if place := wanted.get("place"):
        found = found.filter(_at(place, reach))
    return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _numbered(typed: str) -> Any:
    """Orders whose number, ours or the channel's, begins like this, by the keys of the search: those are indexed."""
    keys = SearchKey.objects.filter(
        entity_kind="order", kind__in=[K.NUMBER, K.EXTERNAL], value__startswith=normalise(K.NUMBER, typed)
    )
    return keys.values("entity_id")


def _at(typed: str, reach: Reach) -> Q:
    """Sold at, or sent from, a place of this code or of a name with this in it."""
    places = Location.objects.within(reach).filter(Q(code__iexact=typed) | Q(name__icontains=typed))
    ids = list(places.order_by("pk").values_list("pk", flat=True)[:LIKE])
    sent = FulfilmentOrder.objects.filter(order=OuterRef("pk"), location__in=ids)
    return Q(sold_at__in=ids) | Q(Exists(sent))


def _rows(page: Sequence[Order], role: str) -> list[Row]:
    """The orders of a page with what their columns need, in three statements whatever their number."""
    ids = [order.pk for order in page]
    orders = Order.objects.filter(pk__in=ids).select_related("channel", "sold_at").order_by("-placed_at", "-pk")
    rows = {order.pk: Row(order, masking.person(order.buyer_name, role)) for order in orders}
    sums = OrderLine.objects.filter(order__in=ids).values("order").order_by("order")
    for found in sums.annotate(lines=Count("pk"), units=Sum("quantity")):
        rows[found["order"]].lines, rows[found["order"]].units = found["lines"], found["units"]
    places: dict[int, dict[str, None]] = defaultdict(dict)
    plans = FulfilmentOrder.objects.filter(order__in=ids).exclude(state=FulfilmentOrder.State.CANCELLED)
    for order, name in plans.order_by("pk").values_list("order", "location__name"):
        places[order][name] = None
    for pk, row in rows.items():
        row.places = list(places[pk]) or ([row.order.sold_at.name] if row.order.sold_at else [])
    return list(rows.values())


# -- the query string -----------------------------------------------------------------------------------------------


def _query(given: QueryDict, wanted: dict[str, Any], *, without: str = "") -> str:
    """The filters in force, as typed, without one of them."""
    return keyset.query(**{name: given.get(name, "") for name in wanted if name != without})


def _chips(wanted: dict[str, Any], filters: Filters, given: QueryDict) -> list[dict[str, str]]:
    return [
        {
            "label": f"{filters.fields[name].label}: {_said(filters, name, value)}",
            "without": _query(given, wanted, without=name),
        }
        for name, value in wanted.items()
    ]


def _said(filters: Filters, name: str, value: Any) -> str:
    if isinstance(value, date):
        return f"{value.day} {value:%b %Y}"
    return str(dict(getattr(filters.fields[name], "choices", ())).get(value, value))
