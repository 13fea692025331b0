"""Sliding windows against a list of all readings."""

import math
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.clock import SECOND
from rules.engine.windows import CELLS, MOST_READINGS, Window

WIDTH = 10 * SECOND
Readings = list[tuple[int, float]]


def filled(readings: Readings, width: int = WIDTH) -> Window:
    """A window that these came to, in this order."""
    window = Window(width)
    for number, (time, value) in enumerate(readings):
        window.take(time, value)
        window.slide(max(time for time, _ in readings[: number + 1]))
    return window


@pytest.fixture
def steps() -> Window:
    """1, 2, 3 ... at 0 s, 2 s, 4 s ... up to 9 at 16 s, in a window of 10 s."""
    return filled([(second * SECOND, second / 2 + 1) for second in range(0, 18, 2)])


def test_the_left_edge_lies_outside_and_the_right_inside(steps: Window) -> None:
    """Of (6 s, 16 s] there are 5, ..., 9."""
    now = 16 * SECOND
    assert (steps.count(now), steps.sum(now), steps.avg(now)) == (5, 35, 7)
    assert (steps.lowest(now), steps.highest(now)) == (5, 9)
    assert steps.count(now - 1) == 6


def test_change_is_from_what_held_when_the_window_began(steps: Window) -> None:
    """At 6 s it was 4. The rate is by the time between the two readings."""
    assert steps.change(16 * SECOND, counter=False) == 5
    assert steps.rate(16 * SECOND, counter=False) == 0.5
    assert steps.change(17 * SECOND, counter=False) == 5


def test_change_is_unknown_until_the_window_is_covered() -> None:
    """And when what held before it is older than another width."""
    window = filled([(0, 1.0), (5 * SECOND, 2.0)])
    assert math.isnan(window.change(5 * SECOND, counter=False))
    assert math.isnan(window.rate(5 * SECOND, counter=False))
    assert filled([(0, 1.0), (10 * SECOND, 2.0)]).change(10 * SECOND, counter=False) == 1
    assert filled([(0, 1.0), (20 * SECOND, 2.0)]).change(20 * SECOND, counter=False) == 1
    assert math.isnan(filled([(0, 1.0), (20 * SECOND + 1, 2.0)]).change(20 * SECOND + 1, counter=False))


def test_a_counter_that_fell_was_reset() -> None:
    """No data of it, and a fall of anything else is a fall."""
    window = filled([(0, 100.0), (10 * SECOND, 3.0)])
    assert math.isnan(window.change(10 * SECOND, counter=True))
    assert math.isnan(window.rate(10 * SECOND, counter=True))
    assert window.change(10 * SECOND, counter=False) == -97
    assert filled([(0, 3.0), (10 * SECOND, 3.0)]).change(10 * SECOND, counter=True) == 0


def test_an_empty_window_has_no_data_but_a_count() -> None:
    """Its readings are older than it is wide."""
    window = filled([(0, 1.0)])
    later = 11 * SECOND
    assert window.count(later) == 0
    answers = [window.sum(later), window.avg(later), window.lowest(later), window.highest(later)]
    assert all(map(math.isnan, answers))
    assert math.isnan(window.change(later, counter=False))


def test_what_is_too_large_to_be_a_number_is_no_data() -> None:
    """The sum of the two largest doubles."""
    assert math.isnan(filled([(0, 1.7e308), (1, 1.7e308)]).avg(1))


def asked(window: Window, now: int) -> list[float]:
    """All that can be asked of it."""
    plain: list[Callable[[int], float]] = [window.avg, window.sum, window.count, window.lowest, window.highest]
    moved = [window.change(now, counter=False), window.rate(now, counter=False), window.change(now, counter=True)]
    return [ask(now) for ask in plain] + moved


def plainly(readings: Readings, now: int) -> list[float]:
    """The same from all readings, as docs/rules-semantics.md has it."""
    ordered = sorted(readings, key=lambda reading: reading[0])
    within = [value for time, value in ordered if now - WIDTH < time <= now]
    before = [reading for reading in ordered if now - 2 * WIDTH <= reading[0] <= now - WIDTH]
    if not within:
        return [math.nan, math.nan, 0.0, *[math.nan] * 5]
    total = math.fsum(within)
    change = within[-1] - before[-1][1] if before else math.nan
    seconds = (ordered[-1][0] - before[-1][0]) / SECOND if before else math.nan
    grown = math.nan if change < 0 else change
    return [total / len(within), total, len(within), min(within), max(within), change, change / seconds, grown]


TIMES = st.integers(0, 60).map(lambda half: half * SECOND // 2)
VALUES = st.floats(-1000, 1000)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TIMES, VALUES), min_size=1, max_size=30, unique_by=lambda reading: reading[0]))
def test_any_order_of_arrival_gives_what_all_readings_say(readings: Readings) -> None:
    """Bit for bit."""
    now = max(time for time, _ in readings)
    assert list(map(repr, asked(filled(readings), now))) == list(map(repr, map(float, plainly(readings, now))))


def test_a_crowded_window_goes_on_in_cells() -> None:
    """20 readings for each cell: bounded, the right count within a cell's share, lowest and highest exact."""
    every = WIDTH // CELLS // 20
    window = filled([(number * every, float(number % 1000)) for number in range(10_000)])
    now = 9_999 * every
    assert len(window) <= CELLS + 2
    assert len(window.cells) == 32 * len(window)
    assert window.count(now) == pytest.approx(WIDTH / every, rel=0.01)
    assert (window.lowest(now), window.highest(now)) == (0, 999)
    assert window.sum(now) == pytest.approx(window.avg(now) * window.count(now))
    assert window.change(now, counter=False) == pytest.approx(999 - 999 + WIDTH // every % 1000, abs=20)


def test_cells_take_what_comes_late_too() -> None:
    """Whatever the order, there is one cell for each span, in order of time, and nothing is counted twice."""
    readings = [(number * 9_973 % 1000 * SECOND // 100, float(number)) for number in range(1000)]
    window = filled(readings)
    spans = [time // window.step for time, _ in struct.iter_unpack("=qd", window.readings)]
    assert len(readings) > MOST_READINGS
    assert spans == sorted(set(spans))
    now = max(time for time, _ in readings)
    exact = sum(time > now - WIDTH for time, _ in readings)
    assert window.count(now) == exact == 1000
    assert window.sum(now) == sum(range(1000))


def test_a_window_of_changes_alone_keeps_no_sums() -> None:
    """And says the same."""
    readings = [(number * SECOND // 100, float(number)) for number in range(3000)]
    whole, changes = Window(WIDTH), Window(WIDTH, changes_only=True)
    for time, value in readings:
        for window in (whole, changes):
            window.take(time, value)
            window.slide(time)
    now = readings[-1][0]
    assert (len(changes), len(changes.cells)) == (len(whole), 0)
    assert changes.rate(now, counter=True) == whole.rate(now, counter=True) == pytest.approx(100)
