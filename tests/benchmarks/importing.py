"""Orders that arrive in numbers: from a marketplace, and out of the past."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from channels import order_import
from channels.models import ChannelAccount, Listing
from demo.loading import past, standing
from demo.loading.steps import Silent
from demo.world import chance, history
from inventory.models import Variant
from oms import db, inbox
from orders.incoming import IncomingOrder
from orders.models import SalesChannel
from tests.benchmarks import database, goods
from tests.benchmarks.floor import loading as floor_loading
from tests.benchmarks.floor import tables
from tests.benchmarks.goods import EBAY, Shop
from tests.benchmarks.measure import Figure, Make, Options, Timing, against_rate, alone, crowd, figure, weighed

PAGE = 50  # orders of one answer of the marketplace, and of one turn of the import
FLOOR_BATCH = 500
ENDS_AT = datetime(2026, 11, 1, 18, tzinfo=UTC)


def marketplace(options: Options) -> Iterator[Figure]:
    """orders.import: raw eBay orders stored in the inbox and taken in from there; its floor is COPY."""
    asked = options.filled(n=1500, seconds=8)
    pages = max(asked.n // PAGE, 1)
    with database.fresh():
        shop = goods.shop()
        _list_on_ebay(shop)
        for turn, clients in enumerate(asked.clients):
            n = (pages + pages // 5 + 2 * clients + 2) * PAGE
            orders = list(goods.orders(shop, seed=asked.seed, n=n, first=turn * 1_000_000, channel=EBAY))
            floor = _floor(shop, orders, seconds=asked.seconds / 4)
            ours = weighed(crowd(_take_in(orders), clients=clients, n=pages, seconds=asked.seconds), PAGE)
            yield figure(
                "orders.import", ours, clients=clients, lines=2, batch=PAGE, left=_not_taken_in(),
                **against_rate("copy-and-set-based-stock", floor, ours), seed=asked.seed,
            )  # fmt: skip


def _floor(shop: Shop, orders: Sequence[IncomingOrder], *, seconds: float) -> Timing:
    with closing(database.raw()) as raw:
        tables.make(raw, shop, units=goods.PLENTY)
        size = min(FLOOR_BATCH, max(len(orders) // 4, 1))
        batches = [orders[start : start + size] for start in range(0, len(orders) - size + 1, size)]
        load = partial(_load_by_hand, raw, batches)
        found = alone(load, n=len(batches) - 1, seconds=seconds, warm_up=1)
    return weighed(found, size)


def _load_by_hand(raw: Any, batches: Sequence[Sequence[IncomingOrder]], place: int) -> None:
    floor_loading.load(raw, batches[place])


def _take_in(orders: Sequence[IncomingOrder]) -> Make:
    letters = [_letter(order) for order in orders]

    def page(place: int) -> None:
        inbox.store(source=order_import.source_of(EBAY), letters=letters[place * PAGE : (place + 1) * PAGE])
        order_import.take_in(limit=PAGE)

    return lambda _: page


def _letter(order: IncomingOrder) -> inbox.Letter:
    return inbox.Letter(
        event_id=f"{order.external_number}:1", topic=order_import.TOPIC, object_id=order.external_number,
        raw=json.dumps(_as_ebay_says_it(order)).encode(), version_at=order.placed_at,
    )  # fmt: skip


def _not_taken_in() -> int:
    ((left,),) = db.fetch("SELECT count(*) FROM oms_inboxmessage WHERE state <> 'done'")
    return int(left)


def _list_on_ebay(shop: Shop) -> None:
    account = ChannelAccount.objects.create(channel=SalesChannel.objects.get(code=EBAY), connector="ebay")
    Listing.objects.bulk_create(
        Listing(account=account, variant_id=variant.pk, sku=variant.sku, currency="USD", price=1000)
        for variant in Variant.objects.filter(pk__in=shop.variants)
    )


def _as_ebay_says_it(order: IncomingOrder) -> dict[str, Any]:
    to = order.ship_to
    assert to is not None
    contact = {
        "fullName": to.name,
        "contactAddress": {
            "addressLine1": to.line1, "city": to.city, "stateOrProvince": to.region, "postalCode": to.postcode,
            "countryCode": to.country,
        },
        "primaryPhone": {"phoneNumber": to.phone},
        "email": order.buyer.email,
    }  # fmt: skip
    when = order.placed_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "orderId": order.external_number,
        "creationDate": when,
        "lastModifiedDate": when,
        "orderFulfillmentStatus": "NOT_STARTED",
        "orderPaymentStatus": "PAID",
        "buyer": {"username": order.buyer.email.split("@")[0]},
        "pricingSummary": {"priceSubtotal": _money(order.total), "total": _money(order.total)},
        "paymentSummary": {
            "payments": [
                {
                    "paymentMethod": "EBAY", "paymentReferenceId": order.external_number, "paymentDate": when,
                    "amount": _money(order.total), "paymentStatus": "PAID",
                }
            ]
        },
        "fulfillmentStartInstructions": [
            {"fulfillmentInstructionsType": "SHIP_TO", "shippingStep": {"shipTo": contact}}
        ],
        "lineItems": [
            {
                "lineItemId": f"{order.external_number}-{line.external_id}", "sku": line.sku, "title": line.title,
                "quantity": line.quantity, "lineItemFulfillmentStatus": "NOT_STARTED",
                "lineItemCost": _money(line.total), "total": _money(line.total),
            }
            for line in order.lines
        ],
    }  # fmt: skip


def _money(amount: int) -> dict[str, str]:
    return {"value": f"{amount // 100}.{amount % 100:02}", "currency": "USD"}


def past_orders(options: Options) -> Iterator[Figure]:
    """history.load: order lines a second of the demo's past, in one process and as the demo loads it, in two.

    Returns and corrections are booked with the orders. Its floor is COPY of the same lines.
    """
    asked = options.filled(n=2000, clients=(1, past.STREAMS))
    for clients in asked.clients:
        with database.fresh():
            opens_at = history.opens_at(ends_at=ENDS_AT, limit=asked.n)
            standing.load(opens_at=opens_at, steps=Silent())
            streams = past.streams(ends_at=ENDS_AT, limit=asked.n)
            orders = [
                event
                for batches in streams for batch in batches for event in batch
                if isinstance(event, IncomingOrder)
            ]  # fmt: skip
            floor = _floor_of_the_past(orders)
            summary = past.load(streams, opens_at=opens_at, steps=Silent(), side_by_side=clients > 1)
            ours = Timing(times=[summary.seconds / summary.lines] * summary.lines, wall=summary.seconds)
            yield {
                "bench": "history.load", "clients": clients, "n": summary.lines, "orders": summary.orders,
                "rate": figure("", ours)["rate"], "seconds": round(summary.seconds, 2), "errors": 0,
                **against_rate("copy-and-set-based-stock", floor, ours), "seed": chance.SEED,
            }  # fmt: skip


def _floor_of_the_past(orders: Sequence[IncomingOrder]) -> Timing:
    skus = tuple({line.sku for order in orders for line in order.lines})
    lines = sum(len(order.lines) for order in orders)
    with closing(database.raw()) as raw:
        tables.make(raw, Shop(skus, (), ()), units=goods.PLENTY)
        batches = [orders[start : start + FLOOR_BATCH] for start in range(0, len(orders), FLOOR_BATCH)]
        found = alone(partial(_load_by_hand, raw, batches), n=len(batches), seconds=60, warm_up=0)
    return Timing(times=[0.0] * lines, wall=found.wall)
