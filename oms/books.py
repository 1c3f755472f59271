"""Do the books balance? Every app registers rules that must hold at every commit; each is a query that finds breakers.

A rule that finds nothing holds. Reading only: any number may look at once, and a look takes one snapshot, so that work
going on meanwhile is seen whole or not at all.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.transaction import atomic

MOST = 20  # offenders named per rule

_rules: dict[str, str] = {}


def register(rules: Mapping[str, str]) -> None:
    """Add rules: {"what must hold, as a sentence": SQL whose rows are the offenders}. Called by an app's `ready`."""
    _rules.update(rules)


def rules() -> dict[str, str]:
    return dict(sorted(_rules.items()))


def examine() -> dict[str, list[dict[str, Any]]]:
    """{rule: offending rows, at most 20} for the rules that are broken; empty when the books balance."""
    broken = {}
    with atomic(durable=False), connection.cursor() as cursor:
        if len(connection.atomic_blocks) == 1:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")
        for rule, sql in rules().items():
            cursor.execute(f"SELECT * FROM ({sql}) AS offender LIMIT {MOST}")  # noqa: S608  # registered by our own code
            names = [column.name for column in cursor.description]
            if rows := cursor.fetchall():
                broken[rule] = [dict(zip(names, row, strict=True)) for row in rows]
    return broken
