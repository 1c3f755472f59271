"""The past: opening stock, then everything that happened, oldest first, in batches and in streams side by side.

Orders go through the front door, credit notes through `orders.returns`, corrections through the ledger. One person's
orders and credit notes are one stream, so streams never wait for each other's people and every note finds its order.
Within a batch orders come first, then what undoes and corrects them; the opening stock is worked out for exactly
this order of events. Nobody has to be told of the past: whoever sells learns its outcome when that opens a listing.
"""

import contextlib
import ctypes
import gc
import multiprocessing
import signal
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any

from django.db import connections
from django.utils import timezone

from demo.loading.steps import Report, Steps
from demo.world import codes, history, opening, sales
from demo.world.history import Event
from demo.world.shapes import Cancellation, Charge, OpeningReceipt, Reason, Returned, StockAdjustment
from inventory import ledger
from inventory.ledger import Entry, Kind
from inventory.models import Location, Variant
from oms import audit, db, outbox
from orders import intake, returns
from orders.incoming import IncomingOrder, Line

ACTOR = audit.Actor("system", "demo")
STREAMS = 2
BATCH = 500  # events
RECEIPTS = 5000

Batches = list[list[Event]]

# What a correction is in the books. Kinds that only take away are for units taken away; the rest are adjustments.
_LOSSES = {
    Reason.DAMAGED: Kind.DAMAGE,
    Reason.LOST: Kind.WRITE_OFF,
    Reason.SAMPLE: Kind.WRITE_OFF,
    Reason.UNEXPLAINED: Kind.WRITE_OFF,
    Reason.COUNTED: Kind.COUNT,
}
_FINDS = {Reason.COUNTED: Kind.COUNT, Reason.RETURNED: Kind.RETURN}


@dataclass(slots=True)
class Summary:
    """What has been booked, and what has not: charges move money and no goods."""

    orders: int = 0
    lines: int = 0
    new_lines: int = 0  # not there before: a load begun again passes by what is
    returned: int = 0  # units of known orders
    unmatched: int = 0  # units that came back without a known sale
    corrections: Counter[str] = field(default_factory=Counter)  # units by kind of movement
    charges: Counter[str] = field(default_factory=Counter)
    charged: int = 0  # minor units
    seconds: float = 0.0

    def add(self, other: "Summary") -> None:
        self.orders += other.orders
        self.lines += other.lines
        self.new_lines += other.new_lines
        self.returned += other.returned
        self.unmatched += other.unmatched
        self.corrections += other.corrections
        self.charges += other.charges
        self.charged += other.charged

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "orders": self.orders, "lines": self.lines, "returned": self.returned, "unmatched": self.unmatched,
            "corrections": dict(self.corrections), "charges": dict(self.charges), "charged": self.charged,
            "lines_a_second": round(self.new_lines / self.seconds) if self.seconds else 0,
        }  # fmt: skip


def streams(*, ends_at: datetime, limit: int | None) -> list[Batches]:
    """Everything that happened, as the batches of each stream."""
    people = {(channel, number): person for channel, number, person in history.who_bought(limit=limit)}
    found: list[list[Event]] = [[] for _ in range(STREAMS)]
    for event in history.events(ends_at=ends_at, limit=limit):
        found[zlib.crc32(_whose(event, people).encode()) % STREAMS].append(event)
    return [
        [
            sorted(batch, key=lambda event: not isinstance(event, IncomingOrder))
            for batch in history.batches(each, BATCH)
        ]
        for each in found
    ]


def _whose(event: Event, people: dict[tuple[str, str], str]) -> str:
    """The person; where nobody is known the document's own number."""
    if isinstance(event, IncomingOrder):
        return people.get((event.channel, event.external_number), event.external_number)
    if isinstance(event, Cancellation):
        known = (people.get((part.channel, part.order), part.order) for part in event.parts if part.order)
        return next(known, event.number)
    return event.number


def load(found: Sequence[Batches], *, opens_at: datetime, steps: Steps, side_by_side: bool = True) -> Summary:
    """Book the streams, each in a process of its own unless told otherwise."""
    with outbox.unheard(), hurried():
        _open(found, opens_at, steps)
        total = sum(isinstance(event, IncomingOrder) for batches in found for batch in batches for event in batch)
        with steps.step("orders", total) as report:
            started = perf_counter()
            summary = (_side_by_side if side_by_side else _one_by_one)(found, report)
            summary.seconds = perf_counter() - started
    return summary


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """For what can be begun again: commits are not waited for, and garbage is not looked for among what stays."""
    was_collecting = gc.isenabled()
    gc.disable()
    _commit_without_waiting(True)
    try:
        yield
    finally:
        _commit_without_waiting(False)
        if was_collecting:
            gc.enable()


def _commit_without_waiting(wanted: bool) -> None:
    db.fetch(f"SET synchronous_commit TO {'off' if wanted else 'on'}")


def _open(found: Sequence[Batches], opens_at: datetime, steps: Steps) -> None:
    events = [[event for batch in batches for event in batch] for batches in found]
    receipts = opening.opening_stock(*events, opens_at=opens_at)
    books = _Books()
    with steps.step("shelves", len(receipts)) as report:
        for start in range(0, len(receipts), RECEIPTS):
            _post(entries=[books.receipt(receipt) for receipt in receipts[start : start + RECEIPTS]])
            report(min(start + RECEIPTS, len(receipts)))


def _one_by_one(found: Sequence[Batches], report: Report) -> Summary:
    books, summary = _Books(), Summary()
    for batches in found:
        for batch in batches:
            summary.add(books.book(batch))
            report(summary.orders)
    return summary


# -- side by side -------------------------------------------------------------------------------------------------

_mine: tuple["_Books", Batches]  # in a process of its own: the stream it was made for


def _side_by_side(found: Sequence[Batches], report: Report) -> Summary:
    """Forked, so that nobody makes the events twice or sends them anywhere."""
    summary = Summary()
    connections.close_all()
    gc.freeze()
    context = multiprocessing.get_context("fork")
    pools = [ProcessPoolExecutor(1, context, initializer=_take, initargs=(batches,)) for batches in found]
    try:
        futures = [
            pool.submit(_book, place)
            for pool, batches in zip(pools, found, strict=True)
            for place in range(len(batches))
        ]
        for future in as_completed(futures):
            summary.add(future.result())
            report(summary.orders)
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)
        gc.unfreeze()
        _commit_without_waiting(True)  # on the connection opened anew
    return summary


def _take(batches: Batches) -> None:
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C and lets the batch at hand finish
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # gone with the parent, whatever ends it
    _commit_without_waiting(True)
    _mine = (_Books(), batches)


def _book(place: int) -> Summary:
    books, batches = _mine
    return books.book(batches[place])


# -- booking ------------------------------------------------------------------------------------------------------


class _Books:
    """Our ids of the world's codes, and what is written with them."""

    def __init__(self) -> None:
        self._locations = dict(Location.objects.values_list("code", "pk"))
        self._variants = dict(Variant.objects.values_list("sku", "pk"))

    def book(self, batch: Sequence[Event]) -> Summary:
        orders = [_as_booked(event) for event in batch if isinstance(event, IncomingOrder)]
        accepted = intake.accept_many(orders, actor=ACTOR, now=timezone.now()) if orders else []
        summary = Summary(
            orders=len(orders),
            lines=sum(len(order.lines) for order in orders),
            new_lines=sum(len(order.lines) for order, entry in zip(orders, accepted, strict=True) if entry.is_new),
        )
        self._take_back([event for event in batch if isinstance(event, Cancellation)], summary)
        self._correct([event for event in batch if isinstance(event, StockAdjustment)], summary)
        for charge in (event for event in batch if isinstance(event, Charge)):
            summary.charges[charge.kind.value] += 1
            summary.charged += charge.amount
        return summary

    def receipt(self, receipt: OpeningReceipt) -> Entry:
        return self._entry(
            receipt.location, receipt.sku, kind=Kind.RECEIPT, quantity=receipt.quantity, cause="opening",
            cause_id="opening", occurred_at=receipt.moment,
        )  # fmt: skip

    def _take_back(self, notes: Sequence[Cancellation], summary: Summary) -> None:
        if not notes:
            return
        returns.take_back(notes=[_credit_note(note) for note in notes], actor=ACTOR, now=timezone.now())
        parts = [(note, place, part) for note in notes for place, part in enumerate(note.parts, start=1)]
        _post(entries=[self._unmatched(note, place, part) for note, place, part in parts if not part.order])
        summary.returned += sum(part.quantity for _, _, part in parts if part.order)
        summary.unmatched += sum(part.quantity for _, _, part in parts if not part.order)

    def _unmatched(self, note: Cancellation, place: int, part: Returned) -> Entry:
        return self._entry(
            part.location, part.sku, kind=Kind.RETURN, quantity=part.quantity, cause="unmatched-credit",
            cause_id=note.number, cause_line=place, reason="no sale is known for it", occurred_at=note.moment,
        )  # fmt: skip

    def _correct(self, events: Sequence[StockAdjustment], summary: Summary) -> None:
        entries = [self._correction(event) for event in events]
        _post(entries=entries)
        for entry in entries:
            summary.corrections[str(entry.kind)] += abs(entry.quantity)

    def _correction(self, event: StockAdjustment) -> Entry:
        kinds = _LOSSES if event.quantity < 0 else _FINDS
        reason = event.reason.value.replace("_", " ")
        return self._entry(
            event.location, event.sku, kind=kinds.get(event.reason, Kind.ADJUSTMENT), quantity=event.quantity,
            cause="correction", cause_id=event.number, reason=f"{reason}: {event.note}"[:120] if event.note else reason,
            occurred_at=event.moment,
        )  # fmt: skip

    def _entry(self, location: str, sku: str, **more: Any) -> Entry:
        return Entry(location_id=self._locations[location], variant_id=self._variants[sku], **more)


@db.transaction
def _post(*, entries: Sequence[Entry]) -> None:
    ledger.open_shelves((entry.location_id, entry.variant_id) for entry in entries)
    ledger.demand_all_on_hand(ledger.post(entries, actor=str(ACTOR)))


def _as_booked(order: IncomingOrder) -> IncomingOrder:
    """The order with our SKUs, saying where its goods left from."""
    left = sales.ships_from(order)
    return replace(order, lines=tuple(_line_as_booked(line, left) for line in order.lines))


def _line_as_booked(line: Line, left: str) -> Line:
    return replace(line, sku=codes.normal(line.sku), channel_sku=line.sku, location=left)


def _credit_note(note: Cancellation) -> returns.CreditNote:
    backs = (
        returns.Back(
            channel=part.channel, order=part.order, line=part.line, quantity=part.quantity, location=part.location,
            refund=part.quantity * part.unit_price,
        )
        for part in note.parts
        if part.order
    )  # fmt: skip
    return returns.CreditNote(number=note.number, issued_at=note.moment, parts=tuple(backs))
