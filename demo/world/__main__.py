"""`python -m demo.world`: the world on one screen, to see that it is whole."""

import sys
from collections import Counter
from datetime import UTC, datetime
from time import perf_counter

from demo.world import catalogue, documents, history, listings, opening, people, places, prices
from demo.world.shapes import Cancellation, Charge, StockAdjustment
from oms import money
from orders.incoming import IncomingOrder

ENDS_AT = datetime(2026, 11, 1, 18, tzinfo=UTC)


def summary() -> list[str]:
    started = perf_counter()
    rows = Counter(entry.row.value for document in documents.read() for entry in document.entries)
    found = list(history.events(ends_at=ENDS_AT))
    spent = perf_counter() - started
    orders = [event for event in found if isinstance(event, IncomingOrder)]
    lines = sum(len(order.lines) for order in orders)
    receipts = opening.opening_stock(found, opens_at=history.opens_at(ends_at=ENDS_AT))
    by_channel = Counter(order.channel for order in orders)
    worth = money.show(sum(order.total for order in orders), "USD", "en_US")
    corrections = Counter(event.reason.value for event in found if isinstance(event, StockAdjustment))
    charges = Counter(event.kind.value for event in found if isinstance(event, Charge))
    goods = (len(catalogue.products()), len(catalogue.variants()), len(catalogue.sellable()))
    return [
        f"places     {_counted(Counter(place.kind.value for place in places.all_places()))}",
        "catalogue  {:,} products, {:,} variants, {:,} of them on sale".format(*goods),
        f"people     {len(people.everybody()):,}",
        f"listings   {_counted(Counter(listing.channel for listing in listings.listings()))}",
        f"file rows  {_counted(rows)}",
        f"history    {len(orders):,} orders, {lines:,} lines, made at {lines / spent:,.0f} lines/s",
        f"  from     {orders[0].placed_at:%Y-%m-%d %H:%M} to {orders[-1].placed_at:%Y-%m-%d %H:%M} UTC",
        f"  orders   {_counted(by_channel)}",
        f"  worth    {worth} at {prices.USD_PER_GBP:.5f} USD for 1 GBP",
        f"  undone   {_undone(found)}",
        f"  fixed    {_counted(corrections)}",
        f"  charges  {_counted(charges)}",
        f"opening    {len(receipts):,} receipts, {sum(receipt.quantity for receipt in receipts):,} units",
    ]


def _undone(found: list[history.Event]) -> str:
    parts = [part for event in found if isinstance(event, Cancellation) for part in event.parts]
    units = Counter[str]()
    for part in parts:
        units["units of known orders" if part.order else "units without a known sale"] += part.quantity
    return _counted(units)


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in found.most_common())


if __name__ == "__main__":
    sys.stdout.write("\n".join(summary()) + "\n")
