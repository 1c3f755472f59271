"""Every route of the console asked for by everybody: what the table of permissions says is what happens."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, reverse

from oms import inbox, permissions
from oms.models import AuditEntry, InboxMessage, Role
from oms.permissions import PUBLIC, ROUTES
from tests import factories

pytestmark = pytest.mark.django_db

READING, WRITING = ("get",), ("post", "delete")


@pytest.fixture
def world() -> dict[str, Any]:
    """One of everything that a route can be about: {name of the route's argument: its value}."""
    account = factories.account("ebay")
    variant = factories.variant("T90", price=89900)
    factories.listing(account, variant)
    place = factories.stock(variant, 3, factories.store("S1"))
    factories.channel(settings.OMS_TILL_CHANNEL, "till")
    order = factories.order(factories.line("T90"), channel="ebay")
    letter = inbox.Letter(event_id="e1", topic="order", object_id="o1", raw=b'{"lines": []}')
    inbox.store(source="channel:ebay", letters=[letter])
    message = InboxMessage.objects.get()
    inbox.quarantine(message.pk, code="sku_unmapped", message="Map T91.", facts={"skus": ["T91"]})
    return {
        "number": order.number, "code": "ebay", "sku": "T90", "line": 1, "place": place.code,
        "console:customer": order.customer_id, "console:customer-reveal": order.customer_id, "pk": message.pk,
    }  # fmt: skip


def addresses(world: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, address) of every route of the console."""
    for pattern in _console():
        name = f"console:{pattern.name}"
        arguments = {word: world.get(name, world[word]) for word in pattern.pattern.converters}
        yield name, reverse(name, kwargs=arguments)


def _console() -> list[Any]:
    (console,) = (each for each in get_resolver().url_patterns if getattr(each, "namespace", None) == "console")
    return console.url_patterns


def verdict(answer: HttpResponse) -> str:
    """ "login", "refused", "broken" or, for all that a view may say itself, "in"."""
    if answer.status_code == 302 and answer["Location"].startswith(f"{reverse('console:login')}?next="):
        return "login"
    return {403: "refused", 500: "broken"}.get(answer.status_code, "in")


def asked(user: Any, world: dict[str, Any], methods: tuple[str, ...] = READING + WRITING) -> dict[str, set[str]]:
    """{route: what its answers come to}. The route that ends sessions is asked last."""
    browser = Client(raise_request_exception=False)
    if user is not None:
        browser.force_login(user)
    found: dict[str, set[str]] = {}
    for name, address in sorted(addresses(world), key=lambda route: route[0] == "console:logout"):
        found[name] = {verdict(getattr(browser, method)(address)) for method in methods}
    return found


def expected(role: str | None, otherwise: str) -> dict[str, set[str]]:
    return {
        name: {"in"} if action == PUBLIC or permissions.staff_may(role, action) else {otherwise}
        for name, action in ROUTES.items()
        if name.startswith("console:")
    }


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_in_where_the_table_lets_it_and_nowhere_else(role, world):
    user, before = factories.staff(role), AuditEntry.objects.count()

    assert asked(user, world, READING) == expected(role, "refused")
    assert AuditEntry.objects.count() == before, "who only looks leaves no trace of a deed"
    assert asked(user, world, WRITING) == expected(role, "refused")


def test_strangers_are_sent_to_the_login_page(world):
    assert asked(None, world) == expected(None, "login")


def test_people_without_a_job_are_refused(world):
    nobody = get_user_model().objects.create_user("nobody")

    assert asked(nobody, world) == expected(None, "refused")


def test_superusers_have_no_job_here_by_themselves(world):
    root = get_user_model().objects.create_superuser("root")

    assert asked(root, world) == expected(None, "refused")


def test_people_who_have_left_are_strangers(world):
    left = factories.staff(Role.SUPERVISOR, is_active=False)

    assert asked(left, world) == expected(None, "login")


def test_a_refusal_leaves_everything_as_it_was(world):
    before = AuditEntry.objects.count()
    for role in (Role.FINANCE, Role.AUDITOR, Role.PLATFORM_ADMIN):
        asked(factories.staff(role), world, WRITING)

    assert AuditEntry.objects.count() == before
    assert InboxMessage.objects.get().state == "quarantined"


def somebody_who_may(name: str) -> Any:
    action = ROUTES[name]
    role = next(role for role in Role if action == PUBLIC or permissions.staff_may(role, action))
    return factories.staff(role)


class TestForgedForms:
    """are refused on every route and by every method, also to those who may."""

    def test_without_a_token(self, world):
        let_in = {}
        for name, address in addresses(world):
            browser = Client(enforce_csrf_checks=True)
            browser.force_login(somebody_who_may(name))
            for method in ("post", "put", "patch", "delete"):
                answer = getattr(browser, method)(address, data=b"{}", content_type="text/plain")
                if answer.status_code != 403:
                    let_in[f"{method} {name}"] = answer.status_code

        assert let_in == {}

    def test_from_another_origin(self, world):
        let_in = {}
        for name, address in addresses(world):
            browser, token = _with_a_token(somebody_who_may(name))
            elsewhere = {"X-CSRFToken": token, "Origin": "https://evil.example"}
            answer = browser.post(address, headers=elsewhere)
            if answer.status_code != 403:
                let_in[name] = answer.status_code

        assert let_in == {}

    def test_are_what_is_refused_and_nothing_else(self, world):
        """With its token the same request gets in: else the two tests above could not fail."""
        kept_out = {}
        for name, address in addresses(world):
            browser, token = _with_a_token(somebody_who_may(name))
            answer = browser.post(address, headers={"X-CSRFToken": token})
            if answer.status_code in {403, 500}:
                kept_out[name] = answer.status_code

        assert kept_out == {}


def _with_a_token(user: Any) -> tuple[Client, str]:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    token = "a" * 32
    browser.cookies[settings.CSRF_COOKIE_NAME] = token
    return browser, token
