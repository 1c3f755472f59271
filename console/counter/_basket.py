"""The basket, kept in the session: neither a reload nor a lost connection forgets what was scanned or typed."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import OperationalError

from console.context import StaffRequest
from oms import db
from oms.errors import Refused
from orders.checkout import MOST_UNITS
from orders.incoming import Method

KEY = "counter"
MOST_LINES = 100


class Busy(Refused):
    code = "basket_busy"


class Full(Refused):
    code = "basket_full"


@dataclass(slots=True)
class Line:
    id: int
    sku: str
    quantity: int
    method: str
    price: int  # for one, as shown when it was put in

    @property
    def total(self) -> int:
        return self.quantity * self.price


@dataclass(slots=True)
class Basket:
    store: str = ""
    number: str = ""  # of the sale it will become
    lines: list[Line] = field(default_factory=list)
    last_id: int = 0
    customer: dict[str, str] = field(default_factory=dict)  # as typed

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)

    @property
    def ships(self) -> bool:
        return any(line.method == Method.SHIP for line in self.lines)

    def open_in(self, store: str) -> None:
        self.store = store
        self.renumber()

    def renumber(self) -> None:
        self.number = f"{self.store}-{secrets.token_hex(8)}"

    def empty(self) -> None:
        """Ready for the next customer."""
        self.lines, self.customer = [], {}
        self.renumber()

    def put(self, sku: str, method: str, price: int) -> Line:
        """One more of it. A price that has changed since an earlier one was put in is the price of all."""
        self.reprice({sku: price})
        line = next((line for line in self.lines if (line.sku, line.method) == (sku, method)), None)
        if line is None:
            if len(self.lines) >= MOST_LINES:
                raise Full(f"A basket holds {MOST_LINES} lines. Sell these first.")
            self.last_id += 1
            line = Line(self.last_id, sku, 0, method, price)
            self.lines.append(line)
        line.quantity = min(line.quantity + 1, MOST_UNITS)
        return line

    def find(self, line_id: int) -> Line | None:
        return next((line for line in self.lines if line.id == line_id), None)

    def remove(self, line: Line) -> None:
        self.lines.remove(line)

    def hand_over_by(self, line: Line, method: str) -> None:
        """Change how a line reaches its buyer; it joins a line that goes that way already."""
        same = next((each for each in self.lines if (each.sku, each.method) == (line.sku, method)), None)
        if same is not None and same is not line:
            same.quantity = min(same.quantity + line.quantity, MOST_UNITS)
            self.remove(line)
        else:
            line.method = method

    def reprice(self, prices: dict[str, int]) -> None:
        for line in self.lines:
            line.price = prices.get(line.sku, line.price)


def of(request: StaffRequest) -> Basket:
    """The basket to look at. Whoever changes it asks for `held`."""
    return _read(request.session.get(KEY))


@contextmanager
def held(request: StaffRequest) -> Iterator[Basket]:
    """The basket, for one request at a time, so that two scans in one moment both count.

    Kept when the block ends, unless it ends in an error. Raises Busy when somebody holds it for too long.
    """
    with ExitStack() as stack:
        key = request.session.session_key or ""
        try:
            stack.enter_context(db.in_turn(f"basket:{key}"))
        except OperationalError as late:
            if db.sqlstate(late) not in db.RETRIABLE:
                raise
            raise Busy("This basket is being worked on in another window. Wait a moment and try again.") from late
        fresh = type(request.session)(key)
        basket = _read(fresh.get(KEY))
        yield basket
        fresh[KEY] = asdict(basket)
        fresh.save()
        # The request goes on with the same, and does not write it a second time after others had their turn.
        request.session[KEY] = fresh[KEY]
        request.session.modified = False


def _read(kept: Any) -> Basket:
    """A basket that an older release left behind in another shape is an empty one."""
    try:
        return Basket(**{**kept, "lines": [Line(**line) for line in kept["lines"]]})
    except (TypeError, KeyError):
        return Basket()
