"""A day's curve of one quantity, as options for Apache ECharts: the mean as a line in a band from minimum to maximum."""

from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from api.console import texts
from api.views import ValueView
from linli.clock import DAY, local_time
from linli.ports import Bucket

LINE = "#2f8aa3"
"""Legible on both the light and the dark surface (3:1 and more)."""

_AXIS = {"axisLine": {"lineStyle": {"color": "#8a969a"}}, "splitLine": {"lineStyle": {"color": "#8a969a33"}}}
_FEW = 40
"""So few points are drawn as dots too: in the first minutes of a day's chart a line is a pixel wide."""

_GAP = 3
"""Buckets may be this many widths apart before the line breaks: a gap in the data is to be seen."""


def chart_options(buckets: list[Bucket], value: ValueView, zone: ZoneInfo, language: str, now: int) -> dict[str, Any]:
    """The options. ECharts knows the browser's zone and UTC only, so times are given as if the wall clock were UTC."""
    flag = value.words is not None
    points = _with_gaps(buckets)
    times = [None if bucket is None else _wall_ms(bucket.start, zone) for bucket in points]
    mean = [[t, None if b is None else _round(b.mean)] for t, b in _dated(times, points)]
    low = [[t, None if b is None else _round(b.minimum)] for t, b in _dated(times, points)]
    band = [[t, None if b is None else _round(b.maximum - b.minimum)] for t, b in _dated(times, points)]
    stacked = {"type": "line", "stack": "band", "symbol": "none", "silent": True, "lineStyle": {"opacity": 0}}
    return {
        "useUTC": True,
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 28, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "order": "seriesAsc", "confine": True},
        "xAxis": {"type": "time", "min": _wall_ms(now - DAY, zone), "max": _wall_ms(now, zone), **_AXIS},
        "yAxis": {
            "type": "value",
            "scale": not flag,
            "min": 0 if flag else None,
            "max": 1 if flag else None,
            "name": value.symbol,
            "nameTextStyle": {"align": "left"},
            **_AXIS,
        },
        "series": [
            {
                "type": "line",
                "name": texts.MEAN.of(language),
                "data": mean,
                "symbol": "circle" if len(buckets) <= _FEW else "none",
                "symbolSize": 5,
                "step": "end" if flag else False,
                "lineStyle": {"color": LINE, "width": 2},
                "itemStyle": {"color": LINE},
                "z": 3,
            },
            {**stacked, "name": "", "data": low, "tooltip": {"show": False}},
            {
                **stacked,
                "name": texts.RANGE.of(language),
                "data": band,
                "areaStyle": {"color": LINE, "opacity": 0.18},
                "itemStyle": {"color": LINE, "opacity": 0.4},
                "tooltip": {"show": False},
            },
        ],
    }


def _with_gaps(buckets: list[Bucket]) -> list[Bucket | None]:
    """The buckets with a None wherever much is missing, so that no line is drawn across it."""
    if len(buckets) < 2:
        return list(buckets)
    width = min(b.start - a.start for a, b in pairwise(buckets))
    out: list[Bucket | None] = []
    for before, bucket in zip([None, *buckets], buckets, strict=False):
        if before is not None and bucket.start - before.start > _GAP * width:
            out.append(None)
        out.append(bucket)
    return out


def _dated(times: list[int | None], points: list[Bucket | None]) -> list[tuple[int, Bucket | None]]:
    """Each point with its time; a gap has that of the point before it."""
    out: list[tuple[int, Bucket | None]] = []
    for time, point in zip(times, points, strict=True):
        out.append((out[-1][0] + 1 if time is None else time, point))
    return out


def _wall_ms(at: int, zone: ZoneInfo) -> int:
    offset = local_time(at, zone).utcoffset()
    return at // 1000 + (round(offset.total_seconds() * 1000) if offset else 0)


def _round(value: float) -> float:
    return float(f"{value:.6g}")
