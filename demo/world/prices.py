"""Pounds of 2011 in dollars, so that one retailer trades in one currency: US stores, addresses and ZIPs ask for USD.

One declared rate for the whole history: the European Central Bank's reference rates of 2011-08-31, the last day of
the file, crossed over the euro. Every unit price is rounded to the cent, half up; line totals multiply after that.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

USD_PER_EUR = Decimal("1.4450")
GBP_PER_EUR = Decimal("0.8856")
USD_PER_GBP = USD_PER_EUR / GBP_PER_EUR


@cache
def cents(pounds: str) -> int:
    """Return US cents for a decimal string of pounds. Also below zero: bad debt is booked that way."""
    return int((Decimal(pounds) * USD_PER_GBP * 100).quantize(Decimal(1), ROUND_HALF_UP))
