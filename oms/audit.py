"""Every deed kept with who, what, when and why, in the transaction of the deed. The only writer of audit entries."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from oms import db


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something: `kind` is "staff", "client", "channel" or "system"."""

    kind: str
    name: str
    role: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One entry to be. `facts` are JSON-ready; personal data does not belong in them."""

    action: str
    object_kind: str
    object_id: str
    happened_at: datetime
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@db.inside_transaction
def record(actor: Actor, deeds: Iterable[Deed]) -> None:
    """Add one entry per deed, all in one statement."""
    rows = [(d.happened_at, d.action, d.object_kind, d.object_id, d.reason, json.dumps(d.facts)) for d in deeds]
    if not rows:
        return
    db.fetch(
        """
        INSERT INTO oms_auditentry
               (actor, role, request_id, happened_at, action, object_kind, object_id, reason, facts)
        SELECT %s, %s, %s, *
          FROM unnest(%s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[])
        """,
        [str(actor)[:80], actor.role, actor.request_id, *map(list, zip(*rows, strict=True))],
        often=True,
    )
