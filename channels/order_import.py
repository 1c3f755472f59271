"""Bring a channel's orders in: pull what changed into the inbox, then take the inbox in one order at a time.

The cursor moves when the last page is stored and not before, and starts each time a little before where it stood;
what comes twice is recognised in the inbox. One bad order is quarantined and stops nobody.
"""

import hashlib
import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from channels import budgets, registry
from channels.connectors.base import ChannelFailed, Connector, RawOrder, Throttled
from channels.models import ChannelAccount, Listing, SyncCursor
from channels.wire import stopping_on_refused_credentials
from inventory import reservations
from inventory.models import Variant
from oms import audit, db, inbox, strict_json
from oms.errors import Refused
from orders import intake, revision
from orders.incoming import BadOrder, IncomingOrder, Line

logger = logging.getLogger(__name__)

FIRST_LOOK_BACK = timedelta(days=2)
EVERY = 5.0  # seconds between looks, budget permitting; an account's own `every` wins
TOPIC = "order"
ATTEMPTS = 4


def source_of(code: str) -> str:
    return f"channel:{code}"


# -- from the channel into the inbox ------------------------------------------------------------------------------


def pull(*, account_id: int) -> int:
    """Store every order the channel changed since the last look; return how many versions were new.

    One pull per account at a time; a second one returns 0. A failure is noted on the cursor, which stays
    where it was, and the next look is put off.
    """
    with db.one_at_a_time(f"pull:{account_id}") as alone:
        account = ChannelAccount.objects.select_related("channel").get(pk=account_id)
        cursor = _cursor(account)
        now = timezone.now()
        if not alone or account.state != ChannelAccount.State.ACTIVE or cursor.next_at > now:
            return 0
        SyncCursor.objects.filter(pk=cursor.pk).update(last_started_at=now)
        try:
            with stopping_on_refused_credentials(account):
                return _read(account, cursor, registry.connector(account), now=now)
        except ChannelFailed as failure:
            _note_failure(cursor, failure)
            return 0


def _cursor(account: ChannelAccount) -> SyncCursor:
    start = timezone.now() - FIRST_LOOK_BACK
    cursor, _ = SyncCursor.objects.get_or_create(
        account=account, resource="orders", defaults={"read_to": start, "fresh_to": start}
    )
    return cursor


def _read(account: ChannelAccount, cursor: SyncCursor, connector: Connector, *, now: datetime) -> int:
    since = cursor.read_to - timedelta(seconds=connector.overlap)
    until = now - timedelta(seconds=float(account.settings.get("settle", connector.settle)))
    newest, new, whole = cursor.read_to, 0, False
    for page in connector.orders_changed(since=since, until=until):
        new += inbox.store(source=source_of(account.channel.code), letters=map(_letter, page.orders))
        newest = max([newest, *(raw.updated_at for raw in page.orders)])
        whole = page.is_last
    if whole:
        every = timedelta(seconds=float(account.settings.get("every", EVERY)))
        SyncCursor.objects.filter(pk=cursor.pk).update(
            read_to=min(newest, until), fresh_to=until, last_finished_at=now, failures=0, error="", next_at=now + every
        )
    return new


def _letter(raw: RawOrder) -> inbox.Letter:
    digest = hashlib.sha256(raw.body).hexdigest()[:16]
    return inbox.Letter(
        event_id=f"{raw.external_number}:{raw.version}:{digest}",
        topic=TOPIC,
        object_id=raw.external_number,
        raw=raw.body,
        version_at=raw.updated_at,
    )


def _note_failure(cursor: SyncCursor, failure: ChannelFailed) -> None:
    failures = cursor.failures + (not isinstance(failure, Throttled))
    wait = min(2.0 ** min(failures, 10), 300.0)
    if isinstance(failure, Throttled) and failure.retry_after is not None:
        wait = failure.retry_after
    logger.warning("orders.pull-failed account=%s error=%s wait=%.1f", cursor.account_id, failure, wait)
    SyncCursor.objects.filter(pk=cursor.pk).update(
        failures=failures,
        error="" if failure.code == budgets.SPENT else str(failure)[:300],
        next_at=timezone.now() + timedelta(seconds=wait),  # from the end of a try that may have hung
    )


# -- from the inbox to the desk -----------------------------------------------------------------------------------


def take_in(*, limit: int = 50) -> int:
    """Work off due order messages of all accounts; return how many were looked at. Any number may run at once."""
    claimed = inbox.claim(topic=TOPIC, source="channel:%", limit=limit)
    for message in claimed:
        _take_in_one(message)
    return len(claimed)


def _take_in_one(message: inbox.Claimed) -> None:
    try:
        _enter_patiently(message, _understand(message))
    except reservations.InsufficientStock:
        inbox.postpone(message.id, seconds=1, count=False)
    except Refused as refusal:
        inbox.quarantine(message.id, code=refusal.code, message=refusal.message, facts=refusal.facts)
    except Exception:
        logger.exception("orders.take-in-failed message=%s", message.id)
        if message.attempts >= inbox.GIVE_UP_AFTER:
            inbox.quarantine(
                message.id, code="unexpected", message="Our own fault: the log has the traceback.", facts={}
            )
        else:
            inbox.postpone(message.id, seconds=2.0**message.attempts)


def _understand(message: inbox.Claimed) -> IncomingOrder:
    """Translate the raw order and put our SKUs in place of the channel's. Raises Refused, by whose code it is filed."""
    code = message.source.removeprefix("channel:")
    account = ChannelAccount.objects.select_related("channel").get(channel__code=code)
    payload = strict_json.loads(message.raw)
    if not isinstance(payload, dict):
        raise BadOrder("shape_invalid", "The message is JSON, but no object and so no order.")
    incoming = registry.connector(account).translate(payload)
    return replace(incoming, lines=_mapped(account, incoming))


def _mapped(account: ChannelAccount, incoming: IncomingOrder) -> tuple[Line, ...]:
    """Exact matches only: a near miss is a suggestion for a person, never a guess."""
    theirs = {line.sku for line in incoming.lines}
    ours = dict(Listing.objects.filter(account=account, sku__in=theirs).values_list("sku", "variant__sku"))
    ours |= {sku: sku for sku in Variant.objects.filter(sku__in=theirs - ours.keys()).values_list("sku", flat=True)}
    return tuple(replace(line, sku=ours.get(line.sku, line.sku), channel_sku=line.sku) for line in incoming.lines)


def _enter_patiently(message: inbox.Claimed, incoming: IncomingOrder) -> None:
    for _ in range(ATTEMPTS - 1):
        try:
            return _enter(message, incoming, now=timezone.now())
        except reservations.InsufficientStock:
            continue  # somebody was faster between our look and our lock: look again
    return _enter(message, incoming, now=timezone.now())


@db.transaction
def _enter(message: inbox.Claimed, incoming: IncomingOrder, *, now: datetime) -> None:
    """Accept a new order or apply a newer version of a known one, and finish the message, all in one transaction."""
    db.take_turns(f"{message.source}:{message.object_id}")
    actor = audit.Actor("channel", incoming.channel)
    (accepted,) = intake.place([incoming], actor=actor, now=now)
    if accepted.is_new:
        inbox.finish(message.id, outcome=f"order:{accepted.number}")
        return
    change = revision.apply(number=accepted.number, incoming=incoming, actor=actor, now=now)
    inbox.finish(message.id, outcome=f"order:{accepted.number}", ignored=change is revision.Change.STALE)
