"""The people who shop: names and misspellings from FEBRL, homes from the US address file.

Every FEBRL entity with a name is one person; what its other records make of the name are the spellings channels may
know that person by. The Australian addresses, birth dates and social security numbers of the source are not used.
E-mail addresses are made from the right spelling at the example domains, telephone numbers are fictional ones of
the home state, and half of the people carry a loyalty card.
"""

import re
from collections.abc import Iterator
from functools import cache

from demo.world import chance, phones, places, sources
from demo.world.shapes import Person
from oms import text
from orders.incoming import Address

_DOMAINS = ("example.com", "example.org", "example.net")
_WORD = re.compile(r"[^\W\d_]+")
_SUITE = re.compile(r"^#+(?=[A-Z]{2,} )|(?<= )0+(?=\d)")

Spelling = tuple[str, str]


@cache
def everybody(seed: int = chance.SEED) -> tuple[Person, ...]:
    """Return all people in an order that does not betray which data set they came from."""
    spellings = sorted(_spellings().items(), key=lambda found: chance.number(seed, "person", found[0]))
    homes = sorted(sources.addresses(), key=lambda row: chance.number(seed, "home", *row.values()))
    ringing = {state: phones.of_state(state) for state in phones.AREA_CODES}
    return tuple(
        _person(place, names, home, ringing[home["state"]], seed)
        for place, ((_, names), home) in enumerate(zip(spellings, homes, strict=False), start=1)
    )


def proper(name: str) -> str:
    """Capitals where a reader expects them: o'brien-mcKay is O'Brien-McKay."""
    words = _WORD.sub(lambda word: word[0].capitalize(), name.strip())
    return re.sub(r"\bMc([a-z])", lambda found: "Mc" + found[1].upper(), words)


def _spellings() -> dict[str, tuple[Spelling, ...]]:
    """Return {entity: spellings}, the right one first, without repetitions and without empty names."""
    found: dict[str, list[Spelling]] = {}
    for record in sorted(sources.person_records(), key=lambda record: (not record["original"], record["rec_id"])):
        spelling = (proper(record["given_name"]), proper(record["surname"]))
        known = found.setdefault(record["entity"], [])
        if any(spelling) and spelling not in known and (known or record["original"]):
            known.append(spelling)
    return {entity: tuple(names) for entity, names in found.items() if names}


def _person(place: int, names: tuple[Spelling, ...], home: dict[str, str], numbers: Iterator[str], seed: int) -> Person:
    given, surname = (re.sub(r"[^a-z]", "", text.fold(part)) for part in names[0])
    domain = chance.one_of(_DOMAINS, seed, "domain", place)
    email = f"{'.'.join(filter(None, (given, surname)))}{place}@{domain}"
    short = f"{given[:1]}{surname}.{place}@{chance.one_of(_DOMAINS, seed, 'second domain', place)}"
    return Person(
        key=f"P{place:04}",
        email=email,
        second_email=email if place % 2 else short,
        phone=next(numbers, ""),
        loyalty_number=f"L{chance.number(seed, 'card', place) % 10**9:09}" if place % 4 < 2 else "",
        home=_home(home),
        store=places.nearest_store(float(home["lat"]), float(home["lon"])),
        spellings=names,
    )


def _home(row: dict[str, str]) -> Address:
    return Address(
        line1=row["address1"],
        line2=_SUITE.sub("", row["address2"]),
        city=row["city"],
        region=row["state"],
        postcode=row["postal_code"],
        country="US",
    )
