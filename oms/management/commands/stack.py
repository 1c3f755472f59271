"""manage.py stack: the whole system on one machine, as production runs it, without Docker."""

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from oms.embedded import stack

PYTHON = sys.executable
AS_WORKER = ["env", "OMS_PROCESS_ROLE=worker"]  # longer database time limits; see WAITS in settings


def processes(*, address: str, web_workers: int = 2, task_slots: int = 2) -> dict[str, list[str]]:
    """Name → command. Production runs one worker process per queue group; here one takes all queues."""
    return {
        "web": web(address=address, workers=web_workers),
        "relay": [*AS_WORKER, PYTHON, "manage.py", "relay"],
        "worker": worker(queues=settings.QUEUES, slots=task_slots),
        "scheduler": scheduler(),
    }


def web(*, address: str, workers: int) -> list[str]:
    return [
        PYTHON, "-m", "gunicorn", "oms.wsgi", "--bind", address, "--worker-class", "gthread",
        "--workers", str(workers), "--threads", "4", "--graceful-timeout", "10", "--no-control-socket",
    ]  # fmt: skip


def worker(*, queues: tuple[str, ...], slots: int) -> list[str]:
    return [
        *AS_WORKER, PYTHON, "-m", "celery", "-A", "oms", "worker", "--loglevel", "INFO", "--concurrency", str(slots),
        "--queues", ",".join(queues), "--without-gossip", "--without-mingle", "--hostname", f"{queues[0]}@%h",
    ]  # fmt: skip


def scheduler() -> list[str]:
    return [*AS_WORKER, PYTHON, "-m", "celery", "-A", "oms", "beat", "--loglevel", "INFO", "--pidfile="]


class Command(BaseCommand):
    help = "Run web, relay, worker and scheduler together, with Postgres and Valkey; Ctrl-C ends all of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="127.0.0.1:8000", help="where the web server listens")
        parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leave a process out")

    def handle(self, *_: Any, address: str, without: list[str], **__: Any) -> None:
        call_command("migrate", verbosity=0)
        commands = {name: command for name, command in processes(address=address).items() if name not in without}
        self.stdout.write(f"OMS at http://{address}/ : {', '.join(commands)}. Ctrl-C ends it.")
        stack.run(commands, env=environment())


def environment() -> dict[str, str]:
    """For every process of a stack: no debugging, and the web server's time limits unless it asks for others."""
    return {"OMS_DEBUG": os.environ.get("OMS_DEBUG", "0"), "OMS_PROCESS_ROLE": "web"}
