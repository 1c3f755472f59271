"""Speaks to eBay: Sell Fulfillment v1 for orders and shipments, Sell Inventory v1 for stock."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from channels.connectors import answers, pushing
from channels.connectors.base import (
    Account,
    Budget,
    ChannelFailed,
    Credentials,
    OrderPage,
    Outcome,
    RawOrder,
    Rejected,
    Shipment,
    StockResult,
    StockUpdate,
    Token,
    Unauthorised,
    Unavailable,
    Wire,
)
from channels.connectors.ebay.translate import translate
from oms import clock
from oms.transport import Request, Response
from orders.incoming import IncomingOrder

HOST = "https://api.ebay.com"
SCOPES = "https://api.ebay.com/oauth/api_scope/sell.inventory https://api.ebay.com/oauth/api_scope/sell.fulfillment"
PAGE = 200
MOST_PAGES = 1000
_IN_THE_FUTURE = "30850"  # their clock is behind ours: the same question is right a moment later
_OFFSET = re.compile(r"[?&]offset=(\d{1,9})(?:&|$)", re.ASCII)
_UNKNOWN_SKU = {"25702", "25710"}


class Ebay:
    """Settings of the account: `api` and `auth` (base URLs), `marketplace_id` (such as EBAY_GB), `zero_price`."""

    kind: ClassVar[str] = "ebay"
    # eBay counts by day and application; these spread a part of the published day over its seconds.
    budgets: ClassVar[Mapping[str, Budget]] = {
        "getOrders": Budget(rate=0.5, burst=50),
        "getOrder": Budget(rate=0.5, burst=50),
        "getShippingFulfillments": Budget(rate=0.5, burst=50),
        "createShippingFulfillment": Budget(rate=0.5, burst=50),
        "bulkUpdatePriceQuantity": Budget(rate=10, burst=100),
        "getInventoryItem": Budget(rate=10, burst=100),
    }
    stock_batch: ClassVar[int] = 10
    overlap: ClassVar[float] = 600
    settle: ClassVar[float] = 1

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    # token

    @staticmethod
    def token_request(account: Account, credentials: Credentials) -> Request:
        pair = f"{credentials.client_id}:{credentials.client_secret}".encode()
        form = {"grant_type": "refresh_token", "refresh_token": credentials.refresh_token, "scope": SCOPES}
        return Request(
            method="POST",
            url=account.settings.get("auth", HOST) + "/identity/v1/oauth2/token",
            headers={
                "Authorization": "Basic " + base64.b64encode(pair).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(form).encode(),
        )

    @staticmethod
    def read_token(response: Response) -> Token:
        return answers.token(response, vendor="eBay")

    @staticmethod
    def authorise(request: Request, access_token: str) -> Request:
        return replace(request, headers={**request.headers, "Authorization": f"Bearer {access_token}"})

    @staticmethod
    def token_refused(response: Response) -> bool:
        """Does the answer mean that the access token, and only it, is no longer good?"""
        return response.status == 401

    # orders

    def orders_changed(self, *, since: datetime, until: datetime) -> Iterator[OrderPage]:
        """Yield the pages of the window. `until` stays the same for all, as offsets count within it.

        When orders leave the window meanwhile (changed once more), those behind move up and the next offset would
        jump over some: the shrunken `total` shows it, and the page is asked for again from further up.
        """
        window = f"lastmodifieddate:[{clock.render(since)}..{clock.render(until)}]"
        offset, total, seen = 0, 0, set[str]()
        for _ in range(MOST_PAGES):
            page, bodies = self._page(window, offset)
            size = page.get("total")
            gone, total = (total - size, size) if type(size) is int else (0, total)
            if offset and gone > 0:
                offset = max(0, offset - gone)
                seen.clear()
                continue
            has_more = bool(page.get("next"))
            _check_progress(bodies, has_more=has_more, seen=seen)
            yield OrderPage(orders=tuple(self._raw(body, since) for body in bodies), is_last=not has_more)
            if not has_more:
                return
            offset = _next_offset(page, offset, len(set(bodies)))
        raise Unavailable(f"eBay's pages do not end after {MOST_PAGES}.", code="pages_endless")

    def _page(self, window: str, offset: int) -> tuple[Mapping[str, Any], list[bytes]]:
        params = (("filter", window), ("limit", str(PAGE)), ("offset", str(offset)))
        response = self._send("getOrders", Request(method="GET", url=self._fulfilment("/order"), params=params))
        if not response.ok:
            raise _refusal(response)
        return answers.page_of_orders(response)

    def order(self, external_number: str) -> RawOrder | None:
        request = Request(method="GET", url=self._fulfilment(f"/order/{quote(external_number, safe='')}"))
        response = self._send("getOrder", request)
        if response.status == 404:
            return None
        if not response.ok:
            raise _refusal(response)
        answers.document(response)
        return self._raw(response.body, clock.EARLIEST)

    def translate(self, payload: Mapping[str, Any]) -> IncomingOrder:
        return translate(payload, self.wire.account)

    def _raw(self, body: bytes, otherwise: datetime) -> RawOrder:
        zone = self.wire.account.zone
        return answers.raw_order(body, number="orderId", stamp="lastModifiedDate", zone=zone, otherwise=otherwise)

    # stock

    def push_stock(self, updates: Sequence[StockUpdate]) -> list[StockResult]:
        """Set absolute quantities; `external_id` is the offer's id. One SKU a call, as the contract's text demands."""
        return pushing.one_by_one(updates, self._push)

    def _push(self, update: StockUpdate) -> StockResult:
        change: dict[str, Any] = {"sku": update.sku, "shipToLocationAvailability": {"quantity": update.quantity}}
        if update.external_id:
            change["offers"] = [{"offerId": update.external_id, "availableQuantity": update.quantity}]
        url = self._inventory("/bulk_update_price_quantity")
        response = self._send("bulkUpdatePriceQuantity", Request.with_json("POST", url, {"requests": [change]}))
        if response.ok:
            return _stock_result(update, answers.document(response))
        failed = _refusal(response)
        if isinstance(failed, Rejected):
            return _result(update, Outcome.REJECTED, failed.code, str(failed))
        raise failed

    def read_stock(self, skus: Sequence[str]) -> dict[str, int]:
        found = {}
        for sku in skus:
            quantity = self._quantity(sku)
            if quantity is not None:
                found[sku] = quantity
        return found

    def _quantity(self, sku: str) -> int | None:
        request = Request(method="GET", url=self._inventory(f"/inventory_item/{quote(sku, safe='')}"))
        response = self._send("getInventoryItem", request)
        if response.status == 404:
            return None
        if not response.ok:
            failed = _refusal(response)
            if failed.code in _UNKNOWN_SKU:
                return None
            raise failed
        availability = answers.inner(answers.document(response), "availability")
        quantity = answers.inner(availability, "shipToLocationAvailability").get("quantity")
        return quantity if type(quantity) is int else None

    # shipments

    def push_shipment(self, shipment: Shipment) -> Outcome:
        """Every call that succeeds opens another package, so look for this one first."""
        url = self._fulfilment(f"/order/{quote(shipment.external_number, safe='')}/shipping_fulfillment")
        if self._is_told(url, shipment):
            return Outcome.DONE
        package: dict[str, Any] = {
            "lineItems": [{"lineItemId": line, "quantity": units} for line, units in shipment.units],
            "shippedDate": clock.render(shipment.shipped_at),
        }
        if shipment.tracking_number:
            package["shippingCarrierCode"] = shipment.carrier or "Other"
            package["trackingNumber"] = shipment.tracking_number
        response = self._send("createShippingFulfillment", Request.with_json("POST", url, package))
        if response.status == 409:
            raise Unavailable("eBay is changing this order right now.", code="conflict")
        if not response.ok:
            raise _refusal(response)
        return Outcome.DONE

    def _is_told(self, url: str, shipment: Shipment) -> bool:
        response = self._send("getShippingFulfillments", Request(method="GET", url=url))
        if not response.ok:
            raise _refusal(response)
        packages = answers.objects(answers.document(response), "fulfillments")
        return any(_is_same_package(package, shipment) for package in packages)

    # everything

    def _send(self, operation: str, request: Request) -> Response:
        headers = {"Accept": "application/json", **request.headers}
        if marketplace := self.wire.account.settings.get("marketplace_id"):
            headers["X-EBAY-C-MARKETPLACE-ID"] = marketplace
        return self.wire.send(operation, replace(request, headers=headers))

    def _fulfilment(self, path: str) -> str:
        return self.wire.account.settings.get("api", HOST) + "/sell/fulfillment/v1" + path

    def _inventory(self, path: str) -> str:
        return self.wire.account.settings.get("api", HOST) + "/sell/inventory/v1" + path


def _next_offset(page: Mapping[str, Any], offset: int, different: int) -> int:
    """Where eBay says that the next page begins, if that is no further than a page; else behind what came."""
    said = _OFFSET.search(str(page["next"]))
    told = int(said[1]) if said else 0
    return told if offset < told <= offset + PAGE else offset + different


def _check_progress(bodies: Sequence[bytes], *, has_more: bool, seen: set[str]) -> None:
    """Raises Unavailable for a page that came before, or an empty one that promises more."""
    if has_more and not bodies:
        raise Unavailable("eBay sent an empty page that is not the last.", code="page_empty")
    content = hashlib.sha256(b"\n".join(bodies)).hexdigest()
    if bodies and content in seen:
        raise Unavailable("eBay sent the same page again.", code="page_repeated")
    seen.add(content)


def _is_same_package(package: Mapping[str, Any], shipment: Shipment) -> bool:
    """The same tracking number; without one, the same units at the same moment."""
    if shipment.tracking_number:
        theirs = str(package.get("shipmentTrackingNumber") or "")
        return "".join(theirs.split()).upper() == "".join(shipment.tracking_number.split()).upper()
    units = {(line.get("lineItemId"), line.get("quantity")) for line in answers.objects(package, "lineItems")}
    return units == set(shipment.units) and package.get("shippedDate") == clock.render(shipment.shipped_at)


def _stock_result(update: StockUpdate, answer: Mapping[str, Any]) -> StockResult:
    """200 and 207 alike hold a status for each part: the inventory item's and each offer's. All must be well."""
    parts = [
        part
        for part in answers.objects(answer, "responses")
        if part.get("sku") == update.sku or _names_offer(part, update)
    ]
    if not parts:
        return _result(update, Outcome.RETRY, "unanswered", "eBay's answer does not name the SKU.")
    broken = next((part for part in parts if part.get("statusCode") != 200), None)
    if broken is None:
        return _result(update, Outcome.DONE)
    error: Mapping[str, Any] = next(iter(answers.objects(broken, "errors")), {})
    status = broken.get("statusCode")
    is_passing = error.get("category") == "APPLICATION" or (type(status) is int and status >= 500)
    outcome = Outcome.RETRY if is_passing else Outcome.REJECTED
    return _result(update, outcome, str(error.get("errorId", status)), str(error.get("message", "")))


def _names_offer(part: Mapping[str, Any], update: StockUpdate) -> bool:
    return bool(update.external_id) and part.get("offerId") == update.external_id


def _result(update: StockUpdate, outcome: Outcome, code: str = "", message: str = "") -> StockResult:
    return StockResult(listing=update.listing, outcome=outcome, code=code, message=message)


def _refusal(response: Response) -> ChannelFailed:
    error = answers.first_error(response)
    code = str(error.get("errorId") or f"http_{response.status}")
    message = str(error.get("longMessage") or error.get("message") or f"eBay said no ({response.status}).")
    request_id = response.headers.get("x-ebay-c-request-id", "")
    kind: type[ChannelFailed] = Rejected
    if response.status == 403:
        kind = Unauthorised
    elif code == _IN_THE_FUTURE or error.get("category") == "APPLICATION":
        kind = Unavailable
    return kind(message, code=code, request_id=request_id)
