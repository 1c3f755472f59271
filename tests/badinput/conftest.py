"""After each case: the books balance, and no log line holds anything of a person."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.stdlib import ProcessorFormatter

from inventory.models import Location
from oms import books
from tests import factories
from tests.api.calls import Caller, body, caller, line

# Every person in these tests is made of these words.
CANARIES = (
    "Okafor", "Lantern Row", "BS3 1JP", "07700 900123", "0f3a9c", "x7k2", "m_okafor82",
    "Sterling", "greg@example.com", "610 555 0100", "1 Main St",
)  # fmt: skip


@pytest.fixture(autouse=True)
def aftermath(db: None) -> Iterator[None]:
    written = io.StringIO()
    scrubbed = next(h.formatter for h in logging.getLogger().handlers if isinstance(h.formatter, ProcessorFormatter))
    handler = logging.StreamHandler(written)
    handler.setFormatter(scrubbed)
    loggers = [logging.getLogger(name) for name in ("", "django", "django.server")]  # those that hand on to no other
    for logger in loggers:
        logger.addHandler(handler)
    yield
    for logger in loggers:
        logger.removeHandler(handler)
    assert books.examine() == {}
    assert [word for word in CANARIES if word in written.getvalue()] == []


@pytest.fixture
def shelf(aftermath: None) -> Location:
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
