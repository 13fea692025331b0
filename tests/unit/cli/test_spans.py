"""Stretches and points of time as people type them (`linli.cli.spans`)."""

import pytest

from linli.cli.spans import moment, span
from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.errors import ConfigError

NOW = 1_700_000_000_000_000  # 2023-11-15 06:13:20 in Shanghai
ZONE = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("text", "us"), [("30s", 30 * SECOND), ("15m", 15 * MINUTE), ("2h", 2 * HOUR), (" 30d ", 30 * DAY), ("0s", 0)]
)
def test_a_span_is_a_number_and_a_unit(text: str, us: int) -> None:
    """Seconds, minutes, hours, days; as a point in time it is so long ago."""
    assert span(text) == us
    assert moment(text, NOW, ZONE) == NOW - us


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "1w", "99999999d", "٣d"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    """Nobody's letters are deleted for a slip of the finger."""
    with pytest.raises(ConfigError, match="30d"):
        span(text)


def test_a_date_is_local_unless_it_says_otherwise() -> None:
    """A day begins at midnight where the settings are."""
    assert moment("2023-11-15", NOW, ZONE) == NOW - (6 * HOUR + 13 * MINUTE + 20 * SECOND)
    assert moment("2023-11-15 06:13:20", NOW, ZONE) == NOW
    assert moment("2023-11-14T22:13:20Z", NOW, ZONE) == NOW


@pytest.mark.parametrize("text", ["yesterday", "2023-13-01", "15.11.2023", "25:00"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    """And with what would do."""
    with pytest.raises(ConfigError, match="2026-11-20"):
        moment(text, NOW, ZONE)
