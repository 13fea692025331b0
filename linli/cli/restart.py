"""Whether and when a process is started again. No I/O: time is an argument, in real (monotonic) seconds.

Theory of operation. A part that should run is in one of five states. READY and SILENT are told apart by a probe from
outside (it reports, its port answers); only an exit or a person moves it further:

    STOPPED --start--> STARTING --answered--> READY <--answered-- SILENT
                          |                     |  --fell_silent-->  |
                          +------- exited ------+------ exited ------+
                                                v
                          STARTING <--waited-- WAITING --stop--> STOPPED
    STARTING, READY, SILENT --stop--> STOPPING --exited--> STOPPED

A process that lives and does nothing any more (stopped, or waiting for ever) does not exit by itself. `Patience` says when
it is killed, which is an exit like any other.

A part that ends at once, again and again, is started ever more slowly (0.2 s to 5 s); one that has run steadily starts
from 0.2 s anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 5.0
STEADY_AFTER_S = 10.0
"""Who has run this long is taken to be well: its next restart is quick again."""
HUNG_AFTER_S = 60.0
"""Workers report every 2 s. Long enough that none is killed for being slow on a busy machine."""


class State(StrEnum):
    """Where a part is."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    SILENT = "silent"
    WAITING = "waiting"
    STOPPING = "stopping"


class Event(StrEnum):
    """What happens to a part."""

    START = "start"
    ANSWERED = "answered"
    FELL_SILENT = "fell_silent"
    EXITED = "exited"
    WAITED = "waited"
    STOP = "stop"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.STOPPED, Event.START): State.STARTING,
    (State.STOPPED, Event.STOP): State.STOPPED,
    (State.STARTING, Event.ANSWERED): State.READY,
    (State.STARTING, Event.FELL_SILENT): State.STARTING,
    (State.STARTING, Event.EXITED): State.WAITING,
    (State.STARTING, Event.STOP): State.STOPPING,
    (State.READY, Event.ANSWERED): State.READY,
    (State.READY, Event.FELL_SILENT): State.SILENT,
    (State.READY, Event.EXITED): State.WAITING,
    (State.READY, Event.STOP): State.STOPPING,
    (State.SILENT, Event.ANSWERED): State.READY,
    (State.SILENT, Event.FELL_SILENT): State.SILENT,
    (State.SILENT, Event.EXITED): State.WAITING,
    (State.SILENT, Event.STOP): State.STOPPING,
    (State.WAITING, Event.WAITED): State.STARTING,
    (State.WAITING, Event.STOP): State.STOPPED,
    (State.STOPPING, Event.ANSWERED): State.STOPPING,
    (State.STOPPING, Event.FELL_SILENT): State.STOPPING,
    (State.STOPPING, Event.EXITED): State.STOPPED,
    (State.STOPPING, Event.STOP): State.STOPPING,
}
"""What is not here cannot happen: it is a fault of the supervisor, and raises IllegalEvent."""

HAS_PROCESS = frozenset((State.STARTING, State.READY, State.SILENT, State.STOPPING))


class IllegalEvent(Exception):
    """The event cannot happen in this state."""


def after(state: State, event: Event) -> State:
    """The state after `event`; IllegalEvent where the table has none."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalEvent(f"{event} in state {state}") from None


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: doubled with each quick end, back to the first after a steady run."""

    delay_s: float = FIRST_DELAY_S

    def next(self, ran_s: float) -> float:
        """The seconds to wait after a run of `ran_s` seconds."""
        if ran_s >= STEADY_AFTER_S:
            self.delay_s = FIRST_DELAY_S
        delay = self.delay_s
        self.delay_s = min(delay * 2, LONGEST_DELAY_S)
        return delay


@dataclass(slots=True)
class Patience:
    """How long a process that hangs is left alone: until every look at it for `limit_s` seconds has found it hung."""

    limit_s: float = HUNG_AFTER_S
    since_s: float | None = None

    def is_over(self, hung: bool, now_s: float) -> bool:
        """Whether it is to be killed, after a look at `now_s` that found it `hung` or not."""
        if not hung:
            self.since_s = None
            return False
        if self.since_s is None:
            self.since_s = now_s
        return now_s - self.since_s >= self.limit_s
