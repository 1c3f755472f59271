"""JSON read the strict way: duplicate keys, NaN and bottomless nesting are errors. Pure."""

import json
from typing import Any

from oms.errors import Refused


class BadJson(Refused):
    code = "json_invalid"
    status = 400


def loads(body: bytes) -> Any:
    """Return the value in `body`, which must be UTF-8.

    Raises BadJson for anything a second reader could understand differently: a key twice in one object,
    NaN or Infinity, a number with more digits than Python reads, bottomless nesting.
    """
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError as broken:
        raise BadJson("The body is not UTF-8 text.", at=broken.start) from broken
    except (ValueError, RecursionError) as broken:
        raise BadJson(f"The body is not JSON: {str(broken)[:200]}.") from broken


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise BadJson(f"The key “{key[:80]}” stands twice in one object.", key=key[:80])
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise BadJson(f"{name} is not a JSON number.")
