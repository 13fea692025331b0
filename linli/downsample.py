"""Fewer points of a series, for a chart: pure functions over arrays. No I/O."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def lttb(times: Ints, values: Floats, points: int) -> NDArray[np.intp]:
    """Which points to keep of a series so that its line looks the same: Largest-Triangle-Three-Buckets (S. Steinarsson,
    'Downsampling Time Series for Visual Representation', University of Iceland, 2013, section 4.2).

    `times` ascending and `values` finite, of equal length. Returns at most `points` ascending indices, the first and the
    last point among them; all if there are no more. ValueError for fewer than two points: a line has two ends.
    """
    if points < 2:
        raise ValueError("a line has two ends: points must be 2 or more")
    size = len(times)
    if size <= points:
        return np.arange(size)
    x, y = _scaled(times, values)
    edges = (np.arange(points - 1) * (size - 2) / (points - 2)).astype(np.intp) + 1 if points > 2 else np.array([1])
    kept = np.empty(points, dtype=np.intp)
    kept[0], kept[-1] = 0, size - 1
    for bucket in range(points - 2):
        begin, end = edges[bucket], edges[bucket + 1]
        following = slice(end, edges[bucket + 2] if bucket + 2 < points - 1 else size)
        kept[bucket + 1] = begin + _largest(x, y, kept[bucket], slice(begin, end), following)
    return kept


def _largest(x: Floats, y: Floats, before: np.intp, here: slice, following: slice) -> np.intp:
    """Which point of `here` makes the largest triangle with the point kept before and the middle of what follows."""
    middle_x, middle_y = x[following].mean(), y[following].mean()
    areas = np.abs((x[before] - middle_x) * (y[here] - y[before]) - (x[before] - x[here]) * (middle_y - y[before]))
    return np.argmax(areas)


def _scaled(times: Ints, values: Floats) -> tuple[Floats, Floats]:
    """Both within [-1, 1]: the areas keep their order, and none overflows."""
    x = (times - times[0]).astype(np.float64)
    x /= x[-1] or 1.0
    greatest = np.abs(values).max()
    return x, values / greatest if greatest else values
