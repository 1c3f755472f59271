"""The queue of what was sold without stock: the worst first, every order named, and what would help."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console import keyset, shortages
from console.context import StaffRequest
from console.shortages import Shortage
from oms.permissions import staff_may

PAGE = 12


@require_GET
def board(request: StaffRequest) -> HttpResponse:
    """The queue. htmx asks again and again, with what it shows as `seen`: nothing new is answered with nothing."""
    role, reach, asked = request.staff.role, request.reach, request.GET.copy()
    seen = asked.pop("seen", [""])[-1]
    page = keyset.page(shortages.by_variant(reach), by=shortages.WORST_FIRST, size=PAGE, asked=asked, name="oversell")
    found = shortages.describe(page.rows, role=role, reach=reach)
    mark = _mark(found)
    if keyset.wants_fragment(request) and seen == mark:
        return HttpResponse(status=204)
    context = {
        "shortages": found,
        "page": page,
        "again": f"{asked.urlencode()}&seen={mark}",
        "totals": shortages.totals(reach),
        "may_allocate": staff_may(role, "order.allocate"),
        "may_see_products": staff_may(role, "product.read"),
    }
    template = "console/oversell/_queue.html" if keyset.wants_fragment(request) else "console/oversell/board.html"
    return render(request, template, context)


def _mark(found: Sequence[Shortage]) -> str:
    """Equal for equal queues, whatever the clock says."""
    told: list[Any] = [(each.stock, each.units, each.waiting, each.holding, each.remedies) for each in found]
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
