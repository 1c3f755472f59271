"""A shop to measure in, and the orders people send it. All of it follows from the seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from demo.world import people
from inventory import catalogue, ledger
from inventory.models import Location
from oms import audit, db
from orders import intake
from orders.incoming import Address, Buyer, IncomingOrder, Line, Payment
from orders.models import SalesChannel

NOW = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
ACTOR = audit.Actor("system", "bench")
WEB, EBAY = "web", "ebay"
PLENTY = 1_000_000
REGIONS = ("NY", "CA", "TX", "IL", "GA", "PA", "OH", "WA")
PEOPLE = 50_000
SOLD_BEFORE = 300  # orders


@dataclass(frozen=True, slots=True)
class Shop:
    skus: tuple[str, ...]
    variants: tuple[int, ...]  # ids, in the order of `skus`
    locations: tuple[int, ...]


def shop(*, skus: int = 1000, locations: int = 5, units: int = PLENTY, scarce: int | None = None) -> Shop:
    """Every SKU lies in every location: two warehouses, the rest stores that send parcels too.

    `scarce` is how many units each location has of the first SKU, when it is not as many as of the others.

    It has sold before, so that Postgres has statistics to plan by, as it has in any shop that is open.
    """
    SalesChannel.objects.create(code=WEB, name="Web shop", kind="web_shop", currency="USD")
    SalesChannel.objects.create(code=EBAY, name="eBay", kind="marketplace", currency="USD")
    places = Location.objects.bulk_create(
        Location(
            code=f"L{place:04}", name=f"Location {place}", kind="warehouse" if place < 2 else "store",
            region=REGIONS[place % len(REGIONS)], offers_pickup=place >= 2,
        )
        for place in range(locations)
    )  # fmt: skip
    articles = [catalogue.Article(sku=f"SKU-{place:05}", title=f"Article {place}") for place in range(skus)]
    ids = catalogue.add(articles=articles)
    found = Shop(tuple(ids), tuple(ids.values()), tuple(place.pk for place in places))
    _fill(found, units=units, scarce=units if scarce is None else scarce)
    sold_before = orders(Shop(found.skus[1:] or found.skus, (), ()), seed=0, n=SOLD_BEFORE, prefix="Y")
    intake.accept_many(list(sold_before), actor=ACTOR, now=NOW)
    db.fetch("ANALYZE (SKIP_LOCKED)")
    return found


@db.transaction
def _fill(shop: Shop, *, units: int, scarce: int) -> None:
    shelves = [(location, variant) for location in shop.locations for variant in shop.variants]
    ledger.open_shelves(shelves)
    receipts = [
        ledger.Entry(
            location_id=location, variant_id=variant, kind=ledger.Kind.RECEIPT, cause="opening", cause_id="bench",
            quantity=scarce if variant == shop.variants[0] else units, occurred_at=NOW,
        )
        for location, variant in shelves
    ]  # fmt: skip
    ledger.demand_all_on_hand(ledger.post(receipts, actor=str(ACTOR)))


def orders(
    shop: Shop, *, seed: int, n: int, lines: int = 2, first: int = 0, channel: str = WEB, prefix: str = "B"
) -> Iterator[IncomingOrder]:
    """Paid orders to be sent, of different SKUs each, by people most of whom are new here."""
    for place in range(first, first + n):
        draw = random.Random(f"{seed}:{place}:{lines}")
        chosen = draw.sample(shop.skus, lines) if lines < len(shop.skus) else shop.skus
        sold = tuple(_line(number, sku, draw) for number, sku in enumerate(chosen, start=1))
        total = sum(line.total for line in sold)
        buyer, to = person(draw.randrange(PEOPLE), seed)
        yield IncomingOrder(
            channel=channel,
            external_number=f"{prefix}{lines}-{place:08}",
            placed_at=NOW + timedelta(seconds=place),
            currency="USD",
            buyer=buyer,
            ship_to=to,
            lines=sold,
            total=total,
            payments=(Payment(method="card", amount=total, reference=f"pay-{place}"),),
        )


def _line(number: int, sku: str, draw: random.Random) -> Line:
    price = draw.randrange(500, 20_000)
    return Line(
        external_id=str(number),
        sku=sku,
        title=f"{sku}, as listed",
        quantity=1,
        unit_price=price,
        total=price,
    )


@cache
def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Given names and surnames of the demo's people, to be combined anew."""
    pairs = [person.spellings[0] for person in people.everybody()]
    return tuple(sorted({given for given, _ in pairs if given})), tuple(sorted({name for _, name in pairs if name}))


def person(number: int, seed: int) -> tuple[Buyer, Address]:
    """The number-th person: the same name, e-mail, phone and home each time."""
    draw = random.Random(f"{seed}:person:{number}")
    given, surnames = names()
    name = f"{draw.choice(given)} {draw.choice(surnames)}"
    phone = f"+1{draw.randrange(201, 990)}555{number % 10_000:04}"
    buyer = Buyer(name=name, email=f"{name.split()[0].lower()}.{number}@example.com", phone=phone)
    home = Address(
        name=name, line1=f"{draw.randrange(1, 9999)} Main St", city="Reading", region=draw.choice(REGIONS),
        postcode=f"{draw.randrange(10_000, 99_999)}", country="US", phone=phone,
    )  # fmt: skip
    return buyer, home


def as_json(order: IncomingOrder) -> dict[str, Any]:
    """The order as a web shop sends it to /api/v1/orders."""
    to, buyer = order.ship_to, order.buyer
    return {
        "channel": order.channel,
        "number": order.external_number,
        "placed_at": order.placed_at.isoformat(),
        "currency": order.currency,
        "buyer": {"name": buyer.name, "email": buyer.email, "phone": buyer.phone},
        "ship_to": {name: getattr(to, name) for name in Address.__slots__} if to else None,
        "lines": [
            {
                "id": line.external_id, "sku": line.sku, "title": line.title, "quantity": line.quantity,
                "unit_price": line.unit_price, "total": line.total,
            }
            for line in order.lines
        ],
        "total": order.total,
        "payments": [{"method": p.method, "amount": p.amount, "reference": p.reference} for p in order.payments],
    }  # fmt: skip
