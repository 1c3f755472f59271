"""What every simulated marketplace does: lists, sells, cancels, keeps its own stock and remembers all of it.

An order is kept as plain data in words of no vendor; the dialects render it. Times are aware datetimes as ISO text.
"""

import hashlib
import hmac
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from demo.marketplaces.buckets import Buckets, Rates
from demo.marketplaces.faults import ON_THE_WIRE, Fault, Faults
from demo.marketplaces.journal import Journal
from demo.marketplaces.server import Call, Reply, Running

Handler = Callable[[Call, Mapping[str, str]], Reply]
MOST_CALLS_KEPT = 20_000


class OutOfStock(Exception):
    """The marketplace itself has no more of it to sell."""


class Unknown(Exception):
    """No listing, order or line of that name."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the vendor's contract."""

    method: str
    pattern: str  # path with {names}
    operation: str
    handler: Handler
    needs_token: bool = True


class Marketplace:
    """State and everyday life. Subclasses add the dialect: `routes`, order numbers and the form of refusals."""

    kind: ClassVar[str]
    default_currency: ClassVar[str] = "GBP"

    def __init__(
        self,
        *,
        state: Path | None = None,
        client_id: str = "demo-client",
        client_secret: str = "demo-secret",  # noqa: S107  # a playground's
        refresh_token: str = "demo-refresh",  # noqa: S107
        token_lifetime: int = 3600,
        rates: Rates | None = None,
        speed_up: float = 1.0,
        seed: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`state` is the folder where listings and orders outlive the process. Without `rates` no call is throttled."""
        self.client_id, self.client_secret, self.refresh_token = client_id, client_secret, refresh_token
        self.token_lifetime = token_lifetime
        self.faults = Faults(seed=seed)
        self.listings: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.now = now
        self._buckets = Buckets(rates or {}, speed_up=speed_up)
        self._calls: deque[dict[str, Any]] = deque(maxlen=MOST_CALLS_KEPT)
        self._pushes: deque[dict[str, Any]] = deque(maxlen=MOST_CALLS_KEPT)
        self._token_epoch = 0
        self._routes = [(r, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", r.pattern))) for r in self.routes()]
        self._journal = Journal(state / f"{self.kind}.jsonl" if state else None)
        for kind, key, value in self._journal.read():
            (self.listings if kind == "listing" else self.orders)[key] = value
        # A busy hour gives out numbers faster than seconds pass, so the clock alone could repeat them after a restart.
        self._last_number = max([int(time.time()), *(order["serial"] for order in self.orders.values())])

    def routes(self) -> Sequence[Route]:
        raise NotImplementedError

    def number(self, serial: int) -> str:
        """The order number that the `serial`-th order gets, such as this marketplace writes them."""
        raise NotImplementedError

    def refusal(self, status: int, code: str, message: str) -> Reply:
        raise NotImplementedError

    def serve(self, port: int = 0) -> Running:
        """Answer over HTTP until the returned context ends; port 0 takes a free one."""
        return Running(self, port)

    # what buyers and sellers do

    def list(self, sku: str, *, quantity: int, price: str, title: str = "", **more: Any) -> dict[str, Any]:
        """List an article, or list it anew. `by_channel=True` puts its stock into the marketplace's own warehouse."""
        with self.lock:
            kept = self.listings.get(sku, {})
            known = {
                "sku": sku,
                "listing_id": kept.get("listing_id", f"{285_000_000_001 + len(self.listings)}"),
                "offer_id": kept.get("offer_id", f"{9_500_000_001 + len(self.listings)}"),
                "asin": kept.get("asin", f"B0{len(self.listings) + 1:08d}"),
                "product_type": "HOME",
                "currency": self.default_currency,
                "by_channel": False,
                "offer_quantity": None,
                "revisions": 0,
                **more,
                "title": title or sku,
                "price": str(price),
                "quantity": quantity,
            }
            return self._keep_listing(known)

    def buy(
        self,
        sku: str = "",
        quantity: int = 1,
        *,
        lines: Sequence[tuple[str, int]] = (),
        buyer: Mapping[str, str] | None = None,
        address: Mapping[str, str] | None = None,
        oversell: bool = False,
        pending: bool = False,
        shipping: str = "0.00",
        note: str = "",
    ) -> str:
        """Sell, lower the marketplace's own stock, and return the order's number. Raises OutOfStock or Unknown."""
        wanted = list(lines) or [(sku, quantity)]
        with self.lock:
            for one, units in wanted:
                if units > self.stock_of(one) and not oversell:
                    raise OutOfStock(f"{one}: {units} wanted, {self.stock_of(one)} left.")
            self._last_number += 1
            number = self.number(self._last_number)
            order = {
                "number": number,
                "serial": self._last_number,
                "created": self._stamp(),
                "modified": self._stamp(),
                "paid": not pending,
                "cancelled": False,
                "cancel_requested": False,
                "currency": self.listings[wanted[0][0]]["currency"],
                "shipping": shipping,
                "note": note,
                "by_channel": any(self.listings[one]["by_channel"] for one, _ in wanted),
                "buyer": dict(buyer or {}),
                "address": dict(address or {}),
                "lines": [self._sold(one, units, place) for place, (one, units) in enumerate(wanted)],
                "packages": [],
            }
            for one, units in wanted:
                self.set_stock(one, max(0, self.stock_of(one) - units))
            return str(self._keep_order(order)["number"])

    def pay(self, number: str) -> None:
        """A pending order's money has come."""
        self.change(number, paid=True)

    def cancel(self, number: str, *, request: bool = False) -> None:
        """The order is cancelled, or with `request` the buyer only asks for it.

        The stock here stays as it is: the seller's next push decides.
        """
        self.change(number, cancelled=not request, cancel_requested=request)

    def change(self, number: str, *, quantities: Mapping[str, int] | None = None, **fields: Any) -> dict[str, Any]:
        """Change an order after the sale: fields of its own, or `quantities` of lines by their id."""
        with self.lock:
            order = {**self.order(number), **fields, "modified": self._stamp()}
            changes = quantities or {}
            order["lines"] = [{**ln, "quantity": changes.get(ln["id"], ln["quantity"])} for ln in order["lines"]]
            return self._keep_order(order)

    def order(self, number: str) -> dict[str, Any]:
        if number not in self.orders:
            raise Unknown(f"No order {number}.")
        return self.orders[number]

    def listing(self, sku: str) -> dict[str, Any]:
        if sku not in self.listings:
            raise Unknown(f"No listing {sku}.")
        return self.listings[sku]

    def stock_of(self, sku: str) -> int:
        """What a buyer may still buy: the smaller of the item's number and its offer's."""
        found = self.listing(sku)
        offer = found["offer_quantity"]
        return int(found["quantity"] if offer is None else min(found["quantity"], offer))

    def set_stock(self, sku: str, quantity: int, *, offer_quantity: int | None = None) -> None:
        with self.lock:
            found = self.listing(sku)
            offer = quantity if found["offer_quantity"] is not None else None
            offer = offer if offer_quantity is None else offer_quantity
            self._keep_listing({**found, "quantity": quantity, "offer_quantity": offer})

    def take_push(self, sku: str, quantity: int, *, offer_quantity: int | None = None) -> None:
        """The seller says how many are left."""
        with self.lock:
            self.set_stock(sku, quantity, offer_quantity=offer_quantity)
            self._pushes.append({"at": time.time(), "sku": sku, "quantity": quantity})

    def stock(self) -> dict[str, int]:
        with self.lock:
            return {sku: self.stock_of(sku) for sku in self.listings}

    def add_package(self, number: str, package: dict[str, Any]) -> None:
        """Add a package, or edit the one of the same id."""
        with self.lock:
            order = self.order(number)
            others = [kept for kept in order["packages"] if kept["id"] != package["id"]]
            self._keep_order({**order, "packages": [*others, package], "modified": self._stamp()})

    @staticmethod
    def shipped_units(order: Mapping[str, Any], line: str) -> int:
        return sum(int(package["units"].get(line, 0)) for package in order["packages"])

    def progress(self, order: Mapping[str, Any]) -> str:
        """ "none", "some" or "all": how much of the order has been shipped."""
        open_units = sum(ln["quantity"] - self.shipped_units(order, ln["id"]) for ln in order["lines"])
        if not order["packages"]:
            return "none"
        return "some" if open_units > 0 else "all"

    @staticmethod
    def cost(line: Mapping[str, Any]) -> Decimal:
        return Decimal(str(line["price"])) * int(line["quantity"])

    def total(self, order: Mapping[str, Any]) -> Decimal:
        return sum((self.cost(line) for line in order["lines"]), Decimal(order["shipping"]))

    def calls(self) -> Sequence[dict[str, Any]]:
        """The calls so far, for checks of budgets: at (seconds), operation, method, path, status, fault."""
        with self.lock:
            return tuple(self._calls)

    def pushes(self) -> Sequence[dict[str, Any]]:
        """What the seller said so far: at (seconds), sku, quantity."""
        with self.lock:
            return tuple(self._pushes)

    def close(self) -> None:
        self._journal.close()

    # tokens: signed and not stored, so that they hold over a restart

    def give_token(self) -> str:
        expires = int((self.now() + timedelta(seconds=self.token_lifetime)).timestamp())
        return f"{expires}.{self._token_epoch}.{self._signature(expires, self._token_epoch)}"

    def is_good_token(self, token: str) -> bool:
        try:
            expires, epoch, signature = token.split(".")
            known = hmac.compare_digest(signature, self._signature(int(expires), int(epoch)))
            return known and int(epoch) == self._token_epoch and int(expires) > self.now().timestamp()
        except ValueError:
            return False

    def revoke_tokens(self) -> None:
        self._token_epoch += 1

    def _signature(self, expires: int, epoch: int) -> str:
        return hmac.new(self.client_secret.encode(), f"{expires}.{epoch}".encode(), hashlib.sha256).hexdigest()

    # answering

    def token_of(self, call: Call) -> str:
        """The access token a call carries."""
        raise NotImplementedError

    def refuse_token(self) -> Reply:
        raise NotImplementedError

    def answer(self, call: Call) -> Reply:
        route, names = self._find(call)
        if route is None:
            return self.refusal(404, "NotFound", f"Nothing is at {call.path}.")
        is_playground = route.operation.startswith("_sim.")
        fault = None if is_playground else self.faults.strike(route.operation, ON_THE_WIRE.keys())
        reply = self._answer(call, route, names, fault)
        if not is_playground:
            self._log(call, route.operation, reply.status, fault)
        return reply

    def _answer(self, call: Call, route: Route, names: Mapping[str, str], fault: Fault | None) -> Reply:
        if fault is not None and fault.kind == "stale_token":
            self.revoke_tokens()
        elif fault is not None and fault.kind not in ("lost_answer", "half_page", "slow"):
            return self._broken(fault)
        if route.needs_token and not self.is_good_token(self.token_of(call)):
            return self.refuse_token()
        if not self._buckets.take(route.operation):
            return self.refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        with self.lock:
            reply = route.handler(call, names)
        if fault is None or fault.kind == "stale_token":
            return reply
        if fault.kind == "half_page":
            return replace(reply, body=reply.body[: len(reply.body) // 2])
        return replace(reply, fault=fault)

    def _broken(self, fault: Fault) -> Reply:
        if fault.kind == "throttle":
            reply = self.refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
            wait = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            return replace(reply, headers={**reply.headers, **wait})
        if fault.kind == "error":
            return self.refusal(fault.status, "InternalFailure", "We are busy; try again later.")
        if fault.kind == "html":
            page = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
            return Reply(body=page, content_type="text/html; charset=utf-8")
        return Reply(status=0, fault=fault)

    def _find(self, call: Call) -> tuple[Route | None, Mapping[str, str]]:
        for route, pattern in self._routes:
            if route.method == call.method and (found := pattern.fullmatch(call.path)):
                return route, found.groupdict()
        return None, {}

    def _log(self, call: Call, operation: str, status: int, fault: Fault | None) -> None:
        with self.lock:
            self._calls.append(
                {
                    "at": time.time(),
                    "operation": operation,
                    "method": call.method,
                    "path": call.path,
                    "status": status,
                    "fault": fault.kind if fault else "",
                }
            )

    # keeping

    def _sold(self, sku: str, units: int, place: int) -> dict[str, Any]:
        listing = self.listing(sku)
        serial = f"{100_000_000_000 + (self._last_number % 1_000_000_000) * 100 + place}"
        kept = ("sku", "title", "price", "listing_id", "asin")
        return {**{key: listing[key] for key in kept}, "id": serial, "quantity": units}

    def _stamp(self) -> str:
        return self.now().isoformat(timespec="milliseconds")

    def _keep_listing(self, listing: dict[str, Any]) -> dict[str, Any]:
        self.listings[listing["sku"]] = listing
        self._journal.write("listing", listing["sku"], listing)
        return listing

    def _keep_order(self, order: dict[str, Any]) -> dict[str, Any]:
        self.orders[order["number"]] = order
        self._journal.write("order", order["number"], order)
        return order


def changed_between(orders: Sequence[dict[str, Any]], since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Orders changed in the window, both ends included."""
    return [order for order in orders if since <= datetime.fromisoformat(order["modified"]) <= until]


def shuffled(orders: Sequence[dict[str, Any]], seed: str) -> list[dict[str, Any]]:
    """The orders in no order of time, but the same for the same seed."""
    mixed = list(orders)
    random.Random(seed).shuffle(mixed)  # noqa: S311  # disorder for a playground
    return mixed
