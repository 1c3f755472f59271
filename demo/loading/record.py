"""What was begun and what is finished, kept with the data itself: as entries of the audit, which nobody can change."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from demo.loading.past import ACTOR
from oms import audit, clock, db
from oms.models import AuditEntry

_BEGAN, _LOADED = "demo.began", "demo.loaded"


@dataclass(frozen=True, slots=True)
class Plan:
    """The world this database holds or is going to hold. One begun with a plan is finished with it."""

    ends_at: datetime
    limit: int | None  # newest invoices; None: all of them


def plan() -> Plan | None:
    facts = _facts(_BEGAN)
    return Plan(clock.parse(facts["ends_at"]), facts["limit"]) if facts else None


def begin(*, limit: int | None, now: datetime) -> Plan:
    """Return the plan this database was begun with, or make and keep a new one."""
    if (begun := plan()) is None:
        _keep(action=_BEGAN, facts={"ends_at": clock.render(now), "limit": limit}, now=now)
        begun = plan()
    assert begun is not None  # noqa: S101  # kept just above
    return begun


def finish(*, facts: dict[str, Any], now: datetime) -> None:
    _keep(action=_LOADED, facts=facts, now=now)


def loaded() -> dict[str, Any] | None:
    """What `finish` was told; None while the world is not whole."""
    return _facts(_LOADED)


@db.transaction
def _keep(*, action: str, facts: dict[str, Any], now: datetime) -> None:
    deed = audit.Deed(action=action, object_kind="demo", object_id="world", happened_at=now, facts=facts)
    audit.record(ACTOR, [deed])


def _facts(action: str) -> dict[str, Any] | None:
    found = AuditEntry.objects.filter(object_kind="demo", object_id="world", action=action).order_by("pk").first()
    return found.facts if found else None
