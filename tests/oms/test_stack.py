"""The supervisor: restarts what dies, and leaves nothing behind however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from oms.embedded import processes

PROJECT = Path(__file__).resolve().parents[2]

# A command that has a child of its own and ends it when asked to, as gunicorn and celery do.
PARENT_AND_CHILD = """
import os, signal, subprocess, sys, time
def finish(*_):
    child.terminate()
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", os.environ["MARK"]])
print("up", os.getpid(), child.pid, flush=True)
time.sleep(300)
"""
SUPERVISOR = """
import sys
from oms.embedded import stack
print("supervising", flush=True)
stack.run({"shop": [sys.executable, "-c", sys.argv[1], sys.argv[2]]}, env={"MARK": sys.argv[2]})
"""


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, PARENT_AND_CHILD, f"mark-{tmp_path.name}-{os.getpid()}"],
                cwd=PROJECT,
                text=True,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        )
        assert started[-1].stdout.readline() == "supervising\n"
        return started[-1]

    yield start
    for supervisor in started:
        supervisor.terminate()
        supervisor.wait(30)
        supervisor.stdout.close()


def read_pids(supervisor: subprocess.Popen[str]) -> tuple[int, int]:
    """The command's process and its child, from the line it prints when it is up."""
    for line in supervisor.stdout:
        assert line.startswith("shop | ")
        if " up " in line:
            _, command, child = line.removeprefix("shop | ").split()
            return int(command), int(child)
    raise AssertionError("the command never came up")


def all_gone(*pids: int) -> bool:
    return processes.wait_until(lambda: not any(processes.command_line(pid) for pid in pids), seconds=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_takes_everything_along(supervise, number):
    supervisor = supervise()
    pids = read_pids(supervisor)

    supervisor.send_signal(number)

    assert supervisor.wait(15) == 0
    assert all_gone(*pids)


def test_killed_it_takes_its_commands_along(supervise):
    supervisor = supervise()
    pids = read_pids(supervisor)

    supervisor.kill()

    assert all_gone(*pids)


def test_killed_command_is_started_again_without_what_it_left(supervise):
    supervisor = supervise()
    first = read_pids(supervisor)

    os.kill(first[0], signal.SIGKILL)

    second = read_pids(supervisor)
    assert second[0] != first[0]
    assert all_gone(*first)
    assert processes.command_line(second[1])
