"""Plays a day and its scenarios into a real agent. The caller brings the clock and calls `tick`; no I/O here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge.outbox.outbox import Draft
from linli.clock import MINUTE
from linli.errors import Refused
from linli.model import DEVICE_HEARTBEAT_TYPE, JsonValue, Lane, Reading
from simulators.day import Day
from simulators.devices import QUIET, Observation, Occurrence
from simulators.scenario import Scenario, Step

_LONGEST_GAP = 10 * MINUTE
"""What was said longer ago than this is not sent: the process was stopped, and nobody measured meanwhile."""


class Agent(Protocol):
    """What the player needs of `edge.agent.Agent`."""

    def event(
        self, device: str, type: str, data: Mapping[str, JsonValue], *, time: int | None = None, lane: Lane = ...
    ) -> Draft:
        """A draft of one event."""

    def packets(self, readings: Sequence[Reading]) -> list[Draft]:
        """Drafts of some readings."""

    def take(self, drafts: Sequence[Draft]) -> None:
        """Take all with one commit."""


@dataclass(slots=True)
class Play:
    """A scenario that waits, runs or is over. `started_at` is None while one of its devices is not free."""

    scenario: Scenario
    started_at: int | None = None
    ready_at: int = 0

    def over(self, now: int) -> bool:
        """Whether its time is up."""
        return self.started_at is not None and now >= self.started_at + self.scenario.length


@dataclass(slots=True)
class Counts:
    """What has been handed to the agent."""

    events: int = 0
    readings: int = 0
    scenarios: int = 0


@dataclass(slots=True)
class Player:
    """One day with its scenarios, into one agent."""

    day: Day
    agent: Agent
    counts: Counts = field(default_factory=Counts)
    _plays: list[Play] = field(default_factory=list)

    def request(self, scenario: Scenario, now: int) -> Play:
        """Play it as soon as its devices are free. Refused for a malformed one, or 'unknown_device'."""
        scenario.check()
        for device in sorted(scenario.devices):
            if not self.day.knows(device):
                raise Refused("unknown_device", f"{device} is not a device of the simulated compound")
        models = [self.day.model(device) for device in scenario.devices]
        play = Play(scenario, ready_at=max((model.free_at(now) for model in models), default=now))
        for model in models:
            model.reserve(play.ready_at + scenario.length + QUIET)
        self._plays.append(play)
        return play

    def tick(self, now: int) -> None:
        """Start what is ready, and hand the agent all that is said up to `now`."""
        self._plays = [play for play in self._plays if not play.over(now)]
        for play in self._plays:
            if play.started_at is None and self._ready(play, now):
                self._start(play, now)
        said = self.day.advance(now)
        self._send([seen for seen in said if seen.time >= now - _LONGEST_GAP])

    def _ready(self, play: Play, now: int) -> bool:
        running = [other for other in self._plays if other.started_at is not None]
        return now >= play.ready_at and not any(other.scenario.devices & play.scenario.devices for other in running)

    def _start(self, play: Play, now: int) -> None:
        play.started_at = now
        self.counts.scenarios += 1
        for device in play.scenario.devices:
            self.day.model(device).reserve(now + play.scenario.length + QUIET)
        for step in play.scenario.steps:
            self._stage(step, now)

    def _stage(self, step: Step, start: int) -> None:
        begins, ends = start + step.begins, start + step.ends
        if step.event is not None:
            self.day.occur(Occurrence(step.device, begins, step.event, step.facts))
        elif step.silent_for is not None:
            self.day.silence(step.device, begins, ends)
        for quantity, value in (step.hold or {}).items():
            self.day.hold(step.device, quantity, value, begins, ends)

    def _send(self, said: Sequence[Observation]) -> None:
        """All with one commit: events each on its lane, readings in packets."""
        if not said:
            return
        drafts = [self._event(seen) for seen in said if isinstance(seen, Occurrence)]
        readings = [seen for seen in said if isinstance(seen, Reading)]
        self.counts.events += len(drafts)
        self.counts.readings += len(readings)
        self.agent.take([*drafts, *self.agent.packets(readings)])

    def _event(self, seen: Occurrence) -> Draft:
        lane = Lane.BULK if seen.type == DEVICE_HEARTBEAT_TYPE else Lane.URGENT
        return self.agent.event(seen.device, seen.type, seen.data, time=seen.time, lane=lane)
