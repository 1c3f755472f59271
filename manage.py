#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from oms import embedded

# Commands that only look at the code. Every other one starts or joins the local services first.
WITHOUT_SERVICES = {
    "", "check", "collectstatic", "compilemessages", "create_max_migration_files", "diffsettings", "help",
    "makemessages", "makemigrations", "rebase_migration", "spectacular", "startapp", "version",
}  # fmt: skip

ROLES = {"migrate": "migrations", "runserver": "web"}  # how long a statement may take; see WAITS in settings


def main(argv: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.development")
    command = argv[1] if len(argv) > 1 and not argv[1].startswith("-") else ""
    asks_for_help = not {"-h", "--help"}.isdisjoint(argv)
    os.environ.setdefault("OMS_PROCESS_ROLE", ROLES.get(command, "worker"))
    if not asks_for_help and (command not in WITHOUT_SERVICES or "--database" in argv):
        embedded.ensure()
    execute_from_command_line(argv)


if __name__ == "__main__":
    main(sys.argv)
