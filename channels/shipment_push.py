"""Tell channels which parcels left. One row per parcel; a parcel the channel told us about needs no telling."""

import logging
from datetime import timedelta

from django.utils import timezone

from channels import registry
from channels.connectors.base import ChannelFailed, Outcome, Shipment, Throttled
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
    """Tell the channel its due parcels, oldest first; return how many it took. One worker per account at a time."""
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
    rejected = outcome is Outcome.REJECTED
    ShipmentPush.objects.filter(pk=row.pk).update(
        state=ShipmentPush.State.REJECTED if rejected else ShipmentPush.State.DONE,
        error_code="rejected" if rejected else "",
        error="The channel refused this shipment; check it on the channel's own pages." if rejected else "",
        done_at=None if rejected else timezone.now(),
    )
    return not rejected


def _put_off(row: ShipmentPush, failure: ChannelFailed) -> None:
    wait = min(2.0**row.attempts, 300.0)
    if isinstance(failure, Throttled) and failure.retry_after is not None:
        wait = failure.retry_after
    logger.warning("shipments.push-failed parcel=%s error=%s", row.parcel_id, failure)
    ShipmentPush.objects.filter(pk=row.pk).update(
        attempts=row.attempts + 1, error_code=failure.code[:60] or type(failure).__name__, error=str(failure)[:300],
        next_at=timezone.now() + timedelta(seconds=wait),
    )  # fmt: skip
