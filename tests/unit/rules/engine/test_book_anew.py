"""What asks for somebody again: what is new to those who have acknowledged an alert, and what is not."""

import pytest

from linli.clock import SECOND
from linli.i18n import Text
from linli.model import ActionKind, Handling, Severity
from rules.engine.book import About
from rules.engine.watches import Sign, Signal
from tests.unit.rules.engine.book_bench import HOT, Bench
from tests.unit.rules.world import T0


def test_a_second_device_confirms() -> None:
    """Within the time, and another one: a second memory of the same device does not."""
    bench = Bench(confirm={"within": "3m"})
    bench.fired(0, "d1")
    assert bench.fired(1, "d1", clause=0) == ["occurred"]
    assert bench.fired(100, "d2") == ["occurred", "confirmed"]


def test_a_second_point_of_one_panel_confirms() -> None:
    """With `by: device.point` each point stands for itself: a panel passes on what many detectors say."""
    bench = Bench(when=[HOT | {"by": "device.point"}], confirm={"within": "3m"}, subject="place")

    def of(point: str, at: float) -> list[str]:
        about = About("p1", "place", "c1", "p1", Text(f"{point} 火", f"fire at {point}"), {}, "panel")
        signal = Signal(Sign.FIRED, T0 + round(at * SECOND), f"{point}/{at}", T0 + round(at * SECOND), ())
        return bench._took(bench.book.signal(bench.rule, 0, f"device=panel/point={point}", about, signal))

    assert of("1", 0) == ["opened"]
    bench.act(1, ActionKind.ACKNOWLEDGE)
    assert of("2", 60) == ["occurred", "confirmed"]
    assert bench.alert.handling is Handling.UNACKNOWLEDGED
    assert bench.alert.sentence.en == "fire at 2 (2 devices at once.)"


def test_a_device_that_is_new_asks_for_somebody_again() -> None:
    """The second camera of a site: it names the newest and says how many there are. The same one over again asks nobody."""
    bench = Bench()
    bench.fired(0, "d1")
    bench.act(1, ActionKind.ACKNOWLEDGE)
    assert bench.fired(2, "d2") == ["occurred"]
    assert (bench.alert.handling, bench.alert.acknowledged_at) == (Handling.UNACKNOWLEDGED, None)
    assert bench.alert.sentence == Text("d2 热（同时有 2 台设备如此。）", "d2 is hot (2 devices at once.)")
    bench.act(3, ActionKind.ACKNOWLEDGE)
    bench.over(4, "d2")
    assert bench.fired(5, "d2") == ["occurred"]
    assert bench.signal(Sign.AGAIN, 6, "d1") == ["occurred"]
    assert bench.alert.handling is Handling.ACKNOWLEDGED


def test_a_new_device_that_is_milder_leaves_what_is_said() -> None:
    """It asks for somebody all the same; the worst of it stays in the sentence."""
    bench = Bench()
    bench.fired(0, "d1", clause=1)
    bench.act(1, ActionKind.ACKNOWLEDGE)
    bench.fired(2, "d2")
    assert (bench.alert.handling, bench.alert.sentence.en) == (Handling.UNACKNOWLEDGED, "d1 is hot")
    assert bench.alert.severity is Severity.CRITICAL


def test_a_new_device_asks_nobody_while_the_alert_is_shelved() -> None:
    """It is said, and nothing else."""
    bench = Bench()
    bench.fired(0, "d1")
    bench.act(1, ActionKind.SHELVE, until=3600)
    assert bench.fired(2, "d2") == ["occurred"]
    assert (bench.alert.handling, bench.alert.sentence.en) == (Handling.SHELVED, "d2 is hot (2 devices at once.)")


PRESSED = {"event": {"types": ["alarm.panic.pressed"]}}


@pytest.mark.parametrize(("life_safety", "after"), [(True, Handling.UNACKNOWLEDGED), (False, Handling.ACKNOWLEDGED)])
def test_what_is_life_safety_asks_each_time_that_it_happens(life_safety: bool, after: Handling) -> None:
    """The panic button pressed once more is somebody who still waits for help."""
    bench = Bench(when=[PRESSED], latched=True, life_safety=life_safety)
    bench.fired(0)
    bench.act(1, ActionKind.ACKNOWLEDGE)
    assert bench.signal(Sign.AGAIN, 60) == ["occurred"]
    assert bench.alert.handling is after


def test_each_time_is_told_where_somebody_has_to_acknowledge_it() -> None:
    """However often it has happened: only what nobody needs to hear is told in tens."""
    bench = Bench(when=[PRESSED], latched=True, life_safety=True)
    bench.fired(0)
    for second in range(1, 30):
        bench.signal(Sign.AGAIN, second)
    bench.act(30, ActionKind.ACKNOWLEDGE)
    assert bench.alert.occurrences not in range(1, 20)
    assert [bench.signal(Sign.AGAIN, 31), bench.signal(Sign.AGAIN, 32)] == [["occurred"], []]


def test_a_confirmation_asks_for_somebody_again() -> None:
    """By a device that had said so before, too long ago to confirm then."""
    bench = Bench(confirm={"within": "3m"})
    bench.fired(0, "d1")
    bench.fired(600, "d2")
    bench.act(601, ActionKind.ACKNOWLEDGE)
    assert bench.signal(Sign.AGAIN, 660, "d1") == ["occurred", "confirmed"]
    assert (bench.alert.confirmed, bench.alert.handling) == (True, Handling.UNACKNOWLEDGED)
    assert bench.alert.sentence.en == "d1 is hot (2 devices at once.)"


def test_clauses_that_fire_of_one_beginning_are_one_occurrence() -> None:
    """Five denials at one door of one credential: two clauses, one thing that happened."""
    bench = Bench(when=[PRESSED, PRESSED, PRESSED])
    found = [bench.signal(Sign.FIRED, 0, clause=clause, start="press") for clause in range(3)]
    assert found == [["opened"], [], []]
    again = [bench.signal(Sign.AGAIN, 1, clause=clause, start="press 2") for clause in range(3)]
    assert again == [["occurred"], [], []]
    assert bench.book.open["hot", "p1"].alert.occurrences == 2
