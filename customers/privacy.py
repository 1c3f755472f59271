"""Personal details are hidden until somebody needs them, and whoever has them shown is written down."""

from collections.abc import Collection
from datetime import datetime

from oms import audit, db
from oms.errors import Refused

# Why somebody may need them: code → words. Free text would invite personal data into the audit trail.
PURPOSES = {
    "identify": "To make sure who is calling",
    "contact": "To reach them about an order",
    "delivery": "To check or correct a delivery",
    "fraud": "To look into a suspicious order",
    "privacy": "To answer a privacy request",
}


class PurposeMissing(Refused):
    code = "purpose_missing"
    status = 422


@db.transaction
def reveal(*, customer_id: int, fields: Collection[str], purpose: str, actor: audit.Actor, now: datetime) -> None:
    """Write down that `actor` has these details of a customer shown in full. Raises PurposeMissing.

    Committed before anything is shown: a page that fails afterwards has one entry too many, never one too few.
    """
    if purpose not in PURPOSES:
        raise PurposeMissing("Choose what you need the details for; they stay hidden until then.")
    audit.record(
        actor,
        [
            audit.Deed(
                action="customer.revealed", object_kind="customer", object_id=str(customer_id), happened_at=now,
                reason=PURPOSES[purpose], facts={"fields": sorted(fields), "purpose": purpose},
            )
        ],
    )  # fmt: skip
