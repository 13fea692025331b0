"""A backup of an installation whose readings are in InfluxDB: 1.x by its own tool, the others said to be left out."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.adapters.store import build_store
from linli.cli.app import app
from linli.cli.stack import prepare
from linli.clock import SECOND
from linli.model import Reading
from linli.ports import ReadingStore
from linli.settings import load_settings
from tests.contract import influxd
from tests.contract.test_store import BULK, T0, URGENT, event, packet

pytestmark = pytest.mark.integration


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that is prepared; no setting from outside."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("LINLI_INFLUX_URL", "http://127.0.0.1:1")
    for name in ("RAW", "EVENTS"):
        monkeypatch.setenv(f"LINLI_RETENTION_{name}_DAYS", "0")
    prepare(load_settings(data=tmp_path / "data"))
    return tmp_path / "data"


def run(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """Two InfluxDB 1.x: where each is asked, and where it takes backups."""
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with influxd.running(tmp_path / "one") as one, influxd.running(tmp_path / "two") as two:
        for url, name in ((one, "one"), (two, "two")):
            rpc = re.search(r'bind-address = "(.+)"', (tmp_path / name / "influxdb.conf").read_text())
            assert rpc is not None
            found.append((url, rpc[1]))
        yield found


def seen(store: ReadingStore) -> tuple[object, ...]:
    return store.latest("c001"), store.positions(), store.events("c001", T0 - SECOND, T0 + SECOND)


def test_influxdb_1_comes_back(
    data: Path, tmp_path: Path, servers: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readings, events and positions, in another server."""
    (one, one_rpc), (two, two_rpc) = servers
    monkeypatch.setenv("LINLI_INFLUX_URL", one)
    store = build_store(load_settings(data=data))
    store.write([packet(1, Reading("t-1", "temperature", T0, 20.5, "Cel")), event(2)], {BULK: 1, URGENT: 2})
    before = seen(store)
    assert all(before)
    store.close()
    said = json.loads(run("backup", "--data", str(data), "--influx-rpc", one_rpc, "--json"))
    assert said["readings"] == {"kind": "influx1", "revision": None, "included": True}
    assert "sound" in run("backup", "verify", said["file"])

    monkeypatch.delenv("LINLI_INFLUX_URL")
    refused = run("restore", said["file"], "--data", str(tmp_path / "new"), status=2)
    assert "let LINLI_INFLUX_URL name one" in refused
    monkeypatch.setenv("LINLI_INFLUX_URL", two)
    run("restore", said["file"], "--data", str(tmp_path / "new"), "--influx-rpc", two_rpc)
    store = build_store(load_settings(data=tmp_path / "new"))
    assert seen(store) == before
    store.close()

    again = run("restore", said["file"], "--data", str(tmp_path / "third"), "--influx-rpc", two_rpc, status=2)
    assert "DROP DATABASE" in again
    assert not (tmp_path / "third").exists()


def test_where_influxd_does_not_take_backups(
    data: Path, servers: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how to name the place, and how to go on without."""
    monkeypatch.setenv("LINLI_INFLUX_URL", servers[0][0])
    said = run("backup", "--data", str(data), "--influx-rpc", "127.0.0.1:1", status=2)
    assert "--influx-rpc" in said and "--without-readings" in said
    monkeypatch.setenv("PATH", "/nowhere")
    assert "install InfluxDB 1.x" in run("backup", "--data", str(data), status=2)
    monkeypatch.setenv("LINLI_INFLUX_URL", "http://127.0.0.1:1")
    assert "127.0.0.1:1" in run("backup", "--data", str(data), status=2)


@pytest.mark.parametrize("kind", ["influx2", "influx3"])
def test_what_cannot_be_copied_is_not_passed_over(data: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Only who says so gets a backup without readings, and the backup says it too."""
    monkeypatch.setenv("LINLI_INFLUX_KIND", kind)
    said = run("backup", "--data", str(data), status=2)
    assert kind in said and "--without-readings" in said
    document = json.loads(run("backup", "--data", str(data), "--without-readings", "--json"))
    assert document["readings"]["included"] is False
    assert "readings and events: not in it" in run("backup", "verify", document["file"])
