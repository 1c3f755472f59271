"""Recognise people across channels. The only writer of customers, their identities and addresses.

One person is meant by the same loyalty number, the same buyer account of one channel, the same e-mail (a
marketplace's relay address excepted), or the same phone together with the same surname. Names alone never match.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from customers.models import Identity
from oms import db, search, text

Kind = Identity.Kind

# Strongest first: when two of them lead to different people, the stronger decides.
STRENGTH = (Kind.LOYALTY, Kind.BUYER, Kind.EMAIL, Kind.PHONE)
_UNIQUE = {Kind.LOYALTY, Kind.BUYER, Kind.EMAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for one place however it is spelt in case, accents and blanks."""
        return _print_of((self.name, self.line1, self.line2, self.city, self.region, self.postcode, self.country))

    def row(self) -> tuple[str, ...]:
        """As the table keeps it: an address that is too long is cut there, and whole in its order."""
        return (
            self.name[:200], self.line1[:200], self.line2[:200], self.city[:120], self.region[:80], self.postcode[:20],
            self.country, self.phone[:40],
        )  # fmt: skip


@lru_cache(maxsize=1024)  # asked several times in a row about one place
def _print_of(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(map(text.fold, parts)).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as one channel describes them."""

    channel: str
    name: str = ""
    email: str = ""
    email_is_relay: bool = False
    phone: str = ""
    reference: str = ""  # the channel's own id
    loyalty_number: str = ""
    place: Place | None = None

    def identities(self) -> list[tuple[str, str, str]]:
        """(kind, compared value, shown value), without the empty ones."""
        found = [
            (Kind.LOYALTY, search.normalise(search.K.LOYALTY, self.loyalty_number), self.loyalty_number),
            (Kind.BUYER, f"{self.channel}:{self.reference.upper()}" if self.reference else "", self.reference),
            (
                Kind.RELAY_EMAIL if self.email_is_relay else Kind.EMAIL,
                search.normalise(search.K.EMAIL, self.email),
                self.email,
            ),
            (Kind.PHONE, search.phone_digits(self.phone) if self.phone else "", self.phone),
        ]
        return [(str(kind), value[:200], shown[:200]) for kind, value, shown in found if value]


@dataclass(slots=True)
class Recognised:
    """Who it is, and what should lead to them in the search from now on."""

    customer_id: int | None
    keys: list[search.Key] = field(default_factory=list)


@db.inside_transaction
def recognise(people: Sequence[Person]) -> list[Recognised]:
    """Find or create the customer of each person; None for somebody about whom nothing is known.

    One statement when all are known with these identities and addresses, two otherwise. The caller writes
    `keys` with `search.index`. Raises db.Again when the same newcomer is being created elsewhere right now.
    """
    described = [person.identities() for person in people]
    known, fresh_ids = _known(people, described)
    customers: list[int | None] = []
    newcomers: dict[int, int] = {}  # customer id → place in `people`
    for place, (person, identities) in enumerate(zip(people, described, strict=True)):
        match = _match(person, identities, known)
        if match is None and (identities or person.name):
            match = fresh_ids[place]
            newcomers[match] = place
            for kind, value, _ in identities:
                known.setdefault((kind, value), []).append((match, person.name, True))
        customers.append(match)
    return _write(people, described, customers, newcomers, known)


Known = dict[tuple[str, str], list[tuple[int, str, bool]]]  # (kind, value) → customer, name, made just now


def _known(people: Sequence[Person], described: list[list[tuple[str, str, str]]]) -> tuple[Known, list[int]]:
    """What we know of these identities and addresses, and a fresh id for each person, in one statement."""
    wanted = {(kind, value) for identities in described for kind, value, _ in identities if kind != Kind.RELAY_EMAIL}
    places = {person.place.fingerprint for person in people if person.place}
    rows = db.fetch(
        """
        SELECT 'id', '', nextval('customers_customer_id_seq'), '' FROM generate_series(1, %s)
        UNION ALL
        SELECT i.kind, i.value, coalesce(c.merged_into_id, c.id), c.name
          FROM unnest(%s::text[], %s::text[]) AS w(kind, value)
          JOIN customers_identity i USING (kind, value) JOIN customers_customer c ON c.id = i.customer_id
        UNION ALL
        SELECT 'place', fingerprint, customer_id, '' FROM customers_address WHERE fingerprint = ANY(%s)
        """,
        [len(people), [kind for kind, _ in wanted], [value for _, value in wanted], list(places)],
        often=True,
    )
    known: Known = {}
    for kind, value, customer, name in sorted(rows, key=lambda row: row[2]):  # whom we have known longest comes first
        known.setdefault((kind, value), []).append((customer, name, False))
    return known, [customer for customer, _, _ in known.pop(("id", ""), [])]


def _match(person: Person, identities: list[tuple[str, str, str]], known: Known) -> int | None:
    by_kind = {kind: value for kind, value, _ in identities}
    for kind in STRENGTH:
        for customer, name, _ in known.get((kind, by_kind.get(kind, "")), []):
            if kind != Kind.PHONE or _surname(name) == _surname(person.name) != "":
                return customer
    return None


_NO_SURNAMES = {"", "jr", "sr", "ii", "iii", "iv"}


def _surname(name: str) -> str:
    """The last word before any comma: of "Greg Sterling", "Sterling, Greg" and "Greg Sterling, Acme Inc" the same."""
    words = (word.strip(".") for word in text.fold(name.partition(",")[0]).split())
    surnames = [word for word in words if word not in _NO_SURNAMES]
    return surnames[-1] if surnames else ""


def _write(
    people: Sequence[Person],
    described: list[list[tuple[str, str, str]]],
    customers: list[int | None],
    newcomers: dict[int, int],
    known: Known,
) -> list[Recognised]:
    found = [Recognised(customer) for customer in customers]
    identities: dict[tuple[int, str, str], tuple[str, str]] = {}
    addresses: dict[tuple[int, str], Place] = {}
    for person, described_by, recognised in zip(people, described, found, strict=True):
        customer = recognised.customer_id
        if customer is None:
            continue
        if newcomers.get(customer) is not None and person.name:
            recognised.keys.append(search.Key(search.K.NAME, person.name, "customer", customer))
        for kind, value, shown in described_by:
            if _is_new(kind, value, customer, known):
                identities[customer, kind, value] = (shown, person.channel)
                recognised.keys.append(search.Key(_SEARCHED[kind], shown, "customer", customer))
        place = person.place
        if place and place.country and all(c != customer for c, _, _ in known.get(("place", place.fingerprint), [])):
            addresses[customer, place.fingerprint] = place
            recognised.keys.append(search.Key(search.K.POSTCODE, place.postcode, "customer", customer))
    if newcomers or identities or addresses:
        _insert({customer: people[place] for customer, place in newcomers.items()}, identities, addresses)
    return found


_SEARCHED = {
    str(Kind.EMAIL): search.K.EMAIL,
    str(Kind.RELAY_EMAIL): search.K.EMAIL,
    str(Kind.PHONE): search.K.PHONE,
    str(Kind.BUYER): search.K.BUYER,
    str(Kind.LOYALTY): search.K.LOYALTY,
}


def _is_new(kind: str, value: str, customer: int, known: Known) -> bool:
    """Whether the identity should be added: a unique one that somebody else has already is left where it is."""
    holders = known.get((kind, value), [])
    if any(holder == customer and not just_now for holder, _, just_now in holders):
        return False
    return not (kind in _UNIQUE and any(holder != customer for holder, _, _ in holders))


def _insert(
    newcomers: dict[int, Person],
    identities: dict[tuple[int, str, str], tuple[str, str]],
    addresses: dict[tuple[int, str], Place],
) -> None:
    unique = sum(kind in _UNIQUE for _, kind, _ in identities)
    # By value, not by customer: two who take in the same people as newcomers queue instead of deadlocking.
    ordered = sorted(identities.items(), key=lambda item: (item[0][1:], item[0][0]))
    ((added,),) = db.fetch(
        _INSERT,
        [
            *_columns([(customer, p.name[:200], p.channel[:40]) for customer, p in newcomers.items()], 3),
            *_columns([(*key, *about) for key, about in ordered], 5),
            *_columns([(*key, *place.row()) for key, place in sorted(addresses.items(), key=lambda item: item[0])], 10),
            [str(kind) for kind in _UNIQUE],
        ],
        often=True,
    )
    if added != unique:
        raise db.Again("another transaction has just taken in the same person")


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    kept = list(rows)
    return [[row[i] for row in kept] for i in range(count)]


_INSERT = """
WITH newcomer AS (
    INSERT INTO customers_customer (id, name, first_channel) SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[])
), identity AS (
    INSERT INTO customers_identity (customer_id, kind, value, shown, channel)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
        ON CONFLICT DO NOTHING RETURNING kind
), address AS (
    INSERT INTO customers_address (customer_id, fingerprint, name, line1, line2, city, region, postcode, country, phone)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
                         %s::text[], %s::text[], %s::text[])
        ON CONFLICT DO NOTHING
)
SELECT count(*) FROM identity WHERE kind = ANY(%s)
"""
