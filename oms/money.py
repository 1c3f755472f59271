"""Money is an integer of minor units plus an ISO 4217 code. Never a float, never rounded in silence.

Pure: connectors and engines use it without Django.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from babel.core import get_global
from babel.numbers import format_currency, get_currency_precision

from oms.errors import Refused

_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,4})?")
# Codes that ISO lists for metals, funds and testing are no money anybody pays with.
_NOT_SPENDABLE = {"XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XUA", "XSU", "XBA", "XBB", "XBC", "XBD"}
MOST = 2**53 - 1  # what every JSON reader can hold exactly


class BadAmount(Refused):
    code = "bad_amount"
    status = 422


class UnknownCurrency(Refused):
    code = "currency_unknown"
    status = 422


def _tender() -> frozenset[str]:
    """Currencies some territory uses today. CLDR gives each as (code, from, to, tender)."""
    territories = get_global("territory_currencies")
    current = {entry[0] for entries in territories.values() for entry in entries if entry[2] is None and entry[3]}
    return frozenset(current - _NOT_SPENDABLE)


CURRENCIES = _tender()


def check_currency(code: object) -> str:
    """Return `code` if it is a currency in use, spelt as ISO spells it; raise UnknownCurrency otherwise."""
    if not isinstance(code, str) or code not in CURRENCIES:
        raise UnknownCurrency(
            f"“{code}” is not a currency in use; write its ISO code, such as GBP.", currency=str(code)
        )
    return code


def exponent(currency: str) -> int:
    """Digits after the point: 2 for GBP, 0 for JPY, 3 for KWD."""
    return get_currency_precision(currency)


def parse(amount: object, currency: str) -> int:
    """Return the minor units of a decimal string ("19.98" GBP is 1998).

    Strict on purpose: no exponents, no grouping, no blanks, ASCII digits only, and no more decimals
    than the currency has (trailing zeros excepted). Raises BadAmount or UnknownCurrency.
    """
    check_currency(currency)
    if not isinstance(amount, str) or not _PLAIN_DECIMAL.fullmatch(amount):
        raise BadAmount(f"“{str(amount)[:40]}” is not a plain decimal amount such as 19.98.", amount=str(amount)[:40])
    minor = Decimal(amount).scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise BadAmount(f"{amount} has more decimals than {currency} has.", amount=amount, currency=currency)
    return int(minor)


def to_decimal(minor: int, currency: str) -> str:
    """The plain decimal string marketplaces expect: 1998 GBP is "19.98"."""
    return f"{Decimal(minor).scaleb(-exponent(currency)):f}"


def show(minor: int, currency: str, locale: str = "en_GB") -> str:
    """What people read: "£19.98"."""
    return format_currency(Decimal(minor).scaleb(-exponent(currency)), currency, locale=locale)


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` over `weights` by largest remainder, so that the parts add up to the whole.

    Ties go to the earlier part. With no weight at all the first part takes everything.
    """
    if not weights:
        return []
    whole = sum(weights)
    if whole == 0:
        return [total, *[0] * (len(weights) - 1)]
    sign = -1 if total < 0 else 1
    exact = [abs(total) * weight for weight in weights]
    parts = [product // whole for product in exact]
    by_remainder = sorted(range(len(weights)), key=lambda place: (-(exact[place] % whole), place))
    for place in by_remainder[: abs(total) - sum(parts)]:
        parts[place] += 1
    return [sign * part for part in parts]
