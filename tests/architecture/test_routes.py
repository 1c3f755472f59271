"""The table of permissions and the URLs know the same routes, and the table holds together."""

from collections.abc import Iterable, Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, include, path

from oms import permissions
from oms.middleware import UNGUARDED_NAMESPACES
from oms.models import Role, Scope
from oms.permissions import ACTIONS, PUBLIC, ROUTES


def routes(patterns: Iterable[URLPattern | URLResolver], namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(full name, pattern) of every route; one without a name is called by its path."""
    for each in patterns:
        if isinstance(each, URLResolver):
            inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
            if each.namespace not in UNGUARDED_NAMESPACES:
                yield from routes(each.url_patterns, inner)
        else:
            yield f"{namespace}{each.name or '/' + str(each.pattern)}", each


def known() -> dict[str, URLPattern]:
    return dict(routes(get_resolver("oms.urls").url_patterns))


def test_every_route_has_a_row_and_every_row_a_route():
    assert {"without a row": known().keys() - ROUTES, "without a route": ROUTES.keys() - known().keys()} == {
        "without a row": set(), "without a route": set(),
    }  # fmt: skip


def test_no_two_routes_share_a_name():
    names = [name for name, _ in routes(get_resolver("oms.urls").url_patterns)]

    assert sorted(names) == sorted(set(names))


def test_a_route_without_a_row_is_seen():
    def view() -> None: ...

    planted = [
        path("new/", view, name="new"),
        path("console/", include(([path("deep/", view, name="deep"), path("nameless/", view)], "console"))),
        path("admin/", include(([path("own/", view, name="own")], "admin"))),
    ]

    assert {name for name, _ in routes(planted)} == {"new", "console:deep", "console:/nameless/"}


def test_every_row_asks_for_an_action_of_the_table():
    assert {name: action for name, action in ROUTES.items() if action != PUBLIC and action not in ACTIONS} == {}


def test_every_action_has_roles_and_scopes_that_exist():
    assert [action for action, rule in ACTIONS.items() if not rule.roles] == []
    assert {role for rule in ACTIONS.values() for role in rule.roles} <= set(Role)
    assert {rule.scope for rule in ACTIONS.values()} <= {"", *Scope.values}


def test_what_is_public_is_named_here():
    assert {name for name, action in ROUTES.items() if action == PUBLIC} == {
        "healthz", "readyz", "console:login", "console:logout", "v1:schema",
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in ROUTES if name.startswith("v1:")])
def test_every_method_of_the_api_asks_for_an_action_of_the_table(name):
    view = known()[name].callback.view_class
    taken = {method.upper() for method in view.http_method_names if hasattr(view, method)} - {"OPTIONS", "HEAD"}
    by_method = getattr(view, "actions", {})
    asked = {method: by_method.get(method) or ROUTES[name] for method in taken}

    assert asked
    assert set(by_method) <= taken
    for method, action in asked.items():
        assert action == PUBLIC or ACTIONS[action].scope, f"{method} {name}: no program could ever call it"


def test_writing_by_the_api_never_asks_for_a_right_to_read():
    for name in (name for name in ROUTES if name.startswith("v1:")):
        view = known()[name].callback.view_class
        for method in {"POST", "PUT", "PATCH", "DELETE"}:
            if hasattr(view, method.lower()):
                action = getattr(view, "actions", {}).get(method) or ROUTES[name]
                assert not action.endswith("read"), f"{method} {name}"


def test_the_table_is_closed_by_default():
    assert not permissions.staff_may(Role.PLATFORM_ADMIN, "an.action-of-tomorrow")
