"""eBay: Sell Fulfillment in and out, Sell Inventory out."""

from channels.connectors.ebay.client import Ebay

__all__ = ["Ebay"]
