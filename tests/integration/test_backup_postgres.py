"""A backup of an installation on PostgreSQL: dumped while it is written to, restored into an empty database, compared."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner

from linli.cli.app import app
from linli.cli.stack import prepare
from linli.db import migrate, schema
from linli.db.database import open_database
from linli.settings import Settings, load_settings
from rules.durable.journal import Journal
from rules.engine.inputs import Tick
from tests.postgres import PostgresServer

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A data folder that is prepared, with its database on the server."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    with postgres.database(migrated=False) as url:
        monkeypatch.setenv("LINLI_DATABASE_URL", url)
        made = load_settings(data=tmp_path / "data")
        prepare(made)
        journal = Journal(made.data / "rules")
        journal.append([Tick(1), Tick(2)])
        journal.close()
        yield made


def run(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def rows(url: str) -> dict[str, list[str]]:
    """All rows of all tables but the audit log, which has one more on either side: of what was done."""
    database = open_database(url)
    with database.read() as connection:
        found = {
            name: sorted(str(tuple(row)) for row in connection.execute(text(f'SELECT * FROM "{name}"')))
            for name in (*schema.metadata.tables, "alembic_version")
            if not name.startswith("audit_")
        }
    database.close()
    return found


def backup(tmp_path: Path) -> Path:
    run("backup", "--data", str(tmp_path / "data"))
    [archive] = tmp_path.glob("*.tar")
    return archive


def write_all_the_while(url: str, stop: threading.Event) -> None:
    """Letters, numbered without a hole: what is seen of them at one instant has none."""
    database = open_database(url)
    number = 0
    while not stop.wait(0.001):
        number += 1
        with database.write() as connection:
            connection.execute(text("UPDATE rules_positions SET position = position + 1 WHERE shard = '0/1'"))
    database.close()


def test_it_comes_back_in_an_empty_database(
    settings: Settings, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every row, and is one that Linli starts on."""
    assert settings.database_url is not None
    archive = backup(tmp_path)
    assert "sound" in run("backup", "verify", str(archive))
    before = rows(settings.database_url)
    assert before["users"] and before["devices"]
    with postgres.database(migrated=False) as url:
        monkeypatch.setenv("LINLI_DATABASE_URL", url)
        said = run("restore", str(archive), "--data", str(tmp_path / "new"))
        assert rows(url) == before
        toml = (tmp_path / "new" / "restored" / "linli.toml").read_text()
        assert url in toml and settings.database_url not in toml
        assert postgres.password not in said
        assert not (tmp_path / "new" / "linli.db").exists()
        assert prepare(load_settings(data=tmp_path / "new")).accounts == ()
        log = json.loads(run("audit", "list", "--verb", "backup.", "--json", "--data", str(tmp_path / "new")))
        assert [entry["verb"] for entry in log] == ["backup.restored"]
        run("audit", "verify", "--data", str(tmp_path / "new"))


def test_dump_and_journal_are_of_one_moment(settings: Settings, postgres: PostgresServer, tmp_path: Path) -> None:
    """The dump has what the transaction saw in which the rules' position was read, whatever was written meanwhile."""
    assert settings.database_url is not None
    database = open_database(settings.database_url)
    with database.write() as connection:
        connection.execute(insert(schema.rules_positions).values(shard="0/1", position=0))
    database.close()
    stop = threading.Event()
    thread = threading.Thread(target=write_all_the_while, args=(settings.database_url, stop))
    thread.start()
    try:
        archive = backup(tmp_path)
    finally:
        stop.set()
        thread.join()
    said = run("backup", "verify", str(archive), "--json")
    with postgres.database(migrated=False) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINLI_DATABASE_URL", url)
        run("restore", str(archive), "--data", str(tmp_path / "new"))
        [position] = rows(url)["rules_positions"]
    assert position == str(("0/1", json.loads(said)["rules_position"]["0/1"]))


def test_only_into_an_empty_database(settings: Settings, tmp_path: Path) -> None:
    """Nothing there is touched, and no folder is made."""
    archive = backup(tmp_path)
    assert settings.database_url is not None
    before = rows(settings.database_url)
    said = run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert "is not empty" in said and "createdb" in said
    assert rows(settings.database_url) == before
    assert not (tmp_path / "new").exists()


def test_without_a_database_to_restore_into(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which setting to give; and if there is no server, that."""
    archive = backup(tmp_path)
    monkeypatch.delenv("LINLI_DATABASE_URL")
    assert "let LINLI_DATABASE_URL name it" in run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    monkeypatch.setenv("LINLI_DATABASE_URL", "postgresql+psycopg://linli:secret@127.0.0.1:1/x")
    said = run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert "the database cannot be used" in said and "secret" not in said
    assert "the database cannot be used" in run("backup", "--data", str(settings.data), status=2)


def test_what_fails_half_way_leaves_both_empty(
    settings: Settings, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that may not make tables, for one."""
    archive = backup(tmp_path)
    with postgres.database(migrated=False) as url:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("ALTER DATABASE " + connection.info.dbname + " SET default_transaction_read_only = on")
        monkeypatch.setenv("LINLI_DATABASE_URL", url)
        said = run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
        assert "pg_restore failed" in said and "read-only" in said
        database = open_database(url)
        assert migrate.current(database) is None
        database.close()
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_tools_that_are_missing_or_too_old_are_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install; nothing is left behind."""
    program(tmp_path / "bin", "pg_dump", "echo 'pg_dump (PostgreSQL) 9.6.24'")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    said = run("backup", "--data", str(settings.data), status=2)
    assert "older than the server (PostgreSQL 15)" in said and "postgresql-client-15" in said
    (tmp_path / "bin" / "pg_dump").unlink()
    assert "there is no program pg_dump" in run("backup", "--data", str(settings.data), status=2)
    assert not list(tmp_path.glob("*.tar"))


def test_the_password_is_in_no_process_list(
    settings: Settings, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments are everybody's to read."""
    real, seen = shutil.which("pg_dump"), tmp_path / "arguments"
    program(tmp_path / "bin", "pg_dump", f'echo "$@" >> {seen}\nexec {real} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    backup(tmp_path)
    assert "--snapshot" in seen.read_text()
    assert postgres.password not in seen.read_text()
