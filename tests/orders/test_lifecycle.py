import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import db
from oms.models import OutboxEvent
from orders import lifecycle, reading
from orders.lifecycle import MOVES, SENT, STILL_HERE, IllegalMove, Move
from orders.models import Order, OrderLine
from orders.models.order import BUCKETS
from tests import factories
from tests.factories import NOW

units = st.fixed_dictionaries({bucket: st.integers(0, 3) for bucket in BUCKETS})


class TestStatusOf:
    @pytest.mark.parametrize(
        ("buckets", "status"),
        [
            ({"open": 1}, "open"),
            ({"open": 1, "allocated": 1}, "open"),
            ({"backordered": 1, "allocated": 1, "open": 1}, "backordered"),
            ({"allocated": 2, "cancelled": 1}, "allocated"),
            ({"picked": 1, "packed": 1}, "allocated"),
            ({"shipped": 1, "allocated": 1}, "partially_shipped"),
            ({"delivered": 1, "backordered": 1}, "partially_shipped"),
            ({"shipped": 1, "cancelled": 1}, "shipped"),
            ({"shipped": 1, "delivered": 1}, "shipped"),
            ({"delivered": 2}, "completed"),
            ({"delivered": 1, "returned": 1}, "completed"),
            ({"returned": 1, "cancelled": 1}, "completed"),
            ({"cancelled": 2}, "cancelled"),
            ({}, "cancelled"),
        ],
    )
    def test_is_read_off_the_buckets(self, buckets, status):
        assert lifecycle.status_of(buckets) == status

    @pytest.mark.parametrize(
        ("buckets", "status"),
        [
            ({"allocated": 1}, "awaiting_payment"),
            ({"shipped": 1, "open": 1}, "partially_shipped"),
            ({"cancelled": 1}, "cancelled"),
        ],
    )
    def test_waits_for_payment_while_nothing_was_sent(self, buckets, status):
        assert lifecycle.status_of(buckets, awaiting_payment=True) == status

    @given(units, st.booleans())
    def test_is_a_status_for_any_units(self, buckets, awaiting_payment):
        assert lifecycle.status_of(buckets, awaiting_payment=awaiting_payment) in Order.Status.values

    @given(units)
    def test_says_cancelled_if_and_only_if_nothing_else_is_left(self, buckets):
        is_over = not any(count for bucket, count in buckets.items() if bucket != "cancelled")

        assert (lifecycle.status_of(buckets) == "cancelled") is is_over


class TestMoves:
    def test_lead_from_bucket_to_bucket(self):
        assert {bucket for move in MOVES for bucket in move} <= set(BUCKETS)

    def test_lead_nowhere_from_the_ends(self):
        assert {source for source, _ in MOVES} == set(BUCKETS) - {"cancelled", "returned"}

    def test_reach_every_bucket_but_where_units_come_in(self):
        assert {target for _, target in MOVES} == set(BUCKETS) - {"open"}

    def test_never_bring_back_what_was_sent(self):
        """What has left comes back through `returning`, and is cancelled never."""
        for source, target in MOVES:
            assert source not in SENT or target in SENT

    def test_cancel_whatever_is_still_here(self):
        assert {source for source, target in MOVES if target == "cancelled"} == set(STILL_HERE)

    @given(units, st.sampled_from(sorted(MOVES)))
    def test_never_lead_from_sent_to_unsent_status(self, buckets, move):
        source, target = move
        if not buckets[source]:
            return
        after = {**buckets, source: buckets[source] - 1}
        after[target] += 1

        before = lifecycle.status_of(buckets)

        if before in ("shipped", "completed"):
            assert lifecycle.status_of(after) in ("shipped", "completed")


@pytest.fixture
def order(db):
    factories.channel("web")
    factories.stock(factories.variant("A"), 9)
    factories.stock(factories.variant("B"), 9)
    return factories.order(factories.line("A", 3), factories.line("B", 2))


@db.transaction
def move(number: int, *moves: tuple[int, str, str, int]) -> None:
    order, lines = reading.lock(number)
    lifecycle.move(order, lines, [Move(lines[line], *rest) for line, *rest in moves], now=NOW)


def buckets_of(order: Order) -> list[dict[str, int]]:
    rows = OrderLine.objects.filter(order=order).order_by("position").values(*BUCKETS)
    return [{bucket: count for bucket, count in row.items() if count} for row in rows]


class TestMove:
    def test_moves_units_and_brings_the_status_up_to_date(self, order):
        move(order.number, (0, "allocated", "shipped", 2), (0, "allocated", "picked", 1))

        assert buckets_of(order) == [{"shipped": 2, "picked": 1}, {"allocated": 2}]
        order.refresh_from_db()
        assert order.status == "partially_shipped"

    def test_tells_of_a_new_status_and_of_no_other(self, order):
        OutboxEvent.objects.all().delete()
        before = Order.objects.get().status

        move(order.number, (0, "allocated", "picked", 1))

        assert Order.objects.get().status == before
        assert not OutboxEvent.objects.filter(topic="orders.order-moved").exists()

    @pytest.mark.parametrize(
        "bad",
        [
            (0, "allocated", "returned", 1),
            (0, "shipped", "allocated", 1),
            (0, "allocated", "allocated", 1),
            (0, "allocated", "shipped", 0),
            (0, "allocated", "shipped", -1),
            (0, "allocated", "shipped", 4),
            (0, "picked", "packed", 1),
        ],
    )
    def test_refuses_all_when_one_cannot_be(self, order, bad):
        with pytest.raises(IllegalMove):
            move(order.number, (1, "allocated", "shipped", 1), bad)

        assert buckets_of(order) == [{"allocated": 3}, {"allocated": 2}]

    def test_adds_up_what_leaves_one_bucket(self, order):
        with pytest.raises(IllegalMove):
            move(order.number, (0, "allocated", "shipped", 2), (0, "allocated", "cancelled", 2))

    @pytest.mark.django_db
    def test_costs_as_many_statements_for_fifty_lines_as_for_two(self, django_assert_num_queries):
        factories.channel("web")
        shelf = factories.location()
        for number in range(50):
            factories.stock(factories.variant(f"S{number}"), 1, shelf)
        order = factories.order(*(factories.line(f"S{number}") for number in range(50)))

        with django_assert_num_queries(6):  # with the savepoint of the test
            move(order.number, *((line, "allocated", "picked", 1) for line in range(50)))


@pytest.mark.django_db
class TestActions:
    def test_says_what_is_legal_and_why_the_rest_is_not(self, order):
        lines = list(order.lines.order_by("pk"))

        assert lifecycle.actions(order, lines) == {"ship": "", "allocate": "No unit waits for stock.", "cancel": ""}

    def test_waits_for_the_payment(self, order):
        order.awaiting_payment = True

        assert "payment" in lifecycle.actions(order, list(order.lines.all()))["ship"]

    def test_takes_nothing_back_that_has_left(self, order):
        move(order.number, (0, "allocated", "shipped", 3), (1, "allocated", "shipped", 2))

        reasons = lifecycle.actions(order, list(order.lines.all()))

        assert reasons["cancel"] == "Everything has left already; take it back instead."
        assert reasons["ship"] == "Nothing is allocated to a location."
