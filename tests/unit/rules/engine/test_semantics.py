"""Cases from alerting systems that people trust, by their number in the collection; where Linli differs, why.

1 to 3 are about evaluation at intervals, which Linli does not have; 13 to 17 (notification, grouping, inhibition, silences)
and 23 (who may act) are other parts' business; 11 is what `for` counts by. 21 is in `test_time`, 24 and 25 are in
`test_lifecycle` and `test_book`.
"""

from pathlib import Path

from linli.db.alerts import OUTCOME_DONE
from linli.model import ActionKind, Condition, Handling, Lane, Severity
from rules.engine.inputs import RulesIn
from tests.unit.rules.world import Bench, rule_of


def series(bench: Bench, values: list[float | None], every: float = 1.0) -> list[list[tuple[str, float]]]:
    """Readings of the cable, one every so many seconds; what happened at each, None being no reading at all."""
    out = []
    for number, value in enumerate(values):
        at = number * every
        entry = (
            bench.feed.beat(at, Lane.BULK)
            if value is None
            else bench.feed.reading(at, "cable", "temperature", value, unit="Cel")
        )
        out.append([(kind, second) for kind, _, second in bench.put(entry)])
    return out


def severities(folder: Path, when: str, values: list[float], **kwargs: str) -> list[str]:
    """The severity of the firing alert after each reading, 'ok' while none fires."""
    bench = Bench(rule_of(folder, when, severity="low", more=kwargs.get("more", "")))
    out = []
    for number, value in enumerate(values):
        bench.put(bench.feed.reading(float(number), "cable", "temperature", value))
        firing = [record.alert for record in bench.engine.book.open.values()]
        live = [alert.severity.value for alert in firing if alert.condition is Condition.FIRING]
        out.append(live[0] if live else "ok")
        for alert in firing:
            if alert.acknowledged_at is None:
                bench.put(bench.feed.act(number + 0.5, ActionKind.ACKNOWLEDGE, alert.id))
    return out


FOR_A_MINUTE = "  - reading: {quantity: temperature, above: 50, for: 1m, keep: 1m}\n"


def test_case_4_keep_firing(tmp_path: Path) -> None:
    """> 50 for 1 min, kept for 1 min: pending, firing until the value was low for a minute."""
    happened = series(Bench(rule_of(tmp_path, FOR_A_MINUTE)), [75, 85, 70, 70, 10, 10], 60)
    assert happened == [[], [("opened", 60)], [], [], [], [("resolved", 300)]]


def test_case_5_keep_firing_does_not_apply_to_pending(tmp_path: Path) -> None:
    """75 10: pending, then gone, without a word."""
    assert series(Bench(rule_of(tmp_path, FOR_A_MINUTE)), [75, 10, 10, 10], 60) == [[], [], [], []]


def test_case_4_a_value_that_is_high_again_within_keep_goes_on(tmp_path: Path) -> None:
    """The end is taken back: no resolve, no second alert."""
    bench = Bench(rule_of(tmp_path, FOR_A_MINUTE))
    assert [kind for step in series(bench, [75, 85, 10, 75, 75, 75], 50) for kind, _ in step] == ["opened"]


def test_case_6_a_longer_for_starts_pending_again(tmp_path: Path) -> None:
    """Linli differs: what fires goes on when a rule is edited, since its alert is before somebody; what is pending begins
    anew under the new `for`."""
    short = rule_of(tmp_path, "  - reading: {quantity: temperature, above: 0, for: 15s}\n")
    long = rule_of(tmp_path, "  - reading: {quantity: temperature, above: 0, for: 1h}\n")
    bench = Bench(short)
    assert series(bench, [5, 5, 5, 5], 5)[3] == [("opened", 15)]
    bench.put(RulesIn(long))
    assert bench.alert("test-rule").condition is Condition.FIRING
    pending = Bench(short)
    series(pending, [5, 5], 5)
    pending.put(RulesIn(long))
    assert pending.put(*(pending.feed.reading(at, "cable", "temperature", 5) for at in (10, 3609))) == []
    assert pending.put(pending.feed.reading(3610, "cable", "temperature", 5)) == [("opened", "test-rule", 3610)]


def test_case_7_false_while_pending_is_silent_and_for_starts_again(tmp_path: Path) -> None:
    """The second stretch counts from its own beginning."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 2s}\n"))
    assert series(bench, [60, 60, 40, 60, 60, 60, 60]) == [[], [], [], [], [], [("opened", 5)], []]


def test_case_8_levels_change_by_change(tmp_path: Path) -> None:
    """Warn > 7, critical > 8; 9 9 8 8 6 8 8 8 3 5 7 7 -> critical@0, ok@4, warning@5, ok@8.

    Linli differs at 2, where the collection has a warning: a standing alert never becomes milder by itself.
    """
    when = """
  - reading: {quantity: temperature, above: 7}
    severity: medium
  - reading: {quantity: temperature, above: 8}
    severity: critical
"""
    found = severities(tmp_path, when, [9.0, 9, 8, 8, 6, 8, 8, 8, 3, 5, 7, 7])
    assert found == [*["critical"] * 4, "ok", *["medium"] * 3, *["ok"] * 4]


LEVELS = """
  - reading: {quantity: temperature, above: 40, reset_below: 10}
    severity: medium
  - reading: {quantity: temperature, above: 60, reset_below: 20}
    severity: high
  - reading: {quantity: temperature, above: 80, reset_below: 30}
    severity: critical
"""


def test_case_9_hysteresis_of_levels(tmp_path: Path) -> None:
    """Info, warning, critical, each with its reset, as in the collection up to 30.

    Linli differs at 19 and 29: each clause has its own reset, and a standing alert never becomes milder by itself, so it
    goes on until every level has been reset (below 10).
    """
    values = [45.0, 40, 30, 9, 45, 61, 30, 19, 45, 61, 81, 29, 9]
    medium, high, critical = "medium", "high", "critical"
    assert severities(tmp_path, LEVELS, values) == [
        *[medium, medium, medium, "ok", medium, high, high],
        *[high, high, high, critical, critical, "ok"],
    ]


def test_case_10_told_again_while_it_lasts(tmp_path: Path) -> None:
    """Critical below 97, again each 2 s: told at 1, 3, 5, 7, 9, and over at 10."""
    when = "  - reading: {quantity: temperature, below: 97}\n"
    bench = Bench(rule_of(tmp_path, when, severity="critical", more="remind_every: 2s\n"))
    told = []
    for second, value in enumerate([97.1, 92.6, 95.6, 93.1, 92.6, 95.8, 92.7, 96.0, 93.4, 95.3, 98.4, 97.1]):
        told += bench.put(bench.feed.reading(second, "cable", "temperature", value), bench.feed.tick(second))
    found = [(kind, at) for kind, _, at in told]
    assert found == [("opened", 1), *[("reminded", at) for at in (3, 5, 7, 9)], ("resolved", 10)]


def test_case_12_a_missing_reading_does_not_reset_a_running_duration(tmp_path: Path) -> None:
    """47, 95.1, nothing, 96.1 with `for` 2 s: fires 2 s after 95.1."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 95, for: 2s}\n"))
    assert series(bench, [47, 95.1, None, 96.1]) == [[], [], [], [("opened", 3)]]


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
    """>= 3000 for 5 s, cleared below 3000 for 3 s."""
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
    bench = Bench(rule_of(tmp_path, when))
    happened = series(bench, [1.0] + [None] * 12 + [1.0])
    mine = [
        (kind, at)
        for step in happened
        for kind, at in step
        if (kind, at) in [("opened", 3), ("escalated", 10), ("resolved", 13)]
    ]
    assert ("opened", 3) in mine
    assert ("escalated", 10) in mine
    assert mine[-1] == ("resolved", 13)


def test_case_22_closed_by_hand_the_same_value_again_is_a_new_alert(tmp_path: Path) -> None:
    """A new id, for a reading as for an event."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50}\n"))
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


def test_case_22_a_camera_closed_by_hand_is_told_again_only_after_it_was_back() -> None:
    """Absence that goes on is the same absence."""
    bench = Bench()
    feed = bench.feed

    def seconds(start: int, end: int) -> None:
        for second in range(start, end, 10):
            bench.put(feed.beat(second, Lane.BULK), feed.alive(second, "cam-2"))

    bench.put(feed.alive(0))
    seconds(0, 200)
    bench.put(feed.act(200, ActionKind.CLOSE, bench.alert("camera-offline").id, "repair under way"))
    seconds(200, 800)
    assert [kind for kind, _, _ in bench.happened] == ["opened", "closed"]
    bench.put(feed.alive(800))
    seconds(810, 1000)
    assert [kind for kind, _, _ in bench.happened] == ["opened", "closed", "opened"]


def test_case_22_a_second_acknowledgement_succeeds_and_changes_nothing(tmp_path: Path) -> None:
    """The first time and person stay; a comment that comes along is kept in the history."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50}\n"))
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


def test_the_conditions_of_an_event_work_in_a_state_too(tmp_path: Path) -> None:
    """Three denials within 10 s begin it, an opening ends it; the three are its evidence."""
    when = """
  - state:
      begins: {types: [access.denied], repeated: {times: 3, within: 10s}}
      ends:
        - types: [access.door.opened]
"""
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    for second in (0, 20, 21):
        bench.put(feed.event(second, "door", "access.denied"))
    assert bench.happened == []
    bench.put(feed.event(22, "door", "access.denied"), feed.event(30, "door", "access.door.opened"))
    assert [(kind, at) for kind, _, at in bench.happened] == [("opened", 22), ("resolved", 30)]
    times = [(evidence.time - feed.origin) // 1_000_000 for evidence in bench.alert("test-rule").evidence]
    assert times == [20, 21, 22, 30]


def test_what_cannot_be_done_to_an_alert_has_a_reason(tmp_path: Path) -> None:
    """Closed before, never heard of, or closed without saying why."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50}\n"))
    series(bench, [60])
    alert = bench.alert("test-rule").id
    bench.put(bench.feed.act(1, ActionKind.CLOSE, alert, "  "), bench.feed.act(2, ActionKind.CLOSE, alert, "known"))
    bench.put(bench.feed.act(3, ActionKind.CLOSE, alert, "x"), bench.feed.act(4, ActionKind.ACKNOWLEDGE, alert))
    bench.put(bench.feed.act(5, ActionKind.ACKNOWLEDGE, "a-nothing"))
    assert bench.outcomes() == ["reason_required", "done", "already_closed", "already_closed", "not_found"]


def test_evidence_is_bounded_to_the_first_and_the_newest() -> None:
    """A detector that reports 60 times: 20 are kept, all are counted, and not each is told."""
    bench = Bench()
    bench.put(*(bench.feed.event(float(second), "smoke", "fire.alarm.raised") for second in range(60)))
    alert = bench.alert("fire-alarm")
    times = [(evidence.time - bench.feed.origin) // 1_000_000 for evidence in alert.evidence]
    assert times == [*range(5), *range(45, 60)]
    assert alert.occurrences == 60
    assert len(bench.happened) == 20 + 4
