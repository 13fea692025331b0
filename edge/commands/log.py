"""Which commands this gateway has begun and answered, on disk: what makes each of them happen at most once.

An id is written, with fsync, before anything is done about it. Found again without an answer, it was cut off by a crash:
nobody knows whether the door opened, so it is never opened again on its account.
"""

import hashlib
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from linli.commands.wire import Reply, ReplyState, decode_reply, encode_reply
from linli.errors import LinliError
from linli.i18n import Text

_log = logging.getLogger(__name__)

KEPT = 10_000
"""Commands remembered, the newest: counted, not timed, since a clock may go back by a year and old commands with it."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS commands (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, reply BLOB);
"""


class CommandLogError(LinliError):
    """The log cannot be opened or written: nothing is to be carried out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command that was seen: `digest` of its payload, and the answer, None while it is being carried out."""

    digest: bytes
    reply: Reply | None


class CommandLog:
    """One gateway's log, in `folder`. Belongs to one thread between `open` and `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self._folder / "commands.db"

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._connection is not None

    def open(self) -> bool:
        """Open the file, or make it; whether it was whole. A damaged one is put aside. CommandLogError if it is locked."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = _connect(self.file)
            return True
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise _failed(self.file, error) from None
            _log.error("%s is damaged (%s); it is put aside", self.file, error)
        except OSError as error:
            raise _failed(self.file, error) from None
        try:
            self.file.replace(self.file.with_suffix(".damaged"))
            self._connection = _connect(self.file)
        except (OSError, sqlite3.Error) as error:
            raise _failed(self.file, error) from None
        return False

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def find(self, command: str) -> Entry | None:
        """What is known of the command of this id."""
        row = self._execute("SELECT digest, reply FROM commands WHERE id = ?", command).fetchone()
        return None if row is None else Entry(row[0], None if row[1] is None else decode_reply(row[1]))

    def begin(self, command: str, digest: bytes) -> None:
        """Note that it is about to be carried out; on disk when this returns. CommandLogError if it is not."""
        self._execute("INSERT INTO commands (id, digest) VALUES (?, ?)", command, digest)
        self._execute("DELETE FROM commands WHERE number <= (SELECT max(number) FROM commands) - ?", KEPT)

    def finish(self, reply: Reply) -> None:
        """Note the answer to one that was begun."""
        self._execute("UPDATE commands SET reply = ? WHERE id = ?", encode_reply(reply), reply.id)

    def interrupt(self, at: int) -> list[Reply]:
        """Answer what was begun before and has no answer: it was cut off. Those answers."""
        rows = self._execute("SELECT id FROM commands WHERE reply IS NULL ORDER BY number").fetchall()
        detail = "the agent was stopped while it carried this out; look whether it happened"
        replies = [Reply(row[0], ReplyState.FAILED, "interrupted", detail, at) for row in rows]
        for reply in replies:
            self.finish(reply)
        return replies

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        if self._connection is None:
            raise CommandLogError(Text("命令记录没有打开", "the log of commands is not open"))
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise _failed(self.file, error) from None


def digest_of(payload: bytes) -> bytes:
    """What tells two commands of one id apart."""
    return hashlib.sha256(payload).digest()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous=FULL")  # each statement is on disk when it returns
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("quick_check found damage")
        connection.executescript(_SCHEMA)
        connection.execute("SELECT id, digest, reply FROM commands LIMIT 1")
    except BaseException:
        connection.close()
        raise
    return connection


def _failed(file: Path, error: Exception) -> CommandLogError:
    return CommandLogError(
        Text(f"命令记录 {file} 不能使用：{error}", f"the log of commands {file} cannot be used: {error}")
    )
