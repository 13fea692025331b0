"""Whose memory it is: device, place, building, community, or a value that events have."""

from pathlib import Path

import pytest

from linli.i18n import Text
from linli.model import Device, JsonValue, Lane
from rules.durable.state import dump, restore
from rules.engine.book import Transition
from rules.engine.inputs import RegistryIn, RulesIn
from rules.language.model import Override, Rule, Where
from tests.unit.rules.world import Bench, Feed, registry, rule_of

DENIED = "access.denied"


def denials(folder: Path, by: str, more: str = "") -> tuple[Rule, ...]:
    """Three denials within a minute."""
    when = f"""
  - event: {{types: [{DENIED}], repeated: {{times: 3, within: 1m}}, quiet: 1m}}
    by: {by}
"""
    return rule_of(folder, when, more=more)


def subjects(bench: Bench) -> list[tuple[str, float, str]]:
    """(kind, second, subject) of all that happened."""
    feed = bench.feed
    return [
        (output.kind, (output.at - feed.origin) / 1e6, output.alert.subject)
        for output in bench.outputs
        if isinstance(output, Transition)
    ]


@pytest.mark.parametrize(
    ("by", "devices", "fires"),
    [
        ("device", ["door", "door-2", "door"], False),
        ("device", ["door", "door", "door"], True),
        ("place", ["door", "door-2", "door"], True),
        ("place", ["door", "smoke", "door-2"], False),
        ("building", ["door", "smoke", "door-2"], True),
        ("building", ["door", "smoke-b2", "door-2"], False),
        ("community", ["door", "smoke-b2", "cam-2"], True),
    ],
)
def test_devices_of_one_memory_count_together(tmp_path: Path, by: str, devices: list[str], fires: bool) -> None:
    """And those of another do not; the alert is about the device that made it count."""
    bench = Bench(denials(tmp_path, by))
    bench.put(*(bench.feed.event(at, device, DENIED) for at, device in enumerate(devices)))
    assert subjects(bench) == ([("opened", 2, devices[-1])] if fires else [])


def test_a_credential_is_followed_from_door_to_door(tmp_path: Path) -> None:
    """Values of their own, equal in type too; an event without the field has no memory."""
    bench = Bench(denials(tmp_path, "data.credential"))
    feed = bench.feed
    cards: list[tuple[int, str, dict[str, JsonValue]]] = [
        (0, "door", {"credential": "A"}),
        (1, "door", {"credential": "B"}),
        (2, "door-2", {"credential": "A"}),
    ]
    cards += [(3, "door", {}), (4, "door", {"credential": 7}), (5, "door", {"credential": "7"})]
    bench.put(*(feed.event(at, device, DENIED, data) for at, device, data in cards))
    assert subjects(bench) == []
    bench.put(feed.event(6, "cam-2", DENIED, {"credential": "A"}))
    assert subjects(bench) == [("opened", 6, "cam-2")]
    bench.put(feed.event(7, "door", DENIED, {"credential": "A"}), feed.beat(67))
    assert subjects(bench)[1:] == [("occurred", 7, "cam-2"), ("resolved", 67, "cam-2")]


def test_values_that_are_heard_no_more_are_forgotten(tmp_path: Path) -> None:
    """Credentials come and go for years; what each remembers cannot matter any more after `within`."""
    bench = Bench(denials(tmp_path, "data.credential"))
    feed = bench.feed
    for number in range(100):
        bench.put(feed.event(number * 10, "door", DENIED, {"credential": f"card-{number}"}))
    assert len(bench.engine.watches) <= 7
    bench.put(feed.beat(2000))
    assert bench.engine.watches == {}


def test_several_memories_stand_behind_one_alert(tmp_path: Path) -> None:
    """Two credentials at one door: it is over when the last of them is."""
    bench = Bench(denials(tmp_path, "data.credential"))
    feed = bench.feed
    bench.put(*(feed.event(at, "door", DENIED, {"credential": "A"}) for at in (0, 1, 2)))
    bench.put(*(feed.event(at, "door", DENIED, {"credential": "B"}) for at in (30, 31, 32)), feed.beat(80))
    assert [kind for kind, _, _ in subjects(bench)] == ["opened", "occurred"]
    bench.put(feed.beat(92))
    assert subjects(bench)[-1] == ("resolved", 92, "door")


def test_a_place_that_fires_ends_by_another_device_of_it(tmp_path: Path) -> None:
    """The alert stays that of the device which began it."""
    when = """
  - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}], for: 10s}
    by: place
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    bench.put(feed.event(0, "door", "access.door.opened"), feed.beat(11))
    bench.put(feed.event(12, "door-2", "access.door.closed"))
    assert subjects(bench) == [("opened", 10, "door"), ("resolved", 12, "door")]


def test_a_timer_goes_by_the_gateway_whose_observation_set_it(tmp_path: Path) -> None:
    """Two gateways in one community: the wait that gw-2 began is over when gw-2's time says so, whatever gw's does."""
    more = Device("door-9", "c1", "gw-2", "door", Text("门", "Door 9"), "b2")
    bench = Bench(denials(tmp_path, "community"))
    feed = bench.feed
    bench.put(RegistryIn(registry(2, more)))
    bench.put(*(feed.event(at, "door", DENIED) for at in (0, 1)))
    bench.put(feed.event(2, "door-9", DENIED, gateway="gw-2"), feed.beat(500))
    assert subjects(bench) == [("opened", 2, "door-9")]
    bench.put(feed.beat(62, gateway="gw-2"))
    assert subjects(bench)[-1] == ("resolved", 62, "door-9")


def test_a_community_is_a_subject(tmp_path: Path) -> None:
    """Cameras of one compound make one alert."""
    bench = Bench(rule_of(tmp_path, "  - event: {types: [access.denied]}\n", more="subject: community\n"))
    feed = bench.feed
    bench.put(feed.event(0, "cam", DENIED), feed.event(1, "cam-2", DENIED))
    assert subjects(bench) == [("opened", 0, "c1"), ("occurred", 1, "c1")]
    assert (bench.alert("test-rule").subject_kind, bench.alert("test-rule").place) == ("community", None)


def test_only_leaves_out_devices(tmp_path: Path) -> None:
    """By kind, by the kind of a place around it, by the kind of its facility."""
    when = """
  - event: {types: [access.denied]}
    only: {device_kinds: [camera]}
  - event: {types: [access.denied]}
    only: {place_kinds: [floor]}
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    bench.put(*(feed.event(at, device, DENIED) for at, device in enumerate(["door", "cam", "smoke", "smoke-b2"])))
    assert subjects(bench) == [("opened", 1, "cam"), ("opened", 2, "smoke")]


def overridden(bench: Bench, rules: tuple[Rule, ...], *overrides: Override) -> None:
    """From now on."""
    bench.put(RulesIn(rules, overrides))


def test_a_rule_is_what_it_is_where_the_device_is(tmp_path: Path) -> None:
    """The device's override over its building's over its community's; off is off; others have the rule as it is written."""
    rules = rule_of(tmp_path, "  - reading: {quantity: temperature, above: 70}\n")
    more = [
        Device(f"cable-{place}", "c1", "gw", "cable_sensor", Text("缆", place), place) for place in ("b2", "garage")
    ]
    bench = Bench(rules)
    feed = bench.feed
    bench.put(RegistryIn(registry(2, *more)))
    overridden(
        bench,
        rules,
        Override("test-rule", Where(community="c1"), {"when": {"1": {"reading": {"above": 60}}}}),
        Override("test-rule", Where(place="b1"), {"when": {"1": {"reading": {"above": 50}}}, "severity": "critical"}),
        Override("test-rule", Where(device="cable-garage"), off=True),
    )
    for at, (device, value) in enumerate([("cable", 55), ("cable-b2", 55), ("cable-b2", 65), ("cable-garage", 99)]):
        bench.put(feed.reading(at, device, "temperature", value))
    assert subjects(bench) == [("opened", 0, "cable"), ("opened", 2, "cable-b2")]
    assert bench.alert("test-rule").severity == "medium"


def test_an_override_that_changes_begins_anew_only_where_it_holds(tmp_path: Path) -> None:
    """What is pending under a limit that moved starts again; the same clause elsewhere keeps its time, across a restart."""
    rules = rule_of(tmp_path, "  - reading: {quantity: temperature, above: 70, for: 10s}\n")
    bench = Bench(rules)
    feed = bench.feed
    bench.put(RegistryIn(registry(2, Device("cable-b2", "c1", "gw", "cable_sensor", Text("缆", "b2"), "b2"))))
    bench.put(feed.reading(0, "cable", "temperature", 80), feed.reading(0, "cable-b2", "temperature", 80))
    overridden(bench, rules, Override("test-rule", Where(place="b1"), {"when": {"1": {"reading": {"above": 75}}}}))
    bench.engine = restore(dump(bench.engine))
    bench.put(feed.reading(5, "cable", "temperature", 80), feed.beat(12, Lane.BULK))
    assert subjects(bench) == [("opened", 10, "cable-b2")]
    bench.put(feed.beat(15, Lane.BULK))
    assert subjects(bench)[1:] == [("opened", 15, "cable")]


def test_a_device_that_moves_to_another_place_begins_anew_there(tmp_path: Path) -> None:
    """Its door stood open in a place whose memory nobody can end any more."""
    when = """
  - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}], for: 10s}
    by: place
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = Feed()
    bench.put(feed.event(0, "door", "access.door.opened"))
    moved = registry(2)
    moved.devices["door"] = Device("door", "c1", "gw", "door", Text("门", "Door"), "b2")
    bench.put(RegistryIn(moved), feed.beat(30))
    assert subjects(bench) == []
