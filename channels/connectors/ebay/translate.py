"""Says an eBay order (Sell Fulfillment v1, `Order`) in our words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from channels.connectors import addresses
from channels.connectors.base import Account
from channels.connectors.reading import Reading, told_safely
from oms import money
from orders.incoming import Address, BadOrder, Buyer, IncomingOrder, Line, Method, Payment, State

_FULFILMENT = {"NOT_STARTED": State.OPEN, "IN_PROGRESS": State.PARTIALLY_SHIPPED, "FULFILLED": State.SHIPPED}
# Money given back is another axis than goods sent: after a part refund the buyer has still paid for the parcel.
_PAID = {"PAID": True, "PARTIALLY_REFUNDED": True, "FULLY_REFUNDED": False, "PENDING": False, "FAILED": False}
_CANCEL = {"NONE_REQUESTED": False, "": False, "IN_PROGRESS": True, "CANCELED": False}
_METHODS = {
    "": Method.SHIP,
    "SHIP_TO": Method.SHIP,
    "SELLER_DEFINED": Method.SHIP,
    "FULFILLED_BY_EBAY": Method.SHIP,
    "PREPARE_FOR_PICKUP": Method.PICKUP,
}
_NEEDS_ADDRESS = {State.OPEN, State.PARTIALLY_SHIPPED}


def translate(payload: Mapping[str, Any], account: Account) -> IncomingOrder:
    """Return the order in our words. Raises BadOrder, or the Refused of a field that cannot be read."""
    with told_safely():
        return _translate(payload, Reading(account))


def _translate(payload: Mapping[str, Any], read: Reading) -> IncomingOrder:
    state = _state(read, payload)
    how = _instructions(read, payload)
    lines = _lines(read, payload, state, how)
    by_ebay = _is_by_ebay(read, payload, how)
    if state not in (State.CANCELLED, State.AWAITING_PAYMENT):
        read.not_for_nothing(lines)
    sums = _sums(read, payload, lines, state)
    ship_to = _ship_to(read, how, required=state in _NEEDS_ADDRESS and not by_ebay)
    return IncomingOrder(
        channel=read.account.code,
        external_number=read.identifier(payload.get("orderId"), what="orderId"),
        placed_at=read.moment(payload.get("creationDate"), what="creationDate"),
        updated_at=read.moment(payload.get("lastModifiedDate"), what="lastModifiedDate"),
        currency=money.check_currency(read.account.currency),
        state=state,
        fulfilled_by_channel=by_ebay,
        buyer=_buyer(read, payload, how, ship_to),
        ship_to=ship_to,
        lines=lines,
        **sums,
        payments=_payments(read, payload, sums["total"]),
        note=read.text(payload.get("buyerCheckoutNotes"), "buyerCheckoutNotes", most=2000),
        cancel_requested=state is not State.CANCELLED and _is_cancel_requested(read, payload),
        warnings=read.warnings,
    )


def _known(table: Mapping[str, Any], word: str, what: str) -> Any:
    if word not in table:
        raise BadOrder("status_unknown", f"eBay's {what} “{word}” is not known here.", field=what, value=word)
    return table[word]


def _state(read: Reading, payload: Mapping[str, Any]) -> State:
    cancel = read.part(payload.get("cancelStatus"), "cancelStatus")
    word = read.word(cancel.get("cancelState"), "cancelState")
    _known(_CANCEL, word, "cancelState")
    if word == "CANCELED":
        return State.CANCELLED
    fulfilment = read.word(payload.get("orderFulfillmentStatus"), "orderFulfillmentStatus")
    state: State = _known(_FULFILMENT, fulfilment, "orderFulfillmentStatus")
    payment = read.word(payload.get("orderPaymentStatus"), "orderPaymentStatus")
    if payment.endswith("REFUNDED"):
        read.warn("refunded" if payment == "FULLY_REFUNDED" else "partly_refunded")
    paid = _known(_PAID, payment, "orderPaymentStatus")
    return State.AWAITING_PAYMENT if state is State.OPEN and not paid else state


def _is_cancel_requested(read: Reading, payload: Mapping[str, Any]) -> bool:
    cancel = read.part(payload.get("cancelStatus"), "cancelStatus")
    requests = read.parts(cancel.get("cancelRequests"), "cancelRequests")
    return cancel.get("cancelState") == "IN_PROGRESS" or any(
        r.get("cancelRequestState") == "REQUESTED" for r in requests
    )


def _instructions(read: Reading, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """eBay sends a list and promises that it holds one entry at most."""
    entries = read.parts(payload.get("fulfillmentStartInstructions"), "fulfillmentStartInstructions")
    return entries[0] if entries else {}


def _is_by_ebay(read: Reading, payload: Mapping[str, Any], how: Mapping[str, Any]) -> bool:
    program = read.part(read.part(payload.get("program"), "program").get("fulfillmentProgram"), "fulfillmentProgram")
    return program.get("fulfilledBy") == "EBAY" or how.get("fulfillmentInstructionsType") == "FULFILLED_BY_EBAY"


def _amount(read: Reading, value: object, what: str, *, signed: bool = False) -> int:
    """An eBay Amount in minor units; a missing one is zero."""
    amount = read.part(value, what)
    if not amount:
        return 0
    take = read.signed if signed else read.price
    return take(amount.get("value"), amount.get("currency"), what=what)


# lines


def _lines(read: Reading, payload: Mapping[str, Any], state: State, how: Mapping[str, Any]) -> tuple[Line, ...]:
    entries = read.parts(payload.get("lineItems"), "lineItems")
    read.line_ids([read.identifier(entry.get("lineItemId"), what="lineItemId") for entry in entries])
    kind = read.word(how.get("fulfillmentInstructionsType"), "fulfillmentInstructionsType")
    if kind not in _METHODS:
        raise BadOrder("delivery_unknown", f"eBay's delivery “{kind}” is not known here.", value=kind)
    pickup = read.part(how.get("pickupStep"), "pickupStep")
    method = _METHODS[kind]
    location = read.identifier(pickup.get("merchantLocationKey"), what="merchantLocationKey") if pickup else ""
    lines = [_line(read, entry, state) for entry in entries]
    return tuple(replace(line, method=method, location=location) for line in lines)


def _line(read: Reading, entry: Mapping[str, Any], state: State) -> Line:
    quantity = read.units(entry.get("quantity"), what="quantity")
    if entry.get("lineItemCost") is None and state not in (State.AWAITING_PAYMENT, State.CANCELLED):
        raise BadOrder("price_missing", "A line has no price.", line=entry["lineItemId"])
    cost = _amount(read, entry.get("lineItemCost"), "lineItemCost")
    discounted = cost
    if entry.get("discountedLineItemCost") is not None:
        discounted = _amount(read, entry["discountedLineItemCost"], "discountedLineItemCost")
    if discounted > cost:
        raise BadOrder("discount_negative", "A line costs more after its discount.", line=entry["lineItemId"])
    unit_price, rounding = read.unit_price(cost, quantity)
    own_tax, _ = _taxes(read, entry)
    shipped = quantity if _line_state(read, entry) is State.SHIPPED else 0
    return Line(
        external_id=read.identifier(entry.get("lineItemId"), what="lineItemId"),
        sku=_sku(read, entry),
        title=read.text(entry.get("title"), "title", most=500),
        quantity=quantity,
        unit_price=unit_price,
        discount=cost - discounted + rounding,
        tax=own_tax,
        total=discounted + own_tax,
        cancelled=quantity - shipped if state is State.CANCELLED else 0,
        shipped=shipped,
    )


def _sku(read: Reading, entry: Mapping[str, Any]) -> str:
    """Old listings may have no SKU; eBay's own item number can be mapped as well."""
    if entry.get("sku"):
        return read.identifier(entry["sku"], what="sku")
    read.warn("sku_missing")
    parts = [entry.get("legacyItemId"), entry.get("legacyVariationId")]
    return read.identifier("-".join(part for part in parts if isinstance(part, str) and part), what="legacyItemId")


def _line_state(read: Reading, entry: Mapping[str, Any]) -> State:
    word = read.word(entry.get("lineItemFulfillmentStatus"), "lineItemFulfillmentStatus") or "NOT_STARTED"
    state: State = _known(_FULFILMENT, word, "lineItemFulfillmentStatus")
    if state is State.PARTIALLY_SHIPPED:
        read.warn("shipped_units_unknown")  # eBay tells how many only with the order's fulfilments
    return state


def _taxes(read: Reading, entry: Mapping[str, Any]) -> tuple[int, int]:
    """Return (tax we owe, tax eBay collects and remits). eBay may list its own among `taxes` once more."""
    listed = sum(_amount(read, tax.get("amount"), "taxes") for tax in read.parts(entry.get("taxes"), "taxes"))
    collected = read.parts(entry.get("ebayCollectAndRemitTaxes"), "ebayCollectAndRemitTaxes")
    theirs = sum(_amount(read, tax.get("amount"), "ebayCollectAndRemitTaxes") for tax in collected)
    return (listed - theirs if listed >= theirs else listed), theirs


# sums


def _sums(read: Reading, payload: Mapping[str, Any], lines: Sequence[Line], state: State) -> dict[str, Any]:
    """shipping, discount, tax, tax_included and total of the order, checked against each other.

    The tax that eBay collects for itself may or may not stand in its tax and in its total, depending on the
    order's marketplace and the fields asked for; it is no money of ours and is left out either way.
    """
    summary = read.part(payload.get("pricingSummary"), "pricingSummary")
    entries = read.parts(payload.get("lineItems"), "lineItems")
    theirs = sum(_taxes(read, entry)[1] for entry in entries)
    shipping, discount = _shipping_and_discount(read, summary, lines)
    fees = _amount(read, summary.get("fee"), "fee")
    tax = max(0, _amount(read, summary.get("tax"), "tax") - sum(line.tax for line in lines))
    is_stated = bool(summary.get("total"))
    stated = _amount(read, summary.get("total"), "total")
    goods = sum(line.total for line in lines) + shipping + fees - discount
    own_tax, total = min(
        ((own, stated - left_out) for own in {tax, max(0, tax - theirs)} for left_out in {0, theirs}),
        key=lambda pair: (abs(pair[1] - goods - pair[0]), pair[0]),
    )
    if not is_stated:
        read.warn("total_missing")
        own_tax, total = tax, goods + tax
    elif total != stated:
        read.warn("marketplace_tax_left_out")
    if is_stated:
        expected, lenient = goods + own_tax, state is State.CANCELLED
        total = read.total(stated=total, expected=expected, lines=len(lines), lenient=lenient)
    return {
        "shipping": shipping + fees,
        "discount": discount,
        "tax": own_tax,
        "tax_included": not own_tax and not any(line.tax for line in lines),
        "total": total,
    }


def _shipping_and_discount(read: Reading, summary: Mapping[str, Any], lines: Sequence[Line]) -> tuple[int, int]:
    """eBay writes discounts as negative amounts. Discounts of the lines are part of `priceDiscount` already."""
    delivery = _amount(read, summary.get("deliveryCost"), "deliveryCost")
    shipping = delivery - abs(_amount(read, summary.get("deliveryDiscount"), "deliveryDiscount", signed=True))
    if shipping < 0:
        raise BadOrder("shipping_negative", "The discount on delivery is larger than its cost.", shipping=shipping)
    adjustment = _amount(read, summary.get("adjustment"), "adjustment", signed=True)
    whole = abs(_amount(read, summary.get("priceDiscount"), "priceDiscount", signed=True))
    of_lines = sum(line.discount for line in lines)
    return shipping + max(0, adjustment), max(0, whole - of_lines) + max(0, -adjustment)


def _payments(read: Reading, payload: Mapping[str, Any], total: int) -> tuple[Payment, ...]:
    """The buyer paid eBay; eBay pays us out. Of an order still unpaid there is a promise only."""
    entries = read.parts(read.part(payload.get("paymentSummary"), "paymentSummary").get("payments"), "payments")
    reference = next((entry["paymentReferenceId"] for entry in entries if entry.get("paymentReferenceId")), "")
    if not total:
        return ()
    return (
        Payment(
            method="marketplace",
            amount=total,
            reference=read.text(reference, "paymentReferenceId"),
            captured=payload.get("orderPaymentStatus") not in ("PENDING", "FAILED"),
            collected_by_channel=True,
        ),
    )


# people


def _ship_to(read: Reading, how: Mapping[str, Any], *, required: bool) -> Address | None:
    """Where the parcel goes: with eBay's own shipping programmes that is their partner, not the buyer's door."""
    if how.get("fulfillmentInstructionsType") == "PREPARE_FOR_PICKUP":
        return None
    contact = read.part(read.part(how.get("shippingStep"), "shippingStep").get("shipTo"), "shipTo")
    return _contact_address(read, contact, required=required)


def _contact_address(read: Reading, contact: Mapping[str, Any], *, required: bool) -> Address | None:
    place = read.part(contact.get("contactAddress"), "contactAddress")
    if not place:
        return addresses.address(read, {}, required=required)
    return addresses.address(
        read,
        {
            "name": contact.get("fullName"),
            "company": contact.get("companyName"),
            "line1": place.get("addressLine1"),
            "line2": place.get("addressLine2"),
            "city": place.get("city"),
            "region": place.get("stateOrProvince") or place.get("county"),
            "postcode": place.get("postalCode"),
            "country": place.get("countryCode"),
            "phone": read.part(contact.get("primaryPhone"), "primaryPhone").get("phoneNumber"),
        },
        required=required,
    )


def _buyer(read: Reading, payload: Mapping[str, Any], how: Mapping[str, Any], ship_to: Address | None) -> Buyer:
    buyer = read.part(payload.get("buyer"), "buyer")
    contact = read.part(buyer.get("buyerRegistrationAddress"), "buyerRegistrationAddress")
    shipped_to = read.part(read.part(how.get("shippingStep"), "shippingStep").get("shipTo"), "shipTo")
    is_partner = how.get("ebaySupportedFulfillment") is True
    email, is_relay = read.email(contact.get("email") or shipped_to.get("email"), "email", relay_prefix="members.ebay.")
    own_phone = read.text(read.part(contact.get("primaryPhone"), "primaryPhone").get("phoneNumber"), "phoneNumber")
    name = read.text(contact.get("fullName"), "fullName")
    if not is_partner:
        name = name or read.text(shipped_to.get("fullName"), "fullName")
        own_phone = own_phone or (ship_to.phone if ship_to else "")
    return Buyer(
        name=name,
        email=email,
        phone=own_phone,
        reference=read.text(buyer.get("username"), "username"),
        email_is_relay=is_relay,
    )
