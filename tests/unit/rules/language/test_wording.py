"""Clauses in words: exact for what people read most, and never silent."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.i18n import Text
from rules.language.amounts import expression_words, spoken, symbol_of
from rules.language.expression import parse
from rules.language.load import load_rules
from rules.language.model import Clause, ReadingClause
from rules.language.wording import describe
from tests.unit.rules.language.test_expression import TREES

OPENED = {"types": ["access.door.opened"]}
CLOSED = {"types": ["access.door.closed"]}

CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"reading": {"quantity": "temperature", "above": 70, "reset_below": 65, "for": "30s"}},
        "temperature above 70 °C for 30 s, until below 65 °C",
        "温度高于 70 °C，持续 30 秒，直到低于 65 °C",
    ),
    (
        {"reading": {"quantity": "water_level", "at_most": 0.5, "reset_above": 0.75, "keep": "1m"}},
        "water level at most 0.5 m, until above 0.75 m for 1 min",
        "水位不高于 0.5 m，直到高于 0.75 m，并保持 1 分钟",
    ),
    (
        {"reading": {"quantity": "voltage", "outside": [198, 235], "reset_inside": [200, 230], "for": "60s"}},
        "voltage outside 198 to 235 V for 1 min, until back within 200 to 230 V",
        "电压超出 198–235 V，持续 1 分钟，直到回到 200–230 V",
    ),
    (
        {"reading": {"quantity": "co2", "at_least": 1000, "samples": 2, "for": "15m", "fades": "1h"}},
        "carbon dioxide at least 1000 ppm, 2 readings or more for 15 min, until not seen again for 1 h",
        "二氧化碳达到 1000 ppm，至少 2 次读数，持续 15 分钟，直到 1 小时内没有再出现",
    ),
    (
        {"reading": {"quantity": "power", "normal": {"sigmas": 3}}},
        "power off its average of the last 14 d at that hour by more than 3 standard deviations",
        "功率偏离最近 14 天同一时段的平均值超过 3 个标准差",
    ),
    (
        {"reading": {"value": "avg(temperature, 5m) - place.avg(temperature)", "above": 5, "keep": "10s"}},
        "the average of temperature over 5 min − the average temperature there above 5 °C, until back for 10 s",
        "5 分钟内温度的平均值 − 该处温度的平均值高于 5 °C，直到恢复，并保持 10 秒",
    ),
    (
        {"state": {"begins": OPENED, "ends": [CLOSED, {"types": ["sensor.contact.closed"]}], "for": "30s"}},
        "door opened for 30 s, until door closed or contact closed",
        "门打开，持续 30 秒，直到门关闭或门磁闭合",
    ),
    (
        {"state": {"begins": {**OPENED, "unless": {"types": ["access.granted"], "within": "10s"}}, "fades": "2m"}},
        "door opened, unless there is access granted within 10 s, until not seen again for 2 min",
        "门打开，除非 10 秒内有准许通行，直到 2 分钟内没有再出现",
    ),
    (
        {
            "event": {
                "types": ["camera.person.detected"],
                "where": {"direction": ["in", "out"], "sure": True},
                "repeated": {"times": 2, "within": "5s"},
                "after": {"types": ["access.granted"], "within": "5s", "without": CLOSED},
            },
            "by": "place",
        },
        (
            "person detected (direction: in or out, sure: yes) 2 times within 5 s, within 5 s after access granted, "
            "with no door closed since, until not again for 10 min, the devices of one place together"
        ),
        (
            "5 秒内发现人员（方向：进或出，sure：是） 2 次，在准许通行之后 5 秒内，其间没有门关闭，"
            "直到 10 分钟内没有再发生，同一处的设备合在一起"
        ),
    ),
    (
        {"event": {"types": ["access.denied"], "quiet": "5m"}, "by": "data.credential", "armed": ["away", "night"]},
        "access denied, until not again for 5 min, while the place's mode is away or night, for each credential by itself",
        "拒绝通行，直到 5 分钟内没有再发生，当该处模式为外出布防或夜间布防，按每个凭证分别计",
    ),
    (
        {"missing": {"types": ["device.heartbeat"], "for": "180s"}, "only": {"device_kinds": ["camera"]}},
        "no device heartbeat for 3 min, only: camera",
        "3 分钟没有设备心跳，仅限：摄像机",
    ),
    (
        {"missing": {"for": "24h"}, "during": {"from": "23:00", "to": "05:00", "days": ["sat", "holiday"]}},
        "no report at all for 1 d, between 23:00 and 05:00 on Saturday, holidays",
        "1 天没有任何上报，周六、休息日 23:00 至 05:00",
    ),
    (
        {
            "all": {
                "of": [{"missing": {"types": ["access.door.opened"], "for": "24h"}}, {"missing": {"for": "1h"}}],
                "for": "1m",
            },
            "by": "building",
        },
        (
            "at once: (1) no door opened for 1 d; (2) no report at all for 1 h, all of them for 1 min, "
            "the devices of one building together"
        ),
        "同时满足：（1）1 天没有门打开；（2）1 小时没有任何上报，全部持续 1 分钟，同一楼栋的设备合在一起",
    ),
]


def test_limits_are_in_the_units_that_people_know() -> None:
    """Both ends of a range in one unit, and none of the digits that somebody wrote left out."""
    ranged = {"quantity": "water_pressure", "outside": [70_000, 1_250_000], "reset_inside": [75_000, 1_234_567]}
    pressure = describe(msgspec.convert({"reading": ranged}, Clause))
    assert pressure.en == "water pressure outside 0.07 to 1.25 MPa, until back within 0.075 to 1.234567 MPa"
    current = describe(msgspec.convert({"reading": {"quantity": "residual_current", "above": 0.3}}, Clause))
    assert current.zh == "剩余电流高于 300 mA"


@pytest.mark.parametrize(("document", "en", "zh"), CASES)
def test_a_clause_in_words(document: dict[str, Any], en: str, zh: str) -> None:
    """Each part, and what may be said with it."""
    assert describe(msgspec.convert(document, Clause)) == Text(zh, en)


@pytest.mark.parametrize(
    ("expression", "en", "symbol"),
    [
        ("temperature", "temperature", "°C"),
        ("temperature * 1.8 + 32", "(temperature × 1.8) + 32", ""),
        ("temperature - 5", "temperature − 5", "°C"),
        ("temperature + humidity", "temperature + humidity", ""),
        ("-(temperature - device_temperature)", "−(temperature − device temperature)", "°C"),
        ("rate(temperature, 10m) * 60", "the change of temperature by second, over 10 min × 60", ""),
        ("rate(temperature, 10m)", "the change of temperature by second, over 10 min", "°C/s"),
        ("count(temperature, 1h)", "the number of readings of temperature in 1 h", ""),
        ("max(co, highest(co, 5m), 3)", "the greatest of CO, the highest CO of 5 min, 3", "mg/m³"),
        ("place.count(rssi)", "the number of devices there that report signal strength", ""),
    ],
)
def test_an_expression_in_words(expression: str, en: str, symbol: str) -> None:
    """With the symbol of its unit, where that is clear."""
    en = en.replace("CO", "carbon monoxide")
    assert expression_words(parse(expression)).en == en
    assert symbol_of(ReadingClause(value=expression, above=1)) == symbol


def test_durations_are_in_the_largest_unit_that_fits() -> None:
    """As people say them."""
    assert [spoken(us).en for us in (0, 500_000, 90_000_000, 3_600_000_000, 172_800_000_000)] == [
        "0 s",
        "0.5 s",
        "90 s",
        "1 h",
        "2 d",
    ]


DURATIONS = st.sampled_from(["1s", "30s", "5m", "24h", "500ms"])
TYPES = st.lists(
    st.sampled_from(["access.door.opened", "camera.person.detected", "site.own.type"]), min_size=1, max_size=3
)
MATCHES = st.fixed_dictionaries(
    {"types": TYPES},
    optional={
        "where": st.dictionaries(st.sampled_from("ab{}"), st.sampled_from([1, True, "x{y}", ["a", False], None]))
    },
)
HOURS = st.fixed_dictionaries(
    {"from": st.just("23:00"), "to": st.just("05:00")}, optional={"days": st.just(["mon", "workday"])}
)


def _with(base: st.SearchStrategy[dict[str, Any]], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda one, other: {**one, **other}, base, st.fixed_dictionaries({}, optional=more))


HAPPENINGS = _with(
    MATCHES,
    unless=_with(MATCHES, within=DURATIONS).map(lambda match: {"within": "1s", **match}),
    after=_with(MATCHES, without=MATCHES).map(lambda match: {"within": "1s", **match}),
    repeated=st.just({"times": 3, "within": "1m"}),
    during=HOURS,
)
PAIRS = st.just([198, 235])
LIMITS = st.one_of(
    st.sampled_from(["above", "at_least", "below", "at_most"]).map(lambda key: {key: 5}),
    st.just({"outside": [1, 2]}),
    st.sampled_from(["hour", "always"]).map(lambda by: {"normal": {"sigmas": 2, "by": by}}),
)
NUMBERS = st.sampled_from(["temperature", "own"]).map(lambda name: {"quantity": name}) | TREES.map(
    lambda tree: {"value": str(tree)}
)
READINGS = _with(
    st.builds(lambda number, limit: {**number, **limit}, NUMBERS, LIMITS),
    **{"for": DURATIONS, "keep": DURATIONS, "fades": DURATIONS, "samples": st.integers(1, 3), "reset_inside": PAIRS},
    reset_below=st.just(3),
)
STATES = _with(
    HAPPENINGS.map(lambda begins: {"begins": begins}),
    **{"for": DURATIONS, "keep": DURATIONS, "fades": DURATIONS, "ends": st.lists(MATCHES, max_size=2)},
)
PARTS = st.one_of(
    HAPPENINGS.map(lambda part: {"event": part}),
    STATES.map(lambda part: {"state": part}),
    READINGS.map(lambda part: {"reading": part}),
    st.just({"missing": {"for": "5m"}}),
)
MEMBERS = st.lists(PARTS, min_size=2, max_size=3).map(lambda of: {"all": {"of": of, "keep": "5s"}})
ONLY = st.fixed_dictionaries(
    {"device_kinds": st.just(["camera"])},
    optional={"facility_kinds": st.just(["lift", "water"]), "place_kinds": st.just(["room"])},
)
CLAUSES = _with(
    PARTS | MEMBERS,
    by=st.sampled_from(["device", "place", "building", "community", "data.card"]),
    during=HOURS,
    armed=st.just(["away", "unheard"]),
    only=ONLY,
)


@settings(max_examples=150, deadline=None)
@given(CLAUSES)
def test_every_clause_has_words_in_both_languages(document: dict[str, Any]) -> None:
    """All parts with all that may go with them: nothing is left to be filled in, nothing is empty."""
    words = describe(msgspec.convert(document, Clause))
    for text in (words.zh, words.en):
        assert text.strip()
        assert not re.search(r"\{(?!\})[a-z]{2,}\}", text)
        assert "  " not in text
        assert ", ," not in text


def test_every_clause_of_the_catalogue_has_words() -> None:
    """In both languages, and not the same."""
    for rule in load_rules():
        for clause in rule.when:
            words = describe(clause)
            assert words.zh
            assert words.en
            assert words.zh != words.en
