"""Numbers: no data, both sides of a range, samples, fading, expressions and what is usual."""

import math
from pathlib import Path

import pytest

from linli.clock import HOUR, SECOND
from linli.i18n import Text
from linli.model import Device, Lane
from rules.durable.state import dump, restore
from rules.engine.compiled import stretch_outside
from rules.engine.inputs import RegistryIn
from tests.unit.rules.world import Bench, Feed, registry, rule_of


def happened(bench: Bench) -> list[tuple[str, float]]:
    """(kind, second)."""
    return [(kind, second) for kind, _, second in bench.happened]


def bench_of(folder: Path, reading: str, more: str = "") -> Bench:
    """A rule of one reading clause."""
    return Bench(rule_of(folder, f"  - reading: {{{reading}}}\n{more}"))


def put(bench: Bench, *values: float, start: float = 0, unit: str | None = None) -> list[tuple[str, float]]:
    """One reading of the cable a second; what has happened so far."""
    for number, value in enumerate(values):
        bench.put(bench.feed.reading(start + number, "cable", "temperature", value, unit=unit))
    return happened(bench)


HOT = "quantity: temperature, above: 50, unit: Cel, for: 3s"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_begins_ends_and_resets_nothing(tmp_path: Path, value: float) -> None:
    """Neither what is pending nor what fires."""
    bench = bench_of(tmp_path, HOT)
    assert put(bench, value, 60, value, value) == []
    assert put(bench, value, start=4) == [("opened", 4)]
    assert put(bench, value, 60, start=5) == [("opened", 4)]
    assert put(bench, 40, start=8) == [("opened", 4), ("resolved", 8)]


def test_another_unit_is_no_data(tmp_path: Path) -> None:
    """Fahrenheit is not Celsius; a reading without a unit is taken at its word."""
    bench = bench_of(tmp_path, HOT)
    put(bench, 60, unit="Cel")
    put(bench, 20, start=1, unit="K")
    assert put(bench, 60, start=3) == [("opened", 3)]
    assert put(bench, 20, start=4, unit="K") == [("opened", 3)]


def test_outside_a_range_until_well_inside_it(tmp_path: Path) -> None:
    """The borders belong to the range; from one side to the other it goes on."""
    bench = bench_of(tmp_path, "quantity: temperature, outside: [10, 20], reset_inside: [12, 18]")
    assert put(bench, 10, 20, 15) == []
    assert put(bench, 20.001, 15, 9.999, 30, 11, 19, 12, start=3) == [
        ("opened", 3),
        ("resolved", 4),
        ("occurred", 5),
        ("resolved", 9),
    ]


def test_samples_take_readings_and_no_timer(tmp_path: Path) -> None:
    """Two of them, the last at least a quarter of an hour after the first; time alone says nothing, one good one ends it."""
    bench = bench_of(tmp_path, "quantity: temperature, above: 50, samples: 2, for: 15m")
    put(bench, 60)
    bench.put(bench.feed.beat(1000, Lane.BULK))
    assert put(bench, 60, start=899) == []
    assert put(bench, 60, start=1001) == [("opened", 1001)]
    assert put(bench, 40, 60, start=1100) == [("opened", 1001), ("resolved", 1100)]
    assert put(bench, 60, start=2001.5)[2:] == [("occurred", 2001.5)]


def test_a_reading_that_fades_goes_by_the_last_one_beyond(tmp_path: Path) -> None:
    """Movement is 1 now and then: what lies between is nothing, a minute without one is the end."""
    bench = bench_of(tmp_path, "quantity: temperature, at_least: 1, for: 30s, fades: 1m")
    put(bench, 1, 0, 0)
    put(bench, 1, 0, start=40)
    bench.put(bench.feed.beat(99, Lane.BULK))
    assert happened(bench) == [("opened", 30)]
    bench.put(bench.feed.beat(100, Lane.BULK))
    assert happened(bench) == [("opened", 30), ("resolved", 100)]


def test_an_expression_over_two_quantities(tmp_path: Path) -> None:
    """Unknown until both have been told; then it is looked at with each of them, and the alert has the number."""
    bench = bench_of(tmp_path, "value: temperature - humidity, above: 10")
    feed = bench.feed
    bench.put(feed.reading(0, "cable", "temperature", 50), feed.reading(1, "cable", "humidity", 45))
    assert happened(bench) == []
    bench.put(feed.reading(2, "cable", "humidity", 30))
    assert happened(bench) == [("opened", 2)]
    assert bench.alert("test-rule").why["value"] == 20
    bench.put(feed.reading(3, "cable", "temperature", 40))
    assert happened(bench) == [("opened", 2), ("resolved", 3)]


def test_an_average_of_a_place(tmp_path: Path) -> None:
    """Sensors of one building together; of another they are another's."""
    bench = bench_of(tmp_path, "value: place.avg(temperature), above: 50", "    by: building\n")
    feed = bench.feed
    more = [Device(f"cable-{place}", "c1", "gw", "cable_sensor", Text("缆", place), place) for place in ("b1-f3", "b2")]
    bench.put(RegistryIn(registry(2, *more)))
    bench.put(feed.reading(0, "cable", "temperature", 40), feed.reading(1, "cable-b2", "temperature", 30))
    bench.engine = restore(dump(bench.engine))
    assert bench.put(feed.reading(2, "cable-b1-f3", "temperature", 70)) == [("opened", "test-rule", 2)]
    assert bench.put(feed.reading(3, "cable", "temperature", 20)) == [("resolved", "test-rule", 3)]


def test_what_is_beyond_the_usual_range(tmp_path: Path) -> None:
    """Two days of about 20 at every hour; then 20.4 is nothing and 35 is."""
    bench = bench_of(tmp_path, "quantity: temperature, normal: {sigmas: 4, learn: 2d, by: always}")
    feed = bench.feed
    for number in range(96):
        at = number * HOUR / SECOND / 2
        bench.put(feed.reading(at, "cable", "temperature", 20 + (number % 3 - 1) / 2))
    assert happened(bench) == []
    day = 96 * 1800
    assert put(bench, 20.4, 35, 20, start=day) == [("opened", day + 1), ("resolved", day + 2)]


def test_evidence_is_the_first_and_the_newest_reading(tmp_path: Path) -> None:
    """What went on beyond the limit in between is not kept one by one; the sentence tells of the newest."""
    bench = bench_of(tmp_path, "quantity: temperature, above: 50, for: 60s")
    put(bench, *[51.0 + number for number in range(50)])
    bench.put(bench.feed.beat(61, Lane.BULK))
    alert = bench.alert("test-rule")
    assert [evidence.value for evidence in alert.evidence] == [51, 100]
    assert alert.why["value"] == 100
    put(bench, 120, 110, 40, start=62)
    assert [evidence.value for evidence in bench.alert("test-rule").evidence] == [51, 100, 110, 40]


def test_a_stretch_outside_an_interval_is_one_side_of_it() -> None:
    """Exactly up to its ends, which belong to it."""
    low, high = stretch_outside((1.0, 2.0), 0.0), stretch_outside((1.0, 2.0), 5.0)
    assert low[0] < 1.0 < low[1] < 1.0000001
    assert high[0] < 2.0 < high[1] == math.inf


def test_a_reading_in_its_band_costs_nothing_but_a_note(tmp_path: Path) -> None:
    """No watch is made of it, whatever number of rules look at it; the first one beyond is seen at once."""
    bench = bench_of(tmp_path, "quantity: temperature, above: 50", "  - reading: {quantity: temperature, below: 10}\n")
    assert put(bench, *[20.0, 30.0, 49.0] * 10) == []
    assert bench.engine.watches == {}
    assert bench.engine.counters.evaluations == 60
    assert put(bench, 51, start=40) == [("opened", 40)]


def test_a_device_that_reports_far_below_its_limit_is_heard(tmp_path: Path) -> None:
    """What nothing else comes of keeps absence away, also across a restart; the gap in which nothing came does not."""
    bench = Bench(rule_of(tmp_path, "  - missing: {for: 30s}\n"), Feed())
    feed = bench.feed
    others = ["cam", "cam-2", "door", "door-2", "smoke", "smoke-b2"]
    for second in range(0, 200, 10):
        bench.put(feed.beat(second, Lane.BULK), *(feed.alive(second, name) for name in others))
        if second < 100:
            bench.put(feed.reading(second, "cable", "temperature", 20))
        if second == 50:
            bench.engine = restore(dump(bench.engine))
    assert happened(bench) == [("opened", 120)]
    assert bench.alert("test-rule").subject == "cable"
