"""The one box: anything a caller says, and the records it leads to."""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.db import OperationalError
from django.db.transaction import atomic
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from console import found, masking
from console.context import StaffRequest
from console.found import Looker
from oms import db, search, text
from oms.search import Hit, K

LONGEST = 400  # characters read of what is typed or pasted
DEEPEST = 200  # hits looked at; the rest is cut off, closest first
IN_PANEL, ON_PAGE, OF_KIND = 5, 12, 35  # lines per group
PATIENCE = 500  # milliseconds the database may take
GAVE_UP = "57014"
# What the box takes, for whoever sees it the first time.
TAKES = (
    ("hash", "An order number", "ours or the channel's, or how it begins"),
    ("user", "A name", "whole, in part, or spelt as it sounds"),
    ("at-sign", "An e-mail address", "as it stands in the caller's mail"),
    ("phone", "A phone number", "in any format, or its last digits"),
    ("truck", "A tracking number", "as printed on the label"),
    ("scan-barcode", "A product", "its SKU, its barcode, words of its title"),
    ("map-pin", "A postcode", "of the address the order goes to"),
    ("clipboard-paste", "A pasted message", "the numbers and addresses in it are picked out"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    groups: list[dict[str, Any]] = field(default_factory=list)
    hint: str = ""
    status: int = HTTPStatus.OK

    @property
    def sole_exact(self) -> str:
        """Where the one exact hit leads; "" when there is none, or another record matches as exactly."""
        exact = [one.url for group in self.groups for one in group["all"] if one.rank == found.EXACT]
        return exact[0] if len(exact) == 1 else ""


@require_GET
@masking.private
@vary_on_headers("HX-Request", "HX-Target")
def find(request: StaffRequest) -> HttpResponse:
    """The page of results, only the lines for the panel of the box, or at once the one record that is meant."""
    typed = request.GET.get("q", "")
    in_panel = bool(request.htmx) and request.htmx.target == "find-results"
    kind = request.GET.get("kind")  # "" shows all kinds, and never opens one by itself
    answer = _answer(typed, request, most=IN_PANEL if in_panel else OF_KIND if kind else ON_PAGE)
    if not in_panel and kind is None and answer.sole_exact:
        return HttpResponseRedirect(answer.sole_exact)
    shown = text.free(typed.encode("utf-8", "replace").decode(), most=LONGEST)
    more = any(group["total"] > len(group["items"]) for group in answer.groups)
    context = {"q": shown, "groups": answer.groups, "hint": answer.hint, "more": more}
    if in_panel:
        return render(request, "console/search/_panel.html", context, status=answer.status)
    context |= {"find_text": shown, "takes": TAKES, "tabs": _tabs(answer.groups, shown, kind or "")}
    context["groups"] = [group for group in answer.groups if kind in (None, "", group["kind"])]
    return render(request, "console/search/page.html", context, status=answer.status)


def _answer(typed: str, request: StaffRequest, *, most: int) -> Answer:
    try:
        cut = text.free(typed[:LONGEST], most=LONGEST)
        reading = search.read(cut)
    except text.InvalidUnicode as refusal:
        return Answer(hint=refusal.message)
    if not cut:
        return Answer()
    try:
        hits = _look_up(reading, request.reach.channels)
    except OperationalError as error:
        if db.sqlstate(error) != GAVE_UP:
            raise
        hint = "That fits too much to be found in good time. Add another word, or more of the number."
        return Answer(hint=hint, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    looker = Looker(request.staff.role, request.reach, cut)
    groups = found.groups(found.allowed(hits, looker), looker, most=most)
    return Answer(groups, _hint(typed, reading, groups, looker))


def _look_up(reading: search.Reading, channels: frozenset[str] | None) -> list[Hit]:
    """Look the readings up, with a limit that ends with this look."""
    with atomic():
        ((patience,),) = db.fetch("SELECT current_setting('statement_timeout')")
        db.fetch(_LIMIT, [f"{PATIENCE}ms"])
        hits = search.look_up(reading, channels=channels, limit=DEEPEST)
        db.fetch(_LIMIT, [patience])
    return hits


_LIMIT = "SELECT set_config('statement_timeout', %s, true)"


def _tabs(groups: list[dict[str, Any]], typed: str, kind: str) -> list[dict[str, Any]]:
    if len(groups) < 2:
        return []
    tabs = [("All", "", None), *((group["label"], group["kind"], group["total"]) for group in groups)]
    return [
        {"label": label, "url": f"?{urlencode({'q': typed, 'kind': name})}", "current": name == kind, "count": count}
        for label, name, count in tabs
    ]


def _hint(typed: str, reading: search.Reading, groups: list[Any], looker: Looker) -> str:
    """What to do differently. Never whether something lies out of reach: that does not exist for them."""
    if len(typed) > LONGEST:
        return f"Only the first {LONGEST} characters were read."
    if groups:
        return ""
    if not re.search(r"\w", looker.typed):
        return "Type letters or digits: a name, a number, an address."
    personal = reading.name or reading.phone_ending or any(kind == K.EMAIL for kind, _ in reading.exact)
    if personal and not masking.meets_people(looker.role):
        return "Your role finds orders by their number or tracking number, not by the person."
    return reading.hint
