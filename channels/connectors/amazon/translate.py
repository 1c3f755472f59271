"""Says an Amazon order (Orders 2026-01-01, `Order`) in our words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from channels.connectors import addresses
from channels.connectors.base import Account
from channels.connectors.reading import Reading, told_safely
from oms import money
from orders.incoming import Address, BadOrder, Buyer, IncomingOrder, Line, Parcel, Payment, State

_STATES = {
    "PENDING": State.AWAITING_PAYMENT,
    "PENDING_AVAILABILITY": State.AWAITING_PAYMENT,
    "UNSHIPPED": State.OPEN,
    "PARTIALLY_SHIPPED": State.PARTIALLY_SHIPPED,
    "SHIPPED": State.SHIPPED,
    "CANCELLED": State.CANCELLED,
    "UNFULFILLABLE": State.CANCELLED,
}
_FULFILLERS = {"": False, "MERCHANT": False, "AMAZON": True}
_PACKAGES = {
    "PENDING": False,
    "CANCELLED": False,
    "IN_TRANSIT": True,
    "SHIPPED": True,
    "DELIVERED": True,
    "UNDELIVERABLE": True,
}
# Charges beside the goods. What Amazon adds to this list one day shows up in the check of the total.
_SERVICES = ("SHIPPING", "GIFT_WRAP", "COD_FEE", "OTHER")
_NEEDS_ADDRESS = {State.OPEN, State.PARTIALLY_SHIPPED}
_WITHOUT_PRICES = {State.AWAITING_PAYMENT, State.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One order item with what its proceeds say beyond the line itself."""

    line: Line
    services: int
    services_tax: int
    marketplace_tax: int


def translate(payload: Mapping[str, Any], account: Account) -> IncomingOrder:
    """Return the order in our words. Raises BadOrder, or the Refused of a field that cannot be read."""
    with told_safely():
        return _translate(payload, Reading(account))


def _translate(payload: Mapping[str, Any], read: Reading) -> IncomingOrder:
    fulfilment = read.part(payload.get("fulfillment"), "fulfillment")
    state: State = _known(_STATES, fulfilment.get("fulfillmentStatus"), "fulfillmentStatus", read)
    by_amazon: bool = _known(_FULFILLERS, fulfilment.get("fulfilledBy"), "fulfilledBy", read)
    items = _items(read, payload, state)
    recipient = read.part(payload.get("recipient"), "recipient")
    ship_to = _ship_to(read, recipient, required=state in _NEEDS_ADDRESS and not by_amazon)
    sums = _sums(read, payload, items, state)
    if state not in _WITHOUT_PRICES:
        read.not_for_nothing(sums["lines"])
    return IncomingOrder(
        channel=read.account.code,
        external_number=read.identifier(payload.get("orderId"), what="orderId"),
        placed_at=read.moment(payload.get("createdTime"), what="createdTime"),
        updated_at=read.moment(payload.get("lastUpdatedTime"), what="lastUpdatedTime"),
        currency=money.check_currency(read.account.currency),
        state=state,
        fulfilled_by_channel=by_amazon,
        buyer=_buyer(read, payload, ship_to),
        ship_to=ship_to,
        **sums,
        payments=_payments(sums["total"], state),
        parcels=_parcels(read, payload),
        note=_note(read, recipient),
        cancel_requested=state is not State.CANCELLED and _is_cancel_requested(read, payload),
        warnings=read.warnings,
    )


def _known(table: Mapping[str, Any], value: object, what: str, read: Reading) -> Any:
    word = read.word(value, what)
    if word not in table:
        raise BadOrder("status_unknown", f"Amazon's {what} “{word}” is not known here.", field=what, value=word)
    return table[word]


def _is_cancel_requested(read: Reading, payload: Mapping[str, Any]) -> bool:
    cancellations = (read.part(item.get("cancellation"), "cancellation") for item in _entries(read, payload))
    return any(c.get("cancellationRequest") and not c.get("cancellationExecution") for c in cancellations)


def _entries(read: Reading, payload: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return read.parts(payload.get("orderItems"), "orderItems")


def _amount(read: Reading, value: object, what: str, *, signed: bool = False) -> int:
    """An Amazon Money in minor units; a missing one is zero."""
    amount = read.part(value, what)
    if not amount:
        return 0
    take = read.signed if signed else read.price
    return take(amount.get("amount"), amount.get("currencyCode"), what=what)


# items


def _items(read: Reading, payload: Mapping[str, Any], state: State) -> tuple[_Item, ...]:
    entries = _entries(read, payload)
    read.line_ids([read.identifier(entry.get("orderItemId"), what="orderItemId") for entry in entries])
    return tuple(_item(read, entry, state) for entry in entries)


def _item(read: Reading, entry: Mapping[str, Any], state: State) -> _Item:
    product = read.part(entry.get("product"), "product")
    quantity = read.units(entry.get("quantityOrdered"), what="quantityOrdered")
    goods = _Proceeds(read, entry)
    cost = _cost(read, product, goods, quantity)
    if cost is None and state not in _WITHOUT_PRICES:
        raise BadOrder("price_missing", "A line has no price.", line=entry["orderItemId"])
    unit_price, rounding = read.unit_price(cost or 0, quantity)
    discount, services_discount = goods.of("DISCOUNT")
    tax, services_tax = goods.of("TAX")
    if discount > (cost or 0):
        raise BadOrder("discount_too_large", "A line's discount is larger than its price.", line=entry["orderItemId"])
    services = sum(sum(goods.of(kind)) for kind in _SERVICES) - services_discount
    if services < 0:
        raise BadOrder("shipping_negative", "The discount on delivery is larger than its cost.", shipping=services)
    by_marketplace = _is_tax_by_marketplace(read, entry)
    shipped, cancelled = _progress(read, entry, quantity, state)
    line = Line(
        external_id=read.identifier(entry.get("orderItemId"), what="orderItemId"),
        sku=_sku(read, product),
        title=read.text(product.get("title"), "title", most=500),
        quantity=quantity,
        unit_price=unit_price,
        discount=discount + rounding,
        tax=0 if by_marketplace else tax,
        total=(cost or 0) - discount,
        cancelled=cancelled,
        shipped=shipped,
    )
    return _Item(
        line=line,
        services=services,
        services_tax=0 if by_marketplace else services_tax,
        marketplace_tax=tax + services_tax if by_marketplace else 0,
    )


class _Proceeds:
    """What an item earns, by Amazon's types. Discounts come with either sign and are kept without."""

    def __init__(self, read: Reading, entry: Mapping[str, Any]) -> None:
        self._read = read
        self._breakdowns = read.parts(read.part(entry.get("proceeds"), "proceeds").get("breakdowns"), "breakdowns")

    def has(self, kind: str) -> bool:
        return any(breakdown.get("type") == kind for breakdown in self._breakdowns)

    def of(self, kind: str) -> tuple[int, int]:
        """Return the parts of a type that belong to the goods and to services beside them."""
        goods = services = 0
        for breakdown in self._breakdowns:
            if breakdown.get("type") == kind:
                whole = self._minor(breakdown.get("subtotal"), kind)
                beside = sum(
                    self._minor(detail.get("value"), kind)
                    for detail in self._read.parts(breakdown.get("detailedBreakdowns"), "detailedBreakdowns")
                    if detail.get("subtype") in _SERVICES
                )
                goods, services = goods + whole - beside, services + beside
        return goods, services

    def _minor(self, value: object, kind: str) -> int:
        if kind == "DISCOUNT":
            return abs(_amount(self._read, value, kind, signed=True))
        return _amount(self._read, value, kind)


def _cost(read: Reading, product: Mapping[str, Any], goods: _Proceeds, quantity: int) -> int | None:
    """All units before discounts: what the proceeds say, else the unit price times the quantity."""
    price = read.part(read.part(product.get("price"), "price").get("unitPrice"), "unitPrice")
    each = _amount(read, price, "unitPrice")
    if goods.has("ITEM"):
        return goods.of("ITEM")[0]
    return each * quantity if price else None


def _is_tax_by_marketplace(read: Reading, entry: Mapping[str, Any]) -> bool:
    collections = read.parts(read.part(entry.get("tax"), "tax").get("taxCollections"), "taxCollections")
    return any(collection.get("model") == "MARKETPLACE_FACILITATOR" for collection in collections)


def _progress(read: Reading, entry: Mapping[str, Any], quantity: int, state: State) -> tuple[int, int]:
    """Return (shipped, cancelled) units. What is neither sent nor still to be sent has been cancelled."""
    fulfilment = read.part(entry.get("fulfillment"), "item fulfillment")
    if "quantityFulfilled" in fulfilment:
        shipped = read.units(fulfilment["quantityFulfilled"], what="quantityFulfilled", least=0)
    else:
        shipped = quantity if state is State.SHIPPED else 0
    open_units = quantity - shipped
    if "quantityUnfulfilled" in fulfilment:
        open_units = read.units(fulfilment["quantityUnfulfilled"], what="quantityUnfulfilled", least=0)
    if state is State.CANCELLED:
        open_units = 0
    if shipped + open_units > quantity:
        raise BadOrder("quantity_invalid", "A line is sent and still to be sent more often than it was ordered.")
    return shipped, quantity - shipped - open_units


def _sku(read: Reading, product: Mapping[str, Any]) -> str:
    """Amazon may leave the seller's SKU out; its own number can be mapped as well."""
    if product.get("sellerSku"):
        return read.identifier(product["sellerSku"], what="sellerSku")
    read.warn("sku_missing")
    return read.identifier(product.get("asin"), what="asin")


# sums


def _sums(read: Reading, payload: Mapping[str, Any], items: Sequence[_Item], state: State) -> dict[str, Any]:
    """lines, shipping, tax, tax_included and total of the order, checked against each other.

    Amazon does not say whether its prices hold the tax: the total that fits does. Tax that Amazon collects for
    itself is no money of ours and is left out of the total where it stands in it.
    """
    proceeds = read.part(payload.get("proceeds"), "proceeds")
    goods = sum(item.line.total for item in items)
    services = sum(item.services for item in items) + _tips(read, proceeds)
    taxes = sum(item.line.tax for item in items) + sum(item.services_tax for item in items)
    if not proceeds.get("grandTotal"):
        if state not in _WITHOUT_PRICES:
            read.warn("total_missing")
        stated = goods + services + taxes
    else:
        stated = _amount(read, proceeds["grandTotal"], "grandTotal")
    theirs = sum(item.marketplace_tax for item in items)
    total, added = min(
        ((stated - left_out, added) for left_out in {0, theirs} for added in {taxes, 0}),
        key=lambda pair: (abs(pair[0] - goods - services - pair[1]), -pair[1], pair[0]),
    )
    if total != stated:
        read.warn("marketplace_tax_left_out")
    expected, lenient = goods + services + added, state is State.CANCELLED
    total = read.total(stated=total, expected=expected, lines=len(items), lenient=lenient)
    lines = tuple(replace(item.line, total=item.line.total + (item.line.tax if added else 0)) for item in items)
    return {
        "lines": lines,
        "shipping": services,
        "tax": sum(item.services_tax for item in items) if added else 0,
        "tax_included": not added,
        "total": total,
    }


def _tips(read: Reading, proceeds: Mapping[str, Any]) -> int:
    """What the buyer pays the driver belongs to no item."""
    breakdowns = read.parts(proceeds.get("breakdowns"), "proceeds breakdowns")
    tips = (breakdown for breakdown in breakdowns if breakdown.get("type") == "DELIVERY_TIP")
    return sum(_amount(read, tip.get("subtotal"), "DELIVERY_TIP") for tip in tips)


def _payments(total: int, state: State) -> tuple[Payment, ...]:
    """The buyer pays Amazon, once the order is no longer pending; Amazon pays us out."""
    if not total:
        return ()
    captured = state not in _WITHOUT_PRICES
    return (Payment(method="marketplace", amount=total, captured=captured, collected_by_channel=True),)


# people and parcels


def _ship_to(read: Reading, recipient: Mapping[str, Any], *, required: bool) -> Address | None:
    place = read.part(recipient.get("deliveryAddress"), "deliveryAddress")
    return addresses.address(
        read,
        {
            "name": place.get("name"),
            "company": place.get("companyName"),
            "line1": place.get("addressLine1"),
            "line2": place.get("addressLine2"),
            "line3": place.get("addressLine3"),
            "city": place.get("city") or place.get("municipality"),
            "region": place.get("stateOrRegion") or place.get("districtOrCounty"),
            "postcode": place.get("postalCode"),
            "country": place.get("countryCode"),
            "phone": place.get("phone"),
        },
        required=required,
    )


def _buyer(read: Reading, payload: Mapping[str, Any], ship_to: Address | None) -> Buyer:
    buyer = read.part(payload.get("buyer"), "buyer")
    email, is_relay = read.email(buyer.get("buyerEmail"), "buyerEmail", relay_prefix="marketplace.amazon.")
    return Buyer(
        name=read.text(buyer.get("buyerName"), "buyerName") or (ship_to.name if ship_to else ""),
        email=email,
        phone=ship_to.phone if ship_to else "",
        email_is_relay=is_relay,
    )


def _note(read: Reading, recipient: Mapping[str, Any]) -> str:
    preference = read.part(recipient.get("deliveryPreference"), "deliveryPreference")
    return read.text(preference.get("addressInstruction"), "addressInstruction", most=2000)


def _parcels(read: Reading, payload: Mapping[str, Any]) -> tuple[Parcel, ...]:
    packages = read.parts(payload.get("packages"), "packages")
    return tuple(_parcel(read, package) for package in packages if _has_left(read, package))


def _has_left(read: Reading, package: Mapping[str, Any]) -> bool:
    """A state of a package that nobody knows here keeps it out, but the order can be taken."""
    status = read.part(package.get("packageStatus"), "packageStatus").get("status")
    if status is None:
        return bool(package.get("shipTime"))
    if status not in _PACKAGES:
        read.warn("package_status_unknown")
        return False
    return _PACKAGES[status]


def _parcel(read: Reading, package: Mapping[str, Any]) -> Parcel:
    units = read.parts(package.get("packageItems"), "packageItems")
    return Parcel(
        external_id=read.identifier(package.get("packageReferenceId"), what="packageReferenceId"),
        carrier=read.text(package.get("carrier"), "carrier"),
        tracking_number=read.text(package.get("trackingNumber"), "trackingNumber"),
        shipped_at=read.moment(package["shipTime"], what="shipTime") if package.get("shipTime") else None,
        units=tuple(
            (
                read.identifier(unit.get("orderItemId"), what="package orderItemId"),
                read.units(unit.get("quantity"), what="package quantity"),
            )
            for unit in units
        ),
    )
