"""Find a product by what is scanned or typed, and say where it is."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db.models import Q

from inventory import availability, catalogue, locations, pricing
from inventory.availability import Availability
from inventory.models import Location, Product, Variant
from oms import search, text
from oms.models import SearchKey
from orders.models import SalesChannel

SHOWN, STORES_SHOWN, FEWEST_LETTERS = 6, 3, 3
MILES = {"US", "GB"}
Kind = SearchKey.Kind


@dataclass(frozen=True, slots=True)
class Place:
    """A shelf somewhere else. `distance` is in words, "" when nobody knows."""

    name: str
    units: int
    distance: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One product as a customer asks for it: what it costs and where it is."""

    variant: Variant
    price: int | None
    here: int
    stores: Sequence[Place]  # with some of it, nearest first
    warehouses: Sequence[Place]
    suppliers: Sequence[Place]
    sendable: int  # could be shipped to the customer, from wherever

    @property
    def is_nowhere(self) -> bool:
        return not (self.here or self.stores or self.warehouses or self.suppliers)


def exactly(typed: str) -> list[Variant]:
    """The products this code means: a barcode in any of its lengths, or a SKU however its letters are written."""
    meant = Q(kind=Kind.SKU, value=search.normalise(Kind.SKU, typed))
    with contextlib.suppress(catalogue.BadGtin):
        meant |= Q(kind=Kind.GTIN, value=catalogue.normalise_gtin(typed))
    hits = SearchKey.objects.filter(meant, entity_kind="variant").order_by("entity_id")
    return _sellable(hits.values_list("entity_id", flat=True)[:SHOWN])


def like(typed: str) -> list[Variant]:
    """Products whose SKU begins with it or whose title sounds like it, the likeliest first."""
    folded = text.fold(typed)
    if len(folded) < FEWEST_LETTERS:
        return []
    ours = SearchKey.objects.filter(entity_kind="variant")
    skus = ours.filter(kind=Kind.SKU, value__startswith=search.normalise(Kind.SKU, typed)).order_by("value")
    titles = ours.filter(kind=Kind.NAME, value__trigram_word_similar=folded)
    likeliest = titles.annotate(likeness=TrigramWordSimilarity(folded, "value")).order_by("-likeness", "value", "pk")
    ids = [*skus.values_list("entity_id", flat=True)[:SHOWN], *likeliest.values_list("entity_id", flat=True)[:SHOWN]]
    return _sellable(ids)[:SHOWN]


def _sellable(ids: Iterable[int]) -> list[Variant]:
    """In the order given; what is still a draft is not for sale."""
    wanted = list(dict.fromkeys(ids))
    found = Variant.objects.titled().exclude(product__status=Product.Status.DRAFT).in_bulk(wanted)
    return [found[pk] for pk in wanted if pk in found]


def answers(variants: Sequence[Variant], *, store: Location, channel: SalesChannel, now: datetime) -> list[Answer]:
    """What to tell the customer about each: three statements for any number of products."""
    ids = [variant.pk for variant in variants]
    stock = availability.of(ids)
    prices = pricing.of(ids, channel=channel.code, currency=channel.currency, at=now)
    shelves = {shelf.location_id for found in stock.values() for shelf in found.shelves if shelf.free > 0}
    far = locations.distances(store, shelves) if shelves else {}
    return [_answer(variant, prices.get(variant.pk), stock[variant.pk], store, far) for variant in variants]


def _answer(variant: Variant, price: int | None, found: Availability, store: Location, far: dict[int, float]) -> Answer:
    elsewhere = [shelf for shelf in found.shelves if shelf.free > 0 and shelf.location_id != store.pk]
    nearest = sorted(elsewhere, key=lambda shelf: (far.get(shelf.location_id, 1e6), shelf.code))

    def places(*kinds: str) -> list[Place]:
        return [
            Place(shelf.name, shelf.free, _distance(far.get(shelf.location_id), store))
            for shelf in nearest
            if shelf.kind in kinds
        ]

    kind = Location.Kind
    return Answer(
        variant=variant,
        price=price,
        here=here(found, store),
        stores=places(kind.STORE)[:STORES_SHOWN],
        warehouses=places(kind.WAREHOUSE, kind.THIRD_PARTY),
        suppliers=places(kind.SUPPLIER),
        sendable=sendable(found),
    )


def here(found: Availability, store: Location) -> int:
    return sum(max(0, shelf.free) for shelf in found.shelves if shelf.location_id == store.pk)


def sendable(found: Availability) -> int:
    """What the front door could find to send."""
    return sum(max(0, shelf.free) for shelf in found.shelves if shelf.serves_anybody)


def _distance(kilometres: float | None, store: Location) -> str:
    if kilometres is None:
        return ""
    length, unit = (kilometres / 1.609344, "mi") if store.country in MILES else (kilometres, "km")
    return f"{length:,.1f} {unit}" if length < 10 else f"{length:,.0f} {unit}"
