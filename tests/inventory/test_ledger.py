"""Every lock and guard of the ledger was taken out once to see its test fail."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from inventory import ledger
from inventory.ledger import Entry, Kind
from inventory.models import StockMovement
from oms import books, db
from tests import factories
from tests.factories import NOW
from tests.inventory.shelves import level, no_deadlocks, reserve, shelf_of, told
from tests.oms.threads import Step, together, wait_until_blocked

commits = pytest.mark.django_db(transaction=True)


def entry(shelf: ledger.Shelf, quantity: int, **more: object) -> Entry:
    kind = Kind.RECEIPT if quantity > 0 else Kind.WRITE_OFF
    about = {"kind": kind, "cause": "test", "cause_id": "1", "occurred_at": NOW, **more}
    return Entry(location_id=shelf[0], variant_id=shelf[1], quantity=quantity, **about)


@db.transaction
def post(*entries: Entry, promise: dict[ledger.Shelf, int] | None = None) -> set[ledger.Shelf]:
    ledger.open_shelves((each.location_id, each.variant_id) for each in entries)
    short = ledger.post(entries, actor="tests", promise=promise)
    if short:
        transaction.set_rollback(True)
    return short


@pytest.mark.django_db
class TestOpenShelves:
    def test_makes_each_level_once(self):
        shelf = shelf_of(3)
        new = (shelf[0], factories.variant().pk)

        @db.transaction
        def open_shelves() -> None:
            ledger.open_shelves([shelf, new, new])

        open_shelves()

        assert (level(shelf), level(new)) == ((3, 0), (0, 0))

    def test_needs_its_callers_transaction(self):
        with pytest.raises(db.OutsideTransaction):
            ledger.open_shelves([])


@pytest.mark.django_db
class TestPost:
    def test_writes_movements_and_counts_them(self):
        shelf = shelf_of()

        post(entry(shelf, 5), entry(shelf, -2, cause_line=1, reason="broken"))

        assert level(shelf) == (3, 0)
        assert set(StockMovement.objects.values_list("kind", "quantity", "reason", "actor")) == {
            ("receipt", 5, "", "tests"),
            ("write_off", -2, "broken", "tests"),
        }

    def test_counts_one_cause_once_however_often_it_is_posted(self):
        shelf = shelf_of()

        for _ in range(3):
            post(entry(shelf, 5))

        assert level(shelf) == (5, 0)

    def test_counts_what_is_new_among_what_was_posted(self):
        shelf = shelf_of()
        post(entry(shelf, 5))

        post(entry(shelf, 5), entry(shelf, 2, cause_line=1))

        assert level(shelf) == (7, 0)

    def test_returns_a_shelf_that_has_less_than_would_leave(self):
        shelf, other = shelf_of(3), shelf_of(3)

        assert post(entry(shelf, -4), entry(other, -1)) == {shelf}

    def test_returns_a_shelf_that_promised_what_would_leave(self):
        shelf = shelf_of(3, reserved=2)

        assert post(entry(shelf, -2)) == {shelf}
        assert post(entry(shelf, -1)) == set()

    def test_returns_a_shelf_that_was_never_opened(self):
        shelf = (factories.location().pk, factories.variant().pk)

        @db.transaction
        def post_unopened() -> set[ledger.Shelf]:
            short = ledger.post([entry(shelf, 1)], actor="tests")
            transaction.set_rollback(True)
            return short

        assert post_unopened() == {shelf}

    def test_lets_promised_units_leave(self):
        shelf = shelf_of(3, reserved=3)

        assert post(entry(shelf, -2), promise={shelf: -2}) == set()

        assert level(shelf) == (1, 1)

    def test_promises_and_moves_in_one_step(self):
        shelf, other = shelf_of(3), shelf_of(3)

        assert post(entry(shelf, -1), promise={other: 2, shelf: 2}) == set()

        assert (level(shelf), level(other)) == ((2, 2), (3, 2))

    def test_does_nothing_for_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(2):  # the savepoint of the test
            post()

    def test_costs_as_many_statements_for_fifty_shelves_as_for_one(self, django_assert_num_queries):
        shelves = [shelf_of(2) for _ in range(50)]

        with django_assert_num_queries(6):  # with the opening of shelves and the savepoint of the test
            post(*(entry(shelf, 1) for shelf in shelves))

    @pytest.mark.parametrize(
        ("units", "promised", "is_told"),
        [
            (5, 0, True),
            (-1, 0, True),
            (-1, -1, False),  # promised units left: nobody else could have had them
            (-1, 1, True),
        ],
    )
    def test_tells_everyone_when_free_units_move(self, units, promised, is_told):
        shelf = shelf_of(5, reserved=2)
        before = told()

        post(entry(shelf, units), promise={shelf: promised})

        assert told() == before + ([str(shelf[1])] if is_told else [])

    def test_tells_nobody_of_what_was_posted_before(self):
        shelf = shelf_of()
        post(entry(shelf, 5))
        before = told()

        post(entry(shelf, 5))

        assert told() == before


@pytest.mark.django_db
class TestReserve:
    def test_promises_and_frees(self):
        shelf = shelf_of(3)

        assert reserve({shelf: 3}) == set()
        assert reserve({shelf: -1}) == set()

        assert level(shelf) == (3, 2)

    def test_changes_nothing_on_a_shelf_it_returns(self):
        shelf, other = shelf_of(3), shelf_of(3)

        assert reserve({shelf: 4, other: 1}) == {shelf}

        assert (level(shelf), level(other)) == ((3, 0), (3, 1))

    def test_frees_no_more_than_is_promised(self):
        shelf = shelf_of(3, reserved=1)

        assert reserve({shelf: -2}) == {shelf}


@pytest.mark.django_db
class TestMovements:
    """Append-only, whoever asks."""

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE inventory_stockmovement SET quantity = 1",
            "DELETE FROM inventory_stockmovement",
            "TRUNCATE inventory_stockmovement",
        ],
    )
    def test_are_never_changed(self, change):
        shelf_of(3)

        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)

        assert StockMovement.objects.get().quantity == 3


@commits
class TestTwoAtOnce:
    def test_count_one_cause_once(self):
        shelf = shelf_of()

        assert together([lambda: post(entry(shelf, 5))] * 4) == [set()] * 4

        assert level(shelf) == (5, 0)
        assert not books.examine()

    def test_open_the_same_new_shelves_in_any_order(self):
        shelves = [(factories.location().pk, factories.variant().pk) for _ in range(6)]

        @db.transaction
        def receive(number: int, *order: ledger.Shelf) -> set[ledger.Shelf]:
            ledger.open_shelves(order)
            return ledger.post([entry(shelf, 1, cause_id=str(number)) for shelf in order], actor="tests")

        with no_deadlocks():
            outcome = together([lambda: receive(1, *shelves), lambda: receive(2, *reversed(shelves))] * 2)

        assert outcome == [set()] * 4
        assert [level(shelf) for shelf in shelves] == [(2, 0)] * 6

    def test_judge_what_is_there_once_the_lock_is_had(self):
        """The last unit is freed while somebody waits for it: it is theirs."""
        shelf = shelf_of(1, reserved=1)
        is_freed = Step()

        @db.transaction
        def free() -> set[ledger.Shelf]:
            short = ledger.reserve({shelf: -1})
            is_freed.reached()
            wait_until_blocked()
            return short

        def take() -> set[ledger.Shelf]:
            is_freed.wait()
            return reserve({shelf: 1})

        assert together([free, take]) == [set(), set()]
        assert level(shelf) == (1, 1)

    def test_do_not_both_get_the_last_unit(self):
        shelf = shelf_of(1)
        is_taken = Step()

        @db.transaction
        def take_slowly() -> set[ledger.Shelf]:
            short = ledger.reserve({shelf: 1})
            is_taken.reached()
            wait_until_blocked()
            return short

        def take() -> set[ledger.Shelf]:
            is_taken.wait()
            return reserve({shelf: 1})

        assert together([take_slowly, take]) == [set(), {shelf}]
        assert level(shelf) == (1, 1)

    def test_lock_shelves_in_one_order(self):
        """The first holds the second shelf and wants the first; whoever came in between waits at the first."""
        first, second = sorted([shelf_of(9), shelf_of(9)])
        holds_first = Step()

        @db.transaction
        def hold_first() -> None:
            ledger.reserve({first: 1})
            holds_first.reached()
            wait_until_blocked(2)

        def forwards() -> set[ledger.Shelf]:
            holds_first.wait()
            return reserve({first: 1, second: 1})

        def backwards() -> set[ledger.Shelf]:
            holds_first.wait()
            wait_until_blocked()
            return reserve({second: 1, first: 1})

        with no_deadlocks():
            assert together([hold_first, forwards, backwards]) == [None, set(), set()]
        assert (level(first), level(second)) == ((9, 3), (9, 2))

    def test_post_the_same_causes_in_any_order(self):
        """A third one holds the cause in the middle until both have come so far."""
        shelf = shelf_of(1)
        first, middle, last = (entry(shelf, 1, cause_line=line) for line in range(3))
        is_written = Step()

        @db.transaction
        def post_the_middle() -> set[ledger.Shelf]:
            short = ledger.post([middle], actor="tests")
            is_written.reached()
            wait_until_blocked(2)
            return short

        @db.transaction
        def post_all(*entries: Entry) -> set[ledger.Shelf]:
            is_written.wait()
            return ledger.post(entries, actor="tests")

        with no_deadlocks():
            outcome = together(
                [post_the_middle, lambda: post_all(first, middle, last), lambda: post_all(last, middle, first)]
            )

        assert outcome == [set()] * 3
        assert level(shelf) == (4, 0)


@pytest.mark.django_db
class TestDemandAllOnHand:
    def test_names_the_shelves(self):
        with pytest.raises(ledger.NotEnoughOnHand) as refusal:
            ledger.demand_all_on_hand({(2, 1), (1, 9)})

        assert refusal.value.facts["shelves"] == [
            {"location_id": 1, "variant_id": 9},
            {"location_id": 2, "variant_id": 1},
        ]

    def test_is_silent_when_none_is_short(self):
        ledger.demand_all_on_hand(set())


@pytest.mark.django_db
class TestOccurrence:
    def test_is_kept_apart_from_the_moment_of_writing(self):
        shelf = shelf_of()

        post(entry(shelf, 1, occurred_at=NOW - timedelta(days=400)))

        movement = StockMovement.objects.get()
        assert movement.occurred_at == NOW - timedelta(days=400)
        assert movement.recorded_at > movement.occurred_at
