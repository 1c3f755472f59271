"""Who is asking, and may they: settled before any view runs."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from oms import audit, permissions
from oms.errors import Refused
from oms.models import StaffMember

UNGUARDED_NAMESPACES = {"admin"}  # guards itself: superusers only
OWN_GUARD = {"v1"}  # programs, not people: api.auth reads the same table


class StaffMiddleware:
    """Attach `staff`, `reach` and `actor` to the request, and refuse routes this role may not use.

    A route that `permissions.ROUTES` does not name is refused to everybody.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        match = request.resolver_match
        if match.namespace in UNGUARDED_NAMESPACES | OWN_GUARD:
            return
        action = permissions.ROUTES.get(match.view_name)
        request.staff = _staff(request)
        request.reach = permissions.reach(request.staff)
        role = request.staff.role if request.staff else ""
        request.actor = audit.Actor("staff", request.user.get_username() or "anonymous", role, _request_id(request))
        # LoginRequiredMiddleware has sent strangers to the login page, except from views that ask for no login.
        if action is None or (action != permissions.PUBLIC and not permissions.staff_may(role, action)):
            raise PermissionDenied(action or match.view_name)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A refusal no view dealt with is still an answer, not an accident."""
        if not isinstance(exception, Refused) or request.path.startswith("/api/"):
            return None
        if exception.status == 404:
            raise Http404(exception.message) from exception
        return render(request, "refused.html", {"refusal": exception}, status=exception.status)


def _staff(request: Any) -> StaffMember | None:
    if not request.user.is_authenticated:
        return None
    return StaffMember.objects.filter(user=request.user, user__is_active=True).first()


def _request_id(request: HttpRequest) -> str:
    return str(request.headers.get("X-Request-ID", ""))[:64]
