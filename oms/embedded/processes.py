"""Finding, starting and stopping a server process by what its pid file says, without believing the file blindly."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def command_line(pid: int) -> str:
    """What the process was started with; empty for one that is gone or a zombie."""
    proc = Path("/proc")
    if (proc / "self").exists():
        try:
            return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607
    return shown.stdout.strip()


def pid_in(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def live_pid(path: Path, *, marker: str) -> int | None:
    """The process the pid file names, if it runs and is ours: numbers are used again after a crash."""
    pid = pid_in(path)
    return pid if pid and marker in command_line(pid) else None


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def stop(pid: int, *, first: signal.Signals, marker: str, seconds: float) -> None:
    """Ask, wait, and in the end insist."""
    for number, patience in ((first, seconds), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(lambda: marker not in command_line(pid), seconds=patience):
            return
