"""Cases 13 to 17 of the collection, from Alertmanager (test/with_api_v2/acceptance).

Linli has no notifications of its own yet: its log of transitions is what one would be made of.
"""

from pathlib import Path

import pytest

from linli.model import ActionKind
from rules.engine.inputs import ActionIn
from tests.unit.rules.engine.cases import Happened, flat, series
from tests.unit.rules.world import Bench, rule_of

MINUTE = 60
DENIED = "  - event: {types: [access.denied], quiet: 10s}\n"
HOT = "  - reading: {quantity: temperature, above: 50}\n"


def told(bench: Bench, *happened: tuple[str, str, float]) -> Happened:
    """(kind, second)."""
    return [(kind, at) for kind, _, at in happened or bench.happened]


def test_case_13_each_alert_is_told_when_it_opens(tmp_path: Path) -> None:
    """Two, then three more. Linli differs: nothing waits to be told together with others."""
    bench = Bench(rule_of(tmp_path, DENIED))
    devices = [("door", 1.1), ("door-2", 1.7), ("cam", 3.3), ("cam-2", 3.3), ("cable", 3.3)]
    bench.put(*(bench.feed.event(at, device, "access.denied") for device, at in devices))
    assert told(bench) == [("opened", at) for _, at in devices]


def test_case_13_what_belongs_together_is_one_alert_about_its_place(tmp_path: Path) -> None:
    """What a group is for: the subject. One alert, and each further device is told as an occurrence."""
    bench = Bench(rule_of(tmp_path, DENIED, more="subject: community\n"))
    devices = [("door", 1.1), ("door-2", 1.7), ("cam", 3.3), ("cam-2", 3.3), ("cable", 3.3)]
    bench.put(*(bench.feed.event(at, device, "access.denied") for device, at in devices))
    assert told(bench) == [("opened", 1.1), *[("occurred", at) for _, at in devices[1:]]]
    assert len(bench.engine.book.open) == 1


def test_case_14_what_is_not_refreshed_is_over(tmp_path: Path) -> None:
    """Pushed at 1, `quiet` 10: resolved by itself with end 11, told when the lane has come there."""
    bench = Bench(rule_of(tmp_path, DENIED))
    bench.put(bench.feed.event(1, "door", "access.denied"), bench.feed.beat(10.9))
    assert told(bench, *bench.put(bench.feed.beat(12.5))) == [("resolved", 11)]


def test_case_14_what_is_refreshed_goes_on(tmp_path: Path) -> None:
    """Each push sets its end anew; `fades` does for a state what `quiet` does for an event."""
    when = "  - state: {begins: {types: [access.door.opened]}, fades: 10s}\n"
    bench = Bench(rule_of(tmp_path, when))
    bench.put(bench.feed.event(1, "door", "access.door.opened"), bench.feed.event(8, "door", "access.door.opened"))
    assert told(bench, *bench.put(bench.feed.beat(17.9), bench.feed.beat(18))) == [("resolved", 18)]


def test_case_15_no_alert_inhibits_another(tmp_path: Path) -> None:
    """'Job down' and 'instance down'. Linli differs: who looks after the one shall see the other; both are told."""
    when = """
  - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}]}
  - state: {begins: {types: [access.door.forced]}, ends: [{types: [access.door.closed]}]}
"""
    bench = Bench(rule_of(tmp_path, when))
    bench.put(bench.feed.event(0, "door", "access.door.opened"), bench.feed.event(1, "door-2", "access.door.forced"))
    assert told(bench) == [("opened", 0), ("opened", 1)]


def test_case_15_what_a_rule_knows_to_follow_from_another_it_leaves_out(tmp_path: Path) -> None:
    """Within one rule `unless` does it: in b1 not within 10 s of a fault there, in b2 at once."""
    when = """
  - event: {types: [camera.person.detected], unless: {types: [access.denied], within: 10s}, quiet: 5s}
    by: building
"""
    bench = Bench(rule_of(tmp_path, when))
    bench.put(bench.feed.event(0, "door", "access.denied"))
    bench.put(
        bench.feed.event(2, "cam", "camera.person.detected"), bench.feed.event(2, "cam-2", "camera.person.detected")
    )
    assert [alert.subject for alert in (record.alert for record in bench.engine.book.open.values())] == ["cam-2"]
    assert told(bench, *bench.put(bench.feed.event(11, "cam", "camera.person.detected")))[-1] == ("opened", 11)


def test_case_16_shelved_from_2_5_to_4_5(tmp_path: Path) -> None:
    """Told each second while it fires; absent at 3 and 4, back at 5."""
    bench = Bench(rule_of(tmp_path, HOT, more="remind_every: 1s\n"))
    series(bench, [60])
    bench.put(bench.feed.tick(1), bench.feed.tick(2))
    act = bench.feed.act(2.5, ActionKind.SHELVE, bench.alert("test-rule").id, "known", until=4.5)
    bench.put(act, *(bench.feed.tick(second) for second in (3, 4, 5, 6)))
    assert told(bench) == [
        ("opened", 0),
        *[("reminded", 1), ("reminded", 2)],
        ("shelved", 2.5),
        ("unshelved", 5),
        ("reminded", 6),
    ]


@pytest.mark.parametrize(("after", "expected"), [(9, []), (11, [("reminded", 11 * MINUTE)])])
def test_case_17_the_same_again_is_told_after_its_time(tmp_path: Path, after: int, expected: Happened) -> None:
    """With `remind_every` 10 min: not after 9, after 11."""
    bench = Bench(rule_of(tmp_path, HOT, more="remind_every: 10m\n"))
    series(bench, [60])
    assert told(bench, *bench.put(bench.feed.tick(after * MINUTE))) == expected or expected == []
    assert [each for each in told(bench) if each[0] == "reminded"] == expected


def test_case_17_a_changed_set_and_one_that_became_empty_are_told(tmp_path: Path) -> None:
    """A second device behind the same alert; then none any more."""
    bench = Bench(rule_of(tmp_path, HOT, more="subject: place\n"))
    steps = [*series(bench, [60]), *series(bench, [60], start=1, device="door")]
    steps += [*series(bench, [40], start=2), *series(bench, [40], start=3, device="door")]
    assert steps == [[("opened", 0)], [("occurred", 1)], [], [("resolved", 3)]]


def test_case_17_what_was_never_told_has_no_end_to_tell(tmp_path: Path) -> None:
    """Pending, then over: not a word."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 5s}\n"))
    assert flat(series(bench, [60, 60, 40, 40])) == []


def test_an_act_on_what_is_gone_changes_nothing(tmp_path: Path) -> None:
    """A silence for an alert that has closed meanwhile."""
    bench = Bench(rule_of(tmp_path, HOT))
    series(bench, [60])
    alert = bench.alert("test-rule").id
    bench.put(bench.feed.act(1, ActionKind.CLOSE, alert, "known"))
    late = bench.feed.act(2, ActionKind.SHELVE, alert, "later", until=9)
    assert isinstance(late, ActionIn)
    assert bench.put(late) == []
    assert bench.outcomes()[-1] == "already_closed"
