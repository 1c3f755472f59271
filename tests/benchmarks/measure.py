"""Closed loops, percentiles, and the one shape of a figure."""

import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from django.db import connection, connections

Figure = dict[str, Any]
WARM_UP = 0.2  # of the operations asked for
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; what was not is filled in by each bench."""

    rows: int | None = None
    seconds: float | None = None  # at most, for one figure
    clients: tuple[int, ...] | None = None
    n: int | None = None  # operations of one figure, at most
    seed: int = 7

    def filled(
        self, *, n: int = 1000, seconds: float = 4.0, clients: tuple[int, ...] = (1,), rows: int = 0
    ) -> "Filled":
        return Filled(
            rows=rows if self.rows is None else self.rows,
            seconds=self.seconds or seconds,
            clients=self.clients or clients,
            n=self.n or n,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class Filled:
    rows: int
    seconds: float
    clients: tuple[int, ...]
    n: int
    seed: int


@dataclass(slots=True)
class Timing:
    """Seconds each operation took, and from the first start to the last end."""

    times: list[float] = field(default_factory=list)
    wall: float = 0.0
    errors: int = 0
    weight: int = 1  # units of work in an operation

    @property
    def rate(self) -> float:
        return len(self.times) * self.weight / self.wall if self.wall else 0.0

    def percentile(self, share: float) -> float:
        """In seconds, by nearest rank: a time that was really taken."""
        return sorted(self.times)[max(math.ceil(share * len(self.times)) - 1, 0)] if self.times else 0.0


Do = Callable[[int], object]
Make = Callable[[int], Do]  # from the worker's number to what it does


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def figure(bench: str, timing: Timing, /, **more: Any) -> Figure:
    return {
        "bench": bench,
        **{key: more.pop(key) for key in ("what", "clients") if key in more},
        "n": len(timing.times),
        "rate": _round(timing.rate),
        **{f"p{share}_ms": _round(timing.percentile(share / 100) * 1000) for share in (50, 95, 99)},
        "errors": timing.errors,
        **more,
    }


def against_rate(name: str, floor: Timing, ours: Timing) -> Figure:
    """The floor's rate, and ours as a share of it."""
    ratio = ours.rate / floor.rate if floor.rate else 0.0
    return {"floor": name, "floor_rate": _round(floor.rate), "ratio": _round(ratio)}


def against_time(name: str, floor: Timing, ours: Timing) -> Figure:
    """The floor's times, and its median as a share of ours."""
    mine = ours.percentile(0.5)
    return {
        "floor": name,
        "floor_p50_ms": _round(floor.percentile(0.5) * 1000),
        "floor_p95_ms": _round(floor.percentile(0.95) * 1000),
        "ratio": _round(floor.percentile(0.5) / mine if mine else 0.0),
    }


def _round(value: float) -> float:
    """Three digits that count."""
    return round(value, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0.0


def alone(do: Do, *, n: int, seconds: float, warm_up: int | None = None) -> Timing:
    """One worker, in this process. The first calls, which meet cold caches, are not counted."""
    first = min(math.ceil(n * WARM_UP), 200) if warm_up is None else warm_up
    _loop(do, range(first), seconds * WARM_UP)
    return _loop(do, range(first, first + n), seconds)


def crowd(make: Make, *, clients: int, n: int, seconds: float) -> Timing:
    """So many worker processes, each with connections of its own, sharing the n operations between them."""
    if clients == 1:
        return alone(make(0), n=n, seconds=seconds)
    connections.close_all()
    barrier = FORK.Barrier(clients)
    pipes, workers = [], []
    for number in range(clients):
        mine, theirs = FORK.Pipe(duplex=False)
        worker = FORK.Process(target=_work, args=(make, number, clients, n, seconds, barrier, theirs), daemon=True)
        worker.start()
        theirs.close()
        pipes.append(mine)
        workers.append(worker)
    parts = list(_received(pipes))
    for worker in workers:
        worker.join()
    return together(parts)


def together(parts: Sequence[tuple[Timing, float, float]]) -> Timing:
    """Timings of workers with the moments they began and ended, on one clock, as one."""
    wall = max(end for _, _, end in parts) - min(start for _, start, _ in parts)
    found = Timing(wall=wall, errors=sum(part.errors for part, _, _ in parts))
    for part, _, _ in parts:
        found.times += part.times
    return found


def _received(pipes: Iterable[Connection]) -> Iterator[tuple[Timing, float, float]]:
    for pipe in pipes:
        try:
            yield pipe.recv()
        except EOFError:
            raise RuntimeError("a worker of the benchmark died; its traceback stands above") from None


def _work(make: Make, number: int, clients: int, n: int, seconds: float, barrier: Any, pipe: Connection) -> None:
    connection.close()
    do = make(number)
    first = min(math.ceil(n * WARM_UP / clients), 50)
    _loop(do, range(number, first * clients, clients), seconds)
    barrier.wait(60)
    start = time.perf_counter()
    found = _loop(do, range(first * clients + number, first * clients + n, clients), seconds)
    pipe.send((found, start, time.perf_counter()))
    connection.close()


def _loop(do: Do, places: Iterable[int], seconds: float) -> Timing:
    found = Timing()
    began = time.perf_counter()
    for place in places:
        start = time.perf_counter()
        if start - began > seconds:
            break
        try:
            do(place)
        except Exception as error:
            if not found.errors:
                say(f"  failed: {type(error).__name__}: {error}")
            found.errors += 1
        else:
            found.times.append(time.perf_counter() - start)
    found.wall = time.perf_counter() - began
    return found


def weighed(found: Timing, weight: int) -> Timing:
    return replace(found, weight=weight)


@dataclass(slots=True)
class Statements:
    """SQL as Django sends it: statements, and round trips in which several may travel. Without BEGIN and COMMIT."""

    count: int = 0
    trips: int = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Mapping[str, Any]
    ) -> Any:
        self.trips += 1
        self.count += sql.strip().rstrip(";").count(";") + 1
        return execute(sql, params, many, context)


@contextmanager
def counting() -> Iterator[Statements]:
    found = Statements()
    with connection.execute_wrapper(found):
        yield found
