"""Which time a message counts at when a clock on the way was wrong. No I/O.

A time is sane from the year 2000 (no device of ours was made before: a clock that says so was never set) until a minute
after the server received it. `settle` replaces the others, so that a gateway without a clock still alarms, and no clock
that is ahead leaves a value that stays the newest for years:

    the agent's clock is sane    its time: the same again, however often the message is sent
    it is not                    the receive time, less what had passed on the agent's own clock since (up to a day, which
                                 keeps the readings of a packet apart). Marked `server`.

What is years ahead (`hopeless`) is left as it is, to be refused by whoever checks it.

A settled time is the key of a reading in the store. The second kind differs at each sending: a message whose position was
committed is never taken again, and SQLite commits rows and position together; an InfluxDB that was cut off between the
two keeps such a message twice.
"""

from dataclasses import replace

from linli.clock import DAY, MINUTE
from linli.model import Message, Readings, TimeSource

CLOCK_UNSET = 10_957 * DAY
"""2000-01-01: a clock before it was never set."""

AHEAD = MINUTE
"""What a clock may be ahead of the server's, as clocks are."""

HOPELESS = 9 * 365 * DAY
"""No clock that somebody looks after is this far ahead."""

_SPREAD = DAY


def is_sane(time: int, received_at: int) -> bool:
    """Whether a right clock can have said `time` of what was received at `received_at`."""
    return CLOCK_UNSET <= time <= received_at + AHEAD


def settle(message: Message, received_at: int, hopeless: float = HOPELESS) -> Message:
    """The message with every time sane; itself if all are. A time more than `hopeless` microseconds ahead stays."""
    agent_is_sane = is_sane(message.agent_time, received_at)
    readings = Readings.of(message.readings) if message.readings else None
    times_are_sane = is_sane(message.time, received_at) and (
        readings is None or (readings.earliest >= CLOCK_UNSET and readings.latest <= received_at + AHEAD)
    )
    if agent_is_sane and times_are_sane:
        return message
    time, source = message.time, message.time_source
    if _to_settle(time, received_at, hopeless):
        time, source = _settled(time, message, received_at), TimeSource.AGENT if agent_is_sane else TimeSource.SERVER
    return replace(
        message,
        time=time,
        time_source=source,
        agent_time=message.agent_time if agent_is_sane else received_at,
        readings=()
        if readings is None
        else readings.at(
            [
                _settled(at, message, received_at) if _to_settle(at, received_at, hopeless) else at
                for at in readings.times
            ]
        ),
    )


def _to_settle(time: int, received_at: int, hopeless: float) -> bool:
    return not is_sane(time, received_at) and time <= received_at + hopeless


def _settled(time: int, message: Message, received_at: int) -> int:
    if is_sane(message.agent_time, received_at):
        return message.agent_time
    before = message.agent_time - time
    return received_at - before if 0 <= before <= _SPREAD else received_at
