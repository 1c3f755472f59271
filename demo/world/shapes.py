"""What the world is made of. Plain values: a loader turns them into business records. Amounts are US cents."""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from orders.incoming import Address, Buyer

CURRENCY = "USD"


class PlaceKind(StrEnum):
    STORE = "store"
    WAREHOUSE = "warehouse"
    THIRD_PARTY = "third_party"
    SUPPLIER = "supplier"


class Reason(StrEnum):
    """Why stock was corrected, read from what somebody typed."""

    DAMAGED = "damaged"
    LOST = "lost"
    FOUND = "found"
    SOLD_AS_SET = "sold_as_set"
    OTHER_CHANNEL = "other_channel"  # sold or sent by a channel whose sales were not booked
    MISLABELLED = "mislabelled"
    SAMPLE = "sample"
    RETURNED = "returned"
    COUNTED = "counted"
    UNEXPLAINED = "unexplained"  # nothing typed, or a bare question mark


class ChargeKind(StrEnum):
    """Money on invoices and credit notes that is no product."""

    POSTAGE = "postage"
    MANUAL = "manual"
    DISCOUNT = "discount"
    SAMPLES = "samples"
    GIFT_VOUCHER = "gift_voucher"
    MARKETPLACE_FEE = "marketplace_fee"
    BANK_FEE = "bank_fee"
    CHARITY = "charity"
    BAD_DEBT = "bad_debt"


@dataclass(frozen=True, slots=True)
class Hours:
    weekday: int  # Monday is 0
    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    code: str
    kind: PlaceKind
    name: str
    line1: str
    city: str
    region: str
    postcode: str
    country: str = "US"
    latitude: float
    longitude: float
    zone: str  # IANA
    hours: tuple[Hours, ...] = ()  # a weekday without a row is a day closed
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    sku: str
    title: str
    option: str = ""  # what tells it from its sisters: "Pink"
    price: int  # the web shop's; 0 for a code that was never sold at a price
    gtin: str = ""  # 13 digits or nothing
    active: bool = True  # False: only corrections mention it, nobody can buy it
    popularity: int  # order lines in the history; how busy stock, listings and shoppers are with it
    turnover: int = 0  # what those lines came to
    usual_quantity: int = 1  # median units of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    code: str
    name: str
    brand: str = ""
    category: tuple[str, ...]
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who exists once, however many ways channels know them. `key` is ground truth, never shown."""

    key: str
    email: str
    second_email: str  # the same as `email` for half of them
    phone: str  # E.164; "" once the fictional numbers of the area are used up
    loyalty_number: str  # "" for half of them
    home: Address  # without a name
    store: str  # code of the store nearest to them
    spellings: tuple[tuple[str, str], ...]  # (given name, surname); the first one is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    channel: str
    sku: str
    external_id: str
    title: str
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjustment:
    """A write-off (below zero) or a find, as the shop floor typed it."""

    number: str
    sku: str
    location: str
    quantity: int
    reason: Reason
    note: str
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A line that moves money and no goods. `amount` is what was charged: below zero when given or paid away."""

    number: str
    code: str
    kind: ChargeKind
    quantity: int
    amount: int
    note: str
    moment: datetime
    channel: str = ""  # with `order`: the order on whose invoice it stands
    order: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Units that came back. Without `order` no earlier sale accounts for them."""

    sku: str
    quantity: int
    unit_price: int  # refunded for each; with an order never more than was paid
    location: str  # where they went
    channel: str = ""
    order: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """A credit note, matched to the sales it undoes."""

    number: str
    moment: datetime
    parts: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """What an event does to a shelf."""

    location: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningReceipt:
    location: str
    sku: str
    quantity: int
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    sku: str
    external_id: str  # the listing's; "" where there is no listing
    title: str
    quantity: int
    unit_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a shopper does next. Nothing has happened yet: the channel gives it a number and a time."""

    channel: str
    person: str  # ground truth
    buyer: Buyer
    ship_to: Address | None  # None: carried out of the store
    store: str  # "" unless at a till
    picks: tuple[Pick, ...]
