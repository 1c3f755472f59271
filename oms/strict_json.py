"""JSON read the strict way: duplicate keys, NaN and bottomless nesting are errors. Pure."""

import json
import math
import re
from typing import Any

from oms.errors import Refused

_HALF = re.compile("[\ud800-\udfff]")


class BadJson(Refused):
    code = "json_invalid"
    status = 400


def loads(body: bytes) -> Any:
    """Return the value in `body`, which must be UTF-8.

    Raises BadJson for anything a second reader could understand differently: a key twice in one object,
    NaN or Infinity, a number with more digits than Python reads or beyond every float, half a character
    in a key, bottomless nesting.
    """
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant
        )
    except UnicodeDecodeError as broken:
        raise BadJson("The body is not UTF-8 text.", at=broken.start) from broken
    except (ValueError, RecursionError) as broken:
        raise BadJson(f"The body is not JSON: {str(broken)[:200]}.") from broken


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BadJson(f"The key “{key[:80]}” stands twice in one object.", key=key[:80])
        if _HALF.search(key):
            raise BadJson(f"The key “{key[:80]}” holds half a character.", key=key[:80])
        found[key] = value
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise BadJson(f"{digits[:40]} is larger than any number can be.")
    return number


def _no_constant(name: str) -> Any:
    raise BadJson(f"{name} is not a JSON number.")
