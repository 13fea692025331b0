"""The database: its two kinds of transaction, and what an URL of it may be."""

import subprocess
import sys
import threading
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.registry import read_version, save
from linli.db.turns import take_turn
from linli.errors import ConfigError
from linli.i18n import Text
from linli.model import Community, Gateway
from tests.databases import Databases
from tests.postgres import PostgresServer


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


def count_up(database: Database, times: int) -> None:
    """Read a number and write the next, each in a transaction of its own."""
    table = schema.registry_version
    for _ in range(times):
        with database.write() as connection:
            take_turn(connection, table)
            number = connection.execute(select(table.c.version)).scalar_one()
            connection.execute(update(table).values(version=number + 1))


@pytest.fixture
def counted(database: Database) -> Database:
    """A database with such a number, 0."""
    with database.write() as connection:
        connection.execute(insert(schema.registry_version).values(id=1, version=0))
    return database


_WRITER = """
import sys
from linli.db.database import open_database
from tests.contract.database.test_database import count_up
count_up(open_database(sys.argv[1]), 60)
"""


def test_three_processes_write_in_turn(counted: Database, database_url: str) -> None:
    """Read and write within one transaction, from three processes: nobody is told 'database is locked', nothing lost."""
    command = [sys.executable, "-c", _WRITER, database_url]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    count_up(counted, 60)
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    with counted.read() as connection:
        assert read_version(connection) == 180


def test_threads_of_one_process_write_in_turn(counted: Database) -> None:
    """The API's thread pool shares one engine."""
    failures: list[BaseException] = []

    def write() -> None:
        try:
            count_up(counted, 20)
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            failures.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with counted.read() as connection:
        assert read_version(connection) == 80


def test_who_asks_for_what_no_text_can_be_finds_nothing(database: Database) -> None:
    """A NUL in an address or a search is no fault of the database's: PostgreSQL has no such text, SQLite none that is meant."""
    asked = select(schema.communities.c.id).where(schema.communities.c.id == "\x00")
    with database.read() as connection:
        assert connection.execute(asked).all() == []


def test_a_text_with_a_nul_is_taken(database: Database) -> None:
    """What a device or a stranger said is kept, whatever was in it: a worker must not stand still over one letter of theirs."""
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲\x00乙", "A"))])
    with database.read() as connection:
        (name,) = connection.execute(select(schema.communities.c.name_zh)).scalars()
    assert name in {"甲\x00乙", "甲␀乙"}


def test_an_error_tells_no_values(database: Database) -> None:
    """What goes wrong is logged, and the rows are people's: neither what was to be written nor what is there already is told."""
    row = {"id": "p1", "name": "wang", "display_name": "王小姐", "role": "security", "created_at": 1}
    secret = {"password_hash": "$argon2id$secret", "language": None}
    told = []
    for values in (row | secret | {"enabled": None}, row | secret | {"enabled": True, "name": None}):
        with pytest.raises(IntegrityError) as caught, database.write() as connection:
            connection.execute(insert(schema.users).values(values))
        told += [*traceback.format_exception(caught.value)]
    assert "not" in "".join(told).lower()
    assert not [line for line in told if "$argon2id" in line or "王小姐" in line]


def test_a_reader_cannot_write(databases: Databases, database: Database) -> None:
    """What it wrote would be lost without a word; PostgreSQL says so."""
    if databases.kind == "sqlite":
        return
    with pytest.raises(DBAPIError, match="read-only"), database.read() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])


def test_the_rows_of_one_query_are_of_what_is_committed(database: Database) -> None:
    """As they are for a transaction that begins now, and each transaction after it is what it was before."""
    asked = select(schema.communities.c.id).order_by(schema.communities.c.id)
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])
        assert database.rows(asked) == []
    assert [tuple(row) for row in database.rows(asked)] == [("c001",)]
    with pytest.raises(Gone), database.write() as connection:
        save(connection, [Community("c002", Text("乙", "B"))])
        raise Gone
    assert [tuple(row) for row in database.rows(asked)] == [("c001",)]


class Gone(Exception):
    """Something fails half way."""


def _end_its_sessions(postgres: PostgresServer, url: str) -> None:
    """As when the server is started anew."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    postgres.run_as_superuser(url, f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}")


def test_a_server_that_was_started_anew_is_not_noticed(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that lay idle is asked whether it works before it is used, and made anew if not."""
    monkeypatch.setattr("linli.db.database._TRUSTED_S", 0.0)
    with postgres.database() as url, closing(open_database(url)) as database:
        for _ in range(3):
            assert database.rows(select(schema.communities.c.id)) == []
            _end_its_sessions(postgres, url)


def test_of_connections_in_use_just_before_one_fails_and_the_rest_are_made_anew(postgres: PostgresServer) -> None:
    """They are not asked; what fails with the first is no reason for the others to fail too."""
    asked = select(schema.communities.c.id)
    with postgres.database() as url, closing(open_database(url)) as database:
        with database.read() as one, database.read() as other:
            assert one.execute(asked).all() == other.execute(asked).all() == []
        _end_its_sessions(postgres, url)
        with pytest.raises(OperationalError):
            database.rows(asked)
        assert database.rows(asked) == []
        with database.read() as one, database.read() as other:
            assert one.execute(asked).all() == other.execute(asked).all() == []


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
