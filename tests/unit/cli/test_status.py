"""`linli status`: it looks at the Linli that runs on the folder, whatever this shell's own settings are."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.cli.lock import FolderLock
from linli.cli.stack import prepare
from linli.cli.status import say_status
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.workers import WorkerReport, report
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
    assert f"reachable at 127.0.0.1:{listener}" in said
    assert "http://127.0.0.1:9999" in said
    assert str(settings.broker_endpoint[1]) not in said


def test_without_one_the_settings_say_where(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing runs: the broker is looked for where the settings have it, and the status is not well."""
    assert say_status(settings) == 1
    said = capsys.readouterr().out
    assert f"not reachable at 127.0.0.1:{settings.broker_endpoint[1]}" in said
    assert "linli up" in said


def test_a_process_that_is_gone_is_not_called_ok(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """Its last report may be seconds old; its pid says more."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    database = open_database(settings.app_database_url)
    now = settings.clock().now()
    report(database, WorkerReport("rules", ended.pid, now, now, "ok", WELL, {}))
    database.close()
    assert say_status(settings) == 1
    said = capsys.readouterr().out
    assert f"rules: its process {ended.pid} is gone" in said
