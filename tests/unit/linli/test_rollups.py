"""Which hours are due, and which stretches of a question sums may answer."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from linli.clock import HOUR
from linli.rollups import DueMarks, Segment, segments

H0 = 1_699_999_200_000_000
assert H0 % HOUR == 0


def touch(marks: DueMarks[int], *rows: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows as (key, time)."""
    times = [time for _, time in rows]
    return marks.touch([key for key, _ in rows], times, min(times), max(times))


def test_a_key_is_marked_once_an_hour() -> None:
    """The second packet of the same keys and hour marks nothing."""
    marks = DueMarks[int]()
    assert touch(marks, (1, H0 + 5), (2, H0 + 6), (1, H0 + 7)) == [(H0, 1), (H0, 2)]
    assert touch(marks, (1, H0 + HOUR - 1), (2, H0)) == []
    assert touch(marks, (3, H0)) == [(H0, 3)]
    assert touch(marks, (1, H0 + HOUR)) == [(H0 + HOUR, 1)]


def test_a_packet_over_several_hours_marks_each() -> None:
    """Each time's own hour with its own key; one key may stand for all."""
    marks = DueMarks[int]()
    assert touch(marks, (1, H0 - 1), (2, H0), (1, H0 - 2)) == [(H0 - HOUR, 1), (H0, 2)]
    alone = DueMarks[str]()
    assert alone.touch(["c1"], [H0, H0 + HOUR, H0 + 1], H0, H0 + HOUR) == [(H0, "c1"), (H0 + HOUR, "c1")]


def test_what_is_forgotten_is_marked_again() -> None:
    """Only that; and after a failed write everything."""
    marks = DueMarks[int]()
    touch(marks, (1, H0), (2, H0))
    marks.forget([(H0, 1), (H0, 99), (H0 + HOUR, 1)])
    assert touch(marks, (1, H0), (2, H0)) == [(H0, 1)]
    marks.clear()
    assert touch(marks, (1, H0), (2, H0)) == [(H0, 1), (H0, 2)]


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5 * HOUR)), min_size=1, max_size=8)))
def test_every_row_is_marked_and_nothing_twice(packets: list[list[tuple[int, int]]]) -> None:
    """Whatever comes in which order: the marks are exactly the hours touched."""
    marks = DueMarks[int]()
    made = [mark for packet in packets for mark in touch(marks, *packet)]
    assert len(made) == len(set(made))
    assert set(made) == {(time - time % HOUR, key) for packet in packets for key, time in packet}


def test_segments_join_neighbours_and_keep_the_ends() -> None:
    """Marked hours are read raw, cut to the question; neighbours are one stretch."""
    assert segments(H0 + 10, H0 + 5 * HOUR, {H0 - HOUR, H0, H0 + 2 * HOUR, H0 + 3 * HOUR, H0 + 9 * HOUR}) == [
        Segment(H0 + 10, H0 + HOUR, summed=False),
        Segment(H0 + HOUR, H0 + 2 * HOUR, summed=True),
        Segment(H0 + 2 * HOUR, H0 + 4 * HOUR, summed=False),
        Segment(H0 + 4 * HOUR, H0 + 5 * HOUR, summed=True),
    ]
    assert segments(H0, H0 + 1, ()) == [Segment(H0, H0 + 1, summed=True)]


@given(st.integers(0, 9 * HOUR), st.integers(1, 9 * HOUR), st.sets(st.integers(0, 18).map(lambda n: n * HOUR)))
def test_segments_cover_the_question_without_overlap(start: int, span: int, unsummed: set[int]) -> None:
    """One after the other, each of one kind, alternating."""
    parts = segments(start, start + span, unsummed)
    assert parts[0].start == start
    assert parts[-1].end == start + span
    for one, two in itertools.pairwise(parts):
        assert one.end == two.start
        assert one.summed != two.summed
    for part in parts:
        hours = range(part.start - part.start % HOUR, part.end, HOUR)
        assert {hour in unsummed for hour in hours} == {not part.summed}
