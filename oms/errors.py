"""The one base class for "the business says no"."""

import re
from typing import Any, ClassVar

_UNSAYABLE = re.compile("[\0\ud800-\udfff]")


class Refused(Exception):
    """An expected refusal: the caller asked for something the rules do not allow.

    Subclass it beside the function that raises it. `code` is stable and goes to API clients; `facts`
    are JSON-ready values that explain the refusal; `message` says what to do, in words a person at a
    desk understands. Both may quote what came from outside: characters that no answer and no table can
    hold are shown as “�”. Anything that is *not* a Refused is a bug and reaches the error tracker.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(self, message: str, **facts: Any) -> None:
        self.message: str = _sayable(message)
        self.facts: dict[str, Any] = _sayable(facts)
        super().__init__(self.message)


def _sayable(value: Any) -> Any:
    match value:
        case str():
            return _UNSAYABLE.sub("�", value)
        case dict():
            return {_sayable(key): _sayable(each) for key, each in value.items()}
        case list() | tuple():
            return [_sayable(each) for each in value]
        case _:
            return value
