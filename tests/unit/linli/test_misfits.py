"""What is said of a value that is not of the kind it should be: what it is to be, and what to write instead."""

from enum import StrEnum
from typing import Any

import msgspec
import pytest

from linli.misfits import Misfit, convert


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Hours(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from"}):
    start: str = ""


class Part(msgspec.Struct, forbid_unknown_fields=True, rename={"hold": "for"}):
    above: float | None = None
    hold: str | None = None
    colour: Colour = Colour.RED
    tags: list[str] = []
    on: bool = False
    payload: str | dict[str, int] = ""
    during: Hours | None = None


class Whole(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    parts: list[Part] = []
    named: dict[str, Part] = {}
    count: int = 0


@pytest.mark.parametrize(
    ("part", "en", "zh"),
    [
        ({"above": "hot"}, "parts[1].above is to be a number, not a text", "parts[1].above 应是数，现在是文字"),
        ({"above": "70"}, "parts[1].above is to be a number, not a text: write 70", "写 70"),
        ({"above": "nan"}, "parts[1].above is to be a number, not a text", "应是数"),
        ({"for": 30}, "parts[1].for is to be a text, not a whole number: write 30s", "写 30s"),
        ({"during": {"from": 5}}, 'parts[1].during.from is to be a text, not a whole number: write "05:00"', "05:00"),
        (
            {"on": "yes"},
            "parts[1].on is to be true or false, not a text: write true",
            "应是 true 或 false，现在是文字：写",
        ),
        ({"tags": "a"}, "parts[1].tags is to be a list, not a text: write [a]", "应是列表"),
        ({"payload": [1]}, "parts[1].payload is to be a text or keys with values, not a list", "应是文字或一组键和值"),
        ({"tags": {}}, "parts[1].tags is to be a list, not keys with values", "应是列表，现在是一组键和值"),
        ({"colour": "gren"}, "'gren' is not known; did you mean 'green'?", "是否想写“green”？"),
        ({"colour": "blue"}, "'blue' is not known; one of red, green", "可用：red、green"),
        ({"abov": 1}, "unknown key 'abov'; did you mean 'above'?", "是否想写“above”？"),
        ({"from": "5"}, "'from' does not belong here, but in during", "“from”不能写在这里，它属于 during"),
        (
            {"15m)": None},
            'an expression with a comma needs quotes within braces, as in {value: "avg(co, 15m)"}',
            "要加引号",
        ),
    ],
)
def test_a_part_that_does_not_fit(part: dict[str, Any], en: str, zh: str) -> None:
    """In both languages, items counted from 1; the path leads to it."""
    with pytest.raises(Misfit) as caught:
        convert({"name": "x", "parts": [part]}, Whole)
    said = caught.value.text
    assert said.en.endswith(en)
    assert zh in said.zh
    assert caught.value.path[:2] == ["parts", 0]


@pytest.mark.parametrize(
    ("value", "en"),
    [
        ({}, "there is no name: it is required"),
        ([], "this is to be keys with values, not a list"),
        ({"name": None}, "name is to be a text, not nothing"),
        ({"name": 5}, 'name is to be a text, not a whole number: write "5"'),
        ({"name": "x", "count": 1.5}, "count is to be a whole number, not one with decimals"),
        ({"name": "x", "named": {"b1": {}, "b2": {"above": "x"}}}, "named.b2.above is to be a number, not a text"),
    ],
)
def test_a_whole_that_does_not_fit(value: Any, en: str) -> None:
    """At the top and below a key that anybody may choose."""
    with pytest.raises(Misfit) as caught:
        convert(value, Whole)
    assert caught.value.text.en == en


def test_what_fits_is_converted() -> None:
    """No more than msgspec does."""
    assert convert({"name": "x", "parts": [{"above": 3}]}, Whole) == Whole("x", [Part(above=3.0)])
