"""What is asked of the SQLite file of readings: statements to rows. Each takes a connection of its own moment."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from linli.adapters.readings_schema import SPAN
from linli.clock import HOUR
from linli.ports import Bucket, EventKey, Latest, Point, Resolution, RowClass, StoredEvent
from linli.rollups import Segment, merged, segments

_NEWEST_IN = "(SELECT max(time) FROM readings WHERE span = {span} AND series = {series})"
_RECENT = HOUR // SPAN
_NEWEST_RECENT = ", ".join(_NEWEST_IN.format(span=f"?{2 + number}", series="s.id") for number in range(_RECENT))
_NEWEST_OF_HOUR = ", ".join(
    _NEWEST_IN.format(span=f"h.span + {ahead}", series="h.id") for ahead in reversed(range(HOUR // SPAN))
)
RECENT_SPANS = f"""
    WITH RECURSIVE recent(span) AS (
        SELECT max(span) FROM readings
        UNION ALL
        SELECT (SELECT max(span) FROM readings WHERE span < recent.span) FROM recent WHERE recent.span IS NOT NULL
        LIMIT {_RECENT}
    )
    SELECT span FROM recent
"""  # noqa: S608  (our own numbers)
"""The last spans that have rows of anybody, newest first; NULL at the end if there are fewer."""

LATEST = f"""
    WITH near AS MATERIALIZED (
        SELECT id, device, quantity, coalesce({_NEWEST_RECENT}) AS time FROM series s WHERE community = ?1
    ), heard AS MATERIALIZED (
        SELECT id, device, quantity, max(
            coalesce((SELECT max(hour) FROM rollups_due WHERE series = id), 0),
            coalesce((SELECT max(time) FROM rollups_1h WHERE series = id), 0)
        ) / {SPAN} AS span
        FROM near WHERE time IS NULL
    ), newest AS (
        SELECT id, device, quantity, time FROM near WHERE time IS NOT NULL
        UNION ALL
        SELECT id, device, quantity, coalesce({_NEWEST_OF_HOUR}) FROM heard h
    )
    SELECT n.device, n.quantity, r.time, r.value, r.unit, r.received_at
    FROM newest n CROSS JOIN readings r ON r.span = n.time / {SPAN} AND r.series = n.id AND r.time = n.time
"""  # noqa: S608  (our own numbers)
"""The newest row of a series is in the last span that has one of it: it is looked for in RECENT_SPANS, where nearly all are found.
Of what has been silent for longer, an hour that has rows is due to be summed up, or was: the newest of these is where to look."""

_SPANS = "WITH RECURSIVE spans(n) AS (VALUES (:first) UNION ALL SELECT n + 1 FROM spans WHERE n < :last)"
_ROWS = "FROM spans CROSS JOIN readings ON span = n AND series = :series AND time >= :start AND time < :end"
_EXTENT = "SELECT (SELECT min(span) FROM readings), (SELECT max(span) FROM readings)"
_SERIES_ID = "SELECT id FROM series WHERE community = ? AND device = ? AND quantity = ?"
_RAW = f"{_SPANS} SELECT time, value {_ROWS} WHERE :first <= :last ORDER BY n, time LIMIT :limit"

FINITE_MEAN = """min(max(coalesce({mean}, min({low}) / 2 + max({high}) / 2), min({low})), max({high}))"""
"""A mean that lies within its readings even where their sum does not fit a float."""

_RAW_MEAN = FINITE_MEAN.format(mean="avg(value)", low="value", high="value")
_BUCKETS = f"""
    {_SPANS}
    SELECT g.bucket, g.count, g.low, g.mean, g.high, r.value
    FROM (
        SELECT (time - :origin) / :width AS bucket, count(*) AS count, min(value) AS low, {_RAW_MEAN} AS mean,
            max(value) AS high, max(time) AS last
        {_ROWS} WHERE :first <= :last GROUP BY 1
    ) g JOIN readings r ON r.span = g.last / {SPAN} AND r.series = :series AND r.time = g.last
    ORDER BY g.bucket
"""  # noqa: S608  (no value is put in)
_SUMMED_MEAN = FINITE_MEAN.format(mean="sum(mean * count) / sum(count)", low="low", high="high")
_SUMMED_BUCKETS = f"""
    SELECT g.bucket, g.count, g.low, g.mean, g.high, r.last
    FROM (
        SELECT (time - :origin) / :width AS bucket, sum(count) AS count, min(low) AS low, {_SUMMED_MEAN} AS mean,
            max(high) AS high, max(time) AS final
        FROM {{table}} WHERE series = :series AND time >= :start AND time < :end GROUP BY 1
    ) g JOIN {{table}} r ON r.series = :series AND r.time = g.final
    ORDER BY g.bucket
"""  # noqa: S608
TABLES = {Resolution.MINUTE: "rollups_1m", Resolution.HOUR: "rollups_1h"}
_SOURCES = {Resolution.RAW: _BUCKETS} | {
    resolution: _SUMMED_BUCKETS.format(table=table) for resolution, table in TABLES.items()
}
_UNSUMMED = "SELECT hour FROM rollups_due WHERE series = ? AND hour >= ? AND hour < ?"
_HORIZON = "SELECT horizon FROM retention WHERE class = ?"

_EVENTS = """
    SELECT e.community, e.device, l.gateway, e.type, e.time, e.received_at, e.time_source, e.historic, e.late, l.bootid,
        l.lane, e.sequence, e.data
    FROM events e JOIN lanes l ON l.id = e.lane
    WHERE e.community = :community AND e.time >= :start AND e.time < :end
"""
_NEWEST_FIRST = " ORDER BY e.time DESC, e.sequence DESC, l.gateway DESC, l.bootid DESC, l.lane DESC LIMIT :limit"
_BEFORE = """
    AND e.time <= :before_time
    AND (e.time, e.sequence, l.gateway, l.bootid, l.lane)
        < (:before_time, :before_sequence, :before_gateway, :before_bootid, :before_lane)
"""


def latest(connection: sqlite3.Connection, community: str) -> list[Latest]:
    """A few looks into the key for each series of the community, however many readings it has. The connection is at one moment."""
    recent = [span for (span,) in connection.execute(RECENT_SPANS)]
    recent += [None] * (_RECENT - len(recent))
    return list(map(Latest._make, connection.execute(LATEST, (community, *recent))))


def series_id(connection: sqlite3.Connection, community: str, device: str, quantity: str) -> int | None:
    """The number of a series; None if nothing was ever written to it."""
    row = connection.execute(_SERIES_ID, (community, device, quantity)).fetchone()
    return None if row is None else int(row[0])


def raw(connection: sqlite3.Connection, series: int, start: int, end: int, limit: int) -> list[Point]:
    """The readings of a series as they came."""
    facts = {"series": series, "start": start, "end": end, "limit": limit, **_spans(connection, start, end)}
    return [Point(*row) for row in connection.execute(_RAW, facts)]


def buckets(
    connection: sqlite3.Connection, series: int, start: int, end: int, width: int, resolution: Resolution
) -> list[Bucket]:
    """[start, end) in buckets of `width`, summed up by SQLite: from rollups as far as these can be relied on."""
    stretches: Iterable[Segment] = [Segment(start, end, summed=False)]
    if resolution is not Resolution.RAW:
        stretches = segments(start, end, _unsummed(connection, series, start, end))
    found = []
    for stretch in stretches:
        facts = {"series": series, "origin": start, "width": width, "start": stretch.start, "end": stretch.end}
        facts |= {} if stretch.summed else _spans(connection, stretch.start, stretch.end)
        source = _SOURCES[resolution if stretch.summed else Resolution.RAW]
        found += [Bucket(start + number * width, *values) for number, *values in connection.execute(source, facts)]
    return merged(found)


def _spans(connection: sqlite3.Connection, start: int, end: int) -> dict[str, int]:
    """The first and the last span in which [start, end) can have rows; first > last if none can."""
    oldest, newest = connection.execute(_EXTENT).fetchone()
    if oldest is None:
        return {"first": 1, "last": 0}
    return {"first": max(start // SPAN, oldest), "last": min((end - 1) // SPAN, newest)}


def horizon(connection: sqlite3.Connection, rows: RowClass) -> int:
    """Before this time rows of the class have been thinned out; 0 if none ever were."""
    row = connection.execute(_HORIZON, (rows.value,)).fetchone()
    return 0 if row is None else int(row[0])


def _unsummed(connection: sqlite3.Connection, series: int, start: int, end: int) -> list[int]:
    first = max(start - start % HOUR, horizon(connection, RowClass.RAW))
    return [hour for (hour,) in connection.execute(_UNSUMMED, (series, first, end))]


def events(
    connection: sqlite3.Connection,
    community: str,
    start: int,
    end: int,
    types: Sequence[str],
    device: str | None,
    limit: int,
    before: EventKey | None,
    containing: Sequence[str] = (),
) -> list[StoredEvent]:
    """Newest first; the indexes serve each of the filters but `containing`."""
    facts: dict[str, object] = {"community": community, "start": start, "end": end, "limit": limit}
    query = _EVENTS
    if types:
        names = {f"type{number}": kind for number, kind in enumerate(types)}
        query += f" AND e.type IN ({', '.join(':' + name for name in names)})"
        facts |= names
    if device is not None:
        query += " AND e.device = :device"
        facts["device"] = device
    if containing:
        pieces = {f"piece{number}": piece for number, piece in enumerate(containing)}
        query += f" AND ({' OR '.join(f'instr(e.data, :{name})' for name in pieces)})"
        facts |= pieces
    if before is not None:
        query += _BEFORE
        facts |= {f"before_{name}": value for name, value in before._asdict().items()}
    return [_event(row) for row in connection.execute(query + _NEWEST_FIRST, facts)]


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
