"""What the retailer sells: every code of the invoice file that is goods, 33 barcoded electronics, and one treadmill.

A code's title is the description it was sold under most often, its price the (lower) median of what was ever asked
for it. Codes that differ in letter case only are one. Codes that corrections mention but that never sold at a price
stay as inactive variants, so that their corrections have something to be booked on. The gifts have no barcodes in the
source and get none; the electronics have UPCs, written as 13-digit GTINs.
"""

import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from functools import cache
from statistics import median_low

from demo.world import categories, documents, families, prices, sources
from demo.world.codes import CHARGES, Row
from demo.world.documents import Entry
from demo.world.shapes import Product, Variant

TREADMILL = "TM-T90-BLK"
TREADMILL_PRICE = 1_899_00
NEW_HERE = 25  # popularity of what no history speaks of: sold now and then
_SMALL = {"and", "for", "in", "of", "on", "or", "the", "to", "with"}
_INITIAL = re.compile(r"(?<![0-9a-z'])[a-z]")  # not the s of 50's, not the cm of 30cm


@cache
def products() -> tuple[Product, ...]:
    return (*_gifts(), *(_electronic(found) for found in sources.electronics()), _treadmill())


@cache
def variants() -> dict[str, Variant]:
    """Return {sku: variant} of all products."""
    return {variant.sku: variant for product in products() for variant in product.variants}


@cache
def sellable() -> tuple[Variant, ...]:
    """Return the active variants, most popular first."""
    active = (variant for variant in variants().values() if variant.active)
    return tuple(sorted(active, key=lambda variant: (-variant.popularity, variant.sku)))


def readable(shouted: str) -> str:
    """SET OF 3 CAKE TINS as Set of 3 Cake Tins; what was not typed in capitals stays as typed."""
    if shouted != shouted.upper():
        return shouted
    words = _INITIAL.sub(lambda letter: letter[0].upper(), shouted.lower()).split()
    return " ".join(word.lower() if place and word.lower() in _SMALL else word for place, word in enumerate(words))


def is_name(sku: str, description: str) -> bool:
    """Whether the code was ever sold under this description: then it is no remark."""
    return description in _descriptions().get(sku, ())


@cache
def _descriptions() -> dict[str, frozenset[str]]:
    return {sku: frozenset(entry.description for entry in entries) for sku, entries in documents.sold_by_sku().items()}


def _gifts() -> list[Product]:
    found = {sku: _variant(sku, entries) for sku, entries in documents.sold_by_sku().items()}
    grouped = families.group({sku: variant.title for sku, variant in found.items()})
    gifts = [
        Product(
            code=code,
            name=name,
            category=categories.of(name),
            variants=tuple(replace(found[sku], option=option) for sku, option in options.items()),
        )
        for code, name, options in grouped
    ]
    return gifts + [_unsold(sku) for sku in sorted(_mentioned() - found.keys())]


def _mentioned() -> set[str]:
    goods = (Row.SOLD, Row.CANCELLED, Row.ADJUSTMENT)
    return {
        entry.sku
        for document in documents.read()
        for entry in document.entries
        if entry.row in goods and entry.sku not in CHARGES
    }


def _variant(sku: str, entries: list[Entry]) -> Variant:
    ((description, _),) = Counter(entry.description for entry in entries).most_common(1)
    return Variant(
        sku=sku,
        title=readable(description),
        price=prices.cents(str(median_low(Decimal(entry.pounds) for entry in entries))),
        popularity=len(entries),
        turnover=sum(entry.quantity * prices.cents(entry.pounds) for entry in entries),
        usual_quantity=median_low(entry.quantity for entry in entries),
    )


def _unsold(sku: str) -> Product:
    title = f"Discontinued item {sku}"
    return Product(
        code=sku,
        name=title,
        category=("Discontinued",),
        variants=(Variant(sku=sku, title=title, price=0, active=False, popularity=0),),
    )


def _electronic(found: dict[str, object]) -> Product:
    sku, name = str(found["sku"]), str(found["name"])
    steps = found["categories"]
    price = int(Decimal(str(found["price"])) * 100)
    return Product(
        code=sku,
        name=name,
        brand=str(found["manufacturer"]),
        category=tuple(map(str, steps)) if isinstance(steps, list) else categories.OTHER,
        variants=(Variant(sku=sku, title=name, price=price, gtin=f"0{found['upc']}", popularity=NEW_HERE),),
    )


def _treadmill() -> Product:
    return Product(
        code="TM-T90",
        name="Treadmill T90",
        category=("Sports & Fitness", "Treadmills"),
        variants=(
            Variant(
                sku=TREADMILL, title="Treadmill T90, black", option="Black", price=TREADMILL_PRICE, popularity=NEW_HERE
            ),
        ),
    )
