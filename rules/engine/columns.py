"""The newest reading of every series, and within which values nothing can come of the next one. No I/O, no clock.

Theory of operation. Nearly every reading changes nothing: it lies where the last one lay, and no clause that looks at its
series would begin, go on or end by it. So each series ('device/quantity') has a row of 64 bytes, one line of the
processor's cache:

    low, high           the open band of values by which no clause of any rule changes anything as things stand (NaN: none)
    due                 the time from which an observation must be looked at whatever its value is, since a timer of its
                        device is running: its event time, or what its lane has delivered, whichever is later
    wanted              the code of the unit that it has to be in (ANY_UNIT where no clause minds)
    patience            so many seconds after the series was heard last (by what its lane delivered) likewise: a clause waits
                        for any report of the device
    value, time, unit   the newest reading; base, lane: what its lane had delivered when it came; stamp: counts all readings
    clauses             how many clauses look at it

What lies in its band is only noted, thousands at a time (`rules.engine.sweep`); the rest goes through the machine one by
one, which then says what the band is now. Times are microseconds since 1970 UTC.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linli.clock import SECOND
from linli.model import Lane

ROW = np.dtype(
    [
        ("low", "<f8"),
        ("high", "<f8"),
        ("due", "<i8"),
        ("value", "<f8"),
        ("time", "<i8"),
        ("base", "<i8"),
        ("stamp", "<i8"),
        ("clauses", "<u2"),
        ("patience", "<u2"),
        ("wanted", "u1"),
        ("unit", "u1"),
        ("lane", "u1"),
        ("spare", "u1"),
    ]
)
assert ROW.itemsize == 64

NEVER = 2**63 - 1
ENDLESS = 65535
"""A patience that never ends."""

ANY_UNIT, OTHER_UNIT = 255, 254
"""In place of a unit's code: whichever it is; and one of those beyond the first 254."""

UNWATCHED = 0
"""The row that all series of unwatched devices share: whatever comes is quiet, and what is noted in it means nothing."""

LANES = tuple(Lane)

Rows = NDArray[Any]
Numbers = NDArray[np.int64]
Values = NDArray[np.float64]

_QUIET = (-math.inf, math.inf)


class Newest(NamedTuple):
    """The newest reading of a series. `base`: what `lane` had delivered by then; `stamp`: the greater, the later it came."""

    value: float
    time: int
    unit: str | None
    base: int
    lane: Lane
    stamp: int


@dataclass(frozen=True, slots=True)
class Dumped:
    """All columns as a snapshot keeps them: for each gateway its series in order, and their rows one after the other
    (`ROW`)."""

    series: dict[str, list[str]]
    rows: bytes
    units: list[str | None]


class Columns:
    """Rows by number, and the number of each series. `screening`: without it no band is ever open (for tests)."""

    def __init__(self, *, screening: bool = True) -> None:
        self.rows: Rows = np.zeros(64, ROW)
        self.rows[UNWATCHED] = (*_QUIET, NEVER, math.nan, 0, 0, 0, 0, ENDLESS, ANY_UNIT, 0, 0, 0)
        self.stamp = 0
        """How many readings have been noted."""
        self.names: list[str] = [""]
        """The series of each number."""
        self.changed: list[int] | None = None
        """Rows whose band was moved, while somebody in the middle of a run wants to know."""
        self._screening = screening
        self._of_gateway: dict[str, dict[str, int]] = {}
        self._of_device: dict[str, dict[str, list[int]]] = {}
        self._free: list[int] = []
        self._units: dict[str | None, int] = {None: 0}
        self._unit_names: list[str | None] = [None]

    # --- names ------------------------------------------------------------------------------------------------------

    def of_gateway(self, gateway: str) -> dict[str, int]:
        """The numbers of its series; not to be changed."""
        return self._of_gateway.setdefault(gateway, {})

    def number(self, gateway: str, series: str) -> int | None:
        """The number of a series, UNWATCHED included; None for one that is not known."""
        return self._of_gateway.get(gateway, {}).get(series)

    def add(self, gateway: str, series: str, clauses: int) -> int:
        """A row for a series that `clauses` look at; its band is closed. What it had noted before stays, if it has one."""
        number = self.number(gateway, series)
        if number is None or number == UNWATCHED:
            number = self._free.pop() if self._free else self._grow()
            self.rows[number] = (math.nan, math.nan, NEVER, math.nan, 0, 0, 0, clauses, ENDLESS, ANY_UNIT, 0, 0, 0)
            self.names[number] = series
            self.of_gateway(gateway)[series] = number
            devices = self._of_device.get(gateway)
            if devices is not None:
                devices.setdefault(series.partition("/")[0], []).append(number)
        else:
            self.rows["clauses"][number] = clauses
            self.close(number)
        return number

    def ignore(self, gateway: str, series: str) -> int:
        """Have a series pass, of a device that no clause watches."""
        self.of_gateway(gateway)[series] = UNWATCHED
        return UNWATCHED

    def forget(self, gateway: str, series: str) -> None:
        """The series is not to be known any more; its row may become another's."""
        number = self._of_gateway.get(gateway, {}).pop(series, UNWATCHED)
        if number != UNWATCHED:
            self._of_device.pop(gateway, None)
            self.names[number] = ""
            self._free.append(number)

    def of_device(self, gateway: str, device: str) -> Sequence[int]:
        """The rows of its series, UNWATCHED left out."""
        devices = self._of_device.get(gateway)
        if devices is None:  # it is made when it is first asked for: most are not after a restart
            devices = self._of_device[gateway] = {}
            for series, number in self._of_gateway.get(gateway, {}).items():
                if number != UNWATCHED:
                    devices.setdefault(series.partition("/")[0], []).append(number)
        return devices.get(device, ())

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
                self._unit_names.append(unit)
        return code

    def units(self, units: Sequence[str | None]) -> bytes:
        """The code of each."""
        try:
            return bytes(map(self._units.__getitem__, units))
        except KeyError:
            return bytes(map(self.unit, units))

    # --- bands ------------------------------------------------------------------------------------------------------

    def set_band(
        self,
        number: int,
        band: tuple[float, float] | None,
        *,
        due: float = math.inf,
        unit: str | None = None,
        patience: int | None = None,
    ) -> None:
        """Between which values, both exclusive, and in which unit (None: in any) nothing changes before `due`, as long as it is
        heard every `patience` (microseconds; None: however seldom). None: nowhere."""
        if number == UNWATCHED:
            return
        row = self.rows[number]
        row["low"], row["high"] = band if band is not None and self._screening else (math.nan, math.nan)
        row["due"] = NEVER if due >= NEVER else int(due)
        row["wanted"] = ANY_UNIT if unit is None else self.unit(unit)
        row["patience"] = ENDLESS if patience is None else min(patience // SECOND, ENDLESS - 1)
        if self.changed is not None:
            self.changed.append(number)

    def close(self, number: int) -> None:
        """The next reading is looked at, whatever it is."""
        if number != UNWATCHED:
            self.rows["low"][number] = math.nan
            if self.changed is not None:
                self.changed.append(number)

    def close_all(self) -> None:
        """So is the next one of every series: rules or registry have changed."""
        self.rows["low"][1:] = math.nan

    def is_closed(self, number: int) -> bool:
        """Whether the next reading is looked at in any case."""
        return bool(np.isnan(self.rows["low"][number]))

    def is_quiet(self, number: int, value: float, time: int, unit: int, base: int) -> bool:
        """Whether a reading changes nothing. `base`: what its lane has delivered."""
        row = self.rows[number]
        wanted, patience = row["wanted"], row["patience"]
        return bool(
            row["low"] < value < row["high"]
            and max(time, base) < row["due"]
            and (wanted in (ANY_UNIT, unit) or unit == 0)
            and (patience == ENDLESS or base - row["base"] < int(patience) * SECOND)
        )

    # --- readings ---------------------------------------------------------------------------------------------------

    def note(self, number: int, value: float, time: int, unit: int, base: int, lane: int) -> None:
        """The newest reading of the series; `unit` and `lane` as codes."""
        self.stamp += 1
        row = self.rows[number]
        row["value"], row["time"], row["unit"], row["base"], row["lane"] = value, time, unit, base, lane
        row["stamp"] = self.stamp

    def newest(self, number: int) -> Newest | None:
        """The newest reading, None if there was none yet."""
        row = self.rows[number]
        if number == UNWATCHED or row["stamp"] == 0:
            return None
        code = int(row["unit"])
        unit = self._unit_names[code] if code < len(self._unit_names) else None
        time, base, stamp = int(row["time"]), int(row["base"]), int(row["stamp"])
        return Newest(float(row["value"]), time, unit, base, LANES[row["lane"]], stamp)

    def take(self, other: "Columns", wanted: Callable[[str, str], bool]) -> None:
        """Take over another's rows of series that are `wanted` (gateway, series); no clause may have changed meanwhile."""
        for gateway, series, number in list(other.series()):
            if number != UNWATCHED and wanted(gateway, series):
                mine = self.add(gateway, series, clauses=0)
                self.rows[mine] = other.rows[number]
                for name in ("wanted", "unit"):
                    code = int(other.rows[name][number])
                    if code < len(other._unit_names):
                        self.rows[name][mine] = self.unit(other._unit_names[code])
        self.stamp = max(self.stamp, other.stamp)

    # --- what a snapshot keeps --------------------------------------------------------------------------------------

    def dump(self) -> Dumped:
        """Everything but the names that no clause looks at. The same columns give the same, whatever order they came in."""
        watched = {
            gateway: dict(sorted((name, number) for name, number in numbers.items() if number != UNWATCHED))
            for gateway, numbers in sorted(self._of_gateway.items())
        }
        order = [number for numbers in watched.values() for number in numbers.values()]
        rows = self.rows.take(np.array(order, dtype=np.int64))
        series = {gateway: list(numbers) for gateway, numbers in watched.items() if numbers}
        units = self._in_order(rows)
        return Dumped(series, rows.tobytes(), units)

    @classmethod
    def restore(cls, dumped: Dumped, *, screening: bool = True) -> "Columns":
        """The columns as they were. ValueError if the parts do not fit together."""
        columns = cls(screening=screening)
        rows = np.frombuffer(dumped.rows, dtype=ROW)
        count = sum(map(len, dumped.series.values()))
        if len(rows) != count:
            raise ValueError(f"{len(rows)} rows for {count} series")
        columns.rows = np.concatenate((columns.rows[:1], rows, np.zeros(64, ROW)))
        columns.stamp = int(rows["stamp"].max(initial=0))
        columns._units = {unit: code for code, unit in enumerate(dumped.units)}
        columns._unit_names = list(dumped.units)
        for gateway, names in dumped.series.items():
            first = len(columns.names)
            columns._of_gateway[gateway] = dict(zip(names, range(first, first + len(names)), strict=True))
            columns.names += names
        if not screening:
            columns.close_all()
        return columns

    def _in_order(self, rows: Rows) -> list[str | None]:
        """Have the rows name their units by codes in alphabetical order; the units of those codes."""
        used = np.union1d(rows["unit"], rows["wanted"]).tolist()
        names = sorted(name for code in used if code < len(self._unit_names) and (name := self._unit_names[code]))
        fresh = np.arange(256, dtype=np.uint8)
        for code, name in enumerate(names, 1):
            fresh[self._units[name]] = code
        rows["unit"], rows["wanted"] = fresh[rows["unit"]], fresh[rows["wanted"]]
        return [None, *names]

    def _grow(self) -> int:
        number = len(self.names)
        if number >= len(self.rows):
            self.rows = np.concatenate((self.rows, np.zeros_like(self.rows)))
        self.names.append("")
        return number
