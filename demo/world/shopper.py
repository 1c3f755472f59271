"""Who buys what next, for ever: demand as the history shows it, spread over the channels."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate, count

from demo.world import buyers, catalogue, chance, listings, opening, people
from demo.world.buyers import AMAZON, EBAY, TILL, WEB
from demo.world.shapes import Listing, Person, Pick, Purchase
from orders.incoming import Buyer

SHARES = ((WEB, 40), (EBAY, 25), (AMAZON, 20), (TILL, 15))
PICKS = ((1, 60), (2, 25), (3, 10), (4, 5))  # lines of a purchase
UNITS = ((1, 70), (2, 20), (3, 10))
MISSPELT = 15  # of a hundred purchases online


def purchases(seed: int = chance.SEED, shares: Sequence[tuple[str, int]] = SHARES) -> Iterator[Purchase]:
    """Yield purchases without end. With `shares` of one channel only that channel's.

    What is popular in the history is bought more often. Marketplaces sell what they list, stores what they carry.
    """
    for turn in count():
        yield _purchase(seed, turn, chance.weighted(shares, seed, "channel", turn))


def _purchase(seed: int, turn: int, channel: str) -> Purchase:
    person = chance.one_of(people.everybody(), seed, "shopper", turn)
    store = person.store if channel == TILL else ""
    misspelt = channel != TILL and chance.number(seed, "spelling", turn) % 100 < MISSPELT
    spelling = 1 if misspelt and len(person.spellings) > 1 else 0
    wanted = chance.weighted(PICKS, seed, "lines", turn)
    offer = _offer(channel, store)
    chosen = dict.fromkeys(offer.draw(chance.number(seed, "pick", turn, place)) for place in range(wanted))
    units = [chance.weighted(UNITS, seed, "units", turn, listing.sku) for listing in chosen]
    return Purchase(
        channel=channel,
        person=person.key,
        buyer=_buyer(person, channel, spelling),
        ship_to=None if store else buyers.ship_to(person, "USA", spelling),
        store=store,
        picks=tuple(_pick(listing, channel, quantity) for listing, quantity in zip(chosen, units, strict=True)),
    )


class _Offer:
    """Listings of one channel or store, drawn by popularity."""

    def __init__(self, found: list[Listing]) -> None:
        self._found = found
        self._steps = list(accumulate(catalogue.variants()[listing.sku].popularity for listing in found))

    def draw(self, number: int) -> Listing:
        return self._found[bisect(self._steps, number % self._steps[-1])]


@cache
def _offer(channel: str, store: str) -> _Offer:
    carried = {sku for location, sku in opening.levels() if location == store}
    source = WEB if channel == TILL else channel
    found = [listing for listing in listings.listings() if listing.channel == source]
    return _Offer([listing for listing in found if not store or listing.sku in carried])


def _buyer(person: Person, channel: str, spelling: int) -> Buyer:
    """Return the buyer; at a till only who shows a loyalty card is known."""
    if channel == TILL and not person.loyalty_number:
        return Buyer()
    return buyers.buyer(person, channel, spelling)


def _pick(listing: Listing, channel: str, quantity: int) -> Pick:
    return Pick(
        sku=listing.sku,
        external_id=listing.external_id if channel in (EBAY, AMAZON) else "",
        title=listing.title,
        quantity=quantity,
        unit_price=listing.price,
    )
