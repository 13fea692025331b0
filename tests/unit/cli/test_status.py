"""`linli status`: it looks at the Linli that runs on the folder, whatever this shell's own settings are."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.app import app
from linli.cli.lock import FolderLock, Runs
from linli.cli.stack import prepare
from linli.cli.status.command import say_status
from linli.cli.status.lookround import look_round
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.workers import WorkerReport, report
from linli.errors import DataFolderError
from linli.runtime import WELL
from linli.settings import Settings, load_settings
from tests.support import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(data=tmp_path / "data", broker_port=free_port(), language="en")
    prepare(made)
    return made


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of something that accepts connections, as a broker does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


def test_broker_is_looked_for_where_the_running_linli_has_it(
    settings: Settings, listener: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was started with another port than this shell would choose: that one counts."""
    lock = FolderLock(DataFolder(settings.data).run)
    lock.take("http://127.0.0.1:9999", ("127.0.0.1", listener))
    try:
        say_status(settings)
    finally:
        lock.release()
    said = capsys.readouterr().out
    assert f"reachable   127.0.0.1:{listener}" in said
    assert "http://127.0.0.1:9999" in said
    assert str(settings.broker_endpoint[1]) not in said


def test_the_settings_of_the_linli_that_runs_count(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Its store is InfluxDB, it has no simulator: a shell that knows of neither says so, and blames nothing for it."""
    (settings.data / "readings.db").unlink()
    lock = FolderLock(DataFolder(settings.data).run)
    lock.take("http://x", settings.broker_endpoint, Runs("http://db.example:8086", 1, False))
    try:
        say_status(settings)
        said = " ".join(capsys.readouterr().out.split())
        seen = look_round(settings)
    finally:
        lock.release()
    assert "not asked InfluxDB, http://db.example:8086" in said
    assert "This shell has other settings than the Linli that runs" in said
    assert "backup" not in said and "readings.db is not there" not in said
    assert "simulator" not in seen.expected and seen.store.trouble is None


def test_readings_are_looked_for_in_the_file_if_the_running_linli_keeps_them_there(settings: Settings) -> None:
    """Though this shell names an InfluxDB."""
    lock = FolderLock(DataFolder(settings.data).run)
    lock.take("http://x", settings.broker_endpoint, Runs(None, 1, True))
    try:
        seen = look_round(settings.model_copy(update={"influx_url": "http://127.0.0.1:9", "shards": 2}))
    finally:
        lock.release()
    assert seen.store.local and seen.store.trouble is None
    assert len(seen.differs) == 2
    assert "simulator" in seen.expected


def test_without_one_the_settings_say_where(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing runs: the broker is looked for where the settings have it, and the status is not well."""
    assert say_status(settings) == 1
    said = capsys.readouterr().out
    assert f"NOT REACHED 127.0.0.1:{settings.broker_endpoint[1]}" in said
    assert "linli up" in said


def test_a_process_that_is_gone_is_not_called_ok(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last report may be seconds old; its pid says more."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    database = open_database(settings.app_database_url)
    now = settings.clock().now()
    report(database, WorkerReport("rules", ended.pid, now, now, "ok", WELL, {}))
    report(database, WorkerReport("ingest", os.getpid(), now, now, "ok", WELL, {}))
    database.close()
    assert say_status(settings) == 1
    said = capsys.readouterr().out
    assert f"rules is gone (its process {ended.pid} has ended): no alert goes out" in said


def _lock(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def _set_revision(file: Path, revision: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def _spoil(file: Path) -> None:
    for each in (file, file.with_name(file.name + "-wal")):
        each.write_bytes(b"no database" * 500)


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "database missing": (lambda data: (data / "linli.db").unlink(), "linli.db is not there"),
    "database damaged": (lambda data: _spoil(data / "linli.db"), "file is not a database"),
    "database locked": (lambda data: _lock(data / "linli.db"), "database is locked"),
    "database newer": (lambda data: _set_revision(data / "linli.db", "9999"), "by a newer Linli (9999)"),
    "database older": (lambda data: _set_revision(data / "linli.db", "0001"), "by an older Linli (0001)"),
    "readings missing": (lambda data: (data / "readings.db").unlink(), "readings.db is not there"),
    "readings damaged": (lambda data: _spoil(data / "readings.db"), "readings.db: file is not a database"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_what_is_broken_is_told_and_hides_nothing_else(
    name: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback: the part is named with its reason, and the rest is shown as it is."""
    act, words = BREAKAGES[name]
    kept = act(settings.data)
    assert say_status(settings) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert words in said
    assert "disk free" in said
    assert say_status(settings, as_json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["well"] is False
    assert document["troubles"][0]["what"].keys() == {"zh", "en"}
    if isinstance(kept, sqlite3.Connection):
        kept.close()


def test_a_fresh_database_is_of_this_version(settings: Settings) -> None:
    """What the migrations make is what status takes for right: the newest revision is that of the highest number."""
    assert look_round(settings).database is None


def test_a_folder_without_anything_is_an_error(tmp_path: Path) -> None:
    """There is nothing whose status could be told; nothing is made either."""
    with pytest.raises(DataFolderError, match="run linli up first"):
        say_status(load_settings(data=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_the_command_prints_json_and_its_exit_status(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """For whoever watches it by a program."""
    monkeypatch.setenv("LINLI_BROKER_PORT", str(free_port()))
    result = CliRunner().invoke(app, ["status", "--data", str(settings.data), "--json"])
    assert result.exit_code == 1
    document = json.loads(result.output)
    assert document["broker"]["reachable"] is False
    assert document["store"]["trouble"] is None
    assert {gateway["id"] for gateway in document["gateways"]}


def test_a_gateway_that_is_not_there_is_an_error_of_reconcile(settings: Settings) -> None:
    """A slip of the pen is no all-clear; one that is registered and has no counts yet has a sentence of its own."""
    (first, *_) = [gateway.id for gateway in look_round(settings).gateways]
    wrong = CliRunner().invoke(app, ["reconcile", "--data", str(settings.data), "--gateway", f"{first}0"])
    assert wrong.exit_code == 2
    assert first in wrong.output and ("did you mean" in wrong.output or "是不是" in wrong.output)
    right = CliRunner().invoke(app, ["reconcile", "--data", str(settings.data), "--gateway", first])
    assert right.exit_code == 0
    assert "is registered, and nothing was counted" in right.output or "已登记" in right.output


def test_it_writes_plain_text_where_there_is_no_terminal(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """No colours in a file or a mail."""
    say_status(settings)
    assert "\x1b" not in capsys.readouterr().out
