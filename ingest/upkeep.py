"""Upkeep of the store beside the lanes: check it at start, sum up hours that are due, thin out what is older than retention.

    Agenda (no I/O: what next, and when)  -->  Upkeep (a thread: one slice of it, then a rest)  -->  ports.StoreKeeper

A slice takes some ten milliseconds and is followed by a rest of several times as long, so a batch of the worker waits for
the store about as long as without. Nothing here is lost with the process: what is due is in the store.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from linli.clock import Clock
from linli.errors import StoreError, StoreUnavailable
from linli.i18n import Text
from linli.ports import Due, KeptStore
from linli.retention import Retention, SteadyClock
from linli.rollups import SETTLE
from linli.runtime import WELL, Health, Troubles

_log = logging.getLogger(__name__)

ROLL_EVERY_S = 300.0
"""How often hours that are over are summed up: an hour that is touched all the time is summed up this often at most."""

THIN_EVERY_S = 600.0
REFRESH_EVERY_S = 6 * 3600.0
CHECK_EVERY_S = 3600.0
"""So that a token that has ended, or a retention somebody has changed, is told before the next start."""

_FIRST_RETRY_S, _LAST_RETRY_S = 1.0, 60.0
_SLICE = 20
_TRIES = 3
_UNAVAILABLE = "store"
_RESTS = 4.0
"""Seconds of rest for each second of work."""

_SHORTEST_REST_S = 0.01


class Task(StrEnum):
    """What there is to do."""

    CHECK = "check"
    ROLL = "roll"
    THIN = "thin"
    REFRESH = "refresh"


class Agenda:
    """Decides which task is next. Times are monotonic seconds.

    Each task comes again after its period; in slices at once while it says that there is more; after a failure with
    back-off, and the others go on meanwhile.
    """

    def __init__(self, periods: Mapping[Task, float], now: float) -> None:
        self._periods = periods
        self._next = dict.fromkeys(periods, now)
        self._retry = dict.fromkeys(periods, _FIRST_RETRY_S)

    def next(self) -> tuple[Task, float]:
        """The task to do next, and when: the one that is due the longest."""
        task = min(self._next, key=lambda task: self._next[task])
        return task, self._next[task]

    def done(self, task: Task, now: float, *, more: bool = False) -> None:
        """A slice went well. What has more to do stands behind what else is due."""
        self._next[task] = now if more else now + self._periods[task]
        self._retry[task] = _FIRST_RETRY_S

    def failed(self, task: Task, now: float) -> None:
        """It could not be done now."""
        self._next[task] = now + self._retry[task]
        self._retry[task] = min(self._retry[task] * 2, _LAST_RETRY_S)


PERIODS = {
    Task.CHECK: CHECK_EVERY_S,
    Task.ROLL: ROLL_EVERY_S,
    Task.THIN: THIN_EVERY_S,
    Task.REFRESH: REFRESH_EVERY_S,
}


@dataclass(slots=True)
class Counts:
    """What was done since the start; part of ingest's counters."""

    rolled_hours: int = 0
    retention_deleted: int = 0
    upkeep_failures: int = 0


class Upkeep:
    """`run` until told to stop, or `step` by hand. `owns`: the communities of this process; `thins`: whether retention is
    this process's to enforce; `thinned` is told how many rows went, and when."""

    def __init__(
        self,
        store: KeptStore,
        clock: Clock,
        retention: Retention,
        owns: Callable[[str], bool] = lambda _community: True,
        *,
        thins: bool = True,
        thinned: Callable[[int, int], None] = lambda _rows, _now: None,
        periods: Mapping[Task, float] = PERIODS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._owns = owns
        self._thins = thins
        self._thinned = thinned
        self._gone = 0
        self._steady = SteadyClock()
        self._agenda = Agenda(periods, clock.monotonic())
        self._after: Due | None = None
        self._stuck = 0
        self._troubles = Troubles()
        self._counts = Counts()
        self._said = ""

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        wait = 0.0
        while not stop.wait(wait):
            wait = self.step()

    def step(self) -> float:
        """Do a slice of what is due, if anything is; how many seconds to wait for the next."""
        begun = self._clock.monotonic()
        self._steady.judge(self._clock.now(), begun)
        task, at = self._agenda.next()
        if at > begun:
            return min(at - begun, 60.0)
        try:
            more = self._do(task)
        except StoreError as error:
            self._fail(task, error)
        except Exception as error:  # noqa: BLE001  (a fault in the upkeep must not end it, nor the process beside it)
            _log.exception("upkeep of the store fails: %s", task.value)
            self._fail(task, error)
        else:
            self._troubles.clear(_UNAVAILABLE)
            self._troubles.clear(task.value)
            self._agenda.done(task, self._clock.monotonic(), more=more)
        return max(_SHORTEST_REST_S, (self._clock.monotonic() - begun) * _RESTS)

    def health(self, worker: Health) -> Health:
        """The worker's health with this beside it; safe to call from any thread."""
        counters = {name: getattr(self._counts, name) for name in Counts.__slots__}
        own = self._troubles.health(counters)
        same = own.detail.en in worker.detail.en  # a store that is away is away for both
        details = [detail for detail in (worker.detail, WELL if same else own.detail) if detail != WELL]
        return Health(
            "ok" if worker.state == own.state == "ok" else "degraded",
            Text("；".join(text.zh for text in details), "; ".join(text.en for text in details)),
            {**worker.counters, **counters},
        )

    def _do(self, task: Task) -> bool:
        """One slice; whether there is more at once."""
        match task:
            case Task.CHECK:
                self._check()
            case Task.ROLL:
                return self._roll()
            case Task.THIN:
                return self._thin()
            case Task.REFRESH:
                self._store.refresh(self._clock.now())
        return False

    def _check(self) -> None:
        said = self._store.inspect()
        if said != self._said:
            self._said = said
            _log.info("store: %s", said)

    def _roll(self) -> bool:
        found = self._store.due(self._clock.now() - SETTLE, self._after, _SLICE)
        own = [due for due in found if self._owns(due.community)]
        following = found[-1] if len(found) == _SLICE else None
        if own:
            try:
                self._store.roll(own)
            except StoreError:
                self._stuck += 1
                if self._stuck >= _TRIES:  # these stay due; the others shall not wait for them
                    self._after, self._stuck = following, 0
                raise
            self._counts.rolled_hours += len(own)
        self._after, self._stuck = following, 0
        return following is not None

    def _thin(self) -> bool:
        now = self._clock.now()
        if not self._thins or not self._steady.judge(now, self._clock.monotonic()):
            return False
        gone = self._store.thin(self._retention.horizons(now))
        self._counts.retention_deleted += gone
        self._gone += gone
        if not gone and self._gone:  # once for all of its slices
            self._thinned(self._gone, now)
            self._gone = 0
        return gone > 0

    def _fail(self, task: Task, error: Exception) -> None:
        self._counts.upkeep_failures += 1
        text = (
            error.text if isinstance(error, StoreError) else Text(f"读数库维护出错：{error}", f"upkeep fails: {error}")
        )
        self._troubles.set(_UNAVAILABLE if isinstance(error, StoreUnavailable) else task.value, text)
        self._agenda.failed(task, self._clock.monotonic())
        _log.warning("upkeep of the store, %s: %s", task.value, text.en)
