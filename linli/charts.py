"""A series for a chart: from raw rows or rollups, whichever is right for the span, in as many points as are wanted."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from linli.downsample import lttb
from linli.ports import Bucket, ReadingStore, Resolution
from linli.retention import Retention
from linli.rollups import choose

MOST_RAW = 200_000
"""Raw rows that are read to draw a line through: a second's readings of two days. With more, minutes are read."""


class Shape(StrEnum):
    """How many rows become few: a band of equal buckets, the line that looks the same, or not at all."""

    MINMAXMEAN = "minmaxmean"
    LTTB = "lttb"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Series:
    """Which series, over [start, end) in microseconds."""

    community: str
    device: str
    quantity: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw, oldest first, and what it was read from. A raw reading is a bucket of one, at its own time."""

    resolution: Resolution
    buckets: list[Bucket]


def chart(store: ReadingStore, series: Series, points: int, shape: Shape, retention: Retention, now: int) -> Chart:
    """At most `points` buckets of the series.

    MINMAXMEAN: equal buckets of count, minimum, mean, maximum and last, empty ones left out. LTTB: those rows of the
    source - raw, or rollups by their mean - that keep the line's look. NONE: the first `points` raw rows. Reads the
    coarsest source that has a row for each point, and a coarser one where a finer is not kept any more.
    """
    if shape is Shape.NONE:
        return Chart(Resolution.RAW, _raw(store, series, points))
    resolution = choose(series.start, series.end, points, retention.kept_from(now))
    if shape is Shape.LTTB:
        return _line(store, series, points, resolution)
    return Chart(resolution, _buckets(store, series, points, resolution))


def _line(store: ReadingStore, series: Series, points: int, resolution: Resolution) -> Chart:
    if resolution is Resolution.RAW:
        rows = _raw(store, series, MOST_RAW + 1)
        if len(rows) > MOST_RAW:
            resolution = Resolution.MINUTE
    if resolution is not Resolution.RAW:
        rows = _buckets(store, series, 2**62, resolution)
    times = np.array([row.start for row in rows], np.int64)
    values = np.array([row.mean for row in rows], np.float64)
    return Chart(resolution, [rows[index] for index in lttb(times, values, max(points, 2))][:points])


def _raw(store: ReadingStore, series: Series, limit: int) -> list[Bucket]:
    rows = store.raw(series.community, series.device, series.quantity, series.start, series.end, limit)
    return [Bucket(time, 1, value, value, value, value) for time, value in rows]


def _buckets(store: ReadingStore, series: Series, points: int, resolution: Resolution) -> list[Bucket]:
    return store.readings(
        series.community, series.device, series.quantity, series.start, series.end, points, resolution
    )
