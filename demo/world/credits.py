"""Credit notes matched to what they undo: the file never says, so the newest earlier sale of the code to the customer.

Units beyond what was sold, and all units of notes without a customer, stay unmatched and go to Warehouse East.
Matched units go back to where they left. Nobody gets back more for a unit than was paid for it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from demo.world import places, prices
from demo.world.codes import Row
from demo.world.documents import Document, Entry
from demo.world.sales import ships_from
from demo.world.shapes import Cancellation, Returned
from orders.incoming import IncomingOrder


@dataclass(slots=True)
class _Sold:
    channel: str
    order: str
    line: str
    left: int
    paid: int
    location: str


@dataclass
class OpenSales:
    """Units sold to known customers that nobody has given back yet."""

    _by_key: dict[tuple[str, str], list[_Sold]] = field(default_factory=dict)

    def add(self, document: Document, order: IncomingOrder) -> None:
        if not document.customer:
            return
        location = ships_from(order)
        for entry, line in zip(document.having(Row.SOLD), order.lines, strict=True):
            found = _Sold(
                order.channel, order.external_number, line.external_id, line.quantity, line.unit_price, location
            )
            self._by_key.setdefault((document.customer, entry.sku), []).append(found)

    def cancel(self, document: Document, moment: datetime) -> Cancellation:
        parts = [part for entry in document.having(Row.CANCELLED) for part in self._undo(document.customer, entry)]
        return Cancellation(number=document.number, moment=moment, parts=tuple(parts))

    def _undo(self, customer: str, entry: Entry) -> list[Returned]:
        left, asked, parts = -entry.quantity, prices.cents(entry.pounds), []
        for sold in reversed(self._by_key.get((customer, entry.sku), [])):
            taken = min(left, sold.left)
            if taken:
                sold.left -= taken
                left -= taken
                parts.append(_matched(entry, sold, taken, min(asked, sold.paid)))
        if left:
            parts.append(Returned(sku=entry.sku, quantity=left, unit_price=asked, location=places.EAST))
        return parts


def _matched(entry: Entry, sold: _Sold, quantity: int, unit_price: int) -> Returned:
    return Returned(
        sku=entry.sku,
        quantity=quantity,
        unit_price=unit_price,
        location=sold.location,
        channel=sold.channel,
        order=sold.order,
        line=sold.line,
    )
