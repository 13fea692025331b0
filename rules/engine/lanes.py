"""How far event time has come on each lane of each gateway. No I/O.

Theory of operation. Time on a lane is what its messages say (the agent's time, each lane carries a heartbeat every 10 s),
so that a backlog is judged as it was and not as it arrives. Between two messages the server's clock stands in, measured
from the last message: how long ago it came is added to its agent's time, so an agent's clock that is off by some seconds
does no harm. It stands in only

    for a lane that has caught up   its last message was taken less than CAUGHT_UP before it was received, and came
                                    less than FRESH ago, while the server was listening ever since
    for a gateway judged silent     nothing came for SILENT, while the server was listening all that time

The next message takes the stand-in's word back: a backlog that comes after silence is judged in its own time. A server
that was itself away starts listening anew, so that its own absence is nobody's silence: it says so at each start and each
connect to the broker, and it shows (no tick for AWAY). What ended a condition meanwhile still waits with its agent.
`delivered` is the part that messages alone brought: what is judged by absence goes by it.
"""

from dataclasses import dataclass

from linli.clock import MINUTE, SECOND

CAUGHT_UP = 15 * SECOND
FRESH = 30 * SECOND
SILENT = 60 * SECOND
AWAY = 15 * SECOND
FUTURE = MINUTE
"""A time this far after the server's is nobody's: the receive time is taken instead."""

BREAK = 30 * SECOND
"""Three heartbeats missing on a lane: the gateway was down, or dropped what it had. That time says nothing of devices."""


@dataclass(slots=True)
class LaneClock:
    """The clock of one lane; microseconds since 1970 UTC."""

    time: int
    delivered: int
    agent_time: int
    received_at: int

    def message(self, agent_time: int, received_at: int) -> int:
        """Advance by a message; how long the lane was broken off before it (0 if it was not)."""
        away = agent_time - self.delivered
        self.agent_time = agent_time
        self.received_at = max(self.received_at, received_at)
        self.time = self.delivered = max(self.delivered, agent_time)
        return away if away > BREAK else 0

    def stand_in(self, now: int, listening_since: int) -> bool:
        """Advance by the server's clock if it may stand in; whether it did."""
        ago = now - self.received_at
        heard = self.received_at >= listening_since
        caught_up = heard and self.received_at - self.agent_time <= CAUGHT_UP and ago < FRESH
        silent = now - max(self.received_at, listening_since) > SILENT
        if not (caught_up or silent) or self.agent_time + ago <= self.time:
            return False
        self.time = self.agent_time + ago
        return True


@dataclass(slots=True)
class Listening:
    """Since when the server has been listening without a break."""

    since: int = 0
    last: int = 0

    def begin(self, now: int) -> None:
        """Listening starts anew: what may have been sent before is not here yet."""
        self.since = self.last = now

    def tick(self, now: int) -> None:
        """Note a tick; after a long gap, or a clock set back, listening starts anew."""
        if not 0 <= now - self.last <= AWAY:
            self.since = now
        self.last = now


def sane(time: int, received_at: int) -> int:
    """`time`, or the receive time if it lies too far in the future."""
    return time if time <= received_at + FUTURE else received_at
