"""The folder of drawings: COMMUNITY/PLAN/DAY/NAME, kept and read as snapshots are (`linli.snapshotfiles`).

A drawing that another has followed keeps its file for a while: whoever copies the data folder has copied the database first, and
finds what that refers to. `old_files` are those that may go, if nothing refers to them.
"""

import re
from pathlib import Path

from linli.clock import DAY, format_time
from linli.floorplans import MAX_BYTES
from linli.snapshotfiles import SnapshotFiles

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def drawing_files(root: Path) -> SnapshotFiles:
    """The files under the folder of drawings."""
    return SnapshotFiles(root, MAX_BYTES)


def old_files(root: Path, before: int) -> list[str]:
    """Places under `root` of the files that were stored on a day before that of `before` (microseconds since 1970 UTC)."""
    horizon = format_time(before // DAY * DAY)[:10]
    folders = sorted(root.glob("*/*/*")) if root.is_dir() else []
    return [
        file.relative_to(root).as_posix()
        for folder in folders
        if _DAY.fullmatch(folder.name) and folder.name < horizon and folder.is_dir() and not folder.is_symlink()
        for file in sorted(folder.iterdir())
    ]
