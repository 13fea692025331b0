"""`ports.ReadingStore` in an InfluxDB of any generation: line protocol in, InfluxQL out."""

import threading
from collections.abc import Iterator, Mapping, Sequence

import orjson

from linli.adapters import influxql
from linli.adapters.influx_buckets import Buckets, bucket_names
from linli.adapters.influx_http import AccessDenied, InfluxConfig, InfluxHttp, TimedOut
from linli.adapters.line_protocol import READINGS, LineWriter, position_lines, stored_line, tally_lines, unit_of
from linli.adapters.portions import Portions
from linli.adapters.rollups_influx import TABLES, InfluxRollups
from linli.clock import DAY, HOUR, Clock
from linli.errors import StoreRefused
from linli.model import Lane, LaneKey, Readings, Received, Tally, TallyKey
from linli.ports import (
    NO_TALLIES,
    Bucket,
    Due,
    EventKey,
    Latest,
    Point,
    Resolution,
    RowClass,
    StoredEvent,
)
from linli.rollups import Segment, grid, merged, segments

LATEST_WITHIN_3 = "3d"
"""InfluxDB 3 Core opens no more files in a query than about three days have."""

REFRESH_AFTER = DAY
"""A position that is this old is written again."""

_REDACTED_AT_ONCE = 500


class InfluxStore:
    """Readings, events and positions. Rows first and then positions: a kill in between only makes agents send again what
    is there, and the same points replace themselves. `clock` says under which hour positions are kept."""

    def __init__(self, config: InfluxConfig, clock: Clock) -> None:
        self._config = config
        self._http = InfluxHttp(config, clock.monotonic)
        self._buckets = Buckets(self._http, config)
        self._names = bucket_names(config.bucket)
        self._sources = {
            Resolution.RAW: config.bucket,
            Resolution.MINUTE: self._names[RowClass.MINUTE],
            Resolution.HOUR: self._names[RowClass.HOUR],
        }
        self._rollups = InfluxRollups(self._http, self._sources)
        self._writing = threading.Lock()
        self._lines = LineWriter()
        self._portions = Portions()
        self._ready = False
        self._clock = clock

    def check(self) -> str:
        """Ask for a position, which needs the bucket and the right to read it. A wrong setting is StoreRefused."""
        try:
            self._http.query(influxql.positions("last", "1h"))
        except AccessDenied as error:
            raise StoreRefused(error.text) from error
        return f"InfluxDB {self._http.server.version}, {self._config.url}, {self._config.bucket}"

    def inspect(self) -> str:
        """Write to each bucket and compare its retention; databases of 1.x are made if they are missing."""
        try:
            self._prepare()
            remarks = self._buckets.check(self._clock.now())
        except AccessDenied as error:
            raise StoreRefused(error.text) from error
        return "; ".join([self.check(), *(remark.en for remark in remarks)])

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        """A request for readings, one for events, one for positions, and one before them when an hour begins; a wrong
        setting (sign-in, bucket) is StoreUnavailable: the data is not to blame."""
        self._prepare()
        try:
            self._write(batch, positions, tallies)
        except AccessDenied:
            self._ready = False  # perhaps a bucket is gone, and its marks: it is looked for again at the next write
            self._rollups.forget_marks()
            raise

    def _write(
        self, batch: Sequence[Received], positions: Mapping[LaneKey, int], tallies: Mapping[TallyKey, Tally]
    ) -> None:
        readings = [received for received in batch if received.message.readings]
        if readings:
            with self._writing:
                self._rollups.mark(_stretches(readings))
                self._send(readings, self._config.bucket)
        if len(readings) < len(batch):
            events = [received for received in batch if not received.message.readings]
            self._send(events, self._names[RowClass.EVENTS])
        now = self._clock.now()
        reached = [lines for lines in (position_lines(positions, now), tally_lines(tallies, now)) if lines]
        if reached:
            self._http.write(b"\n".join(reached))

    def _ask(self, query: str, bucket: str | None = None) -> list[influxql.Row]:
        self._prepare()
        return self._http.query(query, bucket)

    def _within(self) -> str | None:
        return LATEST_WITHIN_3 if self._http.server.kind == "influx3" else None

    def _prepare(self) -> None:
        """Before anything else: on 1.x the databases are made."""
        if not self._ready:
            if self._http.server.kind == "influx1":
                self._buckets.make_missing()
            self._ready = True

    def _send(self, batch: Sequence[Received], bucket: str) -> None:
        """In as many requests as the server has time for."""
        for portion in self._portions.of(batch):
            try:
                self._http.write(self._lines.batch(portion), bucket)
            except TimedOut:
                self._portions.too_slow(portion)
                raise
        self._portions.taken()

    def tallies(self) -> dict[TallyKey, Tally]:
        """What was last written for each key, as far back as the bucket keeps points; on InfluxDB 3 LATEST_WITHIN_3."""
        return {
            TallyKey(row["community"], row["gateway"], row["bootid"], int(row["day"])): Tally(
                int(row["stored"]), int(row["dead"])
            )
            for row in self._ask(influxql.tallies(self._within()))
        }

    def positions(self) -> dict[LaneKey, int]:
        """The highest position written for every lane. On InfluxDB 3, as far back as LATEST_WITHIN_3: `refresh` sees to it
        that none is older."""
        return {_lane(row): int(row["upto"]) for row in self._ask(influxql.positions("max", self._within()))}

    def latest(self, community: str) -> list[Latest]:
        """One query. On InfluxDB 3, what is older than LATEST_WITHIN_3 is not found."""
        return [
            Latest(
                device=row["device"],
                quantity=row["quantity"],
                time=row["time"] // 1000,
                value=float(row["value"]),
                unit=unit_of(row["quantity"], row["unit"]),
                received_at=int(row["received"]),
            )
            for row in self._ask(influxql.latest(community, self._within()))
        ]

    def raw(self, community: str, device: str, quantity: str, start: int, end: int, limit: int) -> list[Point]:
        """One query."""
        rows = self._ask(influxql.raw(community, device, quantity, start, end, limit))
        return [Point(row["time"] // 1000, float(row["value"])) for row in rows]

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
        """Buckets of equal width from `start` on, summed up by the server: one query of raw rows, and from rollups one of
        what is due and one of sums."""
        start, end, width = grid(start, end, max_points, resolution)
        parts = [Segment(start, end, summed=False)]
        if resolution is not Resolution.RAW:
            parts = segments(start, end, self._rollups.unsummed(community, start - start % HOUR, end))
        found: list[Bucket] = []
        for rows in self._ask_parts(parts, resolution, (community, device, quantity), width):
            found += filter(None, map(_bucket, rows))
        return merged(found)

    def _ask_parts(
        self, parts: Sequence[Segment], resolution: Resolution, series: tuple[str, str, str], width: int
    ) -> Iterator[list[influxql.Row]]:
        """The rows of each part, in order: all raw ones in one request, all summed ones in another."""
        origin = parts[0].start
        answers: dict[bool, Iterator[list[influxql.Row]]] = {}
        for summed in {part.summed for part in parts}:
            source = resolution if summed else Resolution.RAW
            table = TABLES.get(source, READINGS)
            texts = [
                influxql.buckets(*series, part.start, part.end, width, origin, table)
                for part in parts
                if part.summed is summed
            ]
            answers[summed] = iter(self._http.query_each(texts, self._sources[source]))
        return (next(answers[part.summed]) for part in parts)

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
        """Newest first. The server orders by time alone, so what shares the microsecond of either end is read whole."""
        if before is not None:
            end = min(end, before.time + 1)

        def ask(first: int, after: int, at_most: int) -> list[StoredEvent]:
            query = influxql.events(community, first, after, types, device, at_most, containing)
            rows = self._ask(query, self._names[RowClass.EVENTS])
            return [_event(row) for row in rows]

        found = []
        if before is not None and start <= before.time < end:
            found = [event for event in ask(before.time, end, 0) if event.key < before]
            end = before.time
        older = ask(start, end, limit) if end > start else []
        if len(older) == limit:
            last = min(event.time for event in older)
            older = [event for event in older if event.time > last] + ask(last, last + 1, 0)
        return sorted(found + older, key=lambda event: event.key, reverse=True)[:limit]

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """A point that is written again under its time and tags takes the place of what was there."""
        self._prepare()
        for start in range(0, len(events), _REDACTED_AT_ONCE):
            lines = "\n".join(map(stored_line, events[start : start + _REDACTED_AT_ONCE]))
            self._http.write(lines.encode(), self._names[RowClass.EVENTS])

    # --- upkeep -------------------------------------------------------------------------------------------------------

    def due(self, before: int, after: Due | None, limit: int) -> list[Due]:
        """By hour and community."""
        self._prepare()
        return self._rollups.due(before, after, limit)

    def roll(self, due: Sequence[Due]) -> None:
        """The server sums up; the sums come here and go back."""
        self._prepare()
        horizon = self._config.retention.horizons(self._clock.now()).get(RowClass.RAW, 0)
        self._rollups.roll(due, self._writing, horizon + HOUR if horizon else 0)

    def thin(self, horizons: Mapping[RowClass, int]) -> int:
        """Nothing: the server deletes by the retention of its buckets."""
        return 0

    def refresh(self, now: int) -> None:
        """Write the positions of quiet lanes again, under the last full hour: retention would take them otherwise.

        A lane that moves meanwhile writes under a later hour, which counts.
        """
        rows = self._ask(influxql.positions("last", self._within()))
        quiet = {_lane(row) for row in rows if row["time"] // 1000 < now - REFRESH_AFTER}
        if quiet:
            reached = self.positions()
            self._http.write(position_lines({lane: reached[lane] for lane in quiet}, now - HOUR))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _stretches(batch: Sequence[Received]) -> Iterator[tuple[str, Sequence[int], int, int]]:
    for received in batch:
        if received.message.readings:
            readings = Readings.of(received.message.readings)
            yield received.message.community, readings.times, readings.earliest, readings.latest


def _lane(row: influxql.Row) -> LaneKey:
    return LaneKey(row["community"], row["gateway"], row["bootid"], Lane(row["lane"]))


def _bucket(row: influxql.Row) -> Bucket | None:
    """None for a row that 1.x answers in part, of a point that comes just now: the next question has it."""
    if None in row.values():
        return None
    count = int(row["count"])
    mean = row["sum"] / count
    return Bucket(row["time"] // 1000, count, float(row["min"]), mean, float(row["max"]), float(row["last"]))


def _event(row: influxql.Row) -> StoredEvent:
    return StoredEvent(
        community=row["community"],
        device=row["device"],
        gateway=row["gateway"],
        type=row["type"],
        time=row["time"] // 1000,
        received_at=int(row["received"]),
        time_source=row["time_source"],
        historic=bool(row["historic"]),
        late=bool(row["late"]),
        bootid=row["bootid"],
        lane=row["lane"],
        sequence=int(row["sequence"]),
        data=orjson.loads(row["data"]),
    )
