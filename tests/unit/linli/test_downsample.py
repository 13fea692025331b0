"""Largest-Triangle-Three-Buckets keeps what a line looks like."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.downsample import Floats, Ints, lttb

SERIES = st.lists(
    st.tuples(st.integers(0, 2**53), st.floats(allow_nan=False, allow_infinity=False)),
    max_size=200,
    unique_by=lambda point: point[0],
).map(sorted)


def arrays(points: list[tuple[int, float]]) -> tuple[Ints, Floats]:
    return np.array([t for t, _ in points], np.int64), np.array([v for _, v in points], np.float64)


@given(SERIES, st.integers(2, 60))
def test_any_series_keeps_its_ends_and_order(points: list[tuple[int, float]], wanted: int) -> None:
    """First and last, a subset, at most so many, ascending; whatever the values, without a warning."""
    kept = lttb(*arrays(points), wanted).tolist()
    assert len(kept) == min(len(points), wanted)
    assert kept == sorted(set(kept))
    assert all(0 <= index < len(points) for index in kept)
    if points:
        assert (kept[0], kept[-1]) == (0, len(points) - 1)


def test_a_lone_spike_is_kept() -> None:
    """What a mean would flatten is what one looks for."""
    times = np.arange(10_000) * 1_000_000
    values = np.zeros(10_000)
    values[4321] = 50.0
    assert 4321 in lttb(times, values, 100)


def test_the_reference_points_are_chosen() -> None:
    """As worked out by hand from the paper's formula: 8 points to 4, buckets {1, 2, 3} and {4, 5, 6}."""
    times = np.arange(8)
    values = np.array([0.0, 3.0, 1.0, 0.0, 0.0, -4.0, 0.0, 0.0])
    assert lttb(times, values, 4).tolist() == [0, 1, 5, 7]


def test_a_line_has_two_ends() -> None:
    """One point is no line."""
    with pytest.raises(ValueError, match="two ends"):
        lttb(np.array([1, 2]), np.array([1.0, 2.0]), 1)
