"""The sale: shown once more, paid once, made once."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages as toasts
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from console.context import StaffRequest
from console.counter import _basket, _customer, _found, _page, _store
from console.counter._basket import Basket
from console.counter._customer import CustomerForm
from console.counter._found import Answer
from console.templatetags.show import money
from inventory.models import Location, Variant
from oms.errors import Refused
from orders import checkout, intake
from orders.checkout import Item, Sale
from orders.incoming import Method
from orders.models import Order, SalesChannel

OTHER_BASKET = {
    "title": "The basket was changed in another window",
    "text": "Nothing was sold. Below is what is in it now: check it, then sell again.",
}


@require_POST
def sale(request: StaffRequest) -> HttpResponse:
    """Sell the basket and go to its receipt. Nothing but success empties it.

    The form says which basket it was and what it came to, so that a second press, a page from before or
    another window finds the sale that was made, or is told that the basket has become another one.
    """
    with _basket.held(request) as basket:
        store, channel = _store.of(request, basket), _store.till(request)
        if store is None or channel is None:
            return redirect("console:counter")
        number = request.POST.get("number", "")
        if number != basket.number and (made := _made(request, number)) is not None:
            toasts.info(request, "This basket was sold already. Here is its receipt; nothing was sold twice.")
            return redirect("console:counter-receipt", number=made.number)
        form, said = _customer.bound(request.POST, ships=basket.ships)
        if (number, request.POST.get("total")) != (basket.number, str(basket.total)):
            return _page.page(request, basket, store, channel, form=form, refusal=OTHER_BASKET, status=409)
        basket.customer = {name: value for name, value in said.items() if value}
        if not form.is_valid():
            return _page.page(request, basket, store, channel, form=form, status=422)
        try:
            accepted = checkout.sell(_as_sale(basket, form), actor=request.actor, now=timezone.now())
        except Refused as refusal:
            why = _explained(refusal, basket, store, channel)
            return _page.page(request, basket, store, channel, form=form, refusal=why, status=refusal.status)
        basket.empty()
    return redirect("console:counter-receipt", number=accepted.number)


def _made(request: StaffRequest, number: str) -> Order | None:
    """The sale that became of a basket of this number, if it lies within reach."""
    if not number.isascii() or not number.isprintable():
        return None
    sold = Order.objects.within(request.reach).filter(channel__code=settings.OMS_TILL_CHANNEL)
    return sold.filter(external_number=number[:80]).first()


def _as_sale(basket: Basket, form: CustomerForm) -> Sale:
    return Sale(
        number=basket.number,
        channel=settings.OMS_TILL_CHANNEL,
        store=basket.store,
        items=[
            Item(sku=line.sku, quantity=line.quantity, price=line.price, method=Method(line.method))
            for line in basket.lines
        ],
        payment=form.cleaned_data["payment"],
        buyer=form.buyer(),
        ship_to=form.ship_to(),
        note=form.cleaned_data["note"],
    )


# -- why not ------------------------------------------------------------------------------------------------------


def _explained(refusal: Refused, basket: Basket, store: Location, channel: SalesChannel) -> dict[str, Any]:
    """The refusal in words, with what helps; the basket shows new prices and gets a new number where it must."""
    if isinstance(refusal, checkout.PriceChanged):
        return _of_prices(refusal, basket, channel)
    if isinstance(refusal, intake.OutOfStock):
        return _of_stock(refusal, store, channel)
    if isinstance(refusal, checkout.SoldOtherwise):
        basket.renumber()
        url = reverse("console:counter-receipt", args=[refusal.facts["number"]])
        return {
            "title": "Part of this was sold already",
            "text": refusal.message,
            "url": url,
            "link": "See its receipt",
        }
    return {"title": "Nothing was sold", "text": refusal.message}


def _of_prices(refusal: Refused, basket: Basket, channel: SalesChannel) -> dict[str, Any]:
    changes = refusal.facts["changes"]
    titles = {variant.sku: variant.title for variant in _variants([change["sku"] for change in changes])}
    basket.reprice({change["sku"]: change["now"] for change in changes})
    points = [
        f"{titles.get(change['sku'], change['sku'])}: {money(change['shown'], channel.currency)} is now"
        f" {money(change['now'], channel.currency)}"
        for change in changes
    ]
    return {"title": "A price has changed: nothing was sold yet", "text": refusal.message, "points": points}


def _of_stock(refusal: Refused, store: Location, channel: SalesChannel) -> dict[str, Any]:
    short = {each["sku"]: each for each in refusal.facts["short"]}
    answers = _found.answers(_variants(list(short)), store=store, channel=channel, now=timezone.now())
    points = [_shortage(short[answer.variant.sku], answer, store) for answer in answers]
    return {
        "title": "Not enough stock: nothing was sold",
        "text": "The basket is as it was. Take fewer, or choose another way to hand it over.",
        "points": points,
    }


def _shortage(short: dict[str, Any], answer: Answer, store: Location) -> str:
    head = f"{answer.variant.title}: {short['short']} of {short['wanted']} cannot be promised."
    elsewhere = (*answer.stores, *answer.warehouses)
    places = [f"{store.name} has {answer.here}"] if answer.here else []
    places += [f"{each.name} {each.units}" + (f" ({each.distance})" if each.distance else "") for each in elsewhere]
    return f"{head} {', '.join(places)}." if places else f"{head} No other place has any."


def _variants(skus: Sequence[str]) -> list[Variant]:
    return list(Variant.objects.titled().filter(sku__in=skus).order_by("sku"))
