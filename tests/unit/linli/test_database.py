"""The database: its migrations, its two kinds of transaction, the registry and the workers in it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, inspect, select, text
from sqlalchemy.exc import IntegrityError

from linli.clock import SECOND
from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.migrate import downgrade, upgrade
from linli.db.registry import SqlRegistry, read_registry, read_version, remove_device, save
from linli.db.workers import SILENT_AFTER, WorkerReport, report, reports
from linli.errors import ConfigError, DataFolderError, Refused
from linli.i18n import Text
from linli.model import Community, Device, Facility, Gateway, Place


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'linli.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    upgrade(opened)
    yield opened
    opened.close()


# --- migrations -----------------------------------------------------------------------------------------------------


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


def test_down_to_nothing_and_up_again(database: Database) -> None:
    """Each revision can be taken back."""
    downgrade(database, "base")
    with database.read() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    upgrade(database)
    with database.read() as connection:
        assert set(schema.metadata.tables) < set(inspect(connection).get_table_names())


def _letters(database: Database) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM dead_letters ORDER BY id"))]


def test_the_number_of_a_dead_letter_is_never_given_again(database: Database) -> None:
    """Not when all are deleted; those from before the migration stay as they are, up and down and up again."""
    downgrade(database, "0005")
    old = (7, "k", "ingest", 1, "topic", "reason", "detail", b"\x00\xff", 2, 3, "refused")
    values = "(:a, :b, :c, :d, :e, :f, :g, :h, :i, :j, :k)"
    with database.write() as connection:
        connection.execute(
            text(f"INSERT INTO dead_letters VALUES {values}"), dict(zip("abcdefghijk", old, strict=True))
        )
    upgrade(database)
    assert _letters(database) == [old]
    downgrade(database, "0005")
    assert _letters(database) == [old]
    upgrade(database)
    assert _letters(database) == [old]
    fresh = {"key": "n", "consumer": "ingest", "received_at": 1, "topic": "", "reason": "", "detail": "", "size": 0}
    with database.write() as connection:
        connection.execute(delete(schema.dead_letters))
        connection.execute(schema.dead_letters.insert().values(**fresh, payload=b""))
    assert [row[0] for row in _letters(database)] == [8]
    with database.read() as connection:
        indexes = {index["name"] for index in inspect(connection).get_indexes("dead_letters")}
    assert indexes == {"ix_dead_letters_received_at", "ix_dead_letters_replay_requested_at"}


def test_a_database_of_a_newer_linli_is_left_alone(database: Database) -> None:
    """An older program must not guess at a newer layout."""
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataFolderError, match="9999"):
        upgrade(database)


def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    """It is one transaction: here a table is in its way."""
    opened = open_database(url)
    with opened.write() as connection:
        connection.execute(text("CREATE TABLE workers (x INTEGER)"))
    with pytest.raises(Exception, match="workers"):
        upgrade(opened)
    with opened.read() as connection:
        assert inspect(connection).get_table_names() == ["workers"]
    opened.close()


# --- transactions ---------------------------------------------------------------------------------------------------


def test_a_block_that_raises_is_rolled_back(database: Database) -> None:
    """All of it or nothing."""
    with pytest.raises(IntegrityError), database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])
        save(connection, [Gateway("gw", "nowhere", Text("网", "G"))])
    with database.read() as connection:
        assert read_version(connection) == 0


def test_reading_goes_on_beside_a_writer(database: Database) -> None:
    """WAL: the API reads while rules writes; it sees the state before."""
    with database.write() as writer:
        save(writer, [Community("c001", Text("甲", "A"))])
        with database.read() as reader:
            assert read_version(reader) == 0
    with database.read() as reader:
        assert read_version(reader) == 1


_WRITER = """
import sys
from sqlalchemy import select, update
from linli.db import schema
from linli.db.database import open_database
table = schema.registry_version
database = open_database(sys.argv[1])
for _ in range(60):
    with database.write() as connection:
        version = connection.execute(select(table.c.version)).scalar_one()
        connection.execute(update(table).values(version=version + 1))
"""


def test_two_processes_write_in_turn(database: Database, url: str) -> None:
    """Read and write within one transaction, from three processes: nobody is told 'database is locked', nothing lost."""
    with database.write() as connection:
        save(connection, [])
    command = [sys.executable, "-c", _WRITER, url]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for _ in range(60):
        with database.write() as connection:
            save(connection, [])
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    with database.read() as connection:
        assert read_version(connection) == 181


def test_threads_of_one_process_write_in_turn(database: Database) -> None:
    """The API's thread pool shares one engine."""
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                with database.write() as connection:
                    save(connection, [])
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as connection:
        assert read_version(connection) == 80


@pytest.mark.parametrize("wrong", ["", "nonsense", "nosuch://h/d", "postgresql+psycopg://u@h:port/d"])
def test_a_url_that_makes_no_sense(wrong: str) -> None:
    """Told as a setting that is wrong, with an example."""
    with pytest.raises(ConfigError, match="database_url"):
        open_database(wrong)


def test_a_driver_that_is_not_installed() -> None:
    """Named, with what to install."""
    with pytest.raises(ConfigError, match="pg8000"):
        open_database("postgresql+pg8000://u@h/d")


def test_opening_does_no_io(tmp_path: Path) -> None:
    """Constructing is free; the file appears with the first transaction."""
    open_database(f"sqlite:///{tmp_path / 'none' / 'x.db'}").close()
    assert list(tmp_path.iterdir()) == []


# --- registry -------------------------------------------------------------------------------------------------------

ITEMS: list[Community | Place | Gateway | Facility | Device] = [
    Community("c001", Text("望湖苑", "Lakeview Court"), "Asia/Shanghai"),
    Place("c001-b1", "c001", "building", Text("1 号楼", "Building 1")),
    Place("c001-b1-f1", "c001", "floor", Text("一层", "Floor 1"), parent="c001-b1"),
    Gateway("gw-c001", "c001", Text("网关", "Gateway")),
    Facility("c001-lift-1", "c001", "lift", Text("电梯", "Lift"), "c001-b1"),
    Device("c001-door-01", "c001", "gw-c001", "door", Text("门", "Door"), "c001-b1-f1"),
    Device("c001-lift-01", "c001", "gw-c001", "lift", Text("梯", "Lift"), "c001-b1", "c001-lift-1", 10.0),
]


def test_the_registry_comes_back_as_it_was_saved(database: Database) -> None:
    """Every kind of thing, with every field."""
    with database.write() as connection:
        save(connection, ITEMS)
    with database.read() as connection:
        found = read_registry(connection)
    assert found.version == 1
    assert [
        *found.communities.values(),
        *found.places.values(),
        *found.gateways.values(),
        *found.facilities.values(),
        *found.devices.values(),
    ] == ITEMS


def test_saving_again_replaces_and_counts_up(database: Database) -> None:
    """What has the id is changed in place."""
    lift = ITEMS[-1]
    assert isinstance(lift, Device)
    renamed = replace(lift, name=Text("新", "New"), interval_s=None, facility=None)
    with database.write() as connection:
        save(connection, ITEMS)
        save(connection, [renamed])
    with database.read() as connection:
        found = read_registry(connection)
    assert found.version == 2
    assert found.devices["c001-lift-01"] == renamed
    assert len(found.devices) == 2


def test_a_bad_id_is_never_registered(database: Database) -> None:
    """The one place where names get in."""
    with pytest.raises(Refused, match="bad_id"), database.write() as connection:
        save(connection, [Community("Lake View", Text("", ""))])


def test_refresh_sees_what_changed(database: Database) -> None:
    """Lookups are from memory; refresh says whether anything moved."""
    registry = SqlRegistry(database)
    assert not registry.refresh()
    assert registry.gateway("gw-c001") is None
    with database.write() as connection:
        save(connection, ITEMS)
    assert registry.device("c001-door-01") is None
    assert registry.refresh()
    assert not registry.refresh()
    assert registry.device("c001-door-01") == ITEMS[5]
    assert registry.gateway("gw-c001") == ITEMS[3]
    with database.write() as connection:
        assert remove_device(connection, "c001-door-01")
        assert not remove_device(connection, "c001-door-01")
    assert registry.refresh()
    assert registry.device("c001-door-01") is None


# --- workers --------------------------------------------------------------------------------------------------------

WORKER = WorkerReport("ingest", 17, 1, 5 * SECOND, "ok", Text("", ""), {"messages": 3, "events": 2.5})


def test_the_last_report_of_each_worker(database: Database) -> None:
    """A report replaces the one before."""
    report(database, WORKER)
    rules = replace(
        WORKER, name="rules", state="degraded", detail=Text("消息服务器不应答", "the broker does not answer")
    )
    report(database, rules)
    later = replace(WORKER, seen_at=7 * SECOND, counters={"messages": 9})
    report(database, later)
    assert reports(database) == [later, rules]


def test_a_silent_worker_is_taken_for_dead() -> None:
    """At the bound, not before."""
    assert WORKER.alive(WORKER.seen_at + SILENT_AFTER - 1)
    assert not WORKER.alive(WORKER.seen_at + SILENT_AFTER)


def test_foreign_keys_hold(database: Database) -> None:
    """SQLite checks them only when told to."""
    with database.write() as connection:
        save(connection, ITEMS)
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(delete(schema.communities))
    with database.read() as connection:
        assert connection.execute(select(schema.communities.c.id)).scalars().all() == ["c001"]
