"""A folder of its own for one check, and the end of it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from django.db import connections

from oms.embedded import processes, services
from oms.embedded.place import PROJECT, Place

_PREFIX = "smoke-"
_BEGAN = "OMS_CHECK_BEGAN"
_OPERATORS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", services.OURS)


def is_apart() -> bool:
    return _BEGAN in os.environ


def environment() -> dict[str, str]:
    """For this process when it begins once more: another folder, and never a database that somebody configured."""
    var = Place.current().var
    _clear_away(var)
    kept = {name: value for name, value in os.environ.items() if name not in _OPERATORS}
    return {**kept, "OMS_VAR": str(var / f"{_PREFIX}{os.getpid()}"), _BEGAN: str(time.time())}


def seconds_since_begin(moment: float) -> float:
    return moment - float(os.environ[_BEGAN])


def remove() -> None:
    connections.close_all()
    services.delete()


def _clear_away(var: Path) -> None:
    """What failed or killed checks left for a look goes when the next one begins."""
    for left in var.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX)
        if owner.isdigit() and not processes.command_line(int(owner)):
            command = [sys.executable, "-m", "oms.embedded", "delete"]
            subprocess.run(command, cwd=PROJECT, env={**os.environ, "OMS_VAR": str(left)}, check=False)
