"""Moments from outside. Pure: nothing here reads the clock."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from oms.errors import Refused

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class BadMoment(Refused):
    code = "timestamp_invalid"
    status = 422


def parse(text: object, *, zone: tzinfo | None = None) -> datetime:
    """Return an aware UTC moment from an ISO 8601 string.

    Without an offset the text is a wall clock in `zone`; without `zone` that is refused. The earlier of
    two readings is taken when clocks go back; a wall time that clocks jumped over is moved forward.
    A leap second (:60) counts as the second after. Raises BadMoment, also before the year 2000.
    """
    if not isinstance(text, str) or not _ISO.fullmatch(text):
        raise BadMoment(f"“{str(text)[:40]}” is not a moment such as 2026-11-03T14:02:10Z.", moment=str(text)[:40])
    leap = text[17:19] == "60"
    plain = re.sub(r"([.,]\d{6})\d+", r"\1", text[:17] + "59" + text[19:] if leap else text).replace(",", ".")
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError as broken:
        raise BadMoment(f"“{text}” is no day and time of the calendar.", moment=text) from broken
    if moment.tzinfo is None:
        if zone is None:
            raise BadMoment(f"“{text}” does not say its offset from UTC.", moment=text)
        moment = moment.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC) + timedelta(seconds=1 if leap else 0)
    except OverflowError as broken:
        raise BadMoment(f"“{text}” lies outside the calendar.", moment=text) from broken
    if moment < EARLIEST:
        raise BadMoment(f"“{text}” lies before the year 2000.", moment=text)
    return moment


def render(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, the form marketplaces ask for."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
