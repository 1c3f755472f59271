"""One check from an empty folder to the verdict."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.management import call_command
from django.db.models import Max
from django.utils import timezone
from rich.table import Table

from channels.models import Listing
from demo import running, state
from demo.check import apart, lag, selling, verdict
from demo.check.lag import Spread
from demo.check.selling import Sale
from demo.loading import everything
from demo.running import Playground
from demo.screen import Screen
from demo.shops import Shop
from demo.world import buyers
from orders.models import Order

Desk = Mapping[tuple[str, str], Order]
MARKETPLACES = (buyers.EBAY, buyers.AMAZON)
INVOICES = 1500
SALES = 30  # of each channel
GOAL = 5.0  # seconds from a sale until the other channels show it, 95 of 100 times


@dataclass(slots=True)
class Result:
    sales: list[Sale] = field(default_factory=list)
    desk: dict[str, Spread] = field(default_factory=dict)  # sale → desk, by the channel that sold
    stock: dict[str, Spread] = field(default_factory=dict)  # sale elsewhere → shown, by the channel that was told
    pushes: dict[str, int] = field(default_factory=dict)
    first_order: float = 0.0  # seconds after the command
    wrong: list[str] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        return max((spread.p95 for spread in self.stock.values()), default=0.0)


def run(*, history: int | None, as_json: bool) -> int:
    """Return the exit code: 0 only if nothing was wrong."""
    screen = Screen(on_stderr=as_json)
    screen.say("Checking the whole: load, start, sell everywhere, compare.")
    call_command("migrate", verbosity=0, interactive=False)
    with screen.working():
        facts = everything.load(limit=history or INVOICES, now=timezone.now(), steps=screen)
        with running.running(steps=screen) as playground, screen.step("sales"):
            result = _sell_and_compare(playground)
    _show(screen, result, facts)
    if as_json:
        for figure in figures(result, facts):
            print(json.dumps(figure))  # noqa: T201  # standard output is for these lines alone
    if not result.wrong:
        apart.remove()
    return 1 if result.wrong else 0


def _sell_and_compare(playground: Playground) -> Result:
    result = Result()
    newest = Order.objects.aggregate(newest=Max("pk"))["newest"] or 0
    opened_with = {kind: _told(kind) for kind in playground.simulators}
    shops = {channel: Shop(channel, playground.url, key) for channel, key in playground.keys.items()}
    result.sales = selling.sell_everywhere(shops=shops, simulators=playground.simulators, each=SALES)
    result.wrong += verdict.wait_until_quiet(timezone.now())
    desk = verdict.on_the_desk(after=newest)
    found = verdict.found_at_tills(desk)
    result.wrong += verdict.orders_wrong(result.sales, desk) + verdict.trouble()
    gone = Counter[str]()
    for sale in result.sales:
        for sku, units in sale.units.items():
            gone[sku] += units - found.get((sale.channel, sale.number, sku), 0)
    for kind, simulator in playground.simulators.items():
        result.wrong += verdict.marketplace_wrong(simulator, result.sales)
        result.wrong += verdict.stock_wrong(simulator, opened_with=opened_with[kind], gone=gone)
    _time(result, desk)
    for kind, simulator in playground.simulators.items():
        pushes = simulator.pushes()
        result.pushes[kind] = len(pushes)
        seconds, never = lag.followed(
            [sale for sale in result.sales if (sale.channel, sale.number) in desk], channel=kind, pushes=pushes,
            opened_with=opened_with[kind], taken_in=_taken_in(desk), found=found,
        )  # fmt: skip
        result.stock[kind] = Spread.of(seconds)
        result.wrong += [f"{kind} was never told of the sale {sale.channel} {sale.number}." for sale in never]
    return result


def _told(kind: str) -> dict[str, int]:
    told = Listing.objects.filter(account__connector=kind, told__isnull=False)
    return {sku: units for sku, units in told.values_list("sku", "told") if units is not None}


def _taken_in(desk: Desk) -> dict[tuple[str, str], float]:
    return {key: order.accepted_at.timestamp() for key, order in desk.items()}


def _time(result: Result, desk: Desk) -> None:
    """A marketplace's order is on the desk when it was taken in, one of our own when its shop has the answer."""
    taken_in = _taken_in(desk)
    result.first_order = apart.seconds_since_begin(min(taken_in.values(), default=time.time()))
    seconds: dict[str, list[float]] = {}
    for sale in result.sales:
        moment = (
            taken_in.get((sale.channel, sale.number), sale.answered) if sale.channel in MARKETPLACES else sale.answered
        )
        seconds.setdefault(sale.channel, []).append(moment - sale.at)
    result.desk = {channel: Spread.of(found) for channel, found in sorted(seconds.items())}


def _show(screen: Screen, result: Result, facts: Mapping[str, Any]) -> None:
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for name in ("channel", "orders", "to the desk p50", "p95", "pushes", "sold elsewhere, shown here p50", "p95"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    sold = Counter(sale.channel for sale in result.sales)
    for channel, spread in result.desk.items():
        told = result.stock.get(channel)
        shown = (str(result.pushes[channel]), f"{told.median:.2f} s", f"{told.p95:.2f} s") if told else ("", "", "")
        table.add_row(channel, str(sold[channel]), f"{spread.median:.2f} s", f"{spread.p95:.2f} s", *shown)
    screen.console.print("")
    screen.console.print(table)
    goal = "within" if result.slowest <= GOAL else "beyond"
    screen.say(
        f"\n  The past came in at {facts['lines_a_second']:,} lines a second;"
        f" the first live order was on the desk {result.first_order:.0f} s after the command."
        f"\n  Sold to shown elsewhere, p95: {result.slowest:.2f} s, {goal} the goal of {GOAL:.0f} s."
    )
    for wrong in result.wrong[:20]:
        screen.say(f"  WRONG: {wrong}")
    if len(result.wrong) > 20:
        screen.say(f"  … and {len(result.wrong) - 20} more.")
    screen.say("  All is right." if not result.wrong else f"  Something is wrong; logs: {state.logs()}")


def figures(result: Result, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"bench": "smoke.history", "n": facts["lines"], "rate": facts["lines_a_second"]}
    yield {"bench": "smoke.first_order", "seconds": round(result.first_order, 1)}
    for channel, spread in result.desk.items():
        yield {"bench": "channels.desk", "channel": channel, **_in_milliseconds(spread)}
    for channel, spread in result.stock.items():
        yield {
            "bench": "channels.lag",
            "channel": channel,
            "pushes": result.pushes[channel],
            **_in_milliseconds(spread),
        }
    yield {"bench": "smoke.wrong", "n": len(result.wrong)}


def _in_milliseconds(spread: Spread) -> dict[str, Any]:
    return {"n": spread.count, "p50_ms": round(spread.median * 1000, 1), "p95_ms": round(spread.p95 * 1000, 1)}
