"""manage.py traffic: buyers on every channel and hands on the floor, beside a stack that runs."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from demo import state, traffic
from demo.loading import staff
from demo.shops import Shop
from demo.simulators import Simulator
from demo.world import buyers

PACE = 30.0  # purchases a minute


class Command(BaseCommand):
    help = "Keep buying through web shop, tills and the simulated marketplaces, send and restock, until SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--web", required=True, help="URL of the order desk")
        parser.add_argument("--ebay", required=True, help="URL of the simulated eBay")
        parser.add_argument("--amazon", required=True, help="URL of the simulated Amazon")
        parser.add_argument("--pace", type=float, default=PACE, help="purchases a minute, all channels together")

    def handle(self, *args: Any, web: str, ebay: str, amazon: str, pace: float, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        keys = staff.keys(staff.Secrets(state.secrets_file()))
        traffic.run(
            shops={channel: Shop(channel, web, key) for channel, key in keys.items()},
            simulators={kind: Simulator(kind, url) for kind, url in ((buyers.EBAY, ebay), (buyers.AMAZON, amazon))},
            pace=pace,
            stop=stop,
        )
