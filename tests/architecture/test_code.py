"""House rules that a linter does not know: each with the modules that are its exception, and a planted offender."""

import ast
import re

import pytest

from tests.architecture.source import calls, imports, modules

NETWORK = re.compile(r"(urllib3|requests|httpx|aiohttp|socket|ssl|smtplib|ftplib|http\.client|urllib\.request)(\.|$)")


def speaks(tree: ast.Module) -> set[str]:
    return {name for name in imports(tree) if NETWORK.match(name)}


def test_one_module_calls_the_outside_world():
    """Apart from it: the services that start on this machine, and the playground, which plays the outside world."""
    inside = {"oms/http.py"}
    found = {module.path: names for module in modules() if (names := speaks(module.tree)) and module.path not in inside}

    assert {path for path in found if not path.startswith(("oms/embedded/", "demo/"))} == set()


@pytest.mark.parametrize(
    "code", ["import requests", "from urllib.request import urlopen", "import urllib3", "import http.client as h"]
)
def test_a_module_that_calls_outside_is_seen(code):
    assert speaks(ast.parse(code))


OPENS = re.compile(r"django\.db\.(transaction|transaction\.(atomic|on_commit)|transaction\.\*)$")


def opens(tree: ast.Module) -> list[str]:
    """Transactions opened by hand, without the retries and the refusal to nest that `oms.db` adds."""
    return [
        name
        for name in imports(tree)
        if re.match(r"django\.db(\.transaction|\.models)?\.(transaction|atomic|on_commit)$", name)
    ]


# Who reads several tables as of one moment, or sets a time limit for one statement, writes nothing.
READERS = {"console/search.py", "oms/books.py"}
BY_HAND = {"api/management/commands/api_client.py"}


def test_one_module_opens_transactions_that_write():
    assert {module.path for module in modules() if opens(module.tree)} - READERS - BY_HAND == {"oms/db.py"}


@pytest.mark.parametrize(
    "code",
    [
        "from django.db import transaction",
        "from django.db.transaction import atomic",
        "from django.db import models, transaction",
    ],
)
def test_a_transaction_opened_elsewhere_is_seen(code):
    assert opens(ast.parse(code))


CLOCKS = re.compile(r"(^|\.)(timezone\.now|datetime\.now|datetime\.utcnow|date\.today|time\.time|localdate|localtime)$")


def clocks(tree: ast.AST) -> list[str]:
    return [
        f"{call.lineno}: {name}"
        for name, call in calls(tree)
        if re.search(
            r"(^|\.)(timezone\.now|datetime\.now|datetime\.utcnow|date\.today|time\.time|localdate|localtime)$", name
        )
    ]


def test_business_rules_are_told_the_time():
    edges = ("subscribers.py", "tasks.py")
    found = {
        module.path: lines
        for module in modules()
        if module.path.startswith(("customers/", "inventory/", "orders/")) and not module.path.endswith(edges)
        if (lines := clocks(module.tree))
    }

    assert found == {}


@pytest.mark.parametrize("code", ["timezone.now()", "datetime.now(UTC)", "datetime.datetime.utcnow()", "time.time()"])
def test_a_rule_that_reads_the_clock_is_seen(code):
    assert clocks(ast.parse(code))


HIDDEN = re.compile(r"(^|\.)(get_model|receiver|raw)$")


def hidden(tree: ast.Module) -> list[str]:
    """Ways to a table that the other tests here cannot follow, and signals, which nobody sees happen."""
    called = [f"{call.lineno}: {name}" for name, call in calls(tree) if HIDDEN.search(name)]
    return called + [name for name in imports(tree) if name.startswith("django.db.models.signals")]


def test_nothing_happens_behind_a_readers_back():
    assert {module.path: lines for module in modules() if (lines := hidden(module.tree))} == {}


@pytest.mark.parametrize(
    "code",
    [
        'apps.get_model("orders", "Order")',
        "from django.db.models.signals import post_save",
        "@receiver(saved)\ndef f(): ...",
    ],
)
def test_what_happens_behind_a_readers_back_is_seen(code):
    assert hidden(ast.parse(code))
