"""The engine's memory on disk: every input before it counts, and now and then the state that they led to.

A folder of files (`segments`, `snapshots`). A position numbers each input; a snapshot stands for the inputs up to its own
position, and the files that hold no others are let go of once it is durable, so the folder stays bounded. A restart is the
snapshot and the inputs after it, applied again. What is damaged is told, never applied.
"""

import fcntl
import itertools
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from linli.db.registry import RegistrySnapshot
from linli.errors import DataFolderError
from linli.i18n import Text
from rules import wire
from rules.durable import former
from rules.durable.segments import (
    Contents,
    Damaged,
    Newer,
    Segment,
    first_of,
    look_through,
    name_of,
    records,
    segments_in,
)
from rules.durable.snapshots import Image, Snapshot, SnapshotFiles
from rules.engine.inputs import Input, RulesIn, SkippedIn, decode_input, encode_input, wire_of

__all__ = ["Image", "Journal", "JournalUnavailable", "Snapshot", "is_kept_in"]

_log = logging.getLogger(__name__)


class JournalUnavailable(Exception):
    """The journal cannot be written now (a full disk, for one): nothing of the batch is in it. Try again later."""


class Journal:
    """Opened by one process. Making it does I/O: DataFolderError if the folder cannot be opened, is damaged or of a newer
    Linli. With `read_only` it looks at what another process may be writing, and changes nothing."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.grown = 0
        """Bytes of inputs since the last snapshot was begun, as far as this process has written them."""
        self._segment: Segment | None = None
        self._snapshots = SnapshotFiles(folder)
        self._lock: int | None = None
        self._contents: dict[Path, Contents] = {}
        try:
            if not read_only:
                folder.mkdir(parents=True, exist_ok=True)
                self._lock = _locked(folder)
                former.bring_over(folder, self._snapshots)
            self._look_through()
            if not read_only:
                self._mend()
        except (Damaged, msgspec.MsgspecError) as error:
            self.close()
            raise self._damaged(str(error)) from None
        except Newer as error:
            self.close()
            raise self._newer(str(error)) from None
        except OSError as error:
            self.close()
            raise self._closed_to_us(str(error)) from None

    def _look_through(self) -> None:
        covered = self._snapshots.position()
        self.position = covered
        for file in segments_in(self.folder):
            found = look_through(file)
            if found is None:
                continue
            if found.last > covered and first_of(file) > self.position + 1:
                raise Damaged(f"inputs {self.position + 1} to {first_of(file) - 1} are missing")
            if found.last > covered and any(before.torn for before in self._contents.values()):
                raise Damaged(f"inputs before {first_of(file)}")
            self._contents[file] = found
            self.position = max(self.position, found.last)

    def _mend(self) -> None:
        """Cut off what was torn, which nobody was promised, and go on where the journal ends."""
        for file in segments_in(self.folder):
            if file not in self._contents:
                file.unlink()
        last = next(reversed(self._contents), None)
        if last is not None:
            contents = self._contents[last]
            if contents.torn:
                _log.warning("%s: %d bytes were not written to their end, and are cut off", last, contents.torn)
                os.truncate(last, contents.end)
            if contents.last == self.position:
                self._segment = Segment(last, contents.salt, contents.end, self._write)
        self._tidy(self._snapshots.position())

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether nothing was ever kept here."""
        return self.position == 0

    def snapshot(self) -> Snapshot | None:
        """The newest snapshot, or None. DataFolderError if it is damaged."""
        try:
            return self._snapshots.newest()
        except (Damaged, msgspec.MsgspecError, ValueError) as error:
            raise self._damaged(str(error)) from None
        except OSError as error:
            raise self._closed_to_us(str(error)) from None

    def after(self, position: int) -> Iterator[tuple[int, Input]]:
        """The inputs after `position`, each with its own; DataFolderError for one that is missing or damaged."""
        for here, body in self.bodies(position):
            try:
                entry = _decoded(body)
            except (ValueError, TypeError) as error:
                raise self._damaged(f"input {here}: {error}") from None
            yield here, entry

    def bodies(self, position: int) -> Iterator[tuple[int, bytes]]:
        """The same as they are kept."""
        expected = position + 1
        try:
            for file in segments_in(self.folder):
                contents = look_through(file)
                if contents is None or contents.last <= position:
                    continue
                if first_of(file) > expected:
                    raise Damaged(f"inputs {expected} to {first_of(file) - 1} are missing")
                yield from records(file, contents, position)
                expected = contents.last + 1
        except Damaged as error:
            raise self._damaged(str(error)) from None
        except OSError as error:
            raise self._closed_to_us(str(error)) from None

    def skipped(self, position: int) -> dict[int, str]:
        """The inputs after `position` that are to be passed over, with the reason for each."""
        found = (decode_input(body) for _, body in self.bodies(position) if body[:1] == b"S")
        return {entry.position: entry.reason for entry in found if isinstance(entry, SkippedIn)}

    # --- writing ----------------------------------------------------------------------------------------------------

    def append(self, entries: Sequence[Input]) -> list[int]:
        """Make the inputs durable with one write; their positions. JournalUnavailable if it cannot be done now."""
        first = self.position + 1
        bodies = [encode_input(entry) for entry in entries]
        try:
            if self._segment is None:
                self._segment = Segment.create(self.folder, first, self._write)
            self.grown += self._segment.append(first, bodies)
        except OSError as error:
            raise JournalUnavailable(str(error)) from error
        self.position += len(bodies)
        return list(range(first, first + len(bodies)))

    def turn(self) -> None:
        """Begin a new file, so that those before it can go once a snapshot stands for them. JournalUnavailable if not now."""
        if self._segment is None or self._segment.file != self.folder / name_of(self.position + 1):
            try:
                if self._segment is not None:
                    self._segment.mend()
                begun = Segment.create(self.folder, self.position + 1, self._write)
            except OSError as error:
                raise JournalUnavailable(str(error)) from error
            if self._segment is not None:
                self._segment.close()
            self._segment = begun
        self.grown = 0

    def put(self, snapshot: Snapshot) -> None:
        """Make a snapshot durable. JournalUnavailable if it cannot be done now: then all is as it was."""
        try:
            self._snapshots.write(snapshot)
        except OSError as error:
            raise JournalUnavailable(str(error)) from error

    def written(self, position: int, registry: RegistrySnapshot, rules: RulesIn) -> None:
        """The snapshot at `position`, of this registry and these rules, is durable, whoever wrote it: let go of what it stands
        for."""
        try:
            self._snapshots.believe(registry, rules)
            self._tidy(position)
        except OSError as error:
            _log.warning("what snapshot %d stands for is not let go of yet: %s", position, error)

    def probe(self) -> None:
        """Whether there is room again; JournalUnavailable if not."""
        try:
            if self._segment is None:
                self._segment = Segment.create(self.folder, self.position + 1, self._write)
            self._segment.probe()
        except OSError as error:
            raise JournalUnavailable(str(error)) from error

    def keep(self, snapshot: Snapshot) -> None:
        """Replace the snapshot and drop the inputs that it stands for. A position beyond the last input is where the journal
        goes on. JournalUnavailable if it cannot be done now."""
        if snapshot.position > self.position:
            self.put(snapshot)
            self.position = snapshot.position
            if self._segment is not None:
                self._segment.close()
                self._segment = None
        else:
            self.turn()
            self.put(snapshot)
        self.written(snapshot.position, snapshot.state.registry, snapshot.state.rules)

    def close(self) -> None:
        """Close the files."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, descriptor: int, content: bytes) -> int:
        return os.write(descriptor, content)

    def _tidy(self, position: int) -> None:
        """Let go of files of inputs that the snapshot at `position` stands for, each but the last one."""
        files = segments_in(self.folder)
        for file, following in itertools.pairwise(files):
            if first_of(following) <= position + 1:
                file.unlink(missing_ok=True)
        self._snapshots.tidy()

    # --- what can be wrong ------------------------------------------------------------------------------------------

    def _closed_to_us(self, what: str) -> DataFolderError:
        return DataFolderError(
            Text(
                f"规则日志 {self.folder} 打不开（{what}）。文件不一定损坏，请不要移走：检查文件夹权限和磁盘空间，"
                "以及是否另有一个规则进程在使用它，然后重新启动",
                f"the rules journal {self.folder} cannot be opened ({what}). That does not mean damage, leave it where it is: look "
                "at the folder's permissions, the space on the disk, and whether another rules process is using it, then "
                "start again",
            )
        )

    def _damaged(self, what: str) -> DataFolderError:
        return DataFolderError(
            Text(
                f"规则日志 {self.folder} 已损坏（{what}）。把其中的文件（journal*、snapshot*、registry*、rules*）移到别处后"
                "重新启动：未关闭的告警从数据库读回，但计时中的条件会从头开始",
                f"the rules journal {self.folder} is damaged ({what}). Move its files (journal*, snapshot*, registry*, rules*) "
                "away and start again: open alerts come back from the database, conditions that were being timed begin anew",
            )
        )

    def _newer(self, version: str) -> DataFolderError:
        return DataFolderError(
            Text(
                f"规则日志 {self.folder} 的版本是 {version}，此 Linli 不认得：请升级 Linli",
                f"the rules journal {self.folder} has version {version}, which this Linli does not know: upgrade Linli",
            )
        )


def is_kept_in(folder: Path) -> bool:
    """Whether a journal is in this folder, of this version or an earlier one."""
    return any(files_of(folder))


def files_of(folder: Path) -> list[Path]:
    """The files of the journal in a folder."""
    patterns = (f"{former.NAME}*", "journal-*.log", "snapshot-*.state*", "registry-*.json*", "rules-*.json*")
    return sorted(file for pattern in patterns for file in folder.glob(pattern))


def _locked(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _decoded(body: bytes) -> Input:
    came = wire_of(body)
    if came is None:
        return decode_input(body)
    read = wire.read(*came)
    if read is None:
        raise ValueError("a message that has no place on a lane")
    return read[1]
