"""`linli audit` and `linli retention`, as somebody at the terminal has them."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text
from typer.testing import CliRunner, Result

from linli.audit import Act, Head, Who
from linli.audithead import HeadFile
from linli.cli.app import app
from linli.clock import DAY, SystemClock
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.audit import append
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.model import Role

NOW = SystemClock().now()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DataFolder(tmp_path / "data").prepare()
    return tmp_path / "data"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{folder / 'linli.db'}")
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def guard(database: Database) -> str:
    """An account that no entry tells of yet."""
    row = {"id": "p1", "name": "li.wei", "display_name": "Li", "role": Role.SECURITY.value, "password_hash": ""}
    with database.write() as connection:
        connection.execute(insert(schema.users).values(**row, enabled=True, created_at=NOW))
    return "p1"


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def runs(*words: str, language: str = "en") -> Result:
        monkeypatch.setenv("LINLI_LANGUAGE", language)
        return CliRunner().invoke(app, [*words, "--data", str(folder)])

    return runs


def write(database: Database, actor: str, *acts: Act) -> None:
    for act in acts or (
        Act("arming.changed", Who(actor, "10.0.0.9"), "place", ("p-1",), "c001", reason="night round"),
    ):
        with database.write() as connection:
            append(connection, act, NOW)


def harm(database: Database, statement: str) -> None:
    with database.write() as connection:
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement))


def test_the_list_says_who_did_what_and_why(database: Database, guard: str, run: Any) -> None:
    """By sign-in names; and that somebody looked is the next entry."""
    write(database, guard)
    shown = run("audit", "list")
    assert shown.exit_code == 0, shown.output
    assert all(word in shown.stdout for word in ("li.wei", "Armed or disarmed", "place p-1", "night round"))
    assert "布防或撤防" in run("audit", "list", language="zh").stdout
    found = json.loads(run("audit", "list", "--json", "--verb", "audit.").stdout)
    assert [entry["verb"] for entry in found][:2] == ["audit.read", "audit.head.started"]
    assert found[0]["actor"].startswith("cli:")


def test_entries_are_searched_by_name_word_and_time(database: Database, guard: str, run: Any) -> None:
    """A sign-in name stands for the account, as actor or as what it is about."""
    write(database, guard)
    write(database, "p9", Act("account.disabled", Who("p9"), "account", (guard,)))
    for words, numbers in (
        (("--actor", "li.wei"), [1]),
        (("--about", "li.wei"), [2]),
        (("--verb", "account."), [2]),
        (("--since", "1h", "--community", "c001"), [1]),
        (("--until", "2020-01-01"), []),
        (("--refused",), []),
    ):
        found = json.loads(run("audit", "list", "--json", *words).stdout)
        assert [entry["seq"] for entry in found] == numbers, words
    refused = run("audit", "list", "--verb", "account.forgotten")
    assert refused.exit_code == 2
    assert "docs/audit.md" in refused.output


def test_one_entry_is_shown_whole_and_cannot_steer_the_terminal(database: Database, guard: str, run: Any) -> None:
    """A reason is somebody's typing."""
    write(database, guard, Act("arming.changed", Who(guard), "place", ("p-1",), reason="a\n\x1b[31mb\u2028c"))
    shown = run("audit", "show", "1")
    assert "a\\n\\x1b[31mb\\u2028c" in shown.stdout
    assert run("audit", "show", "99").exit_code == 2


def test_an_export_can_be_checked_with_other_tools(database: Database, guard: str, run: Any, tmp_path: Path) -> None:
    """As docs/audit.md says: the SHA-256 of the line without `hash` and `beside`, keys sorted, no spaces."""
    write(database, guard)
    write(database, guard)
    file = tmp_path / "out.ndjson"
    assert run("audit", "export", "--to", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    previous = "0" * 64
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for line in lines:
        hashed, beside = line.pop("hash"), line.pop("beside")
        plain = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert (sha256(plain).hexdigest(), line["previous"]) == (hashed, previous)
        assert beside.keys() == line["texts"].keys()
        previous = hashed
    assert [line["verb"] for line in lines] == ["arming.changed", "arming.changed", "audit.exported"]
    assert run("audit", "export", "--to", str(tmp_path / "nowhere" / "x")).exit_code == 2


def test_a_whole_log_is_told_and_a_broken_one_named(database: Database, guard: str, run: Any) -> None:
    """With the exit status that a script goes by, in both languages and as JSON."""
    for _ in range(3):
        write(database, guard)
    run("audit", "list")
    whole = run("audit", "verify")
    assert (whole.exit_code, whole.stdout.splitlines()[0]) == (0, "Whole: nothing was edited, removed or put in")
    harm(database, "UPDATE audit_entries SET actor = 'p2' WHERE seq = 2")
    broken = run("audit", "verify")
    assert broken.exit_code == 1
    assert "first broken link: entry 2" in broken.stdout
    assert "第一处断裂：第 2 条" in run("audit", "verify", language="zh").stdout
    document = json.loads(run("audit", "verify", "--json").stdout)
    assert (document["whole"], document["first_broken"]["kind"], document["first_broken"]["entry"]) == (
        False,
        "edited",
        2,
    )


def test_a_cut_end_shows_until_somebody_takes_it_on_record(
    database: Database, guard: str, run: Any, folder: Path
) -> None:
    """As after a restored backup."""
    write(database, guard)
    HeadFile(folder / "audit" / "head.json").write(Head(7, "a" * 64))
    assert "the end is cut off: entry 2" in run("audit", "verify").stdout
    assert "the audit log is not whole" in run("audit", "list").stderr
    assert run("audit", "reanchor").exit_code == 2
    assert run("audit", "reanchor", "--reason", "restored from Sunday").exit_code == 0
    assert run("audit", "verify").exit_code == 0


def test_without_a_head_it_is_not_called_whole(database: Database, guard: str, run: Any) -> None:
    """A cut end would not show."""
    write(database, guard)
    shown = run("audit", "verify")
    assert shown.exit_code == 1
    assert "there is no head" in shown.stdout


def test_sqlite_has_no_roles(database: Database, run: Any) -> None:
    """The command says so."""
    shown = run("audit", "grants")
    assert shown.exit_code == 2
    assert "SQLite has no roles" in shown.output


def test_retention_says_what_is_kept_and_what_goes_when(database: Database, guard: str, run: Any) -> None:
    """Every class, with its setting; for scripts too."""
    write(database, guard)
    shown = run("retention")
    assert shown.exit_code == 0, shown.output
    assert all(word in shown.stdout for word in ("Audit log", "400 days", "retention_snapshots_days", "for ever"))
    assert "审计日志" in run("retention", language="zh").stdout
    found = {line["class"]: line for line in json.loads(run("retention", "--json").stdout)}
    assert (found["audit"]["rows"], found["audit"]["days"]) == (1, 400)
    assert found["audit"]["next_deletion"] > found["audit"]["oldest"]
    assert found["alerts"]["oldest"] is None
    fixed = {name: (found[name]["setting"], found[name]["days"]) for name in ("deliveries", "idempotency", "sessions")}
    assert fixed == {"deliveries": (None, 30), "idempotency": (None, 1), "sessions": (None, None)}
    assert re.search(r"Webhook deliveries +30 days +0 ", shown.stdout)


def test_what_was_deleted_last_is_told(database: Database, run: Any) -> None:
    """By the entries that say so."""
    act = Act("retention.ran", Who("system:api"), "class", ("alerts",), facts={"rows": 7, "before": NOW - DAY})
    write(database, "", act, act)
    found = {line["class"]: line for line in json.loads(run("retention", "--json").stdout)}
    assert found["alerts"]["last_deleted"] == 14


def test_status_tells_of_a_broken_end(database: Database, guard: str, run: Any, folder: Path) -> None:
    """Among whatever else is wrong, with what to do."""
    write(database, guard)
    assert "audit" not in run("status").stdout
    HeadFile(folder / "audit" / "head.json").write(Head(7, "a" * 64))
    shown = " ".join(run("status").stdout.split())
    assert "the audit log is not whole: the end is cut off: entry 2" in shown
    assert "linli audit verify" in shown


def test_what_refuses_changes_is_missed_and_brought_back(database: Database, guard: str, run: Any) -> None:
    """Before anything was changed: with the exit status of a broken log, and with what to do."""
    write(database, guard)
    run("audit", "list")
    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_texts_change")
    shown = run("audit", "verify")
    assert shown.exit_code == 1
    assert shown.stdout.startswith("Whole: nothing was edited, removed or put in")
    assert "the trigger audit_texts_change, which refuses changes of the log, is gone" in shown.stdout
    assert "触发器 audit_texts_change 不在了" in run("audit", "verify", language="zh").stdout
    document = json.loads(run("audit", "verify", "--json").stdout)
    assert (document["whole"], document["unchanged"], len(document["unguarded"])) == (False, True, 1)
    assert run("audit", "guard").exit_code == 2
    assert "brought back: audit_texts_change" in run("audit", "guard", "--reason", "found by verify").stdout
    assert run("audit", "verify").exit_code == 0
    assert "nothing to bring back" in run("audit", "guard", "--reason", "again").stdout
