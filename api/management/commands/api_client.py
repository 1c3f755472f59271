"""manage.py api_client: let a program in, and print its key, which is shown this once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.transaction import atomic
from django.utils import timezone

from api import auth
from oms.models import ApiClient, Scope


class Command(BaseCommand):
    help = "Make a program that may call the API and print its key. The key is kept nowhere: note it now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="such as web-shop; it signs everything the program does")
        parser.add_argument("--scope", action="append", choices=Scope.values, required=True, help="may be repeated")
        parser.add_argument("--channel", action="append", default=[], help="code of a channel; * for all")
        parser.add_argument("--location", action="append", default=[], help="code of a location; * for all")
        parser.add_argument("--days", type=int, default=365, help="how long the key is good")
        parser.add_argument("--renew", action="store_true", help="replace a program of this name; its old key dies")

    @atomic
    def handle(self, *args: Any, **options: Any) -> None:
        known = ApiClient.objects.filter(name=options["name"])
        if options["renew"]:
            known.delete()
        elif known.exists():
            raise CommandError(f"There is a program “{options['name']}” already; --renew gives it a new key.")
        _client, key = auth.issue(
            name=options["name"], scopes=options["scope"], channels=options["channel"], locations=options["location"],
            now=timezone.now(), days=options["days"],
        )  # fmt: skip
        self.stdout.write(key)
