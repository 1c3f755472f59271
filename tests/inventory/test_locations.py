import pytest

from inventory import locations
from tests import factories

LONDON, PARIS, SYDNEY = (51.5074, -0.1278), (48.8566, 2.3522), (-33.8688, 151.2093)


class TestBetween:
    @pytest.mark.parametrize(
        ("here", "there", "km"),
        [
            (LONDON, PARIS, 344),
            (LONDON, SYDNEY, 16_994),
            (PARIS, PARIS, 0),
            ((0, 179.5), (0, -179.5), 111),  # across the date line
            ((90, 0), (-90, 0), 20_015),
        ],
    )
    def test_is_the_way_as_the_crow_flies(self, here, there, km):
        assert locations.between(here, there) == pytest.approx(km, abs=1)
        assert locations.between(there, here) == pytest.approx(km, abs=1)


class TestDistances:
    def test_leaves_out_what_nobody_has_located(self, db, django_assert_num_queries):
        london = factories.store("LDN", latitude=LONDON[0], longitude=LONDON[1])
        paris = factories.store("PAR", latitude=PARIS[0], longitude=PARIS[1])
        nowhere = factories.store("NIX")
        with django_assert_num_queries(1):
            far = locations.distances(london, [paris.pk, nowhere.pk])

        assert far == {paris.pk: pytest.approx(344, abs=1)}
        assert locations.distances(nowhere, [paris.pk]) == {}
