"""The readings of one quantity of one device within a sliding window of event time, and what is asked of them. No I/O, no clock.

A window holds each reading in (t - width, t], and the newest before that, which is what held when the window began: 16
bytes each. When there are more than MOST_READINGS it goes on in cells: each of the CELLS equal spans of its width then
holds its newest reading and, if that is ever asked, how many there were, their sum, their lowest and their highest. A
cell leaves the window when its newest reading does.
"""

import math
import struct
from bisect import bisect_right
from typing import NamedTuple

import msgspec

from linli.clock import SECOND

MOST_READINGS = 512
CELLS = 256

NO_DATA = math.nan

_READING = struct.Struct("=qd")
_CELL = struct.Struct("=4d")
_WIDE = _READING.size


class Cell(NamedTuple):
    """What there was within one span of time."""

    readings: float
    sum: float
    lowest: float
    highest: float

    def and_also(self, value: float) -> "Cell":
        """With one reading more."""
        return Cell(self.readings + 1, self.sum + value, min(self.lowest, value), max(self.highest, value))


class Window(msgspec.Struct, array_like=True, gc=False):
    """`width` in microseconds. `changes_only`: nothing but `change` and `rate` is asked. `step` is the width of a cell, 0 as long
    as there are none. `readings` are packed, each an 8-byte integer and a double, by time; `cells` four doubles for each."""

    width: int
    changes_only: bool = False
    step: int = 0
    readings: bytearray = msgspec.field(default_factory=bytearray)
    cells: bytearray = msgspec.field(default_factory=bytearray)

    def __len__(self) -> int:
        """How many readings or cells it holds."""
        return len(self.readings) // _WIDE

    def take(self, time: int, value: float) -> None:
        """A finite reading, in any order of time; of equal times the one that comes later is the newer."""
        many = len(self)
        place = many if not many or time >= self._time(many - 1) else bisect_right(self._times(), time)
        if self.step and self._joins(place, time, value):
            return
        self.readings[place * _WIDE : place * _WIDE] = _READING.pack(time, value)
        if self.step and not self.changes_only:
            self.cells[place * _CELL.size : place * _CELL.size] = _CELL.pack(1, value, value, value)

    def slide(self, time: int) -> None:
        """Let go of what no window that ends at `time` or later needs."""
        gone = self._begin(time) - 1
        if gone > 0:
            del self.readings[: gone * _WIDE]
            if self.cells:
                del self.cells[: gone * _CELL.size]
        if not self.step and len(self) > MOST_READINGS:
            self._coarsen()

    # --- what is asked: NO_DATA where there is no answer ------------------------------------------------------------------

    def avg(self, time: int) -> float:
        """The mean of the readings in the window that ends at `time`."""
        count = self.count(time)
        return self.sum(time) / count if count else NO_DATA

    def sum(self, time: int) -> float:
        """Their sum, rounded once."""
        begin = self._begin(time)
        if begin == len(self):
            return NO_DATA
        try:
            return math.fsum([cell.sum for cell in self._cells(begin)] if self.step else self._values()[begin:])
        except OverflowError:
            return NO_DATA

    def count(self, time: int) -> float:
        """How many there are."""
        begin = self._begin(time)
        return sum(cell.readings for cell in self._cells(begin)) if self.step else float(len(self) - begin)

    def lowest(self, time: int) -> float:
        """The least of them."""
        begin = self._begin(time)
        known = [cell.lowest for cell in self._cells(begin)] if self.step else self._values()[begin:]
        return min(known, default=NO_DATA)

    def highest(self, time: int) -> float:
        """The greatest of them."""
        begin = self._begin(time)
        known = [cell.highest for cell in self._cells(begin)] if self.step else self._values()[begin:]
        return max(known, default=NO_DATA)

    def change(self, time: int, counter: bool) -> float:
        """The newest minus the one that held when the window began. A counter does not fall: it was reset."""
        base = self._held(time)
        if base is None:
            return NO_DATA
        change = self._value(len(self) - 1) - self._value(base)
        return NO_DATA if counter and change < 0 else change

    def rate(self, time: int, counter: bool) -> float:
        """That change for each second between the two."""
        base = self._held(time)
        if base is None:
            return NO_DATA
        return self.change(time, counter) / ((self._time(len(self) - 1) - self._time(base)) / SECOND)

    # --- columns ----------------------------------------------------------------------------------------------------------

    def _time(self, place: int) -> int:
        time: int = _READING.unpack_from(self.readings, place * _WIDE)[0]
        return time

    def _value(self, place: int) -> float:
        value: float = _READING.unpack_from(self.readings, place * _WIDE)[1]
        return value

    def _times(self) -> "memoryview[int]":
        return memoryview(self.readings).cast("q")[::2]

    def _values(self) -> "memoryview[float]":
        return memoryview(self.readings).cast("d")[1::2]

    def _cells(self, begin: int) -> list[Cell]:
        return [Cell(*four) for four in _CELL.iter_unpack(memoryview(self.cells)[begin * _CELL.size :])]

    def _begin(self, time: int) -> int:
        """The place of the first reading in the window that ends at `time`: nearly always the first or second there is."""
        edge, many = time - self.width, len(self)
        for place in range(min(many, 2)):
            if self._time(place) > edge:
                return place
        return bisect_right(self._times(), edge) if many > 2 else many

    def _held(self, time: int) -> int | None:
        """The place of the newest reading before the window; None if it is too old, or the window empty."""
        begin = self._begin(time)
        if not 0 < begin < len(self) or self._time(begin - 1) < time - 2 * self.width:
            return None
        return begin - 1

    def _coarsen(self) -> None:
        readings = list(_READING.iter_unpack(self.readings))
        self.step = max(1, self.width // CELLS)
        self.readings = bytearray()
        for time, value in readings:
            self.take(time, value)

    def _joins(self, place: int, time: int, value: float) -> bool:
        """Whether there is a cell for that time, beside `place`; the reading is then in it."""
        span = time // self.step
        if place and self._time(place - 1) // self.step == span:
            place -= 1
            _READING.pack_into(self.readings, place * _WIDE, time, value)
        elif place == len(self) or self._time(place) // self.step != span:
            return False
        if not self.changes_only:
            at = place * _CELL.size
            _CELL.pack_into(self.cells, at, *Cell(*_CELL.unpack_from(self.cells, at)).and_also(value))
        return True
