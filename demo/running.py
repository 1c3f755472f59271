"""Every process of the playground: simulated marketplaces, the product itself, and the people around it."""

import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from demo import state
from demo.loading import offers, staff
from demo.loading.staff import Login
from demo.loading.steps import Steps
from demo.simulators import Simulator
from demo.world import buyers
from oms.embedded.stack import Stack, free_port
from oms.management.commands import stack

PATIENCE = 90.0  # seconds until the first page on a machine that is busy elsewhere
PORT = 8000


class DidNotStart(Exception):
    """A process does not come up; the message names the log that says why."""


@dataclass(frozen=True, slots=True)
class Playground:
    url: str
    simulators: Mapping[str, Simulator]
    logins: Sequence[Login]
    keys: Mapping[str, str]
    stacks: Sequence[Stack]

    def pids(self) -> dict[str, int]:
        return {name: pid for each in self.stacks for name, pid in each.pids().items()}


@contextlib.contextmanager
def running(*, steps: Steps, port: int = 0, pace: float = 0) -> Iterator[Playground]:
    """Start everything on a loaded world and end it with the block. Without a pace nobody buys by themselves."""
    kept = staff.Secrets(state.secrets_file())
    logins, keys = staff.logins(kept), staff.keys(kept)
    simulators = {kind: Simulator(kind, f"http://127.0.0.1:{free_port()}") for kind in (buyers.EBAY, buyers.AMAZON)}
    url = f"http://127.0.0.1:{port or (PORT if _is_free(PORT) else free_port())}"
    with contextlib.ExitStack() as ending:
        markets = ending.enter_context(Stack({"marketplaces": _marketplaces(simulators)}, logs=state.logs()))
        # People need a while to think, and then wait for the desk to open.
        commands = {"traffic": _traffic(url, simulators, pace)} if pace else {}
        people = ending.enter_context(Stack(commands, env=stack.environment(), logs=state.logs()))
        with steps.step("marketplaces"):
            for simulator in simulators.values():
                _wait(simulator.is_up, "marketplaces")
                offers.connect(simulator)
                offers.open_marketplace(simulator)
        processes = stack.processes(address=urlsplit(url).netloc)
        product = ending.enter_context(Stack(processes, env=_environment(logins, simulators), logs=state.logs()))
        ending.callback(people.__exit__)  # nobody shall stand before closed doors
        with steps.step("first page"):
            _wait(lambda: _answers(url), "web")
        yield Playground(url, simulators, logins, keys, (markets, people, product))


def _marketplaces(simulators: Mapping[str, Simulator]) -> list[str]:
    ports = [part for kind, each in simulators.items() for part in (f"--{kind}-port", each.url.rpartition(":")[2])]
    return [sys.executable, "-m", "demo.marketplaces", *ports, "--country", "US", "--state", str(state.marketplaces())]


def _traffic(url: str, simulators: Mapping[str, Simulator], pace: float) -> list[str]:
    sides = [part for kind, each in simulators.items() for part in (f"--{kind}", each.url)]
    return [*stack.AS_WORKER, sys.executable, "manage.py", "traffic", "--web", url, *sides, "--pace", str(pace)]


def _environment(logins: Sequence[Login], simulators: Mapping[str, Simulator]) -> dict[str, str]:
    return {
        **stack.environment(),
        "OMS_DEMO": "1",
        "OMS_DEMO_LOGINS": json.dumps([(each.role, each.username, each.password, each.sees) for each in logins]),
        "OMS_ALLOWED_PRIVATE_HOSTS": ",".join(urlsplit(each.url).netloc for each in simulators.values()),
    }


def _answers(url: str) -> bool:
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        return urllib3.request("GET", f"{url}/healthz", timeout=2, retries=False).status == 200
    return False


def _wait(is_up: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_up():
        if time.monotonic() > deadline:
            raise DidNotStart(f"{name} does not come up; see {state.logs() / name}.log")
        time.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the web server does it
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
