"""What every sales channel must be able to do, in our words. Connectors translate; they decide nothing.

Pure: no Django, no clock, no network of their own. A `Line` (the one to the channel, not of an order) carries
budget, token and wire; a connector only says which operation it wants and what the bytes mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from oms.transport import Request, Response
from orders.incoming import IncomingOrder


class ChannelFailed(Exception):
    """The channel did not do what was asked. Subclasses say whether and when to ask again."""

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class Unavailable(ChannelFailed):
    """Theirs, passing: no answer, 5xx, half an answer, HTML instead of JSON. Back off and repeat."""


class Throttled(ChannelFailed):
    """Too many calls. Wait `retry_after` seconds (None: the channel did not say); no attempt is counted."""

    def __init__(self, message: str, *, retry_after: float | None = None, code: str = "", request_id: str = "") -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.retry_after = retry_after


class Unauthorised(ChannelFailed):
    """The channel no longer accepts our credentials. Stop the account and tell a person; never hammer."""


class Rejected(ChannelFailed):
    """The channel understood and said no. Repeating the same call cannot help; a person must look."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How often an operation may be called: a bucket of `burst` calls that refills at `rate` calls a second."""

    rate: float
    burst: int


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a connector may know of the account it speaks for."""

    code: str  # SalesChannel.code, goes into IncomingOrder.channel
    currency: str
    zone: str = "UTC"  # IANA zone of stamps that carry none
    settings: Mapping[str, str] = field(default_factory=dict)  # base URLs, marketplace id, seller id ...
    relay_domains: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Credentials:
    client_id: str
    client_secret: str
    refresh_token: str


@dataclass(frozen=True, kw_only=True)
class Token:
    access_token: str
    lifetime: int  # seconds from the moment it was asked for
    refresh_token: str = ""  # a new one to keep from now on, when the channel rotates them


class Wire(Protocol):
    """The guarded way to one account: takes the budget, adds a fresh token, sends, and never inside a transaction."""

    account: Account

    def send(self, operation: str, request: Request) -> Response:
        """Return the answer whatever its status, but for those that say the same everywhere.

        Raises Throttled (429 or the own budget is spent), Unauthorised (401 after one token renewal),
        Unavailable (no answer, or 5xx).
        """


@dataclass(frozen=True, kw_only=True)
class RawOrder:
    """An order as the channel sent it, to be kept as evidence and translated later, maybe more than once."""

    external_number: str
    version: str  # the channel's update stamp, as text
    updated_at: datetime
    body: bytes  # JSON of this one order


@dataclass(frozen=True, kw_only=True)
class OrderPage:
    orders: tuple[RawOrder, ...]
    is_last: bool


@dataclass(frozen=True, kw_only=True)
class StockUpdate:
    listing: str  # our key, handed back in the result
    sku: str  # the channel's SKU
    external_id: str = ""  # the channel's listing or offer id
    quantity: int  # absolute: how many the channel may sell from now on
    product_type: str = ""


class Outcome(StrEnum):
    DONE = "done"  # the channel shows it
    ACCEPTED = "accepted"  # promised; a later read must confirm
    REJECTED = "rejected"
    RETRY = "retry"


@dataclass(frozen=True, kw_only=True)
class StockResult:
    listing: str
    outcome: Outcome
    code: str = ""
    message: str = ""
    retry_after: float | None = None  # of RETRY because of too many calls: seconds to wait, no fault of the update's


@dataclass(frozen=True, kw_only=True)
class Shipment:
    external_number: str
    package: str  # our parcel number, digits only; the same for every repetition
    carrier: str
    tracking_number: str
    shipped_at: datetime
    units: tuple[tuple[str, int], ...]  # (line external_id, quantity)


class Connector(Protocol):
    """One vendor. An instance serves one account and keeps nothing between calls."""

    kind: ClassVar[str]
    budgets: ClassVar[Mapping[str, Budget]]  # per operation
    stock_batch: ClassVar[int]  # most stock updates in one `push_stock`
    overlap: ClassVar[float]  # seconds to read again before the cursor
    settle: ClassVar[float]  # the newest moment that may be asked for lies this many seconds back

    def __init__(self, wire: Wire) -> None: ...

    @staticmethod
    def token_request(account: Account, credentials: Credentials) -> Request: ...

    @staticmethod
    def read_token(response: Response) -> Token:
        """Raises Unauthorised when the channel wants a person's consent again, Unavailable otherwise."""

    @staticmethod
    def authorise(request: Request, access_token: str) -> Request: ...

    @staticmethod
    def token_refused(response: Response) -> bool:
        """Whether this answer says that the access token is stale: renew it once and send again."""

    def orders_changed(self, *, since: datetime, until: datetime) -> Iterator[OrderPage]:
        """Yield the pages of orders the channel changed in the window, oldest page first.

        Ends with a page where `is_last` is true; anything else means the window was not read whole.
        Raises a ChannelFailed. Guards against cursors that loop or repeat a page (Unavailable).
        """

    def order(self, external_number: str) -> RawOrder | None: ...

    def translate(self, payload: Mapping[str, Any]) -> IncomingOrder:
        """Say one raw order in our words. Pure. Raises orders.incoming.BadOrder or another Refused with a code."""

    def push_stock(self, updates: Sequence[StockUpdate]) -> list[StockResult]:
        """Tell the channel absolute quantities; one result for each update, in any order. Safe to repeat."""

    def read_stock(self, skus: Sequence[str]) -> dict[str, int]:
        """What the channel shows now, by its SKU; unknown ones are absent."""

    def push_shipment(self, shipment: Shipment) -> Outcome:
        """Tell the channel a parcel left. Safe to repeat: looks first where the vendor has no idempotency key."""
