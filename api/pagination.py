"""Pages by key, newest first: constant cost, no counting, cursors nobody can forge."""

from datetime import datetime
from typing import Any

from django.core import signing
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from oms.errors import Refused

USUAL, MOST = 50, 200
PARAMETERS = ("cursor", "page_size")
_SALT = "api.cursor"


class BadPage(Refused):
    code = "page_invalid"
    status = 422


class NewestFirst(BasePagination):
    """Of rows with `placed_at`. A page says where the `next` one is, or null."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        size = _size(request.query_params.get("page_size"))
        if (cursor := request.query_params.get("cursor")) is not None:
            placed_at, pk = _place(cursor)
            queryset = queryset.filter(placed_at__lte=placed_at).exclude(placed_at=placed_at, pk__gte=pk)
        rows = list(queryset.order_by("-placed_at", "-pk")[: size + 1])
        self.next = None
        if len(rows) > size:
            last = rows[size - 1]
            cursor = signing.dumps([last.placed_at.isoformat(), last.pk], salt=_SALT)
            self.next = replace_query_param(request.build_absolute_uri(), "cursor", cursor)
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        following = {"type": "string", "format": "uri", "nullable": True}
        properties = {"next": following, "results": schema}
        return {"type": "object", "required": ["next", "results"], "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "default": USUAL}
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "From `next`."},
            {"name": "page_size", "in": "query", "schema": size, "description": f"More than {MOST} means {MOST}."},
        ]


def _size(asked: str | None) -> int:
    if asked is None:
        return USUAL
    if not (asked.isascii() and asked.isdecimal()) or not asked.strip("0"):
        raise BadPage("page_size is a whole number from 1 on.", page_size=asked[:20])
    return min(int(asked), MOST) if len(asked) < 10 else MOST


def _place(cursor: str) -> tuple[datetime, int]:
    try:
        placed_at, pk = signing.loads(cursor, salt=_SALT)
    except signing.BadSignature as forged:
        raise BadPage("This cursor is none of ours; take the one in `next`.") from forged
    return datetime.fromisoformat(placed_at), pk
