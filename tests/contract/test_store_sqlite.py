"""What is SQLite's own: its schema's number, several processes, a full disk, a locked file."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from linli.adapters import readings_schema
from linli.adapters.sqlite_store import SqliteStore
from linli.errors import DataFolderError, StoreUnavailable
from linli.model import Reading
from tests.contract.test_store import BULK, T0, URGENT, event, packet


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


def test_constructing_does_no_io(file: Path) -> None:
    """The file is made at the first use."""
    store = SqliteStore(file)
    assert not file.exists()
    store.check()
    assert readings_schema.current(file) == readings_schema.HEAD
    store.close()


def test_head_is_the_newest_script() -> None:
    """The constant that spares a start loading Alembic says what the scripts say."""
    config = Config()
    config.set_main_option("script_location", str(readings_schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [readings_schema.HEAD]


def test_a_file_of_this_version_is_opened_without_alembic(file: Path) -> None:
    """Startup stays quick."""
    readings_schema.ensure(file)
    code = (
        "import sys; from pathlib import Path; from linli.adapters.sqlite_store import SqliteStore;"
        f"SqliteStore(Path({str(file)!r})).check(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_a_file_of_a_newer_version_is_refused(file: Path) -> None:
    """With what to do, and nothing in it is touched."""
    readings_schema.ensure(file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(DataFolderError, match="9999"):
        SqliteStore(file).check()


def test_several_may_make_the_file_at_once(file: Path) -> None:
    """Ingest and the API start at the same time; one migrates, the others wait."""
    errors: list[Exception] = []

    def use() -> None:
        store = SqliteStore(file)
        try:
            store.check()
        except Exception as error:  # noqa: BLE001  (a thread's error would be lost)
            errors.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_rows_and_positions_are_one_transaction(file: Path) -> None:
    """A process killed within a write leaves neither; the next write works."""
    store = SqliteStore(file)
    store.write([event(1)], {URGENT: 1})
    with pytest.raises(RuntimeError), store._writing() as connection:
        connection.execute("UPDATE lanes SET upto = 99")
        connection.execute("DELETE FROM events")
        raise RuntimeError("killed")
    assert store.positions() == {URGENT: 1}
    store.write([event(2)], {URGENT: 2})
    assert [e.sequence for e in store.events("c001", 0, T0 + 1)] == [2, 1]
    store.close()


def test_numbers_made_in_a_failed_write_are_made_again(file: Path) -> None:
    """What the store remembers of series and lanes is what the file has."""
    store = SqliteStore(file)
    store.check()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON readings BEGIN SELECT RAISE(ROLLBACK, 'no'); END")
        with pytest.raises(Exception, match="no"):
            store.write([packet(1, Reading("t-1", "temperature", T0, 1.0))], {BULK: 1})
        connection.execute("DROP TRIGGER no")
    connection.close()
    store.write(
        [packet(1, Reading("t-0", "temperature", T0, 0.0)), packet(2, Reading("t-1", "temperature", T0, 1.0))], {}
    )
    assert {v.device: v.value for v in store.latest("c001")} == {"t-0": 0.0, "t-1": 1.0}
    store.close()


def test_a_full_disk_is_unavailable_and_passes(file: Path) -> None:
    """Nothing of the batch is stored; with room again the same batch is."""
    store = SqliteStore(file)
    store.check()
    with store._writing() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[union-attr]
    batch = [packet(1, *[Reading(f"t-{n}", "temperature", T0, 1.0) for n in range(1000)])]
    with pytest.raises(StoreUnavailable, match="full"):
        store.write(batch, {BULK: 1})
    assert store.positions() == {}
    assert store.latest("c001") == []
    store.write(batch, {BULK: 1})
    assert len(store.latest("c001")) == 1000
    store.close()


def test_a_locked_file_is_unavailable(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer that does not end: told, not waited for without end; readers are not held up."""
    monkeypatch.setattr("linli.adapters.sqlite_store._BUSY_S", 0.05)
    store = SqliteStore(file)
    store.write([event(1)], {URGENT: 1})
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.write([event(2)], {URGENT: 2})
    assert store.positions() == {URGENT: 1}
    other.execute("ROLLBACK")
    other.close()
    store.write([event(2)], {URGENT: 2})
    store.close()


def test_a_file_that_is_no_database_is_unavailable(file: Path) -> None:
    """With the reason; it is not overwritten."""
    file.write_bytes(b"not a database, and longer than a header of one hundred bytes " * 4)
    with pytest.raises(StoreUnavailable, match="not a database"):
        SqliteStore(file).write([event(1)], {})
    assert file.read_bytes().startswith(b"not a database")


def test_many_threads_read_while_one_writes(file: Path) -> None:
    """As the API's thread pool does while ingest writes: no errors, and each answer is of one moment."""
    writer, reader = SqliteStore(file), SqliteStore(file)
    writer.write([event(1)], {URGENT: 1})
    errors: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                upto = reader.positions()[URGENT]
                if len(reader.events("c001", 0, T0 + 10_000, limit=10_000)) < upto:
                    errors.append(upto)
            except Exception as error:  # noqa: BLE001  (a thread's error would be lost)
                errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for n in range(2, 60):
        writer.write([event(n, time=T0 + n)], {URGENT: n})
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    writer.close()
    reader.close()


def test_events_of_a_device_are_found_by_an_index(file: Path) -> None:
    """A page of one device's events does not read the whole community's."""
    store = SqliteStore(file)
    store.write([event(1)], {})
    with store._reading() as connection:
        query = "SELECT * FROM events WHERE community = ? AND device = ? AND time >= 0 AND time < 9 ORDER BY time DESC"
        plan = " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query, ("c001", "d")))
    assert "ix_events_device" in plan
    assert "TEMP B-TREE" not in plan
    store.close()
