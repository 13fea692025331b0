"""One file of the journal: batches of records, appended and made durable one after the other.

    file    "LINLIJ", version (2 bytes), salt (8), CRC-32 of these (4), batches
    batch   salt, position of its first record (8), bytes of its body (4), records (4), CRC-32 of all that and the body (4), body
    body    for each record its length (4) and its bytes

Numbers are big endian. Theory of operation. Each batch is on the disk before the next is begun, so a process or a machine that
dies leaves at most one batch that is not whole, at the end: that is torn, nobody was promised it, and it is cut off. A batch
that is not whole with a whole one after it has been damaged since: that is told, and nothing after it is applied. The salt is
drawn anew for each file and nobody outside knows it, so no message can contain what looks like a batch.
"""

import contextlib
import errno
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

VERSION = 3
"""The format of the journal as a whole; 1 and 2 were a database, see `rules.durable.former`."""

PROBE = 1024 * 1024
"""Bytes that have to fit once a disk was full: with less it would be full again at once."""

_HEAD = struct.Struct(">6sH8sI")
_BATCH = struct.Struct(">8sQII")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">I")
_MAGIC = b"LINLIJ"
_FRAME = _BATCH.size + _CRC.size


class Damaged(ValueError):
    """The file is not what was written: it says where."""


class Newer(ValueError):
    """The file was written by a later Linli; it says which version it has."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: whole batches up to the byte `end`, with records up to position `last`; what lies behind is torn."""

    salt: bytes
    last: int
    end: int
    size: int

    @property
    def torn(self) -> int:
        """Bytes of a batch that was not written to its end."""
        return self.size - self.end


@dataclass(frozen=True, slots=True)
class _Batch:
    first: int
    count: int
    start: int
    end: int


def look_through(file: Path, held: int | None = None) -> Contents | None:
    """Check all of a file. None if not even its head was written to the end. `held`: a descriptor that has it open, for one that
    may have been deleted.

    Damaged, if something whole comes after something that is not; Newer; OSError if it cannot be read.
    """
    with _mapped(file if held is None else Path(f"/dev/fd/{held}")) as content:
        if content is None:
            return None
        salt = _salt_of(content)
        if salt is None:
            return None
        next_, here = first_of(file), _HEAD.size
        while (batch := _batch_at(content, here, salt)) is not None:
            if batch.first != next_:
                raise Damaged(f"inputs {next_} to {batch.first - 1} are missing")
            next_, here = batch.first + batch.count, batch.end
        if here < len(content) and _whole_after(content, here + 1, salt):
            raise Damaged(f"inputs from {next_} on")
        return Contents(salt, next_ - 1, here, len(content))


def records(file: Path, contents: Contents, after: int) -> Iterator[tuple[int, bytes]]:
    """The records with a position above `after`, each with its own. `contents`: as `look_through` found them."""
    with _mapped(file) as content:
        here = _HEAD.size
        while content is not None and here < contents.end:
            batch = _batch_at(content, here, contents.salt)
            if batch is None:
                raise Damaged(f"inputs behind byte {here}")
            here = batch.end
            if batch.first + batch.count > after + 1:
                yield from _records_of(content, batch, after)


def _records_of(content: mmap.mmap, batch: _Batch, after: int) -> Iterator[tuple[int, bytes]]:
    here = batch.start + _FRAME
    for position in range(batch.first, batch.first + batch.count):
        (length,) = _LENGTH.unpack_from(content, here)
        here += _LENGTH.size + length
        if position > after:
            yield position, content[here - length : here]


class Segment:
    """The file that is being appended to. What fails leaves it as it was, also if the process dies then."""

    def __init__(self, file: Path, salt: bytes, size: int, write: Callable[[int, bytes], int] = os.write) -> None:
        self.file = file
        self._salt = salt
        self._size = size
        self._write = write
        self._descriptor = os.open(file, os.O_RDWR)
        self._mended = False

    @classmethod
    def create(cls, folder: Path, first: int, write: Callable[[int, bytes], int] = os.write) -> "Segment":
        """A new file for records from position `first` on, durable itself; OSError if it cannot be made."""
        file = folder / name_of(first)
        salt = os.urandom(8)
        head = _head(salt)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, head, write)
            os.fsync(descriptor)
            make_durable(folder)
        except OSError:
            file.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return cls(file, salt, len(head), write)

    def append(self, first: int, bodies: Sequence[bytes]) -> int:
        """Make the records durable as one batch; its bytes. OSError if it cannot be done: then none of them is here."""
        self.mend()
        body = b"".join(part for record in bodies for part in (_LENGTH.pack(len(record)), record))
        head = _BATCH.pack(self._salt, first, len(body), len(bodies))
        batch = b"".join((head, _CRC.pack(zlib.crc32(body, zlib.crc32(head))), body))
        self._mended = False
        write_all(self._descriptor, batch, self._write)
        sync_data(self._descriptor)
        self._mended = True
        self._size += len(batch)
        return len(batch)

    def probe(self) -> None:
        """Whether a large batch could be written now: it is, and taken back. OSError if not."""
        self.mend()
        self._mended = False
        write_all(self._descriptor, bytes(PROBE), self._write)
        sync_data(self._descriptor)
        self.mend()

    def mend(self) -> None:
        """Cut off what was begun and not ended, and stand behind the rest; OSError if that cannot be done."""
        if self._mended:
            return
        os.ftruncate(self._descriptor, self._size)
        os.fsync(self._descriptor)
        os.lseek(self._descriptor, self._size, os.SEEK_SET)
        self._mended = True

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def name_of(first: int) -> str:
    """The name of the file whose first record has this position."""
    return f"journal-{first:020d}.log"


def first_of(file: Path) -> int:
    """The inverse of `name_of`."""
    return int(file.stem.removeprefix("journal-"))


def segments_in(folder: Path) -> list[Path]:
    """The files of a journal, the oldest first."""
    return sorted(folder.glob("journal-*.log"))


def write_all(descriptor: int, content: bytes, write: Callable[[int, bytes], int] = os.write) -> None:
    """Write it to the end; OSError if that cannot be done."""
    view = memoryview(content)
    while view:
        written = write(descriptor, view)  # type: ignore[arg-type]  # os.write takes any buffer
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = view[written:]


def sync_data(descriptor: int) -> None:
    """Have what was written on the disk."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def make_durable(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _mapped(file: Path) -> Iterator[mmap.mmap | None]:
    """The bytes of a file; None if it is too short to have a head."""
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_size < _HEAD.size:
            yield None
            return
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _head(salt: bytes, version: int = VERSION) -> bytes:
    return _HEAD.pack(_MAGIC, version, salt, zlib.crc32(_HEAD.pack(_MAGIC, version, salt, 0)))


def _salt_of(content: mmap.mmap) -> bytes | None:
    magic, version, salt, _ = _HEAD.unpack_from(content, 0)
    if magic == _MAGIC and content[: _HEAD.size] == _head(salt, version):
        if version != VERSION:
            raise Newer(str(version))
        return bytes(salt)
    if len(content) == _HEAD.size:
        return None
    raise Damaged("the head of a file is not one of ours")


def _batch_at(content: mmap.mmap, here: int, salt: bytes) -> _Batch | None:
    """The whole batch that begins here; None if there is none."""
    if len(content) - here < _FRAME:
        return None
    marker, first, length, count = _BATCH.unpack_from(content, here)
    end = here + _FRAME + length
    if marker != salt or end > len(content):
        return None
    (crc,) = _CRC.unpack_from(content, here + _BATCH.size)
    with memoryview(content) as view, view[here : here + _BATCH.size] as head, view[here + _FRAME : end] as body:
        if zlib.crc32(body, zlib.crc32(head)) != crc:
            return None
    return _Batch(first, count, here, end)


def _whole_after(content: mmap.mmap, here: int, salt: bytes) -> bool:
    """Whether a whole batch begins anywhere from `here` on."""
    while (here := content.find(salt, here)) >= 0:
        if _batch_at(content, here, salt) is not None:
            return True
        here += 1
    return False
