"""Every error the API can return has one shape, RFC 9457: type, title, status, detail, and our code and facts."""

import logging
from http import HTTPStatus
from typing import Any

from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from inventory.reservations import InsufficientStock
from oms import db
from oms.errors import Refused

logger = logging.getLogger(__name__)


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into an answer; None for one that is a bug."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, InsufficientStock):
        return _busy(error.message)
    if isinstance(error, Refused):
        set_rollback()
        return problem(error.status, error.code, error.message, error.facts)
    if isinstance(error, db.Again) or (isinstance(error, OperationalError) and db.sqlstate(error) in db.RETRIABLE):
        return _busy("Others were in the way; send the same request again.")
    response = exception_handler(error, context)
    if response is None:
        return None
    code = str(getattr(error, "default_code", "error"))
    detail = str(response.data.get("detail", "")) if isinstance(response.data, dict) else ""
    answer = problem(response.status_code, code, detail or "Some fields are not right; see facts.", {})
    if not detail:
        answer.data["facts"] = response.data
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in response.headers:
            answer[name] = response.headers[name]
    return answer


def problem(status: int, code: str, detail: str, facts: dict[str, Any]) -> Response:
    return Response(
        {
            "type": f"urn:oms:problem:{code}", "title": HTTPStatus(status).phrase, "status": status, "code": code,
            "detail": detail, "facts": facts,
        },
        status=status,
        content_type="application/problem+json",
    )  # fmt: skip


def _busy(detail: str) -> Response:
    answer = problem(503, "busy", detail, {})
    answer["Retry-After"] = "1"
    return answer
