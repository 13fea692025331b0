"""Random rules, over the whole language or over a part of it."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from linli.model import Severity
from rules.language.check import check
from rules.language.faults import Fault
from rules.language.model import Rule
from tests.reference.streams import EVENTS

KINDS = ("door", "camera", "cable_sensor", "smoke_detector")
_WORDS = {"zh": "题", "en": "Title"}

short = st.sampled_from(("2s", "1s", "3s", "5s", "10s", "30s", "1m"))
or_none = st.sampled_from(("0s", "0s", "0s", "1s", "2s", "5s", "10s", "30s", "1m"))
types = st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2, unique=True)
where = st.sampled_from(({},) * 9 + ({"credential": "a"}, {"credential": [1, "b"]}, {"direction": "in"}))
hours = st.sampled_from(
    ({"from": "05:57", "to": "05:59"}, {"from": "22:00", "to": "06:00"}, {"from": "06:00", "to": "05:58"})
)


def _some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A dict with each of these keys or without it."""
    return st.fixed_dictionaries({}, optional=optional)


def _seldom(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly nothing, else a dict with each of these keys or without it."""
    return st.one_of(st.just({}), st.just({}), _some(**optional))


def _with(
    base: st.SearchStrategy[dict[str, Any]], more: st.SearchStrategy[dict[str, Any]]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(base, more).map(lambda pair: pair[0] | pair[1])


match = st.fixed_dictionaries({"types": types, "where": where})
unless = st.fixed_dictionaries({"types": types, "where": where, "within": short})
repeated = st.fixed_dictionaries({"times": st.sampled_from((2, 2, 3)), "within": short})
happening = _with(match, _seldom(unless=unless, repeated=repeated, during=hours))

limits = st.sampled_from(
    (
        {"above": 10.0},
        {"above": 10.0, "reset_below": 6.0},
        {"at_least": 20.0},
        {"at_least": 20.0, "reset_below": 10.0},
        {"below": 10.0},
        {"below": 10.0, "reset_above": 20.0},
        {"at_most": 5.0},
    )
)

event = st.fixed_dictionaries({"event": _with(happening, st.fixed_dictionaries({"quiet": short}))})
state = st.fixed_dictionaries(
    {
        "state": st.fixed_dictionaries(
            {"begins": happening, "ends": st.lists(match, min_size=1, max_size=2), "for": or_none, "keep": or_none}
        )
    }
)
reading = st.fixed_dictionaries(
    {
        "reading": _with(
            st.fixed_dictionaries(
                {"quantity": st.sampled_from(("temperature", "humidity")), "for": or_none, "keep": or_none}
            ),
            limits,
        )
    }
)
missing = st.fixed_dictionaries({"missing": st.fixed_dictionaries({"for": short, "types": st.just([]) | types})})

severities = st.sampled_from(Severity)
four_parts = _with(st.one_of(event, state, reading, missing), _some(severity=severities))


def _rule(drawn: dict[str, Any], number: int) -> Rule | None:
    rule = msgspec.convert(
        drawn
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
    try:
        check(rule)
    except Fault:
        return None
    return rule


def rules(
    clauses: st.SearchStrategy[dict[str, Any]], number: int, **more: st.SearchStrategy[Any]
) -> st.SearchStrategy[Rule]:
    """Rule r`number` of one to three of these clauses, with `more` of its keys; only what the checks of a rule file let through."""
    scope = st.fixed_dictionaries(
        {
            "device_kinds": st.just(list(KINDS))
            | st.just(list(KINDS))
            | st.lists(st.sampled_from(KINDS), min_size=1, unique=True)
        }
    )
    latched = st.sampled_from(({}, {}, {"latched": True}, {"latched": True, "life_safety": True}))
    about = st.sampled_from(({}, {"subject": "place"}, {"subject": "place", "confirm": {"within": "10s"}}))
    fixed = st.fixed_dictionaries(
        {"severity": severities, "applies_to": scope, "when": st.lists(clauses, min_size=1, max_size=3)}, optional=more
    )
    drawn = st.tuples(fixed, latched, about).map(lambda parts: parts[0] | parts[1] | parts[2])
    return drawn.map(lambda document: _rule(document, number)).filter(bool).map(_sure)


def _sure(rule: Rule | None) -> Rule:
    assert rule is not None
    return rule
