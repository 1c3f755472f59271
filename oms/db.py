"""Transaction intent, locking and retries, in one place."""

import contextlib
import contextvars
import functools
import hashlib
import random
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import NoneType
from typing import Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections, models
from django.db.transaction import atomic

P = ParamSpec("P")
R = TypeVar("R")

# Somebody else was in the way and nothing happened: serialization failure, deadlock, lock timeout.
RETRIABLE = {"40001", "40P01", "55P03"}
ATTEMPTS = 4


class OutsideTransaction(RuntimeError):
    """A helper that needs its caller's transaction was called without one. A programming error."""


class InsideTransaction(RuntimeError):
    """Slow outside work (HTTP, mail, queue) was started while row locks may be held. A programming error."""


class Again(Exception):
    """Nothing is wrong, but this transaction cannot go on; the same from the start will see why and succeed."""


def transaction(function: Callable[P, R]) -> Callable[P, R]:
    """This function owns its transaction: all of it happens, or nothing.

    Nesting it in another transaction is an error (RuntimeError). Runs the whole function again, up to
    three times, when Postgres or an `Again` says that a concurrent transaction was in the way.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for attempt in range(1, ATTEMPTS):
            try:
                with atomic(durable=True):
                    return function(*args, **kwargs)
            except (OperationalError, Again) as error:
                if not isinstance(error, Again) and sqlstate(error) not in RETRIABLE:
                    raise
                time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311  # jitter, no secret
        with atomic(durable=True):
            return function(*args, **kwargs)

    return wrapper


def inside_transaction(function: Callable[P, R]) -> Callable[P, R]:
    """The caller owns the transaction; this function only takes part in it."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not is_open():
            raise OutsideTransaction(function.__qualname__)
        return function(*args, **kwargs)

    return wrapper


def is_open() -> bool:
    """Whether a business transaction is open. Blocks that Django's test cases open do not count."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


def assert_no_transaction(doing: str) -> None:
    """Call before any network I/O. `oms.http` does it for every request."""
    if is_open():
        raise InsideTransaction(doing)


def sqlstate(error: BaseException) -> str:
    """The five-character code Postgres gave, or "" when the driver has none."""
    return getattr(error.__cause__, "pgcode", None) or ""


def constraint(error: BaseException) -> str:
    """The name of the constraint an IntegrityError broke, or ""."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""


_Statement = tuple[str, Sequence[Any] | dict[str, Any], bool]
_collected: contextvars.ContextVar[list[_Statement] | None] = contextvars.ContextVar("collected", default=None)


@contextlib.contextmanager
def together(*, as_one: bool = False) -> Iterator[None]:
    """Send the statements `fetch`ed in this block in one round trip at its end; none of them may need an answer.

    `as_one` is for inserts that have nothing to do with each other: they become one statement, planned once.
    """
    statements: list[_Statement] = []
    token = _collected.set(statements)
    try:
        yield
    finally:
        _collected.reset(token)
    if as_one and statements:
        texts, parameters, often = zip(*statements, strict=True)
        fetch(_as_one(texts), [value for values in parameters for value in values], often=all(often))
    elif statements:
        _send(statements)


@functools.cache
def _as_one(inserts: Sequence[str]) -> str:
    *others, last = (sql.strip() for sql in inserts)
    if not others:
        return last
    parts = ", ".join(f"part_{place} AS ({sql})" for place, sql in enumerate(others, start=1))
    return f"WITH {parts}, {last.removeprefix('WITH')}" if last.startswith("WITH") else f"WITH {parts} {last}"


def fetch(sql: str, parameters: Sequence[Any] | dict[str, Any] = (), *, often: bool = False) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows; an empty list for one that returns none.

    `often` is for a constant statement of a hot path: each connection plans it once and keeps the plan. That plan is
    made for few rows, so a call with a long list is planned by itself all the same.
    """
    if (collected := _collected.get()) is not None:
        assert not isinstance(parameters, dict)  # noqa: S101  # names cannot be told apart once joined
        collected.append((sql, parameters, often))
        return []
    if isinstance(parameters, dict):
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []
    return _send([(sql, parameters, often)])


def _send(statements: Sequence[_Statement]) -> list[tuple[Any, ...]]:
    texts: list[str] = []
    values: list[Any] = []
    for sql, parameters, often in statements:
        keep = often and all(len(value) < LONG for value in parameters if type(value) is list)
        texts.append(_kept(sql) if keep else sql)
        values += [_as_literal(value) if keep else _as_sent(value) for value in parameters]
    with connection.cursor() as cursor:
        cursor.execute(";".join(texts), values)
        return cursor.fetchall() if cursor.description else []


# What each connection of the driver has prepared. Such names live as long as the connection, whatever is rolled back.
_prepared: "weakref.WeakKeyDictionary[Any, set[str]]" = weakref.WeakKeyDictionary()


def _kept(sql: str) -> str:
    """The call of a prepared statement that does the same; `sql` itself behind a pooler that swaps connections."""
    ours = connections[DEFAULT_DB_ALIAS]
    if ours.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        return sql
    ours.ensure_connection()
    name, text, call = _as_prepared(sql)
    known = _prepared.setdefault(ours.connection, set())
    if name not in known:
        with ours.wrap_database_errors, ours.connection.cursor() as cursor:  # not counted among the statements
            cursor.execute(f"PREPARE {name} AS {text}")
        known.add(name)
    return call


@functools.cache
def _as_prepared(sql: str) -> tuple[str, str, str]:
    parts = [part.replace("%%", "%") for part in sql.split("%s")]
    text = "".join(f"{part}${place}" for place, part in enumerate(parts[:-1], start=1)) + parts[-1]
    name = f"often_{hashlib.md5(sql.encode(), usedforsecurity=False).hexdigest()}"
    count = len(parts) - 1
    return name, text, f"EXECUTE {name}" + (f" ({', '.join(['%s'] * count)})" if count else "")


LONG = 100


def _as_sent(value: Any) -> Any:
    """A long list of plain values as one array literal: as an ARRAY[…] it takes Postgres longer to read than to use."""
    return _as_literal(value) if type(value) is list and len(value) >= LONG else value


def _as_literal(value: Any) -> Any:
    if type(value) is not list:
        return value
    try:
        return "{" + ",".join([_WRITERS[type(each)](each) for each in value]) + "}"
    except KeyError as unknown:
        kind = next((kind for kind in _WRITERS if issubclass(unknown.args[0], kind)), None)
        if kind is None:
            return value
        _WRITERS[unknown.args[0]] = _WRITERS[kind]  # an enumeration of texts or numbers
        return _as_literal(value)


def _quoted(text: str) -> str:
    return '"' + (text.replace("\\", "\\\\").replace('"', '\\"') if '"' in text or "\\" in text else text) + '"'


_WRITERS: dict[type, Callable[[Any], str]] = {
    NoneType: lambda _: "NULL",
    bool: lambda yes: "1" if yes else "0",  # reads as a truth and as a number, for they may come mixed
    int: int.__repr__,
    str: _quoted,
    datetime: lambda moment: f'"{moment.isoformat()}"',
}


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[bool]:
    """Yield True to one process at a time, False to the others. Holds no transaction, so slow work is allowed.

    A Postgres session lock: it goes away with the connection, whatever happens to the process.
    """
    ((alone,),) = fetch("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield alone
    finally:
        if alone:
            fetch("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


@contextlib.contextmanager
def in_turn(name: str) -> Iterator[None]:
    """Wait for the others, then go on alone. Holds no transaction; gives up after the process's lock timeout."""
    fetch("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield
    finally:
        fetch("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


@inside_transaction
def take_turns(name: str) -> None:
    """Wait until no other transaction holds `name`; held until this one ends."""
    fetch("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


M = TypeVar("M", bound=models.Model)


class LockingQuerySet(models.QuerySet[M]):
    def locked(self) -> "LockingQuerySet[M]":
        """Lock the rows until commit, always in primary-key order so that two callers cannot deadlock.

        Does not block inserts that refer to the rows. Lazy like any queryset: nothing is locked until
        it is evaluated.
        """
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)
