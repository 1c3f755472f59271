"""How one person looks from each channel: its own reference, a forwarding address here, a real one there."""

from dataclasses import replace
from functools import cache

from demo.world import chance
from demo.world.countries import ABROAD, HOME
from demo.world.shapes import Person
from oms import text
from orders.incoming import Address, Buyer

WEB, EBAY, AMAZON, TILL = "web", "ebay", "amazon", "till"
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@cache
def buyer(person: Person, channel: str, spelling: int, seed: int = chance.SEED) -> Buyer:
    """Return the person as `channel` tells it. A misspelt person is another account there: another reference.

    Web shop and tills know e-mail and telephone; marketplaces give a name, a reference and a relay address.
    """
    shown = name(person, spelling)
    if channel == EBAY:
        tail = chance.number(seed, EBAY, person.key, spelling) % 10_000
        handle = f"{text.fold(shown).replace(' ', '_')[:16]}_{tail:04}"
        mailbox = chance.code(_ALPHANUMERIC, 12, seed, EBAY, "mail", person.key, spelling).lower()
        return Buyer(name=shown, reference=handle, email=f"{mailbox}@members.ebay.example", email_is_relay=True)
    if channel == AMAZON:
        mailbox = chance.code(_ALPHANUMERIC, 12, seed, AMAZON, "mail", person.key, spelling).lower()
        return Buyer(
            name=shown,
            reference="A" + chance.code(_ALPHANUMERIC, 12, seed, AMAZON, person.key, spelling),
            email=f"{mailbox}@marketplace.amazon.example",
            email_is_relay=True,
        )
    email = person.second_email if spelling else person.email
    if channel == TILL:  # asked for at the desk, and typed in a hurry
        return Buyer(name=shown, phone=_dashed(person.phone), loyalty_number=person.loyalty_number)
    account = f"C{person.key[1:]}{spelling}"
    return Buyer(name=shown, email=email, phone=person.phone, reference=account, loyalty_number=person.loyalty_number)


@cache
def ship_to(person: Person, country: str, spelling: int) -> Address:
    """Return where parcels go. `country` is the invoice file's word for it."""
    if country in HOME:
        return replace(person.home, name=name(person, spelling), phone=person.phone)
    code, city = ABROAD[country]
    return Address(name=name(person, spelling), line1="Poste restante", city=city, country=code)


def name(person: Person, spelling: int) -> str:
    """Return the name in one of its spellings; a person nobody ever misspelt has only the right one."""
    return " ".join(filter(None, person.spellings[min(spelling, len(person.spellings) - 1)]))


def _dashed(phone: str) -> str:
    return f"{phone[2:5]}-{phone[5:8]}-{phone[8:]}" if phone else ""
