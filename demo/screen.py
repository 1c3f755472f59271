"""One screen for a person: what is being loaded, then what runs and how it goes. Plain lines when nobody looks."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from channels import health
from channels.health import Strip
from demo import state
from demo.loading.steps import Report
from demo.running import Playground
from oms import money
from orders.models import Order, Parcel

LOOK_EVERY = 3.0
SAY_EVERY = 30.0


class Screen:
    def __init__(self, *, on_stderr: bool = False) -> None:
        self.console = Console(highlight=False, stderr=on_stderr)
        self._progress = Progress(
            TextColumn("  {task.description:<20}"), BarColumn(bar_width=32), MofNCompleteColumn(), TimeElapsedColumn(),
            console=self.console, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def say(self, text: str) -> None:
        self.console.print(text)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Bars are drawn while this is open."""
        with self._progress if self.console.is_terminal else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def step(self, name: str, total: int = 0) -> Iterator[Report]:
        started = time.monotonic()
        if self.console.is_terminal:
            task = self._progress.add_task(name, total=total or 1)
            yield lambda done: self._progress.update(task, completed=done)
            self._progress.update(task, completed=total or 1)
        else:
            yield lambda _done: None
            self.say(f"  {name:<20} {f'{total:,}' if total else 'done':>8} {time.monotonic() - started:6.1f} s")

    def say_what_is_loaded(self, facts: dict[str, Any], *, anew: bool) -> None:
        if not anew:
            self.say(f"  The world of before is here: {facts['orders']:,} orders of the past, and what came since.")
            return
        charges = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in facts["charges"].items())
        corrected = ", ".join(f"{units:,} {name.replace('_', ' ')}" for name, units in facts["corrections"].items())
        worth = money.show(facts["charged"], "USD", "en_US")
        rate = f"{facts['lines_a_second']:,} lines a second"
        self.say(
            f"  The past: {facts['orders']:,} orders, {facts['lines']:,} lines ({rate})."
            f" Came back: {facts['returned']:,} units, and {facts['unmatched']:,} without a known sale."
            f" Units corrected: {corrected}.\n"
            f"  Not booked, because they are no goods ({worth} in all): {charges}."
        )

    def watch(self, playground: Playground) -> None:
        """Show how it goes until somebody interrupts."""
        if not self.console.is_terminal:
            self.console.print(_fixed(playground))
            while True:
                time.sleep(SAY_EVERY)
                self.console.print(_if_it_answers(lambda: Text(_one_line(health.strips()))))
        with Live(console=self.console, auto_refresh=False) as live:
            while True:
                moving = _if_it_answers(lambda: _moving(playground))
                live.update(Group(_fixed(playground), moving), refresh=True)
                time.sleep(LOOK_EVERY)


def _if_it_answers(look: Callable[[], RenderableType]) -> RenderableType:
    """The database restarts now and then, and the screen stays."""
    try:
        return look()
    except DatabaseError:
        connection.close()
        return Text("The database does not answer just now.")


def _fixed(playground: Playground) -> Group:
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for heading in ("role", "user", "password", "reaches"):
        table.add_column(heading, style="bold" if heading == "user" else "")
    for login in playground.logins:
        table.add_row(login.role, login.username, login.password, login.sees)
    return Group(
        Text.assemble("\nThe order desk runs at ", (f"{playground.url}/", "bold underline"), ". Ctrl-C ends it.\n"),
        table,
        Text(f"\nLogs: {state.logs()}\n"),
    )


def _moving(playground: Playground) -> Group:
    strips = health.strips()
    names = ("channel", "orders today", "last", "read to", "to tell", "errors", "stuck")
    table = Table(box=None, padding=(0, 2), show_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name == "channel" else "right")
    for strip in strips:
        table.add_row(*_row(strip))
    up = playground.pids()
    processes = Text("Processes: ").append("  ".join(f"{name} {pid}" for name, pid in sorted(up.items())))
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    waiting = Order.objects.filter(status=Order.Status.BACKORDERED).count()
    sent = Parcel.objects.filter(shipped_at__gte=today).count()
    counts = Text(f"\nParcels sent today: {sent:,}   Orders waiting for stock: {waiting:,}\n")
    return Group(table, counts, processes)


def _row(strip: Strip) -> tuple[str, ...]:
    is_account = strip.fresh_to is not None
    return (
        strip.name,
        f"{strip.orders_today:,}",
        f"{strip.last_order_at:%H:%M:%S}" if strip.last_order_at else "never",
        f"{strip.fresh_to:%H:%M:%S}" if strip.fresh_to else "",
        f"{strip.push_queue:,}" if is_account else "",
        f"{strip.push_errors + strip.failures:,}" if is_account else "",
        f"{strip.quarantined:,}" if is_account else "",
    )


def _one_line(strips: Sequence[Strip]) -> str:
    orders = ", ".join(f"{strip.name} {strip.orders_today:,}" for strip in strips)
    queue, stuck = sum(strip.push_queue for strip in strips), sum(strip.quarantined for strip in strips)
    return f"{timezone.now():%H:%M:%S} UTC  orders today: {orders}; stock to tell: {queue}; stuck: {stuck}"
