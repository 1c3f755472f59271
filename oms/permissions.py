"""Who may do what, in one table.

`ACTIONS` says which roles and which API scopes may take an action, `ROUTES` which action a route asks for. The
navigation, the middleware, the API and the tests all read these two; a route without a row is refused and fails
the build. *Where* somebody may act is their `Reach`, and questions to the database are narrowed by it, so that a
record out of reach does not exist for them, however its number was come by.
"""

from dataclasses import dataclass
from typing import Any

from oms.errors import Refused
from oms.models import ALL, Role, Scope

R, S = Role, Scope

EVERY_ROLE = frozenset(R)
PUBLIC = "public"  # no login: health, login page
SIGNED_IN = "signed_in"  # any staff member with a role


class NotAllowed(Refused):
    code = "not_allowed"
    status = 403


@dataclass(frozen=True, slots=True)
class Rule:
    roles: frozenset[str] = frozenset()
    scope: str = ""  # for programs; "" means no program may


_FIND = frozenset({R.AGENT, R.SUPERVISOR, R.STORE_MANAGER, R.ASSOCIATE, R.FINANCE})
_STORE = frozenset({R.ASSOCIATE, R.STORE_MANAGER})
_DESK = frozenset({R.AGENT, R.SUPERVISOR})
_STOCK = frozenset({R.INVENTORY_MANAGER, R.STORE_MANAGER})

ACTIONS: dict[str, Rule] = {
    "search": Rule(EVERY_ROLE - {R.PRIVACY_OFFICER, R.PLATFORM_ADMIN}),
    "order.read": Rule(_FIND | {R.INVENTORY_MANAGER, R.AUDITOR, R.INTEGRATION_ADMIN}, S.ORDERS_READ),
    "order.read_raw": Rule(frozenset({R.SUPERVISOR, R.INTEGRATION_ADMIN, R.AUDITOR})),
    "order.place": Rule(_STORE | _DESK, S.ORDERS_WRITE),
    "order.cancel": Rule(_DESK | {R.STORE_MANAGER}, S.ORDERS_WRITE),
    "order.ship": Rule(_STORE | {R.SUPERVISOR}, S.FULFILMENT_WRITE),
    "order.allocate": Rule(_DESK | {R.INVENTORY_MANAGER, R.STORE_MANAGER}),
    "customer.read": Rule(_DESK | {R.STORE_MANAGER, R.PRIVACY_OFFICER}, S.CUSTOMERS_PII),
    "customer.reveal": Rule(_DESK | {R.PRIVACY_OFFICER}),
    "product.read": Rule(EVERY_ROLE - {R.PRIVACY_OFFICER}, S.STOCK_READ),
    "stock.adjust": Rule(_STOCK, S.STOCK_ADJUST),
    "channel.read": Rule(
        frozenset({R.MERCHANDISER, R.INVENTORY_MANAGER, R.INTEGRATION_ADMIN, R.SUPERVISOR, R.AUDITOR, R.FINANCE})
    ),
    "message.fix": Rule(frozenset({R.SUPERVISOR, R.INTEGRATION_ADMIN, R.MERCHANDISER})),
    "message.skip": Rule(frozenset({R.SUPERVISOR, R.INTEGRATION_ADMIN})),
    "oversell.read": Rule(_DESK | {R.INVENTORY_MANAGER, R.STORE_MANAGER, R.AUDITOR}),
    "access.read": Rule(frozenset({R.PLATFORM_ADMIN, R.AUDITOR, R.INTEGRATION_ADMIN})),
    SIGNED_IN: Rule(EVERY_ROLE),
}

# URL name → action. Django's own admin is for superusers and guards itself.
ROUTES: dict[str, str] = {
    "healthz": PUBLIC,
    "readyz": PUBLIC,
    "console:login": PUBLIC,
    "console:logout": PUBLIC,
    "console:home": SIGNED_IN,
    "console:search": "search",
    "console:orders": "order.read",
    "console:order": "order.read",
    "console:order-raw": "order.read_raw",
    "console:order-cancellation": "order.cancel",
    "console:order-shipment": "order.ship",
    "console:order-allocation": "order.allocate",
    "console:customers": "customer.read",
    "console:customer": "customer.read",
    "console:customer-reveal": "customer.reveal",
    "console:products": "product.read",
    "console:product": "product.read",
    "console:channels": "channel.read",
    "console:channel": "channel.read",
    "console:message": "channel.read",
    "console:message-mapping": "message.fix",
    "console:message-retry": "message.fix",
    "console:message-skip": "message.skip",
    "console:oversell": "oversell.read",
    "console:counter": "order.place",
    "console:counter-sale": "order.place",
    "console:counter-products": "order.place",
    "console:counter-store": "order.place",
    "console:counter-scan": "order.place",
    "console:counter-basket": "order.place",
    "console:counter-line": "order.place",
    "console:counter-customer": "order.place",
    "console:counter-receipt": "order.place",
    "console:access": "access.read",
    "console:style": SIGNED_IN,
    "v1:orders": "order.place",  # GET asks for order.read, see api.v1.orders
    "v1:order": "order.read",
    "v1:order-cancellation": "order.cancel",
    "v1:order-shipments": "order.ship",
    "v1:availability": "product.read",
    "v1:schema": PUBLIC,
}


@dataclass(frozen=True, slots=True)
class Reach:
    """Where somebody may act: codes of locations and channels. None means everywhere."""

    locations: frozenset[str] | None = frozenset()
    channels: frozenset[str] | None = frozenset()

    def has_location(self, code: str) -> bool:
        return self.locations is None or code in self.locations

    def has_channel(self, code: str) -> bool:
        return self.channels is None or code in self.channels


NOWHERE = Reach()
EVERYWHERE = Reach(None, None)


def reach(holder: Any) -> Reach:
    """The reach of a StaffMember or ApiClient; None reaches nowhere."""
    if holder is None:
        return NOWHERE
    return Reach(*(None if ALL in codes else frozenset(codes) for codes in (holder.locations, holder.channels)))


def staff_may(role: str | None, action: str) -> bool:
    rule = ACTIONS.get(action)
    return bool(role) and rule is not None and role in rule.roles


def client_may(scopes: list[str], action: str) -> bool:
    rule = ACTIONS.get(action)
    return rule is not None and bool(rule.scope) and rule.scope in scopes


def demand_staff(role: str | None, action: str) -> None:
    """Raise NotAllowed unless this role may take this action."""
    if not staff_may(role, action):
        label = Role(role).label if role else "Nobody without a role"
        raise NotAllowed(f"{label}: this role may not do that. Ask a supervisor.", action=action)
