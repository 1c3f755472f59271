"""pytest plugin (-p tests.services): real services for the run, and a freshly migrated database in a moment.

Migrating takes seconds, copying a migrated database a fraction of one. So the first run after a change to a
migration makes a template, and every run (and every xdist worker) gets a copy of it under a name of its own:
several runs in one checkout do not meet.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from psycopg2 import sql

from oms import embedded

PROJECT = Path(__file__).resolve().parents[1]
NEED_DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}


def state_of_the_schema() -> str:
    """Changes whenever migrating from nothing could end elsewhere."""
    digest = hashlib.sha256()
    for path in [
        *sorted(PROJECT.glob("*/migrations/*.py")),
        PROJECT / "requirements.txt",
        PROJECT / "oms/settings/base.py",
        Path(__file__),
    ]:
        digest.update(str(path.relative_to(PROJECT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def cluster(database: str = "") -> Iterator[psycopg2.extensions.cursor]:
    with closing(psycopg2.connect(address_of(database) if database else os.environ["DATABASE_URL"])) as connection:
        connection.autocommit = True
        yield connection.cursor()


def address_of(database: str) -> str:
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()


def databases(cursor: psycopg2.extensions.cursor, prefix: str) -> list[str]:
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
    return [name for (name,) in cursor]


def drop(cursor: psycopg2.extensions.cursor, name: str) -> None:
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_what_killed_runs_left(cursor: psycopg2.extensions.cursor) -> None:
    for name in databases(cursor, "test_oms_run_"):
        owner = name.removeprefix("test_oms_run_").split("_")[0]
        if not (owner.isdigit() and _runs(int(owner))):
            drop(cursor, name)


def make_template(name: str) -> None:
    """Under a lock, because xdist workers all arrive at once."""
    lock = Path(os.environ.get("OMS_VAR") or PROJECT / "var") / "test-template.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file, cluster() as cursor:
        fcntl.flock(file, fcntl.LOCK_EX)
        if name in databases(cursor, "test_oms_template_"):
            return
        for old in databases(cursor, "test_oms_template_"):
            drop(cursor, old)
        draft = f"test_oms_draft_{os.getpid()}"
        drop(cursor, draft)
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
        migrate(draft)
        keep_from_autovacuum(draft)
        cursor.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name)))


def keep_from_autovacuum(database: str) -> None:
    """It comes by between two tests, finds nothing but what was rolled back, and from then on Postgres plans for
    empty tables: a test that fills them meets nested loops over thousands of rows, now and then.
    """
    with cluster(database) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = off)").format(sql.Identifier(table)))


def migrate(database: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != embedded.OURS}
    environment["DATABASE_URL"] = address_of(database)
    environment["DJANGO_SETTINGS_MODULE"] = "oms.settings.test"
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.exit(f"The test database cannot be migrated:\n{done.stderr[-3000:]}", returncode=3)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if any(
        NEED_DATABASE & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("django_db")
        for item in session.items
    ):
        make_template(os.environ["OMS_TEST_TEMPLATE"])


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


embedded.ensure()
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["OMS_TEST_TEMPLATE"] = f"test_oms_template_{state_of_the_schema()}"
    os.environ["OMS_TEST_DATABASE"] = f"test_oms_run_{os.getpid()}"
    with cluster() as _cursor:
        drop_what_killed_runs_left(_cursor)
