"""Everybody at once: random orders over few shelves, for some seconds, and then the books must balance."""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import monotonic

import pytest

from inventory import ledger
from inventory.ledger import Entry, Kind
from inventory.reservations import InsufficientStock
from oms import books, db
from orders import allocation, cancellation, fulfilment, intake, revision
from orders.incoming import BadOrder, Buyer, IncomingOrder, Method
from orders.models import FulfilmentOrder, Order
from tests import factories
from tests.factories import ACTOR, NOW, incoming, line
from tests.inventory.shelves import no_deadlocks
from tests.oms.threads import together

SECONDS = float(os.environ.get("TRAFFIC_SECONDS", "8"))
THREADS = 8
SKUS = [f"S{number}" for number in range(5)]
PLACES = ["EAST", "WEST", "STORE1", "STORE2"]
EXPECTED = (
    intake.OutOfStock, InsufficientStock, cancellation.NothingToCancel, fulfilment.CannotShip, allocation.NothingFound,
    ledger.NotEnoughOnHand, BadOrder,
)  # fmt: skip


class Somebody:
    """One of many who sell, send, cancel, count and hear news at the same time."""

    def __init__(self, seed: str, shelves: list[ledger.Shelf]) -> None:
        self.chance = random.Random(seed)
        self.seed, self.shelves = seed, shelves
        self.told: dict[int, IncomingOrder] = {}
        self.done: Counter[str] = Counter()

    def works(self) -> Counter[str]:
        deeds = [self.sell_on_ebay, self.sell_on_the_web, self.sell_at_the_till, self.cancel, self.ship, self.adjust]
        until = monotonic() + SECONDS
        while monotonic() < until:
            deed: Callable[[], object] = self.chance.choice([*deeds, self.fill, self.hear_news])
            try:
                deed()
                self.done[deed.__name__] += 1
            except EXPECTED as refusal:
                self.done[type(refusal).__name__] += 1
        return self.done

    def lines(self, **more: object) -> list:
        skus = self.chance.choices(SKUS, k=self.chance.randint(1, 4))
        return [line(sku, self.chance.randint(1, 3), **more) for sku in skus]

    def accept(self, *lines, channel: str, **more: object) -> None:
        buyer = Buyer(name="Greg Sterling", email=f"b{self.chance.randint(1, 30)}@example.com")
        order = incoming(*lines, channel=channel, updated_at=NOW, buyer=buyer, **more)
        self.told[intake.accept(order, actor=ACTOR, now=NOW).number] = order

    def sell_on_ebay(self) -> None:
        self.accept(*self.lines(), channel="ebay")

    def sell_on_the_web(self) -> None:
        self.accept(*self.lines(), channel="web")

    def sell_at_the_till(self) -> None:
        store = self.chance.choice(["STORE1", "STORE2"])
        carried = self.lines(method=Method.CARRY_OUT, location=store)[:1]
        collected = self.lines(method=Method.PICKUP, location=store)[:1]
        self.accept(*carried, *self.chance.choice([collected, []]), channel="till")

    def any_order(self) -> int:
        newest = Order.objects.order_by("-pk").values_list("number", flat=True)[:40]
        return self.chance.choice(list(newest) or [0])

    def cancel(self) -> None:
        if number := self.any_order():
            cancellation.cancel(number=number, reason="", actor=ACTOR, now=NOW)

    def ship(self) -> None:
        open_work = FulfilmentOrder.objects.filter(state="open").order_by("-pk")[:40]
        work = list(open_work.values_list("order__number", "location__code"))
        if work:
            number, place = self.chance.choice(work)
            name = f"{self.seed}-{self.done.total()}"
            fulfilment.ship(number=number, location=place, carrier="", tracking_number=name, actor=ACTOR, now=NOW)

    def fill(self) -> None:
        variants = [variant for _, variant in self.shelves]
        if waiting := allocation.waiting_orders(variants):
            allocation.fill(number=self.chance.choice(waiting), actor=ACTOR, now=NOW)

    def adjust(self) -> None:
        units = {shelf: self.chance.choice([-2, -1, 2, 3, 4]) for shelf in self.chance.sample(self.shelves, 3)}
        self._post(
            [
                Entry(
                    location_id=location, variant_id=variant, kind=Kind.ADJUSTMENT, quantity=count, cause="count",
                    cause_id=f"{self.seed}-{self.done.total()}", occurred_at=NOW,
                )
                for (location, variant), count in units.items()
            ]
        )  # fmt: skip

    @staticmethod
    @db.transaction
    def _post(entries: list[Entry]) -> None:
        ledger.demand_all_on_hand(ledger.post(entries, actor="tests"))

    def hear_news(self) -> None:
        if not self.told:
            return
        number, was = self.chance.choice(list(self.told.items()))
        change = self.chance.choice(["shipped", "cancelled"])
        lines = tuple(replace(each, **{change: self.chance.randint(0, each.quantity)}) for each in was.lines)
        now = replace(was, lines=lines, updated_at=was.updated_at + timedelta(minutes=1))
        self._revise(number, now)
        self.told[number] = now

    @staticmethod
    @db.transaction
    def _revise(number: int, told: IncomingOrder) -> None:
        revision.apply(number=number, incoming=told, actor=ACTOR, now=NOW)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_everybody_at_once_leaves_the_books_balanced():
    seed = os.environ.get("TRAFFIC_SEED") or str(random.randrange(10**6))
    print(f"TRAFFIC_SEED={seed}")  # noqa: T201  # to have the same traffic again
    for code, kind in (("ebay", "marketplace"), ("web", "web_shop"), ("till", "till")):
        factories.channel(code, kind)
    places = [factories.store(code) if "STORE" in code else factories.location(code) for code in PLACES]
    variants = [factories.variant(sku) for sku in SKUS]
    for place in places:
        for variant in variants:
            factories.stock(variant, 6, place)
    shelves = [(place.pk, variant.pk) for place in places for variant in variants]

    with no_deadlocks():
        outcome = together([Somebody(f"{seed}-{number}", shelves).works for number in range(THREADS)])

    assert all(isinstance(each, Counter) for each in outcome), outcome
    done = sum(outcome, Counter())
    print(dict(done))  # noqa: T201
    assert {
        "sell_on_ebay",
        "sell_on_the_web",
        "sell_at_the_till",
        "cancel",
        "ship",
        "adjust",
        "fill",
        "hear_news",
    } <= set(done)
    assert not books.examine()
