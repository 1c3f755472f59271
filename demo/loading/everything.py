"""The whole load, from an empty database to the evening before the shops open."""

from datetime import datetime
from typing import Any

from demo.loading import offers, past, record, standing
from demo.loading.past import Summary
from demo.loading.steps import Steps
from demo.world import documents, history
from oms import db


def load(*, limit: int | None, now: datetime, steps: Steps, side_by_side: bool = True) -> dict[str, Any]:
    """Bring the world in unless it is there; return what was booked of the past.

    A world begun with another `limit` is finished as it was begun.
    """
    if (known := record.loaded()) is not None:
        return known
    plan = record.begin(limit=limit, now=now)
    with past.hurried():
        summary = _load(plan, steps, side_by_side)
        db.fetch("ANALYZE")
    documents.forget()
    record.finish(facts=summary.facts(), now=now)
    return summary.facts()


def _load(plan: record.Plan, steps: Steps, side_by_side: bool) -> Summary:
    with steps.step("invoices read"):
        opens_at = history.opens_at(ends_at=plan.ends_at, limit=plan.limit)
    standing.load(opens_at=opens_at, steps=steps)
    with steps.step("events of the past"):
        streams = past.streams(ends_at=plan.ends_at, limit=plan.limit)
    summary = past.load(streams, opens_at=opens_at, steps=steps, side_by_side=side_by_side)
    with steps.step("listings"):
        offers.load()
    return summary
