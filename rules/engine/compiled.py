"""Clauses as the engine works with them: durations are microseconds, limits are intervals. Made once, shared by many devices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from rules.language.expression import parse, quantities
from rules.language.model import (
    AllClause,
    Clause,
    During,
    EventClause,
    Happening,
    Match,
    MissingClause,
    ReadingClause,
    Rule,
    StateClause,
    data_field,
    duration,
)

Interval = tuple[float, float]
"""An open interval: both ends are outside."""

EVERYTHING: Interval = (-math.inf, math.inf)


class Kind(Enum):
    """The five parts."""

    EVENT = "event"
    STATE = "state"
    READING = "reading"
    MISSING = "missing"
    ALL = "all"


_KINDS = {
    EventClause: Kind.EVENT,
    StateClause: Kind.STATE,
    ReadingClause: Kind.READING,
    MissingClause: Kind.MISSING,
    AllClause: Kind.ALL,
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """Events of one of `types` that have, for each field of `where`, one of its values."""

    types: frozenset[str]
    where: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @classmethod
    def of(cls, match: Match) -> "Pattern":
        """As the rule has it."""
        where = match.where.items()
        return cls(
            frozenset(match.types),
            tuple((name, tuple(v) if isinstance(v, list | tuple) else (v,)) for name, v in where),
        )

    def matches(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Equal in value and type: true is not 1, and a field that is missing is equal to nothing."""
        if kind not in self.types:
            return False
        return all(name in data and _is_one_of(data[name], values) for name, values in self.where)


def _is_one_of(given: object, values: tuple[Any, ...]) -> bool:
    return any(given == value and isinstance(given, bool) == isinstance(value, bool) for value in values)


@dataclass(frozen=True, slots=True)
class Counting:
    """An event that counts, and all that it takes for that. `remembered`: the longest time that any of it looks back."""

    pattern: Pattern
    during: During | None = None
    unless: Pattern | None = None
    excused_for: int = 0
    after: Pattern | None = None
    without: Pattern | None = None
    after_within: int = 0
    times: int = 1
    times_within: int = 0
    devices: int = 1
    outnumbers: Pattern | None = None
    outnumbers_within: int = 0
    remembered: int = 0

    @classmethod
    def of(cls, part: Happening) -> "Counting":
        """As the rule has it."""
        unless, after, repeated = part.unless, part.after, part.repeated
        more = repeated.more_than if repeated else None
        spans = [duration(other.within) for other in (unless, after, repeated, more) if other is not None]
        return cls(
            Pattern.of(part),
            part.during,
            Pattern.of(unless) if unless else None,
            duration(unless.within) if unless else 0,
            Pattern.of(after) if after else None,
            Pattern.of(after.without) if after and after.without else None,
            duration(after.within) if after else 0,
            repeated.times if repeated else 1,
            duration(repeated.within) if repeated else 0,
            repeated.devices if repeated else 1,
            Pattern.of(more) if more else None,
            duration(more.within) if more else 0,
            max(spans, default=0),
        )

    @property
    def types(self) -> frozenset[str]:
        """Every type that it looks at."""
        others = (self.unless, self.after, self.without, self.outnumbers)
        return self.pattern.types.union(*(other.types for other in others if other is not None))


@dataclass(frozen=True, slots=True)
class Limit:
    """`right`: values on the right side of the limit. `reset`: values that end what fires."""

    right: Interval
    reset: Interval

    @classmethod
    def of(cls, part: ReadingClause) -> "Limit":
        """As the rule has it; of one that is learned the right side is not known here."""
        right = _right_side(part)
        if part.reset_below is not None:
            return cls(right, (-math.inf, part.reset_below))
        if part.reset_above is not None:
            return cls(right, (part.reset_above, math.inf))
        return cls(right, right if part.reset_inside is None else closed(*part.reset_inside))


def _right_side(part: ReadingClause) -> Interval:
    if part.above is not None:
        return -math.inf, _up(part.above)
    if part.at_least is not None:
        return -math.inf, part.at_least
    if part.below is not None:
        return _down(part.below), math.inf
    if part.at_most is not None:
        return part.at_most, math.inf
    return EVERYTHING if part.outside is None else closed(*part.outside)


def closed(low: float, high: float) -> Interval:
    """All numbers from `low` to `high`, both inclusive, as an open interval."""
    return _down(low), _up(high)


def _up(value: float) -> float:
    return math.nextafter(value, math.inf)


def _down(value: float) -> float:
    return math.nextafter(value, -math.inf)


def within(value: float, interval: Interval) -> bool:
    """Whether it lies in the open interval."""
    return interval[0] < value < interval[1]


def stretch_outside(interval: Interval, value: float) -> Interval:
    """The open interval of all values that lie outside `interval` on the same side as `value` does."""
    low, high = interval
    return (-math.inf, _up(low)) if value <= low else (_down(high), math.inf)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One clause of a rule. `gated`: its hours and modes begin and end it, and do not just say which events count.

    `awaits`: it, or a member of it, begins by something that does not come. `on_both_lanes`: what it looks at comes on both of a
    gateway's lanes (readings and absence on one, events on the other), and it waits for the one behind.
    `plain`: of readings, a number that is one reading of one device, decided on arrival. `attentive`: a reading that goes on
    beyond its limit must be seen too, each one.
    """

    clause: Clause
    kind: Kind
    by: str
    hold: int
    linger: int
    settle: int
    life_safety: bool
    fades: int | None = None
    counting: Counting | None = None
    ends: tuple[Pattern, ...] = ()
    types: frozenset[str] = frozenset()
    reading: ReadingClause | None = None
    limit: Limit = field(default_factory=lambda: Limit(EVERYTHING, EVERYTHING))
    quantities: tuple[str, ...] = ()
    of: tuple["Compiled", ...] = ()
    awaits: bool = False
    on_both_lanes: bool = False
    gated: bool = False
    plain: bool = False
    attentive: bool = True

    @property
    def anything(self) -> bool:
        """Whether any report of its device matters to it."""
        return self.kind is Kind.MISSING and not self.types


def compile_rule(rule: Rule) -> tuple[Compiled, ...]:
    """Its clauses, in order."""
    return tuple(_compiled(rule, clause, clause.by) for clause in rule.when)


def _compiled(rule: Rule, clause: Clause, by: str) -> Compiled:
    part = clause.part
    kind = _KINDS[type(part)]
    common: dict[str, Any] = {
        "clause": clause,
        "kind": kind,
        "by": by,
        "hold": clause.hold,
        "linger": clause.linger,
        "settle": duration(rule.settle),
        "life_safety": rule.life_safety,
        "gated": (clause.during is not None or bool(clause.armed)) and kind in (Kind.READING, Kind.MISSING, Kind.ALL),
    }
    if isinstance(part, EventClause):
        counting = Counting.of(part)
        return Compiled(**common, counting=counting, types=counting.types)
    if isinstance(part, StateClause):
        counting, ends = Counting.of(part.begins), tuple(map(Pattern.of, part.ends))
        types = counting.types.union(*(end.types for end in ends))
        return Compiled(**common, counting=counting, ends=ends, types=types, fades=_fades(part))
    if isinstance(part, ReadingClause):
        return Compiled(**common, **_of_reading(rule, part, by))
    if isinstance(part, MissingClause):
        return Compiled(**common, types=frozenset(part.types), awaits=True)
    members = tuple(_member(rule, member, by) for member in part.of)
    bulk = {member.kind in (Kind.READING, Kind.MISSING) for member in members}
    common["awaits"] = any(member.awaits for member in members)
    common["on_both_lanes"] = len(bulk) > 1 and not rule.life_safety
    named = tuple(dict.fromkeys(name for member in members for name in member.quantities))
    return Compiled(**common, of=members, types=frozenset().union(*(m.types for m in members)), quantities=named)


def _of_reading(rule: Rule, part: ReadingClause, by: str) -> dict[str, Any]:
    named = (part.quantity,) if part.value is None else quantities(parse(part.value))
    plain = part.value is None and part.normal is None and by == "device" and duration(rule.settle) == 0
    return {
        "reading": part,
        "limit": Limit.of(part),
        "quantities": named,
        "fades": _fades(part),
        "plain": plain,
        "attentive": not plain or part.fades is not None or part.samples > 1,
    }


def _member(rule: Rule, member: Clause, by: str) -> Compiled:
    """A clause within `all`: it shares the memory of the whole, and all that it sees counts."""
    made = _compiled(rule, member, by)
    values = {name: getattr(made, name) for name in made.__slots__}
    return Compiled(**values | {"plain": False, "attentive": True})


def _fades(part: StateClause | ReadingClause) -> int | None:
    return None if part.fades is None else duration(part.fades)


def is_by_data(by: str) -> bool:
    """Whether memories are told apart by what events say."""
    return data_field(by) is not None
