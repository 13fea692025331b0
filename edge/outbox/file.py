"""The file of an outbox: its schema and versions, its one row of state, and its tallies. SQLite, one connection.

`user_version` is the version of the format. 1 (written as 0) is what 0.1 wrote: one count of drops, and records of a
sequence and a body. 2 has for each record a CRC-32 of its body, when the agent took it and how many observations it holds,
and for each lane its lowest sequence, so that a record that is missing is known to be; and the tallies of each day.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from linli.clock import DAY, parse_time
from linli.errors import LinliError
from linli.i18n import Text
from linli.ids import new_bootid
from linli.model import READINGS_TYPE, Lane

VERSION = 2
ROW_BYTES = 48
"""What a record takes on the disk beside its body, about."""

_KEPT_DAYS = 40
_SCHEMA = """
CREATE TABLE outbox (
    one INTEGER PRIMARY KEY CHECK (one = 1), bootid TEXT NOT NULL,
    urgent_first INTEGER NOT NULL, urgent_next INTEGER NOT NULL,
    bulk_first INTEGER NOT NULL, bulk_next INTEGER NOT NULL,
    urgent_dropped INTEGER NOT NULL, bulk_dropped INTEGER NOT NULL,
    urgent_told INTEGER NOT NULL, bulk_told INTEGER NOT NULL, dropped_since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS urgent (
    sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0,
    taken_at INTEGER NOT NULL DEFAULT 0, observations INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS bulk (
    sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, crc INTEGER NOT NULL DEFAULT 0,
    taken_at INTEGER NOT NULL DEFAULT 0, observations INTEGER NOT NULL DEFAULT 1);
CREATE TABLE tallies (day INTEGER PRIMARY KEY, taken INTEGER NOT NULL, dropped INTEGER NOT NULL);
"""
_NEW_COLUMNS = (
    "crc INTEGER NOT NULL DEFAULT 0",
    "taken_at INTEGER NOT NULL DEFAULT 0",
    "observations INTEGER NOT NULL DEFAULT 1",
)
_DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_UNREADABLE = frozenset((sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ))
_IN_USE = Text(
    "另一个边缘代理正在使用它：先停掉那一个，或给这一个单独的目录（outbox）",
    "another agent runs on it: stop that one first, or give this one a folder of its own (outbox)",
)
_NOT_OURS = Text(
    "不能读写：请看文件和目录的所有者与权限（chown），以及磁盘是否只读",
    "it cannot be read and written: see whose file and folder it is (chown), and whether the disk is read-only",
)
_WORDS = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_FULL: Text("磁盘已满：请清理磁盘", "the disk is full: clear it"),
    sqlite3.SQLITE_CANTOPEN: _NOT_OURS,
    sqlite3.SQLITE_READONLY: _NOT_OURS,
}


class TooNew(LinliError):
    """The file was written by a newer version of the agent."""


@dataclass(slots=True)
class State:
    """The one row of table outbox. `told`: how many drops have been reported; `dropped_since`: when those that have not
    been began, in microseconds, 0 if there are none."""

    bootid: str
    first: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 1))
    next: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 1))
    dropped: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    told: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    dropped_since: int = 0

    def copy(self) -> "State":
        """One to change."""
        return State(self.bootid, {**self.first}, {**self.next}, {**self.dropped}, {**self.told}, self.dropped_since)


@dataclass(frozen=True, slots=True)
class Record:
    """One message as the file has it."""

    sequence: int
    body: bytes
    taken_at: int
    observations: int

    @property
    def row(self) -> tuple[int, bytes, int, int, int]:
        """The columns, with the check of the body."""
        return (self.sequence, self.body, zlib.crc32(self.body), self.taken_at, self.observations)


Tallies = dict[int, tuple[int, int]]
"""Day since 1970 -> observations taken and dropped."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether what SQLite says is about the file's content, and trying again will not help."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and (code & 0xFF in _DAMAGE or code in _UNREADABLE)


def in_words(error: Exception) -> Text:
    """What is wrong and what to do, for a person; SQLite's or the system's own words where there are no better ones."""
    if isinstance(error, LinliError):
        return error.text
    code = getattr(error, "sqlite_errorcode", None)
    return _WORDS.get(code & 0xFF if isinstance(code, int) else 0) or Text(str(error), str(error))


def is_sound(body: object, crc: object) -> bool:
    """Whether a record is as it was written."""
    return isinstance(body, bytes) and zlib.crc32(body) == crc


# --- opening --------------------------------------------------------------------------------------------------------


def connect(file: Path) -> sqlite3.Connection:
    """Open `file`, for this process alone: a second agent on it is refused, instead of giving sequences twice."""
    connection = sqlite3.connect(file, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "journal_size_limit=4000000"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, or bring an older one up to date. TooNew if it is newer than this program."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise TooNew(
                Text(
                    f"其格式版本为 {version}，本程序只认得 {VERSION}：请升级邻里，或换一个发件箱目录",
                    f"its format is version {version}, this program knows {VERSION}: upgrade Linli, or use another folder",
                )
            )
        if version == VERSION:
            return
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").fetchone():
            _from_version_1(connection)
        else:
            create(connection, State(new_bootid()), {})


def create(connection: sqlite3.Connection, state: State, tallies: Tallies) -> None:
    """The tables that are missing, with this state, within the caller's transaction."""
    for statement in filter(str.strip, _SCHEMA.split(";")):
        connection.execute(statement)
    connection.execute(f"INSERT INTO outbox VALUES (1{', ?' * 10})", _values(state))  # noqa: S608  (no value)
    write_tallies(connection, tallies)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _from_version_1(connection: sqlite3.Connection) -> None:
    bootid, urgent, bulk, dropped = connection.execute(
        "SELECT bootid, urgent_next, bulk_next, dropped FROM outbox"
    ).fetchone()
    state = State(bootid, next={Lane.URGENT: urgent, Lane.BULK: bulk})
    state.dropped[Lane.BULK] = state.told[Lane.BULK] = dropped
    connection.execute("DROP TABLE outbox")
    connection.create_function("crc32", 1, zlib.crc32, deterministic=True)
    connection.create_function("taken_at", 1, lambda body: described(body)[0], deterministic=True)
    connection.create_function("observations", 1, lambda body: described(body)[1], deterministic=True)
    for lane in Lane:
        for column in _NEW_COLUMNS:
            connection.execute(f"ALTER TABLE {lane.value} ADD COLUMN {column}")
        connection.execute(
            f"UPDATE {lane.value} SET crc = crc32(body), taken_at = taken_at(body), observations = observations(body)"  # noqa: S608
        )
        (first,) = connection.execute(f"SELECT min(sequence) FROM {lane.value}").fetchone()  # noqa: S608
        state.first[lane] = state.next[lane] if first is None else first
    create(connection, state, {})
    write_tallies(connection, count(connection))


def described(body: bytes) -> tuple[int, int]:
    """When the agent took the message, and how many observations it holds, from the message itself."""
    document = orjson.loads(body)
    packed = document["type"] == READINGS_TYPE
    return parse_time(document["agenttime"]), len(document["data"]) if packed else 1


# --- its one row, and the days --------------------------------------------------------------------------------------


def read_state(connection: sqlite3.Connection) -> State:
    """The row of table outbox."""
    row = connection.execute("SELECT * FROM outbox").fetchone()
    urgent, bulk = Lane.URGENT, Lane.BULK
    return State(
        row[1],
        {urgent: row[2], bulk: row[4]},
        {urgent: row[3], bulk: row[5]},
        {urgent: row[6], bulk: row[7]},
        {urgent: row[8], bulk: row[9]},
        row[10],
    )


def write_state(connection: sqlite3.Connection, state: State) -> None:
    """Write the row of table outbox anew."""
    connection.execute(f"REPLACE INTO outbox VALUES (1{', ?' * 10})", _values(state))  # noqa: S608  (no value)


def _values(state: State) -> tuple[str | int, ...]:
    urgent, bulk = Lane.URGENT, Lane.BULK
    return (
        state.bootid,
        state.first[urgent],
        state.next[urgent],
        state.first[bulk],
        state.next[bulk],
        state.dropped[urgent],
        state.dropped[bulk],
        state.told[urgent],
        state.told[bulk],
        state.dropped_since,
    )


def read_tallies(connection: sqlite3.Connection) -> Tallies:
    """The last days."""
    rows = connection.execute("SELECT day, taken, dropped FROM tallies ORDER BY day DESC LIMIT ?", (_KEPT_DAYS,))
    return {day: (taken, dropped) for day, taken, dropped in rows}


def write_tallies(connection: sqlite3.Connection, tallies: Mapping[int, tuple[int, int]]) -> None:
    """Set these days."""
    rows = [(day, *pair) for day, pair in tallies.items()]
    connection.executemany("REPLACE INTO tallies VALUES (?, ?, ?)", rows)


def add(tallies: Tallies, taken_at: int, taken: int = 0, dropped: int = 0) -> None:
    """Count observations on the day of `taken_at`."""
    day = taken_at // DAY
    before = tallies.get(day, (0, 0))
    tallies[day] = (before[0] + taken, before[1] + dropped)


def count(connection: sqlite3.Connection) -> Tallies:
    """The tallies of a file of which nothing is known but the records that it holds."""
    rows = connection.execute(
        "SELECT taken_at / ?, sum(observations) FROM (SELECT taken_at, observations FROM urgent"
        " UNION ALL SELECT taken_at, observations FROM bulk) GROUP BY 1",
        (DAY,),
    )
    return {day: (taken, 0) for day, taken in rows}


def renumber(connection: sqlite3.Connection, state: State, lane: Lane, above: int) -> None:
    """Number from 1 what lies above `above`, under the bootid of `state`; the rest is deleted. What is damaged is dropped."""
    connection.execute(f"DELETE FROM {lane.value} WHERE sequence <= ?", (above,))  # noqa: S608  (our own names)
    fresh = 0
    # Sequences only fall, and the lowest is moved first, so no new one meets an old one.
    for (old,) in connection.execute(f"SELECT sequence FROM {lane.value} ORDER BY sequence").fetchall():  # noqa: S608
        body, crc = connection.execute(f"SELECT body, crc FROM {lane.value} WHERE sequence = ?", (old,)).fetchone()  # noqa: S608
        if not is_sound(body, crc):
            connection.execute(f"DELETE FROM {lane.value} WHERE sequence = ?", (old,))  # noqa: S608
            state.dropped[lane] += 1
            continue
        fresh += 1
        renamed = Record(fresh, _renamed(body, state.bootid, lane, fresh), 0, 0)
        connection.execute(
            f"UPDATE {lane.value} SET sequence = ?, body = ?, crc = ? WHERE sequence = ?",  # noqa: S608  (our own names)
            (*renamed.row[:3], old),
        )
    state.first[lane], state.next[lane] = 1, fresh + 1


def _renamed(body: bytes, bootid: str, lane: Lane, sequence: int) -> bytes:
    document = orjson.loads(body)
    document.update(id=f"{bootid}-{lane}-{sequence}", bootid=bootid, sequence=str(sequence).zfill(19))
    return orjson.dumps(document)
