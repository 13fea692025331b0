"""How a batch becomes rows of the SQLite file of readings: columns of a packet to rows without a look-up for each.

Every statement runs in a transaction of the caller. Numbers of series and lanes are remembered, and so are the hours that
are marked as due for summing up (`linli.rollups`): call `forget` when a transaction that this has written in is given up,
for what it has numbered and marked is gone with it.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from operator import itemgetter

import orjson

from linli.adapters.readings_schema import SPAN
from linli.model import LaneKey, Readings, Received, Tally, TallyKey
from linli.ports import StoredEvent
from linli.rollups import DueMarks

_SERIES_ID = "SELECT id FROM series WHERE community = ? AND device = ? AND quantity = ?"
_LANE_ID = "SELECT id FROM lanes WHERE community = ? AND gateway = ? AND bootid = ? AND lane = ?"
_PUT_READING = (
    "INSERT OR REPLACE INTO readings (span, series, time, value, unit, received_at) VALUES (?, ?, ?, ?, ?, ?)"
)
_PUT_EVENT = (
    "INSERT OR REPLACE INTO events (lane, sequence, community, device, type, time, received_at, time_source, historic,"
    " late, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_REDACT_EVENT = (
    "UPDATE events SET data = ? WHERE sequence = ? AND lane ="
    " (SELECT id FROM lanes WHERE community = ? AND gateway = ? AND bootid = ? AND lane = ?)"
)
_PUT_TALLY = "INSERT OR REPLACE INTO tallies (community, gateway, bootid, day, stored, dead) VALUES (?, ?, ?, ?, ?, ?)"
_MARK_DUE = (
    "INSERT INTO rollups_due (hour, series, touched) VALUES (?, ?, 1)"
    " ON CONFLICT (series, hour) DO UPDATE SET touched = touched + 1"
)
_MAX_SERIES = 1_000_000

_Row = tuple[object, ...]
_by_key = itemgetter(0, 1, 2)


class RowWriter:
    """Writes batches through connections that it is given."""

    def __init__(self) -> None:
        self.due: DueMarks[int] = DueMarks()
        self._series: dict[str, dict[str, int]] = {}
        self._series_known = 0
        self._lanes: dict[LaneKey, int] = {}

    def forget(self) -> None:
        """Know no number and no mark any more."""
        self._series.clear()
        self._series_known = 0
        self._lanes.clear()
        self.due.clear()

    def write(
        self,
        connection: sqlite3.Connection,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally],
    ) -> None:
        """All of it; readings in the order of their key, so that neighbours share the pages they touch."""
        readings: list[_Row] = []
        events: list[_Row] = []
        marks: list[tuple[int, int]] = []
        for received in batch:
            if received.message.readings:
                self._add_readings(connection, received, readings, marks)
            else:
                events.append(self._event_row(connection, received))
        if marks:
            connection.executemany(_MARK_DUE, marks)
        readings.sort(key=_by_key)
        connection.executemany(_PUT_READING, readings)
        if events:
            connection.executemany(_PUT_EVENT, events)
        reached = [(upto, self._lane_id(connection, key)) for key, upto in positions.items()]
        connection.executemany("UPDATE lanes SET upto = ? WHERE id = ?", reached)
        connection.executemany(_PUT_TALLY, [(*key, *tally) for key, tally in tallies.items()])

    def _add_readings(
        self, connection: sqlite3.Connection, received: Received, rows: list[_Row], marks: list[tuple[int, int]]
    ) -> None:
        readings = Readings.of(received.message.readings)
        known = self._series.get(received.message.community, {})
        try:
            numbers = [known[name] for name in readings.names]
        except KeyError:
            known = self._number(connection, received.message.community, readings.names)
            numbers = [known[name] for name in readings.names]
        marks += self.due.touch(numbers, readings.times, readings.earliest, readings.latest)
        first = readings.earliest // SPAN
        spans = repeat(first) if readings.latest // SPAN == first else [time // SPAN for time in readings.times]
        rows += zip(spans, numbers, readings.times, readings.values, readings.units, repeat(received.received_at))

    def redact(self, connection: sqlite3.Connection, events: Sequence[StoredEvent]) -> None:
        """Let the data of these events be what stands in them."""
        connection.executemany(
            _REDACT_EVENT,
            [(orjson.dumps(e.data).decode(), e.sequence, e.community, e.gateway, e.bootid, e.lane) for e in events],
        )

    def _event_row(self, connection: sqlite3.Connection, received: Received) -> _Row:
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

    def _number(self, connection: sqlite3.Connection, community: str, names: Iterable[str]) -> dict[str, int]:
        """The numbers of the community's series, after giving one to each of `names` that has none."""
        if self._series_known > _MAX_SERIES:
            self._series.clear()
            self._series_known = 0
        known = self._series.setdefault(community, {})
        for name in set(names) - known.keys():
            device, _, quantity = name.partition("/")
            key = (community, device, quantity)
            connection.execute("INSERT OR IGNORE INTO series (community, device, quantity) VALUES (?, ?, ?)", key)
            known[name] = connection.execute(_SERIES_ID, key).fetchone()[0]
            self._series_known += 1
        return known

    def _lane_id(self, connection: sqlite3.Connection, key: LaneKey) -> int:
        number = self._lanes.get(key)
        if number is None:
            names = (key.community, key.gateway, key.bootid, key.lane.value)
            connection.execute(
                "INSERT OR IGNORE INTO lanes (community, gateway, bootid, lane) VALUES (?, ?, ?, ?)", names
            )
            number = self._lanes[key] = connection.execute(_LANE_ID, names).fetchone()[0]
        return number
