"""manage.py bench: how fast, against the least work that could do the same. One JSON line per figure on stdout."""

import json
import logging
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tests.benchmarks.measure import Options, say
from tests.benchmarks.registry import BENCHES


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ArgumentTypeError(f"a whole number above 0, not {text!r}")
    return int(text)


def _clients(text: str) -> tuple[int, ...]:
    return tuple(_positive(part) for part in text.split(","))


class Command(BaseCommand):
    help = f"Measure, and print one JSON line per figure. Benches: {', '.join(BENCHES)}."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="which benches; all of them if none is named")
        parser.add_argument("--rows", type=_positive, help="old orders in the database (search.lookup: 100000)")
        parser.add_argument("--seconds", type=float, help="the longest one figure may take")
        parser.add_argument("--clients", type=_clients, metavar="1,8,32", help="workers or connections at once")
        parser.add_argument("--n", type=_positive, help="operations per figure, at most")
        parser.add_argument("--seed", type=int, default=7, help="the data follows from it (7)")

    def handle(self, *_: Any, names: list[str], **options: Any) -> None:
        if unknown := [name for name in names if name not in BENCHES]:
            raise CommandError(f"There is no bench {', '.join(unknown)}. There are: {', '.join(BENCHES)}.")
        settings.DEBUG = False  # with it Django keeps every statement it sends
        logging.disable(logging.INFO)  # requests made in this process; a web server of its own logs as ever
        asked = Options(**{name: options[name] for name in ("rows", "seconds", "clients", "n", "seed")})
        for name in names or BENCHES:
            began = time.perf_counter()
            for figure in BENCHES[name](asked):
                self.stdout.write(json.dumps(figure))
                self.stdout.flush()
            say(f"{name}: {time.perf_counter() - began:.0f} s")
