"""What must be true once it is quiet again. Every function names what is wrong, one sentence each."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import F

from channels import stock_push
from channels.models import ChannelAccount, Listing, ShipmentPush, StockPush, SyncCursor
from demo.check.selling import Sale
from demo.simulators import Simulator
from inventory import availability
from inventory.models import StockMovement
from oms import books
from oms.models import InboxMessage, OutboxEvent
from orders.models import Order

PATIENCE = 90.0


def wait_until_quiet(since: datetime) -> list[str]:
    """Wait until everything sold up to `since` was looked for and nothing waits to be done any more."""
    deadline = time.monotonic() + PATIENCE
    while busy := _busy(since):
        if time.monotonic() > deadline:
            return [f"After {PATIENCE:.0f} seconds there still was work to do: {', '.join(busy)}."]
        time.sleep(0.2)
    return []


def _busy(since: datetime) -> list[str]:
    waiting = {
        "accounts to look at": ChannelAccount.objects.count() - SyncCursor.objects.filter(fresh_to__gt=since).count(),
        "messages in": InboxMessage.objects.filter(state=InboxMessage.State.RECEIVED).count(),
        "events out": OutboxEvent.objects.filter(state=OutboxEvent.State.PENDING).count(),
        "stock to tell": StockPush.objects.filter(wanted__gt=F("done")).count(),
        "parcels to tell": ShipmentPush.objects.filter(state=ShipmentPush.State.PENDING).count(),
    }
    return [f"{count} {what}" for what, count in waiting.items() if count]


def on_the_desk(*, after: int) -> dict[tuple[str, str], Order]:
    """The orders that came in after the one with this id, by channel and the channel's number."""
    orders = Order.objects.filter(pk__gt=after).select_related("channel").prefetch_related("lines__variant")
    return {(order.channel.code, order.external_number): order for order in orders}


def orders_wrong(sales: Sequence[Sale], desk: Mapping[tuple[str, str], Order]) -> list[str]:
    """Each sale is one order with the same units for the same money, and there is no order that nobody bought."""
    sold = {(sale.channel, sale.number): sale for sale in sales}
    wrong = [f"{channel} {number} was sold and never came in." for channel, number in sorted(sold.keys() - desk.keys())]
    wrong += [
        f"{channel} {number} came in and nobody bought it." for channel, number in sorted(desk.keys() - sold.keys())
    ]
    for key in sorted(sold.keys() & desk.keys()):
        units = Counter[str]()
        for line in desk[key].lines.all():
            units[line.variant.sku] += line.quantity
        if units != sold[key].units or desk[key].total != sold[key].total:
            wrong.append(f"{key[0]} {key[1]} is not what was sold.")
    return wrong


def marketplace_wrong(simulator: Simulator, sales: Sequence[Sale]) -> list[str]:
    """What the marketplace itself remembers is what its buyers were told."""
    theirs = Counter(order["number"] for order in simulator.orders())
    ours = Counter(sale.number for sale in sales if sale.channel == simulator.kind)
    return [
        f"{simulator.kind} {number}: sold {ours[number]}, kept {theirs[number]}."
        for number in (ours - theirs) | (theirs - ours)
    ]


def stock_wrong(simulator: Simulator, *, opened_with: Mapping[str, int], gone: Mapping[str, int]) -> list[str]:
    """The marketplace shows what the desk offers, and that is what it opened with less what was sold since."""
    account = ChannelAccount.objects.get(connector=simulator.kind)
    listings = list(Listing.objects.filter(account=account, state=Listing.State.LIVE).order_by("pk"))
    stock, shown = availability.of({listing.variant_id for listing in listings}), simulator.stock()
    wrong = []
    for listing in listings:
        offered = stock_push.offered(listing, stock[listing.variant_id], account)
        expected = max(0, opened_with[listing.sku] - gone.get(listing.sku, 0))
        if not shown.get(listing.sku) == offered == expected:
            numbers = f"it shows {shown.get(listing.sku)}, the desk offers {offered}, {expected} should be left"
            wrong.append(f"{simulator.kind} {listing.sku}: {numbers}.")
    return wrong


def found_at_tills(desk: Mapping[tuple[str, str], Order]) -> dict[tuple[str, str, str], int]:
    """Units, by (channel, number, SKU), that were carried out although the books had none: nothing else got fewer."""
    by_number = {str(order.number): key for key, order in desk.items()}
    rows = StockMovement.objects.filter(cause="till-find", cause_id__in=by_number)
    found = Counter[tuple[str, str, str]]()
    for number, sku, units in rows.values_list("cause_id", "variant__sku", "quantity"):
        found[(*by_number[number], sku)] += units
    return found


def trouble() -> list[str]:
    """Anything that waits for a person, and every rule of the books that is broken."""
    stuck = {
        "message(s) in quarantine": InboxMessage.objects.filter(state=InboxMessage.State.QUARANTINED).count(),
        "event(s) in quarantine": OutboxEvent.objects.filter(state=OutboxEvent.State.QUARANTINED).count(),
        "stock push(es) refused": StockPush.objects.exclude(error_code="").count(),
    }
    wrong = [f"{count} {what}." for what, count in stuck.items() if count]
    return wrong + [f"The books do not balance: {rule}, {rows}" for rule, rows in books.examine().items()]
