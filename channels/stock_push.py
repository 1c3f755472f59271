"""Keep every channel's idea of our stock true.

A change of stock marks each listing of the variant once; a push reads what is available *now*, so a hundred changes
become one call, and tells nothing that the channel knows already. Sold-out listings go first.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F
from django.utils import timezone

from channels import registry
from channels.connectors.base import ChannelFailed, Connector, Outcome, StockResult, StockUpdate, Throttled
from channels.models import ChannelAccount, Listing, StockPush
from channels.wire import stopping_on_refused_credentials
from inventory import availability
from oms import db

logger = logging.getLogger(__name__)

AT_ONCE = 100


def want(*, variants: Iterable[int]) -> list[int]:
    """Mark every live listing of these variants; return the accounts concerned. One statement, safe to repeat."""
    rows = db.fetch(_WANT, [sorted(set(variants))])
    return sorted({account for (account,) in rows})


# An idle push becomes due at once; one that waits after a failure keeps its time.
_WANT = """
INSERT INTO channels_stockpush AS p
       (listing_id, account_id, wanted, done, wanted_since, attempts, next_at)
SELECT id, account_id, 1, 0, clock_timestamp(), 0, clock_timestamp()
  FROM channels_listing WHERE variant_id = ANY(%s) AND state = 'live' ORDER BY id
    ON CONFLICT (listing_id) DO UPDATE
   SET wanted = p.wanted + 1,
       wanted_since = CASE WHEN p.done = p.wanted THEN clock_timestamp() ELSE p.wanted_since END,
       next_at = CASE WHEN p.done = p.wanted THEN clock_timestamp() ELSE p.next_at END,
       attempts = CASE WHEN p.done = p.wanted THEN 0 ELSE p.attempts END
RETURNING account_id
"""


@dataclass(frozen=True, slots=True)
class _Due:
    listing: Listing
    wanted: int
    attempts: int
    quantity: int


def push(*, account_id: int) -> int:
    """Tell the channel the stock of its due listings; return how many calls' worth were told.

    One push per account at a time: a second caller returns 0 at once. Failures are kept on the row that
    failed, with the time of the next try; whatever the channel rejects waits for a person or the next change.
    """
    with db.one_at_a_time(f"stock-push:{account_id}") as alone:
        account = ChannelAccount.objects.select_related("channel").get(pk=account_id)
        if not alone or account.state != ChannelAccount.State.ACTIVE:
            return 0
        told = 0
        while due := _due(account):
            before = told
            try:
                with stopping_on_refused_credentials(account):
                    told += _tell(account, registry.connector(account), due)
            except ChannelFailed as failure:
                logger.warning("stock.push-failed account=%s error=%s", account_id, failure)
                break
            if told == before and len(due) < AT_ONCE:
                break
    return told


def _due(account: ChannelAccount) -> list[_Due]:
    rows = StockPush.objects.filter(account=account, wanted__gt=F("done"), next_at__lte=timezone.now())
    pushes = list(rows.order_by("next_at").select_related("listing")[:AT_ONCE])
    stock = availability.of({row.listing.variant_id for row in pushes})
    due = [
        _Due(row.listing, row.wanted, row.attempts, offered(row.listing, stock[row.listing.variant_id], account))
        for row in pushes
    ]
    return sorted(due, key=lambda each: (each.quantity > 0, each.listing.pk))


def offered(listing: Listing, stock: availability.Availability, account: ChannelAccount) -> int:
    """What this listing should show now."""
    return stock.for_channel(buffer=account.buffer, most=listing.most_offered)


def _tell(account: ChannelAccount, connector: Connector, due: Sequence[_Due]) -> int:
    known = [each for each in due if each.quantity == each.listing.told]
    _finish(known)
    news = [each for each in due if each.quantity != each.listing.told]
    for start in range(0, len(news), connector.stock_batch):
        chunk = news[start : start + connector.stock_batch]
        updates = [
            StockUpdate(
                listing=str(each.listing.pk), sku=each.listing.sku, external_id=each.listing.external_id,
                quantity=each.quantity, product_type=each.listing.product_type,
            )
            for each in chunk
        ]  # fmt: skip
        try:
            results = connector.push_stock(updates)
        except ChannelFailed as failure:
            _put_off(chunk, failure)
            raise
        _keep(chunk, results)
    return len(news)


def _keep(chunk: Sequence[_Due], results: Sequence[StockResult]) -> None:
    by_listing = {result.listing: result for result in results}
    for each in chunk:
        result = by_listing.get(str(each.listing.pk))
        if result is None or result.outcome is Outcome.RETRY:
            _put_off([each], _why(result))
        elif result.outcome is Outcome.REJECTED:
            _finish([each], code=result.code or "rejected", error=result.message)
        else:
            now = timezone.now()
            Listing.objects.filter(pk=each.listing.pk).update(
                told=each.quantity, told_at=now, confirmed_at=now if result.outcome is Outcome.DONE else None
            )
            _finish([each])


def _why(result: StockResult | None) -> ChannelFailed:
    if result is None:
        return ChannelFailed("the channel said nothing about it")
    if result.retry_after is not None:
        return Throttled(result.message, retry_after=result.retry_after, code=result.code)
    return ChannelFailed(result.message, code=result.code)


def _finish(due: Iterable[_Due], *, code: str = "", error: str = "") -> None:
    for each in due:
        StockPush.objects.filter(pk=each.listing.pk).update(
            done=each.wanted, attempts=0, next_at=timezone.now(), wanted_since=timezone.now(),
            error_code=code[:60], error=error[:300],
        )  # fmt: skip


def _put_off(due: Iterable[_Due], failure: ChannelFailed) -> None:
    throttled = isinstance(failure, Throttled)
    for each in due:
        wait = min(2.0 ** min(each.attempts, 10), 300.0)
        if isinstance(failure, Throttled) and failure.retry_after is not None:
            wait = failure.retry_after
        db.fetch(
            "UPDATE channels_stockpush SET attempts = attempts + %s, error_code = %s, error = %s,"
            " next_at = clock_timestamp() + make_interval(secs => %s) WHERE listing_id = %s",
            [
                0 if throttled else 1,
                failure.code[:60] or type(failure).__name__,
                str(failure)[:300],
                wait,
                each.listing.pk,
            ],
        )


def verify(*, account_id: int, limit: int = 20) -> int:
    """Read back what the channel shows for the listings longest unconfirmed; return how many are told again.

    This finds updates a channel took and lost, and changes made elsewhere. A channel that shows fewer than it
    was told may just have sold some, and we shall hear of it: it is told again when that is still so next time.
    Keeps what it has found when the channel stops answering half way.
    """
    account = ChannelAccount.objects.select_related("channel").get(pk=account_id)
    if account.state != ChannelAccount.State.ACTIVE:
        return 0
    rows = Listing.objects.filter(account=account, state=Listing.State.LIVE, told__isnull=False)
    connector, again = registry.connector(account), []
    for listing in rows.order_by(F("confirmed_at").asc(nulls_first=True), "pk")[:limit]:
        try:
            with stopping_on_refused_credentials(account):
                shown = connector.read_stock([listing.sku]).get(listing.sku)
        except ChannelFailed as failure:
            logger.warning("stock.verify-failed account=%s error=%s", account_id, failure)
            break
        if _differs(listing, shown):
            again.append(listing.variant_id)
    want(variants=again)
    return len(again)


def _differs(listing: Listing, shown: int | None) -> bool:
    """Note what the channel shows; return whether it has to be told again."""
    unchanged = Listing.objects.filter(
        pk=listing.pk, told=listing.told, told_at=listing.told_at
    )  # no push came between
    if shown == listing.told:
        unchanged.update(confirmed_at=timezone.now())
        return False
    if shown is not None and shown < (listing.told or 0) and listing.confirmed_at is not None:
        unchanged.update(confirmed_at=None)
        return False
    return bool(unchanged.update(told=None, confirmed_at=None))
