"""`ports.ReadingStore` in an InfluxDB of any generation: line protocol in, InfluxQL out."""

from collections.abc import Mapping, Sequence

import orjson

from linli.adapters import influxql
from linli.adapters.influx_http import AccessDenied, InfluxConfig, InfluxHttp
from linli.adapters.line_protocol import LineWriter, position_lines
from linli.clock import Clock
from linli.errors import StoreRefused
from linli.model import Lane, LaneKey, Received
from linli.ports import Bucket, Latest, StoredEvent

LATEST_WITHIN_3 = "3d"
"""InfluxDB 3 Core opens no more files in a query than about three days have."""


class InfluxStore:
    """Readings, events and positions. Rows first and then positions: a kill in between only makes agents send again what
    is there, and the same points replace themselves. `clock` says under which hour positions are kept."""

    def __init__(self, config: InfluxConfig, clock: Clock) -> None:
        self._config = config
        self._http = InfluxHttp(config)
        self._lines = LineWriter()
        self._clock = clock

    def check(self) -> str:
        """Ask for a position, which needs the bucket and the right to read it. A wrong setting is StoreRefused."""
        try:
            server = self._http.server
            self._http.query(influxql.positions() + " LIMIT 1")
        except AccessDenied as error:
            raise StoreRefused(error.text) from error
        return f"InfluxDB {server.version}, {self._config.url}, {self._config.bucket}"

    def write(self, batch: Sequence[Received], positions: Mapping[LaneKey, int]) -> None:
        """Two requests; a wrong setting (sign-in, bucket) is StoreUnavailable: the data is not to blame."""
        if batch:
            self._http.write(self._lines.batch(batch))
        if positions:
            self._http.write(position_lines(positions, self._clock.now()))

    def positions(self) -> dict[LaneKey, int]:
        """The position last written for every lane, as far back as the bucket keeps points."""
        return {
            LaneKey(row["community"], row["gateway"], row["bootid"], Lane(row["lane"])): int(row["upto"])
            for row in self._http.query(influxql.positions())
        }

    def latest(self, community: str) -> list[Latest]:
        """One query. On InfluxDB 3, what is older than LATEST_WITHIN_3 is not found."""
        since = LATEST_WITHIN_3 if self._http.server.kind == "influx3" else None
        return [
            Latest(
                device=row["device"],
                quantity=row["quantity"],
                time=row["time"] // 1000,
                value=float(row["value"]),
                unit=row["unit"],
                received_at=int(row["received"]),
            )
            for row in self._http.query(influxql.latest(community, since))
        ]

    def readings(
        self, community: str, device: str, quantity: str, start: int, end: int, max_points: int
    ) -> list[Bucket]:
        """Buckets of equal width from `start` on, summed up by the server."""
        width = max(1, -(-(end - start) // max_points))
        return [
            Bucket(
                start=row["time"] // 1000,
                count=int(row["count"]),
                minimum=float(row["min"]),
                mean=float(row["mean"]),
                maximum=float(row["max"]),
                last=float(row["last"]),
            )
            for row in self._http.query(influxql.buckets(community, device, quantity, start, end, width))
        ]

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
        """Newest first."""
        rows = self._http.query(influxql.events(community, start, end, types, device, limit))
        return sorted((_event(row) for row in rows), key=lambda event: (event.time, event.sequence), reverse=True)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


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
