"""What a product costs and how many of it are shown, wherever we sell it; and where we undercut ourselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels import stock_push
from channels.models import Listing, StockPush
from console.templatetags import show
from inventory.availability import Availability
from inventory.models import Price, Variant
from oms.permissions import Reach
from orders.models import SalesChannel

NOTICED = 5  # percent between two of our own prices that somebody should know of


@dataclass(frozen=True, slots=True)
class Offer:
    """A product on one of our channels. Own channels have no listing: they read prices and stock from here."""

    code: str
    channel: str
    currency: str
    price: int | None  # minor units; None when nobody has set one
    now: int  # what it may show now
    listing: Listing | None = None
    state: str = "live"

    @property
    def push(self) -> StockPush | None:
        return getattr(self.listing, "push", None)

    @property
    def is_confirmed(self) -> bool:
        """Whether the channel was seen to show what it was told last."""
        listing = self.listing
        return bool(listing and listing.confirmed_at and listing.told_at and listing.confirmed_at >= listing.told_at)

    @property
    def counts(self) -> bool:
        """Whether a buyer can see the price. A listing that was mapped but never read has none."""
        return bool(self.price) and self.state != "ended"


@dataclass(frozen=True, slots=True)
class Gap:
    """A price of ours that is noticeably below another of ours for the same thing."""

    cheap: tuple[Offer, ...]  # who asks it
    dear: tuple[Offer, ...]  # who asks noticeably more, the dearest first

    @property
    def percent(self) -> int:
        return round(100 * (_price(self.dear[0]) - _price(self.cheap[0])) / _price(self.dear[0]))

    def __str__(self) -> str:
        price, currency = _price(self.cheap[0]), self.cheap[0].currency
        less = show.money(_price(self.dear[0]) - price, currency)
        asks = "ask" if len(self.cheap) > 1 else "asks"
        return (
            f"{_named(self.cheap)} {asks} {show.money(price, currency)}: {less} ({self.percent} %) less than"
            f" {_named(self.dear)}."
        )


def offers(variant: Variant, stock: Availability, reach: Reach, *, now: datetime) -> list[Offer]:
    """Every channel in reach that sells this, own channels first."""
    own = SalesChannel.objects.exclude(kind=SalesChannel.Kind.MARKETPLACE).order_by("kind", "name")
    listings: Any = Listing.objects.filter(variant=variant).select_related("account__channel", "push")
    if reach.channels is not None:
        own = own.filter(code__in=reach.channels)
        listings = listings.filter(account__channel__code__in=reach.channels)
    prices = _own_prices(variant, now=now)
    return [
        *(_own(channel, prices, stock) for channel in own),
        *(_listed(listing, stock) for listing in listings.order_by("account__channel__name", "sku")),
    ]


def _own_prices(variant: Variant, *, now: datetime) -> dict[tuple[str, str], int]:
    """{(channel or "", currency): price in force}."""
    prices = Price.objects.filter(variant=variant, valid__contains=now)
    return {(price.channel, price.currency): price.amount for price in prices}


def _own(channel: SalesChannel, prices: dict[tuple[str, str], int], stock: Availability) -> Offer:
    price = prices.get((channel.code, channel.currency), prices.get(("", channel.currency)))
    return Offer(channel.code, channel.name, channel.currency, price, stock.for_channel())


def _listed(listing: Listing, stock: Availability) -> Offer:
    account = listing.account
    now = stock_push.offered(listing, stock, account)
    return Offer(
        account.channel.code, account.channel.name, listing.currency, listing.price or None, now, listing,
        _state(listing, now),
    )  # fmt: skip


def _state(listing: Listing, now: int) -> str:
    push: StockPush | None = getattr(listing, "push", None)
    if listing.state == Listing.State.ENDED:
        return "ended"
    if push is not None and push.error_code:
        return "failed"
    if push is not None and push.wanted > push.done:
        return "queued"
    return "in_sync" if listing.told == now else "late"


# -- undercutting ourselves -----------------------------------------------------------------------------------------


def gaps(found: Iterable[Offer]) -> list[Gap]:
    """Prices that undercut another of ours, in the same currency, by more than NOTICED percent; the worst first."""
    seen = [offer for offer in found if offer.counts]
    asking: dict[tuple[str, int], list[Offer]] = {}
    for offer in seen:
        asking.setdefault((offer.currency, _price(offer)), []).append(offer)
    undercutting = []
    for (currency, price), cheap in asking.items():
        dear = [each for each in seen if each.currency == currency and _is_noticeable(price, _price(each))]
        if dear:
            undercutting.append(Gap(tuple(cheap), tuple(sorted(dear, key=_price, reverse=True))))
    return sorted(undercutting, key=lambda gap: -gap.percent)


def _is_noticeable(price: int, dearer: int) -> bool:
    return 100 * (dearer - price) > NOTICED * dearer


def _price(offer: Offer) -> int:
    return offer.price or 0


def _named(found: Iterable[Offer]) -> str:
    *first, last = dict.fromkeys(offer.channel for offer in found)
    return f"{', '.join(first)} and {last}" if first else last


# -- out of step ----------------------------------------------------------------------------------------------------


def story(found: Iterable[Offer]) -> str:
    """Which channels show something else than they should, in a sentence each; "" when all are in step."""
    return " ".join(filter(None, map(_out_of_step, found)))


def _out_of_step(offer: Offer) -> str:
    told = offer.listing.told if offer.listing else None
    was = "nothing" if told is None else f"{told:,}"
    match offer.state:
        case "failed":
            return f"{offer.channel} did not take its stock of {offer.now:,}."
        case "queued" | "late" if told != offer.now:
            return f"{offer.channel} was told {was} and is next told {offer.now:,}."
        case _:
            return ""
