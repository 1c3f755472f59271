"""Keep what the outside tells us as it came, once per event, and work it off one message at a time.

A message that cannot be taken is quarantined with a code and stops nobody else; a person fixes the cause and
retries it, or skips it with a reason.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from oms import audit, db
from oms.errors import Refused
from oms.models import InboxMessage

LEASE_SECONDS = 60
GIVE_UP_AFTER = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as it arrives. `raw` are the sender's own bytes."""

    event_id: str
    topic: str
    object_id: str
    raw: bytes
    version_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    id: int
    source: str
    topic: str
    object_id: str
    raw: bytes
    attempts: int


class NotStuck(Refused):
    code = "message_not_quarantined"


def store(*, source: str, letters: Iterable[Letter]) -> int:
    """Keep each letter once and return how many were new. Safe to repeat.

    Another body under an event id we already have is kept too, quarantined as `event_id_reuse`: two
    different stories under one name are for a person to judge.
    """
    rows: dict[tuple[str, bytes], tuple[Letter, bytes]] = {}
    for letter in letters:
        digest = hashlib.sha256(letter.raw).digest()
        rows.setdefault((letter.event_id, digest), (letter, digest))
    if not rows:
        return 0
    columns = [
        source,
        [letter.event_id for letter, _ in rows.values()],
        [letter.topic for letter, _ in rows.values()],
        [letter.object_id for letter, _ in rows.values()],
        [letter.version_at for letter, _ in rows.values()],
        [letter.raw for letter, _ in rows.values()],
        [digest for _, digest in rows.values()],
    ]
    ((stored, overtaken),) = db.fetch(_STORE, columns)
    if overtaken:  # somebody stored one of these event ids in the same moment: now we see with which body
        ((more, _),) = db.fetch(_STORE, columns)
        stored += more
    return int(stored)


# A second body takes the event id with its own fingerprint behind it, and so is kept once as well.
_STORE = """
WITH letter AS (
    SELECT %s AS source, *, row_number() OVER (PARTITION BY event_id ORDER BY place) AS nth
      FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bytea[], %s::bytea[])
        WITH ORDINALITY AS t(event_id, topic, object_id, version_at, raw, fingerprint, place)
), judged AS (
    SELECT letter.*, coalesce(known.fingerprint <> letter.fingerprint, nth > 1) AS reuse,
           known.id IS NULL AND nth = 1 AS is_new
      FROM letter LEFT JOIN oms_inboxmessage known USING (source, event_id)
), added AS (
    INSERT INTO oms_inboxmessage
           (source, event_id, topic, object_id, version_at, raw, fingerprint, state, code, message, facts)
    SELECT source, CASE WHEN reuse THEN left(event_id, 120) || '#' || encode(fingerprint, 'hex') ELSE event_id END,
           topic, object_id, version_at, raw, fingerprint,
           CASE WHEN reuse THEN 'quarantined' ELSE 'received' END,
           CASE WHEN reuse THEN 'event_id_reuse' ELSE '' END,
           CASE WHEN reuse
                THEN 'Another message came under the same event id. Compare both, then retry or skip.' ELSE '' END,
           '{}'
      FROM judged ORDER BY place
        ON CONFLICT (source, event_id) DO NOTHING
    RETURNING event_id
)
SELECT (SELECT count(*) FROM added),
       EXISTS (SELECT 1 FROM judged WHERE is_new AND event_id NOT IN (SELECT event_id FROM added))
"""

# In order of arrival. A stuck message does not hold back newer news of its object, and two of one object may be worked
# off at once, because each is a whole version, not a difference: whoever applies it takes the object's lock.
_CLAIM = """
WITH due AS (
    SELECT id FROM oms_inboxmessage m
     WHERE state = 'received' AND next_at <= clock_timestamp() AND topic = %s AND source LIKE %s
     ORDER BY next_at, id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE oms_inboxmessage m
   SET next_at = clock_timestamp() + make_interval(secs => %s), attempts = attempts + 1
  FROM due WHERE m.id = due.id
RETURNING m.id, m.source, m.topic, m.object_id, m.raw, m.attempts
"""


def claim(*, topic: str, source: str = "%", limit: int = 50) -> list[Claimed]:
    """Lease due messages, oldest first. A message claimed too often without an end is quarantined here."""
    rows = sorted(db.fetch(_CLAIM, [topic, source, limit, LEASE_SECONDS]))
    claimed = [Claimed(i, source, about, thing, bytes(raw), tries) for i, source, about, thing, raw, tries in rows]
    for message in claimed:
        if message.attempts > GIVE_UP_AFTER:
            quarantine(
                message.id, code="never_finished", message="Work on this message broke off again and again.", facts={}
            )
    return [message for message in claimed if message.attempts <= GIVE_UP_AFTER]


def finish(message_id: int, *, outcome: str, ignored: bool = False) -> None:
    """Mark a message as worked off; call it in the transaction of the effect."""
    state = "ignored" if ignored else "done"
    db.fetch(
        "UPDATE oms_inboxmessage SET state = %s, outcome = %s, finished_at = clock_timestamp(), code = '',"
        " message = '', facts = '{}' WHERE id = %s",
        [state, outcome[:80], message_id],
    )


def postpone(message_id: int, *, seconds: float, count: bool = True) -> None:
    """Try again later. `count=False` takes the attempt back: the fault was not the message's."""
    db.fetch(
        "UPDATE oms_inboxmessage SET next_at = clock_timestamp() + make_interval(secs => %s), attempts = attempts - %s"
        " WHERE id = %s",
        [seconds, 0 if count else 1, message_id],
    )


def quarantine(message_id: int, *, code: str, message: str, facts: dict[str, Any]) -> None:
    db.fetch(
        "UPDATE oms_inboxmessage SET state = 'quarantined', code = %s, message = %s, facts = %s WHERE id = %s",
        [code, message, json.dumps(facts, default=str), message_id],
    )


@db.transaction
def retry(*, ids: Sequence[int], actor: audit.Actor, now: datetime) -> int:
    """Put quarantined messages back in the queue; return how many. Doing it twice is harmless."""
    return _release(ids, "received", "", "inbox.retried", "", actor, now)


@db.transaction
def skip(*, ids: Sequence[int], reason: str, actor: audit.Actor, now: datetime) -> int:
    """Set quarantined messages aside for good, with a reason kept in the audit; return how many."""
    if not reason.strip():
        raise NotStuck("Say why this message is skipped; the reason is kept.")
    return _release(ids, "ignored", "skipped", "inbox.skipped", reason, actor, now)


def _release(
    ids: Sequence[int], state: str, outcome: str, action: str, reason: str, actor: audit.Actor, now: datetime
) -> int:
    stuck = InboxMessage.objects.filter(pk__in=ids, state=InboxMessage.State.QUARANTINED)
    rows = list(stuck.order_by("pk").select_for_update().values_list("pk", "source", "object_id", "code"))
    InboxMessage.objects.filter(pk__in=[row[0] for row in rows]).update(
        state=state, outcome=outcome, attempts=0, next_at=now, finished_at=now if state == "ignored" else None
    )
    audit.record(
        actor,
        [
            audit.Deed(
                action=action,
                object_kind="message",
                object_id=str(pk),
                happened_at=now,
                reason=reason[:300],
                facts={"source": source, "about": about, "code": code},
            )
            for pk, source, about, code in rows
        ],
    )
    return len(rows)
