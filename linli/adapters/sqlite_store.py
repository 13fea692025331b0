"""`ports.ReadingStore` in one SQLite file (WAL): ingest writes it, any number of processes read it meanwhile."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.exc import SQLAlchemyError

from linli.adapters import readings_schema
from linli.errors import StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import Lane, LaneKey, Received
from linli.ports import Bucket, Latest, StoredEvent

_BUSY_S = 15.0
_MAX_IDLE_READERS = 8

_SERIES_ID = "SELECT id FROM series WHERE community = ? AND device = ? AND quantity = ?"
_LANE_ID = "SELECT id FROM lanes WHERE community = ? AND gateway = ? AND bootid = ? AND lane = ?"
_PUT_READING = "INSERT OR REPLACE INTO readings (series, time, value, unit, received_at) VALUES (?, ?, ?, ?, ?)"
_PUT_EVENT = (
    "INSERT OR REPLACE INTO events (lane, sequence, community, device, type, time, received_at, time_source, historic,"
    " late, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LATEST = """
    SELECT s.device, s.quantity, r.time, r.value, r.unit, r.received_at
    FROM series s JOIN readings r
        ON r.series = s.id AND r.time = (SELECT max(time) FROM readings WHERE series = s.id)
    WHERE s.community = ?
"""
_BUCKETS = """
    SELECT g.bucket, g.count, g.low, g.mean, g.high, r.value
    FROM (
        SELECT (time - :start) / :width AS bucket, count(*) AS count, min(value) AS low, avg(value) AS mean,
            max(value) AS high, max(time) AS last
        FROM readings WHERE series = :series AND time >= :start AND time < :end GROUP BY 1
    ) g JOIN readings r ON r.series = :series AND r.time = g.last
    ORDER BY g.bucket
"""
_EVENTS = """
    SELECT e.community, e.device, l.gateway, e.type, e.time, e.received_at, e.time_source, e.historic, e.late, l.bootid,
        l.lane, e.sequence, e.data
    FROM events e JOIN lanes l ON l.id = e.lane
    WHERE e.community = :community AND e.time >= :start AND e.time < :end
"""


class SqliteStore:
    """Readings, events and positions. A batch and its positions are one transaction, on disk when `write` returns.

    Constructing does no I/O; the first use makes or migrates the file. Methods may be called from any thread: writes take
    turns, each read has a connection of its own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready = False
        self._lock = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._series: dict[tuple[str, str, str], int] = {}
        self._lanes: dict[LaneKey, int] = {}

    def check(self) -> str:
        """Open the file, migrating it if need be, and say what answers."""
        with self._reading() as connection:
            connection.execute("SELECT count(*) FROM lanes").fetchone()
        return f"SQLite {sqlite3.sqlite_version}, {self._path}"

    def write(self, batch: Sequence[Received], positions: Mapping[LaneKey, int]) -> None:
        """One transaction for all of it, so that a kill leaves all or nothing."""
        with self._writing() as connection:
            readings: list[tuple[object, ...]] = []
            events: list[tuple[object, ...]] = []
            for received in batch:
                if received.message.readings:
                    readings += self._reading_rows(connection, received)
                else:
                    events.append(self._event_row(connection, received))
            connection.executemany(_PUT_READING, readings)
            connection.executemany(_PUT_EVENT, events)
            reached = [(upto, self._lane_id(connection, key)) for key, upto in positions.items()]
            connection.executemany("UPDATE lanes SET upto = ? WHERE id = ?", reached)

    def positions(self) -> dict[LaneKey, int]:
        """The position last written for every lane."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT community, gateway, bootid, lane, upto FROM lanes WHERE upto IS NOT NULL"
            ).fetchall()
        return {
            LaneKey(community, gateway, bootid, Lane(lane)): upto for community, gateway, bootid, lane, upto in rows
        }

    def latest(self, community: str) -> list[Latest]:
        """One look into the key for each series of the community, however many readings it has."""
        with self._reading() as connection:
            return [Latest(*row) for row in connection.execute(_LATEST, (community,))]

    def readings(
        self, community: str, device: str, quantity: str, start: int, end: int, max_points: int
    ) -> list[Bucket]:
        """Buckets of equal width from `start` on, summed up by SQLite."""
        width = max(1, -(-(end - start) // max_points))
        with self._reading() as connection:
            series = connection.execute(_SERIES_ID, (community, device, quantity)).fetchone()
            if series is None:
                return []
            facts = {"series": series[0], "start": start, "end": end, "width": width}
            rows = connection.execute(_BUCKETS, facts).fetchall()
        return [Bucket(start + number * width, *values) for number, *values in rows]

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
    ) -> list[StoredEvent]:
        """Newest first; the indexes serve each of the filters."""
        facts: dict[str, object] = {"community": community, "start": start, "end": end, "limit": limit}
        query = _EVENTS
        if types:
            names = {f"type{number}": kind for number, kind in enumerate(types)}
            query += f" AND e.type IN ({', '.join(':' + name for name in names)})"
            facts |= names
        if device is not None:
            query += " AND e.device = :device"
            facts["device"] = device
        query += " ORDER BY e.time DESC, e.sequence DESC LIMIT :limit"
        with self._reading() as connection:
            return [_event(row) for row in connection.execute(query, facts)]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._drop_writer()
        with self._idle_lock:
            while self._idle:
                self._idle.pop().close()

    # --- writing ----------------------------------------------------------------------------------------------------

    def _reading_rows(self, connection: sqlite3.Connection, received: Received) -> list[tuple[object, ...]]:
        message = received.message
        return [
            (self._series_id(connection, message.community, r.device, r.quantity), r.time, r.value, r.unit, at)
            for at in (received.received_at,)
            for r in message.readings
        ]

    def _event_row(self, connection: sqlite3.Connection, received: Received) -> tuple[object, ...]:
        message = received.message
        return (
            self._lane_id(connection, LaneKey(message.community, message.gateway, message.bootid, message.lane)),
            message.sequence,
            message.community,
            message.subject,
            message.type,
            message.time,
            received.received_at,
            message.time_source.value,
            message.historic,
            received.late,
            orjson.dumps(message.data).decode(),
        )

    def _series_id(self, connection: sqlite3.Connection, community: str, device: str, quantity: str) -> int:
        key = (community, device, quantity)
        number = self._series.get(key)
        if number is None:
            connection.execute("INSERT OR IGNORE INTO series (community, device, quantity) VALUES (?, ?, ?)", key)
            number = self._series[key] = connection.execute(_SERIES_ID, key).fetchone()[0]
        return number

    def _lane_id(self, connection: sqlite3.Connection, key: LaneKey) -> int:
        number = self._lanes.get(key)
        if number is None:
            names = (key.community, key.gateway, key.bootid, key.lane.value)
            connection.execute(
                "INSERT OR IGNORE INTO lanes (community, gateway, bootid, lane) VALUES (?, ?, ?, ?)", names
            )
            number = self._lanes[key] = connection.execute(_LANE_ID, names).fetchone()[0]
        return number

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the one writing connection. A failed one is given up with its connection: the next write
        opens the file anew, which is what helps after a full disk or an I/O error."""
        with self._lock, self._told():
            connection = self._writer or self._open()
            self._writer = connection
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._drop_writer()
                raise

    def _drop_writer(self) -> None:
        """Close without committing. The numbers of series and lanes made in the transaction are gone with it."""
        self._series.clear()
        self._lanes.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # --- connections ------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for one query, kept for the next unless it failed."""
        with self._told():
            with self._idle_lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._open()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            with self._idle_lock:
                if len(self._idle) < _MAX_IDLE_READERS:
                    self._idle.append(connection)
                    return
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if not self._ready:
            readings_schema.ensure(self._path)
            self._ready = True
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the database's errors into the port's."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            raise StoreRefused(Text(f"数据无法写入 SQLite：{error}", f"SQLite refuses the data: {error}")) from error
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            raise StoreUnavailable(
                Text(
                    f"{self._path} 无法读写：{error}。请检查磁盘空间与目录权限",
                    f"{self._path} cannot be read or written: {error}. Check disk space and the folder's permissions",
                )
            ) from error


def _event(row: Sequence[Any]) -> StoredEvent:
    community, device, gateway, kind, time, received_at, source, historic, late, bootid, lane, sequence, data = row
    return StoredEvent(
        community=community,
        device=device,
        gateway=gateway,
        type=kind,
        time=time,
        received_at=received_at,
        time_source=source,
        historic=bool(historic),
        late=bool(late),
        bootid=bootid,
        lane=lane,
        sequence=sequence,
        data=orjson.loads(data),
    )
