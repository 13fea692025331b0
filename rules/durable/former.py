"""The journals of the first versions: one SQLite file, brought over into today's files when it is found.

It stays until all of it is durable in its new place, so a kill on the way begins anew.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from rules.durable.segments import Damaged, Newer, Segment, make_durable, segments_in
from rules.durable.snapshots import Image, Snapshot, SnapshotFiles

NAME = "journal.db"
VERSIONS = (1, 2)

_AT_ONCE = 1000


def bring_over(folder: Path, snapshots: SnapshotFiles) -> None:
    """Bring a former journal over, if one is here. Damaged if it is, Newer if no version knew it, OSError if not now."""
    file = folder / NAME
    if not file.exists():
        return
    for begun in segments_in(folder):
        begun.unlink()
    try:
        with closing(sqlite3.connect(file, timeout=15)) as database:
            _bring_over(database, folder, snapshots)
    except sqlite3.OperationalError as error:  # what the machine refuses; what is wrong in the file is a DatabaseError
        raise OSError(str(error)) from None
    except sqlite3.DatabaseError as error:
        raise Damaged(str(error)) from None
    file.unlink()
    for rest in folder.glob(f"{NAME}-*"):
        rest.unlink()
    make_durable(folder)


def _bring_over(database: sqlite3.Connection, folder: Path, snapshots: SnapshotFiles) -> None:
    (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Damaged(said)
    version = database.execute("SELECT version FROM format").fetchone()
    if version is None or version[0] not in VERSIONS:
        raise Newer("?" if version is None else str(version[0]))
    position = 0
    row = database.execute("SELECT position, told, crc, state FROM snapshot").fetchone()
    if row is not None:
        position, told, crc, state = row
        if zlib.crc32(state) != crc:
            raise Damaged(f"snapshot at {position}")
        snapshots.write(Snapshot(position, told, Image(state)))
    bodies = _bodies(database, position)
    segment = Segment.create(folder, position + 1)
    try:
        while some := list(islice(bodies, _AT_ONCE)):
            segment.append(position + 1, some)
            position += len(some)
    finally:
        segment.close()


def _bodies(database: sqlite3.Connection, position: int) -> Iterator[bytes]:
    rows = database.execute("SELECT position, crc, body FROM journal WHERE position > ? ORDER BY position", (position,))
    for expected, (here, crc, body) in enumerate(rows, position + 1):
        if here != expected:
            raise Damaged(f"inputs {expected} to {here - 1} are missing")
        if zlib.crc32(body) != crc:
            raise Damaged(f"input {here}")
        yield body
