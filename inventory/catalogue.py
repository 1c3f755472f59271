"""Products and variants: take them in, and keep them findable."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inventory.models import Product, Variant
from oms import db, search
from oms.errors import Refused


class BadGtin(Refused):
    code = "gtin_invalid"
    status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A product of one variant, as catalogues list them."""

    sku: str
    title: str
    description: str = ""
    brand: str = ""
    category: str = ""
    image_url: str = ""
    gtin: str | None = None
    weight_grams: int | None = None


def normalise_gtin(code: str) -> str:
    """Return the 14-digit form of an 8, 12, 13 or 14-digit barcode. Raises BadGtin, saying what is wrong."""
    digits = re.sub(r"[\s-]", "", code)
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in {8, 12, 13, 14}:
        raise BadGtin(f"“{code[:40]}” is no barcode: those have 8, 12, 13 or 14 digits.", gtin=code[:40])
    padded = digits.zfill(14)
    if sum(int(d) * (3 if place % 2 == 0 else 1) for place, d in enumerate(padded)) % 10 or not int(padded):
        raise BadGtin(f"The last digit of {code} does not fit the others: one was mistyped.", gtin=code)
    return padded


@db.transaction
def add(*, articles: Sequence[Article]) -> dict[str, int]:
    """Take in articles, updating those whose SKU is known; return {SKU: variant id}. Safe to repeat."""
    Product.objects.bulk_create(
        [
            Product(
                code=a.sku, title=a.title, description=a.description, brand=a.brand, category=a.category,
                image_url=a.image_url,
            )
            for a in articles
        ],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["title", "description", "brand", "category", "image_url"],
    )  # fmt: skip
    products = dict(Product.objects.filter(code__in=[a.sku for a in articles]).values_list("code", "pk"))
    Variant.objects.bulk_create(
        [
            Variant(
                product_id=products[a.sku], sku=a.sku, weight_grams=a.weight_grams,
                gtin=normalise_gtin(a.gtin) if a.gtin else None,
            )
            for a in articles
        ],
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=["gtin", "weight_grams"],
    )  # fmt: skip
    variants = dict(Variant.objects.filter(sku__in=[a.sku for a in articles]).values_list("sku", "pk"))
    kinds = search.K
    keys = []
    for a in articles:
        keys += [search.Key(kinds.SKU, a.sku, "variant", variants[a.sku])]
        keys += [search.Key(kinds.NAME, a.title, "variant", variants[a.sku])]
        keys += [search.Key(kinds.GTIN, normalise_gtin(a.gtin), "variant", variants[a.sku])] if a.gtin else []
    search.index(keys)
    return variants
