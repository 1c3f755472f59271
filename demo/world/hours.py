"""Opening hours out of one human-written string: "Mon: 10-9:30; ... Thurs: 10-9; ... Sun: 11-7"."""

import re
from datetime import time

from demo.world.shapes import Hours
from oms.errors import Refused

_DAYS = {"Mon": 0, "Tue": 1, "Wed": 2, "Thurs": 3, "Fri": 4, "Sat": 5, "Sun": 6}
_PART = re.compile(r"(\w+): (\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")


class UnreadableHours(Refused):
    code = "hours_unreadable"


def parse(text: str) -> tuple[Hours, ...]:
    """Return one row per open day, Monday first.

    The string writes no a.m. or p.m.: a shop opens in the morning (12 is noon) and closes after noon.
    """
    return tuple(sorted((_row(part.strip()) for part in text.split(";")), key=lambda row: row.weekday))


def _row(part: str) -> Hours:
    read = _PART.fullmatch(part)
    if not read or read[1] not in _DAYS:
        raise UnreadableHours(f"“{part}” does not say when a store is open.", part=part)
    opens = time(int(read[2]), int(read[3] or 0))
    closes = time(int(read[4]) % 12 + 12, int(read[5] or 0))
    return Hours(_DAYS[read[1]], opens, closes)
