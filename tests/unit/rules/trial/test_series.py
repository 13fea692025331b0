"""The notation of series of readings."""

import math

import pytest

from rules.trial.series import expand


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("60", [60.0]),
        ("60+5x4", [60.0, 65.0, 70.0, 75.0, 80.0]),
        ("1-0.1x2", [1.0, 0.9, 0.8]),
        ("70x2 -3", [70.0, 70.0, 70.0, -3.0]),
        ("1 _ 2 _x2", [1.0, None, 2.0, None, None]),
        ("", []),
    ],
)
def test_series_are_drawn_out_as_promtool_does(text: str, values: list[float | None]) -> None:
    """'x4' is four more after the first."""
    assert expand(text) == values


def test_nan_is_a_reading_that_says_nothing() -> None:
    """It is there, unlike '_'."""
    (value,) = expand("nan")
    assert value is not None and math.isnan(value)


@pytest.mark.parametrize("word", ["x", "1x", "1+x3", "1+2", "1x-3", "inf", "1x9999999"])
def test_what_is_no_reading_is_named(word: str) -> None:
    """The error is the word itself: who reads the file says where it stands."""
    with pytest.raises(ValueError, match=word.replace("+", r"\+")):
        expand(f"1 {word} 2")


def test_a_series_has_an_end() -> None:
    """A few characters must not make a file of gigabytes."""
    with pytest.raises(ValueError, match="more than"):
        expand("1x999999")
