"""What changes the basket: a scan, a press, another quantity, a customer's words."""

from django.contrib import messages as toasts
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from console.context import StaffRequest
from console.counter import _basket, _customer, _page, _store
from console.counter._basket import Basket, Line
from inventory import pricing
from inventory.models import Location, Product, Variant
from oms import text
from oms.errors import Refused
from orders.checkout import MOST_UNITS
from orders.incoming import Method


@require_POST
def scan(request: StaffRequest) -> HttpResponse:
    """Enter was pressed or a scanner has read: what the code means exactly goes into the basket, one of it."""
    typed = text.free(request.POST.get("q"), most=80)
    with _basket.held(request) as basket:
        store, channel = _store.of(request, basket), _store.till(request)
        if store is None or channel is None:
            return redirect("console:counter")
        if not typed:
            return _page.changed(request, basket, store, channel)
        found = _page.look(typed, store, channel)
        if found.get("is_exact"):
            answer = found["answers"][0]
            found["added"] = _put(request, basket, answer.variant, answer.price, _page.first_choice(request))
        return _page.changed(request, basket, store, channel, found=found, status=200 if found["answers"] else 422)


@require_POST
def add(request: StaffRequest) -> HttpResponse:
    sku = text.free(request.POST.get("sku"), most=60)
    with _basket.held(request) as basket:
        store, channel = _store.of(request, basket), _store.till(request)
        method = _method(request.POST.get("method", ""), store)
        if store is None or channel is None or method is None:
            return redirect("console:counter")
        variant = Variant.objects.titled().exclude(product__status=Product.Status.DRAFT).filter(sku=sku).first()
        if variant is None:
            toasts.error(request, "Nothing of ours has this SKU any more.")
        else:
            prices = pricing.of([variant.pk], channel=channel.code, currency=channel.currency, at=timezone.now())
            _put(request, basket, variant, prices.get(variant.pk), method)
        return _page.changed(request, basket, store, channel)


@require_POST
def change(request: StaffRequest, line: int) -> HttpResponse:
    """Another quantity, another way out, or out of the basket. Doing it twice is doing it once."""
    with _basket.held(request) as basket:
        store, channel = _store.of(request, basket), _store.till(request)
        if store is None or channel is None:
            return redirect("console:counter")
        if (found := basket.find(line)) is not None:
            _change(request, basket, found, store)
        return _page.changed(request, basket, store, channel)


@require_POST
def keep_customer(request: StaffRequest) -> HttpResponse:
    """Keep what was typed so far. A card number is not kept, and that is said at once."""
    said, cards = _customer.typed(request.POST)
    with _basket.held(request) as basket:
        if request.POST.get("number") == basket.number:  # not what was typed for a sale that has been made meanwhile
            basket.customer = {name: value for name, value in said.items() if value}
    if cards:
        toasts.error(request, _customer.TAKEN_OUT)
        return render(request, "console/counter/_toasts.html", status=422)
    return HttpResponse(status=204)


def _put(request: StaffRequest, basket: Basket, variant: Variant, price: int | None, method: Method) -> bool:
    if price is None:
        toasts.error(request, f"{variant.title} has no price here, so it cannot be sold yet.")
        return False
    try:
        basket.put(variant.sku, str(method), price)
    except Refused as refusal:
        toasts.error(request, refusal.message)
        return False
    return True


def _change(request: StaffRequest, basket: Basket, line: Line, store: Location) -> None:
    if "remove" in request.POST:
        basket.remove(line)
        return
    quantity = request.POST.get("step") or request.POST.get("quantity", "")
    if quantity.isascii() and quantity.isdecimal() and 0 < int(quantity[:6]) <= MOST_UNITS:
        line.quantity = int(quantity)
    else:
        toasts.error(request, f"Sell 1 to {MOST_UNITS} of one thing at a time; the quantity was left as it was.")
    if (method := _method(request.POST.get("method", ""), store)) is not None:
        basket.hand_over_by(line, str(method))


def _method(word: str, store: Location | None) -> Method | None:
    """The way out that was chosen, if this store has it."""
    if word not in set(Method) or (word == Method.PICKUP and not (store and store.offers_pickup)):
        return None
    return Method(word)
