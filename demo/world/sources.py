"""The committed files, read as they are. `demo/data` holds them; NOTICE names where each came from."""

import csv
import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent.parent / "data"


def invoice_rows() -> Iterator[list[str]]:
    """Yield number, code, description, quantity, "YYYY-MM-DD HH:MM:SS", price, customer, country of each line."""
    with gzip.open(DATA / "online_retail.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        yield from rows


@cache
def stores() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _json("bestbuy_stores.json.gz")
    return found


@cache
def electronics() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _json("bestbuy_products.json.gz")
    return found


@cache
def addresses() -> tuple[dict[str, str], ...]:
    return tuple(_table("us_addresses.csv.gz"))


@cache
def person_records() -> tuple[dict[str, str], ...]:
    """Both FEBRL sets, with `entity` for who a record is about and `original` for the unspoilt one.

    `entity` is ground truth: it must never reach a screen or a matcher.
    """
    found = []
    for name in ("1", "3"):
        for record in _table(f"febrl_dataset{name}.csv.gz", skipinitialspace=True):
            _, entity, kind, *_ = record["rec_id"].split("-")
            found.append(record | {"entity": f"{name}-{int(entity):04}", "original": "yes" if kind == "org" else ""})
    return tuple(found)


def _json(name: str) -> Any:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return json.load(file)


def _table(name: str, **dialect: Any) -> list[dict[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, **dialect))
