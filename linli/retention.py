"""How long what is kept, by class of row; and whether the clock may be believed when something is to be deleted. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass

from linli.clock import DAY, HOUR, SECOND
from linli.ports import Resolution, RowClass

_CLASS_OF = {Resolution.RAW: RowClass.RAW, Resolution.MINUTE: RowClass.MINUTE, Resolution.HOUR: RowClass.HOUR}


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each class is kept; 0 means for ever."""

    raw: int = 0
    minute: int = 0
    hour: int = 0
    events: int = 0

    def days(self, rows: RowClass) -> int:
        """The days of one class."""
        return {
            RowClass.RAW: self.raw,
            RowClass.MINUTE: self.minute,
            RowClass.HOUR: self.hour,
            RowClass.EVENTS: self.events,
        }[rows]

    def horizons(self, now: int) -> dict[RowClass, int]:
        """What is older may go; classes that are kept for ever are left out. Whole hours, as rollups are."""
        return {rows: (now - self.days(rows) * DAY) // HOUR * HOUR for rows in RowClass if self.days(rows)}

    def kept_from(self, now: int) -> Mapping[Resolution, int]:
        """Since when a series can be read at each resolution; 0 since ever."""
        horizons = self.horizons(now)
        return {resolution: horizons.get(rows, 0) for resolution, rows in _CLASS_OF.items()}


FOR_EVER = Retention()


class SteadyClock:
    """Whether the wall clock has gone like the monotonic one for `steady_s` seconds.

    A clock that jumps a year ahead makes everything look too old. So nothing is deleted until it has stood there for a
    while: time for a person or NTP to set it right, and rows that would have been deleted are still there.
    """

    def __init__(self, steady_s: float = 3600.0, tolerance_s: float = 60.0) -> None:
        self._steady_s = steady_s
        self._tolerance_s = tolerance_s
        self._since: float | None = None
        self._offset = 0.0

    def judge(self, now: int, monotonic: float) -> bool:
        """`now` in microseconds, `monotonic` in seconds; to be asked now and then, at least a few times an hour."""
        offset = now / SECOND - monotonic
        if self._since is None or abs(offset - self._offset) > self._tolerance_s:
            self._since, self._offset = monotonic, offset
        return monotonic - self._since >= self._steady_s
