"""Databases of the benchmarks: beside the product's, in the same server with the same settings.

Migrating takes seconds, copying a migrated database a fraction of one: a template is made once per state of the
migrations, and every bench gets a copy of it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connection

from oms import embedded

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE, RUN = "oms_bench_template_", "oms_bench_run_"


@contextmanager
def fresh() -> Iterator[None]:
    """Django's connection leads to a new, migrated and empty database while this is open."""
    home, address = connection.settings_dict["NAME"], os.environ["DATABASE_URL"]
    template = f"{TEMPLATE}{_state_of_the_schema()}"
    name = f"{RUN}{os.getpid()}_{os.urandom(3).hex()}"
    with _cluster(address) as cursor:
        _make_template(cursor, template)
        _drop_what_killed_runs_left(cursor)
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        _turn_to(name)
        yield
    finally:
        _turn_to(home)
        with _cluster(address) as cursor:
            _drop(cursor, name)


def url() -> str:
    """The address of the database Django's connection leads to."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def environment(**more: str) -> dict[str, str]:
    """For a child process that is to work on the same database."""
    inherited = {name: value for name, value in os.environ.items() if name != embedded.OURS}
    return {**inherited, "DATABASE_URL": url(), **more}


def raw() -> Any:
    """A bare connection to the same database."""
    return _connect(url())


def _connect(address: str) -> Any:
    """With the driver Django uses, but none of Django."""
    return cast(Any, connection).Database.connect(address)


def _turn_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _state_of_the_schema() -> str:
    """Changes whenever migrating from nothing could end elsewhere."""
    digest = hashlib.sha256()
    for path in (*sorted(PROJECT.glob("*/migrations/*.py")), PROJECT / "requirements.txt"):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _make_template(cursor: Any, name: str) -> None:
    cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [TEMPLATE])  # held until this connection closes
    if name in _databases(cursor, TEMPLATE):
        return
    for old in _databases(cursor, TEMPLATE):
        _drop(cursor, old)
    draft, home = f"{RUN}{os.getpid()}_draft", connection.settings_dict["NAME"]
    cursor.execute(f"CREATE DATABASE {draft}")
    _turn_to(draft)
    try:
        call_command("migrate", verbosity=0)
    finally:
        _turn_to(home)
    cursor.execute(f"ALTER DATABASE {draft} RENAME TO {name}")


def _drop_what_killed_runs_left(cursor: Any) -> None:
    for name in _databases(cursor, RUN):
        if not Path(f"/proc/{name.removeprefix(RUN).split('_')[0]}").exists():
            _drop(cursor, name)


def _databases(cursor: Any, prefix: str) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
    return [name for (name,) in cursor]


def _drop(cursor: Any, name: str) -> None:
    cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    with closing(_connect(address)) as made:
        made.autocommit = True
        yield made.cursor()
