"""The parts screens are made of. Those with something inside are block tags, the others plain ones.

Parts that need no working out are templates to include: see the comment at the top of each file in
templates/components, and every one of them in every state on the style page.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django import template
from django.forms import BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from lucide import IconDoesNotExist
from lucide.templatetags.lucide import lucide

from console import vocabulary

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """A decoration, hidden from screen readers: the word beside it or its button's label carries the meaning."""
    return _drawn(str(name))


@lru_cache(maxsize=256)
def _drawn(name: str) -> SafeString:
    try:
        return mark_safe(_svg(name))  # noqa: S308  # ours and lucide's, no text from outside
    except IconDoesNotExist:
        return mark_safe(_svg("circle-small"))  # noqa: S308


def _svg(name: str) -> str:
    return lucide(name, size=16, **{"class": "icon", "aria_hidden": "true", "focusable": "false"})


@register.simple_tag
def status(code: str, *, plain: bool = False) -> SafeString:
    """The badge of a state we know by its code; see `console.vocabulary`."""
    word, tone = vocabulary.status(code)
    return render_to_string("components/status.html", {"word": word, "tone": tone, "plain": plain})


@register.filter
def status_word(code: str) -> str:
    return vocabulary.status(code)[0]


@register.filter
def bucket_word(code: str) -> str:
    return vocabulary.bucket(code).word


@register.simple_tag
def buckets(quantities: Mapping[str, int], *, legend: bool = True) -> SafeString:
    """Where the units of a line are: a bar, and the same in words. `quantities` is bucket code to units."""
    segments = _segments(quantities)
    words = ", ".join(f"{segment['quantity']} {segment['word']}" for segment in segments) or "no units"
    return render_to_string("components/buckets.html", {"segments": segments, "words": words, "legend": legend})


def _segments(quantities: Mapping[str, int]) -> list[dict[str, Any]]:
    filled = [(vocabulary.bucket(code), units) for code, units in quantities.items() if units > 0]
    filled.sort(key=lambda pair: pair[0].place)
    total = sum(units for _, units in filled)
    segments, begun = [], 0
    for kind, units in filled:
        segments.append(
            {
                "word": kind.word, "tone": kind.tone, "look": kind.look, "quantity": units,
                "x": f"{100 * begun / total:.2f}", "width": f"{100 * units / total:.2f}",
            }
        )  # fmt: skip
        begun += units
    return segments


@register.simple_tag
def sparkline(values: Sequence[float], *, label: str, points: Sequence[str] = (), big: bool = False) -> SafeString:
    """A trend as a line, with its figures for those who cannot see it. `points` names the values, oldest first."""
    width, height = 100, 24
    low, high = min([0, *values]), max([0, *values]) or 1
    step = width / max(len(values) - 1, 1)
    spots = [(place * step, height - height * (value - low) / (high - low)) for place, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    names = list(points) or [str(place + 1) for place in range(len(values))]
    context = {"line": line, "last": spots[-1] if spots else None, "label": label, "big": big}
    return render_to_string("components/sparkline.html", {**context, "figures": list(zip(names, values, strict=False))})


@register.simple_tag
def field(bound: BoundField, *, optional: bool = False) -> SafeString:
    """A form field with label, hint, error and input, wired to each other."""
    kind = getattr(bound.field.widget, "input_type", "")
    return render_to_string(
        "components/field.html", {"field": bound, "optional": optional, "is_check": kind == "checkbox"}
    )


@register.simple_tag(takes_context=True)
def sort_header(context: template.Context, name: str, label: str, *, figure: bool = False) -> SafeString:
    """A column head that sorts by `?sort=name` and back by `?sort=-name`; every other filter stays, paging restarts."""
    query = context["request"].GET.copy()
    now = query.get("sort", "")
    query["sort"] = f"-{name}" if now == name else name
    query.pop("after", None)
    query.pop("before", None)
    state = {name: "ascending", f"-{name}": "descending"}.get(now, "none")
    return render_to_string(
        "components/sort-header.html", {"label": label, "state": state, "query": query.urlencode(), "figure": figure}
    )


@register.simple_block_tag
def section(
    content: str, title: str = "", *, anchor: str = "", tools: str = "", card: bool = False, ruled: bool = False
) -> SafeString:
    """A titled part of a page. `tools` is a short text at the end of the title line."""
    context = {"content": content, "title": title, "anchor": anchor, "tools": tools, "card": card, "ruled": ruled}
    return render_to_string("components/section.html", context)


@register.simple_block_tag
def banner(content: str, tone: str = "calm", title: str = "", *, live: bool = False) -> SafeString:
    """Something to know before going on. `live` announces it when it arrives after the page."""
    context = {"content": content, "tone": tone, "title": title, "live": live, "icon_name": vocabulary.TONE_ICONS[tone]}
    return render_to_string("components/banner.html", context)


@register.simple_block_tag
def dialog(content: str, name: str, title: str) -> SafeString:
    """A native dialog; any button with data-opens="its name" shows it, data-closes inside it shuts it."""
    return render_to_string("components/dialog.html", {"content": content, "name": name, "title": title})


@register.simple_block_tag
def data_table(content: str, label: str, *, stack: bool = False) -> SafeString:
    """A table that is walked by keys and scrolls sideways by itself. `stack` folds rows into two columns on a phone."""
    return render_to_string("components/table.html", {"content": content, "label": label, "stack": stack})
