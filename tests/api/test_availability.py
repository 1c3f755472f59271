"""How many can be sold, over HTTP."""

from typing import Any

import pytest

from tests import factories
from tests.api.calls import Caller, body, caller, line


class TestAvailability:
    def test_says_how_many_and_where(self, shop: Caller) -> None:
        shop.place(body(line("T90", 3)))
        (said,) = shop.get("availability", sku="T90").json()

        assert said == {
            "sku": "T90", "available": 7, "waiting": 0,
            "locations": [{"location": "WH", "on_hand": 10, "reserved": 3, "free": 7}],
        }  # fmt: skip

    def test_leaves_out_what_we_do_not_have_and_keeps_the_order(self, shop: Caller) -> None:
        factories.variant("MAT")
        said = shop.get("availability", sku=["MAT", "NOPE", "t90", "T90", "MAT"]).json()

        assert [each["sku"] for each in said] == ["MAT", "T90"]

    def test_shows_locations_within_reach_only(self, shop: Caller) -> None:
        factories.stock(factories.variant("MAT"), 4, factories.store("S1"))
        said = caller(locations=("WH",)).get("availability", sku=["MAT", "T90"]).json()

        assert [[place["location"] for place in each["locations"]] for each in said] == [[], ["WH"]]
        assert said[0]["available"] == 4

    @pytest.mark.parametrize("skus", [[], ["X"] * 101, [""], ["\x00"], [" T90"], ["x" * 81], ["\u202eT90"]])
    def test_a_question_that_is_none(self, shop: Caller, skus: list[str]) -> None:
        assert shop.get("availability", sku=skus).status_code == 422

    def test_takes_one_statement_for_a_hundred(self, shop: Caller, django_assert_num_queries: Any) -> None:
        for place in range(12):
            factories.stock(factories.variant(f"V{place}"), 1)
        with django_assert_num_queries(2):
            assert len(shop.get("availability", sku=[f"V{place}" for place in range(100)]).json()) == 12
