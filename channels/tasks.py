"""Channel work that runs in workers. Tasks translate and delegate; what there is to do stands in rows."""

from typing import Any

from celery import shared_task
from django.db.models import F
from django.utils import timezone

from channels import order_import, shipment_push, stock_push
from channels.models import ChannelAccount, ShipmentPush, StockPush
from oms.models import InboxMessage
from oms.tasks import ring

__all__ = ["pull_orders", "push_shipments", "push_stock", "ring", "ring_due", "take_in_orders", "verify_stock"]


@shared_task(queue="channels")
def pull_orders(*, account_id: int, **_from_newer_releases: Any) -> int:
    new = order_import.pull(account_id=account_id)
    if new:
        ring(take_in_orders)
    return new


@shared_task(queue="critical")
def take_in_orders(**_from_newer_releases: Any) -> int:
    done = 0
    while count := order_import.take_in():
        done += count
    return done


@shared_task(queue="channels")
def push_stock(*, account_id: int, **_from_newer_releases: Any) -> int:
    return stock_push.push(account_id=account_id)


@shared_task(queue="channels")
def push_shipments(*, account_id: int, **_from_newer_releases: Any) -> int:
    return shipment_push.push(account_id=account_id)


@shared_task(queue="bulk")
def verify_stock(**_from_newer_releases: Any) -> None:
    for account in ChannelAccount.objects.filter(state=ChannelAccount.State.ACTIVE).order_by("pk"):
        stock_push.verify(account_id=account.pk)


@shared_task(queue="critical")
def ring_due(**_from_newer_releases: Any) -> None:
    """Ring for everything that is due, whoever forgot to: the scheduler's backstop to the events."""
    now = timezone.now()
    if InboxMessage.objects.filter(state="received", next_at__lte=now, topic=order_import.TOPIC).exists():
        ring(take_in_orders)
    due_stock = set(
        StockPush.objects.filter(wanted__gt=F("done"), next_at__lte=now).values_list("account", flat=True).distinct()
    )
    due_parcels = set(
        ShipmentPush.objects.filter(state="pending", next_at__lte=now).values_list("account", flat=True).distinct()
    )
    active = ChannelAccount.objects.filter(state=ChannelAccount.State.ACTIVE).order_by("pk")
    for account in active.prefetch_related("cursors"):
        if all(cursor.next_at <= now for cursor in account.cursors.all()):
            ring(pull_orders, account_id=account.pk)
        if account.pk in due_stock:
            ring(push_stock, account_id=account.pk)
        if account.pk in due_parcels:
            ring(push_shipments, account_id=account.pk)
