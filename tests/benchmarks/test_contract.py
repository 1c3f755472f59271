"""Every bench runs, small, and says what it found as the contract wants it. How fast it is proves nothing here."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from oms import embedded
from tests.benchmarks.registry import BENCHES

PROJECT = Path(__file__).resolve().parents[2]
SMALL = ["--n", "4", "--rows", "60", "--seconds", "1", "--clients", "2"]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    embedded.ensure()
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "oms.settings.development"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> dict[str, list[dict[str, Any]]]:
    done = bench(*SMALL)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: [figure for figure in found if figure["bench"] == name] for name in BENCHES}


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
class TestBench:
    def test_gives_figures(self, figures, name):
        assert figures[name]
        for figure in figures[name]:
            assert figure["n"] > 0
            assert figure["rate"] > 0
            assert figure["errors"] == 0

    def test_measures_itself_against_its_floor(self, figures, name):
        for figure in figures[name]:
            assert figure["floor"]
            assert figure.get("floor_rate", figure.get("floor_p50_ms")) > 0
            assert figure["ratio"] > 0

    def test_names_its_data_by_the_seed(self, figures, name):
        assert {figure["seed"] for figure in figures[name]} == {7}


@pytest.mark.slow
class TestFigures:
    def test_tell_who_came_at_once(self, figures):
        for name in ("orders.place_http", "orders.hot", "orders.import", "stock.hold"):
            assert {figure["clients"] for figure in figures[name]} == {2}

    def test_count_the_same_few_statements_for_an_order_of_any_size(self, figures):
        (fewest,) = {figure["sql"] for figure in figures["orders.place"]}
        assert fewest <= 12
        for figure in figures["orders.place_http"]:
            assert figure["sql"] == figure["sql_50_lines"] <= 12

    def test_say_that_the_last_units_were_sold_once(self, figures):
        for figure in figures["orders.hot"]:
            assert (figure["sold"], figure["oversold"], figure["ghosts"]) == (figure["units"], 0, 0)

    def test_show_the_pages_themselves(self, figures):
        assert {figure["status"] for figure in figures["console.pages"]} == {200}


class TestCommand:
    def test_knows_no_other_bench(self):
        done = bench("orders.guess")

        assert (done.returncode, done.stdout) == (1, "")
        assert "There is no bench orders.guess" in done.stderr
