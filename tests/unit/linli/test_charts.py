"""What a chart is drawn from."""

import pytest

from linli.charts import Chart, Series, Shape, chart
from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.model import Received
from linli.ports import Bucket, Resolution
from linli.retention import FOR_EVER, Retention
from linli.rollups import choose
from linli.testing import MemoryStore
from tests.unit.ingest.world import NOW, packet, reading

H0 = NOW - NOW % HOUR
KEPT = Retention(raw=30, minute=400)


def store_of(*points: tuple[int, float]) -> MemoryStore:
    store = MemoryStore()
    message = packet(1, *[reading(time=time, value=value) for time, value in points])
    store.write([Received(message, NOW)], {})
    return store


def ask(store: MemoryStore, start: int, end: int, points: int, shape: Shape, retention: Retention = FOR_EVER) -> Chart:
    return chart(store, Series("c001", "t-1", "temperature", start, end), points, shape, retention, NOW)


@pytest.mark.parametrize(
    ("span", "points", "resolution"),
    [
        (HOUR, 300, Resolution.RAW),
        (5 * HOUR - 1, 300, Resolution.RAW),
        (5 * HOUR, 300, Resolution.MINUTE),
        (DAY, 300, Resolution.MINUTE),
        (7 * DAY, 300, Resolution.MINUTE),
        (30 * DAY, 300, Resolution.HOUR),
        (30 * DAY, 1000, Resolution.MINUTE),
        (366 * DAY, 2000, Resolution.HOUR),
        (1, 1, Resolution.RAW),
        (HOUR, 1, Resolution.HOUR),
    ],
)
def test_the_coarsest_source_with_a_row_for_each_point(span: int, points: int, resolution: Resolution) -> None:
    """A day in 300 points is read from minutes, a month from hours."""
    assert choose(H0 - span, H0, points, KEPT.kept_from(H0)) is resolution


def test_what_is_not_kept_any_more_is_read_coarser() -> None:
    """An hour of 60 days ago from minutes, of 500 days ago from hours; what is kept nowhere from what is kept longest."""
    kept = KEPT.kept_from(H0)
    assert choose(H0 - 60 * DAY, H0 - 60 * DAY + HOUR, 300, kept) is Resolution.MINUTE
    assert choose(H0 - 500 * DAY, H0 - 500 * DAY + HOUR, 300, kept) is Resolution.HOUR
    everything_short = Retention(raw=1, minute=3, hour=2).kept_from(H0)
    assert choose(H0 - 9 * DAY, H0 - 9 * DAY + HOUR, 300, everything_short) is Resolution.MINUTE


def test_bands_from_raw_rows_and_from_minutes() -> None:
    """Equal buckets, and what they were read from."""
    store = store_of(*[(H0 + n * SECOND, float(n % 10)) for n in range(7200)])
    close = ask(store, H0, H0 + 10 * MINUTE, 100, Shape.MINMAXMEAN)
    assert close.resolution is Resolution.RAW
    assert len(close.buckets) == 100
    assert close.buckets[0] == Bucket(H0, 6, 0.0, 2.5, 5.0, 5.0)
    wide = ask(store, H0, H0 + 2 * HOUR, 40, Shape.MINMAXMEAN)
    assert wide.resolution is Resolution.MINUTE
    assert [(b.count, b.minimum, round(b.mean, 9), b.maximum) for b in wide.buckets] == [(180, 0.0, 4.5, 9.0)] * 40


def test_a_line_keeps_a_spike_that_a_mean_would_flatten() -> None:
    """LTTB of raw rows: each point is a reading, at its own time, the first and the last among them."""
    store = store_of(*[(H0 + n * SECOND, 50.0 if n == 1234 else 0.0) for n in range(3000)])
    line = ask(store, H0, H0 + 50 * MINUTE, 60, Shape.LTTB)
    assert line.resolution is Resolution.RAW
    assert len(line.buckets) == 60
    assert Bucket(H0 + 1234 * SECOND, 1, 50.0, 50.0, 50.0, 50.0) in line.buckets
    assert (line.buckets[0].start, line.buckets[-1].start) == (H0, H0 + 2999 * SECOND)
    assert len(ask(store, H0, H0 + 50 * MINUTE, 1, Shape.LTTB).buckets) == 1


def test_a_line_over_a_long_span_is_through_rollups() -> None:
    """Whole rows of theirs, so count, minimum and maximum come along."""
    store = store_of(*[(H0 + n * MINUTE, float(n % 60)) for n in range(600)])
    line = ask(store, H0, H0 + 10 * HOUR, 9, Shape.LTTB)
    assert line.resolution is Resolution.HOUR
    assert len(line.buckets) == 9
    assert all((b.count, b.minimum, b.maximum) == (60, 0.0, 59.0) for b in line.buckets)


def test_a_line_through_too_many_raw_rows_is_through_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read to draw one chart is bounded."""
    monkeypatch.setattr("linli.charts.MOST_RAW", 50)
    store = store_of(*[(H0 + n, float(n % 7)) for n in range(51)])
    line = ask(store, H0, H0 + MINUTE, 100, Shape.LTTB)
    assert line.resolution is Resolution.MINUTE
    assert [b.count for b in line.buckets] == [51]


def test_raw_rows_as_they_came() -> None:
    """The first so many."""
    store = store_of(*[(H0 + n, float(n)) for n in range(10)])
    found = ask(store, H0 + 2, H0 + 2 * DAY, 3, Shape.NONE, KEPT)
    assert found.resolution is Resolution.RAW
    assert [(b.start, b.last) for b in found.buckets] == [(H0 + 2, 2.0), (H0 + 3, 3.0), (H0 + 4, 4.0)]


@pytest.mark.parametrize("shape", list(Shape))
def test_an_empty_series_is_an_empty_chart(shape: Shape) -> None:
    """Of any shape."""
    assert ask(MemoryStore(), H0, H0 + DAY, 10, shape).buckets == []
