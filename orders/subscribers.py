"""What orders do when stock lands: give it to those who wait, oldest promise first."""

from collections.abc import Sequence

from django.utils import timezone

from inventory.events import AVAILABILITY_CHANGED
from inventory.reservations import InsufficientStock
from oms import audit, outbox
from orders import allocation

_ACTOR = audit.Actor("system", "allocation")


@outbox.subscribe(AVAILABILITY_CHANGED, to="orders.fill-waiting", latest=True)
def fill_waiting(messages: Sequence[outbox.Message]) -> None:
    for number in allocation.waiting_orders([int(message.aggregate[1]) for message in messages]):
        try:
            allocation.fill(number=number, actor=_ACTOR, now=timezone.now())
        except (allocation.NothingFound, InsufficientStock):
            continue
