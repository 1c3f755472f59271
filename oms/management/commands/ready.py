"""manage.py ready: the checks of /readyz for a container that serves no HTTP."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from oms import health


class Command(BaseCommand):
    help = "Exit with 0 when the database, its migrations and the cache are there."

    def handle(self, *_: Any, **__: Any) -> None:
        found = health.examine()
        self.stdout.write(", ".join(f"{name} {state}" for name, state in found.items()))
        if set(found.values()) != {"ok"}:
            sys.exit(1)
