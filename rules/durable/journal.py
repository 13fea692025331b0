"""The engine's memory on disk: every input before it counts, and now and then the state that they led to.

One SQLite file under the data folder. A position numbers each input; a snapshot replaces the inputs up to its own
position, so the file stays bounded. A restart is the snapshot and the inputs after it, applied again. Each row carries the
CRC-32 of its body: what is damaged is told, never applied.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from linli.errors import DataFolderError
from linli.i18n import Text
from rules import wire
from rules.engine.inputs import Input, decode_input, encode_input, wire_of

FORMAT = 2
"""2 keeps messages as they came over the wire. 1, which held them anew as JSON, is read too, and becomes 2."""

_READ_TOO = (1,)

_TABLES = """
CREATE TABLE IF NOT EXISTS format (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS journal (position INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS snapshot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL, told INTEGER NOT NULL, crc INTEGER NOT NULL, state BLOB NOT NULL
);
"""


NAME = "journal.db"
"""The file, in its folder; SQLite keeps two more beside it."""


class JournalUnavailable(Exception):
    """The journal cannot be written now (a full disk, for one): nothing of the batch is in it. Try again later."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine's state after the input at `position`. `told`: the last position up to there that had effects."""

    position: int
    told: int
    state: bytes


class Journal:
    """Opened by one process. Making it does I/O: DataFolderError if the file cannot be opened, is damaged or of a newer
    Linli."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME
        self.grown = 0
        """Bytes of inputs since the last snapshot, as far as this process has written them."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(self.file, isolation_level=None, timeout=15, check_same_thread=False)
            self._open()
        except (
            sqlite3.OperationalError
        ) as error:  # what the machine refuses; what is wrong in the file is a DatabaseError
            raise self._closed_to_us(str(error)) from None
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from None

    def _open(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000"):
            self._database.execute(f"PRAGMA {pragma}")
        said = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise self._damaged(said)
        self._database.executescript(_TABLES)
        row = self._database.execute("SELECT version FROM format").fetchone()
        if row is None:
            self._database.execute("INSERT INTO format VALUES (?)", (FORMAT,))
        elif row[0] in _READ_TOO:
            self._database.execute("UPDATE format SET version = ?", (FORMAT,))
        elif row[0] != FORMAT:
            raise DataFolderError(
                Text(
                    f"{self.file} 的版本是 {row[0]}，此 Linli 只认得 {FORMAT}：请升级 Linli",
                    f"{self.file} has version {row[0]}, this Linli knows {FORMAT}: upgrade Linli",
                )
            )
        self.position = self._last_position()

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether nothing was ever kept here."""
        return self.position == 0

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot, or None. DataFolderError if it is damaged."""
        row = self._database.execute("SELECT position, told, crc, state FROM snapshot").fetchone()
        if row is None:
            return None
        position, told, crc, state = row
        if zlib.crc32(state) != crc:
            raise self._damaged(f"snapshot at {position}")
        return Snapshot(position, told, state)

    def after(self, position: int) -> Iterator[tuple[int, Input]]:
        """The inputs after `position`, each with its own; DataFolderError for one that is missing or damaged."""
        expected = position + 1
        rows = self._database.execute(
            "SELECT position, crc, body FROM journal WHERE position > ? ORDER BY position", (position,)
        )
        for here, crc, body in rows:
            if here != expected:
                raise self._damaged(f"inputs {expected} to {here - 1} are missing")
            if zlib.crc32(body) != crc:
                raise self._damaged(f"input {here}")
            try:
                entry = _decoded(body)
            except (ValueError, TypeError) as error:
                raise self._damaged(f"input {here}: {error}") from None
            yield here, entry
            expected += 1

    # --- writing ----------------------------------------------------------------------------------------------------

    def append(self, entries: Sequence[Input]) -> list[int]:
        """Make the inputs durable with one commit; their positions. JournalUnavailable if it cannot be done now."""
        first = self.position + 1
        bodies = [encode_input(entry) for entry in entries]
        rows = [(first + number, zlib.crc32(body), body) for number, body in enumerate(bodies)]
        self._transaction([("INSERT INTO journal VALUES (?, ?, ?)", rows)])
        self.position += len(rows)
        self.grown += sum(map(len, bodies))
        return [row[0] for row in rows]

    def keep(self, snapshot: Snapshot) -> None:
        """Replace the snapshot and drop the inputs that it stands for. JournalUnavailable if it cannot be done now."""
        self.position = max(self.position, snapshot.position)
        row = (snapshot.position, snapshot.told, zlib.crc32(snapshot.state), snapshot.state)
        self._transaction(
            [
                ("INSERT OR REPLACE INTO snapshot VALUES (1, ?, ?, ?, ?)", [row]),
                ("DELETE FROM journal WHERE position <= ?", [(snapshot.position,)]),
            ]
        )
        self.grown = 0

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _transaction(self, steps: Sequence[tuple[str, Sequence[tuple[object, ...]]]]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for statement, rows in steps:
                self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.rollback()
            raise JournalUnavailable(str(error)) from error

    def _last_position(self) -> int:
        row = self._database.execute(
            "SELECT max(coalesce((SELECT max(position) FROM journal), 0), coalesce((SELECT position FROM snapshot), 0))"
        ).fetchone()
        return int(row[0])

    def _closed_to_us(self, what: str) -> DataFolderError:
        return DataFolderError(
            Text(
                f"规则日志 {self.file} 打不开（{what}）。文件不一定损坏，请不要移走：检查文件夹权限和磁盘空间，"
                "以及是否另有一个规则进程在使用它，然后重新启动",
                f"the rules journal {self.file} cannot be opened ({what}). That does not mean damage, leave it where it is: look "
                "at the folder's permissions, the space on the disk, and whether another rules process is using it, then "
                "start again",
            )
        )

    def _damaged(self, what: str) -> DataFolderError:
        return DataFolderError(
            Text(
                f"规则日志 {self.file} 已损坏（{what}）。把文件 journal.db* 移到别处后重新启动：未关闭的报警从数据库读回，"
                "但计时中的条件会从头开始",
                f"the rules journal {self.file} is damaged ({what}). Move the files journal.db* away and start again: open "
                "alerts come back from the database, conditions that were being timed begin anew",
            )
        )


def _decoded(body: bytes) -> Input:
    came = wire_of(body)
    if came is None:
        return decode_input(body)
    read = wire.read(*came)
    if read is None:
        raise ValueError("a message that has no place on a lane")
    return read[1]
