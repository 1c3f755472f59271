"""Pages by key, newest first: constant cost, no counting, cursors nobody can forge."""

from typing import Any

from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

MOST = 200


class NewestFirst(CursorPagination):
    ordering = ("-placed_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MOST

    def get_page_size(self, request: Request) -> Any:
        return super().get_page_size(request) or self.page_size
