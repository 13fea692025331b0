"""What a reading clause's number is: expressions with memory."""

import math
import random
import sys
from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.clock import SECOND
from rules.engine.numbers import Kept, Numbers
from rules.language.model import ReadingClause
from tests.unit.rules.world import NIGHT

MEMORY = ("rule", 0, "b1")


def part(value: str | None, fresh: str = "15m") -> ReadingClause:
    """A clause over this expression."""
    return ReadingClause(quantity="" if value else "temperature", value=value, above=0, fresh=fresh)


class Bench:
    """One clause and its memory."""

    def __init__(self, value: str | None, fresh: str = "15m") -> None:
        self.part = part(value, fresh)
        self.numbers = Numbers()

    def put(self, second: float, value: float, quantity: str = "temperature", device: str = "d1") -> float:
        """The number after that reading."""
        return self.numbers.value(self.part, MEMORY, device, quantity, round(second * SECOND), value)


def test_without_an_expression_the_number_is_the_reading_and_nothing_is_kept() -> None:
    """A quantity that no expression names costs nothing."""
    bench = Bench(None)
    assert bench.put(0, 21.5) == 21.5
    assert math.isnan(bench.put(1, math.inf))
    assert len(bench.numbers) == 0


def test_arithmetic_over_two_quantities_waits_for_both() -> None:
    """An expression of which a part is unknown is no data."""
    bench = Bench("(supply - back) * 4.2 / 2")
    assert math.isnan(bench.put(0, 60, "supply"))
    assert bench.put(1, 50, "back") == pytest.approx(21)
    assert bench.put(2, 70, "supply") == pytest.approx(42)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 13.0),
        ("-a - -b", 2.0),
        ("abs(a - b)", 2.0),
        ("min(a, b, 4)", 3.0),
        ("max(a, b, 4)", 5.0),
        ("a / (b - 5)", math.nan),
        ("max(1, a / (b - 5))", math.nan),
        ("1 / (a * 1e308 * 1e308)", math.nan),
        ("(a + b) / 2 - 1.5", 2.5),
    ],
)
def test_the_value_of_an_expression(text: str, expected: float) -> None:
    """With a = 3 and b = 5. What is no finite number on the way is no data."""
    bench = Bench(text)
    bench.put(0, 3, "a")
    assert bench.put(1, 5, "b") == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_says_nothing_and_is_not_kept(value: float) -> None:
    """No data, and the next number is as if it had never come."""
    bench = Bench("avg(temperature, 1m)")
    bench.put(0, 10)
    assert math.isnan(bench.put(1, value))
    assert bench.put(2, 20) == 15


def test_a_quantity_that_the_expression_does_not_name_says_nothing() -> None:
    """Nor is it kept."""
    bench = Bench("temperature")
    assert math.isnan(bench.put(0, 1, "humidity"))
    assert len(bench.numbers) == 0


def test_several_windows_of_one_expression() -> None:
    """The same and other quantities and widths, each by itself."""
    bench = Bench("avg(temperature, 10s) - avg(temperature, 60s) + count(humidity, 60s)")
    bench.put(0, 10)
    bench.put(30, 1, "humidity")
    assert bench.put(50, 40) == 40 - 25 + 1


def test_a_window_is_as_of_the_newest_reading_of_the_device() -> None:
    """Another quantity's too: by then there is nothing in it."""
    bench = Bench("temperature + count(humidity, 10s)")
    bench.put(0, 50, "humidity")
    assert bench.put(5, 20) == 21
    assert bench.put(11, 20) == 20


def test_how_fast_it_rises() -> None:
    """1 degree in 10 s, over a window of 20 s, once it is covered."""
    bench = Bench("rate(temperature, 20s) * 60")
    assert [bench.put(second, second / 10) for second in (0, 10)] == pytest.approx([math.nan] * 2, nan_ok=True)
    assert bench.put(20, 2) == pytest.approx(6)


def test_a_meter_that_was_reset_has_no_change() -> None:
    """And has one again when the reset lies before the window."""
    bench = Bench("change(water_volume, 10s)")
    series = [(0, 100.0), (10, 101.0), (15, 0.0), (25, 0.5), (35, 0.75)]
    found = [bench.put(second, value, "water_volume") for second, value in series]
    assert found == pytest.approx([math.nan, 1.0, math.nan, 0.5, 0.25], nan_ok=True)


def test_a_late_reading_goes_where_it_belongs() -> None:
    """The number stays that as of the newest: any order of arrival ends with the same."""
    series = [(0, 4.0), (20, 8.0), (40, 12.0), (60, 10.0)]
    ends = set()
    for order in permutations(series):
        bench = Bench("temperature + avg(temperature, 30s) + change(temperature, 40s)")
        ends.add([bench.put(second, value) for second, value in order][-1])
    assert ends == {10 + 11 + (10 - 8)}


def test_over_all_devices_of_the_memory() -> None:
    """Each with its newest reading."""
    for function, expected in (("avg", 20), ("min", 10), ("max", 30), ("sum", 60), ("count", 3)):
        bench = Bench(f"place.{function}(temperature)")
        bench.put(0, 99, device="d3")
        bench.put(1, 10, device="d1")
        bench.put(2, 30, device="d3")
        assert bench.put(3, 20, device="d2") == expected


def test_a_device_that_is_silent_for_too_long_no_longer_counts() -> None:
    """A reading exactly `fresh` old does."""
    bench = Bench("place.count(temperature)", fresh="10s")
    bench.put(0, 1, device="d1")
    assert bench.put(10, 1, device="d2") == 2
    assert bench.put(10.5, 1, device="d2") == 1


def test_a_device_with_a_backlog_does_not_count_with_what_is_old() -> None:
    """What is fresh goes by the newest reading of the whole memory."""
    bench = Bench("place.max(temperature)", fresh="1m")
    bench.put(3600, 20, device="d1")
    assert bench.put(0, 99, device="d2") == 20
    assert bench.put(3600, 30, device="d2") == 30


def test_one_device_against_its_place() -> None:
    """How far it is off the others."""
    bench = Bench("temperature - place.avg(temperature)")
    bench.put(0, 10, device="d1")
    bench.put(0, 10, device="d2")
    assert bench.put(0, 40, device="d3") == 20


def test_memories_know_nothing_of_each_other() -> None:
    """The same device in another memory, or of another clause, begins with nothing."""
    numbers, clause = Numbers(), part("count(temperature, 1m)")
    assert numbers.value(clause, ("rule", 0, "b1"), "d", "temperature", 0, 1.0) == 1
    assert numbers.value(clause, ("rule", 0, "b2"), "d", "temperature", 0, 1.0) == 1
    assert numbers.value(clause, ("rule", 1, "b1"), "d", "temperature", 0, 1.0) == 1
    assert numbers.value(clause, ("rule", 0, "b1"), "d", "temperature", 0, 1.0) == 2


def test_forgetting() -> None:
    """What is gone; another expression begins anew by itself."""
    bench = Bench("place.count(temperature)")
    for device in ("d1", "d2", "d3"):
        bench.put(0, 1, device=device)
    bench.numbers.retain(lambda memory, device: memory == MEMORY and device != "d2")
    assert bench.put(0, 1, device="d1") == 2
    bench.numbers.retain(lambda memory, device: memory != MEMORY)
    assert len(bench.numbers) == 0
    bench.put(0, 1)
    bench.part = part("count(temperature, 1m)")
    assert bench.put(1, 1) == 1


def test_a_device_whose_own_expression_differs_still_counts_for_its_place() -> None:
    """As an override may have it."""
    numbers = Numbers()
    numbers.value(part("temperature + humidity"), MEMORY, "d1", "temperature", 0, 10.0)
    numbers.value(part("humidity + 1"), MEMORY, "d2", "humidity", 0, 10.0)
    assert numbers.value(part("place.avg(temperature)"), MEMORY, "d3", "temperature", 0, 20.0) == 15


TEXTS = [
    "temperature * 2 - humidity",
    "avg(temperature, 20s) + count(humidity, 20s) * rate(temperature, 5s)",
    "place.sum(temperature) / max(place.count(humidity), change(temperature, 10s))",
]
READING = st.tuples(
    st.sampled_from(["d1", "d2", "d3"]),
    st.sampled_from(["temperature", "humidity"]),
    st.integers(0, 40),
    st.floats(-1e6, 1e6) | st.just(math.nan),
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TEXTS), st.lists(READING, max_size=40), st.integers(0, 40))
def test_a_snapshot_goes_on_as_if_nothing_had_been(
    text: str, readings: list[tuple[str, str, int, float]], cut: int
) -> None:
    """Bit for bit, and the same state gives the same bytes."""
    clause, numbers = part(text, "20s"), Numbers()
    straight = [numbers.value(clause, MEMORY, d, q, t * SECOND, v) for d, q, t, v in readings]
    before, after = Numbers(), Numbers()
    first = [before.value(clause, MEMORY, d, q, t * SECOND, v) for d, q, t, v in readings[:cut]]
    kept = msgspec.json.encode(before.dump())
    after.restore(msgspec.json.decode(kept, type=Kept))
    assert msgspec.json.encode(after.dump()) == kept
    second = [after.value(clause, MEMORY, d, q, t * SECOND, v) for d, q, t, v in readings[cut:]]
    assert list(map(repr, first + second)) == list(map(repr, straight))


def _bytes(thing: object, seen: set[int]) -> int:
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    size = sys.getsizeof(thing)
    if isinstance(thing, dict):
        return size + sum(_bytes(key, seen) + _bytes(value, seen) for key, value in thing.items())
    if isinstance(thing, list | tuple):
        return size + sum(_bytes(item, seen) for item in thing)
    if isinstance(thing, msgspec.Struct):
        return size + sum(_bytes(getattr(thing, name), seen) for name in thing.__struct_fields__)
    return size


def test_a_series_is_small() -> None:
    """Of a thousand devices, each a memory of its own: less than 350 bytes for each, its names left out."""
    numbers, clause = Numbers(), part("temperature * 2")
    devices = [f"d{number}" for number in range(1000)]
    memories = [("rule", 0, device) for device in devices]
    for device, memory in zip(devices, memories, strict=True):
        numbers.value(clause, memory, device, "temperature", NIGHT + len(device), random.random())
    names = {id(name) for name in (*devices, *memories)}
    assert _bytes(numbers._told._lists, names) / len(devices) < 350


def test_a_window_is_bounded_whatever_comes() -> None:
    """A million readings a day stay a few hundred."""
    bench = Bench("avg(temperature, 24h)")
    for number in range(3000):
        bench.put(number * 0.1, number)
    [(_, [told])] = bench.numbers.dump()
    assert len(told.windows[0]) <= 513
    assert bench.put(3000 * 0.1, 3000) == pytest.approx(1500, rel=0.01)
