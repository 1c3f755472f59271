"""An order as its channel sent it. Whoever looks is written down before anything is shown."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from console import masking, payload
from console.context import StaffRequest
from console.orders import _record
from oms import audit, db
from oms.models import InboxMessage
from orders import reading

MOST = 50  # versions listed


@require_GET
@masking.private
def raw(request: StaffRequest, number: int) -> HttpResponse:
    """One version of the order's messages, the newest unless `?message=` says another, and the list of all."""
    order = reading.find(number, reach=request.reach)
    versions = list(_record.letters(order).defer("raw").order_by("-pk")[:MOST])
    chosen = _chosen(versions, request.GET.get("message", ""))
    sees_people = masking.sees_people(request.staff.role)
    context: dict[str, Any] = {"order": order, "versions": versions, "chosen": chosen, "sees_people": sees_people}
    if chosen:
        _note_look(number=order.number, message=chosen.pk, actor=request.actor, now=timezone.now())
        body = bytes(chosen.raw)
        context |= {"size": len(body), "text": payload.shown(body, with_people=sees_people), "most": payload.MOST}
    return render(request, "console/orders/raw.html", context)


def _chosen(versions: list[InboxMessage], asked: str) -> InboxMessage | None:
    if not asked:
        return versions[0] if versions else None
    chosen = next((message for message in versions if str(message.pk) == asked), None)
    if chosen is None:
        raise Http404(asked)
    return chosen


@db.transaction
def _note_look(*, number: int, message: int, actor: audit.Actor, now: datetime) -> None:
    deed = audit.Deed(
        action="order.raw_read", object_kind="order", object_id=str(number), happened_at=now, facts={"message": message}
    )
    audit.record(actor, [deed])
