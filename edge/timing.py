"""Whose clock an event time is from: the design's rule, as a function. And how fast the agent's own clock runs."""

from dataclasses import dataclass

from linli.clock import MINUTE, Clock
from linli.eventtime import CLOCK_UNSET
from linli.model import TimeSource

TRUSTED = MINUTE
_LOOK_EVERY_S = 0.1


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
