"""Which of the messages that have arrived are next on their lanes. No I/O.

A stranger may be registered a moment ago: an event of a device or gateway that the registry in force has not got can be set aside,
and all that came after it on its lane, until there was a look at what is new.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from linli.codec import Envelope
from linli.db.registry import RegistrySnapshot
from linli.delivery import Positions, Verdict
from linli.model import LaneKey
from linli.platform import PLATFORM
from rules import wire
from rules.engine.inputs import Input, MessageIn, PassedIn
from rules.inbox import Arrival


@dataclass(slots=True)
class Accepted:
    """`entries`: what is to be journalled, in order. `answers`: the lanes that are owed their `upto` (a dict for its order).
    `taken`: how far each lane has come. `strange`: what was set aside, untouched."""

    entries: list[Input] = field(default_factory=list)
    answers: dict[LaneKey, None] = field(default_factory=dict)
    taken: dict[LaneKey, int] = field(default_factory=dict)
    strange: list[Arrival] = field(default_factory=list)


class Accepting:
    """Where we are on each lane, and what was not taken: a repeat, what came behind a gap, what is no message of ours."""

    def __init__(self, committed: dict[LaneKey, int]) -> None:
        self.positions = Positions(committed)
        self.repeats = 0
        self.gaps = 0
        self.refused = 0

    def accept(self, arrivals: Iterable[Arrival], known: RegistrySnapshot | None = None) -> Accepted:
        """Judge them in the order given. `known`: set aside who is not in this registry; None: nobody."""
        found = Accepted()
        waiting: set[LaneKey] = set()
        for arrival in arrivals:
            read = wire.read(*arrival)
            if read is None or read[0].lane.community == PLATFORM:  # nobody outside speaks for Linli itself
                self.refused += 1
                continue
            place, entry = read
            if known is not None and (place.lane in waiting or not _is_known(entry, known)):
                waiting.add(place.lane)
                found.strange.append(arrival)
                continue
            found.answers[place.lane] = None
            if self._is_next(place):
                found.entries.append(entry)
                found.taken[place.lane] = place.sequence
                self.refused += isinstance(entry, PassedIn)
        return found

    def _is_next(self, place: Envelope) -> bool:
        verdict = self.positions.judge(place.lane, place.sequence, place.oldest).verdict
        self.repeats += verdict is Verdict.REPEAT
        self.gaps += verdict is Verdict.GAP
        return verdict is Verdict.ACCEPT


def _is_known(entry: Input, registry: RegistrySnapshot) -> bool:
    """Whether an event's gateway and device are registered. A packet speaks of many devices, and they will speak again."""
    if not isinstance(entry, MessageIn) or entry.message.readings:
        return True
    message = entry.message
    return message.gateway in registry.gateways and (
        message.subject in registry.devices or message.subject == message.gateway
    )
