"""Keyset pages of a list in any order: a cursor names the row at the edge, so page 400 costs what page 1 costs.

Cursors are signed, and bound to their list and its order: one that was made up starts from the top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Q, QuerySet
from django.http import QueryDict

from console.context import StaffRequest


@dataclass(frozen=True, slots=True)
class Page:
    """`newer` and `older` are the query strings of the pages before and after, "" where there is none."""

    rows: list[Any]
    newer: str = ""
    older: str = ""


def page(found: QuerySet[Any, Any], *, by: Sequence[str], size: int, asked: QueryDict, name: str) -> Page:
    """The page of `found` that is `asked` for by `after` or `before`, sorted `by` fields such as "-placed_at".

    The last field of `by` must tell every row apart. Rows may be models or the dicts of `values`. A page before
    which nothing is left is the first one.
    """
    salt = f"page:{name}:{','.join(by)}"
    after, before = (_opened(asked.get(side, ""), salt, len(by)) for side in ("after", "before"))
    if before and not after:
        rows = _beyond(found, [_turned(field) for field in by], before, size)
        if rows:
            kept = rows[:size][::-1]
            newer = _link(asked, "before", kept[0], by, salt) if len(rows) > size else ""
            return Page(kept, newer, _link(asked, "after", kept[-1], by, salt))
    rows = _beyond(found, by, after, size)
    kept = rows[:size]
    newer = _link(asked, "before", kept[0], by, salt) if after and kept else ""
    return Page(kept, newer, _link(asked, "after", kept[-1], by, salt) if len(rows) > size else "")


def query(**values: str) -> str:
    """The query string of these values, without the empty ones."""
    return urlencode({name: value for name, value in values.items() if value})


def wants_fragment(request: StaffRequest) -> bool:
    """Whether htmx asks for a part of the page. When it restores the page after "back" it needs all of it."""
    return bool(request.htmx) and not request.htmx.history_restore_request


def _turned(field: str) -> str:
    return field.removeprefix("-") if field.startswith("-") else f"-{field}"


def _beyond(found: QuerySet[Any, Any], order: Sequence[str], edge: Sequence[Any], size: int) -> list[Any]:
    """The rows that follow `edge` in this order, and one more to know whether that is all."""
    if edge:
        found = found.filter(_following(order, edge))
    return list(found.order_by(*order)[: size + 1])


def _following(order: Sequence[str], edge: Sequence[Any]) -> Q:
    """The first condition follows from the others; it lets an index start at the edge."""
    steps, equal = Q(), Q()
    for field, value in zip(order, edge, strict=True):
        name, way = field.removeprefix("-"), "lt" if field.startswith("-") else "gt"
        steps |= equal & Q(**{f"{name}__{way}": value})
        equal &= Q(**{name: value})
    start = f"{order[0].removeprefix('-')}__{'lte' if order[0].startswith('-') else 'gte'}"
    return Q(**{start: edge[0]}) & steps


def _link(asked: QueryDict, side: str, row: Any, by: Sequence[str], salt: str) -> str:
    linked = asked.copy()
    for gone in ("after", "before"):
        linked.pop(gone, None)
    linked[side] = signing.dumps([_value(row, field.removeprefix("-")) for field in by], salt=salt)
    return linked.urlencode()


def _value(row: Any, field: str) -> Any:
    value = row[field] if isinstance(row, Mapping) else getattr(row, field)
    return value.isoformat() if isinstance(value, datetime) else value


def _opened(cursor: str, salt: str, length: int) -> list[Any]:
    try:
        values = signing.loads(cursor, salt=salt) if cursor else []
    except signing.BadSignature:
        return []
    return values if len(values) == length else []
