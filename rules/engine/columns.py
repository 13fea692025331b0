"""The newest reading of every series, and within which values nothing can come of the next one. No I/O, no clock.

Theory of operation. Nearly every reading changes nothing: it lies where the last one lay, and no clause that looks at its
series would begin, go on or end by it. So each series ('device/quantity') has a row of eight numbers, one line of the
processor's cache:

    LO, HI      the open band of values by which no clause of any rule changes anything as things stand (NaN: there is none)
    DUE         the event time from which an observation must be looked at whatever its value is, since a timer of its
                device is running
    VALUE, TIME, BASE   the newest reading, its event time, and what the lane had delivered when it came
    UNIT        the code of the unit that it has to be in (ANY_UNIT where no clause minds)
    CLAUSES     how many clauses look at it

What lies in its band is only noted, thousands at a time (`rules.engine.sweep`); the rest goes through the machine one by
one, which then says what the band is now. Times are microseconds since 1970 UTC, which a double holds exactly until 2255.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LO, HI, DUE, VALUE, TIME, BASE, UNIT, CLAUSES = range(8)
WIDTH = 8

ANY_UNIT = -1
OTHER_UNIT = 255
"""The code of every unit beyond the first 255."""

UNWATCHED = 0
"""The row that all series share which no clause looks at: whatever comes is quiet, and what is noted in it means nothing."""

MOST_UNWATCHED = 100_000
"""Names of a gateway remembered that no clause looks at; more are forgotten all at once, and asked for again."""

Rows = NDArray[np.float64]
Numbers = NDArray[np.int64]

_QUIET = (-math.inf, math.inf)


class Newest(NamedTuple):
    """The newest reading of a series; `time` and `base` in microseconds."""

    value: float
    time: int
    base: int


@dataclass(frozen=True, slots=True)
class Dumped:
    """All columns as a snapshot keeps them: for each gateway its series in order, and their rows one after the other
    (little-endian doubles)."""

    series: dict[str, list[str]]
    rows: bytes
    units: list[str | None]


class Columns:
    """Rows by number, and the number of each series. `screening`: without it no band is ever open (for tests)."""

    def __init__(self, *, screening: bool = True) -> None:
        self.rows: Rows = np.zeros((64, WIDTH))
        self.rows[UNWATCHED] = (*_QUIET, math.inf, math.nan, 0, 0, ANY_UNIT, 0)
        self.names: list[str] = [""]
        """The series of each number."""
        self.changed: list[int] = []
        """Rows whose band was set since the list was last emptied: who is in the middle of a batch looks at them again."""
        self._screening = screening
        self._of_gateway: dict[str, dict[str, int]] = {}
        self._unwatched: dict[str, int] = {}
        self._free: list[int] = []
        self._units: dict[str | None, int] = {None: 0}

    # --- names ------------------------------------------------------------------------------------------------------

    def of_gateway(self, gateway: str) -> dict[str, int]:
        """The numbers of its series; not to be changed."""
        return self._of_gateway.setdefault(gateway, {})

    def number(self, gateway: str, series: str) -> int | None:
        """The number of a series, UNWATCHED included; None for one that is not known."""
        return self._of_gateway.get(gateway, {}).get(series)

    def add(self, gateway: str, series: str, clauses: int, unit: int = ANY_UNIT) -> int:
        """A row for a series that `clauses` look at; its band is closed. What it had noted before stays, if it has one."""
        number = self.number(gateway, series)
        if number is None or number == UNWATCHED:
            number = self._free.pop() if self._free else self._grow()
            self.rows[number] = (math.nan, math.nan, math.inf, math.nan, 0, 0, unit, clauses)
            self.names[number] = series
            self.of_gateway(gateway)[series] = number
        else:
            self.rows[number, UNIT], self.rows[number, CLAUSES] = unit, clauses
            self.close(number)
        return number

    def ignore(self, gateway: str, series: str) -> int:
        """Have a series pass that no clause looks at."""
        numbers = self.of_gateway(gateway)
        if self._unwatched.get(gateway, 0) >= MOST_UNWATCHED:
            for name in [name for name, number in numbers.items() if number == UNWATCHED]:
                del numbers[name]
            self._unwatched[gateway] = 0
        numbers[series] = UNWATCHED
        self._unwatched[gateway] = self._unwatched.get(gateway, 0) + 1
        return UNWATCHED

    def forget(self, gateway: str, series: str) -> None:
        """The series is gone; its row may become another's."""
        number = self._of_gateway.get(gateway, {}).pop(series, UNWATCHED)
        if number != UNWATCHED:
            self.names[number] = ""
            self._free.append(number)

    def series(self) -> Iterator[tuple[str, str, int]]:
        """(gateway, series, number) of all that are known, UNWATCHED included."""
        for gateway, numbers in self._of_gateway.items():
            for name, number in numbers.items():
                yield gateway, name, number

    def unit(self, unit: str | None) -> int:
        """The code of a unit; 0 for none."""
        code = self._units.get(unit)
        if code is None:
            code = min(len(self._units), OTHER_UNIT)
            if code < OTHER_UNIT:
                self._units[unit] = code
        return code

    def units(self, units: Iterable[str | None]) -> bytes:
        """The code of each."""
        try:
            return bytes(map(self._units.__getitem__, units))
        except KeyError:
            return bytes(map(self.unit, units))

    # --- bands ------------------------------------------------------------------------------------------------------

    def set_band(self, number: int, band: tuple[float, float] | None, due: float = math.inf) -> None:
        """Between which values, both exclusive, nothing changes before `due` (event time); None: nowhere."""
        if number == UNWATCHED:
            return
        low, high = band if band is not None and self._screening else (math.nan, math.nan)
        row = self.rows[number]
        row[LO], row[HI], row[DUE] = low, high, due
        self.changed.append(number)

    def close(self, number: int) -> None:
        """The next reading is looked at, whatever it is."""
        self.set_band(number, None)

    def close_all(self) -> None:
        """So is the next one of every series: rules or registry have changed."""
        self.rows[1:, LO] = self.rows[1:, HI] = math.nan
        self.rows[1:, DUE] = math.inf

    def is_quiet(self, number: int, value: float, time: int, unit: int) -> bool:
        """Whether a reading changes nothing."""
        low, high, due, _, _, _, wanted, _ = self.rows[number].tolist()
        return low < value < high and time < due and wanted in (ANY_UNIT, unit)

    # --- readings ---------------------------------------------------------------------------------------------------

    def note(self, number: int, value: float, time: int, base: int) -> None:
        """The newest reading of the series."""
        self.rows[number, VALUE : BASE + 1] = value, time, base

    def newest(self, number: int) -> Newest | None:
        """The newest reading, None if there was none yet."""
        value, time, base = self.rows[number, VALUE : BASE + 1].tolist()
        return None if math.isnan(value) else Newest(value, int(time), int(base))

    # --- what a snapshot keeps --------------------------------------------------------------------------------------

    def dump(self) -> Dumped:
        """Everything but the names that no clause looks at. The same columns give the same, whatever order they came in."""
        watched = {
            gateway: dict(sorted((name, number) for name, number in numbers.items() if number != UNWATCHED))
            for gateway, numbers in sorted(self._of_gateway.items())
        }
        order = [number for numbers in watched.values() for number in numbers.values()]
        rows = self.rows[np.array(order, dtype=np.int64)].astype("<f8")
        series = {gateway: list(numbers) for gateway, numbers in watched.items() if numbers}
        return Dumped(series, rows.tobytes(), list(self._units))

    @classmethod
    def restore(cls, dumped: Dumped, *, screening: bool = True) -> "Columns":
        """The columns as they were. ValueError if the parts do not fit together."""
        columns = cls(screening=screening)
        rows = np.frombuffer(dumped.rows, dtype="<f8").reshape(-1, WIDTH)
        count = sum(map(len, dumped.series.values()))
        if len(rows) != count:
            raise ValueError(f"{len(rows)} rows for {count} series")
        columns.rows = np.concatenate((columns.rows[:1], rows, np.zeros((64, WIDTH))))
        columns._units = {unit: code for code, unit in enumerate(dumped.units)}
        for gateway, names in dumped.series.items():
            first = len(columns.names)
            columns._of_gateway[gateway] = dict(zip(names, range(first, first + len(names)), strict=True))
            columns.names += names
        if not screening:
            columns.close_all()
        return columns

    def _grow(self) -> int:
        number = len(self.names)
        if number >= len(self.rows):
            self.rows = np.concatenate((self.rows, np.zeros_like(self.rows)))
        self.names.append("")
        return number
