"""The catalogue as a whole: every row of the district's list, with source, steps and tests; and silent on an ordinary day."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import pytest

from linli.clock import HOUR, SECOND
from linli.db.registry import RegistrySnapshot
from linli.model import (
    DEVICE_HEARTBEAT_TYPE,
    HEARTBEAT_TYPE,
    READINGS_TYPE,
    Community,
    Device,
    Facility,
    Gateway,
    JsonValue,
    Lane,
    Message,
    Place,
    Reading,
    Severity,
)
from linli.yamlfile import open_source
from rules.engine.book import Transition
from rules.engine.inputs import MessageIn, RegistryIn, RulesIn
from rules.engine.machine import Engine
from rules.language.load import CATALOGUE, load_rules
from rules.language.model import Rule
from simulators.compound import COMMUNITY, GATEWAY, TIMEZONE, demo_devices, demo_registry
from simulators.day import Day
from simulators.devices import Occurrence
from tests.unit.rules.world import NIGHT

CRITICAL, HIGH, MEDIUM, LOW = Severity

ROWS = {
    "door-forced": {CRITICAL, HIGH},
    "door-held-open": {MEDIUM, HIGH},
    "panic": {CRITICAL},
    "repeated-denial": {MEDIUM},
    "anti-passback": {LOW},
    "tailgating": {MEDIUM},
    "revoked-credential": {HIGH},
    "intrusion-after-hours": {HIGH},
    "loitering": {MEDIUM},
    "falling-object": {HIGH},
    "camera-offline": {MEDIUM, HIGH},
    "video-fault": {MEDIUM},
    "fire-alarm": {CRITICAL},
    "fire-fault": {HIGH},
    "fire-water-pressure": {HIGH},
    "fire-tank-level": {HIGH, CRITICAL},
    "fire-lane-blocked": {MEDIUM, HIGH},
    "lift-entrapment": {CRITICAL},
    "lift-fault": {MEDIUM},
    "ebike-in-lift": {HIGH},
    "gas-home": {HIGH, CRITICAL},
    "gas-room": {HIGH, CRITICAL},
    "carbon-monoxide": {CRITICAL},
    "residual-current": {HIGH},
    "cable-temperature": {HIGH},
    "voltage": {MEDIUM, HIGH},
    "water-quality": {HIGH},
    "pump-room-flooded": {HIGH},
    "sump-high": {HIGH},
    "hidden-leak": {MEDIUM},
    "no-sign-of-life": {HIGH},
    "garage-co": {MEDIUM, HIGH},
    "barrier-stuck": {LOW},
    "car-park-full": {LOW},
}
"""The severities that each rule of the list may have, in the list's order; that of Linli itself is `rules.platform`."""

RULES = load_rules()


def test_every_row_of_the_list_is_there_with_its_severities() -> None:
    """No row is lost, none is milder than agreed."""
    found = {
        rule.id: {rule.severity_of(number) for number in range(len(rule.when))}
        | ({rule.many.severity} if rule.many else set())
        for rule in RULES
    }
    assert found == ROWS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_where_it_is_from_and_what_to_do(rule: Rule) -> None:
    """Whoever is on duty has steps to follow, and whoever maintains the rule knows what it rests on."""
    assert rule.source_text.zh.strip() and rule.source_text.en.strip()
    assert len(rule.steps) >= 2


def test_what_nobody_may_silence() -> None:
    """Panic, fire, gas and people in a lift."""
    assert {rule.id for rule in RULES if rule.life_safety} == {
        "panic",
        "fire-alarm",
        "gas-home",
        "gas-room",
        "carbon-monoxide",
        "lift-entrapment",
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_has_tests_that_fire_that_do_not_and_that_end(rule: Rule) -> None:
    """At the limit, just within it, and how it is over. `tests/unit/rules/trial` runs them."""
    stories = open_source(CATALOGUE / "tests" / f"{rule.id}.yaml").value["tests"]
    changes = [{kind for line in story.get("expect", []) for kind in line} for story in stories]
    assert len(stories) >= 3
    assert any("opened" in kinds for kinds in changes)
    assert any("opened" not in kinds for kinds in changes)
    assert any("resolved" in kinds for kinds in changes)


def test_an_ordinary_day_of_the_demonstration_raises_nothing() -> None:
    """All rules over 25 h of the simulated compound: whoever tries Linli sees the alerts of scenarios alone."""
    engine = Engine()
    engine.apply(RulesIn(RULES))
    engine.apply(RegistryIn(_demo()))
    raised = []
    for entry in _messages(1, hours=25):
        raised += [output for output in engine.apply(entry) if isinstance(output, Transition)]
    assert [(output.alert.rule, output.alert.subject) for output in raised] == []


def _demo() -> RegistrySnapshot:
    items = demo_registry()
    return RegistrySnapshot(
        1,
        {item.id: item for item in items if isinstance(item, Community)},
        {item.id: item for item in items if isinstance(item, Place)},
        {item.id: item for item in items if isinstance(item, Gateway)},
        {item.id: item for item in items if isinstance(item, Facility)},
        {item.id: item for item in items if isinstance(item, Device)},
    )


def _messages(seed: int, hours: int) -> Iterator[MessageIn]:
    """What the compound's gateway sends: events as they come, readings and heartbeats every 10 s."""
    day = Day(demo_devices(), seed, ZoneInfo(TIMEZONE), NIGHT)
    sequences = dict.fromkeys(Lane, 0)
    for now in range(NIGHT, NIGHT + hours * HOUR, 10 * SECOND):
        said = day.advance(now)
        readings = tuple(seen for seen in said if isinstance(seen, Reading))
        events = [seen for seen in said if isinstance(seen, Occurrence)]
        events += [Occurrence(GATEWAY, now, HEARTBEAT_TYPE)]
        for event in events:
            lane = Lane.BULK if event.type == DEVICE_HEARTBEAT_TYPE else Lane.URGENT
            yield _message(sequences, lane, event.type, event.device, event.time, event.data)
        yield _message(sequences, Lane.BULK, READINGS_TYPE, GATEWAY, now, readings=readings)


def _message(
    sequences: dict[Lane, int],
    lane: Lane,
    kind: str,
    subject: str,
    time: int,
    data: Mapping[str, JsonValue] | None = None,
    readings: tuple[Reading, ...] = (),
) -> MessageIn:
    sequences[lane] += 1
    number = sequences[lane]
    message = Message(
        COMMUNITY, GATEWAY, "boot", lane, number, 1, kind, subject, time, time, data=data or {}, readings=readings
    )
    return MessageIn(message, time + SECOND // 20)
