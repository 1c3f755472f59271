"""Trouble on demand: each fault strikes the next calls of an operation, a given number of times or by chance."""

import random
import threading
from collections.abc import Collection
from dataclasses import dataclass

# What a caller meets on the wire, whatever the operation does.
ON_THE_WIRE = {
    "throttle": "429; with `retry_after` seconds in a header when given",
    "error": "`status` (503 unless given), nothing done",
    "hang": "no answer for `seconds`, then the connection ends; nothing done",
    "reset": "the connection is reset, nothing done",
    "lost_answer": "the operation is done, then the connection is reset",
    "half_page": "the operation is done, the answer is cut in the middle of its JSON",
    "html": "status 200 with a page for people, nothing done",
    "slow": "the answer takes `seconds` longer",
    "stale_token": "every access token given out so far is refused",
}
# What an operation does wrong by itself.
IN_THE_WORK = {
    "duplicate_orders": "every order of a page stands in it twice",
    "reorder": "orders come in no order of time",
    "loop": "the first page comes again and always promises another",
    "empty_page": "a page without orders that promises another",
    "stale_read": "what changed in the last `seconds` is not shown yet",
    "forget": "a write is answered as always, and never applied",
    "part_fails": "a stock update is refused inside an answer that looks well",
}
KINDS = {**ON_THE_WIRE, **IN_THE_WORK}


@dataclass(kw_only=True)
class Fault:
    kind: str
    operation: str = ""  # "" strikes any
    times: int | None = 1  # None: for ever, by `probability`
    probability: float = 1.0
    seconds: float = 0.0
    status: int = 503
    retry_after: float | None = None


class Faults:
    """The armed faults. Chance is seeded, so a run can be had again."""

    def __init__(self, *, seed: int = 0) -> None:
        self._armed: list[Fault] = []
        self._chance = random.Random(seed)  # noqa: S311  # chance for a playground, not for secrets
        self._lock = threading.Lock()

    def arm(self, kind: str, **more: object) -> Fault:
        """Arm a fault. Raises ValueError for a kind or a field that does not exist."""
        if kind not in KINDS:
            raise ValueError(f"No fault is called {kind}; there are {', '.join(KINDS)}.")
        try:
            fault = Fault(kind=kind, **more)  # type: ignore[arg-type]  # checked by the dataclass's own names
        except TypeError as unknown:
            raise ValueError(str(unknown)) from unknown
        with self._lock:
            self._armed.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def strike(self, operation: str, kinds: Collection[str]) -> Fault | None:
        """Return the first armed fault of these kinds that strikes this call, and use it up by one."""
        with self._lock:
            for fault in self._armed:
                if fault.kind in kinds and fault.operation in ("", operation) and self._strikes(fault):
                    return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        if fault.times == 0 or self._chance.random() >= fault.probability:
            return False
        if fault.times is not None:
            fault.times -= 1
        return True
