"""What each marketplace offers: eBay the 600 gifts bought most often, Amazon the 600 that earned most.

Both also list the barcoded electronics and the treadmill. eBay asks the web shop's prices, except that the treadmill
is 1,000 dollars cheaper there; Amazon asks a tenth more, rounded to the cent.
"""

from functools import cache

from demo.world import catalogue, chance
from demo.world.buyers import AMAZON, EBAY, WEB
from demo.world.shapes import Listing, Variant

LENGTH = 600
TREADMILL_DISCOUNT = 1_000_00
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@cache
def listings(seed: int = chance.SEED) -> tuple[Listing, ...]:
    """Return the listings of web shop, eBay and Amazon. The web shop lists whatever is active."""
    new = [variant for variant in catalogue.sellable() if not variant.turnover]
    gifts = [variant for variant in catalogue.sellable() if variant.turnover]
    earners = sorted(gifts, key=lambda variant: (-variant.turnover, variant.sku))
    return (
        *(_listing(WEB, variant, variant.price, variant.sku) for variant in catalogue.sellable()),
        *(_listing(EBAY, found, _on_ebay(found), _item(found, seed)) for found in gifts[:LENGTH] + new),
        *(_listing(AMAZON, found, _on_amazon(found), _asin(found, seed)) for found in earners[:LENGTH] + new),
    )


def _listing(channel: str, variant: Variant, price: int, external_id: str) -> Listing:
    return Listing(channel=channel, sku=variant.sku, external_id=external_id, title=variant.title, price=price)


def _on_ebay(variant: Variant) -> int:
    return variant.price - TREADMILL_DISCOUNT if variant.sku == catalogue.TREADMILL else variant.price


def _on_amazon(variant: Variant) -> int:
    return variant.price if variant.sku == catalogue.TREADMILL else (variant.price * 11 + 5) // 10


def _item(variant: Variant, seed: int) -> str:
    return "1" + chance.code("0123456789", 11, seed, EBAY, variant.sku)


def _asin(variant: Variant, seed: int) -> str:
    return "B0" + chance.code(_ALPHANUMERIC, 8, seed, AMAZON, variant.sku)
