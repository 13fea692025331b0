"""Rollups in InfluxDB: marks of hours to sum up as points of `linli_due`, sums in buckets of their own.

A mark is one point for each community and hour with a `touched` drawn anew at each marking and a `rolled` that the keeper
sets to the `touched` it has summed up: unequal means due. It is written before the rows that it stands for. Sums go out as
line protocol like any point (what 1.x alone can do, SELECT INTO, 2.x and 3 cannot), and replace themselves.
"""

import secrets
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from linli import failpoints
from linli.adapters import influxql
from linli.adapters.influx_http import InfluxHttp
from linli.clock import HOUR, MINUTE
from linli.ports import Due, Resolution
from linli.rollups import DueMarks

TABLES = {Resolution.MINUTE: "readings_1m", Resolution.HOUR: "readings_1h"}
_WINDOW = 10 * MINUTE
"""How much of a community's hour is asked for at once: an answer stays within some thousand rows."""


class InfluxRollups:
    """Marks and sums of one store. `mark` is the writer's; the rest is the keeper's, on any thread."""

    def __init__(self, http: InfluxHttp, buckets: Mapping[Resolution, str]) -> None:
        self._http = http
        self._buckets = buckets
        self._marks = DueMarks[str]()
        self._lock = threading.Lock()

    def mark(self, stretches: Iterable[tuple[str, Sequence[int], int, int]]) -> None:
        """Before rows are written: (community, times, earliest, latest) of each packet of them."""
        with self._lock:
            fresh = [
                mark
                for community, times, earliest, latest in stretches
                for mark in self._marks.touch((community,), times, earliest, latest)
            ]
            if fresh:
                try:
                    self._http.write("\n".join(_mark(hour, community) for hour, community in fresh).encode())
                except BaseException:
                    self._marks.clear()
                    raise

    def forget_marks(self) -> None:
        """The writer's too: rely on no mark that was made, for the bucket may be gone."""
        with self._lock:
            self._marks.clear()

    def due(self, before: int, after: Due | None, limit: int) -> list[Due]:
        """By hour and community."""
        found = [_due(row) for row in self._http.query(influxql.due(before - HOUR + 1))]
        behind = (-1, "") if after is None else (after.hour, after.key)
        return sorted((mark for mark in found if (mark.hour, mark.key) > behind), key=lambda m: (m.hour, m.key))[:limit]

    def roll(self, due: Sequence[Due], writing: threading.Lock, horizon: int) -> None:
        """Sum up these hours; those before `horizon` only lose their mark, for the server may hide some of their rows
        already (3 does, row by row). `writing` is held by a writer from `mark` until its rows are stored."""
        with writing, self._lock:
            self._marks.forget((mark.hour, mark.community) for mark in due)
        for mark in due:
            if mark.hour >= horizon:
                self._sum_up(mark.community, mark.hour)
            failpoints.reach("rollups.written")
            done = f"{influxql.DUE},community={mark.community} rolled={mark.touched}i {mark.hour}000"
            self._http.write(done.encode())

    def unsummed(self, community: str, start: int, end: int) -> list[int]:
        """The hours in [start, end) whose sums are not to be relied on. A mark lies in the bucket of the raw rows: as long
        as those are kept, it is."""
        return [row["time"] // 1000 for row in self._http.query(influxql.unsummed(community, start, end))]

    def _sum_up(self, community: str, hour: int) -> None:
        """Minutes by the server, a window at a time; the hour from the minutes, which are all its rows."""
        hours: dict[tuple[str, str], _Sum] = {}
        for start in range(hour, hour + HOUR, _WINDOW):
            minutes = [
                _Sum.of(row)
                for row in self._http.query(influxql.community_buckets(community, start, start + _WINDOW, MINUTE))
                # Of a point that comes just now 1.x may give the count and not yet the minimum. Whoever writes it has
                # marked the hour again, so it is summed up once more.
                if None not in row.values()
            ]
            self._write(community, Resolution.MINUTE, minutes)
            for minute in minutes:
                earlier = hours.get(minute.series)
                hours[minute.series] = minute.at(hour) if earlier is None else earlier.and_then(minute)
        self._write(community, Resolution.HOUR, list(hours.values()))

    def _write(self, community: str, resolution: Resolution, sums: Sequence["_Sum"]) -> None:
        if sums:
            lines = [one.line(TABLES[resolution], community) for one in sums]
            self._http.write("\n".join(lines).encode(), self._buckets[resolution])


class _Sum(NamedTuple):
    """What a row of a rollup says of a series."""

    series: tuple[str, str]
    time: int
    rows: int
    low: float
    high: float
    total: float
    last: float

    @classmethod
    def of(cls, row: influxql.Row) -> "_Sum":
        """An answer's row."""
        low, high, total, last = (float(row[name]) for name in ("min", "max", "sum", "last"))
        return cls((row["device"], row["quantity"]), row["time"] // 1000, int(row["count"]), low, high, total, last)

    def at(self, time: int) -> "_Sum":
        """The same, of a bucket that begins earlier."""
        return self._replace(time=time)

    def and_then(self, later: "_Sum") -> "_Sum":
        """Of this bucket and one that follows it."""
        return _Sum(
            self.series,
            self.time,
            self.rows + later.rows,
            min(self.low, later.low),
            max(self.high, later.high),
            self.total + later.total,
            later.last,
        )

    def line(self, table: str, community: str) -> str:
        """As line protocol. The mean is for people who draw it; the sum is what buckets of buckets are made from."""
        device, quantity = self.series
        return (
            f"{table},community={community},device={device},quantity={quantity} count={self.rows}i,last={self.last!r},"
            f"max={self.high!r},mean={self.total / self.rows!r},min={self.low!r},sum={self.total!r} {self.time}000"
        )


def _mark(hour: int, community: str) -> str:
    return f"{influxql.DUE},community={community} touched={1 + secrets.randbits(52)}i,rolled=0i {hour}000"


def _due(row: influxql.Row) -> Due:
    return Due(row["time"] // 1000, row["community"], row["community"], int(row["touched"]))
