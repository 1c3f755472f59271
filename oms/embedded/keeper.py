"""The process beside the services: brings back what died, and stops everything when nobody is left."""

import fcntl
import os
import sys
import time
from types import ModuleType
from typing import IO

from oms.embedded import postgres, services, valkey
from oms.embedded.place import CannotStart, Place

LOOK_EVERY = 0.5
LINGER = 2.0  # one command after another should find the services still up


def main() -> int:
    place = Place.current()
    own = (place.var / "keeper.lock").open("w")
    try:
        fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    (place.var / "keeper.pid").write_text(f"{os.getpid()}\n")
    alone = keep(place, own)
    if alone:
        stop_all(place)
        own.close()  # before the users' lock: whoever waits for that must find no keeper
        alone.close()
    return 0


def keep(place: Place, own: IO[str]) -> IO[str] | None:
    """Returns, with the users' lock held, once nobody has needed the services for a while."""
    idle_since: float | None = None
    known = pids(place)
    while True:
        time.sleep(LOOK_EVERY)
        if not still_there(place, own):
            for service, pid in known.items():
                service.end(place, pid)
            return None
        known |= pids(place)
        alone = services.keep_alone(place)
        if alone is None:
            idle_since = None
            repair(place)
            continue
        idle_since = idle_since or time.monotonic()
        if time.monotonic() - idle_since >= LINGER:
            return alone
        alone.close()


def pids(place: Place) -> dict[ModuleType, int]:
    return {service: pid for service in services.marked(place) if (pid := service.pid(place))}


def still_there(place: Place, own: IO[str]) -> bool:
    """False when somebody deleted the folder, or deleted it and began anew."""
    try:
        return (place.var / "keeper.lock").stat().st_ino == os.fstat(own.fileno()).st_ino
    except FileNotFoundError:
        return False


def repair(place: Place) -> None:
    with (place.var / "outage.lock").open("a") as wanted_down:
        try:
            fcntl.flock(wanted_down, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        # Not made: somebody is deleting the folder, and making all anew would be in the way.
        dead = [service for service in services.marked(place) if service.is_made(place) and not service.is_up(place)]
        try:
            if dead:
                services.bring_up(place, dead)
        except CannotStart as error:  # tried again at the next look
            sys.stderr.write(f"{error}\n")


def stop_all(place: Place) -> None:
    for service in (valkey, postgres):
        service.stop(place)
        services.mark(place, service, wanted=False)


if __name__ == "__main__":
    sys.exit(main())
