"""What a request and its answer look like, apart from how they travel. Pure; `oms.http` does the travelling."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """One outgoing call. `body` is the exact bytes sent; use `Request.with_json` for JSON."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def with_json(cls, method: str, url: str, payload: Any, **more: Any) -> "Request":
        headers = {"Content-Type": "application/json", **more.pop("headers", {})}
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(method=method, url=url, headers=headers, body=body, **more)


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer of any status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Unanswered(Exception):
    """No usable answer came: refused, reset, timed out, too large, or not a name we may call.

    The call may or may not have had its effect: look before repeating an unsafe one.
    """
