"""What only the registry and the clock can tell of a message."""

import pytest

from ingest.checks import YEAR, check_device, check_event, check_gateway, check_time, sort_readings
from linli.errors import Refused
from linli.model import HEARTBEAT_TYPE
from tests.unit.ingest.world import LIMITS, NOW, event, packet, reading, registry


def _reason(check: object, *args: object) -> str | None:
    try:
        check(*args)  # type: ignore[operator]
    except Refused as refused:
        return refused.reason
    return None


def test_a_gateway_speaks_for_its_own_community() -> None:
    """A registered gateway in its community passes; else the reason says which it is."""
    assert _reason(check_gateway, registry(), "c001", "gw-1") is None
    assert _reason(check_gateway, registry(), "c001", "gw-x") == "unknown_gateway"
    assert _reason(check_gateway, registry(), "c001", "gw-9") == "wrong_community"


def test_a_device_reports_through_its_own_gateway() -> None:
    """Neither an unknown device nor another gateway's passes."""
    assert _reason(check_device, registry(), "gw-1", "door-1") is None
    assert _reason(check_device, registry(), "gw-1", "door-x") == "unregistered_device"
    assert _reason(check_device, registry(), "gw-1", "door-2") == "foreign_device"


def test_the_bound_of_time_is_the_setting_both_ways() -> None:
    """Nine years pass, a little more does not."""
    nine = round(9 * YEAR)
    for sign in (-1, 1):
        assert _reason(check_time, LIMITS, NOW + sign * nine, NOW) is None
        assert _reason(check_time, LIMITS, NOW + sign * (nine + 1), NOW) == "time_out_of_range"


def test_a_gateway_reports_for_itself() -> None:
    """A gateway's own events (heartbeats) need no device."""
    check_event(registry(), LIMITS, event(type=HEARTBEAT_TYPE, subject="gw-1"), NOW)
    with pytest.raises(Refused, match="unregistered_device"):
        check_event(registry(), LIMITS, event(type=HEARTBEAT_TYPE, subject="gw-2"), NOW)


def test_a_packet_without_fault_is_left_whole() -> None:
    """The same readings come back, and no refusal."""
    message = packet(1, reading(), reading(value=3))
    good, refused = sort_readings(registry(), LIMITS, message, NOW)
    assert good == message.readings
    assert refused is None


def test_a_packet_is_sorted_into_good_and_bad() -> None:
    """The good ones stay in order; the refusal has the first reason and names what it is about."""
    old = reading(time=NOW - round(10 * YEAR))
    message = packet(1, reading(value=1), reading("t-x"), old, reading("door-2"), reading(value=2))
    good, refused = sort_readings(registry(), LIMITS, message, NOW)
    assert [r.value for r in good] == [1, 2]
    assert refused is not None
    assert refused.reason == "unregistered_device"
    assert refused.detail.startswith("3 of 5 readings: t-x/temperature: ")
    assert "gateway gw-2" in refused.detail


def test_a_refusal_of_many_readings_stays_short() -> None:
    """Five are named, the rest counted."""
    _, refused = sort_readings(registry(), LIMITS, packet(1, *[reading(f"x-{n}") for n in range(900)]), NOW)
    assert refused is not None
    assert refused.detail.endswith("; and 895 more")
    assert len(refused.detail) < 500
