"""The playground's own door into the simulated marketplaces: buyers buy here, and a look inside is had."""

from collections.abc import Sequence
from typing import Any

import urllib3

from demo.world.shapes import Purchase

TIMEOUT = urllib3.Timeout(connect=3, read=15)


class Elsewhere(Exception):
    """The marketplace has not enough left, so the buyer leaves."""


class Simulator:
    """One of them, at its address."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.url = kind, url
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, maxsize=4, retries=False)

    def is_up(self) -> bool:
        try:
            return self._ask("GET", "stock").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def buy(self, purchase: Purchase, shipping: str = "0.00") -> str:
        """Return the order's number. Raises Elsewhere."""
        buyer, to = purchase.buyer, purchase.ship_to
        names = ("name", "line1", "line2", "city", "region", "postcode", "country", "phone")
        said = {
            "lines": [{"sku": pick.sku, "quantity": pick.quantity} for pick in purchase.picks],
            "buyer": {"name": buyer.name, "email": buyer.email, "username": buyer.reference},
            "address": {name: getattr(to, name) for name in names} if to else {},
            "shipping": shipping,
        }
        answer = self._ask("POST", "buy", said)
        if answer.status == 409:
            raise Elsewhere(str(answer.json()["message"]))
        return str(self._good(answer)["order"])

    def cancel(self, number: str) -> None:
        self._good(self._ask("POST", "cancel", {"number": number}))

    def offer(self, listings: Sequence[dict[str, Any]]) -> None:
        self._good(self._ask("POST", "list", {"listings": list(listings)}))

    def stock(self) -> dict[str, int]:
        return dict(self._good(self._ask("GET", "stock"))["stock"])

    def orders(self) -> list[dict[str, Any]]:
        return list(self._good(self._ask("GET", "orders"))["orders"])

    def pushes(self) -> list[dict[str, Any]]:
        return list(self._good(self._ask("GET", "pushes"))["pushes"])

    def _ask(self, method: str, name: str, said: Any = None) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, f"{self.url}/_sim/{name}", json=said)

    @staticmethod
    def _good(answer: urllib3.BaseHTTPResponse) -> Any:
        if answer.status >= 400:
            raise urllib3.exceptions.HTTPError(f"HTTP {answer.status}: {answer.data[:200]!r}")
        return answer.json() if answer.data else {}
