"""One product: what can be sold of it where and for how much, what channels were told, and why."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from console import keyset
from console.context import StaffRequest
from console.products import _offers, _stock
from console.products._offers import Offer
from console.products._stock import Places
from inventory import availability
from inventory.availability import Availability
from inventory.models import Product, Variant
from oms.permissions import staff_may

SIBLINGS = 20  # shown at most


@require_GET
def product(request: StaffRequest, sku: str) -> HttpResponse:
    variants = {each.sku: each for each in _of_the_same_product(sku)}
    variant = variants.pop(sku, None)
    if variant is None:
        raise Http404(sku)
    role, reach = request.staff.role, request.reach
    stock = availability.of([variant.pk])[variant.pk]
    where = _stock.places(variant, stock, reach, all_of_them=request.GET.get("places") == "all")
    offers = _offers.offers(variant, stock, reach, now=timezone.now())
    why = _why(stock, where, offers, request.GET.get("why", ""))
    if keyset.wants_fragment(request):
        return render(request, "console/products/_why.html", {"why": why, "variant": variant})
    waiting, held, moved = _stock.holds_and_movements(variant, stock, where, role=role, reach=reach)
    context = {
        "variant": variant,
        "above": [{"label": "Products", "url": reverse("console:products")}, {"label": variant.sku}],
        "story": _story(stock, offers),
        "facts": _facts(variant),
        "siblings": list(variants.values())[:SIBLINGS],
        "stock": stock,
        "offers": offers,
        "gaps": _offers.gaps(offers),
        "why": why,
        "where": where,
        "waiting": waiting,
        "held": held,
        "most_holds": _stock.HOLDS,
        "moved": moved,
        "sees_oversell": staff_may(role, "oversell.read"),
        "sees_channels": staff_may(role, "channel.read"),
    }
    return render(request, "console/products/product.html", context)


def _of_the_same_product(sku: str) -> QuerySet[Variant]:
    if "\x00" in sku:  # what a database cannot be asked for
        return Variant.objects.none()
    return Variant.objects.titled().filter(product__variants__sku=sku).order_by("sku")


def _why(stock: Availability, where: Places, offers: list[Offer], asked: str) -> dict[str, Any]:
    """The sum behind one channel's number: the one asked for by the listing's id, or that of the own channels."""
    listed = [offer.listing for offer in offers if offer.listing]
    chosen = next((listing for listing in listed if str(listing.pk) == asked), None)
    buffer, most = (chosen.account.buffer, chosen.most_offered) if chosen else (0, None)
    choices = [("", "Own channels", chosen is None)]
    choices += [(str(each.pk), each.account.channel.name, each is chosen) for each in listed]
    return {
        "name": chosen.account.channel.name if chosen else "own channels",
        "terms": _stock.terms(stock, where, buffer=buffer, most=most),
        "total": stock.for_channel(buffer=buffer, most=most),
        "choices": [{"pk": pk, "label": label, "current": current} for pk, label, current in choices],
    }


def _story(stock: Availability, offers: list[Offer]) -> str:
    available = stock.for_channel()
    places = sum(shelf.offered > 0 for shelf in stock.shelves)
    if available:
        first = f"{available:,} can be sold now, from {places} place{'' if places == 1 else 's'}."
    else:
        first = "Nothing can be sold now."
    if stock.waiting:
        first += f" {stock.waiting:,} sold unit{' waits' if stock.waiting == 1 else 's wait'} for stock."
    return " ".join(filter(None, [first, _offers.story(offers)]))


def _facts(variant: Variant) -> list[dict[str, Any]]:
    product_ = variant.product
    return [
        {"label": "SKU", "value": variant.sku, "mono": True, "copies": variant.sku},
        {"label": "GTIN", "value": variant.gtin or "", "mono": True, "copies": variant.gtin or ""},
        {"label": "Brand", "value": product_.brand},
        {"label": "Category", "value": product_.category},
        {"label": "Weight", "value": f"{variant.weight_grams:,} g" if variant.weight_grams else ""},
        {"label": "State", "value": Product.Status(product_.status).label},
    ]
