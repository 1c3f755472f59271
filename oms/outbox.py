"""Tell the rest of the system what happened, exactly when it is true and never before.

`publish` writes rows inside the caller's transaction, one per event and destination. `deliver` hands them out
after commit, at least once: handlers must be safe to run twice. Two kinds of subscription:

* ordered (the default): events of one aggregate reach a destination in commit order, and a failing one holds
  back its own aggregate only;
* `latest=True`: the handler reads the current state anyway, so order means nothing and many events about one
  aggregate may reach it as one.
"""

import contextlib
import contextvars
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms import db

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30
GIVE_UP_AFTER = 8  # claims; a crash counts, because the count goes up when the claim is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A past-tense fact. `payload` holds ids and primitives only."""

    topic: str
    aggregate: tuple[str, str]  # kind and id
    happened_at: datetime
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """An event as a destination gets it. `id` is stable over redeliveries."""

    id: int
    topic: str
    aggregate: tuple[str, str]
    payload: dict[str, Any]


Handler = Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class Subscription:
    destination: str
    latest: bool
    handler: Handler


_by_topic: dict[str, dict[str, Subscription]] = defaultdict(dict)


def subscribe(*topics: str, to: str, latest: bool = False) -> Callable[[Handler], Handler]:
    """Register the handler of destination `to`; used in an app's `subscribers` module, once per destination."""

    def register(handler: Handler) -> Handler:
        for topic in topics:
            _by_topic[topic][to] = Subscription(to, latest, handler)
        return handler

    return register


def subscriptions() -> dict[str, dict[str, Subscription]]:
    """{topic: {destination: subscription}}, for the generated event table and the tests."""
    return {topic: dict(found) for topic, found in sorted(_by_topic.items())}


_unheard = contextvars.ContextVar("unheard", default=False)


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """Nobody hears what is published in this block: for taking in a past that everybody has been told already."""
    token = _unheard.set(True)
    try:
        yield
    finally:
        _unheard.reset(token)


@db.inside_transaction
def publish(events: Iterable[Event]) -> None:
    """Queue events for everyone subscribed to their topics, in one statement. Unheard topics cost nothing.

    The caller holds the lock of each event's aggregate or of a row above it, as the lock order says.
    """
    if _unheard.get():
        return
    rows = [
        (s.destination, e.topic, *e.aggregate, json.dumps(e.payload), e.happened_at, s.latest)
        for e in events
        for s in _by_topic.get(e.topic, {}).values()
    ]
    if rows:
        db.fetch(_PUBLISH, [list(column) for column in zip(*rows, strict=True)], often=True)


# Sequences are taken in sorted order, so that two publishers of the same aggregates queue instead of deadlocking.
_PUBLISH = """
WITH told AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::timestamptz[], %s::bool[])
        WITH ORDINALITY AS t(destination, topic, kind, aggregate_id, payload, happened_at, latest, place)
), counted AS (
    SELECT destination, kind, aggregate_id, count(*) AS events FROM told WHERE NOT latest
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
), taken AS (
    INSERT INTO oms_aggregatesequence AS s (destination, kind, aggregate_id, last)
    SELECT destination, kind, aggregate_id, events FROM counted
        ON CONFLICT (destination, kind, aggregate_id) DO UPDATE SET last = s.last + excluded.last
    RETURNING destination, kind, aggregate_id, last
)
INSERT INTO oms_outboxevent
       (destination, topic, aggregate_kind, aggregate_id, sequence, payload, happened_at, next_at)
SELECT told.destination, topic, told.kind, told.aggregate_id,
       taken.last - events
           + row_number() OVER (PARTITION BY told.destination, told.kind, told.aggregate_id ORDER BY place),
       payload, happened_at, clock_timestamp()
  FROM told
  LEFT JOIN counted USING (destination, kind, aggregate_id)
  LEFT JOIN taken USING (destination, kind, aggregate_id)
 ORDER BY place
"""

# Only the first unsent event of an aggregate may go; one behind it waits, also while the first is out on a lease.
_CLAIM = """
WITH head AS (
    SELECT id FROM oms_outboxevent o
     WHERE state = 'pending' AND next_at <= clock_timestamp()
       AND (sequence IS NULL OR NOT EXISTS (
            SELECT 1 FROM oms_outboxevent p
             WHERE p.destination = o.destination AND p.aggregate_kind = o.aggregate_kind
               AND p.aggregate_id = o.aggregate_id AND p.state <> 'sent' AND p.sequence < o.sequence))
     ORDER BY next_at, id LIMIT %s FOR UPDATE OF o SKIP LOCKED
)
UPDATE oms_outboxevent o
   SET next_at = clock_timestamp() + make_interval(secs => %s), attempts = attempts + 1
  FROM head WHERE o.id = head.id
RETURNING o.id, o.destination, o.topic, o.aggregate_kind, o.aggregate_id, o.payload, o.attempts
"""


def deliver(*, limit: int = 500) -> int:
    """Claim due events of all destinations, hand each destination its share, and return how many were claimed.

    Any number of relays may run at once. A handler that raises costs its events an attempt; after
    eight they are quarantined, visible and repeatable, and only their own aggregates wait behind them.
    """
    db.assert_no_transaction("delivering events")
    claimed = db.fetch(_CLAIM, [limit, LEASE_SECONDS])
    shares: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in sorted(claimed):
        shares[row[1], row[2]].append(row)
    for (destination, topic), rows in shares.items():
        _hand_over(destination, topic, rows)
    return len(claimed)


def _hand_over(destination: str, topic: str, rows: list[tuple[Any, ...]]) -> None:
    subscription = _by_topic.get(topic, {}).get(destination)
    exhausted = [row[0] for row in rows if row[6] > GIVE_UP_AFTER]
    if exhausted:
        _quarantine(exhausted, "It was tried eight times; the last try did not finish.")
    rows = [row for row in rows if row[6] <= GIVE_UP_AFTER]
    if subscription is None:
        _quarantine([row[0] for row in rows], f"Nothing here listens as {destination} to {topic} any more.")
        return
    messages = [Message(row[0], row[2], (row[3], row[4]), _read(row[5])) for row in rows]
    if not messages or _handled(subscription, messages):
        _sent([message.id for message in messages])
        return
    # One bad event must not hold back the others: hand them over one by one.
    for message, row in zip(messages, rows, strict=True):
        if len(messages) > 1 and _handled(subscription, [message]):
            _sent([message.id])
        else:
            _postpone(message.id, attempts=row[6])


def _handled(subscription: Subscription, messages: Sequence[Message]) -> bool:
    try:
        subscription.handler(messages)
    except Exception:
        logger.exception("outbox.handler-failed destination=%s events=%s", subscription.destination, len(messages))
        return False
    return True


def _read(payload: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(payload) if isinstance(payload, str) else payload
    return read


def _sent(ids: list[int]) -> None:
    db.fetch(
        "UPDATE oms_outboxevent SET state = 'sent', sent_at = clock_timestamp()"
        " WHERE id = ANY(%s) AND state = 'pending'",
        [ids],
    )


def _postpone(event: int, *, attempts: int) -> None:
    if attempts >= GIVE_UP_AFTER:
        _quarantine([event], "The handler failed eight times; the log of the relay says how.")
        return
    db.fetch(
        "UPDATE oms_outboxevent SET next_at = clock_timestamp() + make_interval(secs => %s * (0.5 + random()))"
        " WHERE id = %s AND state = 'pending'",
        [min(0.1 * 4**attempts, 600), event],
    )


def _quarantine(ids: list[int], error: str) -> None:
    """A relay slower than its lease may have sent one meanwhile: sent it stays."""
    logger.error("outbox.quarantined events=%s pid=%s", len(ids), os.getpid())
    db.fetch(
        "UPDATE oms_outboxevent SET state = 'quarantined', error = %s WHERE id = ANY(%s) AND state = 'pending'",
        [error, ids],
    )


def retry_quarantined(*, ids: Sequence[int]) -> int:
    """Put quarantined events back in the queue with a clean count; return how many there were."""
    return len(
        db.fetch(
            "UPDATE oms_outboxevent SET state = 'pending', attempts = 0, error = '', next_at = clock_timestamp()"
            " WHERE id = ANY(%s) AND state = 'quarantined' RETURNING id",
            [list(ids)],
        )
    )


def forget_sent(*, older_than_days: int = 7, limit: int = 10_000) -> int:
    """Delete events sent long ago, a bounded number at a time; return how many went."""
    return len(
        db.fetch(
            "DELETE FROM oms_outboxevent WHERE id IN (SELECT id FROM oms_outboxevent WHERE state = 'sent'"
            " AND sent_at < clock_timestamp() - make_interval(days => %s) LIMIT %s) RETURNING id",
            [older_than_days, limit],
        )
    )
