"""`ports.ReadingStore` in one SQLite file (WAL): ingest writes it, any number of processes read it meanwhile."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from linli.adapters import readings_schema
from linli.adapters import sqlite_queries as queries
from linli.adapters.rollups_sqlite import SqliteKeeper
from linli.adapters.sqlite_writer import RowWriter
from linli.errors import StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import Lane, LaneKey, Received, Tally, TallyKey
from linli.ports import NO_TALLIES, Bucket, Due, EventKey, Latest, Point, Resolution, RowClass, StoredEvent
from linli.rollups import grid

_BUSY_S = 15.0
_MAX_IDLE_READERS = 8

_PAGES_UNTIL_CHECKPOINT = 8000
"""About 32 MB of WAL: fewer, larger checkpoints write a page that changes often only once."""

_CACHE_KIB = 64_000


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
        self._rows = RowWriter()
        self._keeper = SqliteKeeper(lambda: self._reading(one_moment=True), self._writing, self._lock, self._rows.due)

    def check(self) -> str:
        """Open the file, migrating it if need be, and say what answers."""
        with self._reading() as connection:
            connection.execute("SELECT count(*) FROM lanes").fetchone()
        return f"SQLite {sqlite3.sqlite_version}, {self._path}"

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        """One transaction for all of it, so that a kill leaves all or nothing."""
        with self._writing() as connection:
            self._rows.write(connection, batch, positions, tallies)

    def tallies(self) -> dict[TallyKey, Tally]:
        """Every tally there is."""
        with self._reading() as connection:
            rows = connection.execute("SELECT community, gateway, bootid, day, stored, dead FROM tallies").fetchall()
        return {TallyKey(*row[:4]): Tally(*row[4:]) for row in rows}

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
        """A few looks into the key for each series of the community, however many readings it has."""
        with self._reading(one_moment=True) as connection:
            return queries.latest(connection, community)

    def raw(self, community: str, device: str, quantity: str, start: int, end: int, limit: int) -> list[Point]:
        """A stretch of the key."""
        with self._reading() as connection:
            series = queries.series_id(connection, community, device, quantity)
            return [] if series is None else queries.raw(connection, series, start, end, limit)

    def readings(
        self,
        community: str,
        device: str,
        quantity: str,
        start: int,
        end: int,
        max_points: int,
        resolution: Resolution = Resolution.RAW,
    ) -> list[Bucket]:
        """Buckets of equal width from `start` on, summed up by SQLite."""
        start, end, width = grid(start, end, max_points, resolution)
        with self._reading(one_moment=True) as connection:
            series = queries.series_id(connection, community, device, quantity)
            return [] if series is None else queries.buckets(connection, series, start, end, width, resolution)

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
        before: EventKey | None = None,
        containing: Sequence[str] = (),
    ) -> list[StoredEvent]:
        """Newest first; the indexes serve each of the filters but `containing`."""
        with self._reading() as connection:
            return queries.events(connection, community, start, end, types, device, limit, before, containing)

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """One transaction; the pages are written over, and nothing stays in the log (unless somebody reads on and on)."""
        with self._writing() as connection:
            connection.execute("PRAGMA secure_delete=ON")
            self._rows.redact(connection, events)
        with self._lock, self._told():
            if self._writer is not None:
                self._writer.execute("PRAGMA secure_delete=OFF")
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def inspect(self) -> str:
        """Whether it can be written to as well."""
        with self._writing():
            pass
        return self.check()

    def due(self, before: int, after: Due | None, limit: int) -> list[Due]:
        """By hour and series."""
        return self._keeper.due(before, after, limit)

    def roll(self, due: Sequence[Due]) -> None:
        """In one short transaction, after reading without one."""
        self._keeper.roll(due)

    def thin(self, horizons: Mapping[RowClass, int]) -> int:
        """Some thousand rows in a short transaction."""
        return self._keeper.thin(horizons)

    def refresh(self, now: int) -> None:
        """Nothing: positions are rows that no retention takes."""

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            self._drop_writer()
        with self._idle_lock:
            while self._idle:
                self._idle.pop().close()

    # --- writing ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction of the one writing connection. A failed one is given up with its connection: the next write
        opens the file anew, which is what helps after a full disk or an I/O error."""
        with self._lock, self._told():
            connection = self._writer or self._open_to_write()
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
        self._rows.forget()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    # --- connections ------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, *, one_moment: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for one query, or for several that see the file as it is at `one_moment`; kept for the next unless
        it failed."""
        with self._told():
            with self._idle_lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._open()
            try:
                if one_moment:
                    connection.execute("BEGIN")
                yield connection
                connection.rollback()
            except BaseException:
                connection.close()
                raise
            with self._idle_lock:
                if len(self._idle) < _MAX_IDLE_READERS:
                    self._idle.append(connection)
                    return
            connection.close()

    def _open_to_write(self) -> sqlite3.Connection:
        connection = self._open()
        connection.execute(f"PRAGMA wal_autocheckpoint={_PAGES_UNTIL_CHECKPOINT}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        return connection

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
