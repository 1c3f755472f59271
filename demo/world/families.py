"""Which codes are one product in several versions: 15056BL, 15056N and 15056P are one parasol in three colours."""

import re
from collections.abc import Iterable

_FAMILY = re.compile(r"(\d{5})[A-Z]+")
SHARED = 2  # words that every name of a family has

Options = dict[str, str]  # sku → the words that tell it from its sisters


def group(titles: dict[str, str]) -> Iterable[tuple[str, str, Options]]:
    """Yield (product code, name, options) for {sku: title}; a code that stands alone is its own product.

    Codes that differ in their letters only are a family if their titles share at least two words and each
    title keeps a word of its own. The shared words are the product's name.
    """
    found: dict[str, list[str]] = {}
    for sku in sorted(titles):
        family = _FAMILY.fullmatch(sku)
        found.setdefault(family[1] if family else sku, []).append(sku)
    for code, skus in found.items():
        name, options = _split({sku: titles[sku] for sku in skus})
        if options:
            yield code, name, options
        else:
            yield from ((sku, titles[sku], {sku: ""}) for sku in skus)


def _split(titles: dict[str, str]) -> tuple[str, Options]:
    words = {sku: title.split() for sku, title in titles.items()}
    shared = set.intersection(*(set(map(str.lower, found)) for found in words.values()))
    options = {sku: " ".join(word for word in found if word.lower() not in shared) for sku, found in words.items()}
    first = next(iter(words.values()))
    name = " ".join(word for word in first if word.lower() in shared)
    distinct = len(set(options.values())) == len(options) > 1 and all(options.values())
    return (name, options) if distinct and len(name.split()) >= SHARED else ("", {})
