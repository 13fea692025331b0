"""Several clauses at once: begins with the last of them, ends with the first that is over."""

from pathlib import Path

from linli.model import ActionKind, Evidence, Lane
from rules.durable.state import dump, restore
from rules.engine.inputs import ArmingIn
from tests.unit.rules.world import Bench, rule_of

SMOKE_AND_HEAT = """
  - all:
      of:
        - event: {types: [access.denied], quiet: 30s}
        - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}]}
      keep: 5s
    by: building
"""


def happened(bench: Bench) -> list[tuple[str, float]]:
    """(kind, second)."""
    return [(kind, second) for kind, _, second in bench.happened]


def test_whichever_device_of_the_building_brings_each_about(tmp_path: Path) -> None:
    """Denied upstairs, opened downstairs; over 5 s after the first of them is."""
    bench = Bench(rule_of(tmp_path, SMOKE_AND_HEAT))
    feed = bench.feed
    bench.put(feed.event(0, "smoke", "access.denied"), feed.event(1, "smoke-b2", "access.door.opened"))
    assert happened(bench) == []
    bench.engine = restore(dump(bench.engine))
    bench.put(feed.event(10, "door", "access.door.opened"))
    assert happened(bench) == [("opened", 10)]
    alert = bench.alert("test-rule")
    assert (alert.subject, [evidence.device for evidence in alert.evidence]) == ("door", ["smoke", "door"])
    bench.put(feed.event(12, "door", "access.door.closed"), feed.beat(16.9))
    assert happened(bench) == [("opened", 10)]
    bench.put(feed.beat(17))
    assert happened(bench) == [("opened", 10), ("resolved", 17)]


def test_a_member_that_is_over_before_the_other_comes_is_none(tmp_path: Path) -> None:
    """Denied at 0 counts for 30 s."""
    bench = Bench(rule_of(tmp_path, SMOKE_AND_HEAT))
    feed = bench.feed
    bench.put(feed.event(0, "door", "access.denied"), feed.event(30, "door-2", "access.door.opened"))
    assert happened(bench) == []
    bench.put(feed.event(31, "door", "access.denied"))
    assert happened(bench) == [("opened", 31)]


def test_all_may_have_a_for_of_its_own(tmp_path: Path) -> None:
    """From when the last of them counted; a member that goes meanwhile is the end of it."""
    when = """
  - all:
      of:
        - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}], for: 10s}
        - reading: {quantity: temperature, above: 50}
      for: 20s
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    bench.put(feed.reading(0, "door", "temperature", 60), feed.event(5, "door", "access.door.opened"))
    bench.put(feed.beat(36), feed.beat(34, Lane.BULK))
    assert happened(bench) == []
    bench.put(feed.beat(35, Lane.BULK))
    assert happened(bench) == [("opened", 35)]
    bench.put(feed.reading(40, "door", "temperature", 40))
    assert happened(bench) == [("opened", 35), ("resolved", 40)]


def test_what_is_on_both_lanes_goes_by_the_one_behind(tmp_path: Path) -> None:
    """The reading that ends it waits in the backlog of the bulk lane: no alert before that has come."""
    when = """
  - all:
      of:
        - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}], for: 10s}
        - reading: {quantity: temperature, above: 50}
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    bench.put(feed.reading(0, "door", "temperature", 60), feed.event(5, "door", "access.door.opened"))
    bench.put(feed.beat(60))
    assert happened(bench) == []
    bench.put(feed.reading(14, "door", "temperature", 40), feed.beat(60, Lane.BULK))
    assert happened(bench) == []


def test_life_safety_waits_for_no_other_lane(tmp_path: Path) -> None:
    """It goes by the lane that brought the observation."""
    when = """
  - all:
      of:
        - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}], for: 10s}
        - reading: {quantity: temperature, above: 50}
"""
    bench = Bench(rule_of(tmp_path, when, more="life_safety: true\nlatched: true\n"))
    feed = bench.feed
    bench.put(feed.reading(0, "door", "temperature", 60), feed.event(5, "door", "access.door.opened"))
    bench.put(feed.beat(60))
    assert happened(bench) == [("opened", 15)]


def test_absence_is_a_member_too(tmp_path: Path) -> None:
    """Water runs in a dwelling where no door was opened, armed 'night'; a door of the place ends it, and so does the mode."""
    when = """
  - all:
      of:
        - reading: {quantity: temperature, above: 50, fades: 1h}
        - missing: {types: [access.door.opened], for: 1m}
    by: place
    armed: [night]
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    bench.put(feed.beat(0, Lane.BULK), feed.reading(10, "cable", "temperature", 60))
    bench.put(*(feed.beat(second, Lane.BULK) for second in range(20, 80, 10)))
    assert happened(bench) == []
    assert bench.put(ArmingIn(feed.us(80), {"b1": "night"})) == [("opened", "test-rule", 80)]
    assert bench.put(ArmingIn(feed.us(81), {})) == [("resolved", "test-rule", 81)]
    assert bench.put(ArmingIn(feed.us(82), {"b1": "night"})) == [("occurred", "test-rule", 82)]
    assert bench.put(feed.event(83, "door-2", "access.door.opened")) == [("resolved", "test-rule", 83)]


def test_closed_by_a_person_all_of_them_begin_anew(tmp_path: Path) -> None:
    """What still stood behind it says nothing by itself."""
    bench = Bench(rule_of(tmp_path, SMOKE_AND_HEAT))
    feed = bench.feed
    bench.put(feed.event(0, "door", "access.denied"), feed.event(1, "door", "access.door.opened"))
    bench.put(feed.act(2, ActionKind.CLOSE, bench.alert("test-rule").id))
    assert bench.put(feed.event(3, "door", "access.denied")) == []
    assert bench.put(feed.event(4, "door", "access.door.opened")) == [("opened", "test-rule", 4)]


def test_the_evidence_is_that_of_all_members(tmp_path: Path) -> None:
    """The first and the newest observation of each."""
    bench = Bench(rule_of(tmp_path, SMOKE_AND_HEAT))
    feed = bench.feed
    bench.put(*(feed.event(at, "door", "access.denied") for at in range(9)))
    bench.put(feed.event(9, "door", "access.door.opened"))
    evidence: tuple[Evidence, ...] = bench.alert("test-rule").evidence
    assert [(each.time - feed.origin) // 1_000_000 for each in evidence] == [0, 8, 9]
