"""Imports as they lie on the disk, a folder for each: the file that was sent, how far it is, and what was found.

    imports/ID/import.json    what is wanted, and what came of it
               file.xlsx      the upload, as it came
               faults.jsonl, changes.jsonl, progress.json
               working        locked for as long as a process works on it
    imports/applying          locked for as long as one is written: one at a time

Whoever works on an import holds its lock and is the only one who writes to its folder. A lock goes with its process, however
that ends: an import that says it is under way and is not locked was interrupted. Times are microseconds since 1970 UTC.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from linli.clock import HOUR, SystemClock
from linli.i18n import Text

KEPT = HOUR
"""For how long a file that was sent, and what was found in it, is there."""

SUFFIXES = (".xlsx", ".xlsm", ".csv", ".zip", ".xls")
"""What is taken as a file of tables; .xls to say what to do with it."""

MADE = "out-"
"""How a folder of a file begins that is being made and sent; it is gone then, unless its process was killed."""

_ID = re.compile(r"f[0-9a-f]{20}")
_T = TypeVar("_T")


class State(StrEnum):
    """How far an import is."""

    CHECKING = "checking"
    CHECKED = "checked"
    """Read to its end: see how many errors it has, and what it would change."""
    REFUSED = "refused"
    """The file cannot be read at all: `why` says so."""
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    """It could not be written, and nothing was: `why` says so."""
    INTERRUPTED = "interrupted"
    """Who worked on it was ended, and nothing was written: check or apply it again."""


UNDER_WAY = (State.CHECKING, State.APPLYING)


class Counts(msgspec.Struct, frozen=True):
    """Of one table: rows that say something, and what becomes of their items."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    same: int = 0


class Found(msgspec.Struct, frozen=True):
    """What was found in a file. `errors`, `contradictions`, `notes`: how many faults of each level; `unlisted` of all of them were
    only counted; `changed`, `removed`: fields that get another value, and items that the file leaves out."""

    tables: dict[str, Counts] = {}
    errors: int = 0
    contradictions: int = 0
    notes: int = 0
    unlisted: int = 0
    changed: int = 0
    removed: int = 0
    empty: bool = False


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants of a file. `file`: what it is called; `table`: what a single CSV is; `source`, `as_of`, `confidence`: whose
    word it is, of when and how sure; `remove_missing`: what it leaves out is removed."""

    file: str
    source: str
    as_of: int
    table: str | None = None
    confidence: float = 0.8
    remove_missing: bool = False


class Import(msgspec.Struct, frozen=True):
    """One import. `items`: how many were written; `why`: what was in the way."""

    id: str
    owner: str
    wish: Wish
    size: int
    sent_at: int
    state: State = State.CHECKING
    found: Found = Found()
    items: int = 0
    applied_at: int | None = None
    why: Text | None = None

    @property
    def until(self) -> int:
        """How long it is kept."""
        return self.sent_at + KEPT

    @property
    def ready(self) -> bool:
        """Whether it may be applied."""
        tried = self.state in (State.CHECKED, State.FAILED, State.INTERRUPTED)
        return tried and bool(self.found.tables) and not self.found.errors


class Progress(msgspec.Struct, frozen=True):
    """How far it is. `table`: the kind that is read; None while items are written. `done`: rows, or items."""

    table: str | None = None
    done: int = 0


class Fault(msgspec.Struct, frozen=True):
    """A fault of the file, as `linli.registry.tables.faults.Fault`."""

    level: str
    sheet: str
    row: int
    column: str
    value: str
    reason: str
    text: Text


class Change(msgspec.Struct, frozen=True):
    """A field that gets another value; or with `removed`, an item that goes."""

    kind: str
    id: str
    sheet: str = ""
    row: int = 0
    field: str = ""
    before: str = ""
    after: str = ""
    removed: bool = False


class ImportFolder:
    """All imports of an installation. Safe to use from several threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self, owner: str, wish: Wish, now: int) -> Import:
        """A new one, without its file."""
        made = Import("f" + secrets.token_hex(10), owner, wish, 0, now)
        self.root.mkdir(mode=0o700, exist_ok=True)
        self.folder(made.id).mkdir(mode=0o700)
        self.write(made)
        return made

    def folder(self, name: str) -> Path:
        """Where an import lies. The name is one of ours: check it with `is_name` before."""
        return self.root / name

    def upload(self, one: Import) -> Path:
        """The file that was sent: called by nothing but how its name ends."""
        return self.folder(one.id) / f"file{Path(one.wish.file).suffix.lower()}"

    def all(self) -> list[Import]:
        """All that are there, the last sent first."""
        if not self.root.is_dir():
            return []
        found = [one for path in self.root.iterdir() if (one := self.read(path.name)) is not None]
        return sorted(found, key=lambda one: (-one.sent_at, one.id))

    def read(self, name: str) -> Import | None:
        """One of them; None if there is none of that name."""
        if _ID.fullmatch(name) is None:
            return None
        try:
            one = self._read(name)
            if one.state not in UNDER_WAY or (lock := hold(self.lock(name))) is None:
                return one
            os.close(lock)
            now = self._read(name)  # it may have come to its end between the two looks
        except (FileNotFoundError, NotADirectoryError):
            return None
        return msgspec.structs.replace(now, state=State.INTERRUPTED) if now.state in UNDER_WAY else now

    def lock(self, name: str) -> Path:
        """What whoever works on it holds."""
        return self.folder(name) / "working"

    def write(self, one: Import) -> None:
        """Keep it as it is now."""
        self._replace(one.id, "import.json", one)

    def progress(self, name: str) -> Progress:
        """How far it is."""
        try:
            return msgspec.json.decode((self.folder(name) / "progress.json").read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress()

    def tell(self, name: str, progress: Progress) -> None:
        """It is so far."""
        self._replace(name, "progress.json", progress)

    def put_lines(self, name: str, file: str, lines: Iterator[Any]) -> int:
        """Write what was found, a line each; how many."""
        count = 0
        encoder = msgspec.json.Encoder()
        path = self.folder(name) / f"{file}.new"
        with _opened(path) as out:
            for line in lines:
                out.write(encoder.encode(line) + b"\n")
                count += 1
        path.replace(self.folder(name) / file)
        return count

    def lines(self, name: str, file: str, of: type[_T]) -> Iterator[tuple[int, _T]]:
        """What was found, line by line, with its number from 1; nothing before it was written."""
        decoder = msgspec.json.Decoder(of)
        try:
            with (self.folder(name) / file).open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    yield number, decoder.decode(line)
        except FileNotFoundError:
            return

    def some(self, name: str, file: str, of: type[_T], after: int, most: int) -> list[tuple[int, _T]]:
        """At most so many lines after that number."""
        return list(islice((line for line in self.lines(name, file, of) if line[0] > after), most))

    def remove(self, name: str) -> None:
        """Away with all of it."""
        shutil.rmtree(self.folder(name), ignore_errors=True)

    def drop_upload(self, one: Import) -> None:
        """Away with the file that was sent: what came of it stays until its time is over."""
        self.upload(one).unlink(missing_ok=True)

    def tidy(self, now: int) -> int:
        """Remove what is over, but for what is under way; how many."""
        over = [one.id for one in self.all() if one.until <= now and one.state not in UNDER_WAY]
        over += [path.name for path in self.root.glob(f"{MADE}*") if _age(path) >= KEPT]
        for name in over:
            self.remove(name)
        return len(over)

    def _read(self, name: str) -> Import:
        return msgspec.json.decode((self.folder(name) / "import.json").read_bytes(), type=Import)

    def _replace(self, name: str, file: str, value: Any) -> None:
        """A file that is never seen half written."""
        fresh = self.folder(name) / f"{file}.{secrets.token_hex(4)}"
        with _opened(fresh) as out:
            out.write(msgspec.json.encode(value))
        fresh.replace(self.folder(name) / file)


def hold(path: Path) -> int | None:
    """The lock, as a descriptor that a process started with it holds too; None if somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _age(path: Path) -> int:
    """How long ago something was last put into the folder, by the machine's clock; 0 for what has just gone."""
    try:
        return SystemClock().now() - path.stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return 0


def _opened(path: Path) -> IO[bytes]:
    """For its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
