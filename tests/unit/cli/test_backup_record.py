"""Who took, looked at and brought back which backup is in the audit log."""

import json
import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from linli.audit import Entry
from linli.db.audit import SqlAudit
from linli.db.database import open_database
from tests.unit.cli.test_backup import backup, data, made, run

__all__ = ["data", "made"]


def log_of(folder: Path) -> list[Entry]:
    """The audit log, the oldest entry first."""
    with closing(open_database(f"sqlite:///{folder / 'linli.db'}")) as database:
        return [shown.entry for shown in SqlAudit(database).all()]


def test_who_took_looked_at_and_brought_back_a_backup_is_in_the_audit_log(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever runs the command, whatever its environment says; a backup goes by when it was made. What was brought back is whole."""
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("LINLI_DATA", str(data))
    before = len(log_of(data))
    archive = backup(data)
    made = json.loads(run("backup", "verify", str(archive), "--json"))["made_at"]
    archive.write_bytes(archive.read_bytes()[:-20_000])
    run("backup", "verify", str(archive), status=1)
    archive = backup(data)
    run("restore", str(archive), "--data", str(tmp_path / "new"))
    ours = [entry for entry in log_of(data)[before:] if entry.kind == "backup"]
    assert [(entry.verb, entry.outcome) for entry in ours] == [
        ("backup.taken", "done"),
        ("backup.verified", "done"),
        ("backup.verified", "refused"),
        ("backup.taken", "done"),
    ]
    assert ours[0].ids == ours[1].ids == (made,)
    assert ours[0].facts["files"] > 0
    assert {entry.actor for entry in ours} == {f"cli:{pwd.getpwuid(os.getuid()).pw_name}"}
    restored = log_of(tmp_path / "new")[-1]
    assert (restored.verb, restored.ids) == ("backup.restored", ours[3].ids)
    monkeypatch.delenv("LINLI_DATA")
    for folder in (data, tmp_path / "new"):
        run("audit", "list", "--data", str(folder))
        run("audit", "verify", "--data", str(folder))


def test_a_backup_is_looked_at_where_there_is_no_linli(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no log to write it into, and none is made."""
    archive = backup(data)
    monkeypatch.setenv("LINLI_DATA", str(tmp_path / "nothing"))
    run("backup", "verify", str(archive))
    assert not (tmp_path / "nothing").exists()


def test_a_log_that_cannot_be_written_is_told_and_the_backup_stands(data: Path, tmp_path: Path) -> None:
    """The file is there, and whoever took it knows what is missing."""
    with closing(sqlite3.connect(data / "linli.db")) as connection:
        connection.execute(
            "CREATE TRIGGER closed BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'closed'); END"
        )
    assert "not written into the audit log" in run("backup", "--data", str(data))
    [archive] = tmp_path.glob("*.tar")
    assert "sound" in run("backup", "verify", str(archive), "--quick")
