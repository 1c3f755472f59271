"""The past, as events in business order: orders, credit notes, corrections of stock, charges.

Dates move by a whole number of weeks, so that weekdays and London wall clocks stay and the last document falls within
the week before `ends_at`.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeAlias
from zoneinfo import ZoneInfo

from demo.world import catalogue, chance, codes, documents, places, prices, sales
from demo.world.codes import Row
from demo.world.credits import OpenSales
from demo.world.documents import Document, Entry
from demo.world.sales import Attribution
from demo.world.shapes import Cancellation, Charge, Movement, StockAdjustment
from orders.incoming import IncomingOrder

Event: TypeAlias = IncomingOrder | Cancellation | StockAdjustment | Charge
LONDON = ZoneInfo("Europe/London")


def events(*, ends_at: datetime, limit: int | None = None, seed: int = chance.SEED) -> Iterator[Event]:
    """Yield what happened, oldest first; with `limit` only from the limit-th newest order onwards.

    An order comes before the charges of its own invoice. A credit note for a sale that `limit` cut off is unmatched.
    """
    weeks, open_sales = _shift(ends_at), OpenSales()
    for document in documents.newest_sales(limit):
        moment = _moved(document, weeks)
        who = sales.attribute(document, seed) if document.is_sale else None
        if who:
            order = sales.order(document, who, moment, seed)
            open_sales.add(document, order)
            yield order
        if document.having(Row.CANCELLED):
            yield open_sales.cancel(document, moment)
        for entry in document.entries:
            if entry.row is Row.ADJUSTMENT:
                yield _adjustment(document, entry, moment, seed)
            elif entry.row in (Row.SERVICE, Row.BAD_DEBT) and not (who and sales.is_postage(entry)):
                yield _charge(document, entry, moment, who)


def batches(found: Iterable[Event], size: int = 1000) -> Iterator[list[Event]]:
    stream = iter(found)
    while batch := list(islice(stream, size)):
        yield batch


def movements(event: Event) -> Iterator[Movement]:
    """Yield what an event does to stock; charges do nothing."""
    if isinstance(event, IncomingOrder):
        location = sales.ships_from(event)
        for line in event.lines:
            yield Movement(location, codes.normal(line.sku), -line.quantity)
    elif isinstance(event, Cancellation):
        for part in event.parts:
            yield Movement(part.location, part.sku, part.quantity)
    elif isinstance(event, StockAdjustment):
        yield Movement(event.location, event.sku, event.quantity)


def opens_at(*, ends_at: datetime, limit: int | None = None) -> datetime:
    """Return the moment of the opening stock: a day before anything else happens."""
    found = documents.newest_sales(limit)
    return _moved(found[0] if found else documents.read()[-1], _shift(ends_at)) - timedelta(days=1)


def who_bought(*, limit: int | None = None, seed: int = chance.SEED) -> Iterator[tuple[str, str, str]]:
    """Yield (channel, external number, key of the person) of every order by somebody: ground truth for matching."""
    for document in documents.newest_sales(limit):
        if document.is_sale:
            who = sales.attribute(document, seed)
            if who.person:
                yield who.channel, who.external_number, who.person.key


def _shift(ends_at: datetime) -> timedelta:
    last = documents.read()[-1].moment
    return timedelta(weeks=(ends_at.astimezone(LONDON).replace(tzinfo=None) - last) // timedelta(weeks=1))


def _moved(document: Document, by: timedelta) -> datetime:
    return (document.moment + by).replace(tzinfo=LONDON).astimezone(UTC)


def _adjustment(document: Document, entry: Entry, moment: datetime, seed: int) -> StockAdjustment:
    """Corrections belong to one of the two warehouses, drawn for each document: the file knows only one."""
    return StockAdjustment(
        number=f"{document.number}-{entry.position}",
        sku=entry.sku,
        location=chance.one_of((places.EAST, places.WEST), seed, "adjustment", document.number),
        quantity=entry.quantity,
        reason=codes.reason(entry.description, is_name=catalogue.is_name(entry.sku, entry.description)),
        note=entry.description,
        moment=moment,
    )


def _charge(document: Document, entry: Entry, moment: datetime, who: Attribution | None) -> Charge:
    return Charge(
        number=f"{document.number}-{entry.position}",
        code=entry.code,
        kind=codes.CHARGES[entry.sku],
        quantity=entry.quantity,
        amount=entry.quantity * prices.cents(entry.pounds),
        note=entry.description,
        moment=moment,
        channel=who.channel if who else "",
        order=who.external_number if who else "",
    )
