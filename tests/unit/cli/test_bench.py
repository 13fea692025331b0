"""The form of `linli bench`, without measuring anything."""

import json
import re
import subprocess
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from typer import Typer
from typer.testing import CliRunner

from linli.cli.bench import BENCHES, bench
from linli.cli.benches import ingest, latency, rules
from linli.cli.benches.measured import Measured, commit, document, percentile
from linli.settings import Settings

app = Typer()
app.command()(bench)


def test_every_bench_is_there() -> None:
    """Each listed name has a module with `measure`."""
    for name in BENCHES:
        assert callable(import_module(f"linli.cli.benches.{name}").measure)


def test_unknown_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong name is answered with the known ones."""
    monkeypatch.setenv("COLUMNS", "200")
    answer = CliRunner().invoke(app, ["speed"])
    assert answer.exit_code == 2
    assert "latency, ingest, api, registry, rules, all" in answer.output


def test_document_has_the_designs_form() -> None:
    """bench, commit, machine, metrics, and who watched; all of it JSON."""
    measured = Measured({"device_to_page_p99_s": 0.5}, setting={"page": "chromium"})
    written = json.loads(json.dumps(document("latency", measured)))
    assert set(written) == {"bench", "commit", "machine", "page", "metrics"}
    assert (written["page"], written["metrics"]) == ("chromium", {"device_to_page_p99_s": 0.5})
    assert written["commit"] == commit()
    assert written["machine"]["cores"] >= 1


@pytest.mark.parametrize(("lost", "status"), [(0, 0), (2, 1)])
def test_a_bench_that_lost_something_fails(
    lost: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What never arrived must not pass as a latency: the file is written all the same, for whoever looks into it."""

    def measure(_settings: Settings, _quick: bool) -> Measured:
        return Measured({"missing": float(lost)}, lost=lost)

    monkeypatch.setattr(latency, "measure", measure)
    file = tmp_path / "latency.json"
    answer = CliRunner().invoke(app, ["latency", "--json", str(file)])
    assert answer.exit_code == status, answer.output
    assert json.loads(file.read_text())["metrics"] == {"missing": lost}


def test_make_bench_brings_what_the_page_needs() -> None:
    """Playwright comes with the tools of `make dev`: without them a fresh clone would measure the stream."""
    plan = subprocess.run(
        ["make", "-n", "-B", "bench"], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert "--group dev" in plan.stdout


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (50, 50.0), (99, 99.0), (100, 100.0), (98.5, 99.0)])
def test_percentile_is_nearest_rank(percent: float, value: float) -> None:
    """Of 1 to 100 the p-th percentile is p: never a value that was not measured."""
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == value


def test_percentile_of_one() -> None:
    """One value is every percentile."""
    assert percentile([0.25], 99) == 0.25


@pytest.mark.parametrize("bench", [ingest, rules], ids=["ingest", "rules"])
@pytest.mark.parametrize("page", ["benchmarks.md", "benchmarks.zh-CN.md"])
def test_every_metric_is_on_the_page(page: str, bench: ModuleType) -> None:
    """With what it means, and no other beside them."""
    text = (Path(__file__).parents[3] / "docs" / page).read_text("utf-8")
    table = text.split(f"\n## {bench.__name__.rpartition('.')[2]}")[1].split("\n##")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(bench.METRICS)
