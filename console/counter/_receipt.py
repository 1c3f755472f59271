"""The receipt of a sale: for the customer, so without anything about one."""

from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.context import StaffRequest
from oms.permissions import staff_may
from orders import checkout, reading
from orders.incoming import Method
from orders.models import Order, OrderLine

HEADS = {Method.CARRY_OUT: "Taken", Method.PICKUP: "To collect", Method.SHIP: "To be sent"}
PAID = {"card": "Paid by card", "cash": "Paid in cash"}


@require_GET
def receipt(request: StaffRequest, number: int) -> HttpResponse:
    order = reading.find(number, reach=request.reach)
    if order.channel.kind not in checkout.OWN_KINDS or order.sold_at is None:
        raise Http404(number)
    lines = list(order.lines.select_related("variant", "pickup_at").order_by("position"))
    at = order.placed_at.astimezone(ZoneInfo(order.sold_at.zone))
    context = {
        "order": order,
        "store": order.sold_at,
        "at": f"{at.day} {at:%B %Y, %H:%M %Z}",
        "parts": _parts(order, lines),
        "payments": [(PAID.get(each.method, each.method.capitalize()), each.captured) for each in order.payments.all()],
        "sees_order": staff_may(request.staff.role, "order.read"),
    }
    return render(request, "console/counter/receipt.html", context)


def _parts(order: Order, lines: list[OrderLine]) -> list[dict[str, Any]]:
    """The lines by the way they leave, those in the customer's hands first."""
    ways = list(HEADS)
    ordered = sorted(lines, key=lambda line: (ways.index(Method(line.method)), line.position))
    return [
        {"word": HEADS[Method(method)], "where": _where(order, Method(method)), "lines": list(found)}
        for method, found in groupby(ordered, key=lambda line: line.method)
    ]


def _where(order: Order, method: Method) -> str:
    if method is Method.PICKUP and order.sold_at:
        return f"in {order.sold_at.name}, with this number"
    if method is Method.SHIP and order.ship_to:
        return f"to {order.ship_to.get('city', '')}"
    return ""
