"""When a snapshot is taken, and that the loop goes on while it is written."""

import logging
from concurrent.futures import Executor
from dataclasses import dataclass

from linli import failpoints
from linli.clock import Clock
from linli.i18n import Text
from rules.aside import Aside
from rules.durable.journal import Journal, JournalUnavailable, Snapshot
from rules.durable.state import image
from rules.engine.machine import Engine

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
    """Counts the inputs since the last snapshot. One is written at a time."""

    def __init__(self, journal: Journal, clock: Clock, executor: Executor, often: Often) -> None:
        self._journal = journal
        self._clock = clock
        self._often = often
        self._writing = Aside[float](executor)
        self._inputs = 0
        self._begun_at = self._not_before = float("-inf")
        self.trouble: Text | None = None

    def journalled(self, count: int) -> None:
        """So many inputs more."""
        self._inputs += count

    def is_due(self) -> bool:
        """Whether it is time for one, and none is being written."""
        now = self._clock.monotonic()
        if not self._writing.idle or (self.trouble is not None and now < self._not_before):
            return False
        if self.trouble is not None or self._journal.grown >= self._often.size:
            return True
        if self._inputs < self._often.inputs:
            return False
        return now >= self._not_before or self._inputs >= self._often.inputs * LATEST

    def begin(self, engine: Engine, told: int) -> None:
        """Take the state as it is, after the journal's last input, and have it written. `told`: see Snapshot."""
        if not self._writing.idle or (self._inputs == 0 and self.trouble is None):
            return
        self._begun_at = self._clock.monotonic()
        try:
            self._journal.turn()
        except JournalUnavailable as error:
            self._failed(error)
            return
        snapshot = Snapshot(self._journal.position, told, image(engine))
        self._inputs = 0
        self._writing.begin(lambda: self._write(snapshot))

    def look(self, *, wait: bool = False) -> None:
        """See what has become of the one that is being written. What cannot be written is tried again, and told."""
        try:
            ended = self._writing.fetch(wait=wait)
        except (JournalUnavailable, OSError) as error:
            self._failed(error)
            return
        if ended is not None:
            self.trouble = None
            self._not_before = ended[0] + (ended[0] - self._begun_at) / SHARE

    def _write(self, snapshot: Snapshot) -> float:
        self._journal.put(snapshot)
        failpoints.reach("rules.snapshot")
        self._journal.let_go(snapshot.position)
        return self._clock.monotonic()

    def _failed(self, error: Exception) -> None:
        _log.warning("no snapshot: %s", error)
        self._not_before = self._clock.monotonic() + RETRY_S
        self.trouble = Text(
            f"规则的快照写不了，日志会越来越大：{error}", f"no snapshot can be written, and the journal grows: {error}"
        )
