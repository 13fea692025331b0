"""The migrations: every revision up and down with data in its tables, on both databases.

A new revision needs no test here. Rows are made of what the database says of its tables (`tests.contract.database.specimens`);
what one revision does to the content of its tables beyond keeping it has a test of its own.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, String, delete, inspect, text
from sqlalchemy.exc import IntegrityError

from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.migrate import config, current, downgrade, head, upgrade
from linli.db.registry import read_registry, save
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.model import Community, Gateway
from tests.contract.database.specimens import fill, key_of
from tests.databases import Databases
from tests.support import free_port

_SCRIPTS = ScriptDirectory.from_config(config())
REVISIONS = [step.revision for step in reversed(list(_SCRIPTS.walk_revisions()))]

Rows = list[tuple[object, ...]]


def test_the_migrations_make_what_the_schema_says(database: Database) -> None:
    """A change of the schema comes with a revision, or this fails."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    """Every start does it."""
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])
    upgrade(database)
    with database.read() as connection:
        assert read_registry(connection).communities.keys() == {"c001"}


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic reads every revision's file at every command, which is half of what these tests would take."""
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _config: _SCRIPTS)


@pytest.fixture
def empty(databases: Databases) -> Iterator[Database]:
    """A database that nothing was ever done to."""
    with databases.new(migrated=False) as url, closing(open_database(url)) as opened:
        yield opened


def tables_of(database: Database) -> MetaData:
    """The tables that are there, as the database describes them."""
    found = MetaData()
    with database.read() as connection:
        found.reflect(connection)
    found.remove(found.tables["alembic_version"])
    return found


class Kept:
    """What was in the tables, as far as every schema that it was checked against since can hold it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._columns, self._rows = self._read()

    def check(self) -> None:
        """It is there still, and as it was."""
        columns, rows = self._read()
        self._columns = {name: held & columns[name] for name, held in self._columns.items() if name in columns}
        for name, held in self._columns.items():
            wanted = sorted(_part(row, held) for row in self._rows[name])
            assert sorted(_part(row, held) for row in rows[name]) == wanted, (name, current(self._database))

    def _read(self) -> tuple[dict[str, set[str]], dict[str, list[dict[str, object]]]]:
        columns: dict[str, set[str]] = {}
        rows: dict[str, list[dict[str, object]]] = {}
        with self._database.read() as connection:
            for name in set(inspect(connection).get_table_names()) - {"alembic_version"}:
                found = connection.execute(text(f'SELECT * FROM "{name}"')).mappings()
                columns[name] = set(found.keys())
                rows[name] = [dict(row) for row in found]
        return columns, rows


def _part(row: Mapping[str, object], columns: set[str]) -> list[str]:
    return [key_of(row[name]) for name in sorted(columns)]


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_is_in_the_tables_survives_every_step_up_and_down(empty: Database, revision: str) -> None:
    """From this revision to the newest, back step by step, and up again: what both can hold stays as it is."""
    upgrade(empty, revision)
    with empty.write() as connection:
        fill(connection, tables_of(empty))
    kept = Kept(empty)
    upgrade(empty)
    kept.check()
    downgrade(empty, revision)
    kept.check()
    upgrade(empty)
    kept.check()


def test_what_is_in_the_newest_tables_goes_down_to_nothing(database: Database) -> None:
    """Step by step, with rows in every table: what the older schema can hold stays as it is."""
    with database.write() as connection:
        fill(connection, tables_of(database))
    kept = Kept(database)
    for step in reversed(["base", *REVISIONS[:-1]]):
        downgrade(database, step)
        if step != "base":
            kept.check()
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    upgrade(database)
    assert current(database) == head()


def test_of_two_that_migrate_at_once_the_second_finds_it_done(empty: Database) -> None:
    """Services are started side by side, and each looks after the database."""
    ready = threading.Barrier(3)
    failures: list[BaseException] = []

    def start() -> None:
        mine = open_database(empty.engine.url.render_as_string(hide_password=False))
        ready.wait()
        try:
            upgrade(mine)
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            failures.append(error)
        mine.close()

    starts = [threading.Thread(target=start) for _ in range(3)]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    assert failures == []
    assert current(empty) == head()


def _letters(database: Database) -> Rows:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM dead_letters ORDER BY id"))]


def _put_letter(database: Database) -> None:
    fresh = {"key": "n", "consumer": "ingest", "received_at": 1, "topic": "", "reason": "", "detail": "", "size": 0}
    with database.write() as connection:
        connection.execute(schema.dead_letters.insert().values(**fresh, payload=b""))


def test_the_number_of_a_dead_letter_is_never_given_again(database: Database) -> None:
    """Not when all are deleted; those from before the migration stay as they are, up and down and up again."""
    downgrade(database, "0005")
    _put_letter(database)
    old = _letters(database)
    upgrade(database)
    assert _letters(database) == old
    downgrade(database, "0005")
    assert _letters(database) == old
    upgrade(database)
    assert _letters(database) == old
    with database.write() as connection:
        connection.execute(delete(schema.dead_letters))
    _put_letter(database)
    assert [row[0] for row in _letters(database)] == [2]
    with database.read() as connection:
        indexes = {index["name"] for index in inspect(connection).get_indexes("dead_letters")}
    assert indexes >= {"ix_dead_letters_received_at", "ix_dead_letters_replay_requested_at"}


def test_a_database_of_a_newer_linli_is_left_alone(database: Database) -> None:
    """An older program must not guess at a newer layout."""
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataFolderError, match="9999"):
        upgrade(database)


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: Database) -> None:
    """It is one transaction: here a table is in its way."""
    with empty.write() as connection:
        connection.execute(text("CREATE TABLE workers (x INTEGER)"))
    with pytest.raises(Exception, match="workers"):
        upgrade(empty)
    with empty.read() as connection:
        assert inspect(connection).get_table_names() == ["workers"]


def test_a_table_is_made_anew_though_others_refer_to_it(database: Database) -> None:
    """What SQLite cannot change it makes anew; and from then on references are held as before."""
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A")), Gateway("gw", "c001", Text("网", "G"))])
    with database.alter() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("communities") as batch:
            batch.alter_column("timezone", existing_type=String(64), type_=String(80))
    with database.read() as connection:
        assert list(read_registry(connection).gateways) == ["gw"]
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(delete(schema.communities))


def test_a_change_of_tables_that_leaves_a_row_astray_is_taken_back(database: Database) -> None:
    """Whichever database it is: SQLite would not have looked."""
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A")), Gateway("gw", "c001", Text("网", "G"))])
    with pytest.raises((IntegrityError, DataFolderError)), database.alter() as connection:
        connection.execute(delete(schema.communities))
    with database.read() as connection:
        assert list(read_registry(connection).communities) == ["c001"]


def test_a_server_that_is_not_there_is_told() -> None:
    """In words for whoever starts Linli, without a password: the server may be down, or the address wrong."""
    away = open_database(f"postgresql+psycopg://linli:secret@127.0.0.1:{free_port()}/linli", patience_s=2)
    with pytest.raises(DataFolderError, match="cannot be used") as caught:
        upgrade(away)
    assert "secret" not in str(caught.value)
    away.close()
