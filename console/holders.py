"""The orders behind reservations and stock movements, as far as whoever looks may know of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from console import masking
from inventory.models import StockMovement
from oms.permissions import Reach, staff_may
from orders.models import Order, Parcel


@dataclass(frozen=True, slots=True)
class Behind:
    """What may be said about an order."""

    number: int
    url: str
    channel: str
    buyer: str
    status: str
    placed_at: datetime


def number_in(holder: str) -> int | None:
    """The number in a holder's text such as "order:100423", if it is an order that holds."""
    kind, _, number = holder.partition(":")
    return int(number) if kind == "order" and number.isascii() and number.isdigit() and len(number) < 19 else None


def numbers_of(movements: Collection[StockMovement]) -> dict[int, int]:
    """{movement id: number of the order it happened for}. What left in a parcel names the parcel."""
    parcels = {move.cause_id for move in movements if move.cause == "parcel" and move.cause_id.isdecimal()}
    sent = dict(Parcel.objects.filter(pk__in=parcels).values_list("pk", "order__number")) if parcels else {}
    found = {}
    for move in movements:
        if move.cause in {"order", "till-find"}:
            number = number_in(f"order:{move.cause_id}")
        else:
            number = sent.get(int(move.cause_id)) if move.cause_id in parcels else None
        if number is not None:
            found[move.pk] = number
    return found


def behind(numbers: Iterable[int | None], *, role: str, reach: Reach) -> dict[int, Behind]:
    """The orders with these numbers, in one statement; those out of reach, and all for a role without orders, lack."""
    wanted = {number for number in numbers if number is not None}
    if not wanted or not staff_may(role, "order.read"):
        return {}
    orders = Order.objects.within(reach).filter(number__in=wanted).select_related("channel")
    return {order.number: tell(order, role) for order in orders}


def tell(order: Order, role: str) -> Behind:
    url = reverse("console:order", args=[order.number])
    buyer = masking.person(order.buyer_name, role)
    return Behind(order.number, url, order.channel.name, buyer, order.status, order.placed_at)
