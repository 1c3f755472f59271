"""Life: people keep buying through every channel at a human pace, and the floor keeps up with them.

What sells is what sold in the past. A buyer for whom there is not enough goes elsewhere; now and then one on a
marketplace changes their mind before the parcel is packed.
"""

import gc
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import urllib3
from django.db import DatabaseError, connection
from django.utils import timezone

from demo import floor
from demo.shops import NotTaken, Shop
from demo.simulators import Elsewhere, Simulator
from demo.world import chance, documents, shopper
from demo.world.shapes import Purchase

logger = logging.getLogger(__name__)

AT_ONCE = 6  # buyers who are waiting for an answer
CHANGE_THEIR_MIND = 2  # of a hundred on marketplaces
SHIPPING = "4.99"
PACKED_AFTER = timedelta(seconds=90)
FLOOR_EVERY, PARCELS = 3.0, 10
DELIVERY_EVERY = 45.0

Sell = Callable[[Purchase], None]


def run(*, shops: Mapping[str, Shop], simulators: Mapping[str, Simulator], pace: float, stop: threading.Event) -> None:
    """Go on until `stop`, with `pace` purchases a minute on average. Waits for the desk to open."""
    sell: dict[str, Sell] = {channel: _at(shop) for channel, shop in shops.items()}
    sell |= {channel: _on(simulator, stop) for channel, simulator in simulators.items()}
    purchases, at_the_door = _think(list(sell))
    while not all(shop.is_open() for shop in shops.values()):
        if stop.wait(0.2):
            return
    hands = threading.Thread(target=_work, args=[stop], name="floor")
    hands.start()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="buyer") as buyers:
        for purchase in at_the_door:
            buyers.submit(_buy, sell[purchase.channel], purchase)
        for purchase in purchases:
            if stop.wait(random.expovariate(pace / 60)):
                break
            buyers.submit(_buy, sell[purchase.channel], purchase)
    hands.join()


def _think(channels: Sequence[str]) -> tuple[Iterator[Purchase], list[Purchase]]:
    """Who buys from now on, and the first buyer of every channel, who is there when it opens.

    The whole past is read to know what is popular, and need not stay in memory.
    """
    seed = int(time.time())
    gc.disable()
    at_the_door = [next(shopper.purchases(seed=seed, shares=((channel, 1),))) for channel in channels]
    documents.forget()
    gc.enable()
    return shopper.purchases(seed=seed + 1), at_the_door


def _buy(sell: Sell, purchase: Purchase) -> None:
    what = ", ".join(f"{pick.quantity} × {pick.sku}" for pick in purchase.picks)
    try:
        sell(purchase)
    except Elsewhere as empty:
        logger.info("traffic.went-elsewhere channel=%s wanted=%s why=%s", purchase.channel, what, empty)
    except (NotTaken, urllib3.exceptions.HTTPError) as failure:
        logger.warning("traffic.not-sold channel=%s wanted=%s why=%s", purchase.channel, what, failure)
    else:
        logger.info("traffic.sold channel=%s what=%s", purchase.channel, what)


def _at(shop: Shop) -> Sell:
    def sell(purchase: Purchase) -> None:
        shop.sell(purchase)

    return sell


def _on(simulator: Simulator, stop: threading.Event) -> Sell:
    def sell(purchase: Purchase) -> None:
        number = simulator.buy(purchase, shipping=SHIPPING)
        if chance.number(int(time.time()), "mind", number) % 100 < CHANGE_THEIR_MIND:
            stop.wait(PACKED_AFTER.total_seconds() / 4)
            simulator.cancel(number)
            logger.info("traffic.cancelled channel=%s order=%s", simulator.kind, number)

    return sell


def _work(stop: threading.Event) -> None:
    stockroom, next_delivery = floor.Stockroom(), 0.0
    while not stop.wait(FLOOR_EVERY):
        try:
            sent = floor.send(waiting_for=PACKED_AFTER, most=PARCELS, now=timezone.now())
            came = 0
            if time.monotonic() >= next_delivery:
                came = stockroom.put_away(now=timezone.now())
                next_delivery = time.monotonic() + DELIVERY_EVERY
        except DatabaseError as failure:  # it restarts now and then; what was not done is still to do
            logger.warning("floor.interrupted why=%s", type(failure).__name__)
            connection.close()
            continue
        if sent or came:
            logger.info("floor.worked parcels=%s units_received=%s", sent, came)
