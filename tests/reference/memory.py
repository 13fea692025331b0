"""The life of one clause in one memory: inactive, pending, firing, and over.

What the part says of an observation is true, false or nothing. Truth has to pass the gates; from there on the life is the same
for all parts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from linli.model import Device
from rules.language.model import (
    AllClause,
    Clause,
    EventClause,
    Happening,
    Match,
    MissingClause,
    ReadingClause,
    StateClause,
    duration,
)
from tests.reference.happenings import conditions_hold, is_excused, matches, often_enough
from tests.reference.limits import is_beyond, is_reset
from tests.reference.numbers import number_of, quantities
from tests.reference.seen import LaneName, Seen
from tests.reference.sites import Key, Sites

FIRED, AGAIN, OVER = "fired", "again", "over"


class When(NamedTuple):
    """When something came about: event time; what the lane says that timers from here go by; whose it was, on which lane."""

    time: int
    base: int
    device: Device
    lane: LaneName


class Signal(NamedTuple):
    """What a memory tells the alert: `start` names what began it, `device` whose doing it is."""

    sign: str
    when: When
    device: Device
    start: str
    began: int


@dataclass(frozen=True)
class Timer:
    """Goes off when its lane has come to `deadline`; what it brings about happened at `at`."""

    at: int
    deadline: int
    device: Device
    lane: LaneName


TIMERS = ("for", "keep", "wait", "fades", "turn", "forget")
"""In the order in which those of one memory go off that are due together: `for`; `keep` (of an event: `quiet`); the wait of
`missing`; `fades`; hours that begin or end; what is remembered of a data value lies too far back."""


@dataclass
class Memory:
    """One clause, one value of its `by`. Of `all` the members have one each."""

    sites: Sites
    clause: Clause
    number: int
    key: Key
    device: Device
    """Whose observation made the clause count; while it does not, who was heard last."""
    lane: LaneName
    state: str = "inactive"
    began: int = 0
    start: str = ""
    true: bool = False
    """Whether the part is, whatever the gates say."""
    subject: str = ""
    """The alert it stands behind, while it fires."""
    seen: list[Seen] = field(default_factory=list)
    on: bool = False
    """A state has begun, excused, and has not ended."""
    counted: list[Seen] = field(default_factory=list)
    """Events that count towards `repeated`."""
    samples: int = 0
    """Readings beyond since it began."""
    timers: dict[str, Timer] = field(default_factory=dict)
    members: list["Memory"] = field(default_factory=list)

    def __post_init__(self) -> None:
        part = self.clause.part
        if isinstance(part, AllClause):
            self.members = [
                Memory(self.sites, each, number, self.key, self.device, self.lane)
                for number, each in enumerate(part.of)
            ]

    @property
    def going_on(self) -> bool:
        """Whether it is pending or fires."""
        return self.state != "inactive"

    @property
    def gated(self) -> bool:
        """Whether its gates begin and end it; those of events only say which of them count."""
        part = self.clause.part
        gates = self.clause.during is not None or bool(self.clause.armed)
        return gates and isinstance(part, ReadingClause | MissingClause | AllClause)

    # --- observations -----------------------------------------------------------------------------------------------

    def observe(self, seen: Seen) -> list[Signal]:
        """Take in an observation of a device that the clause watches."""
        before = list(self.seen)
        self.seen.append(seen)
        when = When(seen.time, seen.base, seen.device, seen.lane)
        part = self.clause.part
        if not (self.going_on or self.true):
            self.device, self.lane = seen.device, seen.lane
        if isinstance(part, MissingClause):
            return self._report(when)
        if isinstance(part, ReadingClause):
            return self._reading(part, seen, when)
        if isinstance(part, AllClause):
            return self.combine(self._members_observe(seen))
        happening = part if isinstance(part, EventClause) else part.begins
        happens = self._happens(happening, before, seen)
        self._will_forget(happening, when)
        if happens:
            return self._comes_true(when, seen.name)
        ends = part.ends if isinstance(part, StateClause) else ()
        if not any(matches(end, seen) for end in ends):
            return []
        self.on = False
        return self._comes_false(when)

    def _happens(self, part: Happening, before: list[Seen], seen: Seen) -> bool:
        state = self.clause.part
        lasts = isinstance(state, StateClause) and state.ends and state.fades is None
        if lasts and is_excused(part, before, seen) and not self.going_on:
            self.on = True
        if self.on or not conditions_hold(part, before, seen):
            return False
        if part.during is not None and not self.sites.within_hours(part.during, seen.device, seen.time):
            return False
        if not self.sites.open(self.clause, seen.device, seen.time):
            return False
        if part.repeated is None or self.going_on:
            return True
        enough = often_enough(part, part.repeated, self.counted, before, seen)
        self.counted = [] if enough else [*self.counted, seen]
        return enough

    def _will_forget(self, part: Happening, when: When) -> None:
        """A memory of a data value goes when all that it holds lies further back than anything looks."""
        more_than = part.repeated.more_than if part.repeated is not None else None
        widths = [
            duration(each.within) for each in (part.unless, part.after, part.repeated, more_than) if each is not None
        ]
        holds = (
            self.on or self.counted or any(matches(each, seen) for each in conditions_of(part) for seen in self.seen)
        )
        if "/" in self.key and widths and holds:
            self._set("forget", when, max(widths) + 1)

    def _reading(self, part: ReadingClause, seen: Seen, when: When) -> list[Signal]:
        value = number_of(part, self.seen, seen)
        if value is None:
            return []
        beyond = is_beyond(part, value, self.seen, seen, self.sites)
        if beyond is None:
            return []
        if beyond:
            self.samples += 1
            return self._comes_true(when, seen.name)
        holds_on = self.state == "firing" and not is_reset(part, value)
        return [] if part.fades is not None or holds_on else self._comes_false(when)

    def _report(self, when: When) -> list[Signal]:
        over = [self._over(when)] if self.state == "firing" else []
        self.timers.clear()
        self.true = False
        self.began, self.start = when.time, f"{when.device.id}/{when.time}"
        self.device, self.lane = when.device, when.lane
        self._set("wait", when, self.clause.hold)
        return over

    def _members_observe(self, seen: Seen) -> list[Signal]:
        """All members see it before anything is made of what they say."""
        told: list[Signal] = []
        for member in self.members:
            if self.sites.within(member.clause, seen.device) and looks_at(member.clause, seen):
                told += member.observe(seen)
        return told

    def combine(self, signals: Iterable[Signal]) -> list[Signal]:
        """What the members of `all` have told makes of the whole."""
        told: list[Signal] = []
        for signal in signals:
            if signal.sign == OVER:
                told += self._comes_false(signal.when)
            elif signal.sign == FIRED and all(member.state == "firing" for member in self.members):
                told += self._comes_true(signal.when, signal.start)
        return told

    # --- truth and gates --------------------------------------------------------------------------------------------

    def _comes_true(self, when: When, start: str) -> list[Signal]:
        part = self.clause.part
        fades = part.fades if isinstance(part, StateClause | ReadingClause) else None
        if fades is not None:
            self._set_later("fades", when, duration(fades))
        self.true = True
        if self.gated:
            if "turn" not in self.timers:
                self._wait_for_turn(when)
            if not self.sites.open(self.clause, self.device, when.time):
                return []
        return self._begin(when, start)

    def _comes_false(self, when: When) -> list[Signal]:
        self.true = False
        self.samples = 0
        self.timers.pop("turn", None)
        self.timers.pop("fades", None)
        return self._end(when)

    def turn(self, when: When) -> list[Signal]:
        """The gates may have opened or closed: what is true begins or ends by that."""
        if not self.true or not self.gated:
            return []
        self._wait_for_turn(when)
        if not self.sites.open(self.clause, self.device, when.time):
            return self._end(when)
        if self.going_on and "keep" not in self.timers:
            return []
        self.samples = 0
        return self._begin(when, f"{self.start.partition('@')[0]}@{when.time}")

    def _wait_for_turn(self, when: When) -> None:
        if self.clause.during is not None:
            turn = self.sites.next_turn(self.clause.during, self.device, when.time)
            self.timers["turn"] = Timer(turn, turn, when.device, when.lane)

    # --- the life ---------------------------------------------------------------------------------------------------

    def _begin(self, when: When, start: str) -> list[Signal]:
        part = self.clause.part
        if isinstance(part, EventClause):
            self._set_later("keep", when, self.clause.linger)
        else:
            self.timers.pop("keep", None)
        if self.state == "firing":
            happens = isinstance(part, EventClause | StateClause)
            return [Signal(AGAIN, when, when.device, start, self.began)] if happens else []
        wait = 0 if isinstance(part, MissingClause) else self.clause.hold
        samples = part.samples if isinstance(part, ReadingClause) else 1
        if self.state == "inactive":
            self.state, self.start, self.device, self.lane = "pending", start, when.device, when.lane
            self.samples = min(self.samples, 1)
            if not isinstance(part, MissingClause):
                self.began = when.time
            if wait and samples == 1:
                self._set("for", when, wait)
        if isinstance(part, MissingClause):
            return [self._fire(when)]
        if when.time - self.began < wait or (samples > 1 and self.samples < samples):
            return []
        return [self._fire(when if samples > 1 else when._replace(time=self.began + wait))]

    def _end(self, when: When) -> list[Signal]:
        if self.state == "pending":
            self.state = "inactive"
            self.timers.pop("for", None)
        elif self.state == "firing" and "keep" not in self.timers:
            if self.clause.linger == 0:
                return [self._over(when)]
            self._set("keep", when, self.clause.linger)
        return []

    def _fire(self, when: When) -> Signal:
        self.state = "firing"
        self.timers.pop("for", None)
        return Signal(FIRED, when, self.device, self.start, self.began)

    def _over(self, when: When) -> Signal:
        self.state = "inactive"
        self.timers.pop("keep", None)
        return Signal(OVER, when, self.device, self.start, self.began)

    # --- timers, people, outages ------------------------------------------------------------------------------------

    def go_off(self, name: str) -> list[Signal]:
        """The timer of that name is due."""
        timer = self.timers.pop(name)
        when = When(timer.at, timer.deadline, timer.device, timer.lane)
        if name == "for":
            return [self._fire(when)]
        if name == "keep":
            return [self._over(when)]
        if name == "wait":
            return self._comes_true(when, self.start)
        if name == "forget":
            self.seen, self.counted = [], []
            return []
        return self._comes_false(when) if name == "fades" else self.turn(when)

    def expect(self, when: When) -> None:
        """Wait for a report of a device, if none has been waited for yet."""
        for part in (self, *self.members):
            waits = isinstance(part.clause.part, MissingClause) and self.sites.within(part.clause, when.device)
            if waits and part.began == 0:
                part.began, part.start = when.time, f"{when.device.id}/armed/{when.time}"
                part.device, part.lane = when.device, when.lane
                part._set("wait", when, part.clause.hold)

    def is_now(self, clause: Clause) -> None:
        """The clause as it holds for the device that counts."""
        self.clause = clause
        if isinstance(clause.part, AllClause):
            for member, part in zip(self.members, clause.part.of, strict=True):
                member.is_now(part)

    def enter(self, clause: Clause, watched: dict[str, Device]) -> None:
        """Rules or registry are new, and this goes on: of `all` what is not the same begins anew. What a device that is no longer
        `watched` began goes on as that of the device which the memory is about."""
        self.clause, self.device = clause, watched[self.device.id]
        self.timers = {
            name: replace(timer, device=watched.get(timer.device.id, self.device))
            for name, timer in self.timers.items()
        }
        parts = clause.part.of if isinstance(clause.part, AllClause) else ()
        fresh = [
            Memory(self.sites, part, number, self.key, self.device, self.lane) for number, part in enumerate(parts)
        ]
        for number, member in enumerate(self.members[: len(fresh)]):
            if member.clause == parts[number]:
                member.device = watched.get(member.device.id, self.device)
                member.enter(parts[number], watched)
                fresh[number] = member
        self.members = fresh

    def reset(self) -> None:
        """A person closed the alert: what comes next begins anew."""
        self.state, self.true, self.samples = "inactive", False, 0
        self.timers.clear()
        self.counted = []
        for member in self.members:
            member.reset()

    def shift(self, lane: LaneName, by: int) -> None:
        """The lane was broken off for so long: what waits for a report waits on."""
        for each in (self, *self.members):
            timer = each.timers.get("wait")
            if timer is not None and timer.lane == lane:
                each.timers["wait"] = replace(timer, at=timer.at + by, deadline=timer.deadline + by)
                each.began += by

    def _set(self, name: str, when: When, wait: int) -> None:
        self.timers[name] = Timer(when.time + wait, when.base + wait, when.device, when.lane)

    def _set_later(self, name: str, when: When, wait: int) -> None:
        """What came late brings no end forward."""
        if name not in self.timers or self.timers[name].at <= when.time + wait:
            self._set(name, when, wait)


def looks_at(clause: Clause, seen: Seen) -> bool:
    """Whether the observation is of a kind that the clause has anything to do with."""
    part = clause.part
    if isinstance(part, AllClause):
        return any(looks_at(member, seen) for member in part.of)
    if isinstance(part, ReadingClause):
        return seen.quantity in quantities(part)
    if isinstance(part, MissingClause):
        return not part.types or seen.kind in part.types
    happening = part if isinstance(part, EventClause) else part.begins
    ends = part.ends if isinstance(part, StateClause) else ()
    return any(seen.kind in match.types for match in (happening, *conditions_of(happening), *ends))


def conditions_of(part: Happening) -> list[Match]:
    """Other events that the counting of an event depends on."""
    without = part.after.without if part.after is not None else None
    more_than = part.repeated.more_than if part.repeated is not None else None
    return [match for match in (part.unless, part.after, without, more_than) if match is not None]
