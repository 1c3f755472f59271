"""People, whichever channel they bought on: find them, see all they ordered, and reach them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Lower
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST

from console import keyset
from console.context import StaffRequest
from console.keyset import Page
from console.matches import MOST, TOO_MANY, matches
from console.templatetags import show
from customers import privacy, timeline
from customers.models import Address, Customer, Identity
from customers.timeline import Known
from oms import search
from oms.models import AuditEntry
from oms.permissions import EVERYWHERE, Reach, staff_may
from orders.models import Order, OrderLine, SalesChannel

PEOPLE, ORDERS = 30, 25  # a page
MOST_ALIKE, MOST_DEEDS = 5, 5
FINISHED = (Order.Status.SHIPPED, Order.Status.COMPLETED, Order.Status.CANCELLED)
NAMELESS = "No name given"
LAST_OF_ALL = "\U0010ffff"  # sorts people without a name behind the others

# Names and addresses are on these pages: nobody who logs in later may get them from the browser's cache.
private = cache_control(no_store=True, private=True)


@dataclass(slots=True)
class Row:
    """Somebody as the list shows them."""

    person: Customer
    known: Known = field(default_factory=Known)
    channels: list[str] = field(default_factory=list)
    orders: int = 0
    last_at: datetime | None = None

    @property
    def email(self) -> Identity | None:
        return self.known.first(*timeline.HIDDEN["email"])

    @property
    def phone(self) -> Identity | None:
        return self.known.first(*timeline.HIDDEN["phone"])


@dataclass(frozen=True, slots=True)
class Bought:
    """What one person ordered on one channel, in one currency."""

    channel: str
    currency: str
    orders: int
    open: int
    value: int  # of orders not cancelled
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A customer in reach, with the ids they are kept under and what they bought within reach."""

    customer: Customer
    people: list[int]
    bought: list[Bought]


@require_GET
@private
def board(request: StaffRequest) -> HttpResponse:
    typed, by_name = request.GET.get("q", "").strip(), request.GET.get("sort") == "name"
    reading = search.read(typed)
    among = matches("customer", reading) if typed else None
    if by_name:
        page = _page_of(_by_name(request.reach, among), ("sorted_name", "pk"), request)
        ids = [row.pk for row in page.rows]
    elif among is None:
        page = _page_of(_by_last_order(request.reach), ("-placed_at", "-pk"), request)
        ids = [row.person for row in page.rows]
    else:
        page = _page_of(_found_by_last_order(request.reach, among), ("-last_at", "-person"), request)
        ids = [row["person"] for row in page.rows]
    context = {
        "rows": _rows(ids, request.reach),
        "page": page,
        "q": typed,
        "hint": reading.hint if typed else "",
        "too_many": TOO_MANY if among and len(among) == MOST else "",
        "by_name": by_name,
        "sorts": {"name": keyset.query(sort="name", q=typed), "last": keyset.query(q=typed)},
    }
    template = "console/customers/_people.html" if keyset.wants_fragment(request) else "console/customers/board.html"
    return render(request, template, context)


def _page_of(found: QuerySet[Any, Any], by: Sequence[str], request: StaffRequest) -> Page:
    return keyset.page(found, by=by, size=PEOPLE, asked=request.GET, name="customers")


@require_GET
@private
def customer(request: StaffRequest, pk: int) -> HttpResponse:
    person = _find(request.reach, pk)
    if person.customer.pk != pk:
        return redirect("console:customer", person.customer.pk)
    if keyset.wants_fragment(request):
        return render(request, "console/customers/_orders.html", _orders(request, person))
    return render(request, "console/customers/customer.html", _page(request, person, timeline.known(person.people)))


@require_POST
@private
def reveal(request: StaffRequest, pk: int) -> HttpResponse:
    """The contact card with everything on it, or asking again what for. Not a page of its own: nothing to link to."""
    person = _find(request.reach, pk)
    known, purpose = timeline.known(person.people), request.POST.get("purpose", "")
    told: dict[str, Any] = {"revealed": True, "purpose": privacy.PURPOSES.get(purpose, "")}
    try:
        privacy.reveal(
            customer_id=person.customer.pk, fields=known.hidden, purpose=purpose, actor=request.actor,
            now=timezone.now(),
        )  # fmt: skip
    except privacy.PurposeMissing as refusal:
        told = {"refusal": refusal.message}
    status = 200 if "revealed" in told else 422
    if keyset.wants_fragment(request):
        card = _contact(request, person, known) | told
        return render(request, "console/customers/_contact.html", card, status=status)
    context = _page(request, person, known) | told
    return render(request, "console/customers/customer.html", context, status=status)


# -- who is in reach ------------------------------------------------------------------------------------------------


def _find(reach: Reach, pk: int) -> Person:
    """Somebody by id, or the one they were merged into. Who ordered nothing within reach does not exist."""
    found = Customer.objects.select_related("merged_into").filter(pk=pk).first()
    if found is None:
        raise Http404(pk)
    stays = found.merged_into or found
    people = timeline.everybody(stays)
    bought = _bought(reach, people)
    if not bought and reach != EVERYWHERE:
        raise Http404(pk)
    return Person(stays, people, bought)


def _bought(reach: Reach, people: Collection[int]) -> list[Bought]:
    rows = (
        _orders_of(people, reach)
        .values_list("channel__name", "currency")
        .annotate(
            orders=Count("pk"),
            open=Count("pk", filter=~Q(status__in=FINISHED)),
            value=Coalesce(Sum("total", filter=~Q(status=Order.Status.CANCELLED)), 0),
            first_at=Min("placed_at"),
            last_at=Max("placed_at"),
        )
        .order_by("-orders", "channel__name")
    )
    return [Bought(*row) for row in rows]


def _orders_of(people: Collection[int], reach: Reach) -> QuerySet[Order]:
    """Their orders within reach, each once, so that they can be counted and summed."""
    orders = Order.objects.filter(customer__in=people)
    if reach == EVERYWHERE:
        return orders
    return orders.filter(pk__in=Order.objects.within(reach).filter(customer__in=people).values("pk"))


# -- the list -------------------------------------------------------------------------------------------------------


def _by_last_order(reach: Reach) -> QuerySet[Order]:
    """The last order of every person, as `person`. Walks the orders from the newest, so only a page's worth is read."""
    orders = Order.objects.within(reach)
    newer = Q(placed_at__gt=OuterRef("placed_at")) | Q(placed_at=OuterRef("placed_at"), pk__gt=OuterRef("pk"))
    return (
        orders.filter(customer__isnull=False)
        .annotate(person=Coalesce("customer__merged_into_id", "customer_id"))
        .exclude(Exists(orders.filter(newer, customer=OuterRef("person"))))
        .exclude(Exists(orders.filter(newer, customer__merged_into=OuterRef("person"))))
        .only("pk", "placed_at")
    )


def _found_by_last_order(reach: Reach, among: list[int]) -> QuerySet[Order, Any]:
    """The same for people who were looked for: few enough to take all their orders and group them."""
    orders = _orders_of(_everybody(among), reach)
    people = orders.values(person=Coalesce("customer__merged_into_id", "customer_id"))
    return people.annotate(last_at=Max("placed_at"))


def _by_name(reach: Reach, among: list[int] | None) -> QuerySet[Customer]:
    found = Customer.objects.filter(merged_into=None)
    if among is not None:
        found = found.filter(pk__in=_everybody(among))
    return _within(reach, found, among).annotate(
        sorted_name=Case(When(name="", then=Value(LAST_OF_ALL)), default=Lower("name"))
    )


def _everybody(ids: Collection[int]) -> list[int]:
    """All ids under which these people are kept, whichever of their ids is given."""
    stay = Customer.objects.filter(pk__in=ids).values(person=Coalesce("merged_into_id", "pk"))
    return list(Customer.objects.filter(Q(pk__in=stay) | Q(merged_into__in=stay)).values_list("pk", flat=True))


def _within(reach: Reach, people: QuerySet[Customer], among: Collection[int] | None = None) -> QuerySet[Customer]:
    """Those who ordered something within reach; nobody outside `among` needs to be looked at."""
    if reach == EVERYWHERE:
        return people
    orders = Order.objects.within(reach).filter(customer__isnull=False)
    if among is not None:
        orders = orders.filter(customer__in=_everybody(among))
    merged = orders.filter(customer__merged_into__isnull=False)
    return people.filter(Q(pk__in=orders.values("customer")) | Q(pk__in=merged.values("customer__merged_into")))


def _rows(ids: list[int], reach: Reach) -> list[Row]:
    everybody = list(Customer.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids)))
    rows = {person.pk: Row(person) for person in everybody if person.pk in ids}
    who = {person.pk: person.merged_into_id or person.pk for person in everybody}
    for person, known in timeline.identities(who).items():
        rows[person].known = known
    bought = _orders_of(who, reach).values_list("customer_id", "channel__name")
    counted = bought.annotate(orders=Count("pk"), last_at=Max("placed_at")).order_by("-orders", "channel__name")
    for person, channel, orders, last_at in counted:
        row = rows[who[person]]
        row.orders += orders
        row.last_at = max(filter(None, (row.last_at, last_at)))
        if channel not in row.channels:
            row.channels.append(channel)
    return [rows[pk] for pk in ids]


# -- one person -----------------------------------------------------------------------------------------------------


def _page(request: StaffRequest, person: Person, known: Known) -> dict[str, Any]:
    bought = person.bought
    sees_orders = staff_may(request.staff.role, "order.read")
    return {
        "title": person.customer.name or NAMELESS,
        "above": [{"label": "Customers", "url": reverse("console:customers")}, {"label": str(person.customer.pk)}],
        "story": _story(bought) if sees_orders else "",
        "value": _value(bought),
        "first_at": min((each.first_at for each in bought), default=None),
        "last_at": max((each.last_at for each in bought), default=None),
        "alike": _alike(request.reach, person, known),
        "deeds": [_deed(entry) for entry in timeline.deeds(person.people)[:MOST_DEEDS]],
        **_contact(request, person, known),
        **_orders(request, person),
    }


def _contact(request: StaffRequest, person: Person, known: Known) -> dict[str, Any]:
    channels = dict(SalesChannel.objects.values_list("code", "name"))
    return {
        "person": person.customer,
        "identities": [
            {
                "label": Identity.Kind(identity.kind).label,
                "kind": identity.kind,
                "shown": identity.shown,
                "channel": channels.get(identity.channel, identity.channel),
            }
            for identity in known.identities
        ],
        "addresses": known.addresses,
        "towns": list(dict.fromkeys(_town(address) for address in known.addresses)),
        "hidden": known.hidden,
        "may_reveal": staff_may(request.staff.role, "customer.reveal"),
        "purposes": privacy.PURPOSES,
    }


def _orders(request: StaffRequest, person: Person) -> dict[str, Any]:
    """A page of their orders from every channel in reach; none for a role that sees no orders."""
    if not staff_may(request.staff.role, "order.read"):
        return {"sees_orders": False, "person": person.customer}
    lines = OrderLine.objects.filter(order=OuterRef("pk"))
    found = _orders_of(person.people, request.reach).select_related("channel").annotate(
        first_title=Subquery(lines.order_by("position").values("title")[:1]),
        line_count=Subquery(lines.order_by().values("order").annotate(n=Count("pk")).values("n")),
    )  # fmt: skip
    page = keyset.page(found, by=("-placed_at", "-pk"), size=ORDERS, asked=request.GET, name="customer-orders")
    count = sum(each.orders for each in person.bought)
    return {
        "sees_orders": True,
        "person": person.customer,
        "orders": page.rows,
        "page": page,
        "where": f"{count:,} order{'' if count == 1 else 's'}",
    }


def _alike(reach: Reach, person: Person, known: Known) -> list[dict[str, Any]]:
    """Others in reach who may be the same person, with what they share."""
    why = timeline.alike(person.people, known)
    if not why:
        return []
    others = _within(reach, Customer.objects.filter(pk__in=why, merged_into=None), among=list(why)).order_by("-pk")
    return [{"person": other, "why": why[other.pk]} for other in others[:MOST_ALIKE]]


def _town(address: Address) -> str:
    return ", ".join(filter(None, [address.city, address.region, address.country]))


def _deed(entry: AuditEntry) -> dict[str, Any]:
    return {"what": entry.reason or entry.action, "who": entry.actor.removeprefix("staff:"), "at": entry.happened_at}


# -- in words -------------------------------------------------------------------------------------------------------


def _story(bought: Collection[Bought]) -> str:
    per_channel: dict[str, int] = defaultdict(int)
    for each in bought:
        per_channel[each.channel] += each.orders
    if not per_channel:
        return "Known to us, but has not ordered anything yet."
    orders, still_open = sum(per_channel.values()), sum(each.open for each in bought)
    first, last = _day(min(each.first_at for each in bought)), _day(max(each.last_at for each in bought))
    times = f"Ordered once, on {first}" if orders == 1 else f"Ordered {orders:,} times from {first} to {last}"
    where = ", ".join(f"{channel} {count:,}" for channel, count in per_channel.items())
    rest = f"{still_open:,} not finished yet" if still_open else "nothing is open"
    return f"{times}: {where}; {rest}."


def _day(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local.day} {local:%b %Y}"


def _value(bought: Collection[Bought]) -> list[dict[str, str]]:
    """What they ordered and did not cancel, in each currency, the larger part first."""
    per_currency: dict[str, int] = defaultdict(int)
    for each in bought:
        per_currency[each.currency] += each.value
    return [{"label": currency, "value": show.money(value, currency)} for currency, value in per_currency.items()]
