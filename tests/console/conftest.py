"""A store with a till, a treadmill on its shelf, and somebody behind the counter."""

import pytest

from tests import factories
from tests.console.tills import GTIN


@pytest.fixture
def store(db):
    return factories.store("S1", name="Oxford Street", city="Reading", latitude=40.3, longitude=-75.9)


@pytest.fixture
def till(db):
    return factories.channel("till", "till", name="Tills")


@pytest.fixture
def treadmill(store, till):
    variant = factories.variant("T90", gtin=GTIN, price=89900)
    factories.stock(variant, 3, store)
    return variant


@pytest.fixture
def counter(as_role, treadmill):
    """An associate of the store, at the counter."""
    browser = as_role("associate", locations=("S1",))
    browser.get("/counter/")
    return browser
