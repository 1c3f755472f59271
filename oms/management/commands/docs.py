"""manage.py docs: write those parts of docs/ that the code knows best; --check only says whether they are true."""

import ast
import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from oms import outbox, permissions
from oms.models import Role

APPS = ("oms", "customers", "inventory", "orders", "channels", "console", "api", "demo")
UNLISTED = {"__init__", "apps", "urls", "wsgi", "__main__"}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")  # to a file of ours
PART = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Command(BaseCommand):
    help = "Bring the generated parts of docs/ up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit with 1 when a part is out of date"
        )

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        stale = [path for path, now in up_to_date().items() if now != path.read_text()]
        for path in stale:
            self.stdout.write(f"{path.relative_to(settings.BASE_DIR)} {'is out of date' if check else 'written'}")
            if not check:
                path.write_text(up_to_date()[path])
        if check and stale:
            sys.exit(1)


def up_to_date() -> dict[Path, str]:
    """{page with generated parts: its text as it should be}."""
    pages = sorted((settings.BASE_DIR / "docs").rglob("*.md"))
    return {page: PART.sub(_part, page.read_text()) for page in pages if PART.search(page.read_text())}


def _part(found: re.Match[str]) -> str:
    return found[1] + PARTS[found[2]]() + found[3]


def modules() -> str:
    """Every module of every app with the first sentence of its docstring."""
    lines = []
    for app in APPS:
        lines += [f"\n**{app}**\n\n"]
        for path in sorted((settings.BASE_DIR / app).iterdir()):
            source = path / "__init__.py" if path.is_dir() else path
            if path.stem in UNLISTED or path.name in {"migrations", "management"} or source.suffix != ".py":
                continue
            if source.exists() and (sentence := _first_sentence(source)):
                lines.append(f"- `{path.stem}{'/' if path.is_dir() else ''}` {sentence}\n")
    return "".join(lines) + "\n"


def _first_sentence(source: Path) -> str:
    words = ast.get_docstring(ast.parse(source.read_text())) or ""
    return re.split(r"(?<=[.?])\s", " ".join(words.split("\n\n")[0].split()), maxsplit=1)[0]


def events() -> str:
    rows = [
        f"| `{topic}` | `{one.destination}` | {'newest state only' if one.latest else 'in order'} |\n"
        for topic, found in outbox.subscriptions().items()
        for one in found.values()
    ]
    return "| event | who hears it | how |\n|---|---|---|\n" + "".join(rows)


def roles() -> str:
    head = "| action | " + " | ".join(role.label for role in Role) + " | API scope |\n"
    rows = [
        f"| `{action}` | "
        + " | ".join("yes" if role in rule.roles else "" for role in Role)
        + f" | {f'`{rule.scope}`' if rule.scope else ''} |\n"
        for action, rule in permissions.ACTIONS.items()
    ]
    return head + "|---" * (len(Role) + 2) + "|\n" + "".join(rows)


PARTS: dict[str, Callable[[], str]] = {"modules": modules, "events": events, "roles": roles}
