"""An account of ours on a simulated marketplace that answers over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from channels import registry
from channels.models import ChannelAccount, Listing, ShipmentPush, StockPush, SyncCursor
from demo.marketplaces import AmazonMarketplace, EbayMarketplace, Marketplace
from inventory.models import Location
from orders.models import Parcel
from tests import factories

MARKETS: dict[str, type[Marketplace]] = {"ebay": EbayMarketplace, "amazon": AmazonMarketplace}
READING = {"ebay": "getOrders", "amazon": "searchOrders"}
TELLING = {"ebay": "bulkUpdatePriceQuantity", "amazon": "patchListingsItem"}
LOOKING = {"ebay": "getInventoryItem", "amazon": "getListingsItem"}
SHIPPING = {"ebay": "createShippingFulfillment", "amazon": "confirmShipment"}
BUYER = {"name": "Miriam Okafor", "username": "m_okafor82", "email": "x7k2@members.ebay.example"}
ADDRESS = {"line1": "7 Lantern Row", "city": "Bristol", "postcode": "BS3 1JP", "country": "GB"}


@dataclass
class Shop:
    market: Any
    account: ChannelAccount

    @property
    def kind(self) -> str:
        return str(self.market.kind)

    def sell(self, sku: str = "LAMP", quantity: int = 1, **more: Any) -> str:
        """Somebody buys there; the number of the order."""
        return str(self.market.buy(sku, quantity, buyer=BUYER, address=ADDRESS, **more))

    def offer(self, sku: str, units: int, at: Location, *, told: int | None = None) -> Listing:
        """A new article of ours, so many on the shelf, listed there under its SKU, where they show ten."""
        self.market.list(sku, quantity=10, price="10.00", currency="USD")
        found = factories.variant(sku)
        factories.stock(found, units, at)
        return factories.listing(self.account, found, product_type="HOME", told=told)

    def ship(self, number: str = "") -> tuple[str, ShipmentPush]:
        """An order sold there, and a parcel of it that left and has to be told."""
        number = number or self.sell()
        (line,) = self.market.order(number)["lines"]
        order = factories.order(
            factories.line("LAMP", line["quantity"], external_id=line["id"]),
            channel=self.account.channel.code,
            number=number,
        )
        parcel = Parcel.objects.create(
            order=order, carrier="DPD", tracking_number=f"1Z{order.number}", shipped_at=factories.NOW
        )
        parcel.lines.create(line=order.lines.get(), quantity=line["quantity"])
        return number, ShipmentPush.objects.create(account=self.account, parcel=parcel)

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [call for call in self.market.calls() if call["operation"] == operation]

    @property
    def connector(self) -> Any:
        return registry.connector(ChannelAccount.objects.select_related("channel").get(pk=self.account.pk))

    @property
    def cursor(self) -> SyncCursor:
        return SyncCursor.objects.get(account=self.account)

    def set(self, **settings: str) -> None:
        self.account.settings |= {name.replace("__", "."): value for name, value in settings.items()}
        self.account.save(update_fields=["settings"])


def time_passes(seconds: float = 400.0) -> None:
    """All that waits for a later moment has waited long enough."""
    for rows in (SyncCursor.objects, StockPush.objects, ShipmentPush.objects):
        for row in rows.all():
            rows.filter(pk=row.pk).update(next_at=row.next_at - timedelta(seconds=seconds))


def seconds_from_now(moment: Any) -> float:
    return float((moment - timezone.now()).total_seconds())


@contextmanager
def open_shop(kind: str, settings: Any, market: Any = None) -> Iterator[Shop]:
    """An account with generous budgets on a marketplace that lists ten lamps of ours."""
    market = market or MARKETS[kind](**({"settle": 0} if kind == "amazon" else {}))
    with market.serve() as running:
        settings.OMS_ALLOWED_PRIVATE_HOSTS = [*settings.OMS_ALLOWED_PRIVATE_HOSTS, f"127.0.0.1:{running.port}"]
        account = factories.account(
            kind,
            settings={
                "api": running.url, "auth": running.url, "settle": "0", "every": "0", "seller_id": getattr(market,
                "seller_id", ""),
                "marketplace_id": getattr(market, "marketplace_id", "EBAY_US"),
            } | {f"rate.{operation}": "1000/1000" for operation in registry.CONNECTORS[kind].budgets},
        )  # fmt: skip
        yield Shop(market, account)
        market.close()
