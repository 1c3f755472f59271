"""How the console writes money, moments, quantities and names: one format each, everywhere."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from oms import money as amounts

register = template.Library()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"  # nothing is known here


@register.filter
def money(minor: int | None, currency: str) -> str:
    """Minor units as people read them: `1998|money:"GBP"` is £19.98. Nothing known is a dash."""
    if minor is None or not currency:
        return DASH
    return amounts.show(minor, currency).replace("-", MINUS)


@register.filter
def signed(number: int) -> str:
    """A term of a sum: +3, -2 with a real minus sign, 0."""
    return f"+{number:,}" if number > 0 else f"{number:,}".replace("-", MINUS)


@register.filter
def count(number: int | None) -> str:
    return DASH if number is None else f"{number:,}".replace("-", MINUS)


@register.filter
def initials(name: str) -> str:
    """Two letters for an avatar; takes "Greg Sterling" and "Sterling, Greg"."""
    words = name.replace(",", " ").split()
    letters = [word[0] for word in words if word[0].isalpha()]
    return "".join(letters[:1] + letters[-1:] if len(letters) > 1 else letters).upper() or "?"


@register.filter
def masked(text: str) -> str:
    """Enough of an e-mail address or phone number to recognise it, not enough to use it."""
    if not text:
        return DASH
    local, at, domain = text.partition("@")
    if at:
        host, _, ending = domain.rpartition(".")
        return f"{local[:1]}•••@{host[:1]}•••.{ending}"
    return f"••• {text.strip()[-3:]}" if len(text.strip()) > 5 else "•••"


@register.filter
def span(length: timedelta) -> str:
    """A duration in its largest sensible unit: 45 seconds, 15 minutes, 2 hours, 3 days."""
    seconds = int(length.total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {word}{'' if number == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


@register.filter
def clock(moment: datetime | None) -> str:
    """The exact local time, for things that should be seconds old: 14:02:10."""
    return DASH if moment is None else f"{timezone.localtime(moment):%H:%M:%S}"


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """A moment: relative under a day, the date beyond; the exact local time with its zone on hover."""
    if moment is None:
        return DASH
    return format_html(
        '<time-ago><time datetime="{}" data-absolute="{}" title="{}">{}</time></time-ago>',
        moment.isoformat(timespec="seconds"),
        _absolute(moment),
        exactly(moment),
        _relative(moment) or _absolute(moment),
    )


@register.filter
def exactly(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z}"


@register.filter
def day(moment: datetime) -> str:
    """A heading in a story: Tuesday 3 November, with the year when it is another one."""
    local = timezone.localtime(moment)
    year = "" if local.year == timezone.localtime().year else f" {local.year}"
    return f"{local:%A} {local.day} {local:%B}{year}"


def _absolute(moment: datetime) -> str:
    local = timezone.localtime(moment)
    if local.year == timezone.localtime().year:
        return f"{local.day} {local:%b %H:%M}"
    return f"{local.day} {local:%b %Y}"


def _relative(moment: datetime) -> str:
    """The same words as time-ago in elements.js."""
    age = timezone.now() - moment
    size = abs(age)
    if size >= DAY:
        return ""
    if size < MINUTE:
        return "in under a minute" if age < timedelta() else "just now"
    words = f"{size // MINUTE} min" if size < HOUR else f"{size // HOUR} h"
    return f"in {words}" if age < timedelta() else f"{words} ago"
