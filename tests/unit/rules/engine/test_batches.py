"""However a stream is cut into batches, and whether readings are passed over or not: the same transitions."""

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.model import READINGS_TYPE, Lane, Readings
from rules.durable.state import dump
from rules.engine import machine
from rules.engine.inputs import Input, MessageIn, RulesIn
from rules.engine.machine import Engine, Output
from rules.language.model import Rule
from tests.reference.streams import Act, Drawn, Edit, Step, build, steps

EXAMPLES = int(os.environ.get("BATCH_EXAMPLES", "40"))
"""Thousands, by hand, after a change of the engine."""


def inputs(sets: list[tuple[Rule, ...]], drawn: Iterable[Step]) -> list[Input]:
    """The stream without people, its packets as they come from the decoder: columns."""
    entries: list[Input] = [RulesIn(sets[0])]
    for step in drawn:
        if isinstance(step, Edit):
            entries.append(RulesIn(sets[step.which % len(sets)]))
        elif isinstance(step, MessageIn) and step.message.type == READINGS_TYPE:
            message = step.message
            entries.append(replace(step, message=replace(message, readings=Readings.of(message.readings))))
        elif not isinstance(step, Act):
            entries.append(step)
    return entries


def in_batches(engine: Engine, entries: list[Input], cuts: Iterable[int]) -> list[list[Output]]:
    """What each entry changes, applied from cut to cut."""
    told: list[list[Output]] = []
    for start, end in itertools.pairwise([0, *sorted(cuts), len(entries)]):
        told += engine.apply_all(entries[start:end])
    return told


@contextmanager
def sweeping() -> Iterator[None]:
    """Every packet is swept, however small."""
    before, machine.WORTH_A_SWEEP = machine.WORTH_A_SWEEP, 1
    try:
        yield
    finally:
        machine.WORTH_A_SWEEP = before


limits = st.sampled_from(
    (
        {"above": 10.0},
        {"above": 10.0, "reset_below": 6.0},
        {"at_least": 20.0, "reset_below": 10.0},
        {"below": 10.0, "reset_above": 20.0},
        {"at_most": 5.0},
        {"outside": [5.0, 20.0]},
        {"outside": [5.0, 20.0], "reset_inside": [10.0, 11.0]},
    )
)
numbers = st.sampled_from(
    (
        {"quantity": "temperature"},
        {"quantity": "temperature", "unit": "Cel"},
        {"quantity": "humidity"},
        {"value": "temperature - humidity / 2"},
        {"value": "avg(temperature, 20s)"},
        {"value": "change(water_volume, 30s)"},
    )
)
durations = st.sampled_from(({}, {}, {"for": "9s"}, {"for": "30s"}, {"for": "30s", "keep": "10s"}, {"fades": "30s"}))
gates = st.sampled_from(
    ({}, {}, {}, {"by": "place"}, {"armed": ["away"]}, {"during": {"from": "06:00", "to": "06:05"}})
)
reading = st.builds(
    lambda number, limit, lasting, gate: {"reading": number | limit | lasting} | gate, numbers, limits, durations, gates
)
silence = st.sampled_from(("9s", "31s", "60s")).map(lambda wait: {"missing": {"for": wait}})
heartbeat = {"types": ["device.heartbeat"]}
others = st.sampled_from(
    (
        {"missing": {"types": ["device.heartbeat"], "for": "30s"}},
        {"event": {"types": ["access.door.opened"], "quiet": "10s"}},
        {"state": {"begins": {"types": ["access.door.opened"]}, "ends": [heartbeat], "for": "10s"}},
        {
            "all": {
                "of": [
                    {"reading": {"quantity": "temperature", "above": 10}},
                    {"state": {"begins": heartbeat, "fades": "1m"}},
                ]
            }
        },
    )
)
clauses = st.lists(st.one_of(reading, reading, reading, silence, others), min_size=1, max_size=3)
WORDS = {"zh": "题", "en": "Title"}


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    """Rule r`number` of some clauses, that settles or does not."""
    document = {
        "id": f"r{number}",
        "title": WORDS,
        "sentence": WORDS,
        "advice": WORDS,
        "severity": "high",
        "route": ["guard"],
        "source": "[P]",
        "applies_to": {"device_kinds": ["door", "camera", "cable_sensor"]},
        "subject": draw(st.sampled_from(("device", "place"))),
        "settle": draw(st.sampled_from(("0s", "0s", "0s", "5s"))),
        "when": draw(clauses),
    }
    return msgspec.convert(document, Rule)


readings = st.lists(
    st.tuples(
        st.sampled_from(("cable", "cable", "door", "cable-2", "cam", "nobody")),
        st.sampled_from(("temperature", "temperature", "humidity", "water_volume")),
        st.sampled_from((0, 0, 0, 1, 2, 9, 30)),
        st.sampled_from((0.0, 5.0, 10.0, 11.0, 20.0, 21.0, 30.0)),
        st.sampled_from(("Cel", "Cel", "Cel", None, "K")),
    ),
    min_size=1,
    max_size=6,
)
packets = st.tuples(
    st.sampled_from((1, 0, 0, 2, 5, 9, 10, 20, 31, 61, 130)),
    st.tuples(
        st.just("packet"),
        st.sampled_from(("gw", "gw", "gw-2")),
        readings,
        st.sampled_from((0,) * 9 + (1, 4, 40)),
        st.sampled_from((Lane.BULK,) * 9 + (Lane.URGENT,)),
    ),
)
streams = st.builds(
    lambda mine, theirs: [*mine, *theirs, *mine[::2]], st.lists(packets, min_size=10, max_size=60), steps
)
rule_sets = st.lists(st.tuples(*(rules(number) for number in (1, 2, 3))), min_size=1, max_size=2)
cut_places = st.sets(st.integers(1, 150), max_size=12)


@settings(max_examples=EXAMPLES, deadline=None)
@given(sets=rule_sets, drawn=streams, cuts=cut_places)
def test_any_batches_and_no_screening_give_the_same(
    sets: list[tuple[Rule, ...]], drawn: list[Drawn], cuts: set[int]
) -> None:
    entries = inputs(sets, build(drawn))
    whole, cut, single, unscreened = Engine(), Engine(), Engine(), Engine(screening=False)
    expected = [single.apply(entry) for entry in entries]
    with sweeping():
        assert in_batches(whole, entries, ()) == expected
        assert in_batches(cut, entries, {place for place in cuts if place < len(entries)}) == expected
    assert [unscreened.apply(entry) for entry in entries] == expected
    assert dump(whole) == dump(cut) == dump(single)
    assert replace(whole.counters, looked_at=0) == replace(unscreened.counters, looked_at=0)
