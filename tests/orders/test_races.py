"""What happens between two transactions. Every lock was taken out once to see its test fail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventory import reservations
from inventory.models import Reservation
from oms import books, db
from orders import allocation, cancellation, fulfilment, intake, reading, revision
from orders.incoming import Buyer, IncomingOrder, Method, Parcel, State
from orders.models import Order, OrderLine
from tests import factories
from tests.factories import ACTOR, HOME, NOW, incoming, line
from tests.inventory.shelves import level, no_deadlocks
from tests.oms.threads import Step, together, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)
# Of whom nothing is known, so that orders do not meet at their buyer already.
NOBODY = {"buyer": Buyer(), "ship_to": replace(HOME, name="", phone="")}


def accept(order: IncomingOrder) -> intake.Accepted:
    return intake.accept(order, actor=ACTOR, now=NOW)


def cancel(number: int) -> int:
    return cancellation.cancel(number=number, reason="", actor=ACTOR, now=NOW)


def ship(number: int, tracking_number: str = "1Z") -> object:
    return fulfilment.ship(
        number=number, location="EAST", carrier="", tracking_number=tracking_number, actor=ACTOR, now=NOW
    )


def fill(number: int) -> int:
    return allocation.fill(number=number, actor=ACTOR, now=NOW)


@db.transaction
def revise(number: int, told: IncomingOrder) -> revision.Change:
    return revision.apply(number=number, incoming=told, actor=ACTOR, now=NOW)


def buckets_of(number: int) -> dict[str, int]:
    line = OrderLine.objects.get(order__number=number)
    names = ("backordered", "allocated", "shipped", "cancelled")
    return {name: units for name in names if (units := getattr(line, name))}


@pytest.fixture
def shelf(transactional_db):
    """One treadmill in the east; a web shop and an eBay shop."""
    factories.channel("web")
    factories.marketplace("ebay")
    treadmill = factories.variant("T90")
    return factories.stock(treadmill, 1, factories.location("EAST")).pk, treadmill.pk


class TestLastUnit:
    def test_of_an_own_channel_goes_to_one_and_the_others_hear_what_is_short(self, shelf):
        buyers = [incoming(line("T90", external_id="L1"), number=f"W-{n}") for n in range(8)]

        with no_deadlocks():
            outcome = together([lambda order=order: accept(order) for order in buyers])

        (winner,) = [each for each in outcome if isinstance(each, intake.Accepted)]
        losers = [each for each in outcome if each is not winner]
        assert {type(each) for each in losers} == {intake.OutOfStock}
        assert losers[0].facts["short"] == [{"line": "L1", "sku": "T90", "wanted": 1, "short": 1}]
        assert Order.objects.get().number == winner.number
        assert level(shelf) == (1, 1)
        assert not books.examine()

    def test_on_marketplaces_is_sold_as_often_as_they_sold_it_and_the_shortage_is_visible(self, shelf):
        factories.marketplace("amazon")
        sold = [incoming(line("T90"), channel=code) for code in ("ebay", "amazon") * 4]

        with no_deadlocks():
            outcome = together([lambda order=order: accept(order) for order in sold])

        assert sorted(each.status for each in outcome) == ["allocated"] + ["backordered"] * 7
        assert Reservation.objects.filter(location=None, state="held").count() == 7
        assert level(shelf) == (1, 1)
        assert not books.examine()

    def test_is_not_sold_by_two_lines_of_two_skus_crosswise(self, shelf):
        factories.stock(factories.variant("MUG"), 1, factories.Location.objects.get())
        orders = [incoming(line("T90"), line("MUG")), incoming(line("MUG"), line("T90"))] * 3
        buyers = [replace(order, external_number=f"W-{n}") for n, order in enumerate(orders)]

        with no_deadlocks():
            outcome = together([lambda order=order: accept(order) for order in buyers])

        assert sorted(type(each).__name__ for each in outcome) == ["Accepted"] + ["OutOfStock"] * 5
        assert not books.examine()

    def test_taken_between_look_and_lock_is_looked_for_again(self, shelf):
        """The buyer sees the unit, and when it is their turn at the shelf it is gone: a plain no, not a lost race."""
        is_placed = Step()

        @db.transaction
        def buy_slowly() -> int:
            (placed,) = intake.place([incoming(line("T90"), **NOBODY)], actor=ACTOR, now=NOW)
            is_placed.reached()
            wait_until_blocked()
            return placed.number

        def buy() -> intake.Accepted:
            is_placed.wait()
            return accept(incoming(line("T90"), **NOBODY))

        outcome = together([buy_slowly, buy])

        assert isinstance(outcome[1], intake.OutOfStock), outcome
        assert Order.objects.get().number == outcome[0]

    def test_freed_while_somebody_waits_for_it_is_theirs(self, shelf):
        """The buyer looked when it was held, and comes to the shelf when it is free."""
        held = accept(incoming(line("T90")))
        is_freed = Step()

        @db.transaction
        def cancel_slowly() -> None:
            order, lines = reading.lock(held.number)
            most = {each.pk: 1 for each in lines}
            gone = cancellation.withdraw(order, lines, most, actor=ACTOR, reason="", now=NOW)
            reservations.release(parts=gone.parts, now=NOW)
            is_freed.reached()
            wait_until_blocked()

        @db.transaction
        def hold() -> list[int]:
            is_freed.wait()
            wish = reservations.Wish(holder="x", line=1, variant_id=shelf[1], location_id=shelf[0], quantity=1)
            return reservations.hold([wish], now=NOW)

        _, outcome = together([cancel_slowly, hold])

        assert isinstance(outcome, list)
        assert level(shelf) == (1, 1)


class TestOneOrder:
    def test_accepted_by_two_workers_is_one(self, shelf):
        order = incoming(line("T90"), channel="ebay", number="26-1")

        with no_deadlocks():
            outcome = together([lambda: accept(order)] * 6)

        assert len({each.number for each in outcome}) == 1
        assert sorted(each.is_new for each in outcome) == [False] * 5 + [True]
        assert level(shelf) == (1, 1)
        assert not books.examine()

    def test_noticed_after_the_second_worker_has_looked_is_one(self, shelf):
        order = incoming(line("T90"), channel="ebay", **NOBODY)
        is_placed = Step()

        @db.transaction
        def place_slowly() -> int:
            (placed,) = intake.place([order], actor=ACTOR, now=NOW)
            is_placed.reached()
            wait_until_blocked()
            return placed.number

        def then() -> intake.Accepted:
            is_placed.wait()
            return accept(order)

        number, second = together([place_slowly, then])

        assert (second.number, second.is_new) == (number, False)
        assert not books.examine()

    def test_in_the_batches_of_two_workers_is_one(self, shelf):
        """A third one holds the order in the middle until both have come so far."""
        first, middle, last = (incoming(line("T90"), channel="ebay", number=number, **NOBODY) for number in "ABC")
        is_placed = Step()

        @db.transaction
        def place_the_middle() -> list[int]:
            placed = intake.place([middle], actor=ACTOR, now=NOW)
            is_placed.reached()
            wait_until_blocked(2)
            return [each.number for each in placed]

        def accept_many(*batch: IncomingOrder) -> list[int]:
            is_placed.wait()
            return [each.number for each in intake.accept_many(batch, actor=ACTOR, now=NOW)]

        with no_deadlocks():
            (known,), one, other = together(
                [place_the_middle, lambda: accept_many(first, middle, last), lambda: accept_many(last, middle, first)]
            )

        assert one == other[::-1]
        assert known == one[1]
        assert Order.objects.count() == 3
        assert not books.examine()

    def test_of_two_accounts_is_two(self, shelf):
        factories.marketplace("ebay-de")

        outcome = together(
            [lambda c=code: accept(incoming(line("T90"), channel=c, number="26-1")) for code in ("ebay", "ebay-de")]
        )

        assert len({each.number for each in outcome}) == 2

    def test_cancelled_or_shipped_but_not_both(self, shelf):
        for _ in range(6):
            number = accept(incoming(line("T90"), channel="ebay")).number

            outcome = together([lambda n=number: cancel(n), lambda n=number: ship(n)])

            refusals = [type(each) for each in outcome if isinstance(each, Exception)]
            assert refusals in ([fulfilment.CannotShip], [cancellation.NothingToCancel])
            assert buckets_of(number) in ({"shipped": 1}, {"cancelled": 1})
            assert not books.examine()
            if buckets_of(number) == {"shipped": 1}:
                factories.stock(factories.Variant.objects.get(), 1, factories.Location.objects.get())

    def test_shipped_by_two_at_once_leaves_once(self, shelf):
        number = accept(incoming(line("T90"))).number

        outcome = together([lambda: ship(number)] * 3 + [lambda: ship(number, "1Z OTHER")])

        assert level(shelf) == (0, 0)
        assert Order.objects.get().parcels.count() == 1
        refused = [each for each in outcome if isinstance(each, Exception)]
        assert {type(each) for each in refused} == {fulfilment.CannotShip}
        assert len({each for each in outcome if each not in refused}) == 1
        assert not books.examine()

    def test_filled_or_cancelled_but_not_both(self, shelf):
        accept(incoming(line("T90")))
        for _ in range(6):
            number = accept(incoming(line("T90"), channel="ebay")).number
            factories.stock(factories.Variant.objects.get(), 1, factories.Location.objects.get())

            outcome = together([lambda n=number: fill(n), lambda n=number: cancel(n)])

            assert outcome[1] == 1, "whatever came first, it is cancelled in the end"
            assert buckets_of(number) == {"cancelled": 1}
            assert not books.examine()

    def test_waiting_behind_others_gets_its_place_elsewhere(self, shelf):
        """All four plan for the first place, which has two."""
        accept(incoming(line("T90")))
        for _ in range(3):
            numbers = [accept(incoming(line("T90"), channel="ebay")).number for _ in range(4)]
            for code in ("A", "B"):
                place, _ = factories.Location.objects.get_or_create(code=code, kind="warehouse")
                factories.stock(factories.Variant.objects.get(), 2, place)

            assert together([lambda n=number: fill(n) for number in numbers]) == [1] * 4

        assert not books.examine()

    def test_filled_by_two_at_once_is_filled_once(self, shelf):
        number = accept(incoming(line("T90", 3), channel="ebay")).number
        factories.stock(factories.Variant.objects.get(), 9, factories.Location.objects.get())

        outcome = together([lambda: fill(number)] * 4)

        assert sorted(each for each in outcome if isinstance(each, int)) == [2]
        assert buckets_of(number) == {"allocated": 3}
        assert level(shelf) == (10, 3)
        assert not books.examine()

    def test_changed_by_two_versions_at_once_ends_with_the_newer(self, shelf):
        told = incoming(line("T90", 3), channel="ebay", updated_at=NOW)
        number = accept(told).number
        older = replace(told, lines=(replace(told.lines[0], cancelled=3),), updated_at=NOW + timedelta(minutes=1))
        newer = replace(told, lines=(replace(told.lines[0], cancelled=2),), updated_at=NOW + timedelta(minutes=2))
        is_applied = Step()

        @db.transaction
        def revise_slowly() -> revision.Change:
            change = revision.apply(number=number, incoming=newer, actor=ACTOR, now=NOW)
            is_applied.reached()
            wait_until_blocked()
            return change

        def revise_late() -> revision.Change:
            is_applied.wait()
            return revise(number, older)

        assert together([revise_slowly, revise_late]) == [revision.Change.APPLIED, revision.Change.STALE]

        assert buckets_of(number) == {"allocated": 1, "cancelled": 2}
        assert Order.objects.get().external_updated_at == NOW + timedelta(minutes=2)
        assert not books.examine()

    def test_cancelled_on_the_channel_while_it_is_shipped_here(self, shelf):
        for _ in range(4):
            told = incoming(line("T90"), channel="ebay", updated_at=NOW)
            number = accept(told).number
            gone = replace(told, state=State.CANCELLED, updated_at=NOW + timedelta(minutes=1))

            together([lambda n=number, g=gone: revise(n, g), lambda n=number: ship(n)])

            assert buckets_of(number) in ({"shipped": 1}, {"cancelled": 1})
            assert not books.examine()
            if buckets_of(number) == {"shipped": 1}:
                factories.stock(factories.Variant.objects.get(), 1, factories.Location.objects.get())


class TestShelvesLockedCrosswise:
    """Two orders over the same two shelves, in opposite order: they queue and never lock each other out."""

    @pytest.fixture
    def shelves(self, shelf):
        place = factories.Location.objects.get()
        factories.stock(factories.Variant.objects.get(), 199, place)
        factories.stock(factories.variant("MUG"), 200, place)
        return place

    def test_by_tills_that_hand_one_over_and_ship_the_other(self, shelves):
        factories.channel("till", "till")
        store = factories.store("S1")
        for variant in factories.Variant.objects.all():
            factories.stock(variant, 100, store)

        def sell(carried: str, shipped: str) -> None:
            for _ in range(8):
                carry = line(carried, method=Method.CARRY_OUT, location="S1")
                collect = line(shipped, method=Method.PICKUP, location="S1")
                accept(incoming(carry, collect, channel="till"))

        with no_deadlocks():
            outcome = together([lambda: sell("T90", "MUG"), lambda: sell("MUG", "T90")] * 2)

        assert outcome == [None] * 4
        assert not books.examine()

    def test_by_orders_that_get_what_they_waited_for(self, shelves):
        factories.order(line("T90", 200), line("MUG", 200))
        for _ in range(4):
            ahead = accept(incoming(line("T90"), line("MUG"), channel="ebay")).number
            behind = accept(incoming(line("MUG"), line("T90"), channel="ebay")).number
            for variant in factories.Variant.objects.all():
                factories.stock(variant, 2, shelves)

            with no_deadlocks():
                assert together([lambda n=ahead: fill(n), lambda n=behind: fill(n)]) == [2, 2]

        assert not books.examine()

    def test_by_news_of_parcels_and_cancellations(self, shelves):
        def news_of(sent: str, cancelled: str):
            told = incoming(line(sent, 2, external_id="1"), line(cancelled, 2), channel="ebay", updated_at=NOW)
            number = accept(told).number
            later = replace(
                told, updated_at=NOW + timedelta(minutes=1), parcels=(Parcel(external_id="P", units=(("1", 2),)),),
                lines=(told.lines[0], replace(told.lines[1], cancelled=2)),
            )  # fmt: skip
            return lambda: revise(number, later)

        for _ in range(4):
            with no_deadlocks():
                outcome = together([news_of(*skus) for skus in (("T90", "MUG"), ("MUG", "T90")) * 2])
            assert outcome == [revision.Change.APPLIED] * 4

        assert not books.examine()

    def test_by_cancellations_and_parcels(self, shelves):
        for _ in range(4):
            numbers = [
                accept(incoming(*(line(sku, 2) for sku in skus), channel="ebay")).number
                for skus in (("T90", "MUG"), ("MUG", "T90")) * 2
            ]

            with no_deadlocks():
                together(
                    [lambda n=n: cancel(n) for n in numbers[:2]] + [lambda n=n: ship(n, f"1Z{n}") for n in numbers[2:]]
                )

        assert not books.examine()
