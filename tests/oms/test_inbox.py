"""What outsiders tell us: kept once as it came, worked off by one at a time, stuck in plain sight when it is bad."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from oms import audit, inbox
from oms.inbox import Letter
from oms.models import AuditEntry, InboxMessage
from tests.oms.threads import Step, together, wait_until_blocked

NOW = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
SOURCE, TOPIC = "channel:ebay", "order"
GRACE = audit.Actor("staff", "grace", "supervisor", "r-1")
commits = pytest.mark.django_db(transaction=True)


def letter(event: str = "e1", raw: bytes = b'{"n":1}', about: str = "o1") -> Letter:
    return Letter(event_id=event, topic=TOPIC, object_id=about, raw=raw)


def store(*letters: Letter, source: str = SOURCE) -> int:
    return inbox.store(source=source, letters=letters)


def claim(**how: object) -> list[inbox.Claimed]:
    return inbox.claim(topic=TOPIC, **how)  # type: ignore[arg-type]


def lapse() -> None:
    """Let every lease and every pause be over."""
    InboxMessage.objects.update(next_at=datetime.now(UTC) - timedelta(seconds=1))


def kept() -> set[tuple[str, bytes, str]]:
    return {(m.event_id.partition("#")[0], bytes(m.raw), m.state) for m in InboxMessage.objects.all()}


@pytest.fixture
def stuck(db) -> InboxMessage:
    store(letter())
    inbox.quarantine(claim()[0].id, code="sku_unmapped", message="Map T90.", facts={"skus": ["T90"]})
    return InboxMessage.objects.get()


@pytest.mark.django_db
class TestStore:
    def test_keeps_the_very_bytes_once(self):
        raw = b'\xff\xfe{"name":"\\ud800\\u0000"}'

        assert store(letter(raw=raw)) == 1
        assert store(letter(raw=raw), letter(raw=raw)) == 0

        message = InboxMessage.objects.get()
        assert (bytes(message.raw), message.source, message.object_id) == (raw, SOURCE, "o1")
        assert bytes(message.fingerprint) == hashlib.sha256(raw).digest()

    def test_counts_only_what_is_new(self):
        store(letter("e1"))

        assert store(letter("e1"), letter("e2"), letter("e3"), letter("e3")) == 2

    def test_is_one_statement_for_any_number_of_letters(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            store(*(letter(f"e{n}") for n in range(200)))
        with django_assert_num_queries(0):
            store()

    def test_the_same_event_id_from_two_sources_is_two_events(self):
        assert store(letter(), source="channel:ebay") + store(letter(), source="channel:amazon") == 2

    def test_keeps_another_body_under_a_known_event_id_for_a_person_to_judge(self):
        store(letter(raw=b"first"))

        assert store(letter(raw=b"second")) == 1
        assert store(letter(raw=b"second"), letter(raw=b"first")) == 0
        assert kept() == {("e1", b"first", "received"), ("e1", b"second", "quarantined")}
        odd = InboxMessage.objects.get(state="quarantined")
        assert odd.code == "event_id_reuse"
        assert "same event id" in odd.message

    def test_sees_two_bodies_that_come_together(self):
        assert store(letter(raw=b"first"), letter(raw=b"second"), letter(raw=b"third")) == 3
        assert sorted(InboxMessage.objects.values_list("state", flat=True)) == [
            "quarantined",
            "quarantined",
            "received",
        ]

        assert store(letter(raw=b"third"), letter(raw=b"second"), letter(raw=b"first")) == 0

    def test_keeps_another_body_under_a_long_event_id(self):
        for raw in (b"first", b"second"):
            store(letter("e" * 200, raw=raw))

        assert InboxMessage.objects.count() == 2


@commits
class TestStoreAtOnce:
    def test_keeps_one_of_many_equal_letters(self):
        assert sum(together([lambda: store(letter())] * 8)) == 1

    def test_keeps_both_bodies_when_they_arrive_in_the_same_moment(self):
        stored = Step()

        def first() -> int:
            with transaction.atomic():
                new = store(letter(raw=b"first"))
                stored.reached()
                wait_until_blocked()
            return new

        def second() -> int:
            stored.wait()
            return store(letter(raw=b"second"))

        assert together([first, second]) == [1, 1]
        assert kept() == {("e1", b"first", "received"), ("e1", b"second", "quarantined")}


@pytest.mark.django_db
class TestClaim:
    def test_gives_due_messages_in_the_order_they_came(self):
        store(*(letter(f"e{n}", str(n).encode()) for n in range(5)))

        assert [message.raw for message in claim(limit=3)] == [b"0", b"1", b"2"]
        assert [message.raw for message in claim()] == [b"3", b"4"]
        assert claim() == []

    def test_gives_what_was_asked_for(self):
        store(letter(), source="channel:ebay")
        store(letter(), source="erp:sap")
        inbox.store(source="channel:ebay", letters=[Letter(event_id="s1", topic="stock", object_id="T90", raw=b"")])

        assert [message.source for message in claim(source="channel:%")] == ["channel:ebay"]
        assert [message.topic for message in inbox.claim(topic="stock")] == ["stock"]

    def test_lends_for_a_time(self):
        store(letter())
        (first,) = claim()
        ends = InboxMessage.objects.get().next_at - datetime.now(UTC)
        assert timedelta(seconds=inbox.LEASE_SECONDS - 5) < ends <= timedelta(seconds=inbox.LEASE_SECONDS)

        lapse()
        (second,) = claim()

        assert (first.id, first.attempts, second.id, second.attempts) == (second.id, 1, first.id, 2)

    def test_takes_a_message_out_that_never_finishes(self):
        store(letter("bad"), letter("good"))
        for _ in range(inbox.GIVE_UP_AFTER):
            lapse()
            claimed = claim()
            assert len(claimed) == 2
            inbox.postpone(claimed[1].id, seconds=0, count=False)
        lapse()

        assert [message.id for message in claim()] == [InboxMessage.objects.get(event_id="good").pk]
        bad = InboxMessage.objects.get(event_id="bad")
        assert (bad.state, bad.code) == ("quarantined", "never_finished")


@commits
class TestClaimAtOnce:
    def test_gives_a_message_to_one_worker(self):
        store(*(letter(f"e{n}") for n in range(200)))

        claimed = [message.id for worker in together([lambda: claim(limit=40)] * 4) for message in worker]

        assert len(claimed) == len(set(claimed)) > 40
        assert set(InboxMessage.objects.values_list("attempts", flat=True)) <= {0, 1}

    def test_goes_on_past_what_another_worker_is_taking(self):
        store(letter("e1"), letter("e2"))
        first = InboxMessage.objects.get(event_id="e1")

        with transaction.atomic():
            InboxMessage.objects.select_for_update().get(pk=first.pk)
            ((second,),) = together([claim])

        assert second.id == InboxMessage.objects.get(event_id="e2").pk


@pytest.mark.django_db
class TestEnds:
    def test_done_says_what_it_became(self):
        store(letter("e1"), letter("e2"))
        done, stale = claim()
        inbox.finish(done.id, outcome="order:100423")
        inbox.finish(stale.id, outcome="order:100423", ignored=True)
        lapse()

        assert claim() == []
        assert list(InboxMessage.objects.order_by("id").values_list("state", "outcome")) == [
            ("done", "order:100423"), ("ignored", "order:100423"),
        ]  # fmt: skip
        assert not InboxMessage.objects.filter(finished_at=None).exists()

    def test_later_counts_unless_the_fault_was_not_its_own(self):
        store(letter())
        for count, attempts in ((True, 1), (False, 1), (True, 2)):
            lapse()
            inbox.postpone(claim()[0].id, seconds=60, count=count)
            message = InboxMessage.objects.get()
            assert message.attempts == attempts
            assert message.next_at > datetime.now(UTC) + timedelta(seconds=50)
            assert claim() == []

    def test_quarantined_says_why(self, stuck):
        assert (stuck.state, stuck.code, stuck.message) == ("quarantined", "sku_unmapped", "Map T90.")
        assert stuck.facts == {"skus": ["T90"]}
        lapse()
        assert claim() == []


class TestRetry:
    def test_puts_stuck_messages_back_once(self, stuck):
        assert inbox.retry(ids=[stuck.pk], actor=GRACE, now=NOW) == 1
        assert inbox.retry(ids=[stuck.pk, 0], actor=GRACE, now=NOW) == 0
        assert [message.attempts for message in claim()] == [1]

        entry = AuditEntry.objects.get()
        assert (entry.action, entry.actor, entry.role) == ("inbox.retried", "staff:grace", "supervisor")
        assert (entry.object_kind, entry.object_id, entry.request_id) == ("message", str(stuck.pk), "r-1")
        assert entry.facts == {"source": SOURCE, "about": "o1", "code": "sku_unmapped"}

    def test_a_mended_message_forgets_its_trouble(self, stuck):
        inbox.retry(ids=[stuck.pk], actor=GRACE, now=NOW)
        inbox.finish(claim()[0].id, outcome="order:100423")

        stuck.refresh_from_db()
        assert (stuck.state, stuck.code, stuck.message, stuck.facts) == ("done", "", "", {})

    @commits
    def test_two_people_at_once_leave_one_trace(self):
        store(letter())
        inbox.quarantine(claim()[0].id, code="sku_unmapped", message="", facts={})
        ids = list(InboxMessage.objects.values_list("pk", flat=True))

        assert sorted(together([lambda: inbox.retry(ids=ids, actor=GRACE, now=NOW)] * 4)) == [0, 0, 0, 1]
        assert AuditEntry.objects.count() == 1


class TestSkip:
    def test_sets_aside_for_good_and_keeps_the_reason(self, stuck):
        assert inbox.skip(ids=[stuck.pk], reason="A test order.", actor=GRACE, now=NOW) == 1
        lapse()

        stuck.refresh_from_db()
        assert (stuck.state, stuck.outcome, stuck.finished_at) == ("ignored", "skipped", NOW)
        assert claim() == []
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.reason) == ("inbox.skipped", "A test order.")

    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_needs_a_reason(self, stuck, reason):
        with pytest.raises(inbox.NotStuck, match="Say why"):
            inbox.skip(ids=[stuck.pk], reason=reason, actor=GRACE, now=NOW)

        stuck.refresh_from_db()
        assert stuck.state == "quarantined"
        assert not AuditEntry.objects.exists()

    @pytest.mark.django_db
    def test_leaves_alone_what_is_not_stuck(self):
        store(letter())

        assert inbox.skip(ids=[InboxMessage.objects.get().pk], reason="Wrong one.", actor=GRACE, now=NOW) == 0
        assert len(claim()) == 1
