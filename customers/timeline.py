"""What we know of a person, and what was done about them. Reads only, and only what is kept about people."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from customers.models import Address, Customer, Identity
from oms import db, search
from oms.models import AuditEntry

Kind = Identity.Kind

_SHOWN_FIRST = (Kind.EMAIL, Kind.RELAY_EMAIL, Kind.PHONE, Kind.LOYALTY, Kind.BUYER)
# What screens hide until somebody says what for, by the names the audit trail uses. Addresses are hidden as well.
HIDDEN: dict[str, tuple[str, ...]] = {
    "email": (Kind.EMAIL, Kind.RELAY_EMAIL), "phone": (Kind.PHONE,), "loyalty": (Kind.LOYALTY,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """How a person can be told apart and reached: what reaches them first, and of each kind the newest first."""

    identities: tuple[Identity, ...] = ()
    addresses: tuple[Address, ...] = ()

    def first(self, *kinds: str) -> Identity | None:
        return next((identity for identity in self.identities if identity.kind in kinds), None)

    @property
    def hidden(self) -> list[str]:
        """Which kinds of hidden details there are: of "email", "phone", "loyalty" and "address"."""
        kinds = {identity.kind for identity in self.identities}
        found = [name for name, among in HIDDEN.items() if kinds.intersection(among)]
        return [*found, "address"] if self.addresses else found


def everybody(customer: Customer) -> list[int]:
    """The ids under which this person is kept: their own, and those of everybody merged into them."""
    merged = Customer.objects.filter(merged_into=customer).order_by("pk").values_list("pk", flat=True)
    return [customer.pk, *merged]


def known(people: Collection[int]) -> Known:
    """All that is known of one person, who is kept under these ids."""
    addresses = Address.objects.filter(customer__in=people).order_by("-last_used_at", "-pk")
    return Known(_best_first(Identity.objects.filter(customer__in=people)), tuple(addresses))


def identities(people: Mapping[int, int]) -> dict[int, Known]:
    """The identities of many people in one statement, without addresses: for lists. `people` is {id: who it is}."""
    found: dict[int, list[Identity]] = {}
    for identity in Identity.objects.filter(customer__in=people):
        found.setdefault(people[identity.customer_id], []).append(identity)
    return {person: Known(_best_first(theirs)) for person, theirs in found.items()}


def _best_first(found: Iterable[Identity]) -> tuple[Identity, ...]:
    newest = sorted(found, key=lambda identity: (identity.learnt_at, identity.pk), reverse=True)
    return tuple(sorted(newest, key=lambda identity: _SHOWN_FIRST.index(Kind(identity.kind))))


def deeds(people: Collection[int]) -> QuerySet[AuditEntry]:
    """What was done about a person who is kept under these ids, such as having their details shown; newest first."""
    about = AuditEntry.objects.filter(object_kind="customer", object_id__in=[str(person) for person in people])
    return about.order_by("-pk")


def alike(people: Collection[int], about: Known, *, limit: int = 20) -> dict[int, str]:
    """Others who share a phone or a street address with a person: {id: "same phone"}. A hint, never a match."""
    phones = [identity.value for identity in about.identities if identity.kind == Kind.PHONE]
    postcodes = [search.normalise(search.K.POSTCODE, address.postcode) for address in about.addresses]
    streets = [(each.country, _folded(each.line1), _folded(each.postcode)) for each in about.addresses if each.line1]
    if not phones and not streets:
        return {}
    found: dict[int, list[str]] = {}
    parameters = {
        "people": list(people), "phones": phones, "postcodes": postcodes, "limit": limit,
        **{name: [street[place] for street in streets] for place, name in enumerate(("countries", "lines", "codes"))},
    }  # fmt: skip
    for person, why in db.fetch(_ALIKE, parameters):
        found.setdefault(person, []).append(why)
    return {person: " and ".join(reasons) for person, reasons in found.items() if person not in people}


def _folded(value: str) -> str:
    return " ".join(value.upper().split())


# Addresses have no index of their own for this; the search keys of their postcodes lead to them.
_ALIKE = r"""
SELECT person, why FROM (
    SELECT coalesce(c.merged_into_id, c.id) AS person, 'same phone' AS why
      FROM customers_identity i JOIN customers_customer c ON c.id = i.customer_id
     WHERE i.kind = 'phone' AND i.value = ANY(%(phones)s) AND i.customer_id <> ALL(%(people)s)
     UNION
    SELECT coalesce(c.merged_into_id, c.id), 'same address'
      FROM oms_searchkey k
      JOIN customers_address a ON a.customer_id = k.entity_id
      JOIN customers_customer c ON c.id = a.customer_id
     WHERE k.kind = 'postcode' AND k.value = ANY(%(postcodes)s) AND k.entity_kind = 'customer'
       AND a.customer_id <> ALL(%(people)s)
       AND (a.country, upper(regexp_replace(trim(a.line1), '\s+', ' ', 'g')),
            upper(regexp_replace(trim(a.postcode), '\s+', ' ', 'g')))
           IN (SELECT * FROM unnest(%(countries)s::text[], %(lines)s::text[], %(codes)s::text[]))
) AS found ORDER BY person DESC, why LIMIT %(limit)s
"""
