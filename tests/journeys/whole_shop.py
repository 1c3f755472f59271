"""Every process of the product on services of its own, beside simulated marketplaces: for stories in which they die.

`python -m tests.journeys.whole_shop URL URL` fills an empty database and prints the key of a web shop.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.marketplaces import AmazonMarketplace, EbayMarketplace, Marketplace
from oms.embedded import place, postgres, processes, stack, valkey

PROJECT = Path(__file__).resolve().parents[2]
SKUS = [f"GIFT-{number:02}" for number in range(1, 7)]
UNITS = 500  # of each


@dataclass
class Shop:
    url: str
    key: str
    markets: list[Marketplace]
    place: place.Place
    environment: dict[str, str]

    def kill(self, what: str) -> None:
        """kill -9 of a service, or of every process whose command line has `what` in it."""
        if what in ("postgres", "valkey"):
            pids = [{"postgres": postgres, "valkey": valkey}[what].pid(self.place)]
        else:
            pids = [pid for pid, command in self.processes() if what in command]
        assert any(pids), f"no process of {what} was running"
        for pid in filter(None, pids):
            os.kill(pid, signal.SIGKILL)

    def processes(self) -> Iterator[tuple[int, str]]:
        """(pid, command line) of what belongs to this shop, known by the folder in its environment."""
        mark = f"OMS_VAR={self.place.var}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                ours = mark in (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if ours and int(folder.name) != os.getpid():
                yield int(folder.name), processes.command_line(int(folder.name))

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=PROJECT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def post(self, path: str, body: dict[str, Any], key: str) -> int:
        """The status of the answer, 0 when none came."""
        request = urllib.request.Request(self.url + path, data=json.dumps(body).encode(), method="POST")
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        request.add_header("Idempotency-Key", key)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
        except OSError:
            return 0


@contextmanager
def running(var: Path) -> Iterator[Shop]:
    ebay, amazon = EbayMarketplace(), AmazonMarketplace(settle=0)
    port = stack.free_port()
    with ebay.serve() as ebay_side, amazon.serve() as amazon_side:
        sides = (ebay_side, amazon_side)
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("OMS_", "DATABASE_", "REDIS_", "CELERY_"))
        }
        environment = {
            **inherited, "OMS_VAR": str(var), "DJANGO_SETTINGS_MODULE": "oms.settings.development", "OMS_DEBUG": "0",
            "OMS_ALLOWED_PRIVATE_HOSTS": ",".join(f"127.0.0.1:{side.port}" for side in sides),
        }  # fmt: skip
        for market in (ebay, amazon):
            for sku in SKUS:
                market.list(sku, quantity=UNITS, price="10.00", currency="USD")
        with (var.parent / "shop.log").open("w") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "manage.py", "stack", "--address", f"127.0.0.1:{port}"],
                cwd=PROJECT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            shop = Shop(f"http://127.0.0.1:{port}", "", [ebay, amazon], place.Place(var), environment)
            up = processes.wait_until(
                lambda: _answers(shop.url) or supervisor.poll() is not None, seconds=120, every=0.5
            )
            assert up, "the product did not start; see shop.log beside its folder"
            assert supervisor.poll() is None, "the product ended; see shop.log beside its folder"
            filled = subprocess.run(
                [sys.executable, "-m", "tests.journeys.whole_shop", *(side.url for side in sides)],
                cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert filled.returncode == 0, filled.stderr
            shop.key = filled.stdout.split()[-1]
            yield shop
        finally:
            supervisor.terminate()
            supervisor.wait(60)
            subprocess.run([sys.executable, "-m", "oms.embedded", "delete"], cwd=PROJECT, env=environment, check=False)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def fill(ebay_url: str, amazon_url: str) -> None:
    from tests import factories  # noqa: PLC0415  # needs Django set up, which only the process of `fill` has

    factories.channel("web")
    warehouse = factories.location("WH-EAST")
    accounts = [
        factories.account(
            kind,
            settings={
                "api": url, "auth": url, "settle": "0", "seller_id": "A2DEMOSELLER", "marketplace_id": marketplace,
            },
        )
        for kind, url, marketplace in (("ebay", ebay_url, "EBAY_US"), ("amazon", amazon_url, "A1F83G8C2ARO7P"))
    ]  # fmt: skip
    for sku in SKUS:
        variant = factories.variant(sku, title=f"Gift {sku}")
        factories.stock(variant, UNITS, warehouse)
        for account in accounts:
            factories.listing(account, variant, product_type="HOME", told=UNITS)
    factories.staff("supervisor", username="maya", first_name="Maya", last_name="Okafor")
    _, key = factories.api_client(name="web-shop")
    sys.stdout.write(f"{key}\n")


if __name__ == "__main__":
    import django

    from oms import embedded

    embedded.ensure()
    django.setup()
    fill(*sys.argv[1:3])
