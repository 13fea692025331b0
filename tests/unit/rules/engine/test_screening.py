"""Readings that nothing comes of are only noted: the result is that of looking at each of them, and of one input at a time."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.i18n import Text
from linli.model import READINGS_TYPE, ActionKind, Device, Lane, Reading
from rules.durable.state import dump, restore
from rules.engine.book import Transition
from rules.engine.inputs import ArmingIn, Input, RegistryIn, RulesIn
from rules.engine.machine import Engine, Output, outputs_of
from rules.language.load import load_rules
from rules.language.model import Override, Rule, Where
from tests.unit.rules.world import NIGHT, Feed, registry, rule_text

RULES = {
    "limits": (
        "",
        """
  - reading: {quantity: temperature, above: 70, unit: Cel, for: 30s, reset_below: 65}
  - reading: {quantity: temperature, below: 10, keep: 20s}
    severity: high
  - reading: {quantity: temperature, outside: [5, 90], reset_inside: [8, 80], for: 10s, keep: 5s}
    severity: critical
""",
    ),
    "counting": (
        "",
        """
  - reading: {quantity: temperature, at_least: 70, samples: 3, for: 20s}
  - reading: {quantity: humidity, at_most: 10, fades: 40s, for: 20s}
""",
    ),
    "numbers": (
        "",
        """
  - reading: {value: temperature - humidity, above: 50, for: 10s}
  - reading: {value: "avg(temperature, 1m)", above: 68}
  - reading: {value: place.max(temperature), above: 85, for: 5s}
    by: building
""",
    ),
    "gated": (
        "",
        """
  - reading: {quantity: temperature, above: 60, for: 10s, keep: 5s}
    during: {from: "00:05", to: "00:10"}
  - reading: {quantity: temperature, above: 60}
    armed: [away]
  - all:
      of:
        - reading: {quantity: temperature, above: 60}
        - missing: {types: [device.heartbeat], for: 40s}
""",
    ),
    "absent": ("", "  - missing: {for: 35s}\n"),
    "settled": (
        "settle: 3s\n",
        "  - reading: {quantity: temperature, above: 70, for: 10s}\n  - missing: {for: 50s}\n",
    ),
    "safe": ("life_safety: true\nlatched: true\n", "  - reading: {quantity: temperature, above: 89, for: 5s}\n"),
}
COOLER = Override("limits", Where(place="b2"), {"when": {"1": {"reading": {"above": 60, "reset_below": 55}}}})


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rule, ...]:
    """Every way in which a rule can look at readings."""
    folder: Path = tmp_path_factory.mktemp("rules")
    for name, (more, when) in RULES.items():
        (folder / f"{name}.yaml").write_text(rule_text(when, rule=name, more=more), encoding="utf-8")
    return load_rules(folder)


def stream(rules: tuple[Rule, ...], seed: int) -> Iterator[Input]:
    """Packets of several devices and quantities, out of order, with units and without, and much else in between."""
    rng = random.Random(seed)
    feed = Feed(NIGHT)
    more = Device("cable-2", "c1", "gw", "cable_sensor", Text("缆", "Cable 2"), "b2")
    yield RulesIn(rules, (COOLER,))
    yield RegistryIn(registry(1, more))
    at = 0.0
    for number in range(120):
        at += rng.choice([0.0, 1.0, 3.0, 5.0, 14.0, 31.0])
        match rng.choice(["packet"] * 9 + ["tick", "event", "beat", "arming", "change"]):
            case "tick":
                yield feed.tick(at)
            case "event":
                yield feed.event(at, rng.choice(["cable", "door"]), "device.heartbeat", lane=rng.choice(list(Lane)))
            case "beat":
                yield feed.beat(at, rng.choice(list(Lane)))
            case "arming":
                yield ArmingIn(feed.us(at), rng.choice([{}, {"b1": "away"}, {"b2": "away", "b1": "home"}]))
            case "change" if number % 3 == 0:
                yield RulesIn(rules, rng.choice([(), (COOLER,)]))
            case _:
                yield feed.event(
                    at,
                    "gw",
                    READINGS_TYPE,
                    lane=Lane.BULK if rng.random() < 0.95 else Lane.URGENT,
                    readings=packet(rng, feed, at),
                    historic=rng.random() < 0.03,
                )


def packet(rng: random.Random, feed: Feed, at: float) -> tuple[Reading, ...]:
    """Some readings, most of them ordinary and now."""
    return tuple(
        Reading(
            rng.choice(["cable", "cable", "cable-2", "door", "cam", "nobody", "gw"]),
            rng.choice(["temperature", "temperature", "humidity"]),
            feed.us(at - rng.choice([0, 0, 0, 1, 12, 33, 90_000])),
            rng.choice([20.0, 20.0, 7.0, 3.0, 62.0, 72.0, 95.0, float("nan")]),
            rng.choice(["Cel", "Cel", None, "K"]),
        )
        for _ in range(rng.randrange(1, 6))
    )


def with_acts(engine: Engine, entries: list[Input], seed: int) -> list[Output]:
    """What comes of the stream, a person closing an alert now and then."""
    rng = random.Random(seed)
    feed = Feed(NIGHT)
    outputs: list[Output] = []
    for number, entry in enumerate(entries):
        fresh = engine.apply(entry)
        outputs += fresh
        opened = [each.alert.id for each in fresh if isinstance(each, Transition) and each.kind == "opened"]
        if opened and rng.random() < 0.3:
            outputs += engine.apply(feed.act(number, ActionKind.CLOSE, rng.choice(opened)))
    return outputs


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_leaving_out_readings_that_nothing_comes_of_changes_nothing(rules: tuple[Rule, ...], seed: int) -> None:
    """The same transitions, with the same evidence and words; the same counts."""
    entries = list(stream(rules, seed))
    quick, thorough = Engine(), Engine(screening=False)
    assert with_acts(quick, entries, seed) == with_acts(thorough, entries, seed)
    assert quick.counters == thorough.counters
    assert sorted(quick.book.open) == sorted(thorough.book.open)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 120), max_size=6))
def test_any_restart_in_between_changes_nothing(rules: tuple[Rule, ...], seed: int, cuts: set[int]) -> None:
    """Written down and brought back at each cut: the same outputs, and the same state in the end."""
    entries = list(stream(rules, seed))
    whole, engine = Engine(), Engine()
    expected = outputs_of(whole, entries)
    got: list[Output] = []
    for number, entry in enumerate(entries):
        if number in cuts:
            engine = restore(dump(engine))
        got += engine.apply(entry)
    assert got == expected
    assert dump(engine) == dump(whole)


def test_the_streams_are_worth_it(rules: tuple[Rule, ...]) -> None:
    """Over a few of them every rule fires, and most readings are passed over."""
    fired = set()
    for seed in range(8):
        engine = Engine()
        outputs = outputs_of(engine, list(stream(rules, seed)))
        fired |= {(each.alert.rule, each.alert.why["clause"]) for each in outputs if isinstance(each, Transition)}
    expected = {(rule.id, number) for rule in rules for number in range(1, len(rule.when) + 1)}
    assert fired == expected
