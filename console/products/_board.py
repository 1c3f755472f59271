"""All products, with what can be sold of each and where it is listed."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from channels.models import Listing
from console import keyset
from console.context import StaffRequest
from console.matches import MOST, TOO_MANY, matches
from inventory import availability
from inventory.availability import Availability
from inventory.models import Variant
from oms import search
from oms.permissions import Reach

PAGE = 30


@dataclass(frozen=True, slots=True)
class Row:
    variant: Variant
    stock: Availability
    listings: list[tuple[str, int]]  # channel, how many

    @property
    def available(self) -> int:
        """What an own channel may sell."""
        return self.stock.for_channel()

    @property
    def on_hand(self) -> int:
        return sum(shelf.on_hand for shelf in self.stock.shelves)


@require_GET
def board(request: StaffRequest) -> HttpResponse:
    typed = request.GET.get("q", "").strip()
    reading = search.read(typed)
    among = matches("variant", reading) if typed else None
    found = Variant.objects.titled() if among is None else Variant.objects.titled().filter(pk__in=among)
    page = keyset.page(found, by=("sku",), size=PAGE, asked=request.GET, name="products")
    context = {
        "rows": _rows(page.rows, request.reach),
        "page": page,
        "q": typed,
        "hint": reading.hint if typed else "",
        "too_many": TOO_MANY if among and len(among) == MOST else "",
    }
    template = "console/products/_list.html" if keyset.wants_fragment(request) else "console/products/board.html"
    return render(request, template, context)


def _rows(variants: list[Variant], reach: Reach) -> list[Row]:
    ids = [variant.pk for variant in variants]
    stock, listings = availability.of(ids), _listings(ids, reach)
    return [Row(variant, stock[variant.pk], listings[variant.pk]) for variant in variants]


def _listings(variants: Collection[int], reach: Reach) -> dict[int, list[tuple[str, int]]]:
    """How often each variant is listed on each channel in reach."""
    live: Any = Listing.objects.filter(variant__in=variants, state=Listing.State.LIVE)
    if reach.channels is not None:
        live = live.filter(account__channel__code__in=reach.channels)
    counted = live.values_list("variant_id", "account__channel__name").annotate(listings=Count("pk"))
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for variant, channel, listings in counted.order_by("account__channel__name"):
        found[variant].append((channel, listings))
    return found
