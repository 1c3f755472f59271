"""`python -m demo.marketplaces`: runs both marketplaces until it is stopped, and says where in one line of JSON."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from demo.marketplaces import amazon, ebay

# country → what eBay and Amazon call their marketplace there
COUNTRIES = {"GB": ("EBAY_GB", "A1F83G8C2ARO7P"), "US": ("EBAY_US", "ATVPDKIKX0DER")}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.marketplaces", description=__doc__)
    parser.add_argument("--ebay-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--amazon-port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--state", type=Path, default=None, help="folder where listings and orders are kept")
    parser.add_argument(
        "--speed-up", type=float, default=None, help="hold the vendors' rates, times this; else no limit"
    )
    parser.add_argument(
        "--settle", type=float, default=0, help="how far back Amazon's upper bound must lie (real: 120)"
    )
    parser.add_argument("--country", choices=COUNTRIES, default="GB")
    parser.add_argument("--token-lifetime", type=int, default=3600)
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    common = {"state": chosen.state, "token_lifetime": chosen.token_lifetime, "speed_up": chosen.speed_up or 1.0}
    limited = chosen.speed_up is not None
    on_ebay, on_amazon = COUNTRIES[chosen.country]
    one = ebay.EbayMarketplace(rates=ebay.VENDOR_RATES if limited else None, marketplace_id=on_ebay, **common)
    other = amazon.AmazonMarketplace(
        rates=amazon.VENDOR_RATES if limited else None, marketplace_id=on_amazon, settle=chosen.settle, **common
    )
    sides = ((one, chosen.ebay_port), (other, chosen.amazon_port))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    running = [(side, side.serve(port)) for side, port in sides]
    sys.stdout.write(json.dumps({side.kind: server.url for side, server in running}) + "\n")
    sys.stdout.flush()
    stop.wait()
    for side, server in running:
        server.stop()
        side.close()


if __name__ == "__main__":
    main()
