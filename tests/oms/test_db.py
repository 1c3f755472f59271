"""What one transaction owes another. Every lock here was taken out once to see its test fail."""

import json
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from oms import db
from oms.models import IdempotencyKey, Role, StaffMember
from tests.oms.threads import Step, together, wait_until_blocked

Rows = db.LockingQuerySet(IdempotencyKey)
commits = pytest.mark.django_db(transaction=True)


def row(key: str) -> IdempotencyKey:
    return IdempotencyKey.objects.create(scope="test", key=key, fingerprint=b"", status=0)


def add_one(key: str) -> None:
    db.fetch("UPDATE oms_idempotencykey SET status = status + 1 WHERE key = %s", [key])


def status(key: str) -> int | None:
    return IdempotencyKey.objects.get(key=key).status


@db.transaction
def write(key: str) -> None:
    row(key)


@commits
class TestTransaction:
    def test_keeps_all_of_it_or_nothing(self):
        @db.transaction
        def write_and_break() -> None:
            row("half")
            raise ValueError("half way")

        write("whole")
        with pytest.raises(ValueError, match="half way"):
            write_and_break()

        assert [kept.key for kept in IdempotencyKey.objects.all()] == ["whole"]

    def test_cannot_be_part_of_another(self):
        @db.transaction
        def outer() -> None:
            write("inner")

        with pytest.raises(RuntimeError, match="durable"):
            outer()
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            write("inner")

        assert not IdempotencyKey.objects.exists()

    def test_starts_again_after_a_deadlock(self):
        row("left")
        row("right")
        runs: Counter[str] = Counter()
        met = [Step(), Step()]

        @db.transaction
        def cross(first: str, second: str, mine: Step, theirs: Step) -> None:
            runs[first] += 1
            add_one(first)
            mine.reached()
            theirs.wait()
            add_one(second)

        outcome = together([lambda: cross("left", "right", *met), lambda: cross("right", "left", *reversed(met))])

        assert outcome == [None, None]
        assert (status("left"), status("right")) == (2, 2)
        assert runs.total() == 3, "one of the two was the victim, once"

    def test_starts_again_after_a_serialization_failure(self):
        row("read")
        runs: Counter[str] = Counter()

        @db.transaction
        def read_then_write() -> None:
            db.fetch("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            seen = status("read")
            runs["all"] += 1
            if runs["all"] == 1:
                together([lambda: add_one("read")])
            db.fetch("UPDATE oms_idempotencykey SET status = %s WHERE key = 'read'", [(seen or 0) + 10])

        read_then_write()

        assert (runs["all"], status("read")) == (2, 11)

    def test_starts_again_when_a_lock_does_not_come(self):
        row("busy")
        locked, refused, runs = Step(), Step(), Counter[str]()

        def hold() -> None:
            with transaction.atomic():
                add_one("busy")
                locked.reached()
                refused.wait()

        @db.transaction
        def impatient() -> None:
            runs["all"] += 1
            if runs["all"] > 1:
                refused.reached()
            db.fetch("SET LOCAL lock_timeout = '100ms'")
            add_one("busy")

        def meet() -> None:
            locked.wait()
            impatient()

        assert together([hold, meet]) == [None, None]
        assert (runs["all"] > 1, status("busy")) == (True, 2)

    def test_gives_up_in_the_end(self):
        row("busy")
        locked, done, runs = Step(), Step(), Counter[str]()

        def hold() -> None:
            with transaction.atomic():
                add_one("busy")
                locked.reached()
                done.wait()

        @db.transaction
        def impatient() -> None:
            runs["all"] += 1
            db.fetch("SET LOCAL lock_timeout = '10ms'")
            add_one("busy")

        def meet() -> None:
            locked.wait()
            try:
                impatient()
            finally:
                done.reached()

        _, error = together([hold, meet])

        assert (type(error), db.sqlstate(error), runs["all"]) == (OperationalError, "55P03", db.ATTEMPTS)

    def test_starts_again_when_the_function_asks_for_it(self):
        runs: Counter[str] = Counter()

        @db.transaction
        def second_time_lucky() -> str:
            runs["all"] += 1
            row(f"try {runs['all']}")
            if runs["all"] < 2:
                raise db.Again
            return "done"

        assert second_time_lucky() == "done"
        assert [kept.key for kept in IdempotencyKey.objects.all()] == ["try 2"]

    def test_does_not_ask_for_ever(self):
        runs: Counter[str] = Counter()

        @db.transaction
        def never_lucky() -> None:
            runs["all"] += 1
            raise db.Again("somebody is in the way")

        with pytest.raises(db.Again, match="in the way"):
            never_lucky()
        assert runs["all"] == db.ATTEMPTS

    @pytest.mark.parametrize(
        ("statement", "state"),
        [
            ("SET LOCAL statement_timeout = '1ms'; SELECT pg_sleep(1)", "57014"),
            ("SELECT 1 / 0", "22012"),
            ("SELECT nothing", "42703"),
        ],
    )
    def test_does_not_repeat_what_would_fail_again(self, statement, state):
        runs: Counter[str] = Counter()

        @db.transaction
        def broken() -> None:
            runs["all"] += 1
            db.fetch(statement)

        with pytest.raises(Exception) as raised:  # noqa: PT011  # the code says which
            broken()
        assert (db.sqlstate(raised.value), runs["all"]) == (state, 1)


@pytest.mark.django_db
class TestInsideTransaction:
    def test_refuses_to_begin_one(self):
        @db.inside_transaction
        def part() -> None:
            raise AssertionError

        with pytest.raises(db.OutsideTransaction, match="part"):
            part()

    def test_takes_part(self):
        @db.inside_transaction
        def part(value: int, *, more: int) -> int:
            return value + more

        with transaction.atomic():
            assert part(1, more=2) == 3

    def test_the_frame_of_a_test_is_no_business_transaction(self):
        assert not db.is_open()
        db.assert_no_transaction("outside work")

        with transaction.atomic(), pytest.raises(db.InsideTransaction, match="outside work"):
            db.assert_no_transaction("outside work")


@pytest.mark.django_db
class TestTogether:
    def test_is_one_round_trip(self):
        with CaptureQueriesContext(connection) as spoken, db.together():
            for key in ("one", "two", "three"):
                db.fetch("INSERT INTO oms_idempotencykey (scope, key, fingerprint) VALUES ('t', %s, '')", [key])
            assert not spoken.captured_queries

        assert len(spoken) == 1
        assert IdempotencyKey.objects.count() == 3

    def test_says_nothing_when_there_is_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0), db.together():
            pass

    def test_says_nothing_when_the_block_breaks(self, django_assert_num_queries):
        def break_off() -> None:
            with db.together():
                db.fetch("INSERT INTO oms_idempotencykey (scope, key, fingerprint) VALUES ('t', 'k', '')")
                raise ValueError("broke")

        with django_assert_num_queries(0), pytest.raises(ValueError, match="broke"):
            break_off()

        assert db.fetch("SELECT 1") == [(1,)]

    @pytest.mark.parametrize("often", [False, True])
    def test_makes_one_statement_of_inserts_if_asked(self, often, django_assert_num_queries):
        insert = "INSERT INTO oms_idempotencykey (scope, key, fingerprint) VALUES (%s, %s, '')"
        last = (
            "WITH word AS (SELECT %s AS said)"
            " INSERT INTO oms_idempotencykey (scope, key, fingerprint) SELECT said, '100%%', '' FROM word"
        )
        db.fetch("SELECT 1", often=often)

        for scope in ("1%s", "2"):
            with django_assert_num_queries(1), db.together(as_one=True):
                db.fetch(insert, [scope, "a"], often=often)
                db.fetch(insert, [scope, "b"], often=often)
                db.fetch(last, [scope], often=often)

        kept = IdempotencyKey.objects.order_by("scope", "key").values_list("scope", "key")
        assert list(kept) == [(scope, key) for scope in ("1%s", "2") for key in ("100%", "a", "b")]

    def test_keeps_a_percent_sign_in_a_value(self):
        with db.together():
            db.fetch("INSERT INTO oms_idempotencykey (scope, key, fingerprint) VALUES (%s, 'k', '')", ["100%s;"])
            db.fetch("UPDATE oms_idempotencykey SET body = %s", ["50% off"])

        assert IdempotencyKey.objects.values_list("scope", "body").get() == ("100%s;", "50% off")


def there_and_back(kind: str, values: list[object]) -> list[object]:
    """`values` as Postgres gives them back, the same whichever way they were sent."""
    (plain,), (kept,) = (db.fetch(f"SELECT %s::{kind}[]", [values], often=often)[0] for often in (False, True))
    assert kept == plain
    return plain


EARLY, LATE = datetime(1900, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001  # hypothesis adds the zone
OFFSETS = [timezone(timedelta(minutes=minutes)) for minutes in (0, 330, -210, 840)]
TEXTS = ["NULL", "null", "", " ", "{}", "{a,b}", '"', "\\", '\\"', "'", "%s", "100%", None, "\n", "é😀", "$1", ";"]


def lists(values: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """Short lists and long ones: they travel differently."""
    some = st.none() | values
    return st.lists(some, max_size=5) | st.lists(some, min_size=db.LONG - 1, max_size=db.LONG + 20)


@pytest.mark.django_db
class TestFetch:
    """Long lists, and those of statements that are kept, travel as text that this module writes."""

    @settings(max_examples=30)
    @given(lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
    def test_brings_texts_unchanged(self, values):
        assert there_and_back("text", values) == values

    @settings(max_examples=30)
    @given(lists(st.integers(-(2**63), 2**63 - 1)))
    def test_brings_numbers_unchanged(self, values):
        assert there_and_back("bigint", values) == values

    @settings(max_examples=30)
    @given(lists(st.booleans()))
    def test_brings_truths_unchanged(self, values):
        assert there_and_back("bool", values) == values

    @settings(max_examples=30)
    @given(lists(st.datetimes(EARLY, LATE, timezones=st.sampled_from(OFFSETS))))
    def test_brings_moments_unchanged(self, values):
        assert there_and_back("timestamptz", values) == values

    @pytest.mark.parametrize("length", [0, 1, db.LONG - 1, db.LONG, 3 * db.LONG])
    @pytest.mark.parametrize(
        ("kind", "pattern"),
        [("text", TEXTS), ("text", list(Role)), ("int", [True, False, 7]), ("bytea", [b"\x00\\", b"", None])],
    )
    def test_brings_what_is_hard_to_quote(self, kind, pattern, length):
        values = (pattern * length)[:length]
        found = there_and_back(kind, values)

        assert [bytes(each) if isinstance(each, memoryview) else each for each in found] == values

    @pytest.mark.parametrize("length", [1, 2 * db.LONG])
    def test_brings_json_as_json(self, length):
        values = ['{"a": "b\\"c", "d": [1, null]}', "null"] * length

        found = [json.loads(str(each)) for each in there_and_back("jsonb", values)]
        assert found == [json.loads(value) for value in values]

    def test_has_no_rows_for_a_statement_that_gives_none(self):
        assert db.fetch("UPDATE oms_idempotencykey SET body = ''") == []

    def test_keeps_a_statement_over_rollbacks(self):
        """What a connection has prepared stays prepared, whatever becomes of the transaction that needed it first."""

        def often() -> list[tuple[object, ...]]:
            return db.fetch("SELECT %s::int, '50%%'", [7], often=True)

        with transaction.atomic():
            assert often() == [(7, "50%")]
            transaction.set_rollback(True)

        assert often() == [(7, "50%")]

    @commits
    def test_keeps_statements_per_connection(self):
        def often() -> list[tuple[object, ...]]:
            return [db.fetch("SELECT %s::text", [word], often=True)[0][0] for word in ("one", "two")]

        assert [often(), *together([often] * 3), often()] == [["one", "two"]] * 5
        connection.close()
        assert often() == ["one", "two"]

    def test_names_what_broke_in_a_statement_that_is_kept(self):
        row("same")
        insert = "INSERT INTO oms_idempotencykey (scope, key, fingerprint) VALUES (%s, %s, '')"
        with pytest.raises(IntegrityError) as raised, transaction.atomic():
            db.fetch(insert, ["test", "same"], often=True)

        assert db.constraint(raised.value) == "one_answer_per_key"


@pytest.mark.django_db
class TestErrors:
    def test_name_the_constraint_that_was_broken(self):
        row("same")
        with pytest.raises(IntegrityError) as raised, transaction.atomic():
            row("same")

        assert db.constraint(raised.value) == "one_answer_per_key"
        assert db.sqlstate(raised.value) == "23505"

    def test_name_nothing_when_the_driver_says_nothing(self):
        assert (db.sqlstate(ValueError()), db.constraint(ValueError())) == ("", "")


@commits
class TestOneAtATime:
    def test_lets_one_in_and_sends_the_others_away(self):
        inside, tried = Step(), Step()

        def first() -> bool:
            with db.one_at_a_time("pull") as alone:
                inside.reached()
                tried.wait()
                return alone

        def second() -> list[bool]:
            inside.wait()
            with db.one_at_a_time("pull") as alone, db.one_at_a_time("another name") as elsewhere:
                tried.reached()
                return [alone, elsewhere]

        assert together([first, second]) == [True, [False, True]]
        assert together([lambda: is_free("pull")]) == [True]

    def test_being_sent_away_does_not_end_the_stay_of_who_is_inside(self):
        def glance() -> bool:
            with db.one_at_a_time("pull") as alone:
                return alone

        with db.one_at_a_time("pull"):
            assert together([glance]) == [False]
            assert together([glance]) == [False]

    def test_holds_no_transaction(self):
        with db.one_at_a_time("pull"):
            db.assert_no_transaction("slow outside work")

    def test_is_free_again_when_the_work_breaks_or_the_process_dies(self):
        def break_off() -> None:
            with db.one_at_a_time("pull"):
                raise ValueError

        def die() -> None:
            db.fetch("SELECT pg_advisory_lock(hashtextextended('pull', 0))")

        together([break_off, die])

        assert is_free("pull")


def is_free(name: str) -> bool:
    with db.one_at_a_time(name) as alone:
        return alone


@commits
class TestInTurn:
    def test_waits_for_who_is_inside(self):
        inside, log = Step(), []

        def first() -> None:
            with db.in_turn("token"):
                inside.reached()
                wait_until_blocked()
                log.append("first leaves")

        def second() -> None:
            inside.wait()
            with db.in_turn("token"):
                db.assert_no_transaction("asking for a token")
                log.append("second enters")

        assert together([first, second]) == [None, None]
        assert log == ["first leaves", "second enters"]

    def test_does_not_wait_for_ever(self):
        def impatient() -> None:
            db.fetch("SET lock_timeout = '20ms'")
            with db.in_turn("token"):
                raise AssertionError

        with db.in_turn("token"):
            (error,) = together([impatient])

        assert db.sqlstate(error) == "55P03"


@commits
class TestTakeTurns:
    def test_holds_the_turn_until_commit(self):
        inside, log = Step(), []

        @db.transaction
        def first() -> None:
            db.take_turns("order:1")
            inside.reached()
            wait_until_blocked()
            row("first")
            log.append("first is done")

        @db.transaction
        def second() -> None:
            inside.wait()
            db.take_turns("order:2")
            db.take_turns("order:1")
            log.append(f"second sees {IdempotencyKey.objects.count()} row")

        assert together([first, second]) == [None, None]
        assert log == ["first is done", "second sees 1 row"]

    def test_needs_a_transaction_to_hold_it(self):
        with pytest.raises(db.OutsideTransaction):
            db.take_turns("order:1")


@commits
class TestLocked:
    def test_makes_readers_who_write_wait_for_each_other(self):
        row("count")

        @db.transaction
        def read_and_add_one() -> None:
            found = Rows.filter(key="count").locked().get()
            time.sleep(0.01)
            found.status = (found.status or 0) + 1
            found.save()

        assert together([read_and_add_one] * 8) == [None] * 8
        assert status("count") == 8

    def test_locks_in_the_order_of_the_keys_whatever_order_was_asked_for(self):
        first, last = row("first").pk, row("last").pk
        held, looked = Step(), Step()

        def hold_the_first() -> None:
            with transaction.atomic():
                IdempotencyKey.objects.select_for_update().get(pk=first)
                held.reached()
                looked.wait()

        def lock_all() -> list[int]:
            held.wait()
            with transaction.atomic():
                return [found.pk for found in Rows.order_by("-pk").locked()]

        def lock_the_last() -> int:
            wait_until_blocked()
            with transaction.atomic():
                try:
                    return IdempotencyKey.objects.select_for_update(nowait=True).get(pk=last).pk
                finally:
                    looked.reached()

        assert together([hold_the_first, lock_all, lock_the_last]) == [None, [first, last], last]

    def test_does_not_block_rows_that_refer_to_the_locked_ones(self):
        user = get_user_model().objects.create_user("ada")

        def refer() -> None:
            db.fetch("SET lock_timeout = '100ms'")
            StaffMember.objects.create(user=user, role="agent")

        with transaction.atomic():
            db.LockingQuerySet(get_user_model()).locked().get()
            assert together([refer]) == [None]
