"""Hand committed events to whoever listens, until told to stop. Any number may run."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection

from oms import outbox

SHORTEST, LONGEST = 0.02, 0.25  # seconds between looks at an empty queue


class Command(BaseCommand):
    help = "Deliver outbox events until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="Deliver what is due and stop.")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        stop = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGTERM, signal.SIGINT):
                signal.signal(each, lambda *_: stop.set())
        pause = SHORTEST
        while not stop.is_set():
            delivered = self._deliver()
            if once and not delivered:
                return
            pause = SHORTEST if delivered else min(pause * 2, LONGEST)
            if not delivered:
                stop.wait(pause)

    def _deliver(self) -> int:
        try:
            return outbox.deliver()
        except DatabaseError as failure:
            # Postgres restarts now and then; whatever was claimed comes back when its lease ends.
            self.stderr.write(f"relay: {type(failure).__name__}, trying again")
            connection.close()
            close_old_connections()
            threading.Event().wait(0.5)
            return 0
