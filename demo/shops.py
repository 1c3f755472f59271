"""The retailer's own web shop and tills, as far as the order desk knows them: programs that call its API."""

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from typing import Any

import urllib3

from demo.simulators import TIMEOUT, Elsewhere
from demo.world import buyers
from demo.world.shapes import CURRENCY, Pick, Purchase

TRIES = 8
LONGEST_PAUSE = 5.0
FREE_DELIVERY_FROM, DELIVERY = 50_00, 4_95
_LETTERS = {buyers.WEB: "W", buyers.TILL: "T"}


class NotTaken(Exception):
    """The desk did not take an order for a reason that is no shortage, or was gone for too long."""


class Shop:
    """One channel of the retailer's own, speaking with its own key."""

    def __init__(self, channel: str, url: str, key: str) -> None:
        self.channel, self.url, self._key = channel, url, key
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, maxsize=8, retries=False)
        # Hundredths of a second since the epoch: numbers go on after a restart, and no shop outruns them.
        self._serials = count(int(time.time() * 100))

    def is_open(self) -> bool:
        try:
            return self._pool.request("GET", f"{self.url}/healthz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def sell(self, purchase: Purchase) -> dict[str, Any]:
        """Place the order until the desk has answered; return what was sent.

        Raises Elsewhere when there is not enough stock, NotTaken.
        """
        order = compose(purchase, f"{_LETTERS[self.channel]}{next(self._serials)}", datetime.now(UTC))
        self.place(order)
        return order

    def place(self, order: dict[str, Any]) -> None:
        """The same key and the same bytes every time, so that no try counts twice. Raises as `sell` does."""
        body = json.dumps(order).encode()
        headers = {
            "Authorization": f"Bearer {self._key}", "Content-Type": "application/json",
            "Idempotency-Key": f"{order['channel']}-{order['number']}",
        }  # fmt: skip
        said = ""
        for attempt in range(TRIES):
            try:
                answer = self._pool.request("POST", f"{self.url}/api/v1/orders", body=body, headers=headers)
            except urllib3.exceptions.HTTPError as failure:
                said = type(failure).__name__
            else:
                if answer.status in (200, 201):
                    return
                said = f"HTTP {answer.status} {answer.data[:300].decode(errors='replace')}"
                if answer.status == 409 and answer.json().get("code") == "out_of_stock":
                    raise Elsewhere(str(answer.json().get("detail")))
                if answer.status < 500 and answer.status != 429:
                    break
            time.sleep(min(LONGEST_PAUSE, 0.2 * 2**attempt))
        raise NotTaken(f"{order['channel']} {order['number']}: {said}")


def compose(purchase: Purchase, number: str, placed_at: datetime) -> dict[str, Any]:
    """The order as the API takes it. What is carried out of a store has left; web parcels cost a little."""
    store, goods = purchase.store, sum(pick.quantity * pick.unit_price for pick in purchase.picks)
    shipping = 0 if store or goods >= FREE_DELIVERY_FROM else DELIVERY
    method = "cash" if store and goods < 20_00 else "card"
    order: dict[str, Any] = {
        "channel": purchase.channel, "number": number, "placed_at": placed_at.isoformat(), "currency": CURRENCY,
        "buyer": {name: value for name, value in asdict(purchase.buyer).items() if value and name != "email_is_relay"},
        "lines": [_line(place, pick, store) for place, pick in enumerate(purchase.picks, start=1)],
        "shipping": shipping, "total": goods + shipping,
        "payments": [{"method": method, "amount": goods + shipping, "reference": number}],
        "sold_at": store,
    }  # fmt: skip
    if purchase.ship_to:
        order["ship_to"] = {name: value for name, value in asdict(purchase.ship_to).items() if value}
    return order


def _line(place: int, pick: Pick, store: str) -> dict[str, Any]:
    line: dict[str, Any] = {
        "id": str(place), "sku": pick.sku, "title": pick.title, "quantity": pick.quantity,
        "unit_price": pick.unit_price, "total": pick.quantity * pick.unit_price,
    }  # fmt: skip
    return {**line, "method": "carry_out", "location": store} if store else line
