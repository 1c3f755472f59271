"""Buyers on all channels at once, and a journal of what each of them got."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

from demo.shops import Shop
from demo.simulators import Elsewhere, Simulator
from demo.world import shopper
from demo.world.shapes import Purchase

SHIPPING = 4_99
EVERY = 0.5  # seconds between two buyers of one channel
REPEAT = 5  # every fifth order of an own channel is sent twice


@dataclass(frozen=True, slots=True)
class Sale:
    channel: str
    number: str  # the channel's
    units: Mapping[str, int]  # by SKU
    total: int
    at: float  # seconds since the epoch: when the buyer pressed the button …
    answered: float  # … and when the channel had said yes


Sell = Callable[[Purchase, int], tuple[str, int, float]]  # → number, total, when it was answered


def sell_everywhere(*, shops: Mapping[str, Shop], simulators: Mapping[str, Simulator], each: int) -> list[Sale]:
    """Sell `each` orders through every channel, all channels at the same time. Raises whatever stops one of them."""
    sides: dict[str, Sell] = {channel: _at(shop) for channel, shop in shops.items()}
    sides |= {channel: _on(simulator) for channel, simulator in simulators.items()}
    ready = threading.Barrier(len(sides))
    with ThreadPoolExecutor(len(sides)) as pool:
        futures = [pool.submit(_sell, channel, sell, each, ready) for channel, sell in sides.items()]
        return [sale for future in futures for sale in future.result()]


def _sell(channel: str, sell: Sell, each: int, ready: threading.Barrier) -> list[Sale]:
    purchases = shopper.purchases(shares=((channel, 1),))
    first = next(purchases)  # the first one takes seconds to think of
    ready.wait()
    sales: list[Sale] = []
    for turn in count():
        purchase = first if turn == 0 else next(purchases)
        at = time.time()
        try:
            number, total, answered = sell(purchase, turn)
        except Elsewhere:
            continue
        units = Counter[str]()
        for pick in purchase.picks:
            units[pick.sku] += pick.quantity
        sales.append(Sale(channel, number, units, total, at, answered))
        if len(sales) == each:
            return sales
        time.sleep(max(0.0, at + EVERY - time.time()))
    raise AssertionError("purchases have no end")


def _at(shop: Shop) -> Sell:
    def sell(purchase: Purchase, turn: int) -> tuple[str, int, float]:
        order = shop.sell(purchase)
        answered = time.time()
        if turn % REPEAT == 0:
            shop.place(order)
        return order["number"], order["total"], answered

    return sell


def _on(simulator: Simulator) -> Sell:
    def sell(purchase: Purchase, _turn: int) -> tuple[str, int, float]:
        number = simulator.buy(purchase, shipping=f"{SHIPPING / 100:.2f}")
        goods = sum(pick.quantity * pick.unit_price for pick in purchase.picks)
        return number, goods + SHIPPING, time.time()

    return sell
