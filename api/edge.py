"""What is settled before the API reads a request, and said when nothing of the API got to answer."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from api.errors import MEDIA_TYPE, describe

PREFIX = "/api/"
_KEPT = ("Allow", "Retry-After", "WWW-Authenticate")
_WORDS = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    500: "Something went wrong here; the failure has been recorded.",
}
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 500: "internal"}


class ApiEdge:
    """Refuses bodies that are too large and charsets that would be guesses; makes every error under /api/ a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        return _too_large(request) or _other_charset(request) or _as_problem(self.get_response(request))


def _too_large(request: HttpRequest) -> HttpResponse | None:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length[:20]) <= most:
        return None
    return _problem(413, "too_large", f"A body may have {most} bytes.", most=most)


def _other_charset(request: HttpRequest) -> HttpResponse | None:
    """A charset would also decide how the query string is read, so none but UTF-8 gets that far."""
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() in {"utf-8", "utf8"}:
        return None
    return _problem(415, "unsupported_media_type", "Send UTF-8.", charset=charset[:20])


def _as_problem(response: HttpResponse) -> HttpResponse:
    status = response.status_code
    if status < 400 or response.get("Content-Type", "").startswith(MEDIA_TYPE):
        return response
    said = _problem(status, _CODES.get(status, "refused"), _WORDS.get(status, response.reason_phrase))
    for name in _KEPT:
        if name in response.headers:
            said[name] = response[name]
    return said


def _problem(status: int, code: str, detail: str, **facts: object) -> HttpResponse:
    return JsonResponse(describe(status, code, detail, facts), status=status, content_type=MEDIA_TYPE)
