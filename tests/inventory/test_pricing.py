from datetime import timedelta

import pytest
from django.db import IntegrityError

from inventory import pricing
from inventory.models import Price
from tests import factories

NOW = factories.NOW


@pytest.fixture
def lamp(db):
    return factories.variant("LAMP")


def price(variant, amount, *, channel="", currency="USD", since=-1, until=None):
    """A price from `since` to `until`, in days from now."""
    ends = NOW + timedelta(days=until) if until is not None else None
    return Price.objects.create(
        variant=variant, channel=channel, currency=currency, amount=amount, valid=(NOW + timedelta(days=since), ends)
    )


def of(*variants, channel="till", currency="USD", at=NOW):
    return pricing.of([variant.pk for variant in variants], channel=channel, currency=currency, at=at)


class TestOf:
    def test_the_channels_own_price_goes_before_that_of_all(self, lamp):
        price(lamp, 1000)
        price(lamp, 900, channel="till")
        price(lamp, 1, channel="web")

        assert of(lamp) == {lamp.pk: 900}
        assert of(lamp, channel="web") == {lamp.pk: 1}
        assert of(lamp, channel="phone") == {lamp.pk: 1000}

    def test_the_price_of_all_comes_back_when_the_own_one_ends(self, lamp):
        price(lamp, 1000)
        price(lamp, 900, channel="till", until=1)

        assert of(lamp, at=NOW + timedelta(days=1)) == {lamp.pk: 1000}

    def test_a_price_begins_at_its_moment_and_ends_before_the_next(self, lamp):
        price(lamp, 1000, until=0)
        price(lamp, 1200, since=0)

        assert of(lamp, at=NOW - timedelta(microseconds=1)) == {lamp.pk: 1000}
        assert of(lamp) == {lamp.pk: 1200}
        assert of(lamp, at=NOW - timedelta(days=2)) == {}

    def test_other_currencies_and_other_variants_are_no_price(self, lamp):
        price(lamp, 1000, currency="EUR")
        price(factories.variant(), 5)

        assert of(lamp) == {}
        assert of(lamp, currency="EUR") == {lamp.pk: 1000}

    def test_nothing_may_cost_nothing(self, lamp):
        price(lamp, 0)

        assert of(lamp) == {lamp.pk: 0}

    def test_many_cost_one_statement_and_none_costs_none(self, lamp, django_assert_num_queries):
        variants = [factories.variant(price=number) for number in range(12)]
        with django_assert_num_queries(1):
            found = of(lamp, *variants)
        with django_assert_num_queries(0):
            assert of() == {}

        assert found == {variant.pk: number for number, variant in enumerate(variants)}

    def test_two_prices_at_one_time_are_refused_by_the_table(self, lamp):
        price(lamp, 1000)
        with pytest.raises(IntegrityError, match="one_price_at_a_time"):
            price(lamp, 900, since=5)
