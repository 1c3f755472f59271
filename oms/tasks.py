"""The bell: ask a worker to look at rows that are due. Losing a ring costs time, never work."""

import logging
from typing import Any

from celery import shared_task
from kombu.exceptions import OperationalError

from oms import db, idempotency, outbox

logger = logging.getLogger(__name__)


def ring(task: Any, **kwargs: Any) -> bool:
    """Queue a task after the transaction; return False, and go on, when no broker answers.

    Whoever rings has written the rows already, and the scheduler rings again in a moment.
    """
    db.assert_no_transaction(f"queueing {task.name}")
    try:
        task.apply_async(kwargs=kwargs, expires=60, retry=False)
    except (OperationalError, ConnectionError, OSError):
        logger.warning("tasks.bell-unheard task=%s", task.name)
        return False
    return True


@shared_task(queue="bulk")
def sweep(**_from_newer_releases: Any) -> None:
    """Forget what is no longer needed: events sent and answers given long ago."""
    outbox.forget_sent()
    idempotency.forget()
