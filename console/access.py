"""Coming in, going out, and the one table of who may do what."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth import views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_GET

from oms import permissions
from oms.models import ALL, ApiClient, Role

PAGE = "console/login.html"


def demo_logins() -> list[dict[str, str]]:
    """Ready logins of the playground: (role in words, user name, password, what is seen) from the settings."""
    if not getattr(settings, "OMS_DEMO", False):
        return []
    keys = ("role", "username", "password", "sees")
    return [dict(zip(keys, (*login, ""), strict=False)) for login in getattr(settings, "OMS_DEMO_LOGINS", ())]


@method_decorator(login_not_required, name="dispatch")
class LoginView(views.LoginView):
    template_name = PAGE
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "demo_logins": demo_logins()}


@method_decorator(login_not_required, name="dispatch")
class LogoutView(views.LogoutView):
    """Takes POST only, so that no link and no picture can log somebody out."""


def locked_out(request: HttpRequest, _answer: HttpResponse | None, _credentials: dict[str, Any] | None) -> HttpResponse:
    """The answer of django-axes (AXES_LOCKOUT_CALLABLE) to one wrong password too many."""
    context = {
        "form": AuthenticationForm(request),
        "next": "",
        "cooloff_timedelta": get_cool_off(request) or timedelta(),
        "demo_logins": demo_logins(),
    }
    return render(request, PAGE, context, status=429)


@dataclass(frozen=True, slots=True)
class Right:
    """One row of the matrix."""

    action: str
    words: str
    cells: tuple[tuple[str, bool], ...]  # role in words, whether it may
    scope: str


# The rows in the order a newcomer reads them, grouped by what they are about.
SUBJECTS: dict[str, dict[str, str]] = {
    "Everybody": {permissions.SIGNED_IN: "Log in and see their own work", "search": "Use the search box"},
    "Orders": {
        "order.read": "See orders",
        "order.read_raw": "See an order as the channel sent it",
        "order.place": "Take an order at the counter",
        "order.cancel": "Cancel an order",
        "order.ship": "Ship an order",
        "order.allocate": "Give waiting orders their stock",
        "oversell.read": "See what was sold without stock",
    },
    "Customers": {
        "customer.read": "See customers",
        "customer.reveal": "Uncover an e-mail address or phone number",
    },
    "Products and stock": {"product.read": "See products and stock", "stock.adjust": "Adjust stock"},
    "Channels": {
        "channel.read": "See the channels and their stuck messages",
        "message.fix": "Map a SKU and retry a message",
        "message.skip": "Set a message aside for good",
    },
    "Rights": {"access.read": "See this page"},
}


@require_GET
def matrix(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    context = {
        "roles": [role.label for role in Role],
        "subjects": [
            (subject, [_right(action, words) for action, words in rows.items()])
            for subject, rows in _subjects().items()
        ],
        "clients": [_client(client, now) for client in ApiClient.objects.order_by("name")[:200]],
    }
    return render(request, "console/access/matrix.html", context)


def _subjects() -> dict[str, dict[str, str]]:
    """The rows, and under "Other" any action nobody has put into words yet: the page must not hide a right."""
    named = {action for rows in SUBJECTS.values() for action in rows}
    unnamed = {action: action for action in permissions.ACTIONS if action not in named}
    return {**SUBJECTS, "Other": unnamed} if unnamed else SUBJECTS


def _right(action: str, words: str) -> Right:
    rule = permissions.ACTIONS[action]
    return Right(action, words, tuple((role.label, role in rule.roles) for role in Role), rule.scope)


def _client(client: ApiClient, now: Any) -> dict[str, Any]:
    """A program as the page shows it. The hash of its key never leaves the database."""
    if client.revoked_at:
        state, word, tone, at = "revoked", "Revoked", "off", client.revoked_at
    elif client.expires_at <= now:
        state, word, tone, at = "expired", "Expired", "bad", client.expires_at
    else:
        soon = client.expires_at - now < timedelta(days=14)
        state, word, tone, at = "active", "Active", "warn" if soon else "good", client.expires_at
    return {
        "name": client.name,
        "key_id": client.key_id,
        "scopes": client.scopes,
        "locations": _reach(client.locations),
        "channels": _reach(client.channels),
        "state": state,
        "word": word,
        "tone": tone,
        "at": at,
    }


def _reach(codes: list[str]) -> str:
    return "everywhere" if ALL in codes else ", ".join(codes) or "nowhere"
