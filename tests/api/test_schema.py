"""The description of the API: whole, true, and no request made from it brings the server down."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.urls import get_resolver
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from oms.wsgi import application
from orders.models import Order
from tests import factories
from tests.api.calls import Caller, body, line

few = settings(max_examples=30, database=None, deadline=None, suppress_health_check=list(HealthCheck))
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The schema as the command writes it, which fails on the smallest doubt."""
    place = Path(tmp_path_factory.mktemp("schema")) / "schema.yaml"
    call_command("spectacular", file=str(place), validate=True, fail_on_warn=True)
    return yaml.safe_load(place.read_text())


class TestDescription:
    def test_names_every_route(self, described: Any) -> None:
        v1 = next(each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "v1")
        routes = {f"/api/v1/{pattern.pattern}".replace("<int:number>", "{number}") for pattern in v1.url_patterns}

        assert set(described["paths"]) == routes - {"/api/v1/schema"}

    def test_says_how_each_operation_refuses(self, described: Any) -> None:
        for operations in described["paths"].values():
            for operation in operations.values():
                assert list(operation["responses"]["4XX"]["content"]) == ["application/problem+json"]
                assert operation["security"] == [{"key": []}]
                assert operation["description"]

    def test_asks_for_the_key_of_an_order(self, described: Any) -> None:
        (key,) = described["paths"]["/api/v1/orders"]["post"]["parameters"]

        assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", True)

    def test_is_served_to_everybody(self, db: None) -> None:
        assert Caller().get("schema").status_code == 200


@pytest.fixture
def key(transactional_db: None) -> str:
    factories.channel("web")
    factories.stock(factories.variant("T90"), 1000, factories.location("WH"))
    for _ in range(3):
        factories.order(factories.line("T90", 5))
    return factories.api_client()[1]


OPERATIONS = [
    ("GET", "/api/v1/orders"), ("POST", "/api/v1/orders"), ("GET", "/api/v1/orders/{number}"),
    ("POST", "/api/v1/orders/{number}/cancellation"), ("POST", "/api/v1/orders/{number}/shipments"),
    ("GET", "/api/v1/availability"),
]  # fmt: skip


@pytest.mark.slow
class TestAnyRequest:
    @pytest.mark.parametrize(("method", "path"), OPERATIONS)
    def test_is_answered_as_described(self, key: str, method: str, path: str) -> None:
        operation = schemathesis.openapi.from_wsgi("/api/v1/schema", application)[path][method]
        cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode))
        known = list(Order.objects.values_list("number", flat=True))

        @seed(20261103)
        @few
        @given(case=cases, number=st.sampled_from([None, *known]))
        def ask(case: Any, number: int | None) -> None:
            if number is not None and case.path_parameters:
                case.path_parameters["number"] = number
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            case.validate_response(answer, checks=CHECKS)

        ask()

    def test_a_good_order_with_one_value_changed(self, key: str) -> None:
        shop, good = Caller(key), body(line("T90"), note="n")
        places = list(_places(good))
        values = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(repr),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        )

        @seed(20261103)
        @settings(few, max_examples=150)
        @given(place=st.sampled_from(places), value=values)
        def send(place: tuple[Any, ...], value: Any) -> None:
            said: Any = copy.deepcopy(good)
            *way, last = place
            at = said
            for step in way:
                at = at[step]
            at[last] = value
            assert shop.place(json.dumps(said).encode()).status_code in (200, 201, 400, 409, 422)

        send()


def _places(value: Any, way: tuple[Any, ...] = ()) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield (*way, step)
        yield from _places(each, (*way, step))
