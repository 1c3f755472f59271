"""The bell: heard or not, no work is lost, and it never rings while locks are held."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import celery
import pytest
from django.conf import settings
from django.db import transaction

from oms import db, tasks
from oms.models import IdempotencyKey, OutboxEvent

NOWHERE = "redis://127.0.0.1:1/0"


def bell(broker: str, queue: str = "test") -> Any:
    """A task of an app of its own: the app of the tests runs its tasks in line."""
    app = celery.Celery("test", broker=broker, set_as_current=False)
    app.conf.update(task_ignore_result=True, broker_transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS)

    @app.task(name="test.task", queue=queue, shared=False)
    def nothing(**_: object) -> None:
        raise AssertionError

    return nothing


@pytest.mark.django_db
class TestRing:
    def test_brings_a_task_its_arguments(self):
        queue = f"test-{uuid.uuid4()}"
        task = bell(settings.CELERY_BROKER_URL, queue)

        assert tasks.ring(task, account_id=7) is True

        with task.app.connection_for_read() as connection, connection.SimpleQueue(queue) as waiting:
            message = waiting.get(timeout=2)
            message.ack()
            waiting.queue.delete()
        assert json.loads(message.body)[:2] == [[], {"account_id": 7}]
        expires = datetime.fromisoformat(message.headers["expires"])
        assert timedelta(0) < expires - datetime.now(UTC) < timedelta(seconds=61), "nobody answers an old bell"

    def test_goes_on_when_no_broker_answers(self, monkeypatch):
        monkeypatch.setenv("CELERY_BROKER_URL", NOWHERE)  # Celery asks the environment first
        begun = time.monotonic()

        assert tasks.ring(bell(NOWHERE)) is False
        assert time.monotonic() - begun < 2

    def test_refuses_to_ring_with_locks_held(self):
        with transaction.atomic(), pytest.raises(db.InsideTransaction, match=r"test\.task"):
            tasks.ring(bell(NOWHERE))


@pytest.mark.django_db
def test_sweep_forgets_what_is_no_longer_needed():
    long_ago, now = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC)
    for sent_at in (long_ago, now):
        OutboxEvent.objects.create(
            destination="d", topic="t", aggregate_kind="k", aggregate_id="1", payload={}, state="sent",
            sent_at=sent_at, happened_at=sent_at,
        )  # fmt: skip
        IdempotencyKey.objects.create(scope="s", key=str(sent_at), fingerprint=b"", created_at=sent_at)

    tasks.sweep.delay()

    assert OutboxEvent.objects.get().sent_at == now
    assert IdempotencyKey.objects.get().key == str(now)
