"""A search that knows beforehand what was typed: one index, one statement."""

from typing import Any

from oms import search
from tests.benchmarks.archive import Question

_EXACT = "SELECT entity_kind, entity_id FROM oms_searchkey WHERE value = %s AND kind = %s LIMIT 60"
_PREFIX = "SELECT entity_kind, entity_id FROM oms_searchkey WHERE value LIKE %s AND kind = %s LIMIT 60"
_ENDING = "SELECT entity_kind, entity_id FROM oms_searchkey WHERE reverse(value) LIKE %s AND kind = %s LIMIT 60"
_NAME = """
SELECT entity_kind, entity_id FROM oms_searchkey WHERE %s <%% value AND kind = %s
 ORDER BY word_similarity(%s, value) DESC LIMIT 60
"""


def find(cursor: Any, asked: Question) -> list[Any]:
    kind = asked.kind.split()[0]
    value = search.normalise(kind, asked.typed)
    match asked.kind:
        case "name" | "name misspelt" | "name fragment":
            cursor.execute(_NAME, [value, kind, value])
        case "phone ending":
            cursor.execute(_ENDING, [asked.typed[::-1] + "%", kind])
        case "email start":
            cursor.execute(_PREFIX, [value + "%", kind])
        case _:
            cursor.execute(_EXACT, [value, kind])
    found: list[Any] = cursor.fetchall()
    return found
