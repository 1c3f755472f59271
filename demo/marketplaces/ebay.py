"""A simulated eBay: token endpoint, Sell Fulfillment v1 (orders, shipments), Sell Inventory v1 (stock)."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote

from demo.marketplaces import playground
from demo.marketplaces.marketplace import Marketplace, Route, Unknown, changed_between, shuffled
from demo.marketplaces.server import Call, Reply

# What eBay publishes is calls a day; as rates these would be 100 000 and 2 000 000 over 86 400 seconds.
VENDOR_RATES = {
    "getOrders": (1.15, 100.0),
    "getOrder": (1.15, 100.0),
    "getShippingFulfillments": (1.15, 100.0),
    "createShippingFulfillment": (1.15, 100.0),
    "bulkUpdatePriceQuantity": (23.0, 200.0),
    "getInventoryItem": (23.0, 200.0),
}
_WINDOW = re.compile(r"lastmodifieddate:\[([^\]]*?)\.\.([^\]]*)\]")
_ORDERS = "/sell/fulfillment/v1/order"
_SERIALS = 10**10
_SPREAD = 387_420_489  # has no factor in common with _SERIALS, so no two serials share a number


class EbayMarketplace(Marketplace):
    kind: ClassVar[str] = "ebay"

    def __init__(self, *, marketplace_id: str = "EBAY_GB", revisions_a_day: int | None = None, **more: Any) -> None:
        """`revisions_a_day`: how often one listing may be revised (eBay: 250); None does not count."""
        self.marketplace_id = marketplace_id
        self.revisions_a_day = revisions_a_day
        super().__init__(**more)

    def routes(self) -> Sequence[Route]:
        packages = _ORDERS + "/{number}/shipping_fulfillment"
        inventory = "/sell/inventory/v1"
        return (
            *playground.routes(self),
            _route("POST", "/identity/v1/oauth2/token", "token", self._token, needs_token=False),
            _route("GET", _ORDERS, "getOrders", self._get_orders),
            _route("GET", _ORDERS + "/{number}", "getOrder", self._get_order),
            _route("GET", packages, "getShippingFulfillments", self._get_packages),
            _route("POST", packages, "createShippingFulfillment", self._create_package),
            _route("POST", inventory + "/bulk_update_price_quantity", "bulkUpdatePriceQuantity", self._update),
            _route("GET", inventory + "/inventory_item/{sku}", "getInventoryItem", self._get_item),
        )

    def number(self, serial: int) -> str:
        mixed = serial * _SPREAD % _SERIALS
        return f"14-{mixed // 100_000:05}-{mixed % 100_000:05}"

    def refusal(self, status: int, code: str, message: str) -> Reply:
        category = "APPLICATION" if status >= 500 else "REQUEST"
        error_id = int(code) if code.isdigit() else {429: 2001, 404: 2002, 401: 1001}.get(status, 30500)
        error = {"errorId": error_id, "domain": "API", "category": category, "message": message, "longMessage": message}
        return Reply.of({"errors": [error]}, status)

    # token

    def _token(self, call: Call, names: Mapping[str, str]) -> Reply:
        expected = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        form = dict(parse_qsl(call.body.decode()))
        if call.headers.get("authorization") != f"Basic {expected}":
            return Reply.of({"error": "invalid_client", "error_description": "client authentication failed"}, 401)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh_token:
            return Reply.of({"error": "invalid_grant", "error_description": "the refresh token is invalid"}, 400)
        token = {
            "access_token": self.give_token(),
            "expires_in": self.token_lifetime,
            "token_type": "User Access Token",
        }
        return Reply.of(token)

    def token_of(self, call: Call) -> str:
        return call.headers.get("authorization", "").removeprefix("Bearer ")

    def refuse_token(self) -> Reply:
        return self.refusal(401, "1001", "Invalid access token")

    # orders

    def _get_orders(self, call: Call, names: Mapping[str, str]) -> Reply:
        window = _WINDOW.search(call.query.get("filter", ""))
        if window is None:
            return self.refusal(400, "30700", "Invalid filter name")
        try:
            since, until = (datetime.fromisoformat(stamp) for stamp in window.groups() if stamp)
        except ValueError:
            return self.refusal(400, "30810", "Invalid date format")
        if max(since, until) > self.now():
            return self.refusal(400, "30850", "Start and end dates can't be in the future")
        limit, offset = call.query.get("limit", "50"), call.query.get("offset", "0")
        if not limit.isdigit() or not 1 <= int(limit) <= 200:
            return self.refusal(400, "31100", f"Invalid limit: {limit}")
        if not offset.isdigit():
            return self.refusal(400, "31000", f"Invalid offset: {offset}")
        found = sorted(changed_between(list(self.orders.values()), since, self._seen_until(until)), key=_creation)
        return self._page(call, found, int(limit), int(offset))

    def _seen_until(self, until: datetime) -> datetime:
        if stale := self.faults.strike("getOrders", {"stale_read"}):
            return min(until, datetime.fromtimestamp(self.now().timestamp() - stale.seconds, UTC))
        return until

    def _page(self, call: Call, found: list[dict[str, Any]], limit: int, offset: int) -> Reply:
        loops = self.faults.strike("getOrders", {"loop"})
        if self.faults.strike("getOrders", {"reorder"}):
            found = shuffled(found, call.query["filter"])
        part = found[:limit] if loops else found[offset : offset + limit]
        if self.faults.strike("getOrders", {"duplicate_orders"}):
            part = [order for order in part for _ in range(2)]
        more = bool(loops) or offset + limit < len(found)
        if self.faults.strike("getOrders", {"empty_page"}):
            part, more = [], True
        here = f"https://api.ebay.com{_ORDERS}?filter={quote(call.query['filter'])}&limit={limit}&offset="
        page: dict[str, Any] = {
            "href": f"{here}{offset}",
            "total": len(found),
            "limit": limit,
            "offset": offset,
            "orders": [self.render(order) for order in part],
        }
        if more:
            page["next"] = f"{here}{offset + limit}"
        return Reply.of(page)

    def _get_order(self, call: Call, names: Mapping[str, str]) -> Reply:
        try:
            order = self.order(unquote(names["number"]))
        except Unknown:
            return self.refusal(404, "32100", f"Invalid order ID: {names['number']}")
        rendered = self.render(order)
        if order["cancel_requested"]:
            request = {"cancelRequestId": "1", "cancelInitiator": "Buyer", "cancelRequestState": "REQUESTED"}
            rendered["cancelStatus"]["cancelRequests"] = [request]
        return Reply.of(rendered)

    def render(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """One order as eBay tells it."""
        progress = {"none": "NOT_STARTED", "some": "IN_PROGRESS", "all": "FULFILLED"}
        cancel = "CANCELED" if order["cancelled"] else "IN_PROGRESS" if order["cancel_requested"] else "NONE_REQUESTED"
        buyer, currency, total = order["buyer"], order["currency"], f"{self.total(order)}"
        payment = {
            "paymentMethod": "EBAY",
            "amount": {"value": total, "currency": currency},
            "paymentStatus": "PAID" if order["paid"] else "PENDING",
        }
        subtotal = sum(self.cost(line) for line in order["lines"])
        rendered = {
            "orderId": order["number"],
            "creationDate": _zulu(order["created"]),
            "lastModifiedDate": _zulu(order["modified"]),
            "orderFulfillmentStatus": progress[self.progress(order)],
            "orderPaymentStatus": "PAID" if order["paid"] else "PENDING",
            "sellerId": "demo_seller",
            "buyer": {"username": buyer.get("username", "")},
            "pricingSummary": {
                "priceSubtotal": {"value": f"{subtotal}", "currency": currency},
                "deliveryCost": {"value": order["shipping"], "currency": currency},
                "total": {"value": total, "currency": currency},
            },
            "cancelStatus": {"cancelState": cancel, "cancelRequests": []},
            "paymentSummary": {"payments": [payment], "refunds": []},
            "fulfillmentStartInstructions": [_instruction(order)],
            "fulfillmentHrefs": [],
            "lineItems": [self._render_line(order, line) for line in order["lines"]],
        }
        if order["note"]:
            rendered["buyerCheckoutNotes"] = order["note"]
        if order["by_channel"]:
            rendered["program"] = {"fulfillmentProgram": {"fulfilledBy": "EBAY"}}
        return rendered

    def _render_line(self, order: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
        shipped = self.shipped_units(order, line["id"])
        state = "NOT_STARTED" if not shipped else "FULFILLED" if shipped >= line["quantity"] else "IN_PROGRESS"
        cost = {"value": f"{self.cost(line)}", "currency": order["currency"]}
        return {
            "lineItemId": line["id"],
            "legacyItemId": line["listing_id"],
            "sku": line["sku"],
            "title": line["title"],
            "quantity": line["quantity"],
            "lineItemCost": cost,
            "total": cost,
            "soldFormat": "FIXED_PRICE",
            "listingMarketplaceId": self.marketplace_id,
            "purchaseMarketplaceId": self.marketplace_id,
            "lineItemFulfillmentStatus": state,
            "taxes": [],
            "appliedPromotions": [],
            "refunds": [],
        }

    # shipments

    def _get_packages(self, call: Call, names: Mapping[str, str]) -> Reply:
        try:
            order = self.order(unquote(names["number"]))
        except Unknown:
            return self.refusal(400, "32100", f"Invalid order ID: {names['number']}")
        packages = [_render_package(package) for package in order["packages"]]
        return Reply.of({"fulfillments": packages, "total": len(packages), "warnings": []})

    def _create_package(self, call: Call, names: Mapping[str, str]) -> Reply:
        """Every call opens another package, as at eBay: looking first is the caller's duty."""
        try:
            order, said = self.order(unquote(names["number"])), call.json()
        except Unknown:
            return self.refusal(400, "32100", f"Invalid Order Id: {names['number']}")
        except ValueError:
            return self.refusal(400, "32600", "Invalid input data")
        units = {str(line.get("lineItemId")): int(line.get("quantity", 1)) for line in said.get("lineItems") or []}
        if refused := self._why_not_ship(order, said, units):
            return refused
        number = str(said.get("trackingNumber") or 9_400_000_000 + len(order["packages"]))
        package = {
            "id": f"{number}#{len(order['packages'])}",
            "fulfillment": number,
            "tracking": said.get("trackingNumber", ""),
            "carrier": said.get("shippingCarrierCode", ""),
            "shipped": said.get("shippedDate") or _zulu(self.now().isoformat()),
            "units": units,
        }
        if not self.faults.strike("createShippingFulfillment", {"forget"}):
            self.add_package(order["number"], package)
        place = f"https://api.ebay.com{_ORDERS}/{order['number']}/shipping_fulfillment/{number}"
        return Reply(status=201, headers={"Location": place})

    def _why_not_ship(
        self, order: Mapping[str, Any], said: Mapping[str, Any], units: Mapping[str, int]
    ) -> Reply | None:
        ordered = {line["id"]: line["quantity"] for line in order["lines"]}
        if bool(said.get("trackingNumber")) != bool(said.get("shippingCarrierCode")):
            return self.refusal(400, "32300", "Invalid shipment tracking number or carrier")
        if not units or any(line not in ordered for line in units):
            return self.refusal(400, "32200", "Invalid line item id")
        if any(count < 1 or count > ordered[line] for line, count in units.items()) or order["cancelled"]:
            return self.refusal(400, "32600", "Invalid input data")
        return None

    # stock

    def _update(self, call: Call, names: Mapping[str, str]) -> Reply:
        try:
            requests = call.json().get("requests") or []
        except ValueError:
            return self.refusal(400, "25002", "Any User error. The body is no JSON.")
        if len({entry.get("sku") for entry in requests}) != 1:
            return self.refusal(400, "25002", "Any User error. Only one SKU can be updated per call.")
        parts = [part for entry in requests for part in self._update_one(entry)]
        return Reply.of({"responses": parts}, 200 if all(part["statusCode"] == 200 for part in parts) else 207)

    def _update_one(self, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
        sku, quantity = entry.get("sku"), (entry.get("shipToLocationAvailability") or {}).get("quantity")
        offers = entry.get("offers") or []
        if sku not in self.listings:
            return [_part_refused({"sku": sku}, 25702, f"{sku} could not be found or is not available in the system.")]
        listing = self.listings[sku]
        numbers = [quantity, *(offer.get("availableQuantity") for offer in offers)]
        if any(type(number) is not int or number < 0 for number in numbers):
            return [_part_refused({"sku": sku}, 25709, "Invalid value for quantity.")]
        if self.faults.strike("bulkUpdatePriceQuantity", {"part_fails"}):
            return [_part_refused({"sku": sku}, 25001, "A system error has occurred.", 500)]
        if self.revisions_a_day is not None and listing["revisions"] >= self.revisions_a_day:
            return [_part_refused({"sku": sku}, 25002, "The listing was revised too often today.")]
        done: list[dict[str, Any]] = [{"sku": sku, "statusCode": 200}]
        wrong = [offer for offer in offers if offer.get("offerId") != listing["offer_id"]]
        done += [
            _part_refused({"sku": sku, "offerId": o.get("offerId")}, 25709, "Invalid value for offerId.") for o in wrong
        ]
        done += [{"sku": sku, "offerId": o["offerId"], "statusCode": 200} for o in offers if o not in wrong]
        if not self.faults.strike("bulkUpdatePriceQuantity", {"forget"}):
            listing["revisions"] += 1
            of_offer = next((offer["availableQuantity"] for offer in offers if offer not in wrong), None)
            self.take_push(sku, numbers[0], offer_quantity=of_offer)
        return done

    def _get_item(self, call: Call, names: Mapping[str, str]) -> Reply:
        sku = unquote(names["sku"])
        if sku not in self.listings:
            return self.refusal(404, "25710", "We didn't find the resource/entity you are requesting.")
        listing = self.listings[sku]
        return Reply.of(
            {
                "sku": sku,
                "condition": "NEW",
                "product": {"title": listing["title"]},
                "availability": {"shipToLocationAvailability": {"quantity": self.stock_of(sku)}},
            }
        )


def _route(method: str, pattern: str, operation: str, handler: Any, **more: Any) -> Route:
    return Route(method=method, pattern=pattern, operation=operation, handler=handler, **more)


def _part_refused(part: Mapping[str, Any], error_id: int, message: str, status: int = 400) -> dict[str, Any]:
    category = "APPLICATION" if status >= 500 else "REQUEST"
    error = {"errorId": error_id, "domain": "API_INVENTORY", "category": category, "message": message}
    return {**part, "statusCode": status, "errors": [error]}


def _render_package(package: Mapping[str, Any]) -> dict[str, Any]:
    rendered = {
        "fulfillmentId": package["fulfillment"],
        "shippedDate": package["shipped"],
        "lineItems": [{"lineItemId": line, "quantity": count} for line, count in package["units"].items()],
    }
    if package["tracking"]:
        rendered |= {"shipmentTrackingNumber": package["tracking"], "shippingCarrierCode": package["carrier"]}
    return rendered


def _instruction(order: Mapping[str, Any]) -> dict[str, Any]:
    """How the order reaches its buyer; the address is known from the sale on."""
    if order["by_channel"]:
        return {"fulfillmentInstructionsType": "FULFILLED_BY_EBAY"}
    buyer, address = order["buyer"], order["address"]
    contact = {
        "fullName": address.get("name") or buyer.get("name", ""),
        "contactAddress": {
            "addressLine1": address.get("line1", ""),
            "addressLine2": address.get("line2", ""),
            "city": address.get("city", ""),
            "stateOrProvince": address.get("region", ""),
            "postalCode": address.get("postcode", ""),
            "countryCode": address.get("country", ""),
        },
        "primaryPhone": {"phoneNumber": address.get("phone") or buyer.get("phone", "")},
        "email": buyer.get("email", ""),
    }
    return {"fulfillmentInstructionsType": "SHIP_TO", "shippingStep": {"shipTo": contact}}


def _creation(order: Mapping[str, Any]) -> tuple[str, str]:
    return str(order["created"]), str(order["number"])


def _zulu(stamp: str) -> str:
    """eBay's form: UTC with milliseconds and Z."""
    return datetime.fromisoformat(stamp).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
