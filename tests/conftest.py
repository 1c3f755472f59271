"""Fixtures every test may ask for. Real services come from tests.services; data comes from tests.factories."""

import shutil
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import connection
from django.test import Client, TransactionTestCase
from hypothesis import settings

from tests import factories

settings.register_profile("ours", deadline=None)  # a busy machine is no failure
settings.load_profile("ours")


@pytest.fixture
def desk(client: Client, db: None) -> Client:
    """A browser of a call-centre agent who reaches every channel and place."""
    client.force_login(factories.staff())
    return client


@pytest.fixture
def as_role(db: None) -> Any:
    """`as_role("supervisor", channels=("ebay",))` is a browser of somebody with that role and reach."""

    def log_in(role: str, **reach: Any) -> Client:
        browser = Client()
        browser.force_login(factories.staff(role, **reach))
        return browser

    return log_in


KEPT = {"django_migrations", "django_content_type", "auth_permission"}  # as the template made them


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_between_tests() -> Iterator[None]:
    """Tests that commit leave rows behind. Only tables with rows are emptied: the flush of Django takes a third of a
    second for all of them, and Postgres refuses it for those that only grow, unless told so for the moment.
    """

    def empty(_case: TransactionTestCase) -> None:
        with pgtrigger.ignore(), connection.cursor() as cursor:
            tables = sorted(set(connection.introspection.table_names(cursor)) - KEPT)
            looks = [f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables]  # noqa: S608  # our tables
            cursor.execute(" UNION ALL ".join(looks))
            if left := [name for (name,) in cursor]:
                cursor.execute(f"TRUNCATE {', '.join(left)} CASCADE")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own Chromium, for the stories marked `browser`."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]
    return {
        **browser_type_launch_args,
        "executable_path": chromium or pytest.skip("no Chromium on this machine"),
        "args": flags,
    }


@pytest.fixture
def complaints(page: Any) -> list[str]:
    """Errors the page threw or the browser reported, the content policy's among them."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said
