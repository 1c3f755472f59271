"""The process that hands events on: stops when asked, with its hands empty, and outlives its database."""

import os
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from oms import db, outbox
from oms.models import OutboxEvent
from oms.outbox import Event, Message
from tests.oms.threads import together

TOPIC = "test.told"


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch):
    monkeypatch.setattr(outbox, "_by_topic", defaultdict(dict))


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@db.transaction
def publish(*numbers: int) -> None:
    outbox.publish(
        Event(topic=TOPIC, aggregate=("thing", "a"), happened_at=datetime.now(UTC), payload={"n": n}) for n in numbers
    )


@pytest.mark.django_db
class TestRelay:
    def test_once_delivers_all_that_is_due_in_its_order(self):
        heard: list[int] = []
        outbox.subscribe(TOPIC, to="test.listener")(lambda messages: heard.extend(m.payload["n"] for m in messages))
        publish(1, 2, 3)

        call_command("relay", "--once")

        assert heard == [1, 2, 3]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stops_when_asked_after_what_it_has_in_hand(self, number):
        @outbox.subscribe(TOPIC, to="test.listener")
        def ask_to_stop(_messages: Sequence[Message]) -> None:
            os.kill(os.getpid(), number)

        publish(1, 2)
        call_command("relay")

        assert list(OutboxEvent.objects.order_by("id").values_list("state", flat=True)) == ["sent", "pending"]


@pytest.mark.django_db(transaction=True)
def test_goes_on_when_its_connection_broke():
    heard: list[int] = []
    outbox.subscribe(TOPIC, to="test.listener")(lambda messages: heard.extend(m.payload["n"] for m in messages))
    publish(1)
    ((ours,),) = db.fetch("SELECT pg_backend_pid()")
    together([lambda: db.fetch("SELECT pg_terminate_backend(%s)", [ours])])
    said = StringIO()

    call_command("relay", "--once", stderr=said)
    assert (heard, "trying again" in said.getvalue()) == ([], True)
    call_command("relay", "--once", stderr=said)

    assert heard == [1]
    assert connection.is_usable()
