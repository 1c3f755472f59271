"""The same request twice: one effect, one answer, whatever happens in between."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from oms import db, idempotency
from oms.models import IdempotencyKey, SearchKey
from tests.oms.threads import Step, together, wait_until_blocked

PRINT = idempotency.fingerprint(b"body")
commits = pytest.mark.django_db(transaction=True)


def effect(value: str = "done") -> None:
    SearchKey.objects.create(kind="sku", value=value, entity_kind="test", entity_id=SearchKey.objects.count())


def effects() -> int:
    return SearchKey.objects.count()


def once(key: str = "k", *, scope: str = "shop:orders", print_: bytes = PRINT, answer: str = "", fail: bool = False):
    def do() -> tuple[int, str]:
        effect()
        if fail:
            raise ValueError("broke")
        return 201, answer or f'{{"number":{effects()}}}'

    return idempotency.once(scope=scope, key=key, print_=print_, do=do)


class TestCheck:
    @pytest.mark.parametrize("key", ["a", "8e03978e-40d5-43e8-bc93-6894a57f9324", "!~", "x" * 255])
    def test_takes_what_can_be_a_key(self, key):
        assert idempotency.check(key) == key

    @pytest.mark.parametrize("key", [None, "", " ", "a b", "a\n", "\x7f", "é", "x" * 256, "\x00", "١"])
    def test_refuses_the_rest(self, key):
        with pytest.raises(idempotency.KeyMissing) as refused:
            idempotency.check(key)

        assert (refused.value.code, refused.value.status) == ("idempotency_key_required", 400)


class TestFingerprint:
    def test_tells_parts_apart_that_would_run_together(self):
        prints = [idempotency.fingerprint(*parts) for parts in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""])]

        assert len(set(prints)) == 4
        assert idempotency.fingerprint(b"ab", b"c") == prints[0]


@pytest.mark.django_db
class TestOnce:
    def test_answers_again_without_doing_again(self):
        assert once() == (201, '{"number":1}', False)
        assert once() == (201, '{"number":1}', True)
        assert effects() == 1

    def test_keeps_the_answer_byte_for_byte(self):
        answer = '{ "name": "Å\\u0000 ", "n": 1.0 }\n'
        once(answer=answer)

        assert once() == (201, answer, True)

    def test_refuses_another_request_under_the_same_key(self):
        once()
        with pytest.raises(idempotency.KeyReused) as refused:
            once(print_=idempotency.fingerprint(b"another body"))

        assert (refused.value.code, refused.value.status, effects()) == ("idempotency_key_reused", 422, 1)

    def test_keys_of_two_clients_do_not_meet(self):
        assert [once(scope=scope)[2] for scope in ("shop:orders", "till:orders", "shop:returns")] == [False] * 3
        assert effects() == 3

    def test_a_failure_frees_the_key_and_keeps_nothing(self):
        with pytest.raises(ValueError, match="broke"):
            once(fail=True)
        assert (effects(), IdempotencyKey.objects.count()) == (0, 0)

        assert once(print_=idempotency.fingerprint(b"mended")) == (201, '{"number":1}', False)

    def test_owns_its_transaction(self):
        with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
            once()


@commits
class TestOnceAtOnce:
    def test_sixteen_equal_requests_have_one_effect_and_one_answer(self):
        answers = together([once] * 16)

        assert {answer[:2] for answer in answers} == {(201, '{"number":1}')}
        assert sorted(answer[2] for answer in answers) == [False] + [True] * 15
        assert effects() == 1

    def test_the_second_waits_for_the_answer_of_the_first(self):
        begun = Step()

        def slowly() -> tuple[int, str]:
            begun.reached()
            wait_until_blocked()
            effect()
            return 201, "first"

        def first() -> tuple[int, str, bool]:
            return idempotency.once(scope="s", key="k", print_=PRINT, do=slowly)

        def second() -> tuple[int, str, bool]:
            begun.wait()
            return once(scope="s", answer="second")

        assert together([first, second]) == [(201, "first", False), (201, "first", True)]
        assert effects() == 1

    def test_the_second_does_the_work_when_the_first_fails(self):
        begun = Step()

        def break_off() -> tuple[int, str]:
            begun.reached()
            effect("of the first")
            wait_until_blocked()
            raise ValueError("broke")

        def first() -> None:
            idempotency.once(scope="s", key="k", print_=PRINT, do=break_off)

        def second() -> tuple[int, str, bool]:
            begun.wait()
            return once(scope="s", answer="second")

        failed, answered = together([first, second])

        assert (str(failed), answered) == ("broke", (201, "second", False))
        assert [key.value for key in SearchKey.objects.all()] == ["done"]

    def test_a_lost_acknowledgement_is_no_second_effect(self):
        """The connection breaks after the commit: the client never heard, and asks again."""

        def lose_the_answer() -> None:
            once()
            raise ConnectionError

        together([lose_the_answer])

        assert once() == (201, '{"number":1}', True)


@pytest.mark.django_db
class TestForget:
    def test_deletes_old_answers_only(self):
        for key in ("old", "new"):
            once(key)
        IdempotencyKey.objects.filter(key="old").update(created_at=datetime.now(UTC) - timedelta(days=8))

        assert idempotency.forget() == 1
        assert [kept.key for kept in IdempotencyKey.objects.all()] == ["new"]

    def test_takes_a_bounded_bite(self):
        for key in "abc":
            once(key)
        db.fetch("UPDATE oms_idempotencykey SET created_at = created_at - interval '8 days'")

        assert [idempotency.forget(limit=2) for _ in range(3)] == [2, 1, 0]
