"""manage.py books: prove that stock, orders and messages add up; exit 1 and name the rows when they do not."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from oms import books


class Command(BaseCommand):
    help = "Check every rule of the books; exit with 1 and name the offenders when one is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a list to read")

    def handle(self, *_: Any, **options: Any) -> None:
        broken = books.examine()
        if options["json"]:
            self.stdout.write(json.dumps({"rules": len(books.rules()), "broken": broken}, default=str))
        else:
            for rule in books.rules():
                self.stdout.write(f"{'broken' if rule in broken else 'holds '}  {rule}")
                for row in broken.get(rule, []):
                    self.stdout.write(f"        {row}")
        if broken:
            sys.exit(1)
