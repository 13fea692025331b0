"""Any order within a rule's `settle` is the same; what is no data, and a source that fails, resolve nothing."""

import math
from dataclasses import replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import HOUR, SECOND
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Lane, Message, Reading
from rules.engine.inputs import ArmingIn, Input, MessageIn, RegistryIn, RulesIn, Tick
from rules.engine.machine import Engine
from rules.language.model import Rule
from tests.reference.anyrules import KINDS, WHOLE_LANGUAGE, rule_from, rules
from tests.reference.both import alone, lines_of
from tests.reference.looking import looking
from tests.reference.seen import Line
from tests.reference.streams import DATA, EVENTS, MODES, T0, Drawn, Step, build, registry, steps

SETTLE = 10

devices = st.sampled_from(("door", "cable", "cam"))
said = st.one_of(
    st.tuples(devices, st.sampled_from(EVENTS), st.sampled_from(DATA)),
    st.tuples(devices, st.sampled_from(("temperature", "humidity")), st.sampled_from((0.0, 7.0, 12.0, 25.0, math.nan))),
)
delays = st.integers(0, SETTLE * 1000)
"""Milliseconds from when something was so to when its agent heard of it."""
stories = st.lists(st.tuples(st.sampled_from((1, 0, 2, 3, 7, 15)), said, delays, delays), min_size=10, max_size=50)


def told(rule: Rule, observations: list[tuple[int, Message]]) -> list[Line]:
    """What the rule says of observations that are heard at these times."""
    heard = sorted(observations, key=lambda each: (each[0], each[1].sequence))
    messages = [MessageIn(replace(message, agent_time=time), time) for time, message in heard]
    end = max(time for time, _ in observations)
    beats = [beat(1000 + number, end + 10 * number * SECOND) for number in range(1, 20)]
    arming = ArmingIn(T0 - 3 * SECOND, MODES[2])
    engine = Engine()
    inputs: list[Input] = [RulesIn((rule,)), RegistryIn(registry()), arming, beat(1, T0 - SECOND), *messages, *beats]
    return [line for entry in inputs for line in lines_of(engine.apply(entry)).get(rule.id, [])]


def beat(sequence: int, time: int) -> MessageIn:
    """The gateway's heartbeat."""
    return MessageIn(Message("c1", "gw", "boot", Lane.BULK, sequence, 1, HEARTBEAT_TYPE, "gw", time, time), time)


@looking
@given(rule=rules(WHOLE_LANGUAGE, 1), story=stories)
def test_any_order_within_settle(rule: Rule, story: list[tuple[int, tuple[str, str, object], int, int]]) -> None:
    """On one lane: each observation comes up to `settle` after it was so, the second time by other delays than the first."""
    settled = msgspec.structs.replace(rule, settle=f"{SETTLE}s")
    time, first, second = T0, [], []
    for number, (wait, what, one, other) in enumerate(story):
        time += wait * SECOND + 1
        message = said_at(number + 2, time, *what)
        first.append((time + one * 1000, message))
        second.append((time + other * 1000, message))
    assert told(settled, first) == told(settled, second)


def said_at(sequence: int, time: int, device: str, what: str, how: object) -> Message:
    """One observation as its own message on the bulk lane."""
    if isinstance(how, float):
        reading = Reading(device, what, time, how, "Cel" if what == "temperature" else None)
        return Message("c1", "gw", "boot", Lane.BULK, sequence, 1, READINGS_TYPE, "gw", time, time, readings=(reading,))
    data = dict(how) if isinstance(how, dict) else {}
    return Message("c1", "gw", "boot", Lane.BULK, sequence, 1, what, device, time, time, data=data)


bad_news = st.lists(
    st.sampled_from(
        (
            {"reading": {"quantity": "temperature", "above": 10.0, "reset_below": 6.0, "unit": "Cel"}},
            {
                "reading": {
                    "quantity": "temperature",
                    "above": 10.0,
                    "for": "2s",
                    "keep": "1s",
                    "samples": 2,
                    "unit": "Cel",
                }
            },
            {"reading": {"value": "highest(temperature, 1s)", "above": 10.0, "unit": "Cel"}, "severity": "critical"},
            {
                "state": {
                    "begins": {"types": ["access.door.opened"]},
                    "ends": [{"types": ["access.granted"]}],
                    "for": "1s",
                }
            },
            {
                "state": {
                    "begins": {"types": ["access.door.closed"]},
                    "ends": [{"types": ["access.granted"]}],
                    "keep": "1s",
                }
            },
        )
    ),
    min_size=1,
    max_size=3,
)


def without_good_news(step: Step) -> bool | Step:
    """The step with nothing in it that ends any of these: readings on the right side are no data, and nobody is granted."""
    if not isinstance(step, MessageIn):
        return step
    message = step.message
    readings = tuple(
        replace(each, value=math.nan) if each.quantity == "temperature" and each.value <= 10 else each
        for each in message.readings
    )
    return message.type != "access.granted" and replace(step, message=replace(message, readings=readings))


@looking
@given(when=bad_news, drawn=steps)
def test_only_good_news_resolves(when: list[dict[str, object]], drawn: list[Drawn]) -> None:
    """No NaN, no infinity, no other unit; no silence of a gateway or of ours, no change of registry, modes or people's minds."""
    rule = rule_from({"applies_to": {"device_kinds": list(KINDS)}, "severity": "low", "when": when}, 1)
    kept = [step for step in map(without_good_news, build(drawn)) if not isinstance(step, bool)]
    silence: list[Step] = [Tick(T0 + hour * HOUR + second * SECOND) for hour in (5, 6) for second in range(0, 150, 10)]
    run = alone([(rule,)], [*kept, *silence])
    assert not {line.kind for outputs in run.outputs for line in lines_of(outputs).get(rule.id, [])} & {"resolved"}
