"""The ingest bench, cut short: that it measures and cleans up after itself, not how fast this machine is."""

import json
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from typer import Typer
from typer.testing import CliRunner

from linli.cli.bench import bench
from linli.cli.benches import influxd, ingest, lanes
from linli.cli.benches.helper import Helper
from linli.errors import LinliError
from linli.settings import load_settings
from tests.support import need

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of what --quick does."""
    monkeypatch.setattr(ingest, "QUICK_SINGLE", replace(ingest.QUICK_SINGLE, messages=12_000, paced=6_000, rate=6_000))
    monkeypatch.setattr(ingest, "QUICK_PACKED", replace(ingest.QUICK_PACKED, messages=3_000))
    monkeypatch.setattr(ingest, "QUICK_EVENTS", 1_000)
    monkeypatch.setattr(ingest, "QUICK_PIPELINE", 200)


@pytest.mark.usefixtures("short")
def test_everything_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    """All metrics are numbers above 0 under the design's names; each process has its cost; nothing was lost; no process and
    no file is left."""
    need("influxd")
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    file = tmp_path / "ingest.json"
    app = Typer()
    app.command()(bench)
    answer = CliRunner().invoke(app, ["ingest", "--quick", "--json", str(file)])
    assert answer.exit_code == 0, answer.output
    written = json.loads(file.read_text())
    assert written["bench"] == "ingest"
    assert [*written["metrics"]] == [name for name in ingest.METRICS if name != "growth_ratio"]
    assert [name for name, value in written["metrics"].items() if not (isinstance(value, float) and value > 0)] == []
    assert {"broker", "generator", "ingest", "rules"} == set(written["costs"]["single_paced"])
    assert {"broker", "generator", "ingest", "influxd"} == set(written["costs"]["packed_influx_full"])
    assert {"agent", "broker", "consumers"} == set(written["costs"]["agent_drain"])
    assert "growth_ratio takes a minute" in answer.output
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert not list(Path(written["folder"]).glob("linli-bench-*"))


def test_growth_is_the_worse_of_packed_and_single(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost with many devices over that with few, of the same number of readings; both files are told with their size."""
    for name, value in {
        "FEW": 10,
        "MANY": 300,
        "GROWTH_ROWS": 3_000,
        "GROWTH_PACKED": 3_000,
        "GROWTH_SINGLE": 300,
    }.items():
        monkeypatch.setattr(ingest, name, value)
    report = ingest.Report()
    ingest.growth(report, load_settings(), tmp_path, quick=False)
    few, many = report.costs["growth_10_devices"], report.costs["growth_300_devices"]
    ratios = [many[kind]["cpu_s_per_million"] / few[kind]["cpu_s_per_million"] for kind in ("packed", "single")]
    assert report.metrics == {"growth_ratio": max(ratios)}
    assert few["packed"]["file_mb"] > 0
    assert "3,000 rows were in the file" in report.notes[0].en


@pytest.mark.usefixtures("short")
def test_what_is_not_in_the_store_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What everybody acknowledged and the store does not have counts as lost: then the rates mean nothing."""
    counted = lanes.rows
    monkeypatch.setattr(lanes, "rows", lambda settings, influx: counted(settings, influx) - 5)
    outcome = lanes.run(load_settings(), replace(ingest.QUICK_PACKED, messages=100), tmp_path)
    assert outcome.lost == 5


def test_without_influxdb_it_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number is better than one of another store; what to install is said."""
    monkeypatch.setattr(influxd, "find", lambda: None)
    report = ingest.Report()
    ingest.packed_influx(report, load_settings(), tmp_path, quick=True)
    assert report.metrics == {}
    assert "apt install influxdb" in report.notes[0].en


def test_a_helper_that_fails_says_why(tmp_path: Path) -> None:
    """The bench ends with the last line of what went wrong, not with half a measurement."""
    helper = Helper("linli.cli.benches.generator", {"gateways": 1}, tmp_path / "log")
    try:
        with pytest.raises(LinliError, match="generator failed: KeyError: 'devices'"):
            helper.until("ready")
    finally:
        helper.stop()
