"""Speaks to Amazon's Selling Partner API: Orders 2026-01-01, Listings Items 2021-08-01, Orders v0 for shipments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from channels.connectors import answers, pushing
from channels.connectors.amazon.translate import translate
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
from oms import clock
from oms.transport import Request, Response
from orders.incoming import IncomingOrder

HOST = "https://sellingpartnerapi-eu.amazon.com"
AUTH_HOST = "https://api.amazon.com"
INCLUDED = "BUYER,RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT,PACKAGES,TAX"
PAGE = 100
MOST_PAGES = 1000
MOST_EMPTY_PAGES = 3
MERCHANT = "DEFAULT"  # the channel code of stock that we send ourselves
# Carriers Amazon tracks by name; any other goes as "Other" with its name beside it.
CARRIERS = {
    name.casefold(): name
    for name in (
        "UPS",
        "FedEx",
        "USPS",
        "DHL",
        "DPD",
        "GLS",
        "Royal Mail",
        "Hermes",
        "Evri",
        "Yodel",
        "TNT",
        "Parcelforce",
    )
}


class Amazon:
    """Settings of the account: `seller_id`, `marketplace_id`; if need be `api` and `auth` (base URLs), `zero_price`."""

    kind: ClassVar[str] = "amazon"
    budgets: ClassVar[Mapping[str, Budget]] = {
        "searchOrders": Budget(rate=0.0056, burst=20),
        "getOrder": Budget(rate=0.5, burst=30),
        "patchListingsItem": Budget(rate=5, burst=5),
        "getListingsItem": Budget(rate=5, burst=10),
        "confirmShipment": Budget(rate=2, burst=10),
    }
    stock_batch: ClassVar[int] = 5
    overlap: ClassVar[float] = 600
    settle: ClassVar[float] = 125  # Amazon refuses an upper bound newer than two minutes

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    # token

    @staticmethod
    def token_request(account: Account, credentials: Credentials) -> Request:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": credentials.refresh_token,
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        return Request(
            method="POST",
            url=account.settings.get("auth", AUTH_HOST) + "/auth/o2/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )

    @staticmethod
    def read_token(response: Response) -> Token:
        return answers.token(response, vendor="Amazon")

    @staticmethod
    def authorise(request: Request, access_token: str) -> Request:
        return replace(request, headers={**request.headers, "x-amz-access-token": access_token})

    @staticmethod
    def token_refused(response: Response) -> bool:
        """Does the answer mean that the access token, and only it, is no longer good?

        Amazon says 403 for that as well as for a missing role; only the words in `details` tell them apart.
        """
        details = str(answers.first_error(response).get("details", "")) if response.status == 403 else ""
        return response.status == 401 or ("token" in details and "expired" in details)

    # orders

    def orders_changed(self, *, since: datetime, until: datetime) -> Iterator[OrderPage]:
        filters = (
            ("lastUpdatedAfter", clock.render(since)),
            ("lastUpdatedBefore", clock.render(until)),
            ("marketplaceIds", self._setting("marketplace_id")),
            ("maxResultsPerPage", str(PAGE)),
            ("includedData", INCLUDED),
        )
        token, seen, empty = "", set[str](), 0
        for _ in range(MOST_PAGES):
            page, bodies = self._page((*filters, ("paginationToken", token)) if token else filters)
            token = _next_token(page)
            empty = 0 if bodies else empty + 1
            if token in seen or empty > MOST_EMPTY_PAGES:
                raise Unavailable("Amazon's pages run in a circle.", code="page_repeated")
            seen.add(token)
            yield OrderPage(orders=tuple(self._raw(body, since) for body in bodies), is_last=not token)
            if not token:
                return
        raise Unavailable(f"Amazon's pages do not end after {MOST_PAGES}.", code="pages_endless")

    def _page(self, params: tuple[tuple[str, str], ...]) -> tuple[Mapping[str, Any], list[bytes]]:
        request = Request(method="GET", url=self._url("/orders/2026-01-01/orders"), params=params)
        response = self._send("searchOrders", request)
        if not response.ok:
            raise _refusal(response)
        return answers.page_of_orders(response)

    def order(self, external_number: str) -> RawOrder | None:
        url = self._url(f"/orders/2026-01-01/orders/{quote(external_number, safe='')}")
        response = self._send("getOrder", Request(method="GET", url=url, params=(("includedData", INCLUDED),)))
        if response.status == 404:
            return None
        if not response.ok:
            raise _refusal(response)
        return self._raw(answers.member(response, "order"), clock.EARLIEST)

    def translate(self, payload: Mapping[str, Any]) -> IncomingOrder:
        return translate(payload, self.wire.account)

    def _raw(self, body: bytes, otherwise: datetime) -> RawOrder:
        zone = self.wire.account.zone
        return answers.raw_order(body, number="orderId", stamp="lastUpdatedTime", zone=zone, otherwise=otherwise)

    # stock

    def push_stock(self, updates: Sequence[StockUpdate]) -> list[StockResult]:
        """Set absolute quantities. Accepted is not yet shown: `read_stock` must confirm it later."""
        return pushing.one_by_one(updates, self._push)

    def _push(self, update: StockUpdate) -> StockResult:
        """Look before the patch: a quantity of ours on stock that lies at Amazon would turn the offer into ours."""
        listing = self._listing(update.sku)
        if listing is None:
            return _result(update, Outcome.REJECTED, "listing_unknown", "Amazon has no listing of this SKU.")
        if _is_at_amazon(listing):
            return _result(update, Outcome.REJECTED, "fulfilled_by_channel", "This stock lies at Amazon.")
        product_type = update.product_type or _product_type(listing)
        if not product_type:
            return _result(update, Outcome.REJECTED, "product_type_unknown", "The listing has no product type.")
        url, params = self._listing_address(update.sku)
        request = Request.with_json("PATCH", url, _patch(product_type, update.quantity), params=params)
        response = self._send("patchListingsItem", request)
        if response.ok:
            return _stock_result(update, answers.document(response))
        failed = _refusal(response)
        if isinstance(failed, Rejected):
            return _result(update, Outcome.REJECTED, failed.code, str(failed))
        raise failed

    def read_stock(self, skus: Sequence[str]) -> dict[str, int]:
        """Quantities of what we send ourselves; stock that lies at Amazon is absent."""
        found = {}
        for sku in skus:
            for channel in answers.objects(self._listing(sku) or {}, "fulfillmentAvailability"):
                if channel.get("fulfillmentChannelCode") == MERCHANT and type(channel.get("quantity")) is int:
                    found[sku] = channel["quantity"]
        return found

    def _listing(self, sku: str) -> Mapping[str, Any] | None:
        url, params = self._listing_address(sku)
        params = (*params, ("includedData", "summaries,fulfillmentAvailability"))
        response = self._send("getListingsItem", Request(method="GET", url=url, params=params))
        if response.status == 404:
            return None
        if not response.ok:
            raise _refusal(response)
        return answers.document(response)

    def _listing_address(self, sku: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        seller = quote(self._setting("seller_id"), safe="")
        url = self._url(f"/listings/2021-08-01/items/{seller}/{quote(sku, safe='')}")
        return url, (("marketplaceIds", self._setting("marketplace_id")),)

    # shipments

    def push_shipment(self, shipment: Shipment) -> Outcome:
        """Confirm a package under our own number: sent again it edits that package, so repeating is safe."""
        if not re.fullmatch(r"[1-9][0-9]*", shipment.package, re.ASCII):
            raise Rejected("Amazon takes numbers only as a package's reference.", code="package_invalid")
        carrier = CARRIERS.get(shipment.carrier.casefold(), "Other")
        package: dict[str, Any] = {
            "packageReferenceId": shipment.package,
            "carrierCode": carrier,
            "trackingNumber": shipment.tracking_number,
            "shipDate": clock.render(shipment.shipped_at),
            "orderItems": [{"orderItemId": line, "quantity": units} for line, units in shipment.units],
        }
        if carrier == "Other":
            package["carrierName"] = shipment.carrier or "Other"
        url = self._url(f"/orders/v0/orders/{quote(shipment.external_number, safe='')}/shipmentConfirmation")
        body = {"marketplaceId": self._setting("marketplace_id"), "packageDetail": package}
        response = self._send("confirmShipment", Request.with_json("POST", url, body))
        if not response.ok:
            raise _refusal(response)
        return Outcome.DONE

    # everything

    def _send(self, operation: str, request: Request) -> Response:
        headers = {"Accept": "application/json", **request.headers}
        return self.wire.send(operation, replace(request, headers=headers))

    def _url(self, path: str) -> str:
        return self.wire.account.settings.get("api", HOST) + path

    def _setting(self, name: str) -> str:
        if found := self.wire.account.settings.get(name):
            return found
        raise Rejected(f"The account {self.wire.account.code} has no {name} in its settings.", code="setting_missing")


def _next_token(page: Mapping[str, Any]) -> str:
    token = answers.inner(page, "pagination").get("nextToken")
    return token if isinstance(token, str) else ""


def _is_at_amazon(listing: Mapping[str, Any]) -> bool:
    channels = answers.objects(listing, "fulfillmentAvailability")
    return any(str(channel.get("fulfillmentChannelCode")) != MERCHANT for channel in channels)


def _product_type(listing: Mapping[str, Any]) -> str:
    named = (summary.get("productType") for summary in answers.objects(listing, "summaries"))
    return next((name for name in named if isinstance(name, str)), "")


def _patch(product_type: str, quantity: int) -> dict[str, Any]:
    """`merge` and not `replace`: the same attribute holds the handling time, which is not ours to erase."""
    value = [{"fulfillment_channel_code": MERCHANT, "quantity": quantity}]
    change = {"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}
    return {"productType": product_type, "patches": [change]}


def _stock_result(update: StockUpdate, answer: Mapping[str, Any]) -> StockResult:
    if answer.get("status") == "ACCEPTED":
        return _result(update, Outcome.ACCEPTED)
    errors = (issue for issue in answers.objects(answer, "issues") if issue.get("severity") == "ERROR")
    issue: Mapping[str, Any] = next(errors, {})
    code = str(issue.get("code") or answer.get("status") or "unanswered")
    outcome = Outcome.REJECTED if answer.get("status") else Outcome.RETRY
    return _result(update, outcome, code, str(issue.get("message", "")))


def _result(update: StockUpdate, outcome: Outcome, code: str = "", message: str = "") -> StockResult:
    return StockResult(listing=update.listing, outcome=outcome, code=code, message=message)


def _refusal(response: Response) -> ChannelFailed:
    error = answers.first_error(response)
    code = str(error.get("code") or f"http_{response.status}")
    message = str(error.get("message") or f"Amazon said no ({response.status}).")
    kind = Unauthorised if response.status == 403 else Rejected
    return kind(message, code=code, request_id=response.headers.get("x-amzn-requestid", ""))
