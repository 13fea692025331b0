"""What the whole of Linli does now: events a second, open alerts, dead letters. Read from the database."""

import threading
from collections import deque
from dataclasses import dataclass
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.db.workers import reports
from linli.model import Severity
from linli.shards import service_of

_SAMPLE_EVERY_S = 1.0
_WINDOW_S = 10.0


class Rate:
    """How fast a counter grows, over the last seconds. A counter that starts anew (another `run`) starts the rate anew."""

    def __init__(self, window_s: float = _WINDOW_S) -> None:
        self._window_s = window_s
        self._run = -1
        self._points: deque[tuple[float, float]] = deque()

    def add(self, at_s: float, run: int, total: float) -> None:
        """The counter of process `run` stood at `total` at the (monotonic) time `at_s`."""
        if run != self._run or (self._points and total < self._points[-1][1]):
            self._points.clear()
            self._run = run
        self._points.append((at_s, total))
        while len(self._points) > 2 and self._points[1][0] <= at_s - self._window_s:
            self._points.popleft()

    def per_second(self) -> float | None:
        """The growth per second; None until two points a second or more apart are known."""
        if not self._points or self._points[-1][0] - self._points[0][0] < 1.0:
            return None
        (start, low), (end, high) = self._points[0], self._points[-1]
        return (high - low) / (end - start)


@dataclass(frozen=True, slots=True)
class Overview:
    """None where nothing is known yet, or the database does not answer."""

    events_per_s: float | None = None
    readings_per_s: float | None = None
    open_alerts: dict[Severity, int] | None = None


class OverviewReader:
    """Reads an Overview once a second on a thread of its own, so that a slow database does not hold up the terminal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events, self._readings = Rate(), Rate()
        self._stamp = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overview", daemon=True)
        self.now = Overview()

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read no more; waits a moment for a read under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLE_EVERY_S):
            try:
                self.now = self._read()
            except SQLAlchemyError:
                self.now = Overview()

    def _read(self) -> Overview:
        ingest = [report for report in reports(self._database) if service_of(report.name)[0] == "ingest"]
        stamp = max((report.seen_at for report in ingest), default=self._stamp)
        if stamp != self._stamp:
            self._stamp = stamp
            at, run = monotonic(), hash(tuple(report.pid for report in ingest))
            self._events.add(at, run, sum(report.counters.get("events", 0.0) for report in ingest))
            self._readings.add(at, run, sum(report.counters.get("readings", 0.0) for report in ingest))
        return Overview(self._events.per_second(), self._readings.per_second(), SqlAlerts(self._database).count_open())
