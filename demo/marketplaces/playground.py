"""The marketplaces' own little API under `/_sim`: buyers, set-up, faults, a look inside. In no vendor's contract."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from demo.marketplaces.marketplace import Marketplace, OutOfStock, Route, Unknown
from demo.marketplaces.server import Call, Reply


def routes(market: Marketplace) -> Sequence[Route]:
    """POST buy, pay, cancel, change, list, faults; GET orders, stock, calls, pushes; DELETE faults."""

    def route(method: str, name: str, act: Callable[[dict[str, Any]], Any], status: int = 200) -> Route:
        def handler(call: Call, names: Mapping[str, str]) -> Reply:
            return _guarded(call, act, status)

        return Route(
            method=method, pattern=f"/_sim/{name}", operation=f"_sim.{name}", handler=handler, needs_token=False
        )

    return (
        route("POST", "buy", lambda said: {"order": market.buy(**_lines(said))}, 201),
        route("POST", "pay", lambda said: market.pay(**said)),
        route("POST", "cancel", lambda said: market.cancel(**said)),
        route("POST", "change", lambda said: market.change(**said)),
        route("POST", "list", lambda said: {"listings": [market.list(**entry) for entry in said["listings"]]}, 201),
        route("POST", "faults", lambda said: dict(vars(market.faults.arm(**said))), 201),
        route("DELETE", "faults", lambda said: market.faults.clear()),
        route("GET", "orders", lambda said: {"orders": list(market.orders.values())}),
        route("GET", "stock", lambda said: {"stock": market.stock()}),
        route("GET", "calls", lambda said: {"calls": list(market.calls())}),
        route("GET", "pushes", lambda said: {"pushes": list(market.pushes())}),
    )


def _lines(said: dict[str, Any]) -> dict[str, Any]:
    """Lines come as objects {sku, quantity}."""
    if "lines" in said:
        said["lines"] = [(line["sku"], line["quantity"]) for line in said["lines"]]
    return said


def _guarded(call: Call, act: Callable[[dict[str, Any]], Any], status: int) -> Reply:
    try:
        return Reply.of(act(call.json()) or {}, status)
    except OutOfStock as empty:
        return Reply.of({"error": "out_of_stock", "message": str(empty)}, 409)
    except Unknown as missing:
        return Reply.of({"error": "unknown", "message": str(missing)}, 404)
    except (KeyError, TypeError, ValueError) as wrong:
        return Reply.of({"error": "bad_request", "message": str(wrong)}, 400)
