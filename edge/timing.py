"""Whose clock an event time is from: the design's rule, as a function."""

from dataclasses import dataclass

from linli.clock import DAY, MINUTE
from linli.model import TimeSource

TRUSTED = MINUTE
_CLOCK_UNSET = 30 * 365 * DAY
"""Before the year 2000 no device of ours was made: a clock that says so has never been set."""


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
        if buffers and _CLOCK_UNSET < device_time < agent_time:
            return EventTime(device_time, TimeSource.DEVICE, historic=True)
    return EventTime(agent_time, TimeSource.AGENT)
