"""How loading tells what it is doing, whoever looks on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Report = Callable[[int], None]  # how many are done


class Steps(Protocol):
    def step(self, name: str, total: int = 0) -> AbstractContextManager[Report]:
        """One step of the work; `total` things to do, 0 when that is not known."""


class Silent:
    @contextmanager
    def step(self, name: str, total: int = 0) -> Iterator[Report]:
        yield lambda _done: None
