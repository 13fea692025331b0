"""Cases 8 to 12 of the collection, from Kapacitor (integrations/streamer_test.go), one value a second, and neighbours."""

from pathlib import Path

from linli.model import ActionKind, Handling
from tests.unit.rules.engine.cases import flat, series, severities
from tests.unit.rules.world import Bench, rule_of

WARN_AND_CRITICAL = """
  - reading: {quantity: temperature, above: 7}
    severity: medium
  - reading: {quantity: temperature, above: 8}
    severity: critical
"""
LEVELS = """
  - reading: {quantity: temperature, above: 40, reset_below: 10}
    severity: medium
  - reading: {quantity: temperature, above: 60, reset_below: 20}
    severity: high
  - reading: {quantity: temperature, above: 80, reset_below: 30}
    severity: critical
"""
LASTING = [97.1, 96.6, 83.6, 99.1]


def test_case_8_levels_change_by_change(tmp_path: Path) -> None:
    """9 9 8 8 6 8 8 8 3 5 7 7 -> critical@0, ok@4, warning@5, ok@8.

    Linli differs at 2, where the collection has a warning: a standing alert never becomes milder by itself.
    """
    found = severities(tmp_path, WARN_AND_CRITICAL, [9, 9, 8, 8, 6, 8, 8, 8, 3, 5, 7, 7])
    assert found == [*["critical"] * 4, "ok", *["medium"] * 3, *["ok"] * 4]


def test_case_8_changes_only(tmp_path: Path) -> None:
    """What goes on at its level is not told again, a level that comes on top is."""
    bench = Bench(rule_of(tmp_path, WARN_AND_CRITICAL))
    told = flat(series(bench, [9, 9, 8, 8, 6, 8, 8, 8, 3, 5, 7, 7]))
    assert told == [("opened", 0), ("escalated", 0), ("resolved", 4), ("occurred", 5), ("resolved", 8)]


def test_case_9_hysteresis_of_levels(tmp_path: Path) -> None:
    """45 40 30 9 45 61 30 19 45 61 81 29 -> I I I OK I W W OK I W C OK.

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


def test_case_11_how_long_it_has_been_so(tmp_path: Path) -> None:
    """> 95: 0, 1000, -1, 0 ms: a second of it has passed at 1, and at 3 it begins anew.

    Linli differs between readings: what was so at 1 is so until something else is known, at 2.
    """
    assert flat(series(Bench(rule_of(tmp_path, _beyond("for: 1s"))), LASTING)) == [("opened", 1), ("resolved", 2)]
    assert flat(series(Bench(rule_of(tmp_path, _beyond("for: 2s"))), LASTING)) == []
    between = flat(series(Bench(rule_of(tmp_path, _beyond("for: 1500ms"))), LASTING))
    assert between == [("opened", 1.5), ("resolved", 2)]


def test_case_11_how_many_it_has_been(tmp_path: Path) -> None:
    """Count 1, 2, -1, 1: the second in a row is one, and after a good one the count begins anew."""
    assert flat(series(Bench(rule_of(tmp_path, _beyond("samples: 2"))), LASTING)) == [("opened", 1), ("resolved", 2)]
    assert flat(series(Bench(rule_of(tmp_path, _beyond("samples: 3"))), [*LASTING, 99, 99])) == [("opened", 5)]


def _beyond(more: str) -> str:
    return f"  - reading: {{quantity: temperature, above: 95, {more}}}\n"


def test_case_12_a_missing_reading_does_not_reset_a_running_duration(tmp_path: Path) -> None:
    """47, 95.1, nothing, 96.1 with `for` 2 s: fires 2 s after 95.1."""
    bench = Bench(rule_of(tmp_path, _beyond("for: 2s")))
    assert series(bench, [47, 95.1, None, 96.1]) == [[], [], [], [("opened", 3)]]


def test_a_recovery_is_always_told(tmp_path: Path) -> None:
    """`noRecoveries`. Linli differs: the end belongs to the alert. What shall not go by itself is latched: told, and still there."""
    bench = Bench(rule_of(tmp_path, _beyond("for: 0s"), more="latched: true\n"))
    series(bench, [99])
    bench.put(bench.feed.act(0.5, ActionKind.ACKNOWLEDGE, bench.alert("test-rule").id))
    assert flat(series(bench, [50], start=1)) == [("resolved", 1)]
    assert bench.alert("test-rule").handling is Handling.ACKNOWLEDGED


def test_a_mean_over_a_window(tmp_path: Path) -> None:
    """`window().period(3s)` and `mean`: of what the window has, from the first value on; its left edge does not belong to it."""
    bench = Bench(rule_of(tmp_path, '  - reading: {value: "avg(temperature, 3s)", above: 10}\n'))
    assert flat(series(bench, [6, 9, 12, 15, 3, 3, 30])) == [("opened", 3), ("resolved", 4), ("occurred", 6)]


def test_how_many_in_a_window(tmp_path: Path) -> None:
    """`count` over a sliding window: three within 5 s, both ends included; a slower row of them never is enough."""
    when = "  - event: {types: [access.denied], repeated: {times: 3, within: 5s}, quiet: 5s}\n"
    quick, slow = (Bench(rule_of(tmp_path, when)) for _ in range(2))
    quick.put(*(quick.feed.event(at, "door", "access.denied") for at in (0, 3, 5)), quick.feed.beat(10))
    assert [(kind, at) for kind, _, at in quick.happened] == [("opened", 5), ("resolved", 10)]
    slow.put(*(slow.feed.event(at, "door", "access.denied") for at in (0, 3, 6, 9, 12)))
    assert slow.happened == []


def test_a_rate_of_change(tmp_path: Path) -> None:
    """`derivative`: by second, over what the window began with."""
    bench = Bench(rule_of(tmp_path, '  - reading: {value: "rate(temperature, 2s)", at_least: 5}\n'))
    assert flat(series(bench, [0, 1, 2, 12, 22, 22, 22])) == [("opened", 3), ("resolved", 6)]
