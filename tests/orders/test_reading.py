import pytest

from oms import db
from oms.permissions import Reach
from orders import reading
from orders.incoming import Method
from orders.reading import NoSuchOrder
from tests import factories
from tests.factories import line

pytestmark = pytest.mark.django_db
EVERYTHING = Reach(channels=None, locations=None)


@pytest.fixture
def order(db):
    factories.channel("web")
    factories.stock(factories.variant("T90"), 5, factories.location("EAST"))
    factories.stock(factories.variant("MUG"), 5, factories.store("S1"))
    return factories.order(line("MUG", method=Method.PICKUP, location="S1"), line("T90"))


class TestLock:
    def test_gives_the_order_and_its_lines_by_place(self, order):
        @db.transaction
        def lock():
            return reading.lock(order.number)

        locked, lines = lock()

        assert locked == order
        assert [each.position for each in lines] == [1, 2]

    def test_needs_its_callers_transaction(self, order):
        with pytest.raises(db.OutsideTransaction):
            reading.lock(order.number)


class TestFind:
    @pytest.mark.parametrize(
        "reach",
        [
            EVERYTHING,
            Reach(channels=frozenset({"web"}), locations=None),
            Reach(channels=None, locations=frozenset({"EAST"})),
            Reach(channels=frozenset({"web", "till"}), locations=frozenset({"S1", "EAST"})),
        ],
    )
    def test_finds_what_lies_within_reach(self, order, reach):
        assert reading.find(order.number, reach=reach) == order
        assert reading.find(str(order.number), reach=reach) == order

    @pytest.mark.parametrize(
        "reach",
        [
            Reach(channels=frozenset(), locations=None),
            Reach(channels=frozenset({"ebay"}), locations=None),
            Reach(channels=None, locations=frozenset({"WEST"})),
            Reach(channels=frozenset({"ebay"}), locations=frozenset({"EAST"})),
        ],
    )
    def test_knows_of_nothing_beyond(self, order, reach):
        with pytest.raises(NoSuchOrder):
            reading.find(order.number, reach=reach)

    @pytest.mark.parametrize("number", ["", "x", "-1", "1.0", "9" * 19, "9" * 400, "٣", 0])
    def test_knows_no_such_number(self, order, number):
        with pytest.raises(NoSuchOrder) as refusal:
            reading.find(number, reach=EVERYTHING)
        assert len(refusal.value.facts["number"]) <= 40
