"""Rules that settle: any order within that time is the same; what comes later than that counts on arrival."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.clock import SECOND
from linli.model import Lane
from rules.durable.state import dump, restore
from rules.engine.book import Transition
from rules.engine.inputs import MessageIn, RulesIn
from rules.engine.machine import Engine
from rules.language.model import Rule
from tests.unit.rules.world import Bench, Feed, rule_of

GRANTED, OPENED, CLOSED, DENIED = "access.granted", "access.door.opened", "access.door.closed", "access.denied"

FORCED = f"""
  - state:
      begins: {{types: [{OPENED}], unless: {{types: [{GRANTED}], within: 10s}}}}
      ends: [{{types: [{CLOSED}]}}]
"""


def happened(bench: Bench) -> list[tuple[str, float]]:
    """(kind, second)."""
    return [(kind, second) for kind, _, second in bench.happened]


@pytest.fixture
def forced(tmp_path: Path) -> Bench:
    """A door that is forced, after half a second."""
    return Bench(rule_of(tmp_path, FORCED, more="settle: 500ms\n"))


def test_a_grant_that_comes_after_its_opening_still_excuses(forced: Bench) -> None:
    """Within half a second; without one it is told once that has passed, at the time of the opening."""
    feed = forced.feed
    forced.put(feed.event(1, "door", OPENED), feed.event(0.9, "door", GRANTED, taken=1.2), feed.beat(30))
    assert happened(forced) == []
    forced.put(feed.event(30, "door", CLOSED), feed.event(31, "door", OPENED), feed.beat(31.4))
    assert happened(forced) == []
    forced.put(feed.beat(31.5))
    assert happened(forced) == [("opened", 31)]


def test_the_servers_clock_brings_it_about_too(forced: Bench) -> None:
    """Nobody has to wait for the next heartbeat; a restart loses nothing of what waits."""
    feed = forced.feed
    forced.put(feed.event(1, "door", OPENED))
    forced.engine = restore(dump(forced.engine))
    forced.put(feed.tick(0), feed.tick(1), feed.tick(2))
    assert happened(forced) == [("opened", 1)]


def test_what_comes_too_late_counts_on_arrival(forced: Bench) -> None:
    """The opening had been told when the grant of before it came."""
    feed = forced.feed
    forced.put(feed.event(1, "door", OPENED), feed.beat(1.5), feed.event(0.9, "door", GRANTED, taken=2))
    assert happened(forced) == [("opened", 1)]
    forced.put(feed.event(0.95, "door", CLOSED, taken=3))
    assert happened(forced) == [("opened", 1), ("resolved", 0.95)]


def test_timers_wait_too(tmp_path: Path) -> None:
    """Open for 10 s is told 2 s later, since a closing of before may still come."""
    when = f"  - state: {{begins: {{types: [{OPENED}]}}, ends: [{{types: [{CLOSED}]}}], for: 10s}}\n"
    bench = Bench(rule_of(tmp_path, when, more="settle: 2s\n"))
    feed = bench.feed
    bench.put(feed.event(0, "door", OPENED), feed.beat(11.9))
    assert happened(bench) == []
    bench.put(feed.event(9.9, "door", CLOSED, taken=11.9), feed.event(20, "door", OPENED), feed.beat(32))
    assert happened(bench) == [("opened", 30)]


def test_what_was_due_before_a_gap_is_due_before_it(tmp_path: Path) -> None:
    """No word of some devices for 5 s while their gateway was heard; then it was away for long, and the others wait on."""
    bench = Bench(rule_of(tmp_path, f"  - missing: {{types: [{OPENED}], for: 5s}}\n", more="settle: 3s\n"))
    feed = bench.feed
    names = ("door", "door-2", "cam", "cam-2", "cable", "smoke", "smoke-b2")
    bench.put(*(feed.event(number / 2, name, OPENED, lane=Lane.BULK) for number, name in enumerate(names)))
    bench.put(feed.beat(7, Lane.BULK), feed.beat(1000, Lane.BULK))
    assert happened(bench) == [("opened", 5 + number / 2) for number in range(5)]
    bench.put(feed.beat(1010, Lane.BULK))
    assert happened(bench)[5:] == [("opened", 1000.5), ("opened", 1001)]


def test_when_the_rule_is_gone_nothing_is_left_of_it(forced: Bench) -> None:
    """What waited for it is let go."""
    feed = forced.feed
    forced.put(feed.event(1, "door", OPENED), RulesIn(()), feed.beat(10))
    assert happened(forced) == []


WHEN = f"""
  - state:
      begins: {{types: [{OPENED}], unless: {{types: [{GRANTED}], within: 3s}}}}
      ends: [{{types: [{CLOSED}]}}]
      for: 1s
      keep: 2s
  - event:
      types: [{DENIED}]
      after: {{types: [{GRANTED}], within: 9s, without: {{types: [{OPENED}]}}}}
      repeated: {{times: 2, within: 9s}}
      quiet: 5s
    by: building
  - reading: {{quantity: temperature, above: 50, for: 2s, keep: 1s}}
  - reading: {{value: "change(temperature, 5s)", above: 20, samples: 2, fades: 4s}}
    severity: high
  - missing: {{types: [{DENIED}, {OPENED}], for: 12s}}
  - all:
      of:
        - event: {{types: [{DENIED}], quiet: 4s}}
        - state: {{begins: {{types: [{OPENED}]}}, fades: 6s}}
      for: 1s
    by: place
"""
SETTLE = 2.0


def inputs(feed: Feed, story: Sequence[tuple[float, float, str, str, float]]) -> list[MessageIn]:
    """Each (seen at, taken at, device, what, value) as a message of one lane, in the order in which they are taken."""
    entries = [feed.beat(-1, Lane.BULK)]
    for at, taken, device, what, value in sorted(story, key=lambda item: item[1]):
        if what == "temperature":
            entry = feed.reading(taken, device, what, value)
            reading = replace(entry.message.readings[0], time=feed.us(at))
            entries.append(replace(entry, message=replace(entry.message, readings=(reading,))))
        else:
            entries.append(feed.event(at, device, what, taken=taken, lane=Lane.BULK))
    return [*entries, *(feed.beat(second, Lane.BULK) for second in range(65, 150, 10))]


def log(rules: tuple[Rule, ...], entries: list[MessageIn]) -> list[tuple[str, str, int, str]]:
    """What is told of it: kind, subject, time and severity."""
    bench = Bench(rules)
    bench.put(*entries)
    told = [output for output in bench.outputs if isinstance(output, Transition)]
    return [(each.kind, each.alert.subject, each.at, each.alert.severity.value) for each in told]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rule, ...]:
    """A rule with one of every part."""
    return rule_of(tmp_path_factory.mktemp("rules"), WHEN, more=f"settle: {SETTLE:g}s\n")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_any_order_within_settle_is_the_same(settled: tuple[Rule, ...], seed: int) -> None:
    """Every part, timers included: each observation up to 2 s late, against all in order."""
    rng = random.Random(seed)
    times = sorted(rng.sample(range(0, 60_000, 250), 60))
    story = [
        (
            at / 1000,
            rng.choice(["door", "door-2", "cable", "cam"]),
            rng.choice([GRANTED, OPENED, CLOSED, DENIED, "temperature", "temperature"]),
            rng.choice([20.0, 45.0, 60.0, 80.0]),
        )
        for at in times
    ]
    in_order = [(at, at, *rest) for at, *rest in story]
    shuffled = [(at, at + rng.uniform(0, SETTLE - 0.001), *rest) for at, *rest in story]
    expected = log(settled, inputs(Feed(), in_order))  # type: ignore[arg-type]
    assert log(settled, inputs(Feed(), shuffled)) == expected  # type: ignore[arg-type]


def test_the_shuffled_stories_are_worth_telling(settled: tuple[Rule, ...]) -> None:
    """Over a few of them every part fires."""
    engine = Engine()
    assert engine.settling.buffers == {}
    kinds = set()
    for seed in range(20):
        rng = random.Random(seed)
        story = [
            (
                at,
                at,
                rng.choice(["door", "door-2"]),
                rng.choice([GRANTED, OPENED, CLOSED, DENIED, "temperature"]),
                20.0 * rng.randrange(5),
            )
            for at in range(60)
        ]
        bench = Bench(settled)
        bench.put(*inputs(bench.feed, story))
        kinds |= {each.alert.why["clause"] for each in bench.outputs if isinstance(each, Transition)}
        assert bench.engine.settling.buffers == {}
    assert kinds == {1, 2, 3, 4, 5, 6}
    assert SETTLE * SECOND == 2_000_000
