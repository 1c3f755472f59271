"""Small stateful marketplaces that speak eBay's and Amazon's contracts over real HTTP, for playground and tests.

They know nothing of the connectors, so that both cannot share a mistake.
"""

from demo.marketplaces.amazon import AmazonMarketplace
from demo.marketplaces.ebay import EbayMarketplace
from demo.marketplaces.marketplace import Marketplace, OutOfStock
from demo.marketplaces.server import Running

__all__ = ["AmazonMarketplace", "EbayMarketplace", "Marketplace", "OutOfStock", "Running"]
