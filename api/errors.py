"""Every error the API can return has one shape, RFC 9457: type, title, status, detail, and our code and facts.

400: the request cannot be read, or a value is of another JSON type than asked for. 422: it was read, and is not
acceptable as it is. 503 with Retry-After: others were in the way, send the same again.
"""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from api.strict import KIND
from inventory.reservations import InsufficientStock
from oms import db
from oms.errors import Refused

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MALFORMED = {KIND, "not_a_list", "null"}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into an answer; None for one that is a bug."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, InsufficientStock):
        return _busy(error.message)
    if isinstance(error, Refused):
        set_rollback()
        return problem(error.status, error.code, error.message, error.facts)
    if isinstance(error, exceptions.ValidationError):
        set_rollback()
        malformed = not _MALFORMED.isdisjoint(_codes(error.get_codes()))
        facts = error.detail if isinstance(error.detail, dict) else {"errors": error.detail}
        return problem(400 if malformed else 422, "invalid", "Some fields are not right; see facts.", facts)
    if isinstance(error, db.Again | OperationalError | InterfaceError):
        logger.warning("api.busy error=%s", type(error).__name__)
        return _busy("Others were in the way; send the same request again.")
    response = exception_handler(error, context)
    if response is None:
        return None
    code = str(getattr(error, "default_code", "error"))
    answer = problem(response.status_code, code, str(response.data.get("detail", "")), {})
    for name in {"WWW-Authenticate", "Retry-After"} & response.headers.keys():
        answer[name] = response[name]
    return answer


def _codes(found: Any) -> Iterator[str]:
    if isinstance(found, dict | list):
        for each in found.values() if isinstance(found, dict) else found:
            yield from _codes(each)
    else:
        yield str(found)


def problem(status: int, code: str, detail: str, facts: Any) -> Response:
    return Response(describe(status, code, detail, facts), status=status, content_type=MEDIA_TYPE)


def describe(status: int, code: str, detail: str, facts: Any) -> dict[str, Any]:
    """The fields of a problem."""
    return {
        "type": f"urn:oms:problem:{code}", "title": HTTPStatus(status).phrase, "status": status, "code": code,
        "detail": _shown(detail), "facts": _shown(facts),
    }  # fmt: skip


def _shown(value: Any) -> Any:
    """The value with nothing in it that UTF-8 cannot say: refusals quote what was sent, half characters included."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_shown(str(key)): _shown(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(each) for each in value]
    return value


def _busy(detail: str) -> Response:
    set_rollback()
    answer = problem(503, "busy", detail, {})
    answer["Retry-After"] = "1"
    return answer
