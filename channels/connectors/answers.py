"""What the bytes of an answer hold, whichever vendor sent them. Pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from channels.connectors.base import RawOrder, Token, Unauthorised, Unavailable
from oms import clock, strict_json, text
from oms.errors import Refused
from oms.transport import Response

_LENIENT = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")


def document(response: Response) -> Mapping[str, Any]:
    """The JSON object in an answer. Half of one, HTML or anything else is the channel's passing trouble."""
    try:
        found = strict_json.loads(response.body)
    except strict_json.BadJson as broken:
        raise Unavailable(f"The answer is no JSON: {broken.message}", code="answer_unreadable") from broken
    if not isinstance(found, dict):
        raise Unavailable("The answer is JSON but no object.", code="answer_unreadable")
    return found


def token(response: Response, *, vendor: str) -> Token:
    """An OAuth token in the form all vendors give it; a rotated refresh token comes along, if there is one.

    Raises Unauthorised when the channel wants a person's consent again, Unavailable otherwise.
    """
    if response.status in (400, 401, 403):
        raise Unauthorised(
            f"{vendor} refuses our credentials; the seller must give consent again.", code="consent_needed"
        )
    if not response.ok:
        raise Unavailable(f"{vendor} gave no token ({response.status}).", code=f"http_{response.status}")
    found = document(response)
    access_token, lifetime, rotated = (found.get(key) for key in ("access_token", "expires_in", "refresh_token"))
    if not isinstance(access_token, str) or not access_token or type(lifetime) is not int:
        raise Unavailable(f"{vendor}'s token cannot be read.", code="answer_unreadable")
    return Token(
        access_token=access_token, lifetime=lifetime, refresh_token=rotated if isinstance(rotated, str) else ""
    )


def first_error(response: Response) -> Mapping[str, Any]:
    """The first entry of the answer's `errors`, or nothing: a refusal need not be readable to be one."""
    try:
        return next(iter(objects(document(response), "errors")), {})
    except Unavailable:
        return {}


def inner(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object within, or an empty one: in an answer that was understood, odd parts count as missing."""
    value = found.get(key)
    return value if isinstance(value, dict) else {}


def objects(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list within; whatever else stands there is left out."""
    value = found.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def page_of_orders(response: Response) -> tuple[Mapping[str, Any], list[bytes]]:
    """Return a page's own fields and its orders, each as the very bytes sent.

    The page is read leniently, so that one order with a doubled key or a NaN spoils itself and not its neighbours:
    whoever reads the order's bytes does it strictly.
    """
    source, page = _object(response)
    orders = page.pop("orders", None)
    if not isinstance(orders, list):
        raise Unavailable("The page has no list of orders.", code="answer_unreadable")
    return page, [part.encode("utf-8", "surrogatepass") for part in _elements(_member(source, "orders"))]


def member(response: Response, key: str) -> bytes:
    """The very bytes of one member of the answer's object."""
    source, found = _object(response)
    if not isinstance(found.get(key), dict):
        raise Unavailable(f"The answer has no {key}.", code="answer_unreadable")
    return _member(source, key).encode("utf-8", "surrogatepass")


def raw_order(body: bytes, *, number: str, stamp: str, zone: str, otherwise: datetime) -> RawOrder:
    """Wrap one order. An order without a usable number gets one made from its bytes, so it can be kept and shown.

    `number` and `stamp` are the vendor's names of the fields; a stamp that cannot be read counts as `otherwise`.
    """
    try:
        fields = json.loads(body)
    except ValueError as broken:  # a page splits only where its parts are JSON; getOrder hands on any body
        raise Unavailable("The order is no JSON.", code="answer_unreadable") from broken
    if not isinstance(fields, dict):
        fields = {}
    try:
        external_number = text.identifier(fields.get(number), what=number)
    except Refused:
        external_number = f"unreadable-{hashlib.sha256(body).hexdigest()[:16]}"
    try:
        updated_at = clock.parse(fields.get(stamp), zone=ZoneInfo(zone))
    except Refused:
        updated_at = otherwise.astimezone(UTC)
    version = str(fields.get(stamp, "")).encode("ascii", "replace").decode().replace("\x00", "?")[:40]
    return RawOrder(external_number=external_number, version=version, updated_at=updated_at, body=body)


def _object(response: Response) -> tuple[str, dict[str, Any]]:
    try:
        source = response.body.decode("utf-8")
        found = json.loads(source)
    except (ValueError, RecursionError) as broken:
        raise Unavailable(f"The answer is no JSON: {str(broken)[:120]}", code="answer_unreadable") from broken
    if not isinstance(found, dict):
        raise Unavailable("The answer is JSON but no object.", code="answer_unreadable")
    return source, found


def _skip(source: str, at: int) -> int:
    blank = _BLANK.match(source, at)
    return blank.end() if blank else at


def _member(source: str, wanted: str) -> str:
    """The text of one member's value. The source is known to be a JSON object; the last of equal keys counts."""
    at, found = _skip(source, 0) + 1, ""
    while source[at := _skip(source, at)] != "}":
        if source[at] == ",":
            at = _skip(source, at + 1)
        key, at = _LENIENT.raw_decode(source, at)
        at = _skip(source, _skip(source, at) + 1)
        _, end = _LENIENT.raw_decode(source, at)
        if key == wanted:
            found = source[at:end]
        at = end
    return found


def _elements(source: str) -> list[str]:
    """The texts of a JSON array's elements."""
    at, found = 1, []
    while source[at := _skip(source, at)] != "]":
        if source[at] == ",":
            at = _skip(source, at + 1)
        _, end = _LENIENT.raw_decode(source, at)
        found.append(source[at:end])
        at = end
    return found
