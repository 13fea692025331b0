"""The server's clock as the engine is told of it: since when we listen without a break, and how far time has passed. No I/O.

Theory of operation. A tick says that all until then is judged, so it goes no further than to when what still waits came; what was
dropped before it was taken in comes again from its agent, and until then we listen anew, as after an outage of our own; under an
overload that lasts, time goes on by steps to when we began to listen last, at which nobody's silence means anything. Ticks do not go
back for that; a clock that was set back does go back. `behind`: how far ticks stay behind a clock that is faster than real time.
"""

from linli.clock import Clock
from rules.aside import Every
from rules.engine.inputs import Input, ListenIn, Tick

SETTLE_TICK_S = 0.1
"""Between two ticks while something waits to settle: a door forced is not to wait for the next full second."""

ANEW_S = 5.0
"""Between two times of listening anew because too much comes at once."""


class Timekeeping:
    """`connected` and `disconnected` may be called from any thread."""

    def __init__(self, clock: Clock, tick_s: float, behind: int) -> None:
        self._clock = clock
        self._behind = behind
        self._begun: ListenIn | None = None
        self._told: ListenIn | None = None
        self._dropped = 0
        self._tick = Every(clock, tick_s)
        self._settle_tick = Every(clock, min(SETTLE_TICK_S, tick_s))
        self._anew = Every(clock, ANEW_S)

    def connected(self) -> None:
        """The broker has accepted us."""
        self._begun = ListenIn(self._clock.now())

    def disconnected(self) -> None:
        """The broker is away: silence is ours now, not the gateways'."""
        self._begun = None

    def listen_anew(self) -> None:
        """Something that came was not taken; it comes again, and until then it is missing."""
        self._told = None
        if self._begun is not None:
            self._begun = ListenIn(self._clock.now())

    def listens(self) -> list[Input]:
        """That we are listening anew, once for each time."""
        begun = self._begun
        if begun is None or begun is self._told:
            return []
        self._told = begun
        return [begun]

    def ticks(self, waits: int | None, dropped: int, last: int, *, settling: bool, foreseen: bool) -> list[Input]:
        """A tick when one is due. `waits`: when the first of what waits came, `last`: the last tick (microseconds since 1970 UTC);
        `dropped`: how many messages ever were; `settling`: something waits to settle; `foreseen`: nothing is journalled now."""
        begun = self._begun
        if begun is None or (begun is not self._told and not foreseen):
            return []
        now = self._clock.now() - self._behind
        floors = [before for before in (begun.now, last) if before <= now]
        if dropped != self._dropped:
            if self._anew.due():
                self._dropped = dropped
                self.listen_anew()
                return []
            now = max(floors, default=now)
        elif waits is not None:
            now = min(now, max([waits, *floors]))
        too_early = 0 < begun.now - now <= self._behind
        if too_early or not (self._tick.due() or (settling and self._settle_tick.due())):
            return []
        return [Tick(now)]
