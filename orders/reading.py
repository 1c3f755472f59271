"""Get at orders: locked for a change, or by number within somebody's reach."""

from oms import db
from oms.errors import Refused
from oms.permissions import Reach
from orders.models import Order, OrderLine


class NoSuchOrder(Refused):
    code = "order_not_found"
    status = 404


@db.inside_transaction
def lock(number: int) -> tuple[Order, list[OrderLine]]:
    """Lock an order and then its lines, in the order everybody locks them. Raises NoSuchOrder."""
    try:
        order = Order.objects.select_for_update(of=("self",), no_key=True).select_related("channel").get(number=number)
    except Order.DoesNotExist:
        raise NoSuchOrder(f"There is no order {number}.", number=number) from None
    lines = list(OrderLine.objects.filter(order=order).order_by("pk").select_for_update(of=("self",), no_key=True))
    return order, lines


def find(number: int | str, *, reach: Reach) -> Order:
    """The order with this number if it lies within reach. One out of reach does not exist: NoSuchOrder."""
    found = Order.objects.within(reach).filter(number=number) if str(number).isdecimal() else Order.objects.none()
    order = found.select_related("channel", "customer", "sold_at").first() if len(str(number)) < 19 else None
    if order is None:
        raise NoSuchOrder(f"There is no order {number}.", number=str(number)[:40])
    return order
