"""InfluxDB line protocol: a batch to bytes, all at once.

Four measurements. `readings` has tags community, device, quantity and fields value, received, and unit where it is not
the one that the vocabulary gives the quantity (which must not change there). `events` has tags community, device, type and
the rest as fields; its timestamp carries the sequence in the three digits below the microsecond, so that two swipes of one
coarse clock's second stay two. `linli_positions` has one point for each lane and hour (a point written again replaces the
old one), so that it stays small without ever leaving a bucket's retention; `linli_tallies` likewise for each outbox and day.

Ids hold nothing that a tag would have to escape (`linli.ids`); string fields are escaped. What the server adds is never a
tag: writing a message again gives the same points.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from linli.clock import HOUR
from linli.model import LaneKey, Readings, Received, Tally, TallyKey
from linli.ports import StoredEvent
from linli.vocabulary import quantity_of

READINGS = "readings"
EVENTS = "events"
POSITIONS = "linli_positions"
TALLIES = "linli_tallies"

_MAX_BEGINNINGS = 500_000
_NEXT = b"000\n"
"""What lies between the microseconds of one line and the beginning of the next."""


class LineWriter:
    """Makes lines, a packet at once: the columns of its readings become columns of text, woven into lines by slices.

    Keeps the beginning of each series' line, which is most of it and always the same.
    """

    def __init__(self) -> None:
        self._beginnings: dict[str, dict[str, bytes]] = {}
        self._usual: dict[str, str | None] = {}
        self._kept = 0

    def batch(self, batch: Sequence[Received]) -> bytes:
        """The lines of all readings and events, each with a nanosecond timestamp."""
        parts: list[bytes] = []
        for received in batch:
            if received.message.readings:
                parts.append(self._reading_lines(received))
            else:
                parts += event_line(received).encode(), b"\n"
        if parts:
            parts[-1] = parts[-1].rstrip(b"\n")
        return b"".join(parts)

    def _reading_lines(self, received: Received) -> bytes:
        readings = Readings.of(received.message.readings)
        beginnings = self._beginnings.get(received.message.community, {})
        try:
            series = list(map(beginnings.__getitem__, readings.names))
        except KeyError:
            beginnings = self._learn(received.message.community, readings.names)
            series = [beginnings[name] for name in readings.names]
        rest = f",received={received.received_at}i "
        usual = self._usual
        units = list(map(usual.__getitem__, readings.names))
        woven = [rest.encode()] * (4 * len(series))
        woven[0::4] = series
        woven[1::4] = _numbers(readings.values)
        if units != readings.units:
            woven[2::4] = [
                (rest if unit == known else f",unit={string_field(unit or '')}{rest}").encode()
                for unit, known in zip(readings.units, units, strict=True)
            ]
        woven[3::4] = _numbers(readings.times)
        woven[0] = woven[0].removeprefix(_NEXT)
        woven.append(_NEXT)
        return b"".join(woven)  # at once, while the pieces are in the processor's cache

    def _learn(self, community: str, names: Iterable[str]) -> dict[str, bytes]:
        if self._kept > _MAX_BEGINNINGS:
            self._beginnings.clear()
            self._usual.clear()
            self._kept = 0
        known = self._beginnings.setdefault(community, {})
        for name in set(names) - known.keys():
            device, _, quantity = name.partition("/")
            line = f"{READINGS},community={community},device={device},quantity={quantity} value="
            known[name] = _NEXT + line.encode()
            self._usual[name] = quantity_of(quantity).unit
            self._kept += 1
        return known


def unit_of(quantity: str, stored: str | None) -> str | None:
    """The unit of a point whose field `unit` is `stored`: the quantity's own if it has none, no unit if it is empty."""
    return quantity_of(quantity).unit if stored is None else stored or None


def _numbers(column: Sequence[float]) -> list[bytes]:
    """Each as orjson writes it: the shortest text that gives the same number back. A float has a point or an exponent."""
    return orjson.dumps(column)[1:-1].split(b",")


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


def stored_line(e: StoredEvent) -> str:
    """The line of an event that is stored: the same as it came by, but for what its data is now."""
    return (
        f"{EVENTS},community={e.community},device={e.device},type={e.type} "
        f"bootid={string_field(e.bootid)},data={string_field(orjson.dumps(e.data).decode())},"
        f"gateway={string_field(e.gateway)},historic={_flag(e.historic)},lane={string_field(e.lane)},"
        f"late={_flag(e.late)},received={e.received_at}i,sequence={e.sequence}i,"
        f"time_source={string_field(e.time_source)} {event_ns(e.time, e.sequence)}"
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


def tally_lines(tallies: Mapping[TallyKey, Tally], now: int) -> bytes:
    """A line for each key, at the hour that `now` lies in, as positions are: a day long past is beyond retention."""
    ns = now // HOUR * HOUR * 1000
    return "\n".join(
        f"{TALLIES},bootid={key.bootid},community={key.community},day={key.day},gateway={key.gateway}"
        f" dead={tally.dead}i,stored={tally.stored}i {ns}"
        for key, tally in tallies.items()
    ).encode()


def string_field(text: str) -> str:
    """`text` as a string field's value: in quotes, backslash and quote escaped. A line feed within the quotes is data."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _flag(value: bool) -> str:
    return "true" if value else "false"
