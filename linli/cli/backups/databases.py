"""Copies of SQLite databases that are being written to, whole and of one instant.

A `Pinned` one is held by a read transaction: what is copied is the file as it was then, however long that takes and whatever is
written meanwhile. Writers never wait for it (WAL); the log only grows until it lets go. An agent has its outbox for itself, and
must not find it locked when it starts: its files are copied as they lie, and once more if they changed meanwhile.
"""

import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from linli.backups import BackupError
from linli.i18n import Text

_PATIENCE_S = 15.0
_STEP_PAGES = 2048
_TRIES = 50
_PAUSE_S = 0.1
_WAL_HEAD = 32
_LOGS = ("-wal", "-journal")
_MAGIC = b"SQLite format 3\x00"


class NeverStill(BackupError):
    """A file that cannot be locked changed while it was read, however often."""


Told = Callable[[int, int], None]
"""Told how many pages are copied, and of how many."""


def is_sqlite(path: Path) -> bool:
    """Whether the file is a SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class Pinned:
    """The database at `path` as it is now. BackupError if it cannot be read."""

    def __init__(self, path: Path, patience_s: float = _PATIENCE_S) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=patience_s, isolation_level=None
            )
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            self.close()
            raise _unreadable(path, error) from error

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """The rows of a query; BackupError if that fails."""
        if self._connection is None:
            raise RuntimeError("closed")
        try:
            return self._connection.execute(query).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(self._path, error) from error

    def copy(self, target: Path, told: Told) -> None:
        """Write it to the new file `target`, and check that what was written is sound. BackupError if it is not, OSError if it
        cannot be written."""
        if self._connection is None:
            raise RuntimeError("closed")
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=OFF")  # it is only read once, from here into the archive
            try:
                self._connection.backup(
                    copy, pages=_STEP_PAGES, progress=lambda _status, left, whole: told(whole - left, whole)
                )
            except sqlite3.Error as error:
                raise _failed(self._path, target, error) from error
        require_sound(target, str(self._path), thoroughly=False)

    def close(self) -> None:
        """Let go of it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def copy_database(source: Path, target: Path, told: Told) -> None:
    """The database at `source`, whoever has it open, to the new file `target`. Raises as `Pinned.copy`."""
    try:
        pinned = Pinned(source, patience_s=0.5)
    except BackupError as error:
        if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        copy_as_it_lies(source, target)
        return
    with closing(pinned):
        pinned.copy(target, told)


def require_sound(path: Path, name: str, *, thoroughly: bool) -> None:
    """BackupError, calling the database `name`, if it is damaged. `thoroughly`: its indexes are compared with its tables too."""
    check = "integrity_check" if thoroughly else "quick_check"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            said = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise BackupError(
            Text(
                f"数据库 {name} 已损坏（{said}）：请改用较早的备份；正在运行的，先停止 Linli，把整个数据目录另存一份再修复",
                f"the database {name} is damaged ({said}): use an earlier backup; one that is in use now: stop Linli and put the "
                "whole data folder aside before you mend it",
            )
        )


def copy_as_it_lies(source: Path, target: Path) -> None:
    """The same without a lock: the database with its log, unchanged while they were read. It holds the same before and after, and
    the log, which may grow, was not begun anew. NeverStill if it changes all the time, BackupError if it is damaged."""
    pause = threading.Event()
    for _ in range(_TRIES):
        before = _state(source)
        for end in ("", *_LOGS):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{source}{end}", f"{target}{end}")
        if not target.exists():
            raise FileNotFoundError(source)
        if _state(source) == before == _state(target):
            require_sound(target, str(source), thoroughly=False)
            return
        for end in _LOGS:
            Path(f"{target}{end}").unlink(missing_ok=True)
        pause.wait(_PAUSE_S)
    raise NeverStill(
        Text(
            f"{source} 一直在变，没能复制，备份中没有它：使用它的代理恢复后以新的 bootid 继续",
            f"{source} changes all the time and is not in the backup: its agent goes on under a new bootid when restored",
        )
    )


def _state(file: Path) -> tuple[bytes, bytes, bytes]:
    """What tells that a database changed: its content, the beginning of a write-ahead log (which is drawn anew each time), and
    the content of a rollback journal."""
    wal, journal = (Path(f"{file}{end}") for end in _LOGS)
    return _digest(file), _head(wal), _digest(journal)


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except FileNotFoundError:
        return b""


def _head(log: Path) -> bytes:
    try:
        with log.open("rb") as opened:
            return opened.read(_WAL_HEAD)
    except FileNotFoundError:
        return b""


def _unreadable(path: Path, error: sqlite3.Error) -> BackupError:
    return BackupError(
        Text(
            f"数据库 {path} 读不了：{error}。检查文件的所有者与权限；被别的程序锁住的，稍后再试",
            f"the database {path} cannot be read: {error}. See whose file it is and its permissions; if another program has it "
            "locked, try again later",
        )
    )


def _failed(path: Path, target: Path, error: sqlite3.Error) -> Exception:
    """What SQLite says, told apart: the room on the target's side, or the database that is read."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return OSError(f"{target}: {error}")
    return _unreadable(path, error)
