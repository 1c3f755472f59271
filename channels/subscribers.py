"""What channels do when something happens elsewhere: note the work as rows and ring the bell."""

from collections.abc import Sequence

from channels import shipment_push, stock_push, tasks
from inventory.events import AVAILABILITY_CHANGED
from oms import outbox
from orders.events import PARCEL_SHIPPED


@outbox.subscribe(AVAILABILITY_CHANGED, to="channels.stock-push", latest=True)
def want_stock_pushes(messages: Sequence[outbox.Message]) -> None:
    for account in stock_push.want(variants={int(message.aggregate[1]) for message in messages}):
        tasks.ring(tasks.push_stock, account_id=account)


@outbox.subscribe(PARCEL_SHIPPED, to="channels.shipment-push")
def want_shipment_push(messages: Sequence[outbox.Message]) -> None:
    for message in messages:
        account = shipment_push.want(parcel_id=message.payload["parcel"])
        if account is not None:
            tasks.ring(tasks.push_shipments, account_id=account)
