"""Real servers, really killed, in folders of their own beside the services of the test run."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from oms import embedded
from oms.embedded import processes

PROJECT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
ADDRESSES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", embedded.OURS)
NOBODY = 65534

HOLD = """
import json, sys
from oms import embedded
print(json.dumps(embedded.ensure().__dict__), flush=True)
sys.stdin.read()
"""


class Site:
    """One var folder, and processes that use it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.users: list[subprocess.Popen[str]] = []
        self.python = [sys.executable]
        self.env = {name: value for name, value in os.environ.items() if name not in ADDRESSES} | {"OMS_VAR": str(var)}

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.python, *command], cwd=PROJECT, env={**self.env, **env}, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def hold(self) -> tuple[subprocess.Popen[str], dict[str, str]]:
        """A process that uses the services until its input is closed, and the addresses it was given."""
        user = subprocess.Popen(
            [*self.python, "-c", HOLD], cwd=PROJECT, env=self.env, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.users.append(user)
        return user, json.loads(user.stdout.readline())

    def leave(self, user: subprocess.Popen[str]) -> None:
        user.stdin.close()
        user.wait(10)

    def running(self) -> dict[str, int]:
        """Name → process, of the services and the keeper of this folder."""
        home = self.home
        found = {
            "postgres": processes.live_pid(home / "postgres/postmaster.pid", marker=str(home)),
            "valkey": processes.live_pid(home / "valkey/valkey.pid", marker="valkey"),
            "keeper": processes.live_pid(self.var / "keeper.pid", marker="oms.embedded.keeper"),
        }
        return {name: pid for name, pid in found.items() if pid}

    def kill_everything(self) -> None:
        victims = [*self.running().values(), *(user.pid for user in self.users if user.poll() is None)]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        for user in self.users:
            user.wait(10)

    @property
    def home(self) -> Path:
        answer = self.run("-c", "from oms.embedded.place import Place; print(Place.current().home)")
        return Path(answer.stdout.strip() or self.var)

    def close(self) -> None:
        for user in self.users:
            user.kill()
            user.wait(10)
        self.run("-m", "oms.embedded", "delete")


@pytest.fixture
def new_site() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []
    folders: list[Path] = []

    def make(*, mode: int = 0o711, within: str = "v") -> Site:
        folder = Path(tempfile.mkdtemp(prefix="oms-test-"))
        folder.chmod(mode)
        folders.append(folder)
        sites.append(Site(folder / within / "var"))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def site(new_site: Callable[..., Site]) -> Site:
    return new_site()


def ask(address: str, statement: str) -> object:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
        answer = cursor.fetchone()[0] if cursor.description else None
    connection.close()
    return answer


def gone(site: Site, seconds: float = 15) -> bool:
    return processes.wait_until(lambda: not site.running(), seconds=seconds, every=0.2)


class TestEnsure:
    def test_first_start_gives_durable_services_without_a_port(self, site):
        _, found = site.hold()

        assert ask(found["database_url"], "SHOW listen_addresses") == ""
        assert ask(found["database_url"], "SHOW fsync") == "on"
        assert ask(found["database_url"], "SHOW synchronous_commit") == "on"
        assert ask(found["database_url"], "SELECT current_database()") == "oms"
        valkey = redis.Redis.from_url(found["redis_url"])
        assert valkey.config_get("appendonly")["appendonly"] == "yes"
        assert valkey.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert valkey.config_get("port")["port"] == "0"

    def test_strangers_stay_outside(self, site):
        _, found = site.hold()

        password = json.loads((site.var / "secrets.json").read_text())["postgres"]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(found["database_url"].replace(password, "guess"))
        nameless = redis.Redis.from_url(
            found["redis_url"].replace(":" + found["redis_url"].split(":")[2].split("@")[0], "")
        )
        with pytest.raises(redis.AuthenticationError):
            nameless.ping()
        assert stat.S_IMODE((site.var / "secrets.json").stat().st_mode) == 0o600
        assert stat.S_IMODE((site.home / "sockets").stat().st_mode) == 0o700
        assert stat.S_IMODE((site.home / "postgres").stat().st_mode) == 0o700

    def test_second_process_joins(self, site):
        site.hold()
        before = site.running()

        site.hold()

        assert site.running() == before

    def test_two_first_starts_at_once_share_one_pair(self, site):
        first = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            cwd=PROJECT,
            env=site.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        site.users.append(first)
        _, second = site.hold()

        assert json.loads(first.stdout.readline()) == second
        assert ask(second["database_url"], "SELECT 1") == 1

    def test_two_checkouts_do_not_meet(self, new_site):
        here, there = new_site(), new_site()
        user, ours = here.hold()
        _, theirs = there.hold()
        ask(ours["database_url"], "CREATE TABLE mine ()")

        assert ask(theirs["database_url"], "SELECT to_regclass('mine')") is None
        here.leave(user)
        assert gone(here)
        assert ask(theirs["database_url"], "SELECT 1") == 1

    def test_configured_services_are_left_to_their_owner(self, site):
        code = "from oms import embedded; print(embedded.ensure())"
        answer = site.run("-c", code, DATABASE_URL="postgresql://elsewhere/oms", REDIS_URL="redis://elsewhere/1")

        assert "postgresql://elsewhere/oms" in answer.stdout
        assert "celery_broker_url='redis://elsewhere/1'" in answer.stdout
        assert not site.var.exists()

    def test_only_what_is_not_configured_starts(self, site):
        code = "from oms import embedded; embedded.ensure(); import os; print(os.environ['DATABASE_URL'])"
        answer = site.run("-c", code, DATABASE_URL="postgresql://elsewhere/oms")

        assert answer.stdout.strip() == "postgresql://elsewhere/oms"
        assert set(site.running()) == {"valkey", "keeper"}

    def test_a_child_process_joins_rather_than_taking_the_addresses_for_configured(self, site):
        code = (
            "import subprocess, sys; from oms import embedded; embedded.ensure(); "
            "subprocess.run([sys.executable, '-c', sys.argv[1]])"
        )
        child = "from oms.embedded import services; services.ensure(); print(services._lease is not None)"

        assert site.run("-c", code, child).stdout.strip() == "True"


class TestLeaving:
    def test_last_one_out_stops_everything(self, site):
        first, _ = site.hold()
        second, found = site.hold()

        site.leave(first)
        time.sleep(4)  # longer than the keeper lingers
        assert ask(found["database_url"], "SELECT 1") == 1

        os.kill(second.pid, signal.SIGKILL)
        assert gone(site)

    def test_deleted_folder_takes_its_services_along(self, site):
        site.hold()
        pids = site.running()
        assert set(pids) == {"postgres", "valkey", "keeper"}

        shutil.rmtree(site.var)

        assert processes.wait_until(lambda: not any(map(processes.command_line, pids.values())), seconds=15)

    def test_stop_is_at_once_and_for_all(self, site):
        site.hold()

        site.run("-m", "oms.embedded", "stop")

        assert not site.running()


class TestRecovery:
    def test_after_kill_of_everything_the_next_start_has_the_data(self, site):
        _, found = site.hold()
        ask(found["database_url"], "CREATE TABLE kept AS SELECT 7 AS n")
        redis.Redis.from_url(found["redis_url"]).set("kept", "yes")
        time.sleep(1.2)  # appendfsync everysec
        site.kill_everything()

        _, found = site.hold()

        assert ask(found["database_url"], "SELECT n FROM kept") == 7
        assert redis.Redis.from_url(found["redis_url"]).get("kept") == b"yes"

    def test_pid_file_that_names_somebody_else_is_not_believed(self, site):
        site.hold()
        site.kill_everything()
        home = site.home
        owner = (home / "postgres").stat().st_uid
        other = subprocess.Popen(["sleep", "60"], user=owner if AS_ROOT else None)  # noqa: S607
        for path in (home / "postgres/postmaster.pid", home / "valkey/valkey.pid"):
            _, _, rest = path.read_text().partition("\n")
            path.write_text(f"{other.pid}\n{rest}")

        _, found = site.hold()

        assert ask(found["database_url"], "SELECT 1") == 1
        assert other.poll() is None
        other.kill()
        other.wait()

    def test_half_made_cluster_is_made_again(self, site):
        (site.var / "postgres.new/base").mkdir(parents=True)
        (site.var / "postgres.new/PG_VERSION").write_text("18\n")

        _, found = site.hold()

        assert ask(found["database_url"], "SELECT 1") == 1
        assert not (site.var / "postgres.new").exists()

    def test_damaged_doorbell_starts_empty_and_the_damage_is_kept(self, site):
        site.hold()
        site.kill_everything()
        manifest = next((site.home / "valkey/appendonlydir").glob("*.manifest"))
        manifest.write_text("nonsense\n")

        _, found = site.hold()

        assert redis.Redis.from_url(found["redis_url"]).ping()
        assert list(site.home.glob("valkey.damaged-*"))

    def test_keeper_brings_back_what_dies_while_it_is_used(self, site):
        _, found = site.hold()
        before = site.running()
        os.kill(before["postgres"], signal.SIGKILL)
        os.kill(before["valkey"], signal.SIGKILL)

        back = {"postgres", "valkey"}
        assert processes.wait_until(lambda: back <= set(site.running()), seconds=20, every=0.2)
        assert processes.wait_until(lambda: answers(found), seconds=10, every=0.2)
        assert all(site.running()[name] != before[name] for name in back)

    def test_outage_lasts_as_long_as_a_test_wants_it(self, site):
        code = """
import time
from oms import embedded
embedded.ensure()
with embedded.outage():
    embedded.kill_valkey()
    embedded.kill_postgres()
    time.sleep(2)
    from oms.embedded import place, postgres, valkey
    here = place.Place.current()
    print(postgres.is_up(here), valkey.is_up(here))
embedded.ensure()
print(postgres.is_up(here), valkey.is_up(here))
"""
        assert site.run("-c", code).stdout.split() == ["False", "False", "True", "True"]


def answers(found: dict[str, str]) -> bool:
    try:
        return ask(found["database_url"], "SELECT 1") == 1 and redis.Redis.from_url(found["redis_url"]).ping()
    except (psycopg2.OperationalError, redis.ConnectionError):
        return False


class TestWhoAndWhere:
    @pytest.mark.skipif(not AS_ROOT, reason="only root has to become somebody else")
    def test_root_behind_a_closed_folder_keeps_the_data_elsewhere_and_opens_nothing(self, new_site):
        site = new_site(mode=0o700)
        _, found = site.hold()

        assert site.home.parent == Path("/var/tmp")  # noqa: S108
        assert ask(found["database_url"], "SELECT 1") == 1
        assert stat.S_IMODE(site.var.parent.parent.stat().st_mode) == 0o700
        home = site.home
        site.run("-m", "oms.embedded", "delete")
        assert not home.exists()

    @pytest.mark.skipif(not AS_ROOT, reason="needs root to become somebody else")
    def test_somebody_without_rights(self, new_site):
        site = new_site(mode=0o777)
        site.python = python_for(NOBODY)
        _, found = site.hold()

        assert (site.var / "postgres").stat().st_uid == NOBODY
        code = f"import psycopg2; psycopg2.connect({found['database_url']!r}); print('in')"
        assert site.run("-c", code).stdout.strip() == "in"

    def test_deep_folder(self, new_site):
        site = new_site(within="/".join(["d" * 40] * 3))
        _, found = site.hold()

        assert ask(found["database_url"], "SELECT 1") == 1
        assert redis.Redis.from_url(found["redis_url"]).ping()


def python_for(uid: int) -> list[str]:
    """A Python this user may execute, with our packages; setpriv becomes the user."""
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    packages = [path for path in sys.path if path.endswith("site-packages")]
    for python in (sys.executable, "/usr/bin/python3.11", "/usr/bin/python3"):
        command = [*become, "env", f"PYTHONPATH={':'.join(packages)}", "PYTHONDONTWRITEBYTECODE=1", python]
        try:
            tried = subprocess.run(
                [*command, "-c", "import oms.embedded, psycopg2"], cwd=PROJECT, capture_output=True, check=False
            )
        except FileNotFoundError:
            continue
        if tried.returncode == 0:
            return command
    pytest.skip("no Python here that an unprivileged user can run with our packages")


class TestManage:
    def test_looking_at_the_code_starts_nothing(self, site):
        assert site.run("manage.py", "check").returncode == 0
        assert site.run("manage.py", "migrate", "--help").returncode == 0
        assert not site.running()

    def test_whatever_needs_the_database_gets_it(self, site):
        answer = site.run(
            "manage.py",
            "shell",
            "-v",
            "0",
            "-c",
            "from django.db import connection as c; c.ensure_connection(); print(c.vendor)",
        )

        assert "postgresql" in answer.stdout
