"""Sounds, curve and colours."""

import io
import re
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.console import texts
from api.console.chart import chart_options
from api.console.sounds import RATE, tone
from api.views import ValueView
from linli.clock import HOUR, MINUTE, parse_time
from linli.i18n import Text
from linli.model import Severity
from linli.ports import Bucket

CSS = (Path(texts.__file__).parent / "static" / "console.css").read_text(encoding="utf-8")
NOW = parse_time("2026-03-02T00:00:00Z")
PAIRS = [
    ("ink", "paper"),
    ("ink", "surface"),
    ("ink-2", "surface"),
    ("ink-3", "surface"),
    ("ink-3", "surface-2"),
    ("ink-3", "paper"),
    ("accent", "surface"),
    ("accent", "accent-soft"),
    ("accent-ink", "accent"),
    *((name, "surface") for name in ("critical", "high", "medium", "low", "ok", "unknown")),
    *((name, f"{name}-soft") for name in ("critical", "high", "medium", "low", "ok")),
    ("surface", "critical"),
    ("ink-2", "line-2"),
]


@pytest.mark.parametrize("severity", list(Severity))
def test_each_severity_has_a_sound_of_its_own(severity: Severity) -> None:
    """A WAV that a browser plays, short, and unlike the others."""
    with wave.open(io.BytesIO(tone(severity))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert 0.1 < file.getnframes() / RATE < 2.0
    assert len({tone(other) for other in Severity}) == len(Severity)


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_contrast_is_at_least_aa(scheme: str, text: str, ground: str) -> None:
    """4.5 to 1 for every pair of text and ground in use (WCAG 2.2, 1.4.3)."""
    light, dark = CSS.split("@media (prefers-color-scheme: dark)", 1)
    colours = _colours(light) if scheme == "light" else _colours(light) | _colours(dark.split("}", 1)[0])
    high, low = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def _value(words: Text | None = None) -> ValueView:
    name = Text("温度", "Temperature")
    return ValueView("d1", name, "temperature", name, 21.0, "Cel", "°C", words, NOW, 0.0, False)


def _chart(buckets: list[Bucket], value: ValueView) -> list[dict[str, Any]]:
    series: list[dict[str, Any]] = chart_options(buckets, value, ZoneInfo("Asia/Shanghai"), "zh", NOW)["series"]
    return series


def test_the_curve_is_mean_and_band_in_local_time() -> None:
    """The band is stacked on the minimum; times are the wall clock's."""
    mean, low, band = _chart([Bucket(NOW - HOUR, 3, 1.0, 2.0, 4.0, 2.0)], _value())
    at = (NOW - HOUR) // 1000 + 8 * 3600 * 1000
    assert mean["data"] == [[at, 2.0]]
    assert low["data"] == [[at, 1.0]]
    assert band["data"] == [[at, 3.0]]


def test_the_curve_breaks_where_data_is_missing() -> None:
    """A line across a gap would claim what nobody measured; times still only grow."""
    starts = [0, 5, 10, 60, 65]
    buckets = [Bucket(NOW - HOUR * 3 + minute * MINUTE, 1, 1.0, 1.0, 1.0, 1.0) for minute in starts]
    data = _chart(buckets, _value())[0]["data"]
    assert [point[1] for point in data] == [1.0, 1.0, 1.0, None, 1.0, 1.0]
    assert all(a[0] < b[0] for a, b in pairwise(data))
