"""Which time counts when a clock is wrong."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from linli.eventtime import AHEAD, CLOCK_UNSET, is_sane, settle
from linli.model import READINGS_TYPE, Lane, Message, Reading, TimeSource

NOW = 1_800_000_000 * SECOND
YEAR = 365 * DAY
BOOT = 90 * SECOND
"""What a clock that starts at 1970 says a minute and a half after power came."""


def event(time: int, agent_time: int) -> Message:
    return Message("c001", "gw-1", "b1", Lane.URGENT, 1, 1, "sensor.smoke.detected", "smoke-1", time, agent_time)


def packet(agent_time: int, *times: int) -> Message:
    readings = tuple(Reading("t-1", "temperature", time, 20.0, "Cel") for time in times)
    return replace(event(max(times), agent_time), type=READINGS_TYPE, readings=readings)


def test_unset_means_before_2000() -> None:
    """To the microsecond."""
    assert parse_time("2000-01-01T00:00:00Z") == CLOCK_UNSET


@pytest.mark.parametrize("behind", [0, -AHEAD, HOUR, 8 * YEAR])
def test_what_is_sane_is_left_alone(behind: int) -> None:
    """A backlog of hours and a device that is believed about years ago keep their times: the very same message."""
    for message in (event(NOW - behind, NOW), event(NOW - behind, NOW - behind), packet(NOW, NOW - behind)):
        assert settle(message, NOW) is message


@pytest.mark.parametrize("wrong", [BOOT, NOW + YEAR, NOW + AHEAD + 1, CLOCK_UNSET - 1])
def test_a_wrong_time_of_a_right_agent_is_the_agents(wrong: int) -> None:
    """By its own clock, so that the message sent again is the same one, and marked so."""
    message = replace(event(wrong, NOW - HOUR), time_source=TimeSource.DEVICE)
    for received_at in (NOW, NOW + MINUTE):
        settled = settle(message, received_at)
        if not is_sane(wrong, received_at):
            assert (settled.time, settled.time_source, settled.agent_time) == (
                NOW - HOUR,
                TimeSource.AGENT,
                NOW - HOUR,
            )


@pytest.mark.parametrize("clock", [BOOT, NOW + YEAR, NOW + AHEAD + 1])
def test_with_a_wrong_agent_the_receive_time_counts(clock: int) -> None:
    """A gateway without a clock, or with one that is ahead, alarms now, and says whose time that is."""
    settled = settle(event(clock, clock), NOW)
    assert (settled.time, settled.agent_time, settled.time_source) == (NOW, NOW, TimeSource.SERVER)


def test_a_right_device_time_survives_a_wrong_agent() -> None:
    """What the device says is believed as it is."""
    settled = settle(replace(event(NOW - HOUR, NOW + YEAR), time_source=TimeSource.DEVICE), NOW)
    assert (settled.time, settled.agent_time, settled.time_source) == (NOW - HOUR, NOW, TimeSource.DEVICE)


def test_readings_of_one_packet_stay_apart() -> None:
    """As far as they were on the agent's own clock: two of one series at one time would be one."""
    settled = settle(packet(BOOT, BOOT - 20 * SECOND, BOOT - 10 * SECOND, BOOT), NOW)
    assert [reading.time for reading in settled.readings] == [NOW - 20 * SECOND, NOW - 10 * SECOND, NOW]
    assert settled.time == NOW


@given(
    time=st.integers(0, 2**53 - 1),
    agent_time=st.integers(0, 2**53 - 1),
    received_at=st.integers(CLOCK_UNSET + 2 * DAY, 2**52),
)
def test_all_is_sane_afterwards_and_settling_twice_changes_nothing(
    time: int, agent_time: int, received_at: int
) -> None:
    """Whatever the clocks say."""
    for message in (event(time, agent_time), packet(agent_time, time)):
        settled = settle(message, received_at, hopeless=2**62)
        assert is_sane(settled.time, received_at)
        assert is_sane(settled.agent_time, received_at)
        assert all(is_sane(reading.time, received_at) for reading in settled.readings)
        assert settle(settled, received_at, hopeless=2**62) is settled


def test_what_is_years_ahead_is_left_to_be_refused() -> None:
    """A time ten years off is no clock's drift: it becomes a dead letter, and is not made up."""
    message = event(NOW + 10 * YEAR, NOW)
    assert settle(message, NOW).time == NOW + 10 * YEAR
    assert settle(message, NOW, hopeless=11 * YEAR).time == NOW
