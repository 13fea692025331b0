"""What holds for any stream: batches, restarts and repeats make no difference."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from linli.db.registry import RegistrySnapshot
from linli.model import ActionKind, JsonValue, Lane
from rules.durable.state import dump, restore
from rules.engine.book import Transition
from rules.engine.inputs import Input, RegistryIn, RulesIn, decode_input, encode_input
from rules.engine.machine import Engine, Output, outputs_of
from rules.language.model import Rule
from tests.unit.rules.world import NIGHT, SITE_RULES, Feed, registry

STUCK: dict[str, JsonValue] = {"floor": 3, "door_zone": False, "occupied": True}
HAPPENINGS: list[tuple[str, str, dict[str, JsonValue], Lane]] = [
    ("door", "access.granted", {}, Lane.URGENT),
    ("door", "access.door.opened", {}, Lane.URGENT),
    ("door", "access.door.closed", {}, Lane.URGENT),
    ("cam", "camera.person.detected", {"confidence": 0.5}, Lane.URGENT),
    ("cam", "device.heartbeat", {}, Lane.BULK),
    ("smoke", "fire.alarm.raised", {}, Lane.URGENT),
    ("heat", "fire.alarm.raised", {}, Lane.URGENT),
    ("smoke", "fire.alarm.cleared", {}, Lane.URGENT),
    ("heat", "fire.alarm.cleared", {}, Lane.URGENT),
    ("probe", "facility.water.detected", {}, Lane.URGENT),
    ("probe", "facility.water.cleared", {}, Lane.URGENT),
    ("lift", "facility.lift.stopped", STUCK, Lane.URGENT),
    ("lift", "facility.lift.moving", {"floor": 4}, Lane.URGENT),
    ("nobody", "device.joined", {}, Lane.URGENT),
]


def catalogue() -> tuple[Rule, ...]:
    """The rules that streams are about."""
    return SITE_RULES


def stream(seed: int, length: int = 120, *, people: bool = True) -> list[Input]:
    """A random hour or so of the small compound, with ticks, people and registry changes among it.

    People act on alerts that a first run of the same stream opened, so that acts hit and miss.
    """
    rng = random.Random(seed)
    feed = Feed(NIGHT)
    entries: list[Input] = [RulesIn(SITE_RULES), RegistryIn(registry())]
    at = 0.0
    for _ in range(length):
        at += rng.choice([0.0, 0.5, 3.0, 9.0, 30.0, 61.0])
        delay = rng.choice([0.05, 0.05, 2.0, 400.0])
        match rng.randrange(10):
            case 0:
                entries.append(feed.beat(at, rng.choice(list(Lane)), received=at + delay))
            case 1 | 2:
                entries.append(feed.tick(at + delay))
            case 3:
                value = rng.choice([60.0, 68.0, 72.0, 90.0])
                entries.append(feed.reading(at, "cable", "temperature", value, received=at + delay))
            case 4 if rng.random() < 0.2:
                entries.append(RegistryIn(registry(rng.randrange(2, 9))))
            case _:
                device, kind, data, lane = rng.choice(HAPPENINGS)
                entries.append(feed.event(at, device, kind, data, lane=lane, received=at + delay))
    if not people:
        return entries
    opened = [o.alert.id for o in outputs_of(Engine(), entries) if isinstance(o, Transition) and o.kind == "opened"]
    for number, alert in enumerate(rng.sample(opened, min(4, len(opened)))):
        kind = rng.choice(list(ActionKind))
        entries.insert(rng.randrange(2, len(entries)), feed.act(number, kind, alert, "reason"))
    return entries


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.sets(st.integers(1, 120), max_size=12))
def test_any_split_into_batches_and_any_restart_gives_the_same_transitions(seed: int, cuts: set[int]) -> None:
    """At each cut the engine is written down and brought back: outputs and final state are those of a run without."""
    entries = stream(seed)
    whole = Engine()
    expected = outputs_of(whole, entries)
    engine = Engine()
    got: list[Output] = []
    borders = [0, *sorted(cuts), len(entries)]
    for start, end in itertools.pairwise(borders):
        got += outputs_of(engine, entries[start:end])
        engine = restore(dump(engine))
    assert got == expected
    assert dump(engine) == dump(whole)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_what_the_journal_has_of_an_input_is_the_input(seed: int) -> None:
    """decode(encode(x)) == x for every kind."""
    for entry in stream(seed, 40):
        assert decode_input(encode_input(entry)) == entry


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_one_open_alert_for_each_rule_and_subject_at_any_moment(seed: int) -> None:
    """An alert opens only where none is open; every id is opened once; a closed one is never heard of again."""
    standing: dict[tuple[str, str], str] = {}
    ever: set[str] = set()
    for output in outputs_of(Engine(), stream(seed)):
        if not isinstance(output, Transition):
            continue
        alert = output.alert
        key = (alert.rule, alert.subject)
        if output.kind == "opened":
            assert key not in standing
            assert alert.id not in ever
            standing[key] = alert.id
            ever.add(alert.id)
        assert standing[key] == alert.id
        if output.kind == "closed":
            del standing[key]


def test_state_is_small_and_does_not_grow_with_the_stream() -> None:
    """Ten times the messages, the same order of state."""
    sizes = []
    for length in (300, 3000):
        engine = Engine()
        outputs_of(engine, stream(7, length))
        engine.apply(RegistryIn(RegistrySnapshot()))
        sizes.append(len(dump(engine)))
    assert sizes[1] < 3 * sizes[0]
