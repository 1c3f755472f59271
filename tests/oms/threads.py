"""Real threads on real connections, for what only happens between two transactions."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection, connections

PATIENCE = 10.0  # seconds; nothing here should take one


class Step:
    """A point one thread reaches and another waits for."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def reached(self) -> None:
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(PATIENCE), "the other thread never got there"


def together(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at once, each on a connection of its own; return what each returned, or the exception it raised."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait(PATIENCE)
            return function()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def wait_until_blocked(sessions: int = 1) -> None:
    """Return once so many sessions of this database wait for a lock."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= sessions:
                return
        time.sleep(0.01)
    raise AssertionError(f"fewer than {sessions} sessions came to wait for a lock")
