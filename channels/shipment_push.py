"""Tell channels which parcels left. One row per parcel; a parcel the channel told us about needs no telling."""

import logging
from datetime import timedelta

from django.utils import timezone

from channels import registry
from channels.connectors.base import ChannelFailed, Outcome, Rejected, Shipment, Throttled
from channels.models import ChannelAccount, ShipmentPush
from channels.wire import stopping_on_refused_credentials
from oms import db
from orders.models import Parcel

logger = logging.getLogger(__name__)


def want(*, parcel_id: int) -> int | None:
    """Note that the parcel's channel has to hear of it; return the account, or None for an own channel."""
    parcel = Parcel.objects.select_related("order__channel__account").get(pk=parcel_id)
    account = getattr(parcel.order.channel, "account", None)
    if account is None or parcel.external_id:
        return None
    ShipmentPush.objects.get_or_create(parcel=parcel, defaults={"account": account})
    return int(account.pk)


def push(*, account_id: int, limit: int = 50) -> int:
    """Tell the channel its due parcels, oldest first; return how many it took. One worker per account at a time.

    A parcel the channel rejects waits for a person and holds up no other.
    """
    with db.one_at_a_time(f"shipment-push:{account_id}") as alone:
        account = ChannelAccount.objects.select_related("channel").get(pk=account_id)
        if not alone or account.state != ChannelAccount.State.ACTIVE:
            return 0
        due = ShipmentPush.objects.filter(account=account, state="pending", next_at__lte=timezone.now())
        told = 0
        for row in due.order_by("next_at", "pk").select_related("parcel__order")[:limit]:
            try:
                with stopping_on_refused_credentials(account):
                    told += _tell(account, row)
            except Rejected as refusal:
                _reject(row, refusal.code or "rejected", str(refusal))
            except ChannelFailed as failure:
                _put_off(row, failure)
                break
    return told


def _tell(account: ChannelAccount, row: ShipmentPush) -> bool:
    parcel = row.parcel
    outcome = registry.connector(account).push_shipment(
        Shipment(
            external_number=parcel.order.external_number,
            package=str(parcel.pk),
            carrier=parcel.carrier,
            tracking_number=parcel.tracking_number,
            shipped_at=parcel.shipped_at,
            units=tuple(parcel.lines.order_by("pk").values_list("line__external_id", "quantity")),
        )
    )
    if outcome is Outcome.RETRY:
        raise ChannelFailed("the channel asks to repeat this")
    if outcome is Outcome.REJECTED:
        raise Rejected("The channel refused this shipment; check it on the channel's own pages.")
    ShipmentPush.objects.filter(pk=row.pk).update(
        state=ShipmentPush.State.DONE, error_code="", error="", done_at=timezone.now()
    )
    return True


def _reject(row: ShipmentPush, code: str, why: str) -> None:
    logger.warning("shipments.rejected parcel=%s code=%s", row.parcel_id, code)
    ShipmentPush.objects.filter(pk=row.pk).update(
        state=ShipmentPush.State.REJECTED, error_code=code[:60], error=why[:300]
    )


def _put_off(row: ShipmentPush, failure: ChannelFailed) -> None:
    wait = min(2.0 ** min(row.attempts, 10), 300.0)
    if isinstance(failure, Throttled) and failure.retry_after is not None:
        wait = failure.retry_after
    logger.warning("shipments.push-failed parcel=%s error=%s", row.parcel_id, failure)
    ShipmentPush.objects.filter(pk=row.pk).update(
        attempts=row.attempts + (not isinstance(failure, Throttled)),
        error_code=failure.code[:60] or type(failure).__name__,
        error=str(failure)[:300],
        next_at=timezone.now() + timedelta(seconds=wait),
    )
