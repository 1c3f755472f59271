"""Addresses as marketplaces send them. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from babel.core import get_global

from channels.connectors.reading import Reading
from orders.incoming import Address, BadOrder

# What some channels write for a country, and what ISO 3166 calls it.
_SPELT = {"UK": "GB", "EL": "GR"}
_COUNTRIES = frozenset(code for code in get_global("territory_currencies") if re.fullmatch(r"[A-Z]{2}", code))
_WITH_REGION = frozenset({"US", "CA", "AU"})
_POSTCODES = {
    country: re.compile(pattern, re.ASCII | re.IGNORECASE)
    for country, pattern in {
        "AU": r"\d{4}",
        "AT": r"\d{4}",
        "BE": r"\d{4}",
        "CA": r"[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d",
        "CH": r"\d{4}",
        "DE": r"\d{5}",
        "ES": r"\d{5}",
        "FR": r"\d{5}",
        "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|GIR ?0AA",
        "IT": r"\d{5}",
        "JP": r"\d{3}-?\d{4}",
        "NL": r"\d{4} ?[A-Z]{2}",
        "PL": r"\d{2}-\d{3}",
        "US": r"\d{5}(-?\d{4})?",
    }.items()
}


def country(read: Reading, value: object, *, required: bool) -> str:
    """Return the ISO 3166 code. Raises BadOrder when it is required and cannot be had."""
    written = read.text(value, "country", most=40).upper()
    code = _SPELT.get(written, written)
    if code in _COUNTRIES:
        return code
    if required:
        kind = "country_unknown" if written else "country_missing"
        raise BadOrder(kind, f"“{written}” is no country to send goods to.", country=written)
    read.warn("address_warning")
    return ""


def address(read: Reading, fields: Mapping[str, Any], *, required: bool) -> Address | None:
    """Build an address from our own field names, holding the channel's values.

    `company` and `line3` are taken too and find a place. Parts may be missing or masked; what a carrier would
    stumble over gives the warning "address_warning". Raises BadOrder "address_missing" when it is required.
    """
    if not any(fields.values()):
        if required:
            raise BadOrder("address_missing", "The order is to be shipped but says no address.")
        return None
    words = {key: read.text(value, f"address {key}") for key, value in fields.items() if key != "country"}
    found = Address(
        name=_joined(words.get("name"), words.get("company")),
        line1=words.get("line1", ""),
        line2=_joined(words.get("line2"), words.get("line3")),
        city=words.get("city", ""),
        region=words.get("region", ""),
        postcode=words.get("postcode", ""),
        country=country(read, fields.get("country"), required=required),
        phone=words.get("phone", ""),
    )
    if is_doubtful(found):
        read.warn("address_warning")
    return found


def is_doubtful(found: Address) -> bool:
    """Would a carrier stumble? No street, no region where one is needed, or a postcode of another country."""
    pattern = _POSTCODES.get(found.country)
    return (
        not found.line1
        or (found.country in _WITH_REGION and not found.region)
        or (pattern is not None and not pattern.fullmatch(found.postcode))
    )


def _joined(*words: str | None) -> str:
    return ", ".join(word for word in words if word)
