"""Captured and composed payloads, and small ways to spoil them."""

import copy
import json
from pathlib import Path
from typing import Any

from channels.connectors.amazon.translate import translate as from_amazon
from channels.connectors.base import Account
from channels.connectors.ebay.translate import translate as from_ebay
from orders.incoming import IncomingOrder

CAPTURED = Path(__file__).resolve().parents[2] / "captured"
EBAY_ORDERS = sorted(path.stem for path in (CAPTURED / "ebay").glob("*.json"))


def ebay_order(name: str = "paid") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CAPTURED / "ebay" / f"{name}.json").read_text())
    return found


def amazon_orders() -> dict[str, dict[str, Any]]:
    """Amazon's own examples by order number."""
    exchanges = json.loads((CAPTURED / "amazon" / "orders_2026.json").read_text())
    good = [exchange["response"] for exchange in exchanges if exchange["status"] == 200]
    orders = [order for response in good for order in response.get("orders") or [response["order"]]]
    return {order["orderId"]: copy.deepcopy(order) for order in orders}


def amazon_order() -> dict[str, Any]:
    """An open order of two lines that the merchant sends: twice 49.99 and once 20.00, delivery 4.99, in pounds."""

    def money(amount: str) -> dict[str, str]:
        return {"amount": amount, "currencyCode": "GBP"}

    def item(number: str, sku: str, quantity: int, each: str, cost: str) -> dict[str, Any]:
        return {
            "orderItemId": number,
            "quantityOrdered": quantity,
            "product": {"asin": "B08C1W5N87", "title": sku, "sellerSku": sku, "price": {"unitPrice": money(each)}},
            "proceeds": {"proceedsTotal": money(cost), "breakdowns": [{"type": "ITEM", "subtotal": money(cost)}]},
            "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": quantity},
        }

    items = [item("90000000000001", "LAMP-2", 2, "49.99", "99.98"), item("90000000000002", "BULB", 1, "20.00", "20.00")]
    items[0]["proceeds"]["breakdowns"].append({"type": "SHIPPING", "subtotal": money("4.99")})
    return {
        "orderId": "202-7654321-1098765",
        "createdTime": "2026-10-02T09:14:27Z",
        "lastUpdatedTime": "2026-10-02T09:16:03Z",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1F83G8C2ARO7P"},
        "buyer": {"buyerName": "Miriam Okafor", "buyerEmail": "x7k2@marketplace.amazon.co.uk"},
        "recipient": {
            "deliveryAddress": {
                "name": "Miriam Okafor",
                "addressLine1": "7 Lantern Row",
                "city": "Bristol",
                "postalCode": "BS3 1JP",
                "countryCode": "GB",
                "phone": "07700 900123",
            }
        },
        "proceeds": {"grandTotal": money("124.97")},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "orderItems": items,
    }


def account(kind: str, currency: str = "GBP", **settings: str) -> Account:
    return Account(code=f"{kind}-shop", currency=currency, zone="Europe/London", settings=settings)


def ebay(payload: dict[str, Any], currency: str = "GBP", **settings: str) -> IncomingOrder:
    return from_ebay(payload, account("ebay", currency, **settings))


def amazon(payload: dict[str, Any], currency: str = "GBP", **settings: str) -> IncomingOrder:
    return from_amazon(payload, account("amazon", currency, **settings))


def put(payload: dict[str, Any], path: str, value: object) -> None:
    """Set the value at a path such as "lineItems.0.quantity"; the value `GONE` takes the key away."""
    *way, last = path.split(".")
    place: Any = payload
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is GONE:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value


GONE = object()

# Where each vendor keeps what the catalogue speaks of.
WHERE: dict[str, dict[str, Any]] = {
    "ebay": {
        "order": ebay_order,
        "read": ebay,
        "number": "orderId",
        "placed": "creationDate",
        "status": "orderFulfillmentStatus",
        "lines": "lineItems",
        "line_id": "lineItems.0.lineItemId",
        "second_id": "lineItems.1.lineItemId",
        "sku": "lineItems.0.sku",
        "title": "lineItems.0.title",
        "quantity": "lineItems.0.quantity",
        "cost": "lineItems.0.lineItemCost.value",
        "currency": "lineItems.0.lineItemCost.currency",
        "total": "pricingSummary.total.value",
        "name": "fulfillmentStartInstructions.0.shippingStep.shipTo.fullName",
        "to": "fulfillmentStartInstructions.0.shippingStep.shipTo",
        "region": "fulfillmentStartInstructions.0.shippingStep.shipTo.contactAddress.stateOrProvince",
        "postcode": "fulfillmentStartInstructions.0.shippingStep.shipTo.contactAddress.postalCode",
        "country": "fulfillmentStartInstructions.0.shippingStep.shipTo.contactAddress.countryCode",
        "optional": ["buyer", "fulfillmentHrefs", "paymentSummary", "lineItems.0.title", "cancelStatus"],
        "nullable": ["lineItems.0.taxes", "cancelStatus.cancelRequests", "paymentSummary.payments"],
    },
    "amazon": {
        "order": amazon_order,
        "read": amazon,
        "number": "orderId",
        "placed": "createdTime",
        "status": "fulfillment.fulfillmentStatus",
        "lines": "orderItems",
        "line_id": "orderItems.0.orderItemId",
        "second_id": "orderItems.1.orderItemId",
        "sku": "orderItems.0.product.sellerSku",
        "title": "orderItems.0.product.title",
        "quantity": "orderItems.0.quantityOrdered",
        "cost": "orderItems.0.proceeds.breakdowns.0.subtotal.amount",
        "currency": "orderItems.0.proceeds.breakdowns.0.subtotal.currencyCode",
        "total": "proceeds.grandTotal.amount",
        "name": "recipient.deliveryAddress.name",
        "to": "recipient",
        "region": "recipient.deliveryAddress.stateOrRegion",
        "postcode": "recipient.deliveryAddress.postalCode",
        "country": "recipient.deliveryAddress.countryCode",
        "optional": ["buyer", "salesChannel", "fulfillment.fulfilledBy", "orderItems.0.product.title"],
        "nullable": ["orderItems.1.proceeds.breakdowns", "packages", "proceeds.breakdowns"],
    },
}
