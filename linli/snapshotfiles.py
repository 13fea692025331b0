"""The folder of snapshots: COMMUNITY/DEVICE/DAY/NAME, each file for its owner alone.

No name in it comes from a request: communities and devices are ids of the registry, days are ours, and a file's name is made
here. Every step down is taken without following a symbolic link, so that not even one who writes into the folder leads us out.
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from linli.access import write_secret
from linli.clock import DAY, format_time
from linli.errors import NotFound
from linli.i18n import Text
from linli.ids import check_id, is_id
from linli.snapshots import MAX_BYTES

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"[0-9a-f]{32}\.(jpg|png|webp)")
_DOWN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class SnapshotFiles:
    """The files under `root`, which is made when the first is stored. Safe to call from several threads. No more than `most` bytes
    of one are read."""

    def __init__(self, root: Path, most: int = MAX_BYTES) -> None:
        self.root = root
        self._most = most

    def store(self, community: str, device: str, at: int, kind: StrEnum, data: bytes) -> str:
        """Keep `data` durably; the file's place under the root. `kind`: its value is the ending. `at`: when it is stored, microseconds since 1970 UTC."""
        place = "/".join((check_id(community, "community"), check_id(device, "device"), _day(at)))
        name = f"{secrets.token_hex(16)}.{kind.value}"
        self.root.mkdir(mode=0o700, exist_ok=True)
        folder = self.root
        for step in place.split("/"):
            folder = folder / step
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
        with self._folder(place) as handle:
            fresh = f".{name}.new"
            made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=handle)
            try:
                with os.fdopen(made, "wb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                os.rename(fresh, name, src_dir_fd=handle, dst_dir_fd=handle)
            except BaseException:
                os.unlink(fresh, dir_fd=handle)
                raise
            os.fsync(handle)
        return f"{place}/{name}"

    def read(self, place: str) -> bytes:
        """The file at that place. NotFound for one that is not there, or is no regular file under the root."""
        folder, _, name = place.rpartition("/")
        try:
            if not _is_place(place):
                raise FileNotFoundError(place)
            with self._folder(folder) as handle:
                opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=handle)
                with os.fdopen(opened, "rb") as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        raise FileNotFoundError(place)
                    return file.read(self._most)
        except OSError:
            raise NotFound(Text("没有这张图片", "there is no such picture")) from None

    def remove(self, place: str) -> None:
        """Delete the file; nothing if it is gone."""
        folder, _, name = place.rpartition("/")
        if not _is_place(place):
            return
        with contextlib.suppress(OSError), self._folder(folder) as handle:
            os.unlink(name, dir_fd=handle)

    def sweep(self, before: int) -> int:
        """Delete the folders of the days before that of `before` with all that is in them, left by whatever died; how many files."""
        horizon, gone = _day(before), 0
        for folder in self.root.glob("*/*/*") if self.root.is_dir() else ():
            if _DAY.fullmatch(folder.name) and folder.name < horizon and not folder.is_symlink():
                gone += _clear(folder)
        return gone

    @contextmanager
    def _folder(self, place: str) -> Iterator[int]:
        """A handle of the folder at `place`, reached step by step."""
        handle = os.open(self.root, _DOWN)
        try:
            for step in place.split("/"):
                below = os.open(step, _DOWN, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)


class LinkKey:
    """The key that links are signed with: 32 random bytes in `secrets/links.key` (mode 600), made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "links.key"

    def get(self) -> bytes:
        """The key. Read each time: it may have been changed."""
        try:
            return bytes.fromhex(self.file.read_text("ascii"))
        except FileNotFoundError:
            return self.renew(keep=True)

    def renew(self, *, keep: bool = False) -> bytes:
        """Make a new key: every link that is out is dead. `keep`: unless another has made one meanwhile."""
        import fcntl  # here: not every system has it, and who only reads needs none

        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if not (keep and self.file.exists()):
                write_secret(self.file, secrets.token_hex(32))
            return bytes.fromhex(self.file.read_text("ascii"))
        finally:
            os.close(handle)


def _is_place(place: str) -> bool:
    """Whether a file of ours can lie there: not so that a row somebody wrote into the database leads up and out."""
    steps = place.split("/")
    ids = len(steps) == 4 and is_id(steps[0]) and is_id(steps[1])
    return ids and _DAY.fullmatch(steps[2]) is not None and _NAME.fullmatch(steps[3]) is not None


def _day(at: int) -> str:
    return format_time(at // DAY * DAY)[:10]


def _clear(folder: Path) -> int:
    gone = 0
    for file in folder.iterdir():
        file.unlink()
        gone += 1
    with contextlib.suppress(OSError):
        folder.rmdir()
    return gone
