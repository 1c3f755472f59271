"""The life of a line's units: which moves exist, and the only code that makes one.

Every unit of a line is in one bucket. The status of an order is read off its buckets and stored for lists.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from oms import db, outbox
from oms.errors import Refused
from orders import events
from orders.models import Order, OrderLine
from orders.models.order import BUCKETS

Status = Order.Status

# bucket → bucket: the action that makes the move. What is not here cannot happen.
MOVES: dict[tuple[str, str], str] = {
    ("open", "allocated"): "allocate",
    ("open", "backordered"): "backorder",
    ("open", "cancelled"): "cancel",
    ("open", "shipped"): "ship elsewhere",
    ("backordered", "allocated"): "allocate",
    ("backordered", "cancelled"): "cancel",
    ("backordered", "shipped"): "ship elsewhere",
    ("allocated", "backordered"): "reject",
    ("allocated", "cancelled"): "cancel",
    ("allocated", "picked"): "pick",
    ("allocated", "shipped"): "ship",
    ("allocated", "delivered"): "hand over",
    ("picked", "allocated"): "put back",
    ("picked", "packed"): "pack",
    ("picked", "shipped"): "ship",
    ("picked", "delivered"): "hand over",
    ("packed", "picked"): "unpack",
    ("packed", "shipped"): "ship",
    ("packed", "delivered"): "hand over",
    ("shipped", "delivered"): "deliver",
    ("shipped", "returning"): "send back",
    ("delivered", "returning"): "send back",
    ("returning", "returned"): "receive",
}
SENT = ("shipped", "delivered", "returning", "returned")
STILL_HERE = ("open", "backordered", "allocated")


class IllegalMove(Refused):
    code = "illegal_move"


@dataclass(frozen=True, slots=True)
class Move:
    line: OrderLine  # locked by the caller
    source: str
    target: str
    units: int


def status_of(units: Mapping[str, int], *, awaiting_payment: bool = False) -> str:
    """The status of an order whose lines have `units` in these buckets, all lines together. Pure."""
    live = sum(units.values()) - units.get("cancelled", 0)
    sent = sum(units.get(bucket, 0) for bucket in SENT)
    if live == 0:
        return Status.CANCELLED
    if sent == live:
        return Status.SHIPPED if units.get("shipped", 0) else Status.COMPLETED
    if sent:
        return Status.PARTIALLY_SHIPPED
    if awaiting_payment:
        return Status.AWAITING_PAYMENT
    if units.get("backordered", 0):
        return Status.BACKORDERED
    return Status.OPEN if units.get("open", 0) else Status.ALLOCATED


def count(lines: Iterable[OrderLine]) -> Counter[str]:
    """Units per bucket over all lines."""
    found: Counter[str] = Counter()
    for line in lines:
        for bucket in BUCKETS:
            found[bucket] += getattr(line, bucket)
    return found


@db.inside_transaction
def move(order: Order, lines: Sequence[OrderLine], moves: Sequence[Move], *, now: datetime) -> None:
    """Move units between buckets, bring the order's status up to date and tell everyone.

    `order` and all its `lines` are locked by the caller. Raises IllegalMove, before anything is
    changed, when a move does not exist or its bucket does not hold so many units.
    """
    move_many({order: lines}, moves, now=now)


@db.inside_transaction
def move_many(orders: Mapping[Order, Sequence[OrderLine]], moves: Sequence[Move], *, now: datetime) -> None:
    """`move` for orders and all their lines, in as many statements as for one."""
    _check(moves)
    for each in moves:
        setattr(each.line, each.source, getattr(each.line, each.source) - each.units)
        setattr(each.line, each.target, getattr(each.line, each.target) + each.units)
    _store({each.line.pk: each.line for each in moves}.values())
    _settle(orders, now=now)


def _store(lines: Iterable[OrderLine]) -> None:
    rows = [(line.pk, *(getattr(line, bucket) for bucket in BUCKETS)) for line in lines]
    if rows:
        db.fetch(_STORE, [list(column) for column in zip(*rows, strict=True)])


_NAMES = ", ".join(f'"{bucket}"' for bucket in BUCKETS)
_STORE = f"""
UPDATE orders_orderline line SET ({_NAMES}) = ({", ".join(f'now."{bucket}"' for bucket in BUCKETS)})
  FROM unnest(%s::bigint[], {", ".join("%s::int[]" for _ in BUCKETS)}) AS now(id, {_NAMES})
 WHERE line.id = now.id
"""  # noqa: S608  # column names only


def _check(moves: Sequence[Move]) -> None:
    leaving: Counter[tuple[OrderLine, str]] = Counter()
    for each in moves:
        if (each.source, each.target) not in MOVES or each.units <= 0:
            raise IllegalMove(f"Units that are {each.source} cannot become {each.target}.", line=each.line.position)
        leaving[each.line, each.source] += each.units
    for (line, bucket), units in leaving.items():
        if getattr(line, bucket) < units:
            raise IllegalMove(
                f"Line {line.position} has {getattr(line, bucket)} units {bucket}, not {units}.",
                line=line.position, bucket=bucket, has=getattr(line, bucket), asked=units,
            )  # fmt: skip


@db.inside_transaction
def settle(order: Order, lines: Sequence[OrderLine], *, now: datetime) -> None:
    """Store the status that follows from the lines, and tell everyone if it changed."""
    _settle({order: lines}, now=now)


def _settle(orders: Mapping[Order, Sequence[OrderLine]], *, now: datetime) -> None:
    news = []
    for order, lines in orders.items():
        was, order.status = order.status, status_of(count(lines), awaiting_payment=order.awaiting_payment)
        if order.status != was:
            about = {"was": was, "now_is": order.status}
            news.append(events.about_order(events.ORDER_MOVED, order.number, now=now, **about))
    Order.objects.bulk_update(orders, ["status", "awaiting_payment", "cancel_requested"])
    outbox.publish(news)


def actions(order: Order, lines: Sequence[OrderLine]) -> dict[str, str]:
    """{action: why not, or "" when it is legal now}. The one answer for screens and API."""
    units = count(lines)
    here = sum(units[bucket] for bucket in STILL_HERE)
    gone = sum(units[bucket] for bucket in SENT)
    held = order.awaiting_payment
    return {
        "ship": ""
        if units["allocated"] and not held
        else ("The channel still waits for the payment." if held else "Nothing is allocated to a location."),
        "allocate": "" if units["backordered"] + units["open"] else "No unit waits for stock.",
        "cancel": ""
        if here
        else ("Everything has left already; take it back instead." if gone else "Everything is cancelled already."),
    }
