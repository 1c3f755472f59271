"""A web server as production runs it, for as long as it is measured."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from oms.embedded.stack import free_port
from oms.management.commands import stack
from tests.benchmarks import database
from tests.benchmarks.measure import say

PRODUCT, FLOOR = "oms.wsgi", "tests.benchmarks.floor.one_view"
WORKERS = 2


@contextmanager
def served(application: str) -> Iterator[int]:
    """The port at which `application` answers, on the database Django's connection leads to now."""
    port = free_port()
    command = [
        application if part == PRODUCT else part for part in stack.web(address=f"127.0.0.1:{port}", workers=WORKERS)
    ]
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command, cwd=database.PROJECT, env=database.environment(**stack.environment(), OMS_LOG_FORMAT="json"),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            _wait(port, server)
            yield port
        except Exception:
            log.seek(0)
            say(log.read()[-3000:])
            raise
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(port: int, server: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        if _answers(port):
            return
        time.sleep(0.05)
    raise RuntimeError("the web server does not come up")


def _answers(port: int) -> bool:
    """Whether a worker has loaded the application, not merely whether the socket is bound."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as probe:
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return probe.recv(12).startswith(b"HTTP/1.1")
    except OSError:
        return False
