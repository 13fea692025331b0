"""The archive itself: a tar of regular files, written and read from front to back, so that a pipe does as well as a file.

Nothing is unpacked by `tarfile`: names are checked by `linli.backups`, anything but a regular file is refused, and each file is
made anew, for its owner alone.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from linli.backups import MANIFEST, MOST_MANIFEST_BYTES, BackupError, File, Manifest, check_name, decode_manifest
from linli.cli.backups.places import make_private
from linli.i18n import Text

_CHUNK = 1024 * 1024
_SYNC_EVERY = 64 * _CHUNK
"""What is written is sent to the disk as it goes: a sync of Linli's own, of a few KB, never waits behind gigabytes."""

Progress = Callable[[str, int], None]
"""Told the name of what is copied, and how many bytes more there are of it."""


class Writer:
    """Files go in with `add`, the manifest last. `stream` needs only `write`."""

    def __init__(self, stream: IO[bytes], at: int, progress: Progress) -> None:
        self._stream = _Steady(stream)
        self._tar = tarfile.open(fileobj=self._stream, mode="w|", bufsize=_CHUNK, format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._at = at // 1_000_000
        self._progress = progress
        self.files: list[File] = []

    def add(self, name: str, size: int, source: IO[bytes]) -> None:
        """Put in the next `size` bytes of `source`. BackupError if there are not so many."""
        check_name(name)
        reader = _Hashing(source, size, lambda count: self._progress(name, count))
        try:
            self._put(name, size, reader)
        except EOFError:
            raise BackupError(
                Text(f"{name} 在读取时变短了：请再试一次", f"{name} became shorter while it was read: try again")
            ) from None
        self.files.append(File(name, size, reader.digest))

    def add_path(self, name: str, path: Path) -> None:
        """The file at `path`."""
        with path.open("rb") as source:
            self.add(name, os.fstat(source.fileno()).st_size, source)

    def add_descriptor(self, name: str, size: int, descriptor: int) -> None:
        """The first `size` bytes of an open file."""
        with os.fdopen(os.dup(descriptor), "rb") as source:
            source.seek(0)
            self.add(name, size, source)

    def finish(self, manifest: bytes) -> None:
        """Put in the manifest, and end."""
        self._put(MANIFEST, len(manifest), _Hashing(io.BytesIO(manifest), len(manifest), lambda _count: None))
        self._tar.close()

    def give_up(self) -> None:
        """Write no more: the archive stays unfinished."""
        self._stream.given_up = True
        self._tar.close()

    def _put(self, name: str, size: int, reader: "_Hashing") -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = size, 0o600, self._at
        self._tar.addfile(entry, reader)
        self._tar.members.clear()  # type: ignore[attr-defined]  # kept for a list that nobody asks for


def read_manifest(path: Path) -> Manifest:
    """The manifest alone: what lies before it is skipped. BackupError if there is none, OSError if it cannot be read."""
    try:
        with tarfile.open(path, "r:") as tar:
            found = None
            for entry in tar:
                if entry.name == MANIFEST and entry.isreg():
                    found = entry
            content = None if found is None or found.size > MOST_MANIFEST_BYTES else tar.extractfile(found)
            if content is not None:
                return decode_manifest(content.read())
    except (tarfile.TarError, EOFError) as error:
        raise no_backup(str(path), str(error)) from None
    raise _cut_short(str(path))


def unpack(
    stream: IO[bytes], name: str, place: Callable[[str], Path | None], progress: Progress
) -> tuple[Manifest, list[File]]:
    """Read an archive to its end: its manifest, and what else it holds. `place` says where a file is to be written, None if it
    is only to be looked at. `name` is how the archive is called in messages.

    BackupError if that is no backup, is cut short, or holds anything that no backup holds; OSError if disk or pipe fail.
    """
    files: list[File] = []
    names: set[str] = set()
    manifest = None
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_CHUNK) as tar:
            while (entry := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]
                content = _regular(tar, entry)
                _require_new(entry.name, names)
                if entry.name == MANIFEST:
                    if entry.size > MOST_MANIFEST_BYTES:
                        raise no_backup(name, f"{MANIFEST}: {entry.size}")
                    manifest = decode_manifest(content.read())
                    continue
                files.append(_write(entry, content, place(entry.name), progress))
    except (tarfile.TarError, EOFError) as error:
        raise (no_backup if not files else _cut_short_with)(name, str(error)) from None
    if manifest is None:
        raise _cut_short(name)
    return manifest, files


def _require_new(name: str, names: set[str]) -> None:
    if name in names:
        raise BackupError(
            Text(
                f"备份中有两个 {name}：不予恢复。备份可能被人改过",
                f"{name} is in the backup twice: nothing is restored. Somebody may have changed it",
            )
        )
    names.add(name)


def _regular(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    check_name(entry.name)
    content = tar.extractfile(entry) if entry.type == tarfile.REGTYPE and not entry.issparse() else None
    if content is None:
        raise BackupError(
            Text(
                f"备份中的 {entry.name} 不是普通文件（链接或设备）：不予恢复。备份可能被人改过",
                f"{entry.name} in the backup is no regular file (a link, a device): nothing is restored. Somebody may have "
                "changed it",
            )
        )
    return content


def _write(entry: tarfile.TarInfo, content: IO[bytes], target: Path | None, progress: Progress) -> File:
    reader = _Hashing(content, entry.size, lambda count: progress(entry.name, count))
    if target is None:
        for _ in reader.chunks():
            pass
    else:
        make_private(target.parent)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in reader.chunks():
                file.write(chunk)
    return File(entry.name, entry.size, reader.digest)


class _Hashing:
    """Reads just `size` bytes of a stream, with their SHA-256. EOFError if there are fewer."""

    def __init__(self, source: IO[bytes], size: int, told: Callable[[int], None]) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._told = told
        self.left = size

    @property
    def digest(self) -> str:
        """Of what was read."""
        return self._hash.hexdigest()

    def read(self, size: int = _CHUNK) -> bytes:
        """What there is next."""
        chunk = self._source.read(min(size, self.left))
        if not chunk and self.left:
            raise EOFError(f"{self.left}")
        self.left -= len(chunk)
        self._hash.update(chunk)
        self._told(len(chunk))
        return chunk

    def chunks(self) -> Iterator[bytes]:
        """All that is left."""
        while chunk := self.read(_CHUNK):
            yield chunk


class _Steady(io.RawIOBase):
    """Writes to a stream, and has it on the disk every so often."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._unsynced = 0
        self._on_disk = stream.seekable()
        self.given_up = False

    def write(self, content: Any) -> int:
        """All of it, or nothing any more."""
        if self.given_up:
            return len(content)
        self._stream.write(content)
        self._unsynced += len(content)
        if self._on_disk and self._unsynced >= _SYNC_EVERY:
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._unsynced = 0
        return len(content)


def no_backup(name: str, said: str) -> BackupError:
    """It is none of ours."""
    return BackupError(
        Text(
            f"{name} 不是 Linli 的备份（{said}）。压缩或加密过的备份要先解开，见 docs/backup.zh-CN.md",
            f"{name} is no backup of Linli ({said}). One that was compressed or encrypted is to be undone first, see docs/backup.md",
        )
    )


def _cut_short(name: str) -> BackupError:
    return _cut_short_with(name, MANIFEST)


def _cut_short_with(name: str, said: str) -> BackupError:
    return BackupError(
        Text(
            f"备份 {name} 不完整（{said}）：它没有写完，或复制时被截断。请用另一份备份",
            f"the backup {name} is not complete ({said}): it was not written to its end, or cut off when it was copied. Use another "
            "one",
        )
    )
