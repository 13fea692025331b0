from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from linli.clock import DAY, HOUR, MINUTE, SECOND, parse_time
from linli.model import Community, Device, Facility, Gateway, Place, Reading
from linli.vocabulary import DEVICE_KINDS, EVENT_TYPES, FACILITY_KINDS, PLACE_KINDS, QUANTITIES
from simulators import curves
from simulators.compound import INTERVALS, TIMEZONE, demo_devices, demo_registry
from simulators.day import Day
from simulators.devices import ANNOUNCE, Observation, Occurrence
from simulators.models import MODELS

ZONE = ZoneInfo(TIMEZONE)
MIDNIGHT = parse_time("2026-11-23T00:00:00+08:00")
KINDS = {device.id: device.kind for device in demo_devices()}


def new_day(seed: int = 1, start: int = MIDNIGHT) -> Day:
    return Day(demo_devices(), seed, ZONE, start)


@cache
def whole_day() -> list[Observation]:
    return new_day().advance(MIDNIGHT + DAY)


def occurrences(seen: Iterable[Observation], *types: str) -> list[Occurrence]:
    return [one for one in seen if isinstance(one, Occurrence) and (not types or one.type in types)]


def series(kind: str, quantity: str) -> list[Reading]:
    return [
        one
        for one in whole_day()
        if isinstance(one, Reading) and one.quantity == quantity and KINDS[one.device] == kind
    ]


def hour(one: Observation) -> float:
    return curves.hour_of(one.time, ZONE)


# --- the compound ---------------------------------------------------------------------------------------------------


def test_compound_has_what_was_asked_for() -> None:
    """12 cameras, 8 doors, 40 facility sensors and a siren, each in a facility."""
    kinds = [device.kind for device in demo_devices()]
    assert (kinds.count("camera"), kinds.count("door"), kinds.count("siren"), len(kinds)) == (12, 8, 1, 61)
    assert all(device.facility for device in demo_devices())


def test_compound_refers_only_to_what_came_before() -> None:
    """Items can be inserted in order, ids are unique, and every kind has a name in the vocabulary."""
    known: set[str] = set()
    for item in demo_registry():
        assert item.id not in known
        match item:
            case Place():
                assert {item.community, *filter(None, [item.parent])} <= known
                assert item.kind in PLACE_KINDS
            case Gateway():
                assert item.community in known
            case Facility():
                assert {item.community, item.place} <= known
                assert item.kind in FACILITY_KINDS
            case Device():
                assert {item.community, item.gateway, item.place, item.facility} <= known
                assert item.kind in DEVICE_KINDS
                assert item.interval_s == INTERVALS[item.kind]
            case Community():
                assert item.timezone == TIMEZONE
        known.add(item.id)


def test_every_kind_has_a_model() -> None:
    """No device of the compound is silent for want of a model."""
    assert {device.kind for device in demo_devices()} <= MODELS.keys()


# --- a day ----------------------------------------------------------------------------------------------------------


def test_same_seed_same_day() -> None:
    """Two runs of one seed agree in every observation; another seed differs."""
    end = MIDNIGHT + 9 * HOUR
    assert new_day().advance(end) == new_day().advance(end)
    assert new_day(seed=2).advance(end) != new_day().advance(end)


def test_how_time_is_cut_does_not_matter() -> None:
    """Steps of 7 s see the same as one step of two hours."""
    start = MIDNIGHT + 7 * HOUR
    end = start + 2 * HOUR
    day = new_day(start=start)
    stepped: list[Observation] = []
    for now in range(start, end, 7 * SECOND):
        stepped += day.advance(now)
    stepped += day.advance(end)
    whole = new_day(start=start).advance(end)

    def by_device(seen: list[Observation]) -> dict[str, list[Observation]]:
        found = defaultdict(list)
        for one in seen:
            found[one.device].append(one)
        return found

    assert by_device(stepped) == by_device(whole)


def test_due_says_when_to_look_again() -> None:
    """Nothing is said before `due`."""
    day = new_day()
    for _ in range(200):
        due = day.due
        assert day.advance(due - 1) == []
        assert all(one.time == due for one in day.advance(due))


def test_only_words_of_the_vocabulary() -> None:
    """Types are named, quantities are known and carry their unit."""
    for one in whole_day():
        if isinstance(one, Reading):
            assert QUANTITIES[one.quantity].unit == one.unit
        else:
            assert one.type in EVENT_TYPES


def test_everything_reports_within_its_interval() -> None:
    """Each device measures at least every `interval_s`, the whole day."""
    last = {device.id: MIDNIGHT for device in demo_devices()}
    limit = {device.id: round((device.interval_s or 0) * SECOND) for device in demo_devices()}
    for one in whole_day():
        if isinstance(one, Reading):
            assert one.time - last[one.device] <= limit[one.device]
            last[one.device] = one.time
    assert all(MIDNIGHT + DAY - time <= limit[device] for device, time in last.items())


def test_cameras_beat_every_minute() -> None:
    """1440 heartbeats a day from each camera, and the one that announces it."""
    beats = [one.device for one in occurrences(whole_day(), "device.heartbeat")]
    assert {beats.count(device) for device, kind in KINDS.items() if kind == "camera"} == {1441}


def test_everything_announces_itself_at_once() -> None:
    """Switched on, each device has reported within seconds: no facility stays unknown for the length of a beat."""
    heard = {one.device for one in whole_day() if isinstance(one, Reading) and one.time < MIDNIGHT + ANNOUNCE}
    assert heard == {device.id for device in demo_devices()}


def test_doors_open_only_for_somebody() -> None:
    """Each opening follows a grant or an exit request within 3 s, and the door closes 5 to 15 s later."""
    last: dict[str, Occurrence] = {}
    openings = 0
    for one in occurrences(whole_day()):
        if KINDS[one.device] != "door":
            continue
        before = last.get(one.device)
        if one.type == "access.door.opened":
            openings += 1
            assert before is not None
            assert before.type in ("access.granted", "access.exit.requested")
            assert one.time - before.time <= 3 * SECOND
        elif before is not None and before.type == "access.door.opened":
            assert one.type == "access.door.closed"
            assert 5 * SECOND <= one.time - before.time <= 15 * SECOND
        last[one.device] = one
    assert openings > 1000


def test_nobody_is_seen_by_night() -> None:
    """No person between 23:00 and 05:00, many by day."""
    seen = [hour(one) for one in occurrences(whole_day(), "camera.person.detected")]
    assert len(seen) > 500
    assert not [at for at in seen if at >= 23 or at < 5]


def test_lifts_run_more_by_day_and_stop_at_floors() -> None:
    """Every stop is in a door zone, and noon sees many times the trips of the small hours."""
    stops = occurrences(whole_day(), "facility.lift.stopped")
    assert all(stop.data["door_zone"] is True for stop in stops)
    by_night = [stop for stop in stops if 1 <= hour(stop) < 4]
    by_day = [stop for stop in stops if 11 <= hour(stop) < 14]
    assert len(by_day) > 10 * max(1, len(by_night))


def test_values_stay_within_their_limits() -> None:
    """What the catalogue alarms on is never reached by itself."""
    limits = {
        ("cable_sensor", "temperature"): (5, 60),
        ("electricity_meter", "voltage"): (200, 233),
        ("residual_current_sensor", "residual_current"): (0.005, 0.25),
        ("air_sensor", "co"): (0, 20),
        ("pressure_sensor", "water_pressure"): (250_000, 800_000),
        ("level_sensor", "water_level"): (2.0, 3.0),
        ("water_probe", "water_leak"): (0, 0),
        ("smoke_detector", "smoke"): (0, 0),
        ("heat_detector", "temperature"): (10, 40),
        ("camera", "frame_rate"): (20, 30),
    }
    for (kind, quantity), (low, high) in limits.items():
        values = [reading.value for reading in series(kind, quantity)]
        assert values, kind
        assert low <= min(values) <= max(values) <= high, kind


@pytest.mark.parametrize(
    ("kind", "quantity", "busy", "calm"),
    [
        ("electricity_meter", "power", (19, 22), (3, 6)),
        ("water_meter", "flow", (6.5, 8), (1, 4)),
        ("air_sensor", "co", (7.5, 9), (1, 4)),
        ("cable_sensor", "temperature", (19, 22), (3, 6)),
    ],
)
def test_peaks_come_when_people_are_up(
    kind: str, quantity: str, busy: tuple[float, float], calm: tuple[float, float]
) -> None:
    """The busy hours lie well above the calm ones."""

    def mean(start: float, end: float) -> float:
        values = [reading.value for reading in series(kind, quantity) if start <= hour(reading) < end]
        return sum(values) / len(values)

    assert mean(*busy) > 1.4 * mean(*calm)


def test_water_volume_never_falls() -> None:
    """A meter counts up only."""
    last: dict[str, float] = {}
    for reading in series("water_meter", "water_volume"):
        assert reading.value >= last.get(reading.device, 0.0)
        last[reading.device] = reading.value


# --- what a scenario lays over it -----------------------------------------------------------------------------------


def test_forced_events_change_the_readings() -> None:
    """A door that was made to open says so until it is made to close."""
    day = new_day()
    day.occur(Occurrence("c001-door-02", MIDNIGHT + 5 * SECOND, "access.door.opened"))
    day.occur(Occurrence("c001-door-02", MIDNIGHT + 90 * SECOND, "access.door.closed"))
    seen = day.advance(MIDNIGHT + 3 * MINUTE)
    states = [one.value for one in seen if isinstance(one, Reading) and one.device == "c001-door-02"]
    assert 1.0 in states
    assert states[-1] == 0.0


def test_hold_is_said_at_once_and_kept() -> None:
    """A held quantity has its value from the first microsecond until before the last."""
    day = new_day()
    start, end = MIDNIGHT + 5 * SECOND, MIDNIGHT + 65 * SECOND
    day.hold("c001-b3-cable-1", "temperature", 78.0, start, end)
    assert day.due <= start
    seen = [one for one in day.advance(MIDNIGHT + 2 * MINUTE) if one.device == "c001-b3-cable-1"]
    held = [one for one in seen if isinstance(one, Reading) and start <= one.time < end]
    others = [one for one in seen if isinstance(one, Reading) and not start <= one.time < end]
    assert held[0].time == start
    assert {one.value for one in held} == {78.0}
    assert len(held) == 7
    assert all(one.value < 60 for one in others)


def test_hold_from_now_on() -> None:
    """A hold that begins at the very time of the last step is not lost."""
    day = new_day()
    day.advance(MIDNIGHT + SECOND)
    day.hold("c001-b3-cable-1", "temperature", 78.0, MIDNIGHT + SECOND, MIDNIGHT + MINUTE)
    seen = day.advance(MIDNIGHT + SECOND)
    assert [one.time for one in seen] == [MIDNIGHT + SECOND]


def test_silence_lets_nothing_through() -> None:
    """A silent camera says nothing, heartbeats included, and comes back by itself."""
    day = new_day()
    start, end = MIDNIGHT + 65 * SECOND, MIDNIGHT + 305 * SECOND
    day.silence("c001-cam-04", start, end)
    seen = [one.time for one in day.advance(MIDNIGHT + 8 * MINUTE) if one.device == "c001-cam-04"]
    assert not [time for time in seen if start <= time < end]
    assert min(seen) < start
    assert max(seen) >= end


def test_reserved_device_begins_nothing() -> None:
    """While a scenario has a door, nobody else uses it; it is free again later."""
    start = MIDNIGHT + 8 * HOUR
    day = new_day(start=start)
    door = day.model("c001-door-01")
    door.reserve(start + HOUR)
    seen = [one for one in occurrences(day.advance(start + 2 * HOUR)) if one.device == "c001-door-01"]
    assert seen
    assert min(one.time for one in seen) >= start + HOUR


def test_busy_device_is_free_after_a_quiet_time() -> None:
    """A door in the middle of a passage is free 30 s after the passage ends, a quiet one at once."""
    start = MIDNIGHT + 8 * HOUR
    day = new_day(start=start)
    door = day.model("c001-door-01")
    assert door.free_at(start) == start
    now = start
    while not (seen := [one for one in occurrences(day.advance(now)) if one.device == "c001-door-01"]):
        now += SECOND
    assert seen[0].type != "access.door.closed"
    door.reserve(now + HOUR)
    later = [one.time for one in occurrences(day.advance(now + 10 * MINUTE)) if one.device == "c001-door-01"]
    assert new_free_at(start, now) == max([*later, seen[-1].time]) + 30 * SECOND


def new_free_at(start: int, now: int) -> int:
    day = new_day(start=start)
    for moment in range(start, now + 1, SECOND):
        day.advance(moment)
    return day.model("c001-door-01").free_at(now)
