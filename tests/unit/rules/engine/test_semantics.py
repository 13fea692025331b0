"""What every rule has beside its parts: conditions that work in both kinds of event, acts that cannot be done, bounded evidence.

The cases from alerting systems that people trust are in test_cases_*.py.
"""

from pathlib import Path

from linli.model import ActionKind
from tests.unit.rules.engine.cases import series
from tests.unit.rules.world import Bench, rule_of


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
