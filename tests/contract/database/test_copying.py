"""A database brought over into another one, of either kind: every row, the numbers that are counted up, the chain of the audit log."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect, select, update

from linli.audit import Act, Who
from linli.audithead import HeadFile
from linli.clock import SystemClock
from linli.db import schema
from linli.db.alerts import Change, Effects, SqlAlerts
from linli.db.audit import SqlAudit, append
from linli.db.auditcheck import advance_head, check_log
from linli.db.auditseals import Sealer
from linli.db.copying import CopiedTable, CopyError, copy_database
from linli.db.database import Database, open_database
from linli.db.migrate import current, downgrade, head, upgrade
from linli.db.registry import save
from linli.db.unfinished import MARK, is_marked
from linli.errors import DataFolderError
from tests.contract.database.specimens import fill, key_of
from tests.contract.database.test_migrations import Kept, tables_of
from tests.databases import Databases, SqliteDatabases
from tests.integration.api_world import HOME, make_alert, registry_of
from tests.support import eventually

NOW = SystemClock().now()
WHO = Who("cli:root")
AUDIT = ("audit_entries", "audit_subjects", "audit_texts")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    """An SQLite one, as an installation begins with."""
    (tmp_path / "from").mkdir()
    with SqliteDatabases(tmp_path / "from").new() as url, closing(open_database(url)) as opened:
        yield opened


@pytest.fixture
def target(databases: Databases) -> Iterator[Database]:
    """An empty one of each kind."""
    with databases.new(migrated=False) as url, closing(open_database(url)) as opened:
        yield opened


@pytest.fixture
def back(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite one, for the way back."""
    (tmp_path / "back").mkdir()
    with SqliteDatabases(tmp_path / "back").new(migrated=False) as url, closing(open_database(url)) as opened:
        yield opened


def copy(source: Database, target: Database, **more: Any) -> list[CopiedTable]:
    return copy_database(source, target, WHO, NOW, **more)


def same(one: list[CopiedTable], other: list[CopiedTable], *but: str) -> bool:
    return [table for table in one if table.name not in but] == [table for table in other if table.name not in but]


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(inspect(connection).get_table_names())


def test_every_row_of_every_table_goes_over_and_back(source: Database, target: Database, back: Database) -> None:
    """With all that its columns can hold: what is missing, the longest, the largest; JSON as it is kept."""
    filled = tables_of(source)
    for name in AUDIT:  # a chain, which no made up row belongs to
        filled.remove(filled.tables[name])
    with source.write() as connection:
        fill(connection, filled)
        append(connection, Act("arming.changed", Who("p1", "10.0.0.9"), "place", ("p-1",), reason="a \ud800\0"), NOW)
    kept = Kept(source)
    there = copy(source, target)
    assert {table.name for table in there} == set(schema.metadata.tables)
    assert {table.rows for table in there if table.name not in AUDIT} == {3}
    assert same(there, copy(target, back), *AUDIT)
    kept.check()
    restored = Kept(back)
    for name in filled.tables:
        assert rows(restored, name) == rows(kept, name), name
    assert rows(kept, "audit_entries")[0] in rows(restored, "audit_entries")
    assert current(target) == current(back) == head()


def rows(kept: Kept, table: str) -> list[list[str]]:
    """As they compare."""
    return sorted([key_of(row[name]) for name in sorted(row)] for row in kept._rows[table])


def test_numbers_go_on_where_they_were(source: Database, target: Database) -> None:
    """A dead letter's number is never given again, also where the newest were deleted; a change's follows the last."""
    letter = {
        "consumer": "ingest",
        "received_at": 1,
        "topic": "",
        "reason": "",
        "detail": "a\0b",
        "size": 0,
        "payload": b"",
    }
    with source.write() as connection:
        for key in "abc":
            connection.execute(insert(schema.dead_letters).values(key=key, **letter))
        connection.execute(schema.dead_letters.delete().where(schema.dead_letters.c.id > 1))
    copy(source, target)
    with target.write() as connection:
        connection.execute(insert(schema.dead_letters).values(key="d", **letter))
        assert connection.execute(select(schema.dead_letters.c.id)).scalars().all() == [1, 4]


def test_places_within_places_and_numbers_as_json(source: Database, target: Database, back: Database) -> None:
    """What refers to its own table comes whatever its order; a lone number is the same number on all three."""
    values = [0.1 + 0.2, 1000.0, 7, -1e300, "12", None, [1.0], True]
    with source.write() as connection:
        save(connection, registry_of(HOME))
        for number, value in enumerate(values):
            row = {"kind": "k", "item_id": f"i{number}", "source": "s", "said": value}
            connection.execute(insert(schema.statements).values(**row))
        connection.execute(
            update(schema.places).where(schema.places.c.id == f"{HOME}-b1").values(parent_id=f"{HOME}-f1")
        )
        connection.execute(update(schema.places).where(schema.places.c.id == f"{HOME}-f1").values(parent_id=None))
    first = copy(source, target)
    assert same(first, copy(target, back), *AUDIT)
    for database in (target, back):
        with database.read() as connection:
            statements = select(schema.statements.c.said).order_by(schema.statements.c.item_id)
            found = connection.execute(statements).scalars().all()
            assert found == values
            parents = {
                row.id: row.parent_id
                for row in connection.execute(select(schema.places.c.id, schema.places.c.parent_id))
            }
        assert parents == {f"{HOME}-b1": f"{HOME}-f1", f"{HOME}-f1": None}


def test_the_audit_log_is_whole_afterwards(source: Database, target: Database, back: Database, tmp_path: Path) -> None:
    """Its chain, the texts beside it, the rows that are sealed, and the head outside, which names an entry of both; and the last
    entry says that it was brought over."""
    with source.write() as connection:
        save(connection, registry_of(HOME), NOW)
        append(
            connection,
            Act("arming.changed", Who("p1", "10.0.0.9"), "place", ("p-1",), "c001", reason="夜间\n巡逻"),
            NOW,
        )
    alert = make_alert(HOME, 1, NOW)
    SqlAlerts(source).apply(
        [Effects(1, (Change(alert, "opened", NOW), Change(alert, "commented", NOW, "p1", "看过了")))]
    )
    Sealer(source, Who("system:api")).step(NOW)
    file = HeadFile(tmp_path / "head.json")
    assert advance_head(source, file, Who("system:api"), NOW) is None
    for database, came in ((target, source), (back, target)):
        copy(came, database)
        report = check_log(database, file)
        assert report.whole, [fault.text.en for fault in report.faults]
        assert report.sealed["alert_changes"] == 2
        newest = SqlAudit(database).newest(limit=1)[0].entry
        assert (newest.verb, newest.actor, newest.ids) == (
            "database.copied",
            "cli:root",
            (database.engine.dialect.name,),
        )
        assert advance_head(database, file, Who("system:api"), NOW) is None
        assert Sealer(database, Who("system:api")).step(NOW).rows == 0


def test_a_target_that_is_not_empty_is_left_as_it_is(source: Database, target: Database) -> None:
    """Whatever is in it."""
    upgrade(target)
    before = tables(target)
    with pytest.raises(CopyError, match="is not empty"):
        copy(source, target)
    assert tables(target) == before


def test_a_source_of_an_older_linli_is_migrated_first(source: Database, target: Database) -> None:
    """By `linli prepare`: nothing is guessed."""
    downgrade(source, "0013")
    with pytest.raises(CopyError, match="linli prepare"):
        copy(source, target)
    assert tables(target) == set()


def test_what_the_target_does_not_take_undoes_all(source: Database, databases: Databases, target: Database) -> None:
    """SQLite keeps what is longer than its column says; and what is refused at the last moment is undone too."""
    with source.write() as connection:
        save(connection, registry_of(HOME))
    with pytest.raises(DataFolderError, match="somebody"):
        copy(source, target, at_the_end=_refuse)
    assert tables(target) == {MARK}
    if databases.kind == "postgresql":
        with source.write() as connection:
            connection.execute(update(schema.places).values(kind="k" * 500))
        with pytest.raises(CopyError, match="a row of the table places"):
            copy(source, target)
        assert tables(target) == {MARK}


def _refuse(_source: object) -> None:
    from linli.i18n import Text

    raise DataFolderError(Text("有人", "somebody"))


_KILLED = """
import os, sys
from linli.audit import Who
from linli.db.copying import copy_database
from linli.db.database import open_database

def told(table, rows):
    if table == "devices" and not rows:
        print("comparing", flush=True)
        sys.stdin.read()

copy_database(open_database(sys.argv[1]), open_database(sys.argv[2]), Who("cli:root"), 1, told=told)
"""


def test_killed_in_the_middle_it_leaves_a_target_that_says_so(source: Database, target: Database) -> None:
    """Linli is refused there, with what to do; the source is as it was; and the copy made again is whole."""
    with source.write() as connection:
        save(connection, registry_of(HOME))
    kept = Kept(source)
    urls = [database.engine.url.render_as_string(hide_password=False) for database in (source, target)]
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED, *urls],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env=dict(os.environ),
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"comparing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    eventually(lambda: tables(target) == {MARK})
    with pytest.raises(DataFolderError, match="linli database copy again"):
        upgrade(target)
    kept.check()
    copy(source, target)
    with target.read() as connection:
        assert not is_marked(connection)
    upgrade(target)
