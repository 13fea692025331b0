"""Which of the messages that have arrived are next on their lanes. No I/O.

A stranger may have been registered a moment ago. An event of a gateway or device that the registry in force does not have is held, and
what comes behind it on its lane, until a look at what is new that began afterwards is back, or for HOLD_S. Who was looked for in vain
is not held again for a moment; for longer, if looking takes long.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from linli.clock import Clock
from linli.codec import Envelope
from linli.db.registry import RegistrySnapshot
from linli.delivery import Positions, Verdict
from linli.model import LaneKey
from linli.platform import PLATFORM
from rules import wire
from rules.engine.inputs import Input, MessageIn, PassedIn
from rules.inbox import Arrival

HOLD_S = 2.0
QUIET_S, VAIN_S = 0.2, 60.0
SLOW_S = 0.5
"""A look that took longer than this is not to be waited for at each event of a stranger."""

MOST_HELD = 5_000
MOST_STRANGERS = 10_000

Stranger = tuple[str, str]
"""A gateway and a subject that it speaks of."""


class _Message(NamedTuple):
    arrival: Arrival
    place: Envelope
    entry: Input
    since: float | None = None
    """Since when it is held, in steady seconds."""


@dataclass(slots=True)
class Accepted:
    """`entries`: what is to be journalled, in order. `answers`: the lanes that are owed their `upto` (a dict for its order).
    `taken`: how far each lane has come."""

    entries: list[Input] = field(default_factory=list)
    answers: dict[LaneKey, None] = field(default_factory=dict)
    taken: dict[LaneKey, int] = field(default_factory=dict)


class Accepting:
    """Where we are on each lane, what is held, and what was not taken: a repeat, what came behind a gap, what is no message of
    ours."""

    def __init__(self, committed: dict[LaneKey, int], clock: Clock) -> None:
        self.positions = Positions(committed)
        self._held: list[_Message] = []
        self.repeats = 0
        self.gaps = 0
        self.refused = 0
        self._clock = clock
        self._in_vain: dict[Stranger, float] = {}

    def accept(
        self, arrivals: Sequence[Arrival], registry: RegistrySnapshot | None = None, looked_at: float = 0.0
    ) -> Accepted:
        """Judge what is held and these, in the order in which they came. `registry`: who is not in it is held; None: nobody.
        `looked_at`: when the last look at the registry that is back began, in steady seconds."""
        now, before, self._held = self._clock.monotonic(), self._held, []
        patience = HOLD_S if len(before) <= MOST_HELD else 0.0
        found, waiting = Accepted(), set[LaneKey]()
        for one in (*before, *self._read(arrivals)):
            stranger = None if registry is None else _stranger(one.entry, registry)
            waits = stranger is not None and self._is_to_wait(stranger, one.since, now, looked_at, patience)
            if waits or one.place.lane in waiting:
                waiting.add(one.place.lane)
                self._held.append(one if one.since is not None else one._replace(since=now))
            else:
                self._take(one.place, one.entry, found)
        return found

    def _is_to_wait(
        self, stranger: Stranger, since: float | None, now: float, looked_at: float, patience: float
    ) -> bool:
        if self._in_vain.get(stranger, now) > now:
            return False
        if since is None:
            return True
        if looked_at < since:
            return patience > 0 and now - since <= patience
        if len(self._in_vain) >= MOST_STRANGERS:
            self._in_vain.clear()
        self._in_vain[stranger] = now + (VAIN_S if now - since > SLOW_S else QUIET_S)
        return False

    @property
    def held_from(self) -> int | None:
        """When the first of what is held came (microseconds since 1970 UTC); None if nothing is."""
        return self._held[0].arrival.received_at if self._held else None

    def let_go(self) -> list[Arrival]:
        """What is held, which is not any more."""
        held, self._held = self._held, []
        return [one.arrival for one in held]

    def _read(self, arrivals: Iterable[Arrival]) -> Iterator["_Message"]:
        for arrival in arrivals:
            read = wire.read(*arrival)
            if read is None or read[0].lane.community == PLATFORM:  # nobody outside speaks for Linli itself
                self.refused += 1
            else:
                yield _Message(arrival, *read)

    def _take(self, place: Envelope, entry: Input, found: Accepted) -> None:
        found.answers[place.lane] = None
        verdict = self.positions.judge(place.lane, place.sequence, place.oldest).verdict
        if verdict is Verdict.ACCEPT:
            found.entries.append(entry)
            found.taken[place.lane] = place.sequence
            self.refused += isinstance(entry, PassedIn)
        elif verdict is Verdict.REPEAT:
            self.repeats += 1
        else:
            self.gaps += 1


def _stranger(entry: Input, registry: RegistrySnapshot) -> Stranger | None:
    """Who the event is of, if the registry does not have it so. A packet speaks of many devices, and they will speak again."""
    if not isinstance(entry, MessageIn) or entry.message.readings:
        return None
    message = entry.message
    gateway, device = registry.gateways.get(message.gateway), registry.devices.get(message.subject)
    at_home = gateway is not None and gateway.community == message.community
    its_own = message.subject == message.gateway or (device is not None and device.gateway == message.gateway)
    return None if at_home and its_own else (message.gateway, message.subject)
