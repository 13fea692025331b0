"""Time: parsed strictly, written one way, and a clock that a simulation may scale."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli import clock
from linli.clock import ScaledClock, SystemClock, format_time, local_time, parse_time
from linli.testing import ManualClock
from tests.unit.linli.strategies import times


@given(times)
def test_a_time_comes_back(us: int) -> None:
    """parse_time(format_time(x)) == x, to the microsecond."""
    assert parse_time(format_time(us)) == us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("2023-11-14T22:13:20.1Z", 1_700_000_000_100_000),
        ("2023-11-14T22:13:20.12Z", 1_700_000_000_120_000),
        ("2023-11-14T22:13:20.123456Z", 1_700_000_000_123_456),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123_456),
        ("2023-11-14T22:13:20.999999999Z", 1_700_000_000_999_999),
        ("2023-11-15T06:13:20+08:00", 1_700_000_000_000_000),
        ("2023-11-15T06:13:20+0800", 1_700_000_000_000_000),
        ("2023-11-14T12:43:20-09:30", 1_700_000_000_000_000),
        ("2023-11-14t22:13:20z", 1_700_000_000_000_000),
        ("2023-11-14 22:13:20Z", 1_700_000_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
        ("2016-12-31T23:59:60.5Z", 1_483_228_799_500_000),
        ("1969-12-31T23:59:59.9Z", -100_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
    ],
)
def test_what_devices_write(text: str, us: int) -> None:
    """No fraction to nine digits (cut, not rounded), any zone, a leap second."""
    assert parse_time(text) == us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2023-11-14T22:13:20",
        "2023-11-14",
        "2023-11-14T22:13Z",
        "2023-13-14T22:13:20Z",
        "2023-00-14T22:13:20Z",
        "2023-02-29T22:13:20Z",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T22:13:61Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.1234567890Z",
        "2023-11-14T22:13:20+99:99",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+00:60",
        "2023-11-14T22:13:20+8",
        "0000-01-01T00:00:00Z",
        " 2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20Z\n",
        "２０２３-11-14T22:13:20Z",
        "-2023-11-14T22:13:20Z",
    ],
)
def test_what_is_no_time(text: str) -> None:
    """A time without a zone too: which clock it would mean is not known."""
    with pytest.raises(ValueError):
        parse_time(text)


def test_the_ends_of_the_calendar() -> None:
    """The first and last moments with the widest zones are numbers, not overflows."""
    assert parse_time("0001-01-01T00:00:00+23:59") < parse_time("0001-01-01T00:00:00Z")
    assert parse_time("9999-12-31T23:59:59-23:59") > parse_time("9999-12-31T23:59:59Z")


@given(st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", fullmatch=True) | st.text())
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """No OverflowError and nothing else, for text of the right shape too."""
    try:
        us = parse_time(text)
    except ValueError:
        return
    assert abs(us) < 2**60


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2242, 1, 1)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_a_zone_names_the_same_moment(moment: datetime, minutes: int) -> None:
    """However the offset is written, the moment is the one that datetime computes."""
    sign = "-" if minutes < 0 else "+"
    zone = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    expected = moment.replace(tzinfo=UTC) - timedelta(minutes=minutes)
    assert parse_time(moment.isoformat() + zone) == (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


def test_local_time() -> None:
    """What the clock on the wall of the compound shows."""
    shown = local_time(1_700_000_000_000_000, ZoneInfo("Asia/Shanghai"))
    assert shown.isoformat() == "2023-11-15T06:13:20+08:00"


def test_the_machines_clock_goes_forward() -> None:
    """Microseconds, in this century."""
    system = SystemClock()
    before = system.now()
    assert 1_600_000_000 * clock.SECOND < before <= system.now()
    assert system.monotonic() <= system.monotonic()


def test_a_scaled_clock_runs_faster_from_its_origin() -> None:
    """Ten hours ago by the machine, at ten times the speed, a hundred hours have passed since its origin."""
    now = SystemClock().now()
    scaled = ScaledClock(10, origin=0, real_origin=now - 10 * clock.HOUR)
    assert 0 <= scaled.now() - 100 * clock.HOUR < 10 * clock.MINUTE
    assert scaled.monotonic() > 0


def test_a_manual_clock_moves_when_told() -> None:
    """The fake that other tests rely on."""
    manual = ManualClock(5)
    manual.advance(1.5)
    assert manual.now() == 1_500_005
    assert manual.monotonic() == pytest.approx(1.500005)
