"""Both services together: who needs them, and that they are there exactly as long as somebody does.

Every user holds a shared lock on one file. The kernel lets go of it when the process ends, however it ends, so the
keeper (a small process started with the services) learns the truth by asking for the same lock alone.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO

from oms.embedded import postgres, processes, valkey
from oms.embedded.place import PROJECT, CannotStart, Place

KEEPER = "oms.embedded.keeper"
OURS = "OMS_EMBEDDED"  # names the addresses in the environment that we put there, so that a child knows they are ours

__all__ = [
    "CannotStart",
    "Services",
    "addresses",
    "ensure",
    "kill_postgres",
    "kill_valkey",
    "outage",
    "release",
    "running",
    "secret",
    "stop",
]


@dataclass(frozen=True)
class Services:
    database_url: str
    redis_url: str
    celery_broker_url: str


_lease: IO[str] | None = None


def secret(name: str) -> str:
    """A random value that stays the same for this var folder: 'django' is the development SECRET_KEY."""
    return Place.current().secret(name)


def addresses() -> Services:
    """Where the services are or would be; starts nothing."""
    database, redis, broker = (_given(name) for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"))
    if database and redis:  # production: no folder of secrets is made or read
        return Services(database, redis, broker or redis)
    place = Place.current()
    return Services(
        database_url=database or postgres.address(place),
        redis_url=redis or valkey.address(place),
        celery_broker_url=broker or redis or valkey.broker_address(place),
    )


def ensure() -> Services:
    """Start or join what is not configured elsewhere and hold it up until this process ends or calls `release`."""
    found = addresses()
    place = Place.current()
    wanted = _wanted()
    if wanted:
        _hold(place)
        if not all(service.is_up(place) for service in wanted) or not _keeper_lives(place):
            bring_up(place, wanted)
    _announce(found)
    return found


def release() -> None:
    """This process no longer needs the services; the last one to say so (or to end) stops them."""
    global _lease
    if _lease:
        _lease.close()
        _lease = None


@contextmanager
def running() -> Iterator[Services]:
    services = ensure()
    try:
        yield services
    finally:
        release()


def stop() -> None:
    """Stop both services now, whoever uses them."""
    place = Place.current()
    release()
    if not place.var.exists():
        return
    with _open(place.var / "start.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if keeper := processes.live_pid(place.var / "keeper.pid", marker=KEEPER):
            processes.stop(keeper, first=signal.SIGTERM, marker=KEEPER, seconds=5)
        for service in (valkey, postgres):
            service.stop(place)
            mark(place, service, wanted=False)


def delete() -> None:
    """Stop both and remove their data for good."""
    stop()
    place = Place.current()
    for folder in {place.sockets, place.home, place.var}:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def outage() -> Iterator[None]:
    """While this is open the keeper does not bring back what was killed. For tests of what happens meanwhile."""
    place = Place.current()
    with _open(place.var / "outage.lock") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def kill_postgres(number: signal.Signals = signal.SIGKILL) -> None:
    if pid := postgres.pid(Place.current()):
        os.kill(pid, number)


def kill_valkey(number: signal.Signals = signal.SIGKILL) -> None:
    if pid := valkey.pid(Place.current()):
        os.kill(pid, number)


def bring_up(place: Place, wanted: Sequence[ModuleType]) -> None:
    with _open(place.var / "start.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        place.prepare()
        for service in wanted:
            if not service.is_up(place):
                service.start(place)
            mark(place, service, wanted=True)
        if not _keeper_lives(place):
            _start_keeper(place)


def mark(place: Place, service: ModuleType, *, wanted: bool) -> None:
    """Note for the keeper which of the two this var folder has running; the other is the operator's own."""
    if wanted:
        _note(place, service).touch()
    else:
        _note(place, service).unlink(missing_ok=True)


def marked(place: Place) -> list[ModuleType]:
    return [service for service in (postgres, valkey) if _note(place, service).exists()]


def _note(place: Place, service: ModuleType) -> Path:
    return place.var / f"{service.__name__.rsplit('.', 1)[-1]}.wanted"


def keep_alone(place: Place) -> IO[str] | None:
    """The users' lock for the keeper alone; None while anybody else holds it."""
    file = _open(place.var / "users.lock")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _hold(place: Place) -> None:
    global _lease
    if _lease is None:
        place.var.mkdir(mode=0o711, parents=True, exist_ok=True)
        _lease = _open(place.var / "users.lock")
        fcntl.flock(_lease, fcntl.LOCK_SH)  # waits while the keeper is just stopping everything


def _keeper_lives(place: Place) -> bool:
    with _open(place.var / "keeper.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_keeper(place: Place) -> None:
    log = (place.var / "keeper.log").open("a")
    with log:
        subprocess.Popen(
            [sys.executable, "-m", KEEPER],
            cwd=PROJECT, env={**os.environ, "OMS_VAR": str(place.var)}, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
    processes.wait_until(lambda: _keeper_lives(place), seconds=10)


def _wanted() -> list[ModuleType]:
    return [service for service, name in ((postgres, "DATABASE_URL"), (valkey, "REDIS_URL")) if not _given(name)]


def _given(name: str) -> str | None:
    """The operator's value of an address, not one that a parent process put there for us."""
    return None if name in os.environ.get(OURS, "").split() else os.environ.get(name) or None


def _announce(services: Services) -> None:
    ours = [name for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL") if not _given(name)]
    os.environ[OURS] = " ".join(ours)
    os.environ["DATABASE_URL"] = services.database_url
    os.environ["REDIS_URL"] = services.redis_url
    os.environ["CELERY_BROKER_URL"] = services.celery_broker_url


def _open(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
