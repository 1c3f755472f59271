"""manage.py demo: the playground. One command loads a retailer's world and lets it live until Ctrl-C."""

import contextlib
import os
import shutil
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg2  # type: ignore[import-untyped]
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from psycopg2 import sql

from demo import running, state
from demo.check import apart, whole
from demo.loading import everything, record
from demo.management.commands.traffic import PACE
from demo.screen import Screen
from oms import embedded
from oms.celery import app as celery


class Command(BaseCommand):
    help = "Load the demo's world if it is not there, run everything and let every channel sell, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--pace", type=float, default=PACE, help="purchases a minute, all channels together")
        parser.add_argument("--port", type=int, default=0, help="of the web server; 8000 unless that is taken")
        parser.add_argument("--history", type=int, metavar="N", help="load only the newest N invoices of the past")
        parser.add_argument("--load-only", action="store_true", help="load the world and end")
        parser.add_argument("--reset", action="store_true", help="throw the demo's data away and begin anew")
        parser.add_argument("--check", action="store_true", help="let every channel sell a little, beside and apart "
                            "from any other demo; exit with 0 only if all of it arrived everywhere")  # fmt: skip
        parser.add_argument("--json", action="store_true", help="with --check: one line of JSON for every figure")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"] and not apart.is_apart():
            _again(apart.environment())
        if settings.DEBUG:
            _again(os.environ)
        try:
            with _interruptible():
                if options["check"]:
                    sys.exit(whole.run(history=options["history"], as_json=options["json"]))
                self._play(**options)
        except KeyboardInterrupt:
            self.stdout.write("\nStopped. `make demo` goes on from here.")
        except running.DidNotStart as failure:
            raise CommandError(str(failure)) from failure

    def _play(self, *, pace: float, port: int, history: int | None, load_only: bool, reset: bool, **_: Any) -> None:
        lock = state.claim()
        if lock is None:
            raise CommandError("A demo of this checkout is running already; end it first (Ctrl-C).")
        if reset:
            _reset()
        call_command("migrate", verbosity=0, interactive=False)
        screen = Screen()
        if record.plan() is None:
            state.forget_marketplaces()
        is_loaded = record.loaded() is not None
        with screen.working():
            facts = everything.load(limit=history, now=timezone.now(), steps=screen)
        screen.say_what_is_loaded(facts, anew=not is_loaded)
        if (plan := record.plan()) and history not in (None, plan.limit):
            screen.say(f"  It was begun with {plan.limit or 'all'} invoices, not {history}; --reset begins anew.")
        if load_only:
            return
        with running.running(steps=screen, port=port, pace=pace) as playground:
            screen.watch(playground)


def _again(environment: Any) -> None:
    """Begin once more as the processes of the demo run: no debugging, which would remember every statement."""
    os.execve(sys.executable, [sys.executable, *sys.argv], {**environment, "OMS_DEBUG": "0"})  # noqa: S606


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does, and a second one does not break off the ending."""

    def interrupt(*_: Any) -> None:
        for number in ended_by:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    ended_by = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in ended_by}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reset() -> None:
    """An empty database, an empty queue and no memory. Only what lives in the checkout's own folder is touched."""
    if "DATABASE_URL" not in os.environ.get(embedded.OURS, "").split():
        raise CommandError("The database of DATABASE_URL is not the demo's to throw away; empty it yourself.")
    name = str(connection.settings_dict["NAME"])
    connection.close()
    server = urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres").geturl()
    with contextlib.closing(psycopg2.connect(server)) as outside:
        outside.autocommit = True
        with outside.cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    cache.clear()
    celery.control.purge()
    state.forget_marketplaces()
    state.secrets_file().unlink(missing_ok=True)
    shutil.rmtree(state.logs(), ignore_errors=True)
