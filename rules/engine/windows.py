"""The readings of one quantity of one device within a sliding window of event time, and what is asked of them. No I/O, no clock.

A window holds each reading in (t - width, t], and the newest before that, which is what held when the window began. When
there are more than MOST_READINGS it goes on in cells: each of the CELLS equal spans of its width then holds its newest
reading, and how many there were, their sum, their lowest and their highest. A cell leaves the window when its newest
reading does.
"""

import math
from bisect import bisect_right
from typing import NamedTuple

import msgspec

from linli.clock import SECOND

MOST_READINGS = 512
CELLS = 256

NO_DATA = math.nan


class Cell(NamedTuple):
    """What there was within one span of time."""

    readings: int
    sum: float
    lowest: float
    highest: float

    def and_also(self, value: float) -> "Cell":
        """With one reading more."""
        return Cell(self.readings + 1, self.sum + value, min(self.lowest, value), max(self.highest, value))


class Window(msgspec.Struct, array_like=True):
    """`width` in microseconds. `times` ascend, `values` are of the same length. `step` is the width of a cell, 0 as long as
    there are none; `cells` then are as many as there are times."""

    width: int
    step: int = 0
    times: list[int] = []
    values: list[float] = []
    cells: list[Cell] = []

    def take(self, time: int, value: float) -> None:
        """A finite reading, in any order of time; of equal times the one that comes later is the newer."""
        place = bisect_right(self.times, time)
        if self.step and self._joins(place, time, value):
            return
        self.times.insert(place, time)
        self.values.insert(place, value)
        if self.step:
            self.cells.insert(place, Cell(1, value, value, value))

    def slide(self, time: int) -> None:
        """Let go of what no window that ends at `time` or later needs."""
        gone = self._begin(time) - 1
        if gone > 0:
            del self.times[:gone], self.values[:gone], self.cells[:gone]
        if not self.step and len(self.times) > MOST_READINGS:
            self._coarsen()

    # --- what is asked: NO_DATA where there is no answer ------------------------------------------------------------------

    def avg(self, time: int) -> float:
        """The mean of the readings in the window that ends at `time`."""
        count = self.count(time)
        return self.sum(time) / count if count else NO_DATA

    def sum(self, time: int) -> float:
        """Their sum, rounded once."""
        begin = self._begin(time)
        if begin == len(self.times):
            return NO_DATA
        try:
            return math.fsum([cell.sum for cell in self.cells[begin:]] if self.step else self.values[begin:])
        except OverflowError:
            return NO_DATA

    def count(self, time: int) -> float:
        """How many there are."""
        begin = self._begin(time)
        return float(sum(cell.readings for cell in self.cells[begin:]) if self.step else len(self.times) - begin)

    def lowest(self, time: int) -> float:
        """The least of them."""
        begin = self._begin(time)
        known = [cell.lowest for cell in self.cells[begin:]] if self.step else self.values[begin:]
        return min(known, default=NO_DATA)

    def highest(self, time: int) -> float:
        """The greatest of them."""
        begin = self._begin(time)
        known = [cell.highest for cell in self.cells[begin:]] if self.step else self.values[begin:]
        return max(known, default=NO_DATA)

    def change(self, time: int, counter: bool) -> float:
        """The newest minus the one that held when the window began. A counter does not fall: it was reset."""
        base = self._held(time)
        if base is None:
            return NO_DATA
        change = self.values[-1] - self.values[base]
        return NO_DATA if counter and change < 0 else change

    def rate(self, time: int, counter: bool) -> float:
        """That change for each second between the two."""
        base = self._held(time)
        if base is None:
            return NO_DATA
        return self.change(time, counter) / ((self.times[-1] - self.times[base]) / SECOND)

    def _begin(self, time: int) -> int:
        """The place of the first reading in the window that ends at `time`."""
        return bisect_right(self.times, time - self.width)

    def _held(self, time: int) -> int | None:
        """The place of the newest reading before the window; None if it is older than another width, or the window empty."""
        begin = self._begin(time)
        if not 0 < begin < len(self.times) or self.times[begin - 1] < time - 2 * self.width:
            return None
        return begin - 1

    # --- cells ------------------------------------------------------------------------------------------------------------

    def _coarsen(self) -> None:
        times, values = self.times, self.values
        self.step = max(1, self.width // CELLS)
        self.times, self.values = [], []
        for time, value in zip(times, values, strict=True):
            self.take(time, value)

    def _joins(self, place: int, time: int, value: float) -> bool:
        """Whether there is a cell for that time, beside `place`; the reading is then in it."""
        span = time // self.step
        if place and self.times[place - 1] // self.step == span:
            place -= 1
            self.times[place], self.values[place] = time, value
        elif place == len(self.times) or self.times[place] // self.step != span:
            return False
        self.cells[place] = self.cells[place].and_also(value)
        return True
