"""Valid things, made with as little as a test wants to say. Every function returns what the product itself would."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model

from api import auth
from channels import credentials
from channels.connectors.base import Credentials
from channels.models import ChannelAccount, Listing
from inventory import catalogue, ledger
from inventory.models import Location, Price, Variant
from oms import audit, db
from oms.models import ALL, ApiClient, Role, Scope, StaffMember
from orders import intake
from orders.incoming import Address, Buyer, IncomingOrder, Line, Payment
from orders.models import Order, SalesChannel

NOW = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
ACTOR = audit.Actor("system", "tests")
HOME = Address(name="Greg Sterling", line1="1 Main St", city="Reading", region="PA", postcode="19601", country="US")
_numbers = count(1)


def location(code: str = "", kind: str = "warehouse", **more: Any) -> Location:
    return Location.objects.create(
        code=code or f"L{next(_numbers)}", kind=kind, **{"name": code or "Somewhere", **more}
    )


def store(code: str = "", **more: Any) -> Location:
    return location(code, "store", **{"offers_pickup": True, **more})


def variant(sku: str = "", *, title: str = "Treadmill T90", gtin: str = "", price: int | None = None) -> Variant:
    """A variant that search finds; with `price` (minor units of USD) it is priced for own channels."""
    sku = sku or f"SKU-{next(_numbers)}"
    ids = catalogue.add(articles=[catalogue.Article(sku=sku, title=title, gtin=gtin)])
    found = Variant.objects.get(pk=ids[sku])
    if price is not None:
        Price.objects.create(
            variant=found, currency="USD", amount=price, valid=(datetime(2020, 1, 1, tzinfo=UTC), None)
        )
    return found


def stock(variant: Variant, units: int, at: Location | None = None) -> Location:
    """Put `units` on a shelf through the ledger; return the location."""
    at = at or location()

    @db.transaction
    def receive() -> None:
        ledger.open_shelves([(at.pk, variant.pk)])
        entry = ledger.Entry(
            location_id=at.pk, variant_id=variant.pk, kind=ledger.Kind.RECEIPT, quantity=units, cause="test",
            cause_id=str(next(_numbers)), occurred_at=NOW,
        )  # fmt: skip
        ledger.demand_all_on_hand(ledger.post([entry], actor="tests"))

    if units:
        receive()
    return at


def channel(code: str = "web", kind: str = "web_shop", **more: Any) -> SalesChannel:
    found, _ = SalesChannel.objects.get_or_create(
        code=code, defaults={"name": code.title(), "kind": kind, "currency": "USD", **more}
    )
    return found


def marketplace(code: str = "ebay", **more: Any) -> SalesChannel:
    return channel(code, "marketplace", **{"name": {"ebay": "eBay", "amazon": "Amazon"}.get(code, code), **more})


def account(code: str = "ebay", *, connector: str = "", settings: Mapping[str, str] | None = None) -> ChannelAccount:
    """A marketplace account with credentials that the simulated marketplaces accept."""
    found = ChannelAccount.objects.create(
        channel=marketplace(code), connector=connector or code, settings=dict(settings or {})
    )
    credentials.keep(
        found, Credentials(client_id="demo-client", client_secret="demo-secret", refresh_token="demo-refresh")
    )
    return found


def listing(account: ChannelAccount, variant: Variant, sku: str = "", **more: Any) -> Listing:
    return Listing.objects.create(
        account=account, variant=variant, sku=sku or variant.sku, **{"currency": "USD", "price": 89900, **more}
    )


def line(sku: str, quantity: int = 1, *, price: int = 1000, **more: Any) -> Line:
    return Line(
        **{
            "external_id": str(next(_numbers)), "sku": sku, "title": sku, "quantity": quantity, "unit_price": price,
            "total": quantity * price, **more,
        }
    )  # fmt: skip


def incoming(*lines: Line, channel: str = "web", number: str = "", **more: Any) -> IncomingOrder:
    """A paid order of these lines, to be shipped to Greg Sterling in Reading."""
    total = sum(each.total for each in lines)
    return IncomingOrder(
        **{
            "channel": channel, "external_number": number or f"X-{next(_numbers)}", "placed_at": NOW, "currency": "USD",
            "buyer": Buyer(name="Greg Sterling", email="greg@example.com", phone="+1 610 555 0100"), "ship_to": HOME,
            "lines": lines, "total": total,
            "payments": (Payment(method="card", amount=total),) if total else (),
            **more,
        }
    )  # fmt: skip


def order(*lines: Line, channel: str = "web", **more: Any) -> Order:
    """An order that came in through the front door. The channel and the stock must exist."""
    accepted = intake.accept(incoming(*lines, channel=channel, **more), actor=ACTOR, now=NOW)
    return Order.objects.get(pk=accepted.order_id)


def staff(
    role: str = Role.AGENT, *, locations: tuple[str, ...] = (ALL,), channels: tuple[str, ...] = (ALL,), **more: Any
) -> Any:
    """A user of the console; its password is "password"."""
    name = more.pop("username", f"{role}-{next(_numbers)}")
    user = get_user_model().objects.create_user(name, password="password", **more)
    StaffMember.objects.create(user=user, role=role, locations=list(locations), channels=list(channels))
    return user


def api_client(
    *scopes: str, locations: tuple[str, ...] = (ALL,), channels: tuple[str, ...] = (ALL,), name: str = ""
) -> tuple[ApiClient, str]:
    """A program and its key, as it goes behind "Bearer "; without `scopes` it has them all."""
    return auth.issue(
        name=name or f"client-{next(_numbers)}", scopes=list(scopes or Scope.values), channels=list(channels),
        locations=list(locations), now=datetime.now(UTC) - timedelta(minutes=1),
    )  # fmt: skip
