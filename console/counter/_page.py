"""The counter's page and its parts: what was found, the basket, and how it is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django.views.decorators.vary import vary_on_headers

from console.context import StaffRequest
from console.counter import _basket, _found, _store
from console.counter._basket import Basket, Line
from console.counter._customer import CustomerForm
from inventory import availability
from inventory.availability import Availability
from inventory.models import Location
from oms import text
from oms.models import Role
from orders import checkout
from orders.incoming import Method
from orders.models import SalesChannel

WORDS = {Method.CARRY_OUT: "Take now", Method.PICKUP: "Collect here", Method.SHIP: "Ship"}
CARD = "That looks like the number of a payment card. It was not kept. Cards go through the terminal only."


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the basket with what can be said about it now. `hint` warns; nothing is held before it is sold."""

    line: Line
    title: str
    hint: str
    tone: str
    choices: list[tuple[str, str, str]]  # method, word, why not


@require_GET
@vary_on_headers("HX-Request")
def counter(request: StaffRequest) -> HttpResponse:
    channel = _store.till(request)
    if channel is None:
        return render(request, "console/counter/closed.html")
    basket = _basket.of(request)
    store = _store.of(request, basket)
    if store is None or "store" in request.GET:
        return _store.pick(request)
    return page(request, basket, store, channel)


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def find_products(request: StaffRequest) -> HttpResponse:
    """What is like the text typed so far. The page sends it by POST, so that it stands in no log of addresses."""
    typed = text.free((request.POST if request.method == "POST" else request.GET).get("q"), most=80)
    basket = _basket.of(request)
    store, channel = _store.of(request, basket), _store.till(request)
    if store is None or channel is None:
        return redirect("console:counter")
    if not typed:
        return HttpResponse(status=204)
    found = look(typed, store, channel)
    if request.htmx:
        return render(request, "console/counter/_found.html", {**found, "store": store, "channel": channel})
    return page(request, basket, store, channel, found=found)


def look(typed: str, store: Location, channel: SalesChannel) -> dict[str, Any]:
    """The context of what was found for a text: what it means exactly, otherwise what is like it."""
    exact = _found.exactly(typed)
    if not exact and checkout.holds_card_number(typed):
        return {"typed": "", "answers": [], "found_refusal": CARD}
    answers = _found.answers(exact or _found.like(typed), store=store, channel=channel, now=timezone.now())
    return {"typed": typed, "answers": answers, "is_exact": len(exact) == 1}


def page(
    request: StaffRequest,
    basket: Basket,
    store: Location,
    channel: SalesChannel,
    *,
    form: CustomerForm | None = None,
    refusal: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole counter. `refusal` is {title, text, points}: why the sale was not made."""
    context = {
        **basket_context(request, basket, store, channel),
        **(found or {}),
        "form": form or CustomerForm(initial={"country": store.country, **basket.customer}),
        "refusal": refusal,
    }
    return render(request, "console/counter/counter.html", context, status=status)


def changed(
    request: StaffRequest,
    basket: Basket,
    store: Location,
    channel: SalesChannel,
    *,
    found: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The parts of the page that follow from a change of the basket; the page again where no htmx asked."""
    if not request.htmx:
        return (
            page(request, basket, store, channel, found=found, status=status) if found else redirect("console:counter")
        )
    context = {**basket_context(request, basket, store, channel), **(found or {}), "oob": True}
    return render(request, "console/counter/_changed.html", {**context, "with_found": found is not None}, status=status)


def basket_context(request: StaffRequest, basket: Basket, store: Location, channel: SalesChannel) -> dict[str, Any]:
    stock = availability.by_sku({line.sku for line in basket.lines})
    return {
        "store": store,
        "channel": channel,
        "basket": basket,
        "rows": [_row(line, basket.lines, stock.get(line.sku), store) for line in basket.lines],
        "units": sum(line.quantity for line in basket.lines),
        "most_units": checkout.MOST_UNITS,
        "first_choice": first_choice(request),
    }


def first_choice(request: StaffRequest) -> Method:
    """How things leave unless somebody says otherwise: who stands in a store hands over, who is on the phone sends."""
    in_store = request.staff.role in (Role.ASSOCIATE, Role.STORE_MANAGER)
    return Method.CARRY_OUT if in_store else Method.SHIP


def _row(line: Line, lines: Sequence[Line], found: Availability | None, store: Location) -> Row:
    if found is None:
        return Row(line, line.sku, "Nothing of ours has this SKU any more. Take it out.", "bad", _choices(store))
    wanted = sum(each.quantity for each in lines if each.sku == line.sku and each.method != Method.SHIP)
    hint, tone = _hint(line, wanted, found, store)
    return Row(line, found.title, hint, tone, _choices(store))


def _choices(store: Location) -> list[tuple[str, str, str]]:
    closed = "" if store.offers_pickup else "Nothing can be collected in this store."
    return [(str(method), word, closed if method is Method.PICKUP else "") for method, word in WORDS.items()]


def _hint(line: Line, wanted: int, found: Availability, store: Location) -> tuple[str, str]:
    """What to know before it is sold: `wanted` are the units of it that all lines take from this store."""
    here, sendable = _found.here(found, store), _found.sendable(found)
    if line.method == Method.SHIP:
        return ("", "") if sendable >= line.quantity else (f"Only {sendable} can be sent.", "bad")
    if here >= wanted:
        return "", ""
    if line.method == Method.PICKUP:
        return f"Only {here} can be kept here. Ship it instead?", "bad"
    return f"The books have {here} here. Sell it if it lies in front of you.", "warn"
