"""A simulated Amazon: token endpoint, Orders 2026-01-01, Listings Items 2021-08-01, and v0's shipment confirmation."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from demo.marketplaces import playground
from demo.marketplaces.marketplace import Marketplace, Route, Unknown, changed_between
from demo.marketplaces.server import Call, Reply

VENDOR_RATES = {
    "searchOrders": (0.0056, 20.0),
    "getOrder": (0.5, 30.0),
    "patchListingsItem": (5.0, 5.0),
    "getListingsItem": (5.0, 10.0),
    "confirmShipment": (2.0, 10.0),
}
_ORDERS = "/orders/2026-01-01/orders"
_ITEM = "/listings/2021-08-01/items/{seller}/{sku}"
_SERIALS = 10**14
_SPREAD = 3**29  # has no factor in common with _SERIALS, so no two serials share a number
_NUMBER = re.compile(r"\d{3}-\d{7}-\d{7}")


class AmazonMarketplace(Marketplace):
    kind: ClassVar[str] = "amazon"

    def __init__(
        self,
        *,
        seller_id: str = "A2DEMOSELLER",
        marketplace_id: str = "A1F83G8C2ARO7P",
        settle: float = 120,
        patch_delay: float = 0,
        hides_people: bool = False,
        **more: Any,
    ) -> None:
        """`settle`: how far back an upper bound must lie (Amazon: two minutes).

        `patch_delay`: seconds until a patch shows. `hides_people`: the app lacks the role to see buyers, so their
        blocks are missing.
        """
        self.seller_id, self.marketplace_id = seller_id, marketplace_id
        self.settle, self.patch_delay, self.hides_people = settle, patch_delay, hides_people
        self._patches: list[tuple[datetime, str, int]] = []
        self._requests = 0
        super().__init__(**more)

    def routes(self) -> Sequence[Route]:
        confirm = "/orders/v0/orders/{number}/shipmentConfirmation"
        return (
            *playground.routes(self),
            _route("POST", "/auth/o2/token", "token", self._token, needs_token=False),
            _route("GET", _ORDERS, "searchOrders", self._search),
            _route("GET", _ORDERS + "/{number}", "getOrder", self._get_order),
            _route("GET", _ITEM, "getListingsItem", self._get_listing),
            _route("PATCH", _ITEM, "patchListingsItem", self._patch),
            _route("POST", confirm, "confirmShipment", self._confirm),
        )

    def number(self, serial: int) -> str:
        mixed = serial * _SPREAD % _SERIALS
        return f"702-{mixed // 10**7:07}-{mixed % 10**7:07}"

    def refusal(self, status: int, code: str, message: str, details: str = "") -> Reply:
        error = {"code": code, "message": message, "details": details}
        return Reply.of({"errors": [error]}, status, **self._headers())

    def answer(self, call: Call) -> Reply:
        self._apply_patches()
        reply = super().answer(call)
        return replace(reply, headers={**self._headers(), **reply.headers})

    def _headers(self) -> dict[str, str]:
        self._requests += 1
        return {"x-amzn-RequestId": f"demo-{self._requests:08}"}

    # token

    def _token(self, call: Call, names: Mapping[str, str]) -> Reply:
        form = dict(parse_qsl(call.body.decode()))
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return Reply.of({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.refresh_token:
            return Reply.of({"error": "invalid_grant", "error_description": "The request has an invalid grant"}, 400)
        return Reply.of(
            {
                "access_token": self.give_token(),
                "refresh_token": self.refresh_token,
                "token_type": "bearer",
                "expires_in": self.token_lifetime,
            }
        )

    def token_of(self, call: Call) -> str:
        return call.headers.get("x-amz-access-token", "")

    def refuse_token(self) -> Reply:
        """403, not 401: only the details tell a stale token from a missing role."""
        message = "Access to requested resource is denied."
        return self.refusal(403, "Unauthorized", message, "The access token you provided has expired.")

    # orders

    def _search(self, call: Call, names: Mapping[str, str]) -> Reply:
        latest = self.now() - timedelta(seconds=self.settle)
        try:
            since = datetime.fromisoformat(call.query["lastUpdatedAfter"])
            until = datetime.fromisoformat(call.query.get("lastUpdatedBefore", latest.isoformat()))
            most = int(call.query.get("maxResultsPerPage", "100"))
        except (KeyError, ValueError):
            return self.refusal(400, "InvalidInput", "lastUpdatedAfter must be an ISO 8601 date.")
        if "createdAfter" in call.query or not since <= until <= latest or not 1 <= most <= 100:
            return self.refusal(400, "InvalidInput", "The dates or the page size are out of range.")
        if call.query.get("marketplaceIds", self.marketplace_id) != self.marketplace_id:
            return self.refusal(400, "InvalidInput", "marketplaceIds are not of this account.")
        after = _read_page_token(call.query.get("paginationToken", ""))
        if after is None:
            return self.refusal(400, "InvalidInput", "The paginationToken is invalid.")
        shown_until = until
        if stale := self.faults.strike("searchOrders", {"stale_read"}):
            shown_until = min(until, self.now() - timedelta(seconds=stale.seconds))
        found = sorted(changed_between(list(self.orders.values()), since, shown_until), key=_change)
        return self._page(call, [order for order in found if _change(order) > after], most, until)

    def _page(self, call: Call, found: list[dict[str, Any]], most: int, until: datetime) -> Reply:
        part, token = found[:most], ""
        if len(found) > most:
            token = _page_token(part[-1])
        if self.faults.strike("searchOrders", {"reorder"}):
            part = part[::-1]
        if self.faults.strike("searchOrders", {"duplicate_orders"}):
            part = [order for order in part for _ in range(2)]
        if self.faults.strike("searchOrders", {"loop"}):
            token = call.query.get("paginationToken") or _page_token({"modified": "", "number": ""})
        if self.faults.strike("searchOrders", {"empty_page"}):
            part, token = [], _page_token({"modified": "", "number": f"-{self._requests}"})
        included = set(call.query.get("includedData", "").split(","))
        page: dict[str, Any] = {
            "orders": [self.render(order, included) for order in part],
            "lastUpdatedBefore": _zulu(until.isoformat()),
        }
        if token:
            page["pagination"] = {"nextToken": token}
        return Reply.of(page)

    def _get_order(self, call: Call, names: Mapping[str, str]) -> Reply:
        number = unquote(names["number"])
        if not _NUMBER.fullmatch(number):
            return self.refusal(400, "InvalidInput", "The orderId is invalid.")
        try:
            order = self.order(number)
        except Unknown:
            return self.refusal(404, "NotFound", "The requested order does not exist.")
        included = set(call.query.get("includedData", "").split(","))
        return Reply.of({"order": self.render(order, included)})

    def render(self, order: Mapping[str, Any], included: set[str]) -> dict[str, Any]:
        """One order as Amazon tells it. While it is pending neither prices nor people are known."""
        known = order["paid"]
        rendered: dict[str, Any] = {
            "orderId": order["number"],
            "createdTime": _zulu(order["created"]),
            "lastUpdatedTime": _zulu(order["modified"]),
            "programs": [],
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": self.marketplace_id},
            "orderItems": [self._render_item(order, line, included) for line in order["lines"]],
        }
        if "FULFILLMENT" in included:
            rendered["fulfillment"] = {
                "fulfillmentStatus": self._status(order),
                "fulfilledBy": "AMAZON" if order["by_channel"] else "MERCHANT",
                "fulfillmentServiceLevel": "STANDARD",
            }
        if known and "BUYER" in included and not self.hides_people:
            rendered["buyer"] = {
                "buyerName": order["buyer"].get("name", ""),
                "buyerEmail": order["buyer"].get("email", ""),
            }
        if known and "RECIPIENT" in included and not self.hides_people:
            rendered["recipient"] = {"deliveryAddress": _address(order)}
        if known and "PROCEEDS" in included:
            rendered["proceeds"] = {"grandTotal": _money(self.total(order), order)}
        if order["packages"] and "PACKAGES" in included and not order["by_channel"]:
            rendered["packages"] = [_render_package(package) for package in order["packages"]]
        return rendered

    def _status(self, order: Mapping[str, Any]) -> str:
        if order["cancelled"]:
            return "CANCELLED"
        if not order["paid"]:
            return "PENDING"
        return {"none": "UNSHIPPED", "some": "PARTIALLY_SHIPPED", "all": "SHIPPED"}[self.progress(order)]

    def _render_item(self, order: Mapping[str, Any], line: Mapping[str, Any], included: set[str]) -> dict[str, Any]:
        product = {"asin": line["asin"], "title": line["title"], "sellerSku": line["sku"]}
        item: dict[str, Any] = {"orderItemId": line["id"], "quantityOrdered": line["quantity"], "product": product}
        if order["paid"]:
            product["price"] = {"unitPrice": _money(line["price"], order)}
        if order["paid"] and "PROCEEDS" in included:
            item["proceeds"] = self._proceeds(order, line)
        if "FULFILLMENT" in included:
            shipped = self.shipped_units(order, line["id"])
            left = 0 if order["cancelled"] else line["quantity"] - shipped
            item["fulfillment"] = {"quantityFulfilled": shipped, "quantityUnfulfilled": left}
        if "CANCELLATION" in included and order["cancel_requested"]:
            item["cancellation"] = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Bought by mistake"}}
        return item

    def _proceeds(self, order: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
        """All of the delivery's cost goes with the first line."""
        breakdowns = [{"type": "ITEM", "subtotal": _money(self.cost(line), order)}]
        total = self.cost(line)
        if line is order["lines"][0] and float(order["shipping"]):
            breakdowns.append({"type": "SHIPPING", "subtotal": _money(order["shipping"], order)})
            total = self.total({**order, "lines": [line]})
        return {"proceedsTotal": _money(total, order), "breakdowns": breakdowns}

    # listings

    def _get_listing(self, call: Call, names: Mapping[str, str]) -> Reply:
        sku = unquote(names["sku"])
        if refused := self._why_no_listing(call, names):
            return refused
        listing, stamp = self.listings[sku], _zulu(self.now().isoformat())
        included = set(call.query.get("includedData", "summaries").split(","))
        found: dict[str, Any] = {"sku": sku}
        if "summaries" in included:
            summary = {
                "marketplaceId": self.marketplace_id,
                "asin": listing["asin"],
                "productType": listing["product_type"],
                "status": ["BUYABLE", "DISCOVERABLE"] if self.stock_of(sku) else ["DISCOVERABLE"],
                "itemName": listing["title"],
                "createdDate": stamp,
                "lastUpdatedDate": stamp,
            }
            found["summaries"] = [summary]
        if "fulfillmentAvailability" in included:
            code = "AMAZON_EU" if listing["by_channel"] else "DEFAULT"
            found["fulfillmentAvailability"] = [{"fulfillmentChannelCode": code, "quantity": self.stock_of(sku)}]
        return Reply.of(found)

    def _why_no_listing(self, call: Call, names: Mapping[str, str]) -> Reply | None:
        if unquote(names["seller"]) != self.seller_id or call.query.get("marketplaceIds") != self.marketplace_id:
            return self.refusal(400, "BAD_REQUEST", "The seller or the marketplace is not of this account.")
        if unquote(names["sku"]) not in self.listings:
            return self.refusal(404, "NOT_FOUND", f"SKU '{unquote(names['sku'])}' not found.")
        return None

    def _patch(self, call: Call, names: Mapping[str, str]) -> Reply:
        """Accepted at once, shown after `patch_delay`. A quantity of ours takes an offer out of Amazon's hands."""
        refused = self._why_no_listing(call, names)
        if refused is not None and refused.status != 404:
            return refused
        sku = unquote(names["sku"])
        try:
            quantity = _quantity(call.json())
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            return self.refusal(400, "BAD_REQUEST", "Invalid input")
        fails = self.faults.strike("patchListingsItem", {"part_fails"})
        if fails or refused is not None or quantity < 0:
            return Reply.of(_submission(sku, "INVALID", "The attributes are invalid."))
        if not self.faults.strike("patchListingsItem", {"forget"}):
            self._patches.append((self.now() + timedelta(seconds=self.patch_delay), sku, quantity))
            self._apply_patches()
        return Reply.of(_submission(sku, "ACCEPTED"))

    def _apply_patches(self) -> None:
        with self.lock:
            due = [patch for patch in self._patches if patch[0] <= self.now()]
            self._patches = [patch for patch in self._patches if patch not in due]
            for _, sku, quantity in due:
                self.listings[sku]["by_channel"] = False
                self.take_push(sku, quantity)

    # shipments

    def _confirm(self, call: Call, names: Mapping[str, str]) -> Reply:
        """The same reference edits its package, another one adds a package."""
        try:
            order, said = self.order(unquote(names["number"])), call.json()
            package = said["packageDetail"]
            units = {line["orderItemId"]: int(line["quantity"]) for line in package["orderItems"]}
        except Unknown:
            return self.refusal(404, "NotFound", "The specified order does not exist.")
        except (KeyError, TypeError, ValueError):
            return self.refusal(400, "InvalidInput", "Invalid Input")
        if refused := self._why_not_ship(order, package, units):
            return refused
        if not self.faults.strike("confirmShipment", {"forget"}):
            kept = {
                "id": package["packageReferenceId"],
                "tracking": package.get("trackingNumber", ""),
                "carrier": package.get("carrierName") or package.get("carrierCode", ""),
                "shipped": package.get("shipDate", ""),
                "units": units,
            }
            self.add_package(order["number"], kept)
        return Reply(status=204)

    def _why_not_ship(
        self, order: Mapping[str, Any], package: Mapping[str, Any], units: Mapping[str, int]
    ) -> Reply | None:
        others = [kept for kept in order["packages"] if kept["id"] != package.get("packageReferenceId")]
        sent = {line["id"]: self.shipped_units({"packages": others}, line["id"]) for line in order["lines"]}
        left = {line["id"]: line["quantity"] - sent[line["id"]] for line in order["lines"]}
        if not str(package.get("packageReferenceId", "")).isdigit() or not package.get("trackingNumber"):
            return self.refusal(400, "InvalidInput", "packageReferenceId must be a positive number.")
        if package.get("carrierCode") == "Other" and not package.get("carrierName"):
            return self.refusal(400, "InvalidInput", "carrierName is required.")
        if not units or any(count < 1 or count > left.get(line, 0) for line, count in units.items()):
            return self.refusal(400, "InvalidInput", "The items or their quantities are not of this order.")
        if order["cancelled"] or not order["paid"]:
            return self.refusal(400, "InvalidInput", "The order is not ready for shipment.")
        return None


def _route(method: str, pattern: str, operation: str, handler: Any, **more: Any) -> Route:
    return Route(method=method, pattern=pattern, operation=operation, handler=handler, **more)


def _quantity(said: Mapping[str, Any]) -> int:
    """The quantity a patch asks for. Raises for any other patch."""
    (patch,) = said["patches"]
    if patch["path"] != "/attributes/fulfillment_availability" or patch["op"] not in ("add", "replace", "merge"):
        raise ValueError(patch["path"])
    (value,) = patch["value"]
    if value["fulfillment_channel_code"] != "DEFAULT" or type(value["quantity"]) is not int or not said["productType"]:
        raise ValueError(value)
    return value["quantity"]


def _submission(sku: str, status: str, trouble: str = "") -> dict[str, Any]:
    issue = {"code": "90000900", "message": trouble, "severity": "ERROR", "categories": ["INVALID_ATTRIBUTE"]}
    return {"sku": sku, "status": status, "submissionId": "f1dc291475dd11ea", "issues": [issue] if trouble else []}


def _render_package(package: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "packageReferenceId": package["id"],
        "packageStatus": {"status": "SHIPPED"},
        "carrier": package["carrier"],
        "shipTime": package["shipped"],
        "trackingNumber": package["tracking"],
        "packageItems": [{"orderItemId": line, "quantity": count} for line, count in package["units"].items()],
    }


def _address(order: Mapping[str, Any]) -> dict[str, str]:
    buyer, address = order["buyer"], order["address"]
    return {
        "name": address.get("name") or buyer.get("name", ""),
        "addressLine1": address.get("line1", ""),
        "addressLine2": address.get("line2", ""),
        "city": address.get("city", ""),
        "stateOrRegion": address.get("region", ""),
        "postalCode": address.get("postcode", ""),
        "countryCode": address.get("country", ""),
        "phone": address.get("phone") or buyer.get("phone", ""),
    }


def _money(amount: object, order: Mapping[str, Any]) -> dict[str, str]:
    return {"amount": str(amount), "currencyCode": order["currency"]}


def _change(order: Mapping[str, Any]) -> tuple[str, str]:
    return str(order["modified"]), str(order["number"])


def _page_token(last: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(_change(last)).encode()).decode()


def _read_page_token(token: str) -> tuple[str, str] | None:
    """The place after which the page begins; None for a token that was not given out."""
    if not token:
        return "", ""
    try:
        modified, number = json.loads(base64.urlsafe_b64decode(token))
    except ValueError:
        return None
    return str(modified), str(number)


def _zulu(stamp: str) -> str:
    return datetime.fromisoformat(stamp).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
