"""Time: the only module that may read a clock (ruff TID251 holds this). Everything else takes time as an argument.

A point in time is an int of microseconds since 1970-01-01 UTC. Integers compare and subtract exactly, survive JSON up to
the year 2255 (2**53), and are what both stores keep.
"""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol
from zoneinfo import ZoneInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)",
    re.ASCII,
)


class Clock(Protocol):
    """Where a process gets its time from."""

    def now(self) -> int:
        """Microseconds since 1970 UTC. May step, as wall clocks do."""

    def monotonic(self) -> float:
        """Real seconds that never step back; for back-off and time-outs, never stored."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """The machine's wall clock."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """The machine's monotonic clock."""
        return time.monotonic()


class ScaledClock:
    """A clock that runs `speed` times as fast as the machine's: how a simulated day passes in minutes.

    At the machine's time `real_origin` it shows `origin` (both microseconds since 1970 UTC); until then it stands still,
    so that processes may start before their time does. Processes that are given the same three numbers show the same time.
    """

    def __init__(self, speed: float, origin: int, real_origin: int) -> None:
        self._speed = speed
        self._origin = origin
        self._real_origin = real_origin

    def now(self) -> int:
        """The wall clock, scaled."""
        return self._origin + int(max(0, time.time_ns() // 1000 - self._real_origin) * self._speed)

    def monotonic(self) -> float:
        """The machine's monotonic clock, as it is."""
        return time.monotonic()


def format_time(us: int) -> str:
    """RFC 3339 in UTC with six fraction digits: 1700000000000000 -> '2023-11-14T22:13:20.000000Z'."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time with 0 to 9 fraction digits; what is below 1 us is cut off.

    Raises ValueError for anything else, a time without a zone too: which clock it would mean is not known.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is not an RFC 3339 time with a zone")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    offset = timedelta()
    if zone not in "Zz":
        sign = -1 if zone[0] == "-" else 1
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            raise ValueError(f"{text[:60]!r} has a zone that is no time of day")
        offset = sign * timedelta(hours=hours, minutes=minutes)
    leap = second == "60"  # RFC 3339 allows a leap second; POSIX time has none, so it is the second before
    moment = datetime(
        int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second), tzinfo=timezone(offset)
    )
    micros = int((fraction or "0").ljust(6, "0")[:6])
    return (moment - _EPOCH) // timedelta(microseconds=1) + micros


def local_time(us: int, zone: ZoneInfo) -> datetime:
    """The wall time that `us` is in `zone`, as an aware datetime."""
    return (_EPOCH + timedelta(microseconds=us)).astimezone(zone)
