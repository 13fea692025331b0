"""The store of readings as the API asks it: newest values at most once a second, and never so many questions at once that
a store which hangs takes every thread from the alerts.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from linli.charts import Chart, Series, Shape, chart
from linli.clock import Clock
from linli.errors import StoreError, StoreUnavailable
from linli.i18n import Text
from linli.ports import EventKey, Latest, ReadingStore, StoredEvent
from linli.retention import Retention

KEEP_LATEST_S = 1.0
REST_S = 5.0
"""After the newest values could not be read nobody asks for this long: each question may take until its time-out."""

MAX_AT_ONCE = 8
WAIT_S = 2.0
"""How long a question waits for its turn before the store counts as not answering."""


_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    """The newest values of a community by device; None if the store did not answer. `lock` is held while they are read."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    read_at: float | None = None
    values: dict[str, list[Latest]] | None = None


class StoreReader:
    """Questions to a `ports.ReadingStore`. Safe to call from several threads."""

    def __init__(self, store: ReadingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turns = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._resting_until = 0.0

    def latest(self, community: str) -> dict[str, list[Latest]] | None:
        """The newest value of each series, by device; None if the store does not answer.

        While somebody else is reading them, those read before are given again: their age shows.
        """
        with self._lock:
            kept = self._kept.setdefault(community, _Kept())
        if not kept.lock.acquire(blocking=kept.read_at is None, timeout=-1):
            return kept.values
        try:
            now = self._clock.monotonic()
            if kept.read_at is None or now - kept.read_at >= KEEP_LATEST_S:
                kept.values = None if now < self._resting_until else self._read(community)
                kept.read_at = self._clock.monotonic()
            return kept.values
        finally:
            kept.lock.release()

    def chart(self, series: Series, points: int, shape: Shape, retention: Retention) -> Chart:
        """As `linli.charts` has it. StoreUnavailable too when too many ask at once."""
        with self._turn():
            return chart(self._store, series, points, shape, retention, self._clock.now())

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
        before: EventKey | None = None,
        containing: Sequence[str] = (),
    ) -> list[StoredEvent]:
        """As the port has it. StoreUnavailable too when too many ask at once."""
        with self._turn():
            return self._store.events(
                community, start, end, types=types, device=device, limit=limit, before=before, containing=containing
            )

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """As the port has it. StoreUnavailable too when too many ask at once."""
        with self._turn():
            self._store.redact(events)

    def _read(self, community: str) -> dict[str, list[Latest]] | None:
        try:
            with self._turn():
                latest = self._store.latest(community)
        except StoreError as error:
            _log.warning("no latest values of %s: %s", community, error.text.en)
            self._resting_until = self._clock.monotonic() + REST_S
            return None
        found: dict[str, list[Latest]] = {}
        for value in latest:
            found.setdefault(value.device, []).append(value)
        return found

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=WAIT_S):
            raise StoreUnavailable(Text("读数库忙，请稍后再试", "the store of readings is busy; try again later"))
        try:
            yield
        finally:
            self._turns.release()
