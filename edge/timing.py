"""Whose clock an event time is from: the design's rule, as a function. How fast the agent's own clock runs, and how far it
is from the server's."""

from dataclasses import dataclass

from linli.clock import MINUTE, Clock
from linli.eventtime import CLOCK_UNSET
from linli.model import TimeSource

TRUSTED = MINUTE
_LOOK_EVERY_S = 0.1
_BEST_OF_S = 30.0


@dataclass(frozen=True, slots=True)
class EventTime:
    """An event time in microseconds since 1970 UTC, and whose it is. `historic`: it happened well before it was told."""

    time: int
    source: TimeSource
    historic: bool = False


def event_time(device_time: int | None, agent_time: int, *, buffers: bool = False) -> EventTime:
    """The event time of what the agent takes at `agent_time`.

    The device's time counts if it is within a minute of the agent's. Further in the past it is believed if the device is
    known to buffer, and the observation is history. Everything else happened when the agent took it.
    """
    if device_time is not None:
        if abs(device_time - agent_time) <= TRUSTED:
            return EventTime(device_time, TimeSource.DEVICE)
        if buffers and CLOCK_UNSET <= device_time < agent_time:
            return EventTime(device_time, TimeSource.DEVICE, historic=True)
    return EventTime(agent_time, TimeSource.AGENT)


class Pace:
    """How many times faster than real time the clock runs, by looking: a simulated day may pass in minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = (clock.now(), clock.monotonic())
        self._speed = 1.0

    def real_seconds(self, us: int) -> float:
        """About how long `us` of the clock take, at most 0.1 s if that is not known well."""
        now, real = self._clock.now(), self._clock.monotonic()
        if real - self._seen[1] >= _LOOK_EVERY_S:
            self._speed = max(1.0, (now - self._seen[0]) / 1e6 / (real - self._seen[1]))
            self._seen = (now, real)
        return min(max(us, 0) / 1e6 / self._speed, _LOOK_EVERY_S)


class ClockOffset:
    """How far the agent's clock is ahead of the server's: the least of what acknowledgements showed in the last minute.

    One that was sent at the server's time a and is read at the agent's time b shows b - a: the offset and its time on the
    way. The one that was quickest is the nearest to the offset (as NTP's clock filter takes it, RFC 5905, 10).
    """

    def __init__(self) -> None:
        self._since = float("-inf")
        self._best: int | None = None
        self._before: int | None = None

    def heard(self, server: int, agent: int, now: float) -> None:
        """An acknowledgement sent at `server` was read at `agent`, both in microseconds since 1970; `now` is monotonic."""
        age = now - self._since
        if age >= _BEST_OF_S:
            self._before = self._best if age < 2 * _BEST_OF_S else None
            self._best, self._since = None, now
        shown = agent - server
        self._best = shown if self._best is None else min(self._best, shown)

    def ms(self, now: float) -> float | None:
        """The offset in milliseconds; None if nothing was heard for a minute."""
        shown = [best for best in (self._best, self._before) if best is not None]
        return min(shown) / 1000 if shown and now - self._since < 2 * _BEST_OF_S else None
