"""A journal held as it is at one instant, to be copied while its rules process goes on.

The files are held open, so that they can be read even when a newer snapshot has them deleted. Of the file that is being
appended to, whole batches are taken: they never change once they are there.

A database whose position is read between `hold` and `extend` fits the copy: the snapshot stands for no effect that the database
has not got, since snapshots are taken when none waits, and the inputs reach at least as far as the database.
"""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linli.errors import DataFolderError
from linli.i18n import Text
from rules.durable.segments import Damaged, Newer, first_of, look_through, segments_in
from rules.durable.snapshots import SnapshotFiles

_TRIES = 20
_PARTS = ("registry-*.json", "rules-*.json")


class _Moved(Exception):
    """A file went away between being seen and being opened: a snapshot was just taken."""


@dataclass(frozen=True, slots=True)
class Held:
    """One file of the journal: its name, how many of its bytes belong to the copy, and where they are read."""

    name: str
    size: int
    descriptor: int


class PinnedJournal:
    """The journal in `folder`. Methods raise OSError if it cannot be read, DataFolderError if it is not sound."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self.snapshot = 0
        """The position of the snapshot; 0 without one."""
        self.position = 0
        """The position of the last input, once extended."""

    def hold(self) -> None:
        """Hold what there is now, in place of what was held: the newest snapshot with what it names, and the inputs."""
        for _ in range(_TRIES):
            self.close()
            try:
                self._hold()
                return
            except _Moved:
                continue
        raise self._unsound("its files change too quickly to be copied")

    def extend(self) -> bool:
        """Hold also the inputs that came since, up to now. False if some are gone already: two snapshots were taken since."""
        try:
            for file in segments_in(self._folder):
                self._take(file.name)
            return self._look_through()
        except _Moved:
            return False
        except Newer as error:
            raise self._unsound(f"version {error}") from None
        except Damaged as error:
            raise self._unsound(str(error)) from None

    def files(self) -> Iterator[Held]:
        """What belongs to the copy, by name."""
        for name, size in sorted(self._sizes.items()):
            yield Held(name, size, self._held[name])

    def close(self) -> None:
        """Let go of all."""
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()
        self._sizes.clear()

    def _hold(self) -> None:
        self.snapshot = SnapshotFiles(self._folder).position()
        if self.snapshot:
            self._take(f"snapshot-{self.snapshot:020d}.state")
        parts = [file for pattern in _PARTS for file in sorted(self._folder.glob(pattern))]
        for file in [*parts, *segments_in(self._folder)]:
            self._take(file.name)
        if SnapshotFiles(self._folder).position() != self.snapshot:  # what it names may be gone by now
            raise _Moved

    def _take(self, name: str) -> None:
        if name in self._held:
            return
        try:
            descriptor = os.open(self._folder / name, os.O_RDONLY)
        except FileNotFoundError:
            raise _Moved from None
        self._held[name] = descriptor
        self._sizes[name] = os.fstat(descriptor).st_size

    def _look_through(self) -> bool:
        """Find out up to where each file of inputs is whole, and whether they follow one another."""
        files = sorted(self._folder / name for name in self._held if name.startswith("journal-"))
        self.position = self.snapshot
        for file, following in itertools.zip_longest(files, files[1:]):
            found = look_through(file, self._held[file.name])
            if found is None:  # begun just now, and nothing in it yet
                self._sizes.pop(file.name)
                continue
            if found.torn and following is not None:
                raise Damaged(f"inputs before {first_of(following)}")
            if found.last > self.snapshot and first_of(file) > self.position + 1:
                return False
            self._sizes[file.name] = found.end
            self.position = max(self.position, found.last)
        return True

    def _unsound(self, what: str) -> DataFolderError:
        return DataFolderError(
            Text(
                f"规则日志 {self._folder} 不能复制：{what}",
                f"the rules journal {self._folder} cannot be copied: {what}",
            )
        )
