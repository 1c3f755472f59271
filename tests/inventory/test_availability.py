import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import availability
from inventory.availability import Availability, Shelf
from inventory.models import StockLevel
from tests import factories
from tests.inventory.shelves import reserve
from tests.inventory.test_reservations import hold, waiting_for

counts = st.integers(0, 12)
booleans = st.booleans()


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    on_hand = draw(counts)
    number = draw(st.integers(1, 99))
    return Shelf(
        location_id=number, code=f"L{number}", name=f"Place {number}", region="PA",
        kind=draw(st.sampled_from(["store", "warehouse", "3pl", "supplier"])), on_hand=on_hand,
        reserved=draw(st.integers(0, on_hand)), safety=draw(counts), sells_online=draw(booleans), ships=draw(booleans),
        offers_pickup=draw(booleans),
    )  # fmt: skip


class TestWhy:
    @given(st.lists(shelves(), max_size=5), counts, counts, st.none() | counts)
    def test_adds_up_to_what_the_channel_is_told(self, found, waiting, buffer, most):
        stock = Availability(1, "T90", "Treadmill", tuple(found), waiting)

        told = stock.for_channel(buffer=buffer, most=most)

        assert sum(term.units for term in stock.why(buffer=buffer, most=most)) == told
        assert told >= 0
        assert most is None or told <= most

    @given(st.lists(shelves(), max_size=5), counts, counts)
    def test_names_only_what_counts(self, found, waiting, buffer):
        stock = Availability(1, "T90", "Treadmill", tuple(found), waiting)

        for term in stock.why(buffer=buffer):
            assert term.kind == "location" or term.units

    def test_says_it_in_words(self):
        shelf = Shelf(1, "EAST", "Warehouse East", "warehouse", "PA", 9, 2, 1, True, True, False)
        stock = Availability(1, "T90", "Treadmill", (shelf,), waiting=1)

        assert [(term.label, term.units, term.kind) for term in stock.why(buffer=2, most=2)] == [
            ("Warehouse East: 9 on hand − 2 reserved − 1 safety", 6, "location"),
            ("orders waiting for stock", -1, "waiting"),
            ("buffer of the channel", -2, "buffer"),
            ("the listing offers 2 at most", -1, "maximum"),
        ]

    def test_says_when_there_is_less_than_nothing(self):
        stock = Availability(1, "T90", "Treadmill", (), waiting=3)

        assert [(term.units, term.kind) for term in stock.why()] == [(-3, "waiting"), (3, "floor")]


@pytest.fixture
def treadmill(db):
    return factories.variant("T90")


def told(**more: object) -> int:
    return availability.by_sku(["T90"])["T90"].for_channel(**more)


class TestForChannel:
    def test_is_what_lies_in_all_places_and_is_not_promised(self, treadmill):
        east = factories.stock(treadmill, 5)
        factories.stock(treadmill, 3)
        reserve({(east.pk, treadmill.pk): 2})

        assert told() == 6

    def test_leaves_safety_stock_where_it_lies(self, treadmill):
        """A place short of its safety stock takes nothing from the others."""
        factories.stock(treadmill, 5)
        short = factories.stock(treadmill, 1)
        StockLevel.objects.filter(location=short).update(safety=4)

        assert told() == 5

    def test_takes_off_what_orders_wait_for(self, treadmill):
        factories.stock(treadmill, 5)
        hold(waiting_for((0, treadmill.pk), 2))

        assert told() == 3
        assert told(buffer=1) == 2
        assert told(buffer=9) == 0
        assert told(most=1) == 1

    @pytest.mark.parametrize("more", [{"is_open": False}, {"sells_online": False}, {"ships": False}])
    def test_counts_no_place_that_cannot_send_it(self, treadmill, more):
        factories.stock(treadmill, 5, factories.location(**more))

        assert told() == 0

    def test_does_not_count_what_lies_at_a_supplier(self, treadmill):
        factories.stock(treadmill, 5, factories.location(kind="supplier"))

        assert told() == 0


class TestOf:
    def test_lists_shelves_by_code(self, treadmill):
        for code in ("C", "A", "B"):
            factories.stock(treadmill, 1, factories.location(code))

        (found,) = availability.of([treadmill.pk]).values()

        assert [shelf.code for shelf in found.shelves] == ["A", "B", "C"]
        assert (found.sku, found.title) == ("T90", "Treadmill T90")

    def test_knows_a_variant_that_lies_nowhere(self, treadmill):
        assert availability.of([treadmill.pk])[treadmill.pk] == Availability(treadmill.pk, "T90", "Treadmill T90")

    def test_leaves_out_what_it_does_not_know(self, treadmill):
        assert availability.of([treadmill.pk + 1]) == {}
        assert availability.by_sku(["t90", "T90 "]) == {}
        assert availability.of([]) == availability.by_sku([]) == {}

    def test_leaves_out_closed_places(self, treadmill):
        factories.stock(treadmill, 1, factories.location(is_open=False))

        assert availability.of([treadmill.pk])[treadmill.pk].shelves == ()

    def test_asks_once_for_many(self, treadmill, django_assert_num_queries):
        others = [factories.variant() for _ in range(10)]

        with django_assert_num_queries(1):
            found = availability.of([variant.pk for variant in (treadmill, *others)])

        assert len(found) == 11


class TestFree:
    def test_includes_the_safety_stock_as_an_associate_sells_the_last_one_too(self, treadmill):
        place = factories.stock(treadmill, 5)
        StockLevel.objects.update(safety=4)
        reserve({(place.pk, treadmill.pk): 2})

        (shelf,) = availability.of([treadmill.pk])[treadmill.pk].shelves

        assert (shelf.free, shelf.offered) == (3, 0)
