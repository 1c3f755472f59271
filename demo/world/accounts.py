"""Which person a customer number is, and through which channel that account buys.

The file has 3,360 customers, the people file 2,499 persons. Customers abroad come first and are each a person of
their own; so are the customers at home until nobody is left; whoever then remains is a second account of a person
at home: misspelt where a misspelling is known, and with another favourite channel than the first account.
"""

from dataclasses import dataclass
from functools import cache

from demo.world import chance, documents, people
from demo.world.buyers import AMAZON, EBAY, TILL, WEB
from demo.world.countries import HOME
from demo.world.shapes import Person

FAVOURITES_AT_HOME = ((WEB, 45), (EBAY, 22), (AMAZON, 18), (TILL, 15))
FAVOURITES_ABROAD = ((WEB, 50), (EBAY, 30), (AMAZON, 20))
ONLINE = (WEB, EBAY, AMAZON)
LOYAL = 85  # of a hundred orders this many go through the favourite channel, the rest through any online one


@dataclass(frozen=True, slots=True)
class Account:
    person: Person
    spelling: int
    favourite: str

    def channel(self, number: str, country: str, seed: int) -> str:
        """Return the channel of one invoice. A till never sends abroad: such an order came through the web shop."""
        if chance.number(seed, "loyal", number) % 100 < LOYAL:
            return self.favourite if self.favourite != TILL or country in HOME else WEB
        return chance.one_of(ONLINE, seed, "stray", number)


@cache
def by_customer(seed: int = chance.SEED) -> dict[str, Account]:
    abroad, home = _customers(seed)
    persons = people.everybody(seed)
    settled = persons[len(abroad) :]
    found = {
        customer: Account(person, 0, chance.weighted(FAVOURITES_ABROAD, seed, "favourite", customer))
        for customer, person in zip(abroad, persons, strict=False)
    }
    for customer, person in zip(home, settled, strict=False):
        found[customer] = Account(person, 0, chance.weighted(FAVOURITES_AT_HOME, seed, "favourite", customer))
    for customer, first, person in zip(home[len(settled) :], home, settled, strict=False):
        others = [share for share in FAVOURITES_AT_HOME if share[0] != found[first].favourite]
        found[customer] = Account(person, 1, chance.weighted(others, seed, "favourite", customer))
    return found


def _customers(seed: int) -> tuple[list[str], list[str]]:
    """Return the customers abroad and at home, by the country of their first document, shuffled."""
    country = {document.customer: document.country for document in reversed(documents.read()) if document.customer}
    shuffled = sorted(country, key=lambda customer: chance.number(seed, "customer", customer))
    home = [customer for customer in shuffled if country[customer] in HOME]
    return [customer for customer in shuffled if country[customer] not in HOME], home
