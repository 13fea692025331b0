"""Upkeep of the SQLite file of readings: sums of hours that are due, and rows that are older than retention keeps.

Both go in slices of their own transactions, small enough that a writer waits for one a few milliseconds. Freed pages stay
in the file and are used again: it stops growing, and never has to be rewritten.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from linli import failpoints
from linli.adapters import sqlite_queries as queries
from linli.adapters.readings_schema import SPAN
from linli.clock import HOUR, MINUTE
from linli.ports import Bucket, Due, Resolution, RowClass
from linli.rollups import DueMarks, merged

_DUE = """
    SELECT d.hour, s.community, d.series, d.touched FROM rollups_due d JOIN series s ON s.id = d.series
    WHERE (d.hour, d.series) > (?, ?) AND d.hour <= ? ORDER BY d.hour, d.series LIMIT ?
"""
_DONE = "DELETE FROM rollups_due WHERE series = ? AND hour = ? AND touched = ?"
_PUT_SUM = "INSERT OR REPLACE INTO {table} (series, time, count, low, mean, high, last) VALUES (?, ?, ?, ?, ?, ?, ?)"
_PUT_SUMS = {resolution: _PUT_SUM.format(table=table) for resolution, table in queries.TABLES.items()}

_ADVANCE = (
    "INSERT INTO retention (class, horizon) VALUES (?, ?)"
    " ON CONFLICT (class) DO UPDATE SET horizon = max(horizon, excluded.horizon)"
)
_STILL_DUE = "SELECT 1 FROM rollups_due WHERE hour >= ? AND hour < ? LIMIT 1"
_SERIES_TABLES = {RowClass.MINUTE: "rollups_1m", RowClass.HOUR: "rollups_1h"}
_AFTER_SLICE = "SELECT span, series, time FROM readings WHERE span < ? ORDER BY span, series, time LIMIT 1 OFFSET ?"
_OLD_READINGS = "DELETE FROM readings WHERE (span, series, time) < (?, ?, ?)"
_OLD_EVENTS = """
    DELETE FROM events WHERE (lane, sequence) IN (
        SELECT lane, sequence FROM events WHERE community = ? AND time < ? ORDER BY time LIMIT ?
    )
"""
SLICE_ROWS = 4000
"""Rows deleted in one transaction."""

_SLICE_SERIES = 500

Connections = Callable[[], AbstractContextManager[sqlite3.Connection]]


class SqliteKeeper:
    """`ports.StoreKeeper` over a store's connections: `reading` of one moment, `writing` in a transaction under `lock`."""

    def __init__(self, reading: Connections, writing: Connections, lock: threading.Lock, marks: DueMarks[int]) -> None:
        self._reading = reading
        self._writing = writing
        self._lock = lock
        self._marks = marks
        self._thinned: dict[RowClass, tuple[int, int]] = {}

    def due(self, before: int, after: Due | None, limit: int) -> list[Due]:
        """By hour and series."""
        behind = (-1, -1) if after is None else (after.hour, int(after.key))
        with self._reading() as connection:
            rows = connection.execute(_DUE, (*behind, before - HOUR, limit)).fetchall()
        return [Due(hour, community, str(series), touched) for hour, community, series, touched in rows]

    def roll(self, due: Sequence[Due]) -> None:
        """Read without the writer's lock; then the sums and the marks taken away are one transaction."""
        with self._lock:  # a transaction under way is over now: what it wrote is read below
            self._marks.forget((mark.hour, int(mark.key)) for mark in due)
        minutes: list[tuple[object, ...]] = []
        hours: list[tuple[object, ...]] = []
        with self._reading() as connection:
            horizon = queries.horizon(connection, RowClass.RAW)
            for mark in due:
                if mark.hour >= horizon:
                    sums = _minutes(connection, mark)
                    minutes += _rows(mark, sums)
                    hours += _rows(mark, merged([replace(bucket, start=mark.hour) for bucket in sums]))
        failpoints.reach("rollups.read")
        with self._writing() as connection:
            connection.executemany(_PUT_SUMS[Resolution.MINUTE], minutes)
            connection.executemany(_PUT_SUMS[Resolution.HOUR], hours)
            connection.executemany(_DONE, [(int(mark.key), mark.hour, mark.touched) for mark in due])
        failpoints.reach("rollups.written")

    def thin(self, horizons: Mapping[RowClass, int]) -> int:
        """A slice of the first class that has one."""
        for rows, wanted in horizons.items():
            horizon = self._advance(rows, wanted - wanted % HOUR)
            if rows is RowClass.RAW:
                gone = self._thin_readings(horizon)
            else:
                gone = self._thin_events(horizon) if rows is RowClass.EVENTS else self._thin_series(rows, horizon)
            if gone:
                return gone
        return 0

    def _advance(self, rows: RowClass, wanted: int) -> int:
        """The horizon that holds from now on: durable before a row goes. Raw rows that are not summed up yet
        hold it, and raw rows that are there hold the sums of their hours."""
        with self._reading() as connection:
            horizon = queries.horizon(connection, rows)
            if rows is RowClass.HOUR:  # raw rows are found by them: see `sqlite_queries.LATEST`
                wanted = min(wanted, queries.horizon(connection, RowClass.RAW))
        if wanted <= horizon:
            return horizon
        with self._writing() as connection:
            if rows is RowClass.RAW and connection.execute(_STILL_DUE, (horizon, wanted)).fetchone():
                return horizon
            connection.execute(_ADVANCE, (rows.value, wanted))
        failpoints.reach("retention.advanced")
        return wanted

    def _thin_readings(self, horizon: int) -> int:
        """The oldest of all lie together."""
        with self._reading() as connection:
            if not connection.execute("SELECT 1 FROM readings WHERE span < ? LIMIT 1", (horizon // SPAN,)).fetchone():
                return 0
            after = connection.execute(_AFTER_SLICE, (horizon // SPAN, SLICE_ROWS)).fetchone()
        with self._writing() as connection:
            return connection.execute(_OLD_READINGS, after or (horizon // SPAN, -1, -1)).rowcount

    def _thin_series(self, rows: RowClass, horizon: int) -> int:
        """The rows lie by series and time: the oldest of a series are neighbours, found and deleted by one look each."""
        table = _SERIES_TABLES[rows]
        done, series = self._thinned.get(rows, (0, -1))
        if done != horizon:
            series = -1
        with self._reading() as connection:
            old = connection.execute(
                f"SELECT s.id FROM series s WHERE s.id > ? AND EXISTS"  # noqa: S608  (a name of ours)
                f" (SELECT 1 FROM {table} r WHERE r.series = s.id AND r.time < ?) ORDER BY s.id LIMIT ?",
                (series, horizon, _SLICE_SERIES),
            ).fetchall()
        if not old:
            self._thinned[rows] = (horizon, 2**63 - 1)
            return 0
        gone = 0
        with self._writing() as connection:
            for (number,) in old:
                gone += _delete_oldest(connection, table, number, horizon, SLICE_ROWS - gone)
                if gone >= SLICE_ROWS:
                    break
                series = number
        self._thinned[rows] = (horizon, series)
        return gone

    def _thin_events(self, horizon: int) -> int:
        with self._reading() as connection:
            communities = [name for (name,) in connection.execute("SELECT DISTINCT community FROM lanes")]
            old = "SELECT 1 FROM events WHERE community = ? AND time < ? LIMIT 1"
            communities = [name for name in communities if connection.execute(old, (name, horizon)).fetchone()]
        for community in communities:
            with self._writing() as connection:
                return connection.execute(_OLD_EVENTS, (community, horizon, SLICE_ROWS)).rowcount
        return 0


def _minutes(connection: sqlite3.Connection, mark: Due) -> list[Bucket]:
    return queries.buckets(connection, int(mark.key), mark.hour, mark.hour + HOUR, MINUTE, Resolution.RAW)


def _rows(mark: Due, sums: Sequence[Bucket]) -> Iterator[tuple[object, ...]]:
    return ((int(mark.key), s.start, s.count, s.minimum, s.mean, s.maximum, s.last) for s in sums)


def _delete_oldest(connection: sqlite3.Connection, table: str, series: int, horizon: int, at_most: int) -> int:
    after = connection.execute(
        f"SELECT time FROM {table} WHERE series = ? AND time < ? ORDER BY time LIMIT 1 OFFSET ?",  # noqa: S608
        (series, horizon, at_most),
    ).fetchone()
    end = horizon if after is None else after[0]
    return connection.execute(f"DELETE FROM {table} WHERE series = ? AND time < ?", (series, end)).rowcount  # noqa: S608
