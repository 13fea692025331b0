"""Where something is written until it is whole: a folder beside the place it is for, taken away however it ends.

What a run that was killed has left is taken away by the next one beside it: its lock is free.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from linli.backups import NotDone
from linli.i18n import Text

_SUFFIX = ".part"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def workplace(beside: Path, prefix: str) -> Iterator[Path]:
    """A new folder in `beside`, for its owner alone and only for this block. OSError if it cannot be made."""
    _sweep(beside, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=_SUFFIX, dir=beside))
    lock = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks: then nobody sweeps either
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def make_private(folder: Path) -> None:
    """Make the folder and those above it that are missing, for their owner alone."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700)


def put(what: Path, where: Path) -> None:
    """Give what is whole its name: there at once, and on the disk."""
    what.rename(where)
    make_durable(where.parent)


def make_durable(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(beside: Path, prefix: str) -> None:
    for left in beside.glob(f"{prefix}*{_SUFFIX}"):
        with suppress(OSError):
            lock = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)


@contextmanager
def told_by_system(where: Path) -> Iterator[None]:
    """Turn an error of the system within the block into a NotDone that says what to do. `where`: what is written to."""
    try:
        yield
    except OSError as error:
        raise _what_to_do(error, where) from None


def _what_to_do(error: OSError, where: Path) -> NotDone:
    """About an error of the system, writing at `where`."""
    said = f"{error.filename}: {error.strerror}" if error.filename else (error.strerror or str(error))
    if error.errno in _NO_ROOM or "full" in str(error):
        place = where if where.is_dir() else where.parent
        return NotDone(
            Text(
                f"磁盘 {place} 已满：什么也没有留下。需要的空间约等于数据目录加上其中最大的数据库；腾出空间，或换一个地方",
                f"the disk of {place} is full: nothing was left behind. It takes about the size of the data folder and of the "
                "largest database in it; make room, or choose another place",
            )
        )
    return NotDone(
        Text(
            f"没有完成：{said}。检查文件的所有者与权限，用 Linli 的用户运行；什么也没有留下",
            f"not done: {said}. See whose files they are and run this as Linli's user; nothing was left behind",
        )
    )
