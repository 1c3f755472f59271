from typing import Any

import pytest

from inventory.models import Location
from tests import factories
from tests.api.calls import Caller, body, caller, line


@pytest.fixture
def shelf(db: None) -> Location:
    """Ten treadmills T90 in the warehouse WH, and a web shop that sells them."""
    factories.channel("web")
    return factories.stock(factories.variant("T90"), 10, factories.location("WH", region="PA"))


@pytest.fixture
def shop(shelf: Location) -> Caller:
    """A program with every scope and reach."""
    return caller()


@pytest.fixture
def placed(shop: Caller) -> Any:
    """The answer to an order that was placed: two treadmills, W-100."""
    answer = shop.place(body(line("T90", 2, id="1"), number="W-100"))
    assert answer.status_code == 201, answer.content
    return answer.json()
