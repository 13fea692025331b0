"""A district's state written down as a snapshot, and brought back as the rules process does it when it starts."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from linli.errors import LinliError
from linli.i18n import Text
from rules.durable.journal import Journal
from rules.durable.snapshots import Snapshot
from rules.durable.state import image, restore
from rules.engine.machine import Engine


@dataclass(frozen=True, slots=True)
class Restored:
    """What it took: seconds and CPU-seconds; and how many bytes the snapshot has, with registry and rules."""

    seconds: float
    cpu_s: float
    size: int


def write_down(engine: Engine, folder: Path) -> int:
    """Write the engine's snapshot; how many bytes that is."""
    journal = Journal(folder)
    try:
        journal.keep(Snapshot(1, 0, image(engine)))
    finally:
        journal.close()
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def bring_back(folder: Path, size: int) -> Restored:
    """Read the snapshot and make an engine of it."""
    began, used = perf_counter(), process_time()
    journal = Journal(folder)
    try:
        snapshot = journal.snapshot()
        if snapshot is None:
            raise LinliError(Text("快照没有写成", "there is no snapshot"))
        restore(snapshot.state)
    finally:
        journal.close()
    return Restored(perf_counter() - began, process_time() - used, size)
