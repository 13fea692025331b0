"""When a snapshot is taken, and that the loop goes on while it is written: by a copy of the process, where there can be one."""

import logging
from dataclasses import dataclass

from linli import failpoints
from linli.clock import Clock
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from rules.durable.journal import Journal, JournalUnavailable, Snapshot
from rules.durable.state import image, rules_of
from rules.engine.inputs import RulesIn
from rules.engine.machine import Engine
from rules.forking import Child, ChildFailed

_log = logging.getLogger(__name__)

RETRY_S = 5.0
SHARE = 0.05
LATEST = 10


@dataclass(frozen=True, slots=True)
class Often:
    """`inputs` between two snapshots, at least; more while taking one would hold up the loop, or keep the disk busy, for over
    SHARE of the time, at most LATEST times as many. Or `size` bytes of them: so many of the largest messages would be 10 GB."""

    inputs: int = 20_000
    size: int = 256 * 1024 * 1024


class Snapshotting:
    """Counts the inputs since the last snapshot. One is written at a time; with `forks` by a child process."""

    def __init__(self, journal: Journal, clock: Clock, often: Often, *, forks: bool) -> None:
        self._journal = journal
        self._clock = clock
        self._often = often
        self._child = Child() if forks else None
        self._begun: tuple[int, RegistrySnapshot, RulesIn] | None = None
        self._inputs = 0
        self._begun_at = self._not_before = float("-inf")
        self.trouble: Text | None = None

    def journalled(self, count: int) -> None:
        """So many inputs more."""
        self._inputs += count

    def is_due(self) -> bool:
        """Whether it is time for one, and none is being written."""
        now = self._clock.monotonic()
        if self._begun is not None or (self.trouble is not None and now < self._not_before):
            return False
        if self.trouble is not None or self._journal.grown >= self._often.size:
            return True
        if self._inputs < self._often.inputs:
            return False
        return now >= self._not_before or self._inputs >= self._often.inputs * LATEST

    def begin(self, engine: Engine, told: int) -> None:
        """Take the state as it is, after the journal's last input, and have it written. `told`: see Snapshot."""
        if self._begun is not None or (self._inputs == 0 and self.trouble is None):
            return
        self._begun_at = self._clock.monotonic()
        position = self._journal.position

        def write() -> None:
            self._journal.put(Snapshot(position, told, image(engine)))

        try:
            self._journal.turn()
            if self._child is not None:
                self._child.begin(write)
            else:
                write()
        except (JournalUnavailable, OSError) as error:
            self._failed(error)
            return
        self._inputs = 0
        self._begun = (position, engine.scope.registry, rules_of(engine))
        if self._child is None:
            self.look()

    def look(self, *, wait: bool = False) -> None:
        """See what has become of the one that is being written. What cannot be written is tried again, and told."""
        if self._begun is None:
            return
        try:
            if self._child is not None and not self._child.fetch(wait=wait):
                return
        except (ChildFailed, OSError) as error:
            self._failed(error)
            return
        failpoints.reach("rules.snapshot")
        position, registry, rules = self._begun
        self._begun = None
        self._journal.written(position, registry, rules)
        self.trouble = None
        ended = self._clock.monotonic()
        self._not_before = ended + (ended - self._begun_at) / SHARE

    def _failed(self, error: Exception) -> None:
        _log.warning("no snapshot: %s", error)
        self._begun = None
        self._not_before = self._clock.monotonic() + RETRY_S
        self.trouble = Text(
            f"规则的快照写不了，日志会越来越大：{error}", f"no snapshot can be written, and the journal grows: {error}"
        )
