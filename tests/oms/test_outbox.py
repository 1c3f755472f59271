"""Events: told when true and never before, in order per aggregate, at least once, and never lost."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from oms import db, outbox
from oms.models import AggregateSequence, OutboxEvent
from oms.outbox import Event, Message
from tests.oms.threads import Step, together, wait_until_blocked

NOW = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
TOPIC = "test.counted"
commits = pytest.mark.django_db(transaction=True)


class PulledThePlug(BaseException):
    """The end of a process, as far as a thread can play it."""


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch):
    monkeypatch.setattr(outbox, "_by_topic", defaultdict(dict))


class Listener:
    """A destination that writes down what it hears, and breaks where `breaks` says so."""

    def __init__(self, name: str = "test.listener", *topics: str, latest: bool = False) -> None:
        self.heard: list[tuple[str, int]] = []
        self.calls = 0
        self.breaks: Callable[[str, int], BaseException | None] = lambda _aggregate, _n: None
        self._lock = threading.Lock()
        outbox.subscribe(*(topics or (TOPIC,)), to=name, latest=latest)(self.take)

    def take(self, messages: Sequence[Message]) -> None:
        said = [(message.aggregate[1], message.payload["n"]) for message in messages]
        for each in said:
            if error := self.breaks(*each):
                raise error
        with self._lock:
            self.calls += 1
            self.heard += said


def events(aggregate: str, numbers: Iterable[int], topic: str = TOPIC) -> list[Event]:
    return [Event(topic=topic, aggregate=("thing", aggregate), happened_at=NOW, payload={"n": n}) for n in numbers]


@db.transaction
def publish(*told: Event) -> None:
    outbox.publish(told)


def lapse() -> None:
    """Let every lease and every pause be over."""
    OutboxEvent.objects.update(next_at=datetime.now(UTC) - timedelta(seconds=1))


def states() -> dict[int, str]:
    return {event.payload["n"]: event.state for event in OutboxEvent.objects.all()}


class TestPublish:
    @commits
    def test_tells_nobody_before_the_commit_and_nobody_after_a_rollback(self):
        listener = Listener()

        def fail_after_publishing() -> None:
            with transaction.atomic():
                outbox.publish(events("a", [1]))
                assert together([outbox.deliver]) == [0]
                raise ValueError("nothing happened")

        with pytest.raises(ValueError, match="nothing happened"):
            fail_after_publishing()
        assert outbox.deliver() == 0
        publish(*events("a", [2]))
        outbox.deliver()

        assert listener.heard == [("a", 2)]

    @pytest.mark.django_db
    def test_needs_the_transaction_in_which_it_is_true(self):
        with pytest.raises(db.OutsideTransaction):
            outbox.publish(events("a", [1]))

    @pytest.mark.django_db
    def test_costs_nothing_when_nobody_listens(self, django_assert_num_queries):
        Listener("test.elsewhere", "test.another-topic")
        with transaction.atomic(), django_assert_num_queries(0):
            outbox.publish(events("a", range(10)))

    @pytest.mark.django_db
    def test_tells_nobody_of_a_past_that_is_known(self):
        listener = Listener()
        with outbox.unheard():
            publish(*events("a", [1]))
        publish(*events("a", [2]))
        outbox.deliver()

        assert listener.heard == [("a", 2)]

    @pytest.mark.django_db
    def test_is_one_statement_for_any_number_of_events(self, django_assert_num_queries):
        for name in ("test.one", "test.two"):
            Listener(name)
        with transaction.atomic(), django_assert_num_queries(1):
            outbox.publish(event for aggregate in "abc" for event in events(aggregate, range(5)))

        assert OutboxEvent.objects.count() == 30

    @pytest.mark.django_db
    def test_gives_places_per_destination_and_aggregate(self):
        Listener("test.ordered")
        Listener("test.latest", latest=True)
        for numbers in ([1, 2], [3]):
            with transaction.atomic():
                outbox.publish([*events("a", numbers), *events("b", [9])])

        def places(**about: str) -> list[tuple[int, int | None]]:
            found = OutboxEvent.objects.filter(**about).order_by("id")
            return [(event.payload["n"], event.sequence) for event in found]

        assert places(destination="test.ordered", aggregate_id="a") == [(1, 1), (2, 2), (3, 3)]
        assert places(destination="test.ordered", aggregate_id="b") == [(9, 1), (9, 2)]
        assert {place for _, place in places(destination="test.latest")} == {None}
        assert AggregateSequence.objects.count() == 2

    @commits
    def test_makes_publishers_of_one_aggregate_wait_for_each_other(self):
        Listener()
        first_published = Step()

        def first() -> None:
            with transaction.atomic():
                outbox.publish(events("a", [1]))
                first_published.reached()
                wait_until_blocked()

        def second() -> None:
            first_published.wait()
            publish(*events("a", [2]))

        assert together([first, second]) == [None, None]
        assert dict(OutboxEvent.objects.values_list("payload__n", "sequence")) == {1: 1, 2: 2}

    @commits
    def test_lets_publishers_of_the_same_aggregates_queue_instead_of_deadlocking(self):
        Listener()
        names = [f"thing-{place}" for place in range(60)]

        def keep_publishing(dice: random.Random) -> int:
            published = 0
            for _ in range(25):
                some = dice.sample(names, dice.randint(2, len(names)))
                with transaction.atomic():
                    outbox.publish([event for name in some for event in events(name, [1])])
                published += len(some)
            return published

        published = together([lambda seed=seed: keep_publishing(random.Random(seed)) for seed in range(4)])

        assert sum(published) == sum(AggregateSequence.objects.values_list("last", flat=True))


class Flood:
    """Hundreds of events of a few aggregates, published and delivered at once, to a destination that fails at times."""

    def __init__(self, *, aggregates: int, each: int) -> None:
        self.dice = random.Random(20261103)
        self.total = aggregates * each
        self.left = [str(aggregate) for aggregate in range(aggregates)] * each
        self.dice.shuffle(self.left)
        self.published, self.failed = Counter[str](), set[tuple[str, int]]()
        self.listener = Listener()
        self.listener.breaks = self.fail_at_times

    def fail_at_times(self, aggregate: str, n: int) -> BaseException | None:
        time.sleep(0.0002)
        if (aggregate, n) in self.failed or self.dice.random() > 0.03:
            return None
        self.failed.add((aggregate, n))
        return ValueError("not now")

    @db.transaction
    def publish_one(self, aggregate: str) -> None:
        db.take_turns(aggregate)  # as the lock of the aggregate's own row would
        self.published[aggregate] += 1
        outbox.publish(events(aggregate, [self.published[aggregate]]))

    def publish(self) -> None:
        with suppress(IndexError):
            while True:
                self.publish_one(self.left.pop())

    def relay(self) -> None:
        until = time.monotonic() + 30
        while OutboxEvent.objects.filter(state="sent").count() < self.total and time.monotonic() < until:
            if not outbox.deliver(limit=20):
                time.sleep(0.005)


class TestDeliver:
    @pytest.mark.django_db
    def test_hands_each_destination_its_share_once(self):
        one, two = Listener("test.one"), Listener("test.two", TOPIC, "test.named")
        publish(*events("a", [1]), *events("b", [1]), *events("a", [7], "test.named"))

        while outbox.deliver():
            pass

        assert sorted(one.heard) == [("a", 1), ("b", 1)]
        assert sorted(two.heard) == [("a", 1), ("a", 7), ("b", 1)]
        assert not OutboxEvent.objects.exclude(state="sent", sent_at__isnull=False).exists()

    @pytest.mark.django_db
    def test_says_what_and_about_whom(self):
        heard: list[Message] = []
        outbox.subscribe(TOPIC, to="test.listener")(heard.extend)
        publish(Event(topic=TOPIC, aggregate=("order", "100423"), happened_at=NOW, payload={"was": "open", "by": None}))
        outbox.deliver()

        (message,) = heard
        assert (message.topic, message.aggregate) == (TOPIC, ("order", "100423"))
        assert message.payload == {"was": "open", "by": None}
        assert message.id == OutboxEvent.objects.get().pk

    @pytest.mark.django_db
    def test_refuses_to_run_inside_a_transaction(self):
        with transaction.atomic(), pytest.raises(db.InsideTransaction):
            outbox.deliver()

    @commits
    def test_keeps_the_order_of_each_aggregate_however_many_relays_run(self):
        flood = Flood(aggregates=25, each=12)

        assert together([flood.publish] * 3 + [flood.relay] * 3) == [None] * 6

        heard = defaultdict(list)
        for aggregate, n in flood.listener.heard:
            heard[aggregate].append(n)
        assert flood.failed, "the destination was to fail now and then"
        assert heard == {str(aggregate): list(range(1, 13)) for aggregate in range(25)}

    @commits
    def test_gives_an_event_to_one_relay(self):
        Listener(latest=True).breaks = lambda *_: time.sleep(0.005)
        publish(*events("a", range(50)))

        claimed = together([lambda: outbox.deliver(limit=20)] * 4)

        assert sum(claimed) <= 50
        assert set(OutboxEvent.objects.values_list("attempts", flat=True)) <= {0, 1}

    @commits
    def test_goes_on_past_what_another_relay_is_claiming(self):
        listener = Listener()
        publish(*events("a", [1]), *events("b", [2]))

        with transaction.atomic():
            OutboxEvent.objects.select_for_update().get(payload__n=1)
            assert together([outbox.deliver]) == [1]

        assert listener.heard == [("b", 2)]

    @pytest.mark.django_db
    def test_a_relay_that_dies_leaves_its_events_to_the_others_when_the_lease_ends(self):
        listener = Listener()
        listener.breaks = lambda *_: PulledThePlug()
        publish(*events("a", [1, 2]))

        with pytest.raises(PulledThePlug):
            outbox.deliver()
        listener.breaks = lambda *_: None
        assert outbox.deliver() == 0, "event 1 is out on a lease, and event 2 waits for it"
        lapse()
        while outbox.deliver():
            pass

        assert listener.heard == [("a", 1), ("a", 2)]
        assert list(OutboxEvent.objects.order_by("id").values_list("attempts", flat=True)) == [2, 1]

    @pytest.mark.django_db
    def test_a_lease_has_an_end(self):
        Listener().breaks = lambda *_: PulledThePlug()
        publish(*events("a", [1]))
        with pytest.raises(PulledThePlug):
            outbox.deliver()

        ends = OutboxEvent.objects.get().next_at - datetime.now(UTC)

        assert timedelta(seconds=outbox.LEASE_SECONDS - 5) < ends <= timedelta(seconds=outbox.LEASE_SECONDS)

    @pytest.mark.django_db
    def test_one_bad_event_does_not_hold_back_its_neighbours_in_the_batch(self):
        listener = Listener()
        listener.breaks = lambda aggregate, _n: ValueError("bad") if aggregate == "bad" else None
        publish(*events("a", [1]), *events("bad", [2]), *events("c", [3]))

        outbox.deliver()

        assert states() == {1: "sent", 2: "pending", 3: "sent"}
        assert sorted(listener.heard) == [("a", 1), ("c", 3)]

    @pytest.mark.django_db
    def test_waits_longer_after_each_failure(self):
        Listener().breaks = lambda *_: ValueError("bad")
        publish(*events("a", [1]))
        waits = []
        for _ in range(4):
            lapse()
            outbox.deliver()
            waits.append((OutboxEvent.objects.get().next_at - datetime.now(UTC)).total_seconds())

        assert waits == sorted(waits)
        assert 0 < waits[0] < 1 < 10 < waits[3] < 60


@pytest.mark.django_db
class TestQuarantine:
    def poison(self) -> Listener:
        listener = Listener()
        listener.breaks = lambda aggregate, n: ValueError("poison") if (aggregate, n) == ("a", 1) else None
        publish(*events("a", [1, 2]), *events("b", [3]))
        return listener

    def test_takes_in_what_fails_eight_times_and_blocks_its_own_aggregate_only(self):
        listener = self.poison()
        for attempt in range(1, 9):
            assert states()[1] == "pending", attempt
            lapse()
            outbox.deliver()
        publish(*events("b", [4]))
        for _ in range(3):
            lapse()
            outbox.deliver()

        assert states() == {1: "quarantined", 2: "pending", 3: "sent", 4: "sent"}
        assert listener.heard == [("b", 3), ("b", 4)]
        assert "eight times" in OutboxEvent.objects.get(state="quarantined").error

    def test_takes_in_what_never_finishes(self):
        listener = Listener()
        listener.breaks = lambda *_: PulledThePlug()
        publish(*events("a", [1]))
        for _ in range(outbox.GIVE_UP_AFTER):
            lapse()
            with pytest.raises(PulledThePlug):
                outbox.deliver()
        lapse()
        outbox.deliver()

        event = OutboxEvent.objects.get()
        assert (event.state, listener.heard) == ("quarantined", [])
        assert "did not finish" in event.error

    def test_lets_go_when_a_person_has_mended_the_cause(self):
        listener = self.poison()
        for _ in range(8):
            lapse()
            outbox.deliver()
        listener.breaks = lambda *_: None
        ids = list(OutboxEvent.objects.values_list("pk", flat=True))

        assert outbox.retry_quarantined(ids=ids) == 1, "the others are not stuck"
        assert outbox.retry_quarantined(ids=ids) == 0
        while outbox.deliver():
            pass

        assert [heard for heard in listener.heard if heard[0] == "a"] == [("a", 1), ("a", 2)]
        assert set(OutboxEvent.objects.values_list("state", "error")) == {("sent", "")}

    def test_takes_in_what_nobody_listens_to_any_more(self):
        Listener()
        publish(*events("a", [1]))
        outbox._by_topic.clear()
        outbox.deliver()

        assert "Nothing here listens as test.listener to test.counted" in OutboxEvent.objects.get().error

    def test_does_not_take_in_what_a_slow_relay_has_sent_after_all(self):
        """The ninth claim comes while the eighth still works; between the claim and its verdict the eighth is done."""
        outbox.subscribe("test.first", to="test.slow")(
            lambda _messages: OutboxEvent.objects.filter(topic=TOPIC).update(state="sent", sent_at=NOW)
        )
        Listener()
        publish(*events("a", [1], "test.first"), *events("b", [2]))
        OutboxEvent.objects.filter(topic=TOPIC).update(attempts=outbox.GIVE_UP_AFTER)

        outbox.deliver()

        assert states() == {1: "sent", 2: "sent"}


@pytest.mark.django_db
class TestLatest:
    def test_reaches_the_destination_as_one_call(self):
        listener = Listener(latest=True)
        publish(*events("a", range(30)))
        outbox.deliver()

        assert (listener.calls, len(listener.heard)) == (1, 30)

    def test_does_not_wait_for_an_earlier_one(self):
        listener = Listener(latest=True)
        listener.breaks = lambda _aggregate, n: ValueError("bad") if n == 1 else None
        publish(*events("a", [1]))
        outbox.deliver()
        publish(*events("a", [2]))
        outbox.deliver()

        assert listener.heard == [("a", 2)]


@pytest.mark.django_db
class TestForgetSent:
    def test_deletes_what_was_sent_long_ago_and_nothing_else(self):
        Listener()
        publish(*events("a", [1]), *events("b", [2]), *events("c", [3]))
        long_ago = datetime.now(UTC) - timedelta(days=8)
        for n, state in ((1, "sent"), (2, "sent"), (3, "quarantined")):
            sent_at = {1: long_ago, 2: datetime.now(UTC)}.get(n)
            OutboxEvent.objects.filter(payload__n=n).update(state=state, sent_at=sent_at, happened_at=long_ago)

        assert outbox.forget_sent() == 1
        assert states() == {2: "sent", 3: "quarantined"}

    def test_does_not_start_the_places_of_an_aggregate_anew(self):
        Listener()
        publish(*events("a", [1]))
        outbox.deliver()
        OutboxEvent.objects.update(sent_at=NOW - timedelta(days=400))
        outbox.forget_sent()
        publish(*events("a", [2]))

        assert OutboxEvent.objects.get().sequence == 2


@pytest.mark.django_db
class TestSubscribe:
    def test_keeps_one_handler_per_destination_and_topic(self):
        first, second = Listener("test.same"), Listener("test.same")
        publish(*events("a", [1]))
        outbox.deliver()

        assert (first.heard, second.heard) == ([], [("a", 1)])
        assert list(outbox.subscriptions()) == [TOPIC]
