"""A program that calls the API, and the bodies it sends."""

import json
from itertools import count
from typing import Any

from django.test import Client

from tests import factories

_numbers = count(1)
HOME = {
    "name": "Greg Sterling", "line1": "1 Main St", "city": "Reading", "region": "PA", "postcode": "19601",
    "country": "US",
}  # fmt: skip


def line(sku: str, quantity: int = 1, *, price: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "id": str(next(_numbers)), "sku": sku, "quantity": quantity, "unit_price": price, "total": quantity * price,
        **more,
    }  # fmt: skip


def body(*lines: dict[str, Any], channel: str = "web", **more: Any) -> dict[str, Any]:
    """A paid order of the web shop for Greg Sterling."""
    total = sum(each["total"] for each in lines)
    return {
        "channel": channel, "number": f"W-{next(_numbers)}", "placed_at": "2026-11-03T14:02:10Z", "currency": "USD",
        "buyer": {"name": "Greg Sterling", "email": "greg@example.com", "phone": "+1 610 555 0100"}, "ship_to": HOME,
        "lines": list(lines), "total": total, "payments": [{"method": "card", "amount": total}], **more,
    }  # fmt: skip


class Caller:
    """Calls with a key; `caller.answer` is JSON of the last response. Server errors raise in the test."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.client = Client(enforce_csrf_checks=True)

    def send(self, method: str, path: str, content: bytes = b"", **more: Any) -> Any:
        """Any request; `headers` add to those of the key."""
        given = more.pop("headers", {})
        headers = ({"Authorization": f"Bearer {self.key}"} if self.key else {}) | given
        kind = more.pop("content_type", "application/json" if content else "")
        return self.client.generic(
            method, f"/api/v1/{path}" if not path.startswith("/") else path, content, kind, headers=headers, **more
        )

    def get(self, path: str, **query: Any) -> Any:
        return self.send("GET", path, query_params=query)

    def post(self, path: str, said: Any, **headers: str) -> Any:
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        return self.send(
            "POST", path, content, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def place(self, said: Any, key: str = "") -> Any:
        """Post an order under an Idempotency-Key, a new one unless given."""
        return self.post("orders", said, Idempotency_Key=key or f"key-{next(_numbers)}")


def caller(*scopes: str, **reach: Any) -> Caller:
    return Caller(factories.api_client(*scopes, **reach)[1])
