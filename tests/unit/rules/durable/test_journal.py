"""The journal: what was appended comes back, snapshots replace it, and damage is told."""

import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from linli import topics
from linli.codec import encode
from linli.delivery import key_of
from linli.errors import DataFolderError
from linli.model import Lane, LaneKey
from rules.durable.journal import FORMAT, Journal, JournalUnavailable, Snapshot
from rules.engine.inputs import MessageIn, PassedIn, Tick
from tests.unit.rules.world import Feed


def alter(folder: Path, *statements: str) -> None:
    """Change the file behind the journal's back."""
    with sqlite3.connect(folder / "journal.db") as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def test_inputs_come_back_in_order_with_their_positions(tmp_path: Path) -> None:
    """Positions go on after a restart."""
    journal = Journal(tmp_path)
    assert journal.empty
    assert journal.append([Tick(1), Tick(2)]) == [1, 2]
    journal.close()
    again = Journal(tmp_path)
    assert again.append([Tick(3)]) == [3]
    assert list(again.after(0)) == [(1, Tick(1)), (2, Tick(2)), (3, Tick(3))]
    assert list(again.after(2)) == [(3, Tick(3))]
    again.close()


def test_a_snapshot_replaces_the_inputs_up_to_it(tmp_path: Path) -> None:
    """The file stays bounded, and positions are never used twice."""
    journal = Journal(tmp_path)
    journal.append([Tick(second) for second in range(10)])
    journal.keep(Snapshot(8, 5, b"state"))
    assert journal.snapshot() == Snapshot(8, 5, b"state")
    assert [position for position, _ in journal.after(8)] == [9, 10]
    journal.keep(Snapshot(10, 5, b"later"))
    journal.close()
    again = Journal(tmp_path)
    assert (again.position, list(again.after(10))) == (10, [])
    assert again.append([Tick(0)]) == [11]
    again.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM journal WHERE position = 3", "inputs 3 to 3 are missing"),
        ("DELETE FROM journal WHERE position = 2", "inputs 2 to 2 are missing"),
        ("UPDATE journal SET body = X'5435' WHERE position = 4", "input 4"),
        ("UPDATE snapshot SET state = X'00'", "snapshot at 1"),
    ],
)
def test_what_is_damaged_is_told_and_never_applied(tmp_path: Path, damage: str, said: str) -> None:
    """A missing input, a changed one, a changed snapshot: an error that says what to do."""
    journal = Journal(tmp_path)
    journal.append([Tick(second) for second in range(5)])
    journal.keep(Snapshot(1, 0, b"state"))
    journal.close()
    alter(tmp_path, damage)
    again = Journal(tmp_path)
    with pytest.raises(DataFolderError, match=said):
        _ = again.snapshot(), list(again.after(1))
    again.close()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def scribble(file: Path) -> None:
    file.write_bytes(b"this is not a database" * 500)


@pytest.mark.parametrize("damage", [cut, scribble])
def test_a_torn_file_is_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Cut off, or no database at all."""
    journal = Journal(tmp_path)
    journal.append([Tick(second) for second in range(2000)])
    journal.close()
    damage(tmp_path / "journal.db")
    with pytest.raises(DataFolderError, match="damaged"):
        Journal(tmp_path)


def test_a_message_is_kept_as_it_came_and_read_anew(tmp_path: Path) -> None:
    """Topic, payload and receive time; what a later Linli can no longer read is passed over as it would be on arrival."""
    made = Feed().event(1, "door", "access.door.opened", {"by": "key"})
    payload = encode(made.message)
    topic = topics.lane_topic("c1", "gw", Lane.URGENT)
    entry = MessageIn(made.message, made.received_at, (topic, payload))
    strange = MessageIn(made.message, made.received_at, (topic, payload.replace(b'"subject"', b'"later":1,"subject"')))
    journal = Journal(tmp_path)
    journal.append([entry, strange])
    passed = PassedIn(key_of(made.message), 1, made.received_at)
    assert [kept for _, kept in journal.after(0)] == [entry, passed]
    journal.close()


def test_a_journal_of_the_first_format_is_read_and_becomes_one_of_ours(tmp_path: Path) -> None:
    """With messages and lanes as it wrote them; an older Linli then leaves it alone."""
    message = Feed().reading(1, "cable", "temperature", 71.5, unit="Cel")
    journal = Journal(tmp_path)
    journal.append([message, Tick(5)])
    journal.close()
    lane = '{"community":"c1","gateway":"gw","bootid":"boot","lane":"urgent"}'
    body = b'P{"lane":%b,"sequence":7}' % lane.encode()
    alter(
        tmp_path,
        f"INSERT INTO journal VALUES (3, {zlib.crc32(body)}, X'{body.hex()}')",
        "UPDATE format SET version = 1",
    )
    again = Journal(tmp_path)
    passed = PassedIn(LaneKey("c1", "gw", "boot", Lane.URGENT), 7)
    assert [entry for _, entry in again.after(0)] == [message, Tick(5), passed]
    again.close()
    with sqlite3.connect(tmp_path / "journal.db") as database:
        assert database.execute("SELECT version FROM format").fetchall() == [(FORMAT,)]
    database.close()


def test_a_newer_journal_is_not_touched(tmp_path: Path) -> None:
    """It says to upgrade."""
    Journal(tmp_path).close()
    alter(tmp_path, "UPDATE format SET version = 99")
    with pytest.raises(DataFolderError, match="upgrade Linli"):
        Journal(tmp_path)


def test_a_batch_that_cannot_be_written_is_not_in_the_journal(tmp_path: Path) -> None:
    """All of it or nothing; a position it would have had is free."""
    journal = Journal(tmp_path)
    journal.append([Tick(1)])
    alter(
        tmp_path,
        "CREATE TRIGGER full BEFORE INSERT ON journal WHEN new.position = 3 "
        "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    with pytest.raises(JournalUnavailable, match="disk is full"):
        journal.append([Tick(2), Tick(3)])
    alter(tmp_path, "DROP TRIGGER full")
    assert journal.append([Tick(4)]) == [2]
    assert [entry for _, entry in journal.after(0)] == [Tick(1), Tick(4)]
    journal.close()


def test_a_journal_that_cannot_be_opened_is_not_told_as_damaged(tmp_path: Path) -> None:
    """A folder in its place, or another process that holds it: nobody is sent to move the file away."""
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(DataFolderError, match="cannot be opened") as caught:
        Journal(tmp_path)
    assert "damaged" not in caught.value.text.en
    assert "move" not in caught.value.text.en
