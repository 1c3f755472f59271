"""An invoice as an order of some channel, complete: everything was paid and everything left.

Invoices with a customer go where `accounts` says. Without one, those that carry web postage or went abroad are guest
orders of the web shop, by a person drawn for each; the rest was paid at a till by somebody nobody asked for a name.
Prices include tax. Postage rows are the order's shipping; every other row that is no product stays off the order.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from demo.world import accounts, buyers, chance, people, places, prices
from demo.world.buyers import AMAZON, EBAY, TILL, WEB
from demo.world.codes import CHARGES, Row
from demo.world.countries import HOME
from demo.world.documents import Document, Entry
from demo.world.shapes import CURRENCY, ChargeKind, Person
from orders.incoming import Buyer, IncomingOrder, Line, Method, Payment, State

OWN_PAYMENTS = {WEB: (("card", 4), ("paypal", 1)), TILL: (("card", 3), ("cash", 1))}


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who bought and where. `person` is None for a till's passer-by."""

    channel: str
    external_number: str
    person: Person | None
    spelling: int = 0
    store: str = ""
    guest: bool = False


def attribute(document: Document, seed: int) -> Attribution:
    number, country = document.number, document.country
    if document.customer:
        account = accounts.by_customer(seed)[document.customer]
        channel = account.channel(number, country, seed)
        store = account.person.store if channel == TILL else ""
        external = _external_number(channel, number, store, seed)
        return Attribution(channel, external, account.person, account.spelling, store)
    if country not in HOME or any(entry.sku == "DOT" for entry in document.entries):
        person = chance.one_of(people.everybody(seed), seed, "guest", number)
        return Attribution(WEB, _external_number(WEB, number, "", seed), person, guest=True)
    store = chance.one_of(places.stores(), seed, "till", number).code
    return Attribution(TILL, _external_number(TILL, number, store, seed), None, store=store)


def order(document: Document, who: Attribution, moment: datetime, seed: int) -> IncomingOrder:
    lines = tuple(_line(document.number, entry, who.store) for entry in document.having(Row.SOLD))
    shipping = sum(entry.quantity * prices.cents(entry.pounds) for entry in document.entries if is_postage(entry))
    total = sum(line.total for line in lines) + shipping
    return IncomingOrder(
        channel=who.channel,
        external_number=who.external_number,
        placed_at=moment,
        currency=CURRENCY,
        state=State.SHIPPED,
        buyer=_buyer(who, seed),
        ship_to=buyers.ship_to(who.person, document.country, who.spelling) if who.person and not who.store else None,
        lines=lines,
        shipping=shipping,
        total=total,
        payments=_payments(who.channel, document.number, total, seed),
        sold_at=who.store,
    )


def is_postage(entry: Entry) -> bool:
    return entry.row is Row.SERVICE and CHARGES[entry.sku] is ChargeKind.POSTAGE


def ships_from(order: IncomingOrder) -> str:
    """Return the code of the place the goods left.

    What a till sold left its store. Amazon orders whose number ends in 0 or 5 left the contract warehouse, all other
    parcels the warehouse on the buyer's side of the Mississippi, those for abroad Warehouse East.
    """
    if order.sold_at:
        return order.sold_at
    if order.channel == AMAZON and order.external_number[-1] in "05":
        return places.CONTRACT
    at_home = order.ship_to and order.ship_to.country == "US"
    return places.nearest_warehouse(order.ship_to.region) if order.ship_to and at_home else places.EAST


def _line(number: str, entry: Entry, store: str) -> Line:
    unit_price = prices.cents(entry.pounds)
    return Line(
        external_id=f"{number}{entry.position:04}",
        sku=entry.code,
        title=entry.description,
        quantity=entry.quantity,
        unit_price=unit_price,
        total=entry.quantity * unit_price,
        shipped=entry.quantity,
        method=Method.CARRY_OUT if store else Method.SHIP,
        location=store,
    )


def _buyer(who: Attribution, seed: int) -> Buyer:
    if who.person is None:
        return Buyer()
    known = buyers.buyer(who.person, who.channel, who.spelling, seed)
    return replace(known, reference="", loyalty_number="") if who.guest else known


def _payments(channel: str, number: str, total: int, seed: int) -> tuple[Payment, ...]:
    if not total:
        return ()
    if channel not in OWN_PAYMENTS:
        return (Payment(method="marketplace", amount=total, reference=number, collected_by_channel=True),)
    method = chance.weighted(OWN_PAYMENTS[channel], seed, "payment", number)
    return (Payment(method=method, amount=total, reference=number),)


def _external_number(channel: str, number: str, store: str, seed: int) -> str:
    """Return an order number in the channel's own dress; the invoice number inside keeps it unique."""
    draw = chance.number(seed, "order number", number)
    if channel == EBAY:
        return f"{draw % 15 + 11}-{draw // 15 % 100_000:05}-{number[1:]}"
    if channel == AMAZON:
        return f"{draw % 13 + 102}-{draw // 13 % 10_000_000:07}-0{number}"
    return f"{store}-{number}" if channel == TILL else f"W{number}"
