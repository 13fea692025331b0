"""Random rules, over the whole language or over a part of it."""

import functools
import operator
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import reject
from hypothesis import strategies as st

from linli.model import Severity
from rules.language.check import check
from rules.language.faults import Fault
from rules.language.model import Rule
from tests.reference.streams import EVENTS

KINDS = ("door", "camera", "cable_sensor", "smoke_detector")
_WORDS = {"zh": "题", "en": "Title"}

Drawing = st.SearchStrategy[dict[str, Any]]

short = st.sampled_from(("2s", "1s", "3s", "5s", "10s", "30s", "1m"))
or_none = st.sampled_from(("0s", "0s", "0s", "1s", "1s", "2s", "3s", "5s", "10s", "30s"))
types = st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True)
where = st.sampled_from(({},) * 12 + ({"credential": "a"}, {"credential": [1, "b"]}, {"direction": "in"}))
hours = st.sampled_from(
    ({"from": "05:57", "to": "05:59"}, {"from": "22:00", "to": "06:00"}, {"from": "06:00", "to": "05:58"})
)


def _some(**optional: st.SearchStrategy[Any]) -> Drawing:
    """A dict with each of these keys or without it."""
    return st.fixed_dictionaries({}, optional=optional)


def _seldom(**optional: st.SearchStrategy[Any]) -> Drawing:
    """Mostly nothing, else a dict with each of these keys or without it."""
    return _rarely(_some(**optional))


def _rarely(strategy: Drawing) -> Drawing:
    """Nothing three times out of four. (`one_of` draws all alike, whatever is given twice.)"""
    return st.sampled_from((False, False, False, True)).flatmap(lambda drawn: strategy if drawn else st.just({}))


def _short(strategy: Drawing) -> Drawing:
    """The same, called by a short name in what Hypothesis prints."""

    @st.composite
    def some(draw: st.DrawFn) -> dict[str, Any]:
        return draw(strategy)

    return some()


def _with(base: Drawing, more: Drawing) -> Drawing:
    return _short(st.tuples(base, more).map(lambda pair: pair[0] | pair[1]))


match = st.fixed_dictionaries({"types": types, "where": where})
within = st.fixed_dictionaries({"types": types, "where": where, "within": short})
repeated = st.fixed_dictionaries({"times": st.sampled_from((2, 2, 3)), "within": short})
quiet = st.fixed_dictionaries({"quiet": short})
ends = st.lists(match, min_size=1, max_size=2)

upper = st.sampled_from(({"above": 10.0}, {"above": 10.0, "reset_below": 6.0}, {"at_least": 20.0, "reset_below": 10.0}))
lower = st.sampled_from(({"below": 10.0}, {"below": 10.0, "reset_above": 20.0}, {"at_most": 5.0}))
quantity = st.fixed_dictionaries({"quantity": st.sampled_from(("temperature", "humidity"))})
lasting = st.fixed_dictionaries({"for": or_none, "keep": or_none})
severities = st.sampled_from(Severity)


def _clause(name: str, *parts: Drawing) -> Drawing:
    """A clause of this part, which is made of all of these."""
    return _short(st.tuples(*parts).map(lambda all_of_it: {name: functools.reduce(operator.or_, all_of_it)}))


# --- the four parts as they were first ------------------------------------------------------------------------------

happening = _with(match, _seldom(unless=within, repeated=repeated, during=hours))
missing = _clause("missing", st.fixed_dictionaries({"for": short, "types": st.just([]) | types}))
four_parts = _with(
    st.one_of(
        _clause("event", happening, quiet),
        _clause("state", st.fixed_dictionaries({"begins": happening, "ends": ends}), lasting),
        _clause("reading", quantity, lasting, upper | lower),
        missing,
    ),
    _some(severity=severities),
)

# --- the whole language ---------------------------------------------------------------------------------------------

days = st.sampled_from(([], ["wed"], ["tue", "sat"], ["workday"], ["holiday"]))
any_hours = st.tuples(hours, days).map(lambda pair: pair[0] | {"days": pair[1]})
after = _with(within, _seldom(without=match))
any_repeated = _with(repeated, _seldom(more_than=within))
any_happening = _with(
    match, _seldom(unless=within, repeated=any_repeated, during=any_hours) | _some(after=after, repeated=any_repeated)
)
expressions = st.sampled_from(
    (
        "temperature - humidity",
        "abs(temperature - humidity) * 2",
        "min(temperature, 2 * humidity)",
        "avg(temperature, 10s)",
        "highest(temperature, 5s) - lowest(temperature, 5s)",
        "sum(temperature, 3s) / 2",
        "10 * count(temperature, 10s)",
        "change(temperature, 5s)",
        "10 * change(water_volume, 10s)",
        "rate(temperature, 3s)",
        "temperature / humidity",
    )
)
of_several = st.sampled_from(
    (
        "place.max(temperature)",
        "place.avg(temperature)",
        "temperature - place.min(temperature)",
        "place.sum(temperature)",
        "10 * place.count(temperature)",
    )
)
value = st.fixed_dictionaries({"value": expressions})
wide: Drawing = st.sampled_from(({"outside": [5.0, 20.0]}, {"outside": [5.0, 20.0], "reset_inside": [8.0, 15.0]}))
normal = st.fixed_dictionaries(
    {
        "normal": st.fixed_dictionaries(
            {
                "sigmas": st.sampled_from((0.7, 1.3)),
                "learn": st.sampled_from(("10s", "30s", "2h")),
                "by": st.sampled_from(("hour", "always")),
            }
        )
    }
)
plain = st.tuples(or_none.map(lambda wait: {"for": wait}), _seldom(unit=st.just("Cel"))).map(
    lambda pair: pair[0] | pair[1]
)
ending = st.one_of(
    st.fixed_dictionaries({"keep": or_none}),
    st.fixed_dictionaries({"samples": st.sampled_from((2, 3)), "keep": or_none}),
)
fading = st.one_of(
    st.fixed_dictionaries({"fades": short}), st.fixed_dictionaries({"fades": short, "samples": st.sampled_from((2, 3))})
)
no_reset: Drawing = st.sampled_from(({"above": 10.0}, {"below": 10.0}, {"outside": [5.0, 20.0]}))
any_event = _clause("event", any_happening, quiet)
any_state = st.one_of(
    _clause("state", st.fixed_dictionaries({"begins": any_happening, "ends": ends}), lasting),
    _clause("state", st.fixed_dictionaries({"begins": any_happening, "fades": short}), _some(ends=ends), lasting),
)
any_reading = st.one_of(
    _clause("reading", quantity | value, plain, ending, upper | lower | wide | normal),
    _clause("reading", quantity | value, plain, fading, no_reset),
)
shared_reading = st.one_of(
    _clause("reading", st.fixed_dictionaries({"value": of_several}), plain, ending, upper | lower | wide),
    _clause("reading", quantity, plain, fading, no_reset),
)
gates = _rarely(
    st.fixed_dictionaries({"during": any_hours})
    | st.fixed_dictionaries({"armed": st.sampled_from((["away"], ["home", "away"], ["unset", "home"]))})
)
only = st.sampled_from(
    ({},) * 5
    + (
        {"only": {"device_kinds": ["door"]}},
        {"only": {"place_kinds": ["room", "zone"]}},
        {"only": {"facility_kinds": ["pump_room"]}},
    )
)
member = _with(_with(st.one_of(any_event, any_state, any_state, any_reading, missing), gates), only)
any_all = _clause("all", st.fixed_dictionaries({"of": st.lists(member, min_size=2, max_size=2)}), lasting)


def _of_several(clause: dict[str, Any]) -> dict[str, Any]:
    """What is to be repeated within a width of an even second comes of two devices at least."""
    happening = clause.get("event", {})
    often = happening.get("repeated")
    if often is None or often["within"][:-1] not in ("2", "4", "10"):
        return clause
    return clause | {"event": happening | {"repeated": often | {"devices": 2}}}


by_device = st.one_of(any_event, any_state, any_reading, missing, any_all)
by_more = st.tuples(
    st.one_of(any_event, any_state, shared_reading, any_all, missing),
    st.sampled_from(("place", "building", "building", "community")),
).map(lambda pair: _of_several(pair[0]) | {"by": pair[1]})
by_data = st.one_of(any_event, any_state).flatmap(
    lambda clause: st.sampled_from(("data.credential", "device.credential")).map(lambda by: clause | {"by": by})
)
any_clause = _with(_with(st.one_of(by_device, by_more, by_data), gates), _with(only, _some(severity=severities)))

any_rule = {
    "settle": st.sampled_from(("0s", "0s", "5s", "30s")),
    "remind": st.sampled_from(([], ["20s"], ["10s", "1m"])),
    "remind_every": st.sampled_from(("30s", "1h")),
}
"""What a rule of the whole language may have beside its clauses."""


def rule_from(document: dict[str, Any], number: int) -> Rule:
    """Rule r`number`, with the words that it needs."""
    return msgspec.convert(
        document
        | {
            "id": f"r{number}",
            "title": _WORDS,
            "sentence": _WORDS,
            "advice": _WORDS,
            "route": ["guard"],
            "source": "[P]",
        },
        Rule,
    )


def is_sound(clause: dict[str, Any]) -> bool:
    """Whether the checks of a rule file let it through."""
    scope = {"device_kinds": list(KINDS)}
    try:
        check(rule_from({"severity": "low", "applies_to": scope, "when": [clause]}, 1))
    except Fault:
        return False
    return True


ABOUT: tuple[dict[str, Any], ...] = (
    {},
    {"subject": "place"},
    {"subject": "place", "confirm": {"within": "10s"}},
    {"subject": "community"},
    {"subject": "community", "many": {"devices": 2, "severity": "critical"}},
    {"subject": "place", "many": {"devices": 2, "severity": "critical"}, "confirm": {"within": "1m"}},
)


@dataclass(frozen=True)
class Kind:
    """What random rules are made of: clauses, and what a rule may have beside them."""

    clause: Drawing
    about: tuple[dict[str, Any], ...]
    more: dict[str, st.SearchStrategy[Any]]

    def __repr__(self) -> str:
        return "..."


FOUR_PARTS = Kind(four_parts, ABOUT[:3], {})
WHOLE_LANGUAGE = Kind(any_clause, ABOUT, any_rule)


@st.composite
def rules(draw: st.DrawFn, kind: Kind, number: int) -> Rule:
    """Rule r`number` of one to three clauses: what the checks of a rule file let through."""
    some_kinds = st.lists(st.sampled_from(KINDS), min_size=1, unique=True)
    fixed = {
        "severity": severities,
        "applies_to": st.fixed_dictionaries(
            {
                "device_kinds": st.sampled_from((True, True, True, False)).flatmap(
                    lambda drawn: st.just(list(KINDS)) if drawn else some_kinds
                )
            }
        ),
        "when": st.lists(kind.clause.filter(is_sound), min_size=1, max_size=3),
    }
    latched = st.sampled_from(({}, {}, {"latched": True}, {"latched": True, "life_safety": True}))
    parts = st.tuples(st.fixed_dictionaries(fixed, optional=kind.more), latched, st.sampled_from(kind.about))
    rule = rule_from(functools.reduce(operator.or_, draw(parts)), number)
    try:
        check(rule)
    except Fault:
        reject()
    return rule


@st.composite
def versions(draw: st.DrawFn, kind: Kind, number: int) -> list[tuple[Rule, ...]]:
    """So many rules, as they are and as an edit makes them. What a rule waits for stragglers stays the same."""
    before = draw(st.tuples(*(rules(kind, each) for each in range(1, number + 1))))
    after = draw(st.none() | st.tuples(*(rules(kind, each) for each in range(1, number + 1))))
    if after is None:
        return [before]
    kept = (msgspec.structs.replace(new, settle=old.settle) for old, new in zip(before, after, strict=True))
    return [before, tuple(kept)]
