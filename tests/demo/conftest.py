"""The files of the world are read before a test opens a transaction, which may not idle for so long."""

import pytest

from demo.world import accounts, documents, opening, shopper


@pytest.fixture(scope="session")
def world_is_read():
    documents.read()
    accounts.by_customer()
    opening.levels()
    for channel in ("web", "ebay", "amazon", "till"):
        next(shopper.purchases(shares=((channel, 1),)))
