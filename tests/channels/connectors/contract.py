"""Holds calls against the vendors' published contracts, which lie beside the checkout (OMS_SPECS says where else).

`Checked` wraps whatever sends a request, so that a connector's tests and whole journeys are checked alike.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from oms.transport import Request, Response

SPECS = Path(os.environ.get("OMS_SPECS", Path(__file__).resolve().parents[4] / "shared" / "specs"))
EBAY, AMAZON = "https://api.ebay.com", "https://sellingpartnerapi-na.amazon.com"


@dataclass(frozen=True)
class Contract:
    """One of the vendor's files, and the paths it speaks of."""

    prefix: str
    file: str
    host: str
    base: str  # what stands between host and the paths of the file
    silent: frozenset[int] = frozenset()  # statuses the vendor answers with and the file does not mention


# eBay's files name no refusals of the gateway in front of the operations.
_GATEWAY = frozenset({401, 403, 404, 429, 503})
CONTRACTS = (
    Contract("/sell/fulfillment/v1", "ebay/sell_fulfillment_v1_oas3.json", EBAY, "/sell/fulfillment/v1", _GATEWAY),
    Contract("/sell/inventory/v1", "ebay/sell_inventory_v1_oas3.json", EBAY, "/sell/inventory/v1", _GATEWAY),
    Contract("/orders/2026-01-01", "amazon/oas3/orders_2026-01-01.json", AMAZON, ""),
    Contract("/orders/v0", "amazon/oas3/ordersV0.json", AMAZON, ""),
    Contract("/listings/2021-08-01", "amazon/oas3/listingsItems_2021-08-01.json", AMAZON, ""),
)
TOKEN_PATHS = ("/identity/v1/oauth2/token", "/auth/o2/token")  # no vendor publishes a contract for these

needs_specs = pytest.mark.skipif(not SPECS.is_dir(), reason=f"no vendor contracts at {SPECS} (set OMS_SPECS)")


class ContractBroken(AssertionError):
    """A call or its answer is not what the vendor's contract says."""


@dataclass
class Checked:
    """Sends, and holds the exchange against the contract. Remembers what it saw."""

    send: Callable[[Request], Response]
    seen: list[tuple[str, int]] = field(default_factory=list)  # (operation, status) of each exchange checked

    def __call__(self, request: Request) -> Response:
        response = self.send(request)
        if operation := check(request, response):
            self.seen.append((operation, response.status))
        return response


def check(request: Request, response: Response) -> str:
    """Return the operation's id, "" for a token call. Raises ContractBroken."""
    path = urlsplit(request.url).path
    if path in TOKEN_PATHS:
        return ""
    contract = next((c for c in CONTRACTS if path.startswith(c.prefix)), None)
    if contract is None:
        raise ContractBroken(f"{request.method} {path} is in no contract.")
    _check_prose(request, path)
    return _check_schema(contract, request, response, path)


def _check_schema(contract: Contract, request: Request, response: Response, path: str) -> str:
    openapi = _openapi(contract)
    asked = MockRequest(
        contract.host,
        request.method.lower(),
        path,
        args=dict(request.params),
        headers=dict(request.headers),
        data=request.body or None,
        content_type=request.headers.get("Content-Type", ""),
    )
    said = MockResponse(
        response.body,
        status_code=response.status,
        headers=dict(response.headers),
        content_type=response.headers.get("content-type", "").partition(";")[0] or "application/json",
    )
    try:
        openapi.validate_request(asked)
        if response.status not in contract.silent and response.body:
            openapi.validate_response(asked, said)
        operation = openapi.unmarshal_request(asked)
    except OpenAPIError as broken:
        why = "; ".join(_reasons(broken))
        raise ContractBroken(f"{request.method} {path} → {response.status}: {why}") from broken
    del operation
    return _operation_id(contract, request.method, path)


def _reasons(broken: BaseException) -> Iterator[str]:
    yield str(broken)[:200]
    for error in getattr(broken, "schema_errors", None) or ():
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
    if broken.__cause__ is not None:
        yield from _reasons(broken.__cause__)


def _check_prose(request: Request, path: str) -> None:
    """What the vendors say in words only."""
    names = {name.lower() for name in request.headers}
    token = "authorization" if path.startswith("/sell/") else "x-amz-access-token"
    if token not in names:
        raise ContractBroken(f"{path}: no {token} header.")
    asked = dict(request.params)
    if path == "/orders/2026-01-01/orders":
        if ("lastUpdatedAfter" in asked) == ("createdAfter" in asked):
            raise ContractBroken("searchOrders takes exactly one of lastUpdatedAfter and createdAfter.")
        if not 1 <= int(asked.get("maxResultsPerPage", "100")) <= 100:
            raise ContractBroken("searchOrders gives 100 orders a page at most.")
    if path == "/sell/fulfillment/v1/order" and int(asked.get("limit", "50")) > 200:
        raise ContractBroken("getOrders gives 200 orders a page at most.")
    if path.endswith("/bulk_update_price_quantity") and len(json.loads(request.body)["requests"]) != 1:
        raise ContractBroken("bulkUpdatePriceQuantity takes one SKU a call.")


@cache
def _openapi(contract: Contract) -> OpenAPI:
    spec = document(contract)
    return OpenAPI.from_dict(spec, config=Config(spec_validator_cls=None))


@cache
def document(contract: Contract) -> dict[str, Any]:
    """The file, with its server spelt out and with every property it does not name forbidden."""
    spec: dict[str, Any] = json.loads((SPECS / contract.file).read_text())
    spec["servers"] = [{"url": contract.host + contract.base}]
    spec.pop("security", None)
    _forbid_unnamed(spec.get("components", {}).get("schemas", {}))
    for operations in spec["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("security", None)  # asked for in words above: a scope cannot be seen in a header
    return spec


def _forbid_unnamed(node: object) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
            node["additionalProperties"] = False
        for child in node.values():
            _forbid_unnamed(child)
    elif isinstance(node, list):
        for child in node:
            _forbid_unnamed(child)


def _operation_id(contract: Contract, method: str, path: str) -> str:
    inner = path.removeprefix(contract.base).split("/")
    for template, operations in document(contract)["paths"].items():
        parts = template.split("/")
        if len(parts) == len(inner) and all(p == i or p.startswith("{") for p, i in zip(parts, inner, strict=True)):
            found = operations.get(method.lower())
            if found:
                return str(found["operationId"])
    raise ContractBroken(f"{method} {path} is no operation of {contract.file}.")


def full_url(request: Request) -> str:
    """The URL as it goes over the wire, parameters quoted."""
    return request.url + (f"?{urlencode(request.params)}" if request.params else "")
