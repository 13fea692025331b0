"""A run of readings on its way through the columns: thousands compared at once, and the few that matter picked out. No I/O.

Theory of operation. All readings of the run are compared with their bands in one pass over arrays. Those outside are
handed out one by one, in the order of the run, and at that moment the columns say what they would had every reading
before it been noted one by one. What is done about one of them may move the bands of any series: the rest of the run is
then compared anew for those series alone. So the result is that of one reading at a time, however the run is cut.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from rules.engine.columns import ANY_UNIT, BASE, CLAUSES, DUE, HI, LO, TIME, UNIT, VALUE, Columns, Numbers, Rows


class Sweep:
    """`series`, `values`, `times` (microseconds) and `units` (codes) of a run of readings, all of one length, in the order
    in which they count."""

    def __init__(self, columns: Columns, series: Numbers, values: Rows, times: Rows, units: bytes) -> None:
        self.series = series
        self.values = values
        self.times = times
        self.bases: Rows = np.zeros(len(series))
        self._columns = columns
        self._units = np.frombuffer(units, dtype=np.uint8)
        self._noted = 0
        columns.changed.clear()
        rows = columns.rows[series]
        self.evaluations = int(rows[:, CLAUSES].sum())
        """Readings by clauses that look at them."""
        self._stirred: list[int] = np.flatnonzero(self._beyond(rows, slice(None))).tolist()

    def stirred(self, end: int) -> Iterator[int]:
        """The readings before `end` that something may come of, in order. While one is handled the columns have all before it;
        it is for who handles it to note it."""
        while True:
            self._look_again()
            stirred = self._stirred
            if not stirred or stirred[0] >= end:
                return
            number = heappop(stirred)
            if number < self._noted or self._is_quiet(number):
                continue
            self.note(number)
            self._noted = number + 1
            yield number

    def note(self, end: int) -> None:
        """Note the readings before `end`, of which none is stirred."""
        if end <= self._noted:
            return
        run = slice(self._noted, end)
        rows, series = self._columns.rows, self.series[run]
        rows[series, VALUE] = self.values[run]  # of equal ones the last stays
        rows[series, TIME] = self.times[run]
        rows[series, BASE] = self.bases[run]
        self._noted = end

    def _beyond(self, rows: Rows, run: slice | Numbers) -> NDArray[np.bool_]:
        values, wanted = self.values[run], rows[:, UNIT]
        quiet = (values > rows[:, LO]) & (values < rows[:, HI]) & (self.times[run] < rows[:, DUE])
        beyond: NDArray[np.bool_] = ~(quiet & ((wanted == self._units[run]) | (wanted == ANY_UNIT)))
        return beyond

    def _is_quiet(self, number: int) -> bool:
        return self._columns.is_quiet(
            int(self.series[number]), float(self.values[number]), int(self.times[number]), int(self._units[number])
        )

    def _look_again(self) -> None:
        """Compare what is still to come of the series whose band was moved."""
        changed = self._columns.changed
        if not changed:
            return
        ahead = self.series[self._noted :]
        for series in dict.fromkeys(changed):
            found = np.flatnonzero(ahead == series) + self._noted
            if len(found):
                row = np.broadcast_to(self._columns.rows[series], (len(found), self._columns.rows.shape[1]))
                for number in found[self._beyond(row, found)].tolist():
                    heappush(self._stirred, number)
        changed.clear()
