"""What was usual, against weighted sums over all that was learned."""

import math
import random
from zoneinfo import ZoneInfo

import msgspec
import pytest

from linli.clock import DAY, HOUR, MINUTE
from rules.engine.usual import Kept, Usuals
from rules.language.model import Normal, ReadingClause
from tests.unit.rules.world import NIGHT

ZONE = ZoneInfo("Asia/Shanghai")
MEMORY = ("rule", 0, "d1")


def part(by: str = "always", learn: str = "2d", sigmas: float = 3) -> ReadingClause:
    """A clause that learns."""
    return ReadingClause(quantity="power", normal=Normal(sigmas=sigmas, learn=learn, by=by))


def put(usuals: Usuals, clause: ReadingClause, time: int, value: float) -> tuple[float, float] | None:
    """What was usual before that number."""
    return usuals.usual(clause, MEMORY, "d1", time, value, ZONE)


def weighted(known: list[tuple[int, float]], learn: int, sigmas: float) -> tuple[float, float]:
    """The range by its definition."""
    now = max(time for time, _ in known)
    weights = [math.exp((time - now) / learn) for time, _ in known]
    total = sum(weights)
    mean = sum(weight * value for weight, (_, value) in zip(weights, known, strict=True)) / total
    variance = sum(weight * (value - mean) ** 2 for weight, (_, value) in zip(weights, known, strict=True)) / total
    return mean - sigmas * math.sqrt(variance), mean + sigmas * math.sqrt(variance)


def test_mean_and_deviation_are_weighted_by_age() -> None:
    """Over a hundred days, fifty times `learn`: what is old counts for nothing, and no weight runs over."""
    usuals, clause, rng, known = Usuals(), part(), random.Random(5), [(NIGHT, 500.0)]
    put(usuals, clause, NIGHT, 500.0)
    usual = None
    for hour in range(1, 2400):
        time, value = NIGHT + hour * HOUR, rng.gauss(500, 10)
        usual = put(usuals, clause, time, value)
        if usual is not None:
            assert usual == pytest.approx(weighted(known, 2 * DAY, 3), rel=1e-9)
        if usual is None or usual[0] <= value <= usual[1]:
            known.append((time, value))
    assert usual is not None
    assert usual[0] == pytest.approx(470, abs=15)


def test_it_says_nothing_until_half_of_the_time_has_been_seen() -> None:
    """One day of two; at that instant it does."""
    usuals, clause = Usuals(), part()
    assert put(usuals, clause, NIGHT, 5) is None
    assert put(usuals, clause, NIGHT + DAY - 1, 7) is None
    assert put(usuals, clause, NIGHT + DAY, 6) is not None


def test_a_number_is_compared_before_it_is_learned_and_not_learned_when_beyond() -> None:
    """The same flood is beyond each time it comes."""
    usuals, clause = Usuals(), part()
    for minute in range(0, 1500, 10):
        put(usuals, clause, NIGHT + minute * MINUTE, 10 + minute % 20 / 10)
    ranges = [put(usuals, clause, NIGHT + 2 * DAY + minute * MINUTE, 100) for minute in range(3)]
    assert ranges[0] == ranges[1] == ranges[2]
    assert ranges[0] is not None
    assert ranges[0][1] < 20


def test_what_never_changed_has_a_range_of_one_number() -> None:
    """A variance of zero: anything else is beyond."""
    usuals, clause = Usuals(), part()
    for hour in range(30):
        put(usuals, clause, NIGHT + hour * HOUR, 0.1)
    assert put(usuals, clause, NIGHT + 30 * HOUR, 0.1) == (0.1, 0.1)


def test_each_hour_of_the_local_day_has_its_own() -> None:
    """Nights of 2, days of 100: in the compound's zone. An hour never seen says nothing."""
    usuals, clause = Usuals(), part("hour", "4d")
    for hour in range(96):
        if hour % 24 != 5:
            put(usuals, clause, NIGHT + hour * HOUR, 2 if hour % 24 < 6 else 100)
    assert put(usuals, clause, NIGHT + 4 * DAY, 2) == (2, 2)
    assert put(usuals, clause, NIGHT + 4 * DAY + 5 * HOUR, 2) is None
    assert put(usuals, clause, NIGHT + 4 * DAY + 12 * HOUR, 2) == (100, 100)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_not_learned(value: float) -> None:
    """Nor does it begin anything."""
    usuals, clause = Usuals(), part()
    assert put(usuals, clause, NIGHT, value) is None
    assert len(usuals) == 0


def test_changed_settings_and_forgetting_begin_anew() -> None:
    """Another `learn` or number, or the memory forgotten; another number of deviations does not."""
    usuals = Usuals()
    put(usuals, part(), NIGHT, 1)
    assert put(usuals, part(), NIGHT + DAY, 1) is not None
    assert put(usuals, part(learn="1d"), NIGHT + DAY, 1) is None
    assert put(usuals, part(learn="1d", sigmas=2), NIGHT + 2 * DAY, 1) is not None
    usuals.retain(lambda memory, device: False)
    assert put(usuals, part(learn="1d"), NIGHT + 2 * DAY, 1) is None
    assert put(usuals, part(learn="1d"), NIGHT + 3 * DAY, 1) is not None
    other = ReadingClause(quantity="current", normal=Normal(sigmas=3, learn="1d", by="always"))
    assert put(usuals, other, NIGHT + 3 * DAY, 1) is None


def test_a_snapshot_goes_on_as_if_nothing_had_been() -> None:
    """Bit for bit."""
    straight, before, after, clause, rng = Usuals(), Usuals(), Usuals(), part("hour"), random.Random(7)
    numbers = [(NIGHT + minute * MINUTE, rng.gauss(5, 1)) for minute in range(0, 8 * 1440, 17)]
    expected = [put(straight, clause, *number) for number in numbers]
    found = [put(before, clause, *number) for number in numbers[:400]]
    kept = msgspec.json.encode(before.dump())
    after.restore(msgspec.json.decode(kept, type=Kept))
    assert msgspec.json.encode(after.dump()) == kept
    assert found + [put(after, clause, *number) for number in numbers[400:]] == expected
