"""Several long-running commands as one: their output in one place, restarted when they die, gone when this ends.

However this process ends, nothing stays behind: on Ctrl-C or SIGTERM the commands are asked to finish, after
kill -9 the kernel tells them (Linux).
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from oms.embedded.place import PROJECT

PATIENCE = 20.0  # seconds a command gets to finish what it is doing
QUICK_DEATH = 5.0  # a command that lives shorter waits longer before its next start
COLOURS = (36, 33, 32, 35, 34, 31)

# Runs the command in its place with the wish to be told (SIGTERM) when the supervisor's thread is gone. Tied to the
# thread that starts it, which lives as long as the command.
GUARD = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]): sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Stack:
    """`with Stack(commands): ...` keeps them running; `wait` blocks until somebody wants it to end."""

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        *,
        env: Mapping[str, str] | None = None,
        logs: Path | None = None,
    ) -> None:
        """With `logs`, each command writes to its own file there instead of this terminal."""
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._logs = logs
        self._ending = threading.Event()
        self._write = threading.Lock()
        width = max(map(len, commands), default=0)
        self._runners = [
            _Runner(self, name, list(command), label=_label(name, width, number))
            for number, (name, command) in enumerate(commands.items())
        ]

    def __enter__(self) -> "Stack":
        if self._logs:
            self._logs.mkdir(parents=True, exist_ok=True)
        for runner in self._runners:
            runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        deadline = time.monotonic() + PATIENCE
        for runner in self._runners:
            runner.signal(signal.SIGTERM)
        for runner in self._runners:
            runner.join(max(0.0, deadline - time.monotonic()))
            runner.signal(signal.SIGKILL)  # to the whole group: also what the command itself left behind
            runner.join(5)

    def pids(self) -> dict[str, int]:
        """The running commands; a test that kills one looks here."""
        return {runner.name: runner.process.pid for runner in self._runners if runner.process is not None}

    def end(self) -> None:
        self._ending.set()

    def wait(self) -> None:
        """Until Ctrl-C, SIGTERM or `end`. Only the main thread may call this."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.end()

        before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            while not self._ending.wait(0.5):
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Runner(threading.Thread):
    def __init__(self, stack: Stack, name: str, command: list[str], *, label: str) -> None:
        super().__init__(name=name, daemon=True)
        self.process: subprocess.Popen[str] | None = None
        self._stack = stack
        self._command = command
        self._label = label

    def run(self) -> None:
        pause = 0.5
        while not self._stack._ending.is_set():
            started = time.monotonic()
            code = self._once()
            if self._stack._ending.is_set():
                return
            pause = 0.5 if time.monotonic() - started > QUICK_DEATH else min(pause * 2, 15.0)
            self._say(f"ended ({_reason(code)}), starts again in {pause:.0f} s\n")
            self._stack._ending.wait(pause)

    def signal(self, number: signal.Signals) -> None:
        if self.process:
            try:
                os.killpg(self.process.pid, number)
            except (ProcessLookupError, PermissionError):
                return

    def _once(self) -> int:
        with self._output() as out:
            self.process = process = subprocess.Popen(
                [sys.executable, "-c", GUARD, str(os.getpid()), *self._command],
                cwd=PROJECT, env=self._stack._environment, stdin=subprocess.DEVNULL,
                stdout=out or subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True,
            )  # fmt: skip
            if self._stack._ending.is_set():  # asked to end between the check and the start
                self.signal(signal.SIGTERM)
            pump = threading.Thread(target=self._pump, args=[process], daemon=True)
            pump.start()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            # Not reaped yet, so the group's number is still ours: nothing of a killed command meets the next start.
            self.signal(signal.SIGKILL)
            self.process = None
            pump.join(5)
            return process.wait()

    @contextmanager
    def _output(self) -> Iterator[IO[str] | None]:
        if self._stack._logs is None:
            yield None
            return
        with (self._stack._logs / f"{self.name}.log").open("a") as file:
            yield file

    def _pump(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self._say(line)

    def _say(self, line: str) -> None:
        with self._stack._write:
            sys.stdout.write(f"{self._label} {line}")
            sys.stdout.flush()


def _label(name: str, width: int, number: int) -> str:
    text = f"{name:<{width}} |"
    return f"\033[{COLOURS[number % len(COLOURS)]}m{text}\033[0m" if sys.stdout.isatty() else text


def _reason(code: int) -> str:
    return f"status {code}" if code >= 0 else f"signal {-code}"


def run(
    commands: Mapping[str, Sequence[str]], *, env: Mapping[str, str] | None = None, logs: Path | None = None
) -> None:
    """Keep the commands running until Ctrl-C or SIGTERM."""
    with Stack(commands, env=env, logs=logs) as stack:
        stack.wait()


def free_port() -> int:
    """A TCP port on the loopback nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
