"""What can be measured, by the name it is asked for. In this order everything is measured when nothing is named."""

from collections.abc import Callable, Iterator

from tests.benchmarks import importing, pages, placing, searching, sourcing, stock
from tests.benchmarks.measure import Figure, Options

BENCHES: dict[str, Callable[[Options], Iterator[Figure]]] = {
    "orders.place": placing.place,
    "orders.place_http": placing.place_http,
    "orders.hot": placing.hot,
    "orders.import": importing.marketplace,
    "history.load": importing.past_orders,
    "search.lookup": searching.lookup,
    "stock.hold": stock.hold,
    "stock.available": stock.available,
    "sourcing.plan": sourcing.plans,
    "console.pages": pages.console,
}
