"""What the frame around every page needs, and what every console request carries."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from oms import permissions
from oms.audit import Actor
from oms.models import StaffMember
from oms.permissions import Reach


class StaffRequest(HttpRequest):
    """A request after `oms.middleware.StaffMiddleware`; for annotations only, never built."""

    staff: StaffMember
    reach: Reach
    actor: Actor
    htmx: HtmxDetails


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation: `name` is its page, `covers` the pages that belong to it."""

    name: str
    label: str
    icon: str
    covers: tuple[str, ...] = ()


PLACES = (
    Place("home", "My work", "house"),
    Place("counter", "Counter", "scan-barcode", ("counter-sale", "counter-receipt")),
    Place(
        "orders", "Orders", "receipt-text",
        ("order", "order-raw", "order-cancellation", "order-shipment", "order-allocation"),
    ),
    Place("customers", "Customers", "users", ("customer", "customer-reveal")),
    Place("products", "Products", "package", ("product",)),
    Place("oversell", "Oversold", "triangle-alert"),
    Place(
        "channels", "Channels", "radio-tower",
        ("channel", "message", "message-mapping", "message-retry", "message-skip"),
    ),
    Place("access", "Who may what", "key-round"),
)  # fmt: skip


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Everything here is worked out only by pages that show it."""
    staff: StaffMember | None = getattr(request, "staff", None)
    return {
        "nav": SimpleLazyObject(lambda: _nav(request, staff)),
        "role_label": staff.get_role_display() if staff else "",
        "environment": _environment(),
    }


def _nav(request: HttpRequest, staff: StaffMember | None) -> list[dict[str, Any]]:
    match = request.resolver_match
    here = match.view_name.removeprefix("console:") if match else ""
    role = staff.role if staff else None
    return [
        {
            "label": place.label,
            "url": reverse(f"console:{place.name}"),
            "icon": place.icon,
            "current": here == place.name or here in place.covers,
        }
        for place in PLACES
        if permissions.staff_may(role, permissions.ROUTES[f"console:{place.name}"])
    ]


def _environment() -> dict[str, str] | None:
    """The strip that keeps a playground from being taken for the shop. Nothing in production."""
    if getattr(settings, "OMS_DEMO", False):
        return {"name": "Demo", "tone": "active", "detail": "The people are made up; nothing is charged or sent."}
    if settings.DEBUG:
        return {"name": "Development", "tone": "warn", "detail": "Errors show their insides here."}
    return None
