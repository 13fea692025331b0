"""A run of readings on its way through the columns: thousands compared at once, and the few that matter picked out. No I/O.

Theory of operation. All readings of the run are compared with their bands in one pass over arrays. Those outside are
handed out one by one, in the order of the run, and at that moment the columns say what they would had every reading
before it been noted one by one. What is done about one of them may move the bands of any series: the rest of the run is
then compared anew for those series alone. So the result is that of one reading at a time, however the run is cut.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from linli.clock import SECOND
from rules.engine.columns import ANY_UNIT, ENDLESS, Columns, Numbers, Rows, Values


@dataclass(frozen=True, slots=True)
class Run:
    """Readings in the order in which they count, as columns of one length: the number of each one's series, value, event time,
    code of its unit; what its lane had delivered when it counts, and the code of that lane."""

    series: Numbers
    values: Values
    times: Numbers
    units: NDArray[np.uint8]
    bases: Numbers
    lanes: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.series)

    def ordered(self, order: Numbers) -> "Run":
        """The same in another order."""
        return Run(
            self.series[order],
            self.values[order],
            self.times[order],
            self.units[order],
            self.bases[order],
            self.lanes[order],
        )


class Sweep:
    """One run going through the columns."""

    def __init__(self, columns: Columns, run: Run) -> None:
        self.run = run
        self._columns = columns
        self._noted = 0
        columns.changed = []
        rows = columns.rows.take(run.series)  # sixteen times as fast as [run.series], of such rows
        self._clauses = rows["clauses"]
        self._patient = bool((rows["patience"] == ENDLESS).all())
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

    def ahead(self, end: int) -> list[int]:
        """Readings before `end` that are still to be looked at, and maybe some of which nothing comes; in no order."""
        self._look_again()
        return [number for number in self._stirred if number < end]

    def evaluations(self, end: int) -> int:
        """Readings before `end` by clauses that look at them."""
        return int(self._clauses[:end].sum(dtype=np.int64))

    def finish(self, end: int) -> None:
        """Note the readings before `end` that are not yet; what comes after them never was."""
        self.note(end)
        self._columns.changed = None

    def note(self, end: int) -> None:
        """Note the readings before `end`, of which none is stirred."""
        count = end - self._noted
        if count <= 0:
            return
        part = slice(self._noted, end)
        run, rows, series = self.run, self._columns.rows, self.run.series[part]
        rows["value"][series] = run.values[part]  # of equal ones the last stays
        rows["time"][series] = run.times[part]
        rows["unit"][series] = run.units[part]
        rows["base"][series] = run.bases[part]
        rows["lane"][series] = run.lanes[part]
        rows["stamp"][series] = np.arange(self._columns.stamp + 1, self._columns.stamp + 1 + count)
        self._columns.stamp += count
        self._noted = end

    def _beyond(self, rows: Rows, part: slice | Numbers) -> NDArray[np.bool_]:
        run = self.run
        values, units, bases, wanted = run.values[part], run.units[part], run.bases[part], rows["wanted"]
        quiet = (values > rows["low"]) & (values < rows["high"])
        quiet &= np.maximum(run.times[part], bases) < rows["due"]
        quiet &= (wanted == units) | (wanted == ANY_UNIT) | (units == 0)
        if not self._patient:
            patience = rows["patience"].astype(np.int64)
            quiet &= (patience == ENDLESS) | (bases - rows["base"] < patience * SECOND)
        beyond: NDArray[np.bool_] = ~quiet
        return beyond

    def _is_quiet(self, number: int) -> bool:
        run = self.run
        return self._columns.is_quiet(
            int(run.series[number]),
            float(run.values[number]),
            int(run.times[number]),
            int(run.units[number]),
            int(run.bases[number]),
        )

    def _look_again(self) -> None:
        """Compare what is still to come of the series whose band was moved."""
        changed = self._columns.changed
        if not changed:
            return
        ahead = self.run.series[self._noted :]
        for series in set(changed):
            found = np.flatnonzero(ahead == series) + self._noted
            if len(found):
                row = self._columns.rows[series]
                self._patient &= row["patience"] == ENDLESS
                for number in found[self._beyond(np.full(len(found), row), found)].tolist():
                    heappush(self._stirred, number)
        changed.clear()
