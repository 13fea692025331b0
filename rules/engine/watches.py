"""One clause watching one device: from events and readings to 'fired', 'again', 'over'. No I/O, no clock, no alerts.

Theory of operation. A `Watch` remembers what its clause has to: since when it is true, which window of matches, what
excuses. It has one timer at a time, and what that timer means follows from its state:

    pending            `for` is running
    firing             `quiet` of an event, or `keep` after the end, is running
    anything else      a missing clause waits for the next report

`for` is inclusive: true for exactly `for` fires. Two measures of it agree on that: the device's own event times (an end at
begin + `for` is preceded by firing; a reading at that very instant decides itself), and the lane's clock, which needs no further event of the device. A device whose clock
is off against its agent's is so still given its full `for`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from linli.clock import local_time
from linli.model import Condition, Evidence, Lane
from rules.engine.lifecycle import ConditionEvent, next_condition
from rules.language.model import (
    Clause,
    During,
    EventClause,
    Happening,
    Match,
    MissingClause,
    ReadingClause,
    Repeated,
    StateClause,
    Unless,
    clock_time,
    duration,
)

KEPT = 5
"""Observations that a watch keeps as evidence until it fires: the first one and the newest."""


class Sign(StrEnum):
    """What a watch tells."""

    FIRED = "fired"
    AGAIN = "again"
    """It fires already, and has happened again."""
    SEEN = "seen"
    """It fires already, and goes on."""
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Signal:
    """`at` is event time; `start` names the observation that began it."""

    sign: Sign
    at: int
    start: str
    began: int
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class Seen:
    """One observation of one device. `base`: the lane's time from which timers that it starts run."""

    kind: str
    time: int
    base: int
    lane: Lane
    gateway: str
    key: str
    evidence: Evidence
    zone: ZoneInfo
    historic: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    quantity: str = ""
    value: float | None = None
    unit: str | None = None


@dataclass(slots=True)
class Watch:
    """The memory of one clause for one device. `since`: event time from which the running timer counts; `deadline`: when
    it is due on the lane's clock, None if no timer runs."""

    gateway: str
    lane: Lane
    state: Condition = Condition.INACTIVE
    began: int = 0
    since: int = 0
    deadline: int | None = None
    ending: bool = False
    start: str = ""
    evidence: list[Evidence] = field(default_factory=list)
    window: list[int] = field(default_factory=list)
    excused: int | None = None

    # --- observations -----------------------------------------------------------------------------------------------

    def observe(self, clause: Clause, seen: Seen) -> Iterator[Signal]:
        """Take in what was seen of the device."""
        part = clause.part
        if isinstance(part, EventClause):
            if self._happens(part, seen):
                yield from self._happened(clause, seen)
        elif isinstance(part, StateClause):
            if self._happens(part.begins, seen):
                yield from self._begin(clause, seen, Sign.AGAIN)
            elif any(matches(end, seen) for end in part.ends):
                yield from self._end(clause, seen)
        elif isinstance(part, ReadingClause):
            yield from self._read(clause, part, seen)
        else:
            yield from self._heard(clause, seen)

    def own_time(self, clause: Clause, time: int, agent_time: int) -> Iterator[Signal]:
        """The device itself has come to event time `time`: what was due by then comes first."""
        if self.deadline is None:
            return
        passed = time - self.since
        if isinstance(clause.part, MissingClause):
            due = self.deadline <= agent_time
        elif isinstance(clause.part, ReadingClause) and self.state is Condition.PENDING:
            due = passed > clause.hold  # at that very instant the reading itself decides
        else:
            due = passed >= self._wait(clause)
        if due:
            yield from self.expire(clause)

    def expire(self, clause: Clause) -> Iterator[Signal]:
        """The running timer is due."""
        at = self.since + self._wait(clause)
        self.deadline = None
        if self.state is Condition.FIRING:
            yield self._over(at)
        else:
            if self.state is not Condition.PENDING:
                self._step(ConditionEvent.BEGIN)
            yield self._fire(at)

    def arm(self, clause: Clause, time: int, start: str) -> None:
        """Begin to wait for a report of a device that has not been heard since we first knew of it."""
        self.began = self.since = time
        self.start = start
        self.deadline = time + clause.hold

    def reset(self) -> None:
        """Forget everything but what excuses: the next beginning counts anew."""
        self._step(ConditionEvent.RESET)
        self.deadline = None
        self.ending = False
        self.evidence = []
        self.window = []

    # --- the parts --------------------------------------------------------------------------------------------------

    def _happens(self, part: Happening, seen: Seen) -> bool:
        if part.unless is not None and matches(part.unless, seen):
            self.excused = seen.time if self.excused is None else max(self.excused, seen.time)
        if not matches(part, seen):
            return False
        if part.during is not None and not within_schedule(part.during, seen.time, seen.zone):
            return False
        if part.unless is not None and self._excuses(part.unless, seen):
            return False
        going_on = self.state in (Condition.PENDING, Condition.FIRING)
        return going_on or part.repeated is None or self._often_enough(part.repeated, seen)

    def _excuses(self, unless: Unless, seen: Seen) -> bool:
        return self.excused is not None and abs(seen.time - self.excused) <= duration(unless.within)

    def _often_enough(self, repeated: Repeated, seen: Seen) -> bool:
        width = duration(repeated.within)
        self.window = [time for time in self.window if abs(seen.time - time) <= width][1 - repeated.times :]
        if not self.window:
            self.evidence = []
        self.window.append(seen.time)
        if len(self.window) >= repeated.times:
            return True
        self._note(seen.evidence)
        return False

    def _happened(self, clause: Clause, seen: Seen) -> Iterator[Signal]:
        signals = list(self._begin(clause, seen, Sign.AGAIN))
        self.since = seen.time
        self.deadline = seen.base + clause.linger
        yield from signals

    def _read(self, clause: Clause, part: ReadingClause, seen: Seen) -> Iterator[Signal]:
        if seen.value is None or (part.unit is not None and seen.unit is not None and seen.unit != part.unit):
            return
        if part.beyond(seen.value):
            yield from self._begin(clause, seen, Sign.SEEN)
        elif self.state is not Condition.FIRING or part.reset(seen.value):
            yield from self._end(clause, seen)

    def _heard(self, clause: Clause, seen: Seen) -> Iterator[Signal]:
        if self.state is Condition.FIRING:
            self._note(seen.evidence)
            yield self._over(seen.time)
        self.began = self.since = seen.time
        self.start = seen.key
        self.gateway, self.lane = seen.gateway, seen.lane
        self.evidence = [seen.evidence]
        self.deadline = seen.base + clause.hold

    # --- beginning and ending ---------------------------------------------------------------------------------------

    def _begin(self, clause: Clause, seen: Seen, again: Sign) -> Iterator[Signal]:
        if not self.window:
            self._restart_evidence()
        self._note(seen.evidence)
        if self.state is Condition.FIRING:
            if self.ending:
                self.ending, self.deadline = False, None
            yield Signal(again, seen.time, seen.key, self.began, (seen.evidence,))
            return
        if self.state is Condition.PENDING:
            if seen.time - self.since >= clause.hold:
                yield self._fire(self.since + clause.hold)
            return
        self._step(ConditionEvent.BEGIN)
        self.window = []
        self.began = self.since = seen.time
        self.start = seen.key
        self.gateway, self.lane = seen.gateway, seen.lane
        if clause.hold == 0:
            yield self._fire(seen.time)
        else:
            self.deadline = seen.base + clause.hold

    def _end(self, clause: Clause, seen: Seen) -> Iterator[Signal]:
        if self.state is Condition.PENDING:
            self._step(ConditionEvent.END)
            self.deadline = None
        elif self.state is Condition.FIRING and not self.ending:
            self._note(seen.evidence)
            if clause.linger == 0:
                yield self._over(seen.time)
            else:
                self.ending = True
                self.since = seen.time
                self.deadline = seen.base + clause.linger

    def _fire(self, at: int) -> Signal:
        self._step(ConditionEvent.HELD)
        self.deadline = None
        return Signal(Sign.FIRED, at, self.start, self.began, tuple(self.evidence))

    def _over(self, at: int) -> Signal:
        self._step(ConditionEvent.END)
        self.deadline = None
        self.ending = False
        return Signal(Sign.OVER, at, self.start, self.began, tuple(self.evidence[-1:]))

    def _step(self, event: ConditionEvent) -> None:
        self.state = next_condition(self.state, event)

    def _wait(self, clause: Clause) -> int:
        return clause.linger if self.state is Condition.FIRING else clause.hold

    def _restart_evidence(self) -> None:
        """What was kept of an earlier time is no evidence for what begins now."""
        if self.state not in (Condition.PENDING, Condition.FIRING):
            self.evidence = []

    def _note(self, evidence: Evidence) -> None:
        if len(self.evidence) >= KEPT:
            del self.evidence[1]
        self.evidence.append(evidence)


def matches(match: Match, seen: Seen) -> bool:
    """Whether it is one of the types, with exactly the values of `where` (true is not 1)."""
    if seen.kind not in match.types:
        return False
    return all(_same(seen.data.get(name), value) for name, value in match.where.items())


def _same(given: object, wanted: object) -> bool:
    return given == wanted and isinstance(given, bool) == isinstance(wanted, bool)


def within_schedule(during: During, time: int, zone: ZoneInfo) -> bool:
    """Whether `time` lies in the daily window, by the wall clock of `zone`; a window may cross midnight."""
    local = local_time(time, zone)
    minute = local.hour * 60 + local.minute
    start, end = clock_time(during.start), clock_time(during.end)
    if start <= end:
        return start <= minute < end
    return minute >= start or minute < end
