"""Where a bench writes: on a disk, since a commit to memory costs nothing and proves nothing."""

import os
import tempfile
from pathlib import Path

import psutil

_IN_MEMORY = frozenset(("tmpfs", "ramfs", "devtmpfs"))


def file_system(folder: Path) -> str:
    """The file system that `folder` lies on, as 'ext4 (/dev/vda)'; 'unknown' where the system does not tell."""
    real = folder.resolve()
    mounts = [disk for disk in psutil.disk_partitions(all=True) if real.is_relative_to(disk.mountpoint)]
    if not mounts:
        return "unknown"
    disk = max(mounts, key=lambda mount: len(mount.mountpoint))
    return f"{disk.fstype} ({disk.device})"


def disk_folder() -> Path:
    """A folder for temporary files that is not in memory if there is one: the system's, /var/tmp, or the working folder."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]  # noqa: S108  (its own folder is made in it)
    usable = [folder for folder in candidates if folder.is_dir() and os.access(folder, os.W_OK)]
    on_disk = [folder for folder in usable if file_system(folder).split(" ")[0] not in _IN_MEMORY]
    return (on_disk or usable)[0]
