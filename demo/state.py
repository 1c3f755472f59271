"""Where the playground keeps what is not in the database: secrets, logs, the marketplaces' own memory."""

import fcntl
import shutil
from pathlib import Path
from typing import IO

from oms.embedded.place import Place


def folder() -> Path:
    found = Place.current().var / "demo"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def secrets_file() -> Path:
    return folder() / "secrets.json"


def logs() -> Path:
    return folder() / "logs"


def marketplaces() -> Path:
    return folder() / "marketplaces"


def forget_marketplaces() -> None:
    """What they remember belongs to the database it was told by."""
    shutil.rmtree(marketplaces(), ignore_errors=True)


def claim() -> IO[str] | None:
    """The folder for one playground alone, until the file is closed or the process ends; None: another one runs."""
    file = (folder() / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
