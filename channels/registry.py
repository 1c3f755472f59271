"""Which connector speaks for an account. The only place that knows the vendors by name."""

from channels.connectors.amazon import Amazon
from channels.connectors.base import Account, Connector
from channels.connectors.ebay import Ebay
from channels.models import ChannelAccount
from channels.wire import AccountWire

CONNECTORS: dict[str, type[Connector]] = {connector.kind: connector for connector in (Ebay, Amazon)}


def connector(account: ChannelAccount) -> Connector:
    """A connector for this account, with budget, token and wire behind it."""
    kind = CONNECTORS[account.connector]
    return kind(AccountWire(account, kind, describe(account)))


def describe(account: ChannelAccount) -> Account:
    channel = account.channel
    relays = account.settings.get("relay_domains", "")
    gifts = {"zero_price": "accept"} if channel.allows_zero_price else {}
    return Account(
        code=channel.code,
        currency=channel.currency,
        zone=account.zone,
        settings={key: str(value) for key, value in account.settings.items()} | gifts,
        relay_domains=tuple(filter(None, str(relays).split(","))),
    )
