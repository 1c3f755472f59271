"""Input read strictly: what is not asked for, or not of the right kind, is an error and never a guess."""

from typing import Any

from rest_framework import serializers
from rest_framework.parsers import BaseParser

from oms import strict_json
from oms.money import MOST
from orders.incoming import MOST_UNITS

KIND = "kind"  # code of an error about the JSON type of a value: the request is malformed, not merely wrong


class StrictJSONParser(BaseParser):
    """UTF-8 JSON without duplicate keys, NaN or endless digits; kept as bytes for the idempotency fingerprint."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        request = (parser_context or {})["request"]._request
        request.raw_body = stream.read()  # of a bounded length, and in no charset but UTF-8: see api.edge
        return strict_json.loads(request.raw_body)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know and anything but an object."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError({"non_field_errors": ["Send a JSON object."]}, code=KIND)
        unknown = sorted(map(str, set(data) - set(self.fields)))
        if unknown:
            raise serializers.ValidationError({name[:80]: ["There is no such field."] for name in unknown[:20]})
        return super().to_internal_value(data)


class StrictInteger(serializers.IntegerField):
    """A JSON integer: not "2", not 2.0, not true, and none that a reader elsewhere would round."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int or abs(data) > MOST:
            raise serializers.ValidationError(f"Send a whole JSON number, at most {MOST}.", code=KIND)
        return super().to_internal_value(data)


class StrictBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not bool:
            raise serializers.ValidationError("Send true or false.", code=KIND)
        return data


class StrictText(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Send a JSON string.", code=KIND)
        return super().to_internal_value(data)


class Code(StrictText):
    """Text that is compared, and so is never trimmed into what it was not."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)


class Pattern(Code, serializers.RegexField):
    """A code of a given form."""

    def __init__(self, regex: str, **options: Any) -> None:
        super().__init__(regex=regex, **options)


class Email(StrictText, serializers.EmailField):
    pass


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("Send a JSON string.", code=KIND)
        return super().to_internal_value(data)


class Amount(StrictInteger):
    """Minor units of the order's currency: 1998 for 19.98 USD."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=MOST, **options)


class UnitsByPosition(serializers.DictField):
    """{line position: units}, at least one."""

    child = StrictInteger(min_value=1, max_value=MOST_UNITS)

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_empty=False, **options)

    def to_internal_value(self, data: Any) -> dict[int, int]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Send a JSON object.", code=KIND)
        for position in data:
            if not (position.isascii() and position.isdecimal() and len(position) < 6 and position[0] != "0"):
                raise serializers.ValidationError(f"“{position[:20]}” is no position of a line, such as 1.")
        return {int(position): units for position, units in super().to_internal_value(data).items()}
