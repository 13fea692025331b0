"""Cases 18 to 22 of the collection, from ThingsBoard (AlarmRulesTest), and neighbours. 23, another tenant's act, is the API's:
tests/integration/test_api_scope.py.
"""

from pathlib import Path

from linli.db.alerts import OUTCOME_DONE
from linli.model import ActionKind, Handling, Lane, Severity
from tests.unit.rules.engine.cases import flat, series
from tests.unit.rules.world import NIGHT, Bench, Feed, rule_of

HOT = "  - reading: {quantity: temperature, above: 50}\n"
DAY = 24 * 3600


def test_case_18_created_raised_updated_cleared_and_still_critical(tmp_path: Path) -> None:
    """Major >= 50, critical >= 100, clear <= 25."""
    when = """
  - reading: {quantity: temperature, at_least: 50, reset_below: 25.001}
    severity: high
  - reading: {quantity: temperature, at_least: 100, reset_below: 25.001}
    severity: critical
"""
    bench = Bench(rule_of(tmp_path, when))
    steps = series(bench, [50, 100, 101, 20])
    assert steps == [[("opened", 0)], [("escalated", 1)], [], [("resolved", 3)]]
    alert = bench.alert("test-rule")
    assert (alert.severity, alert.handling) == (Severity.CRITICAL, Handling.RETURNED_UNACKNOWLEDGED)
    assert 101.0 in [evidence.value for evidence in alert.evidence]


def test_case_19_a_condition_and_a_clearing_that_both_take_time(tmp_path: Path) -> None:
    """>= 3000 for 5 s, cleared below 3000 for 3 s: nothing at 3 s, created at 5, cleared 3 s after the drop."""
    when = "  - reading: {quantity: temperature, at_least: 3000, for: 5s, keep: 3s}\n"
    bench = Bench(rule_of(tmp_path, when))
    steps = series(bench, [3100, 3100, 3100, 3100, 3100, 3100, 3100, 100, 100, 100, 100])
    assert [step for step in steps if step] == [[("opened", 5)], [("resolved", 10)]]


def test_case_20_no_data_for_longer_is_worse(tmp_path: Path) -> None:
    """Nothing for 3 s is major, for 10 s critical; the next report ends it."""
    when = """
  - missing: {for: 3s}
    severity: high
  - missing: {for: 10s}
    severity: critical
"""
    bench = Bench(rule_of(tmp_path, when, more=""))
    series(bench, [1.0] + [None] * 12 + [1.0])
    mine = [change.alert.severity for change in bench.transitions if change.alert.subject == "cable"]
    kinds = [
        (change.kind, (change.at - bench.feed.origin) / 1e6)
        for change in bench.transitions
        if change.alert.subject == "cable"
    ]
    assert kinds == [("opened", 3), ("escalated", 10), ("resolved", 13)]
    assert mine == [Severity.HIGH, Severity.CRITICAL, Severity.CRITICAL]


def test_case_21_a_point_of_30_days_ago_alarms_nobody(tmp_path: Path) -> None:
    """Linli differs from what the collection tells of theirs: it is kept in the store, and nobody is called for it."""
    bench = Bench(rule_of(tmp_path, HOT))
    assert bench.put(bench.feed.reading(-30 * DAY, "cable", "temperature", 90, received=0)) == []
    assert bench.put(bench.feed.reading(-DAY - 1, "cable", "temperature", 90, received=0.5)) == []
    assert bench.engine.counters.refused == {"historic": 2}
    assert bench.put(bench.feed.reading(-DAY + 60, "cable", "temperature", 90, received=1))[0][0] == "opened"


def test_case_22_closed_by_hand_the_same_value_again_is_a_new_alert(tmp_path: Path) -> None:
    """A new id, for a reading as for an event."""
    bench = Bench(rule_of(tmp_path, HOT))
    series(bench, [60])
    first = bench.alert("test-rule")
    assert bench.put(bench.feed.act(0.5, ActionKind.CLOSE, first.id, "known")) == [("closed", "test-rule", 0.5)]
    assert bench.put(bench.feed.reading(1, "cable", "temperature", 60)) == [("opened", "test-rule", 1)]
    assert bench.alert("test-rule").id != first.id


def test_case_22_time_passing_alone_opens_nothing_after_a_person_closed_it() -> None:
    """A door that stays open is not told again; the next opening is."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(-1, "door", "access.granted"), feed.event(0, "door", "access.door.opened"), feed.beat(31))
    bench.put(feed.act(40, ActionKind.CLOSE, bench.alert("door-held-open").id, "moving house"))
    assert bench.put(feed.beat(400), feed.beat(900)) == []
    bench.put(feed.event(950, "door", "access.door.closed"), feed.event(995, "door", "access.granted"))
    assert bench.put(feed.event(1000, "door", "access.door.opened"), feed.beat(1031)) == [
        ("opened", "door-held-open", 1030)
    ]


def test_case_22_a_device_closed_by_hand_is_told_again_only_after_it_was_back(tmp_path: Path) -> None:
    """Absence that goes on is the same absence."""
    bench = Bench(rule_of(tmp_path, "  - missing: {types: [device.heartbeat], for: 30s}\n"))
    feed = bench.feed

    def seconds(start: int, end: int) -> None:
        for second in range(start, end, 10):
            bench.put(feed.beat(second, Lane.BULK))

    def mine() -> list[str]:
        return [change.kind for change in bench.transitions if change.alert.subject == "cam"]

    bench.put(feed.alive(0))
    seconds(0, 60)
    alert = next(change.alert for change in bench.transitions if change.alert.subject == "cam")
    bench.put(feed.act(60, ActionKind.CLOSE, alert.id, "repair under way"))
    seconds(60, 300)
    assert mine() == ["opened", "closed"]
    bench.put(feed.alive(300))
    seconds(310, 400)
    assert mine() == ["opened", "closed", "opened"]


def test_case_22_a_second_acknowledgement_succeeds_and_changes_nothing(tmp_path: Path) -> None:
    """The first time and person stay; a comment that comes along is kept in the history."""
    bench = Bench(rule_of(tmp_path, HOT))
    series(bench, [60])
    alert = bench.alert("test-rule")
    bench.put(bench.feed.act(1, ActionKind.ACKNOWLEDGE, alert.id, "going", "li"))
    acknowledged = bench.alert("test-rule")
    assert bench.put(bench.feed.act(2, ActionKind.ACKNOWLEDGE, alert.id, "", "wang")) == []
    assert bench.put(bench.feed.act(3, ActionKind.ACKNOWLEDGE, alert.id, "me too", "wang")) == [
        ("commented", "test-rule", 3)
    ]
    assert bench.alert("test-rule") == acknowledged
    assert (acknowledged.acknowledged_by, acknowledged.acknowledged_at) == ("li", bench.feed.us(1))
    assert bench.outcomes() == [OUTCOME_DONE] * 3


def test_a_repeating_condition(tmp_path: Path) -> None:
    """The third value in a row; one on the right side begins the count anew."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, samples: 3}\n"))
    assert flat(series(bench, [60, 60, 40, 60, 60, 60, 60, 40])) == [("opened", 5), ("resolved", 7)]


def test_a_schedule_decides_when_a_condition_counts(tmp_path: Path) -> None:
    """From 08:00 to 20:00. Linli differs: what is still so when the hours end is over then, and what is so when they begin begins."""
    when = """
  - reading: {quantity: temperature, above: 50}
    during: {from: "08:00", to: "20:00"}
"""
    bench = Bench(rule_of(tmp_path, when), Feed(NIGHT))
    hour = 3600
    bench.put(*(bench.feed.reading(at * hour, "cable", "temperature", 60) for at in (7, 8.5, 19.5, 20.5, 31.5, 32.5)))
    assert [(kind, at / hour) for kind, _, at in bench.happened] == [("opened", 8), ("resolved", 20), ("occurred", 32)]


def test_a_schedule_of_days(tmp_path: Path) -> None:
    """Nights that begin on a Wednesday: T0's day is one, its night lasts into Thursday; the next night is none."""
    when = """
  - event: {types: [camera.person.detected], quiet: 1m}
    during: {from: "23:00", to: "05:00", days: [wed]}
"""
    bench = Bench(rule_of(tmp_path, when), Feed(NIGHT))
    hours = (4.9, 22.9, 23, 28.9, 29, 47)
    bench.put(*(bench.feed.event(at * 3600, "cam", "camera.person.detected") for at in hours), bench.feed.beat(180_000))
    assert [at / 3600 for kind, _, at in bench.happened if kind in ("opened", "occurred")] == [23, 28.9]


def test_a_clear_condition_of_its_own(tmp_path: Path) -> None:
    """An alarm that another event ends, and no other: `begins` and `ends`."""
    when = """
  - state:
      begins: {types: [access.door.opened], where: {credential: [a, b]}}
      ends: [{types: [access.door.closed], where: {checked: true}}]
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    bench.put(feed.event(0, "door", "access.door.opened", {"credential": "c"}))
    bench.put(feed.event(1, "door", "access.door.opened", {"credential": "b"}))
    bench.put(feed.event(2, "door", "access.door.closed"), feed.event(3, "door", "access.door.closed", {"checked": 1}))
    bench.put(feed.event(4, "door", "access.door.closed", {"checked": True}))
    assert [(kind, at) for kind, _, at in bench.happened] == [("opened", 1), ("resolved", 4)]
