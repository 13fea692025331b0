"""`linli database copy`, as somebody at the terminal has it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from linli.cli.app import app
from linli.cli.lock import FolderLock
from linli.cli.stack import prepare
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.workers import WorkerReport, report
from linli.i18n import Text
from linli.settings import load_settings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data"
    prepare(load_settings(data=folder))
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of the test's own."""
    import shutil

    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def source(data: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{data / 'linli.db'}")
    yield opened
    opened.close()


def run(data: Path, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["database", "copy", "--data", str(data), *words])
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def test_it_is_copied_compared_and_said_what_to_set(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There and back: with the former file moved away, `sqlite` is the data folder's own again. What lies there is its owner's."""
    there = tmp_path / "there.db"
    CliRunner().invoke(app, ["audit", "list", "--data", str(data)])  # whoever writes begins the head outside
    said = run(data, "--to", f"sqlite:///{there}")
    assert f"LINLI_DATABASE_URL=sqlite:///{there}" in said
    assert "as it was" in said
    assert there.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("LINLI_DATABASE_URL", f"sqlite:///{there}")
    assert "not empty" in run(data, "--to", "sqlite", status=2)
    for part in data.glob("linli.db*"):
        part.rename(tmp_path / f"former-{part.name}")
    found = json.loads(run(data, "--to", "sqlite", "--json"))
    assert found["rows"] == sum(table["rows"] for table in found["tables"]) > 0
    monkeypatch.delenv("LINLI_DATABASE_URL")
    verified = CliRunner().invoke(app, ["audit", "verify", "--data", str(data)])
    assert verified.exit_code == 0, verified.output
    listed = CliRunner().invoke(app, ["audit", "list", "--verb", "database.", "--json", "--data", str(data)])
    assert [entry["verb"] for entry in json.loads(listed.stdout)] == ["database.copied"] * 2


def test_the_same_in_chinese(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    assert "逐表核对无误" in run(data, "--to", f"sqlite:///{tmp_path / 'there.db'}")


def test_a_password_on_the_command_line_is_refused(data: Path) -> None:
    """The list of processes shows it to everybody; and it is not told again."""
    said = run(data, "--to", "postgresql+psycopg://linli:geheim@db.example/linli", status=2)
    assert "PGPASSWORD" in said
    assert "geheim" not in said


def test_a_linli_that_runs_is_not_copied(data: Path, tmp_path: Path, source: Database) -> None:
    """In the foreground, by its lock; as services, by what they say; nothing is made then."""
    target = tmp_path / "there.db"
    lock = FolderLock(DataFolder(data).run)
    lock.take()
    assert "in use by another Linli" in run(data, "--to", f"sqlite:///{target}", status=2)
    lock.release()
    now = SystemClock().now()
    report(source, WorkerReport("ingest", 1, now, now, "ok", Text("", ""), {}))
    assert "Linli runs (ingest)" in run(data, "--to", f"sqlite:///{target}", status=2)
    assert not target.exists()
    report(source, WorkerReport("ingest", 1, now, now, "stopped", Text("", ""), {}))
    run(data, "--to", f"sqlite:///{target}")


def test_what_cannot_be_meant_is_told(data: Path, source: Database) -> None:
    """The database itself, something that is no address, a server that is not there."""
    assert "in use now" in run(data, "--to", "sqlite", status=2)
    assert "not an SQLAlchemy URL" in run(data, "--to", "nowhere", status=2)
    with source.read() as connection:
        before = connection.execute(select(func.count()).select_from(schema.audit_entries)).scalar()
    said = run(data, "--to", "postgresql+psycopg://linli@127.0.0.1:1/linli", status=2)
    assert "the copy to postgresql+psycopg://linli@127.0.0.1:1/linli is not made" in said
    with source.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.audit_entries)).scalar() == before
