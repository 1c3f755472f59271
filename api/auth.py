"""Who calls, and whether they may: keys of programs against the one table of permissions."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from oms import audit, db, permissions
from oms.models import ApiClient

_KEY = re.compile(rb"(?i:bearer) oms_([a-z0-9]{8,16})_([A-Za-z0-9_-]{43})")


def issue(
    *, name: str, scopes: list[str], channels: list[str], locations: list[str], now: datetime, days: int = 365
) -> tuple[ApiClient, str]:
    """Make a client and return it with its key, which is shown this once and kept nowhere."""
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    client = ApiClient.objects.create(
        name=name, key_id=key_id, key_hash=_hash(secret.encode()), scopes=scopes, channels=channels,
        locations=locations, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    return client, f"oms_{key_id}_{secret}"


def _hash(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


_COLUMNS = [field.attname for field in ApiClient._meta.concrete_fields]
_FIND = f"SELECT {', '.join(_COLUMNS)} FROM oms_apiclient WHERE key_id = %s AND revoked_at IS NULL"  # noqa: S608


def _find(key_id: str) -> ApiClient | None:
    """Asked with every request, so past the ORM, which would put the same query together every time."""
    rows = db.fetch(_FIND, [key_id], often=True)
    return ApiClient.from_db(DEFAULT_DB_ALIAS, _COLUMNS, rows[0]) if rows else None


class ClientKey(BaseAuthentication):
    """`Authorization: Bearer oms_<id>_<secret>`. One answer for every way of being wrong."""

    def authenticate(self, request: Request) -> tuple[ApiClient, None] | None:
        header = get_authorization_header(request)
        if not header:
            return None
        match = _KEY.fullmatch(header)
        client = _find(match[1].decode()) if match else None
        digest = _hash(match[2]) if match else ""
        if client is None or not hmac.compare_digest(client.key_hash, digest) or client.has_expired:
            raise AuthenticationFailed("This key is not valid; ask for a new one.")
        return client, None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class Allowed(BasePermission):
    """The client's scopes must contain the one that the route's action asks for."""

    message = "This key may not do that."

    def has_permission(self, request: Request, view: Any) -> bool:
        action = action_of(request, view)
        if action == permissions.PUBLIC:
            return True
        return isinstance(request.user, ApiClient) and permissions.client_may(request.user.scopes, action)


def action_of(request: Request, view: Any) -> str:
    """A view may name an action per method (`actions`); else the route's row decides."""
    by_method: dict[str, str] = getattr(view, "actions", {})
    match = request._request.resolver_match
    method = "GET" if request.method == "HEAD" else request.method or ""
    return by_method.get(method) or permissions.ROUTES.get(match.view_name if match else "", "")


def client_of(request: Request) -> ApiClient:
    """The client a guarded view is called by."""
    return cast(ApiClient, request.user)


def actor_of(request: Request) -> audit.Actor:
    return audit.Actor("client", client_of(request).name, request_id=str(request.headers.get("X-Request-ID", ""))[:64])


def reach_of(request: Request) -> permissions.Reach:
    return permissions.reach(request.user)
