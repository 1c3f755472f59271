"""What is offered on marketplaces, and the accounts it is offered through.

Opening a marketplace tells it every listing with what can be sold just then: from there on pushes keep it true.
"""

from collections.abc import Mapping

from django.utils import timezone

from channels import credentials, stock_push
from channels.connectors.base import Credentials
from channels.models import ChannelAccount, Listing
from demo.simulators import Simulator
from demo.world import buyers, listings
from demo.world.shapes import CURRENCY
from inventory import availability
from inventory.models import Variant
from oms import money
from orders.models import SalesChannel

# What the simulated marketplaces take their seller for, and how often they may be asked. They show a change at once
# and have no limits of their own, so the demo looks every other second where a real account looks every few minutes.
_SETTINGS: Mapping[str, Mapping[str, str]] = {
    buyers.EBAY: {
        "marketplace_id": "EBAY_US", "relay_domains": "members.ebay.example", "settle": "0", "every": "1",
        "rate.getOrders": "5/50", "rate.bulkUpdatePriceQuantity": "50/200", "rate.getInventoryItem": "50/200",
        "rate.getShippingFulfillments": "10/50", "rate.createShippingFulfillment": "10/50",
    },
    buyers.AMAZON: {
        "marketplace_id": "ATVPDKIKX0DER", "seller_id": "A2DEMOSELLER", "relay_domains": "marketplace.amazon.example",
        "settle": "0", "every": "1", "rate.searchOrders": "5/50", "rate.patchListingsItem": "50/200",
        "rate.getListingsItem": "50/200", "rate.confirmShipment": "10/50",
    },
}  # fmt: skip
_CREDENTIALS = Credentials(client_id="demo-client", client_secret="demo-secret", refresh_token="demo-refresh")  # noqa: S106  # the simulators' own
_PRODUCT_TYPE = "HOME"
AT_ONCE = 200  # listings told in one call


def load() -> None:
    """Accounts that rest until their marketplace is open, and what is listed through them."""
    for code in _SETTINGS:
        ChannelAccount.objects.get_or_create(
            channel=SalesChannel.objects.get(code=code),
            defaults={"connector": code, "state": ChannelAccount.State.PAUSED, "state_reason": "not open yet"},
        )
    accounts = {account.connector: account for account in ChannelAccount.objects.all()}
    variants = dict(Variant.objects.values_list("sku", "pk"))
    Listing.objects.bulk_create(
        [
            Listing(
                account=accounts[found.channel], variant_id=variants[found.sku], sku=found.sku, title=found.title,
                external_id=found.external_id, product_type=_PRODUCT_TYPE, currency=CURRENCY, price=found.price,
            )
            for found in listings.listings()
            if found.channel in accounts
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def connect(simulator: Simulator) -> None:
    """Lead the account to where its marketplace answers this time."""
    account = ChannelAccount.objects.get(connector=simulator.kind)
    account.settings = {**_SETTINGS[simulator.kind], "api": simulator.url, "auth": simulator.url}
    account.state, account.state_reason = ChannelAccount.State.ACTIVE, ""
    account.save(update_fields=["settings", "state", "state_reason"])
    credentials.keep(account, _CREDENTIALS)


def open_marketplace(simulator: Simulator) -> int:
    """Tell the marketplace whatever it does not know yet; return how many listings that were."""
    account = ChannelAccount.objects.get(connector=simulator.kind)
    known = simulator.stock()
    untold = [
        listing
        for listing in Listing.objects.filter(account=account, state=Listing.State.LIVE).order_by("pk")
        if listing.told is None or listing.sku not in known
    ]
    for start in range(0, len(untold), AT_ONCE):
        part = untold[start : start + AT_ONCE]
        stock = availability.of({listing.variant_id for listing in part})
        for listing in part:
            listing.told = stock_push.offered(listing, stock[listing.variant_id], account)
            listing.told_at = listing.confirmed_at = timezone.now()
        simulator.offer([_as_listed(listing) for listing in part])
        Listing.objects.bulk_update(part, ["told", "told_at", "confirmed_at"])
    return len(untold)


def _as_listed(listing: Listing) -> dict[str, object]:
    return {
        "sku": listing.sku, "title": listing.title, "quantity": listing.told, "currency": listing.currency,
        "price": money.to_decimal(listing.price, listing.currency), "product_type": listing.product_type,
        "listing_id": listing.external_id, "offer_id": listing.external_id, "asin": listing.external_id,
    }  # fmt: skip
