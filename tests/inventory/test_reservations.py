"""Every lock of the reservations was taken out once to see its test fail."""

import pytest

from inventory import ledger, reservations
from inventory.ledger import Entry, Kind
from inventory.models import Reservation, StockMovement
from inventory.reservations import Departure, InsufficientStock, Wish
from oms import books, db
from tests.factories import NOW
from tests.inventory.shelves import level, shelf_of, told
from tests.oms.threads import Step, together, wait_until_blocked

commits = pytest.mark.django_db(transaction=True)


def wish(shelf: ledger.Shelf, quantity: int, *, holder: str = "order:1", line: int = 1) -> Wish:
    return Wish(holder=holder, line=line, variant_id=shelf[1], location_id=shelf[0], quantity=quantity)


def waiting_for(shelf: ledger.Shelf, quantity: int, *, holder: str = "order:1", line: int = 1) -> Wish:
    return Wish(holder=holder, line=line, variant_id=shelf[1], location_id=None, quantity=quantity)


@db.transaction
def hold(*wishes: Wish) -> list[int]:
    return reservations.hold(wishes, now=NOW)


@db.transaction
def release(parts: dict[int, int]) -> int:
    return reservations.release(parts=parts, now=NOW)


@db.transaction
def consume(parts: dict[int, int], *, cause_id: str = "1") -> None:
    reservations.consume(parts=parts, cause="parcel", cause_id=cause_id, actor="tests", now=NOW)


def state(reservation: int) -> tuple[str, int]:
    found = Reservation.objects.get(pk=reservation)
    return found.state, found.quantity


@pytest.mark.django_db
class TestHold:
    def test_sets_units_aside_and_returns_ids_in_order(self):
        shelf, other = shelf_of(5), shelf_of(5)

        ids = hold(wish(shelf, 2, line=1), wish(other, 1, line=2))

        assert [state(each) for each in ids] == [("held", 2), ("held", 1)]
        assert (level(shelf), level(other)) == ((5, 2), (5, 1))

    def test_refuses_all_when_one_shelf_is_short_and_says_which(self):
        shelf, other = shelf_of(5), shelf_of(1)

        with pytest.raises(InsufficientStock) as refusal:
            hold(wish(shelf, 2), wish(other, 3, line=2))

        assert refusal.value.facts["short"] == [{"location_id": other[0], "variant_id": other[1], "wanted": 3}]
        assert (level(shelf), level(other)) == ((5, 0), (1, 0))
        assert not Reservation.objects.exists()

    def test_adds_up_what_several_lines_want_of_one_shelf(self):
        shelf = shelf_of(3)

        with pytest.raises(InsufficientStock) as refusal:
            hold(wish(shelf, 2, line=1), wish(shelf, 2, line=2))

        assert refusal.value.facts["short"][0]["wanted"] == 4

    def test_adds_to_what_the_line_holds_there_already(self):
        shelf = shelf_of(5)
        (first,) = hold(wish(shelf, 2))

        assert hold(wish(shelf, 3)) == [first]

        assert state(first) == ("held", 5)
        assert level(shelf) == (5, 5)

    def test_begins_anew_after_a_reservation_ended(self):
        shelf = shelf_of(5)
        (first,) = hold(wish(shelf, 2))
        release({first: 2})

        (second,) = hold(wish(shelf, 2))

        assert second != first

    def test_keeps_demand_that_waits_for_stock_off_the_shelves(self):
        shelf = shelf_of(5)

        (waiting,) = hold(waiting_for(shelf, 9))

        assert state(waiting) == ("held", 9)
        assert level(shelf) == (5, 0)

    def test_tells_the_channels_of_both(self):
        shelf, other = shelf_of(5), shelf_of(0)
        before = told()

        hold(wish(shelf, 1), waiting_for(other, 1, line=2))

        assert told() == before + [str(shelf[1]), str(other[1])]

    def test_needs_its_callers_transaction(self):
        with pytest.raises(db.OutsideTransaction):
            reservations.hold([], now=NOW)


@pytest.mark.django_db
class TestSecure:
    def test_counts_what_leaves_at_once_in_the_same_step(self):
        shelf, other = shelf_of(5), shelf_of(5)
        sale = Entry(
            location_id=shelf[0], variant_id=shelf[1], kind=Kind.SALE, quantity=-1, cause="till", cause_id="1",
            occurred_at=NOW,
        )  # fmt: skip

        @db.transaction
        def sell() -> None:
            wishes = [wish(other, 2)]
            reservations.write(wishes, now=NOW)
            reservations.secure(wishes, leaving=[sale], actor="tests")

        sell()

        assert (level(shelf), level(other)) == ((4, 0), (5, 2))

    def test_says_how_many_were_wanted_in_all(self):
        shelf = shelf_of(2)
        sale = Entry(
            location_id=shelf[0], variant_id=shelf[1], kind=Kind.SALE, quantity=-1, cause="till", cause_id="1",
            occurred_at=NOW,
        )  # fmt: skip

        @db.transaction
        def sell() -> None:
            reservations.secure([wish(shelf, 2)], leaving=[sale], actor="tests")

        with pytest.raises(InsufficientStock) as refusal:
            sell()
        assert refusal.value.facts["short"][0]["wanted"] == 3


@pytest.mark.django_db
class TestRelease:
    def test_gives_units_back(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))

        assert release({held: 3}) == 3

        assert state(held) == ("released", 3)
        assert level(shelf) == (5, 0)

    def test_leaves_the_rest_held(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))

        assert release({held: 1}) == 1

        assert state(held) == ("held", 2)
        assert level(shelf) == (5, 2)

    def test_gives_back_no_more_than_is_held(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))

        assert release({held: 9}) == 3
        assert level(shelf) == (5, 0)

    def test_counts_ended_ones_for_nothing(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))
        release({held: 3})

        assert release({held: 3}) == 0
        assert level(shelf) == (5, 0)

    @pytest.mark.parametrize("units", [0, -1])
    def test_takes_nothing_for_no_units(self, units):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))

        assert release({held: units}) == 0
        assert (state(held), level(shelf)) == (("held", 3), (5, 3))

    def test_ends_demand_that_waits(self):
        (waiting,) = hold(waiting_for(shelf_of(0), 2))

        assert release({waiting: 2}) == 2
        assert state(waiting) == ("released", 2)

    def test_tells_the_channels(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))
        before = told()

        release({held: 3})

        assert told() == before + [str(shelf[1])]

    def test_costs_as_many_statements_for_fifty_as_for_two(self, django_assert_num_queries):
        held = hold(*(wish(shelf_of(1), 1, line=line) for line in range(50)))

        with django_assert_num_queries(5):  # with the savepoint of the test
            release(dict.fromkeys(held, 1))


@pytest.mark.django_db
class TestConsume:
    def test_takes_the_units_off_the_shelf(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3, line=7))

        consume({held: 3}, cause_id="88")

        assert state(held) == ("consumed", 3)
        assert level(shelf) == (2, 0)
        sale = StockMovement.objects.get(kind="sale")
        assert (sale.quantity, sale.cause, sale.cause_id, sale.cause_line) == (-3, "parcel", "88", 7)

    def test_leaves_the_rest_held(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 3))

        consume({held: 1}, cause_id="1")
        consume({held: 2}, cause_id="2")

        assert state(held) == ("consumed", 2)
        assert level(shelf) == (2, 0)

    @pytest.mark.parametrize("units", [4, 9])
    def test_refuses_more_than_is_held(self, units):
        shelf = shelf_of(9)
        (held,) = hold(wish(shelf, 3))

        with pytest.raises(ledger.NotEnoughOnHand):
            consume({held: units})

        assert (state(held), level(shelf)) == (("held", 3), (9, 3))

    def test_refuses_what_was_released(self):
        shelf = shelf_of(9)
        (held,) = hold(wish(shelf, 3))
        release({held: 3})

        with pytest.raises(ledger.NotEnoughOnHand):
            consume({held: 3})

    def test_tells_nobody_as_nobody_else_could_have_had_them(self):
        (held,) = hold(wish(shelf_of(5), 3))
        before = told()

        consume({held: 3})

        assert told() == before


@pytest.mark.django_db
class TestEnd:
    def test_consumes_and_releases_parts_of_one_reservation(self):
        shelf = shelf_of(9)
        (held,) = hold(wish(shelf, 6))

        @db.transaction
        def end() -> int:
            departures = [Departure(parts={held: 1}, cause="parcel", cause_id=name) for name in ("a", "b")]
            return reservations.end(left=departures, released={held: 3}, actor="tests", now=NOW)

        assert end() == 3

        assert (state(held), level(shelf)) == (("held", 1), (7, 1))
        assert not broken_stock()


@pytest.mark.django_db
class TestWaiting:
    def test_finds_the_demand_of_a_holders_lines(self):
        shelf = shelf_of(9)
        first, second, _, _ = hold(
            waiting_for(shelf, 2, line=1), waiting_for(shelf, 2, line=2), wish(shelf, 2, line=1),
            waiting_for(shelf, 2, holder="order:2"),
        )  # fmt: skip

        assert reservations.waiting(holder="order:1", units={1: 2, 2: 1, 3: 1}) == {first: 2, second: 1}


@commits
class TestTwoAtOnce:
    def test_do_not_both_release(self):
        shelf = shelf_of(5)
        (held, _) = hold(wish(shelf, 2), wish(shelf, 3, line=2))

        outcome = together([lambda: release({held: 2})] * 4)

        assert sorted(outcome) == [0, 0, 0, 2]
        assert level(shelf) == (5, 3)
        assert not broken_stock()

    def test_consume_or_release_but_not_both(self):
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 2))
        has_taken = Step()

        @db.transaction
        def consume_slowly() -> str:
            reservations.consume(parts={held: 2}, cause="parcel", cause_id="1", actor="tests", now=NOW)
            has_taken.reached()
            wait_until_blocked()
            return "gone"

        def release_then() -> int:
            has_taken.wait()
            return release({held: 2})

        assert together([consume_slowly, release_then]) == ["gone", 0]
        assert (state(held), level(shelf)) == (("consumed", 2), (3, 0))
        assert not broken_stock()

    def test_release_what_is_left_after_a_part_was_consumed(self):
        """The second saw 2 units when it began to wait; when it is its turn there is 1."""
        shelf = shelf_of(5)
        (held,) = hold(wish(shelf, 2))
        has_taken = Step()

        @db.transaction
        def consume_one_slowly() -> None:
            reservations.consume(parts={held: 1}, cause="parcel", cause_id="1", actor="tests", now=NOW)
            has_taken.reached()
            wait_until_blocked()

        def release_then() -> int:
            has_taken.wait()
            return release({held: 2})

        assert together([consume_one_slowly, release_then]) == [None, 1]
        assert (state(held), level(shelf)) == (("released", 1), (4, 0))
        assert not broken_stock()

    def test_cannot_hold_the_last_unit_both(self):
        shelf = shelf_of(1)

        outcome = together([lambda n=n: hold(wish(shelf, 1, holder=f"order:{n}")) for n in range(6)])

        assert sum(isinstance(each, list) for each in outcome) == 1
        assert sum(isinstance(each, InsufficientStock) for each in outcome) == 5
        assert level(shelf) == (1, 1)


def broken_stock() -> dict[str, object]:
    """Broken rules of stock alone: these holders are no orders."""
    return {rule: rows for rule, rows in books.examine().items() if "belongs to one that needs it" not in rule}
