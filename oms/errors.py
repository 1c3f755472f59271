"""The one base class for "the business says no"."""

from typing import Any, ClassVar


class Refused(Exception):
    """An expected refusal: the caller asked for something the rules do not allow.

    Subclass it beside the function that raises it. `code` is stable and goes to API clients; `facts`
    are JSON-ready values that explain the refusal; `message` says what to do, in words a person at a
    desk understands. Anything that is *not* a Refused is a bug and reaches the error tracker.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
