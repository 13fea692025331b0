"""Models of devices: given the time and a seeded random, what each says next. No I/O, no clock.

Theory of operation. A model says three kinds of thing: readings on a steady beat (its interval, with a phase of its own);
activities, which come at random with a rate that follows the time of day, each a short chain of events (a grant, a door
that opens, a door that closes); and what somebody makes it do (`apply`, for scenarios). All of a device's randomness comes
from one generator seeded by (seed, device), so a day is the same for the same seed whatever else goes on.

Left alone, a model raises no alert of the catalogue: every opening is preceded by a grant or an exit request and lasts
5 to 12 s, nobody is in view between 22:24 and 05:30, and every value stays inside its limits.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from linli.clock import HOUR, SECOND
from linli.errors import Refused
from linli.model import DEVICE_HEARTBEAT_TYPE, Device, JsonValue, Reading
from linli.vocabulary import quantity_of

QUIET = 30 * SECOND
"""No activity in the first seconds of a model, and none of it near a scenario on the same device."""

ANNOUNCE = 5 * SECOND
"""Within this time of being switched on a device reports for the first time, out of its beat."""

_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A discrete event of a device at `time`."""

    device: str
    time: int
    type: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)


Observation = Occurrence | Reading


class DeviceModel:
    """A device that only measures; the base of those that also do something.

    `measure(time)` gives (quantity, value) pairs. Times given to `step` never go back.
    """

    rate_per_hour = 0.0
    """How many activities an hour begin at the busiest time of day; 0: none ever."""

    settled_by_command: frozenset[str] = frozenset()
    """Types of events that an earlier command has planned and a later one calls off."""

    def __init__(self, device: Device, seed: int, zone: ZoneInfo, start: int) -> None:
        self.device = device
        self.zone = zone
        self.rng = random.Random(f"{seed}/{device.id}")
        self._beat = round((device.interval_s or 60) * SECOND)
        self._phase = start + self.rng.randrange(self._beat)
        self._next_reading = start + self.rng.randrange(min(self._beat, ANNOUNCE))
        self._planned: deque[Occurrence] = deque()
        self._next_activity = self._after(start + QUIET)
        self._reserved_until = 0
        self._last_event = start - QUIET

    @property
    def due(self) -> int:
        """When it says something next, or may."""
        planned = self._planned[0].time if self._planned else _NEVER
        return min(self._next_reading, planned, self._next_activity)

    def step(self, now: int) -> list[Observation]:
        """All that it says up to and including `now`, in order of time."""
        said: list[Observation] = []
        while (due := self.due) <= now:
            if self._planned and self._planned[0].time == due:
                said.append(self._do(self._planned.popleft()))
            elif self._next_activity == due:
                self._begin_activity(due)
            else:
                said.extend(self._readings(due))
                self._next_reading = self._phase if due < self._phase else due + self._beat
        return said

    def reserve(self, until: int) -> None:
        """Begin no activity before `until`: a scenario has it."""
        self._reserved_until = max(self._reserved_until, until)

    def free_at(self, now: int) -> int:
        """From when a scenario may have it, if no new activity begins: QUIET after its last event."""
        last = self._planned[-1].time if self._planned else self._last_event
        return max(now, last + QUIET)

    def apply(self, occurrence: Occurrence) -> None:
        """Let it happen to the device: its readings follow."""

    def obey(self, command: str, arguments: Mapping[str, int], time: int) -> list[Occurrence]:
        """What follows when it is told to do something at `time` (`linli.commands.kinds`). Refused if it cannot.

        Draws nothing at random: the day goes on as it would have.
        """
        raise Refused("unknown_command", f"a simulated {self.device.kind} takes no commands")

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """What it measures at `time`."""
        yield from ()

    def activity(self, time: int) -> list[Occurrence]:
        """The events of an activity that begins at `time`, in order."""
        return []

    def busyness(self, time: int) -> float:
        """The share (0 to 1) of `rate_per_hour` at this time of day."""
        return 1.0

    def event(self, time: int, kind: str, **data: JsonValue) -> Occurrence:
        """An event of this device."""
        return Occurrence(self.device.id, time, kind, data)

    def noise(self, spread: float) -> float:
        """A random error, never above three times `spread`."""
        return max(-3 * spread, min(3 * spread, self.rng.gauss(0, spread)))

    def _readings(self, time: int) -> Iterator[Observation]:
        for quantity, value in self.measure(time):
            yield Reading(self.device.id, quantity, time, round(value, 6), quantity_of(quantity).unit)

    def _do(self, occurrence: Occurrence) -> Occurrence:
        self.apply(occurrence)
        if occurrence.type != DEVICE_HEARTBEAT_TYPE:
            self._last_event = occurrence.time
        return occurrence

    def _begin_activity(self, time: int) -> None:
        """Draw whether one begins (thinning of a Poisson process), and when the next is drawn."""
        self._next_activity = self._after(time)
        begins = self.rng.random() < self.busyness(time)
        if begins and not self._planned and time >= self._reserved_until:
            self._planned.extend(self.activity(time))

    def _after(self, time: int) -> int:
        if self.rate_per_hour <= 0:
            return _NEVER
        return time + 1 + round(self.rng.expovariate(self.rate_per_hour) * HOUR)

    def between(self, low: float, high: float) -> int:
        """A random duration in microseconds, of `low` to `high` seconds."""
        return round(self.rng.uniform(low, high) * SECOND)


ModelMaker = Callable[[Device, int, ZoneInfo, int], DeviceModel]
