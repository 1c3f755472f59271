import random
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.sourcing import Candidate, Demand, Share, plan

T90, MUG, LAMP = 1, 2, 3


def place(number: int, free: dict[int, int], *, kind: str = "warehouse", **more: object) -> Candidate:
    about = {"code": f"L{number}", "region": "PA", "ships": True, "offers_pickup": False, "country": "US", **more}
    return Candidate(location_id=number, kind=kind, free=free, **about)


def want(*units: tuple[int, int], at: int | None = None) -> list[Demand]:
    return [Demand(number, variant, quantity, at) for number, (variant, quantity) in enumerate(units, start=1)]


def sources(shares: list[Share]) -> dict[tuple[int, int | None], int]:
    return {(share.line, share.location_id): share.quantity for share in shares}


class TestPlan:
    def test_prefers_one_place_that_has_everything(self):
        scattered = [place(1, {T90: 5}), place(2, {MUG: 5}), place(3, {T90: 1, MUG: 1}, kind="store")]

        shares = plan(want((T90, 1), (MUG, 1)), scattered)

        assert sources(shares) == {(1, 3): 1, (2, 3): 1}
        assert {share.why for share in shares} == {"has everything"}

    def test_then_whoever_covers_most_and_so_on(self):
        shares = plan(
            want((T90, 2), (MUG, 2), (LAMP, 1)), [place(1, {T90: 1}), place(2, {MUG: 2, LAMP: 1}), place(3, {T90: 2})]
        )

        assert sources(shares) == {(2, 2): 2, (3, 2): 1, (1, 3): 2}
        assert {share.why for share in shares} == {"covers most of what remained"}

    def test_says_what_nobody_has(self):
        shares = plan(want((T90, 5), (MUG, 1)), [place(1, {T90: 2}), place(2, {T90: 1})])

        assert sources(shares) == {(1, 1): 2, (1, 2): 1, (1, None): 2, (2, None): 1}

    def test_takes_what_is_planned_out_of_the_places(self):
        there = place(1, {T90: 3})

        assert sources(plan(want((T90, 2)), [there])) == {(1, 1): 2}
        assert sources(plan(want((T90, 2)), [there])) == {(1, 1): 1, (1, None): 1}

    def test_adds_up_two_lines_of_one_sku(self):
        """Each alone would fit; together they do not."""
        shares = plan(want((T90, 2), (T90, 2)), [place(1, {T90: 3}), place(2, {T90: 1})])

        assert sources(shares) == {(1, 1): 2, (2, 1): 1, (2, 2): 1}

    @pytest.mark.parametrize(
        "second",
        [
            {"country": "CA", "kind": "warehouse"},  # one's own country before any other
            {"country": "CA", "kind": "warehouse", "region": "NY"},  # a region of the same name abroad is none
            {"country": "US", "kind": "3pl"},  # whoever packs for a living before whoever serves walk-ins
            {"country": "US", "kind": "store", "region": "PA"},  # the buyer's region before others
            {"country": "US", "kind": "store", "region": "NY", "code": "A"},  # then the code
        ],
    )
    def test_breaks_ties_by(self, second):
        better = {
            "warehouse": {"country": "US", "kind": "store", "region": "PA"},
            "3pl": {"country": "US", "kind": "warehouse", "region": "PA"},
            "store": {"country": "US", "kind": "store", "region": "NY", "code": "0"},
        }[second["kind"]]
        places = [place(1, {T90: 1}, **second), place(2, {T90: 1}, **better)]

        assert sources(plan(want((T90, 1)), places, region="NY", country="US")) == {(1, 2): 1}

    def test_knows_no_country_better_when_the_buyers_is_unknown(self):
        places = [place(1, {T90: 1}, country="US", kind="store"), place(2, {T90: 1}, country="CA")]

        assert sources(plan(want((T90, 1)), places)) == {(1, 2): 1}

    def test_takes_a_chosen_place_or_waits_for_it(self):
        places = [place(1, {T90: 9}), place(2, {T90: 1}, kind="store", ships=False)]

        shares = plan(want((T90, 2), at=2), places)

        assert sources(shares) == {(1, 2): 1, (1, None): 1}
        assert shares[0].why == "chosen by the buyer"

    def test_waits_for_a_chosen_place_it_does_not_know(self):
        assert sources(plan(want((T90, 2), at=9), [place(1, {T90: 9})])) == {(1, None): 2}

    def test_serves_chosen_places_before_it_gives_their_units_away(self):
        demands = [Demand(1, T90, 1), Demand(2, T90, 1, location_id=1)]

        assert sources(plan(demands, [place(1, {T90: 1})])) == {(2, 1): 1, (1, None): 1}

    @pytest.mark.parametrize("more", [{"ships": False}, {"kind": "supplier"}])
    def test_sends_nothing_from_a_place_that_does_not(self, more):
        assert sources(plan(want((T90, 1)), [place(1, {T90: 9}, **more)])) == {(1, None): 1}

    @pytest.mark.parametrize("free", [0, -3])
    def test_takes_nothing_from_an_empty_shelf(self, free):
        assert sources(plan(want((T90, 1)), [place(1, {T90: free})])) == {(1, None): 1}

    def test_plans_nothing_for_nothing(self):
        assert plan([], [place(1, {T90: 1})]) == []


demands = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 6), st.none() | st.integers(1, 6)), min_size=1, max_size=6
).map(lambda rows: [Demand(line, variant, units, at) for line, (variant, units, at) in enumerate(rows, start=1)])


@st.composite
def places(draw: st.DrawFn) -> list[Candidate]:
    found = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        kind = draw(st.sampled_from(["warehouse", "3pl", "store", "supplier"]))
        free = draw(st.dictionaries(st.integers(1, 4), st.integers(-1, 6)))
        about = {"region": draw(st.sampled_from(["PA", "NY"])), "country": draw(st.sampled_from(["US", "CA"]))}
        found.append(place(number, free, kind=kind, ships=draw(st.booleans()), **about))
    return found


class TestPlanAlways:
    @given(demands, places())
    def test_serves_every_unit_once(self, wanted, found):
        shares = plan(wanted, deepcopy(found))

        for demand in wanted:
            of_line = [share for share in shares if share.line == demand.line]
            assert sum(share.quantity for share in of_line) == demand.quantity
            assert {share.variant_id for share in of_line} == {demand.variant_id}
            assert len({share.location_id for share in of_line}) == len(of_line), "one share for a line and place"
        assert all(share.quantity > 0 for share in shares)

    @given(demands, places())
    def test_takes_no_more_than_is_free(self, wanted, found):
        before = deepcopy(found)

        shares = plan(wanted, found)

        for was, candidate in zip(before, found, strict=True):
            for variant, free in was.free.items():
                taken = sum(
                    share.quantity
                    for share in shares
                    if (share.location_id, share.variant_id) == (was.location_id, variant)
                )
                assert taken <= max(0, free)
                assert candidate.free[variant] == free - taken

    @given(demands, places())
    def test_leaves_no_unit_waiting_that_somebody_could_send(self, wanted, found):
        shares = plan(wanted, found)

        chose = {demand.line: demand.location_id for demand in wanted}
        for share in shares:
            if share.location_id is None:
                at = chose[share.line]
                could = [c for c in found if (c.location_id == at if at else c.ships and c.kind != "supplier")]
                assert all(candidate.free.get(share.variant_id, 0) <= 0 for candidate in could)

    @given(demands, places(), st.randoms(use_true_random=False))
    def test_is_the_same_whatever_order_the_places_come_in(self, wanted, found, chance: random.Random):
        shuffled = deepcopy(found)
        chance.shuffle(shuffled)

        first = plan(wanted, found, region="NY", country="US")

        assert plan(wanted, shuffled, region="NY", country="US") == first

    @given(demands.map(lambda rows: [Demand(d.line, d.variant_id, d.quantity) for d in rows]), places())
    def test_uses_one_place_when_one_has_all(self, wanted, found):
        total: dict[int, int] = {}
        for demand in wanted:
            total[demand.variant_id] = total.get(demand.variant_id, 0) + demand.quantity
        has_all = {
            c.location_id
            for c in found
            if c.ships and c.kind != "supplier" and all(c.free.get(v, 0) >= n for v, n in total.items())
        }

        used = {share.location_id for share in plan(wanted, found)}

        assert not has_all or (len(used) == 1 and used <= has_all)
