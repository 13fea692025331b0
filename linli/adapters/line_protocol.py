"""InfluxDB line protocol: a batch to bytes, all at once.

Three measurements. `readings` has tags community, device, quantity and fields value, received, unit. `events` has tags
community, device, type and the rest as fields; its timestamp carries the sequence in the three digits below the
microsecond, so that two swipes of one coarse clock's second stay two. `linli_positions` has one point for each lane and
hour (a point written again replaces the old one), so that it stays small without ever leaving a bucket's retention.

Ids hold nothing that a tag would have to escape (`linli.ids`); string fields are escaped. What the server adds is never a
tag: writing a message again gives the same points.
"""

from collections.abc import Mapping, Sequence

import orjson

from linli.clock import HOUR
from linli.model import LaneKey, Received

READINGS = "readings"
EVENTS = "events"
POSITIONS = "linli_positions"

_MAX_PREFIXES = 200_000


class LineWriter:
    """Makes lines. Keeps the beginning of each series' line, which is most of it and always the same."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[str, str, str, str | None], tuple[str, str]] = {}

    def batch(self, batch: Sequence[Received]) -> bytes:
        """The lines of all readings and events, each with a nanosecond timestamp."""
        lines: list[str] = []
        for received in batch:
            if received.message.readings:
                self._add_readings(lines, received)
            else:
                lines.append(event_line(received))
        return "\n".join(lines).encode()

    def _add_readings(self, lines: list[str], received: Received) -> None:
        community = received.message.community
        prefixes = self._prefixes
        for r in received.message.readings:
            key = (community, r.device, r.quantity, r.unit)
            parts = prefixes.get(key) or self._prefix(*key)
            lines.append(f"{parts[0]}{r.value!r}{parts[1]},received={received.received_at}i {r.time}000")

    def _prefix(self, community: str, device: str, quantity: str, unit: str | None) -> tuple[str, str]:
        if len(self._prefixes) >= _MAX_PREFIXES:
            self._prefixes.clear()
        before = f"{READINGS},community={community},device={device},quantity={quantity} value="
        after = "" if unit is None else f",unit={string_field(unit)}"
        self._prefixes[community, device, quantity, unit] = (before, after)
        return before, after


def event_line(received: Received) -> str:
    """The line of one discrete event."""
    m = received.message
    return (
        f"{EVENTS},community={m.community},device={m.subject},type={m.type} "
        f"bootid={string_field(m.bootid)},data={string_field(orjson.dumps(m.data).decode())},"
        f"gateway={string_field(m.gateway)},historic={_flag(m.historic)},lane={string_field(m.lane.value)},"
        f"late={_flag(received.late)},received={received.received_at}i,sequence={m.sequence}i,"
        f"time_source={string_field(m.time_source.value)} {event_ns(m.time, m.sequence)}"
    )


def event_ns(time: int, sequence: int) -> int:
    """The nanoseconds since 1970 under which an event of `time` (microseconds) is kept."""
    return time * 1000 + sequence % 1000


def position_lines(positions: Mapping[LaneKey, int], now: int) -> bytes:
    """A line for each lane, at the hour that `now` (microseconds) lies in."""
    ns = now // HOUR * HOUR * 1000
    return "\n".join(
        f"{POSITIONS},bootid={key.bootid},community={key.community},gateway={key.gateway},lane={key.lane.value}"
        f" upto={upto}i {ns}"
        for key, upto in positions.items()
    ).encode()


def string_field(text: str) -> str:
    """`text` as a string field's value: in quotes, backslash and quote escaped. A line feed within the quotes is data."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _flag(value: bool) -> str:
    return "true" if value else "false"
