"""Cases 1 to 7 of the collection, from Prometheus (rules/manager_test.go, rules/alerting_test.go), and neighbours of theirs.

Prometheus evaluates at intervals; Linli when something comes, at the time at which it was so.
"""

import math
from pathlib import Path

import pytest

from linli.i18n import Text
from linli.model import Condition, Device, Lane
from rules.engine.inputs import RegistryIn, RulesIn
from tests.unit.rules.engine.cases import flat, restart, series
from tests.unit.rules.world import Bench, registry, rule_of

LOW_FOR_A_MINUTE = "  - reading: {quantity: temperature, below: 100, for: 1m}\n"
FOR_A_MINUTE = "  - reading: {quantity: temperature, above: 50, for: 1m, keep: 1m}\n"
FOR_25_MINUTES = "  - reading: {quantity: temperature, above: 50, for: 25m}\n"
MINUTE = 60


def test_case_1_two_series_each_on_its_own(tmp_path: Path) -> None:
    """A fires to 10 min and from 30 min on, B to 5 min. Linli says at which second: after the minute, not at the evaluation."""
    bench = Bench(rule_of(tmp_path, LOW_FOR_A_MINUTE))
    bench.put(RegistryIn(registry(2, Device("b", "c1", "gw", "cable_sensor", Text("乙", "B"), "b1"))))
    firing = []
    for number, (a, b) in enumerate([(75, 80), (85, 90), (95, 100), (105, 110), (105, 120), (95, 130), (85, 140)]):
        at = number * 5 * MINUTE
        bench.put(bench.feed.reading(at, "cable", "temperature", a), bench.feed.reading(at, "b", "temperature", b))
        alerts = [record.alert for record in bench.engine.book.open.values()]
        firing.append(sorted(alert.subject for alert in alerts if alert.condition is Condition.FIRING))
    assert firing == [[], ["b", "cable"], ["cable"], [], [], [], ["cable"]]
    assert [at for kind, _, at in bench.happened if kind == "opened"] == [60, 60]
    assert [(kind, at) for kind, _, at in bench.happened if at > 300] == [
        ("resolved", 600),
        ("resolved", 900),
        ("occurred", 1560),
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_case_2_a_restart_within_for(tmp_path: Path, kept: bool) -> None:
    """Pending at 0 and 5 min, away until 15. Linli differs: the time away counts, so it fires at 25 min and not at 35: the agents
    kept what came meanwhile; where nothing came, nothing says that it was over."""
    bench = Bench(rule_of(tmp_path, FOR_25_MINUTES))
    series(bench, [60] * 6, MINUTE)
    restart(bench)
    assert flat(series(bench, [60 if kept else None] * 9, MINUTE, start=6)) == []
    assert flat(series(bench, [60] * 11, MINUTE, start=15)) == [("opened", 25 * MINUTE)]


def test_case_2_away_for_longer_than_prometheus_would_tolerate(tmp_path: Path) -> None:
    """Back after 40 min. Linli differs: it does not start again; what was kept says that it was over, or it was not over."""
    lasting, over = (Bench(rule_of(tmp_path, FOR_25_MINUTES)) for _ in range(2))
    for bench in (lasting, over):
        series(bench, [60] * 6, MINUTE)
        restart(bench)
    assert flat(series(lasting, [60], MINUTE, start=45)) == [("opened", 25 * MINUTE)]
    assert flat(series(over, [40, 60], MINUTE, start=24)) == []
    assert flat(series(over, [60] * 26, MINUTE, start=25)) == [("opened", 50 * MINUTE)]


def test_case_3_a_restart_shortly_before_it_fires(tmp_path: Path) -> None:
    """Away from 20 to 25 min, with 5 to go. Linli differs: there is no grace, it fires at 25 min as it would have."""
    bench = Bench(rule_of(tmp_path, FOR_25_MINUTES))
    series(bench, [60] * 21, MINUTE)
    restart(bench)
    assert flat(series(bench, [60], MINUTE, start=25)) == [("opened", 25 * MINUTE)]


def test_case_3_nothing_fires_by_our_own_absence(tmp_path: Path) -> None:
    """After a restart the server's clock alone says nothing until the agents have been heard, or have been silent for a minute."""
    bench = Bench(rule_of(tmp_path, FOR_25_MINUTES))
    series(bench, [60] * 21, MINUTE)
    restart(bench)
    assert bench.put(*(bench.feed.tick(second) for second in range(1500, 1560))) == []
    assert bench.put(bench.feed.reading(21 * MINUTE, "cable", "temperature", 40, received=1560)) == []


def test_case_4_keep_firing(tmp_path: Path) -> None:
    """> 50 for 1 min, kept for 1 min: pending, firing until the value was low for a minute."""
    happened = series(Bench(rule_of(tmp_path, FOR_A_MINUTE)), [75, 85, 70, 70, 10, 10], MINUTE)
    assert happened == [[], [("opened", 60)], [], [], [], [("resolved", 300)]]


def test_case_4_a_value_that_is_high_again_within_keep_goes_on(tmp_path: Path) -> None:
    """Flapping: the end is taken back each time, without a word; a restart in between is none of its business."""
    bench = Bench(rule_of(tmp_path, FOR_A_MINUTE))
    assert flat(series(bench, [75, 85, 10, 75, 10, 75], 50)) == [("opened", 60)]
    restart(bench)
    assert flat(series(bench, [10, 75, 10, 10, 10], 50, start=6)) == [("resolved", 460)]


def test_case_5_keep_firing_does_not_apply_to_pending(tmp_path: Path) -> None:
    """75 10: pending, then gone, without a word."""
    assert series(Bench(rule_of(tmp_path, FOR_A_MINUTE)), [75, 10, 10, 10], MINUTE) == [[], [], [], []]


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


def test_case_6_an_edit_elsewhere_in_the_rule_leaves_it_pending(tmp_path: Path) -> None:
    """A new title, or another clause: this one keeps its time."""
    before = rule_of(tmp_path, "  - reading: {quantity: temperature, above: 0, for: 15s}\n")
    after = rule_of(
        tmp_path,
        "  - reading: {quantity: temperature, above: 0, for: 15s}\n  - missing: {for: 1h}\n",
        more="latched: true\n",
    )
    bench = Bench(before)
    series(bench, [5, 5], 5)
    bench.put(RulesIn(after))
    assert flat(series(bench, [5, 5], 5, start=2)) == [("opened", 15)]


def test_case_7_false_while_pending_is_silent_and_for_starts_again(tmp_path: Path) -> None:
    """The second stretch counts from its own beginning."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 2s}\n"))
    assert series(bench, [60, 60, 40, 60, 60, 60, 60]) == [[], [], [], [], [], [("opened", 5)], []]


def test_case_7_firing_again_restarts_for(tmp_path: Path) -> None:
    """Resolved, then high again: another whole `for`. The same alert, if nobody has closed it."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 2s}\n"))
    assert flat(series(bench, [60, 60, 60, 40, 60, 60, 60])) == [("opened", 2), ("resolved", 3), ("occurred", 6)]


@pytest.mark.parametrize("failing", [math.nan, math.inf, -math.inf])
def test_case_7_a_failing_query_leaves_the_state_untouched(tmp_path: Path, failing: float) -> None:
    """No data is not false: neither the time that is pending nor what fires ends by it."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 2s}\n"))
    assert flat(series(bench, [60, failing, failing, 60, failing, failing, 40])) == [("opened", 2), ("resolved", 6)]


def test_for_of_exactly_that_long_fires(tmp_path: Path) -> None:
    """Inclusive: by the clock of the lane alone, too; a reading that is low at that very instant decides otherwise."""
    bench, other = (Bench(rule_of(tmp_path, LOW_FOR_A_MINUTE)) for _ in range(2))
    series(bench, [75])
    assert bench.put(bench.feed.beat(59.999, Lane.BULK)) == []
    assert bench.put(bench.feed.beat(60, Lane.BULK)) == [("opened", "test-rule", 60)]
    assert flat(series(other, [75, 105], 60)) == []


def test_absent_is_a_part_of_its_own(tmp_path: Path) -> None:
    """`absent()`: nothing for so long; the first report ends it, a restart in between changes nothing."""
    bench = Bench(rule_of(tmp_path, "  - missing: {for: 30s}\n", more="subject: community\n"))
    bench.put(RegistryIn(registry(2)))
    cameras = [bench.feed.alive(0, "cam"), bench.feed.alive(0, "cam-2")]
    bench.put(*cameras, *(bench.feed.reading(0, name, "temperature", 1) for name in ("door", "door-2", "cable")))
    bench.put(*(bench.feed.alive(0, name) for name in ("smoke", "smoke-b2")))
    for second in range(10, 30, 10):
        bench.put(bench.feed.beat(second, Lane.BULK))
    restart(bench)
    assert [kind for kind, _, at in bench.put(bench.feed.beat(30, Lane.BULK)) if at == 30][:1] == ["opened"]
