"""Input read strictly: what is not asked for, or not of the right kind, is an error and never a guess."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from oms import strict_json
from oms.money import MOST


class StrictJSONParser(BaseParser):
    """UTF-8 JSON without duplicate keys, NaN or endless digits; kept as bytes for the idempotency fingerprint."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        charset = ((parser_context or {}).get("encoding") or "utf-8").lower()
        if charset not in {"utf-8", "utf8"}:
            raise ParseError(f"Send UTF-8, not {charset[:20]}.")
        body = stream.read()
        if parser_context and (request := parser_context.get("request")) is not None:
            request._request.raw_body = body
        return strict_json.loads(body)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know and anything but an object."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(map(str, set(data) - set(self.fields)))
            if unknown:
                raise serializers.ValidationError({name[:80]: ["There is no such field."] for name in unknown[:20]})
        return super().to_internal_value(data)


class StrictInteger(serializers.IntegerField):
    """A JSON integer: not "2", not 2.0, not true, and none that a reader elsewhere would round."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            raise serializers.ValidationError("Send a whole JSON number.")
        return super().to_internal_value(data)


class StrictText(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Send a JSON string.")
        return super().to_internal_value(data)


class Amount(StrictInteger):
    """Minor units of the order's currency: 1998 for 19.98 USD."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=MOST, **options)
