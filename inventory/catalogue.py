"""Products and variants: take them in, and keep them findable."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory.models import Product, Variant
from oms import db, search
from oms.errors import Refused


class BadGtin(Refused):
    code = "gtin_invalid"
    status = 422


class GtinTaken(Refused):
    """One barcode, two things to sell: a scanner could not tell them apart."""

    code = "gtin_taken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A variant as catalogues list it: a product of its own, or with `product` one version of that product."""

    sku: str
    title: str
    product: str = ""  # code of the product; "" is the SKU's own
    option: str = ""  # what tells this version from the others: "black, 2 m"
    is_sold: bool = True
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
    """Take in articles, updating those whose SKU is known; return {SKU: variant id}. Safe to repeat.

    Of two articles with one SKU the last one counts. Raises BadGtin, GtinTaken.
    """
    # In the order of their SKUs, so that two who take in the same articles queue instead of deadlocking.
    articles = sorted({a.sku: a for a in articles}.values(), key=lambda a: a.sku)
    gtins = {a.sku: normalise_gtin(a.gtin) for a in articles if a.gtin}
    _demand_unshared(gtins)
    Product.objects.bulk_create(
        {_code(a): _product(a) for a in articles}.values(),
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=["title", "description", "brand", "category", "image_url", "status"],
    )
    products = dict(Product.objects.filter(code__in={_code(a) for a in articles}).values_list("code", "pk"))
    Variant.objects.bulk_create(
        [
            Variant(
                product_id=products[_code(a)], sku=a.sku, name=a.option, weight_grams=a.weight_grams,
                gtin=gtins.get(a.sku),
            )
            for a in articles
        ],
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=["name", "gtin", "weight_grams"],
    )  # fmt: skip
    variants = dict(Variant.objects.filter(sku__in=[a.sku for a in articles]).values_list("sku", "pk"))
    kinds = search.K
    keys = []
    for a in articles:
        keys += [search.Key(kinds.SKU, a.sku, "variant", variants[a.sku])]
        keys += [search.Key(kinds.NAME, f"{a.title} {a.option}", "variant", variants[a.sku])]
        keys += [search.Key(kinds.GTIN, gtins[a.sku], "variant", variants[a.sku])] if a.sku in gtins else []
    search.index(keys)
    return variants


def _demand_unshared(gtins: Mapping[str, str]) -> None:
    """Raise GtinTaken for the first barcode of two SKUs, among these or with one we have."""
    holders = {gtin: sku for sku, gtin in Variant.objects.filter(gtin__in=gtins.values()).values_list("sku", "gtin")}
    for sku, gtin in gtins.items():
        if (other := holders.setdefault(gtin, sku)) != sku:
            raise GtinTaken(f"{other} and {sku} have the same barcode {gtin}.", gtin=gtin, skus=sorted((other, sku)))


def _code(article: Article) -> str:
    return article.product or article.sku


def _product(article: Article) -> Product:
    return Product(
        code=_code(article), title=article.title, description=article.description, brand=article.brand,
        category=article.category, image_url=article.image_url,
        status=Product.Status.ACTIVE if article.is_sold else Product.Status.DISCONTINUED,
    )  # fmt: skip
