from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import DAY, HOUR, parse_time
from simulators import curves

ZONE = ZoneInfo("Asia/Shanghai")
COURSES = [
    curves.POWER,
    curves.WATER,
    curves.FOOT_TRAFFIC,
    curves.CARS,
    curves.IN_VIEW,
    curves.OFFICE_HOURS,
]


@pytest.mark.parametrize("course", COURSES)
def test_course_goes_round(course: curves.Course) -> None:
    """A course covers the whole day, in order, stays within 0 and 1, and midnight joins on."""
    hours = [hour for hour, _ in course]
    assert hours == sorted(hours)
    assert (hours[0], hours[-1]) == (0, 24)
    assert course[0][1] == course[-1][1]
    assert all(0 <= share <= 1 for _, share in course)


@given(st.floats(0, 24))
def test_share_lies_between_neighbours(hour: float) -> None:
    """No hour gives a share outside the course, 24:00 included."""
    for course in COURSES:
        shares = [share for _, share in course]
        assert min(shares) - 1e-9 <= curves.share(course, hour) <= max(shares) + 1e-9


def test_area_of_a_straight_course() -> None:
    """Half the share for 12 hours amounts to 6 hours at full share."""
    assert curves.hours_of_full(((0, 0.5), (24, 0.5)), 12) == pytest.approx(6)


def test_nobody_in_view_in_armed_hours() -> None:
    """The default day must not cause an intrusion alert."""
    armed = [23, 23.5, 0, 1, 2, 3, 4, 4.99]
    assert [curves.share(curves.IN_VIEW, hour) for hour in armed] == [0] * len(armed)


@given(st.integers(0, 30 * 24 * 60), st.integers(0, 3 * 60))
def test_total_never_falls(minutes: int, more: int) -> None:
    """A meter that is read later shows at least as much, over midnight too."""
    start = parse_time("2026-11-01T00:00:00+08:00") + minutes * 60_000_000
    before = curves.total_hours(curves.WATER, start, ZONE)
    assert curves.total_hours(curves.WATER, start + more * 60_000_000, ZONE) >= before - 1e-9


def test_total_counts_whole_days() -> None:
    """A day adds exactly the area of the course."""
    start = parse_time("2026-11-01T09:00:00+08:00")
    gained = curves.total_hours(curves.WATER, start + DAY, ZONE) - curves.total_hours(curves.WATER, start, ZONE)
    assert gained == pytest.approx(curves.hours_of_full(curves.WATER, 24))


def test_weather() -> None:
    """Summer afternoons are hot, winter nights are cold."""
    july = parse_time("2026-07-25T15:00:00+08:00")
    january = parse_time("2027-01-24T03:00:00+08:00")
    assert 29 < curves.outdoor_temperature(july, ZONE) < 35
    assert 0 < curves.outdoor_temperature(january, ZONE) < 6
    assert curves.hour_of(july + HOUR // 2, ZONE) == pytest.approx(15.5)
