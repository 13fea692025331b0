"""The form of `linli bench`, without measuring anything."""

import json
from importlib import import_module

import pytest
from typer import Typer
from typer.testing import CliRunner

from linli.cli.bench import BENCHES, bench
from linli.cli.benches.measured import commit, document, percentile

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
    assert "latency, all" in answer.output


def test_document_has_the_designs_form() -> None:
    """bench, commit, machine, metrics; all of it JSON."""
    written = json.loads(json.dumps(document("latency", {"device_to_page_p99_s": 0.5})))
    assert set(written) == {"bench", "commit", "machine", "metrics"}
    assert written["commit"] == commit()
    assert written["machine"]["cores"] >= 1


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (50, 50.0), (99, 99.0), (100, 100.0), (98.5, 99.0)])
def test_percentile_is_nearest_rank(percent: float, value: float) -> None:
    """Of 1 to 100 the p-th percentile is p: never a value that was not measured."""
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == value


def test_percentile_of_one() -> None:
    """One value is every percentile."""
    assert percentile([0.25], 99) == 0.25
