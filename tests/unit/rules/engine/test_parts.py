"""The parts of the language by the rules of a small site: when each fires, when it does not, and how it ends."""

import pytest

from linli.model import ActionKind, Condition, Handling, JsonValue, Lane, Severity
from rules.engine.book import Transition
from rules.engine.inputs import MessageIn
from tests.unit.rules.world import NIGHT, Bench, Feed

OPENED, CLOSED = "access.door.opened", "access.door.closed"


def kinds(happened: list[tuple[str, str, float]], rule: str) -> list[tuple[str, float]]:
    return [(kind, at) for kind, named, at in happened if named == rule]


# --- door held open, by a contact -----------------------------------------------------------------------------------


def test_a_door_with_a_bare_contact_can_be_held_open_and_not_forced() -> None:
    """A contact knows of no grants; either form closes what the other opened."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "door", "sensor.contact.opened"), feed.beat(31))
    bench.put(feed.event(40, "door", "sensor.contact.closed"))
    bench.put(feed.event(50, "door-2", "sensor.contact.opened"), feed.event(70, "door-2", CLOSED), feed.beat(200))
    assert bench.happened == [("opened", "door-held-open", 30), ("resolved", "door-held-open", 40)]


# --- door forced ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("excuse", ["access.granted", "access.exit.requested"])
def test_a_door_opened_after_a_grant_or_exit_request_is_not_forced(excuse: str) -> None:
    """The excuse holds for 10 s, inclusive."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "door", excuse), feed.event(10, "door", OPENED), feed.event(12, "door", CLOSED))
    assert bench.happened == []


def test_a_door_opened_without_an_excuse_is_forced_at_once_and_latches() -> None:
    """High, at the moment of opening; the door's closing does not close the alert."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "door", "access.granted"))
    assert bench.put(feed.event(10.1, "door", OPENED)) == [("opened", "door-forced", 10.1)]
    assert bench.alert("door-forced").severity is Severity.HIGH
    assert bench.put(feed.event(12, "door", CLOSED)) == [("resolved", "door-forced", 12)]
    alert = bench.alert("door-forced")
    assert (alert.condition, alert.handling) == (Condition.RESOLVED, Handling.RETURNED_UNACKNOWLEDGED)
    bench.put(feed.act(20, ActionKind.ACKNOWLEDGE, alert.id))
    assert bench.alert("door-forced").handling is Handling.ACKNOWLEDGED
    bench.put(feed.act(30, ActionKind.CLOSE, alert.id, "a resident"))
    assert bench.alert("door-forced").handling is Handling.CLOSED


def test_a_grant_at_another_door_excuses_nothing() -> None:
    """Excuses are per device."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "door-2", "access.granted"), feed.event(1, "door", OPENED))
    assert kinds(bench.happened, "door-forced") == [("opened", 1)]


def test_the_controllers_own_word_is_taken_and_is_the_same_alert() -> None:
    """access.door.forced, then the opening: one alert that occurred twice."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(1, "door", "access.door.forced"), feed.event(1.2, "door", OPENED))
    assert kinds(bench.happened, "door-forced") == [("opened", 1), ("occurred", 1.2)]
    alert = bench.alert("door-forced")
    assert (alert.occurrences, alert.subject, alert.subject_kind, alert.place) == (2, "door", "device", "b1")
    assert [evidence.what for evidence in alert.evidence] == ["access.door.forced", OPENED]


# --- door held open -------------------------------------------------------------------------------------------------


def held(bench: Bench, *seconds: float) -> list[tuple[str, float]]:
    """A granted opening at 0, heartbeats at the given seconds."""
    feed = bench.feed
    bench.put(feed.event(-1, "door", "access.granted"), feed.event(0, "door", OPENED))
    bench.put(*(feed.beat(second) for second in seconds))
    return kinds(bench.happened, "door-held-open")


def test_a_door_closed_before_30_s_is_not_held_open() -> None:
    """Just below `for`."""
    bench = Bench()
    held(bench, 10, 20)
    bench.put(bench.feed.event(29.999, "door", CLOSED), bench.feed.beat(40))
    assert bench.happened == []


def test_a_door_open_for_exactly_30_s_is_held_open() -> None:
    """`for` is inclusive: firing precedes the closing of the same instant."""
    bench = Bench()
    held(bench, 10, 20)
    bench.put(bench.feed.event(30, "door", CLOSED))
    assert kinds(bench.happened, "door-held-open") == [("opened", 30), ("resolved", 30)]


def test_a_held_door_gets_worse_at_5_min_and_ends_when_it_closes() -> None:
    """Medium at 30 s, high at 5 min, in one alert of one occurrence."""
    bench = Bench()
    assert held(bench, 10, 29.9) == []
    bench.put(bench.feed.beat(31))
    assert bench.alert("door-held-open").severity is Severity.MEDIUM
    bench.put(bench.feed.act(60, ActionKind.ACKNOWLEDGE, bench.alert("door-held-open").id))
    bench.put(bench.feed.beat(299), bench.feed.beat(301))
    alert = bench.alert("door-held-open")
    assert (alert.severity, alert.occurrences, alert.handling) == (Severity.HIGH, 1, Handling.UNACKNOWLEDGED)
    bench.put(bench.feed.event(310, "door", CLOSED))
    assert kinds(bench.happened, "door-held-open") == [
        ("opened", 30),
        ("acknowledged", 60),
        ("escalated", 300),
        ("resolved", 310),
    ]


def test_an_acknowledged_held_door_closes_by_itself() -> None:
    """Not latched: acknowledged and back to normal is closed, and no person is named for it."""
    bench = Bench()
    held(bench, 31)
    bench.put(bench.feed.act(40, ActionKind.ACKNOWLEDGE, bench.alert("door-held-open").id))
    assert bench.put(bench.feed.event(50, "door", CLOSED)) == [
        ("resolved", "door-held-open", 50),
        ("closed", "door-held-open", 50),
    ]
    alert = bench.alert("door-held-open")
    assert (alert.handling, alert.closed_by, alert.closed_at) == (Handling.CLOSED, None, bench.feed.us(50))


# --- intrusion after hours ------------------------------------------------------------------------------------------


def person(feed: Feed, at: float) -> MessageIn:
    return feed.event(at, "cam", "camera.person.detected", {"zone": "lobby", "confidence": 0.9})


@pytest.mark.parametrize(
    ("hours", "fires"),
    [(22.99, False), (23.0, True), (23.9, True), (24.0, True), (28.99, True), (29.0, False), (12.0, False)],
)
def test_two_persons_at_night_are_an_intrusion(hours: float, fires: bool) -> None:
    """23:00 inclusive to 05:00 exclusive by the community's wall clock, across midnight."""
    bench = Bench(feed=Feed(NIGHT))
    at = hours * 3600
    for second in (at, at + 2):
        bench.put(person(bench.feed, second))
    assert kinds(bench.happened, "intrusion-after-hours") == ([("opened", at + 2)] if fires else [])


def test_two_detections_more_than_10_s_apart_are_no_intrusion() -> None:
    """The window is 10 s, inclusive."""
    bench = Bench(feed=Feed(NIGHT))
    bench.put(person(bench.feed, 0), person(bench.feed, 10.1))
    assert bench.happened == []
    bench.put(person(bench.feed, 20.1))
    assert kinds(bench.happened, "intrusion-after-hours") == [("opened", 20.1)]


def test_an_intrusion_is_over_when_nothing_came_for_10_min() -> None:
    """Each further detection is an occurrence and puts the end off."""
    bench = Bench(feed=Feed(NIGHT))
    for second in (0, 2, 300):
        bench.put(person(bench.feed, second))
    bench.put(bench.feed.beat(899))
    assert bench.alert("intrusion-after-hours").condition is Condition.FIRING
    bench.put(bench.feed.beat(901))
    assert kinds(bench.happened, "intrusion-after-hours") == [("opened", 2), ("occurred", 300), ("resolved", 900)]


# --- camera offline -------------------------------------------------------------------------------------------------


def test_a_camera_that_misses_three_heartbeats_is_offline_until_the_next() -> None:
    """Nothing for 180 s of the gateway's own delivered time; the other camera is not named."""
    bench = Bench()
    feed = bench.feed
    for second in range(0, 60, 10):
        bench.put(feed.beat(second, Lane.BULK))
    bench.put(feed.alive(60))
    for second in range(70, 241, 10):
        bench.put(feed.beat(second, Lane.BULK), feed.alive(second, "cam-2"))
    assert kinds(bench.happened, "camera-offline") == [("opened", 240)]
    assert bench.alert("camera-offline").subject == "cam"
    bench.put(feed.alive(250))
    assert kinds(bench.happened, "camera-offline")[-1] == ("resolved", 250)


def test_a_camera_never_heard_is_offline_180_s_after_its_gateway_was() -> None:
    """A camera that was dead from the start is found too."""
    bench = Bench()
    for second in range(0, 181, 10):
        bench.put(bench.feed.beat(second, Lane.BULK), bench.feed.alive(second, "cam-2"))
    told = [(output.kind, output.alert.subject) for output in bench.outputs if isinstance(output, Transition)]
    assert told == [("opened", "cam")]


# --- fire alarm -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("second", "confirmed"), [(45.0, True), (180.0, True), (180.1, False)])
def test_a_second_detector_within_3_min_confirms_a_fire(second: float, confirmed: bool) -> None:
    """Another detector of the same building, inclusive."""
    bench = Bench()
    bench.put(bench.feed.event(0, "smoke", "fire.alarm.raised"))
    bench.put(bench.feed.event(second, "heat", "fire.alarm.raised"))
    expected = [("opened", 0), ("occurred", second)] + ([("confirmed", second)] if confirmed else [])
    assert kinds(bench.happened, "fire-alarm") == expected
    alert = bench.alert("fire-alarm")
    assert (alert.subject, alert.subject_kind, alert.severity, alert.confirmed) == (
        "b1",
        "place",
        Severity.CRITICAL,
        confirmed,
    )


def test_the_same_detector_again_or_another_building_confirms_nothing() -> None:
    """Confirmation needs two devices of one place."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "smoke", "fire.alarm.raised"), feed.event(20, "smoke", "fire.alarm.raised"))
    bench.put(feed.event(30, "smoke-b2", "fire.alarm.raised"))
    assert kinds(bench.happened, "fire-alarm") == [("opened", 0), ("occurred", 20), ("opened", 30)]


def test_a_fire_alarm_stays_until_a_person_closes_it() -> None:
    """Life safety latches, however often it is acknowledged; it returns when the last detector is clear."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "smoke", "fire.alarm.raised"), feed.event(5, "heat", "fire.alarm.raised"))
    alert = bench.alert("fire-alarm")
    bench.put(feed.act(6, ActionKind.ACKNOWLEDGE, alert.id), feed.event(10, "smoke", "fire.alarm.cleared"))
    assert bench.alert("fire-alarm").condition is Condition.FIRING
    bench.put(feed.event(12, "heat", "fire.alarm.cleared"))
    after = bench.alert("fire-alarm")
    assert (after.condition, after.handling) == (Condition.RESOLVED, Handling.ACKNOWLEDGED)
    bench.put(feed.event(20, "heat", "fire.alarm.raised"))
    again = bench.alert("fire-alarm")
    assert (again.id, again.handling, again.acknowledged_at) == (alert.id, Handling.UNACKNOWLEDGED, None)


# --- pump room, lift, cable -----------------------------------------------------------------------------------------


def test_a_splash_is_no_flood_and_10_s_of_water_are() -> None:
    """Only probes of a pump room; the splash of 4 s passes."""
    bench = Bench()
    feed = bench.feed
    wet, dry = "facility.water.detected", "facility.water.cleared"
    bench.put(feed.event(5, "probe", wet), feed.event(9, "probe", dry), feed.event(20, "probe", wet))
    bench.put(feed.event(20, "probe-garage", wet), feed.beat(29.9))
    assert bench.happened == []
    bench.put(feed.beat(30))
    assert bench.happened == [("opened", "pump-room-flooded", 30)]
    bench.put(feed.event(80, "probe", dry))
    assert bench.happened[-1] == ("resolved", "pump-room-flooded", 80)


@pytest.mark.parametrize(
    ("kind", "data", "fires"),
    [
        ("facility.lift.stopped", {"floor": 7, "door_zone": False, "occupied": True}, True),
        ("facility.lift.stopped", {"floor": 7, "door_zone": True, "occupied": True}, False),
        ("facility.lift.stopped", {"floor": 7, "door_zone": False, "occupied": False}, False),
        ("facility.lift.stopped", {"floor": 7, "door_zone": 0, "occupied": 1}, False),
        ("facility.lift.stopped", {}, False),
        ("facility.lift.button", {"pressed": True}, True),
        ("facility.lift.button", {"pressed": False}, False),
    ],
)
def test_who_is_stuck_in_a_lift(kind: str, data: dict[str, JsonValue], fires: bool) -> None:
    """Stopped out of the door zone with somebody inside, or the button; values match exactly, 1 is not true."""
    bench = Bench()
    bench.put(bench.feed.event(0, "lift", kind, data), bench.feed.beat(60))
    assert kinds(bench.happened, "lift-entrapment") == ([("opened", 60)] if fires else [])


@pytest.mark.parametrize("end", ["facility.lift.moving", "facility.lift.released"])
def test_an_entrapment_ends_when_the_lift_moves_or_they_are_out_and_stays_listed(end: str) -> None:
    """Before 60 s nothing was told; after, it is critical, latched, and only a person closes it."""
    bench = Bench()
    feed = bench.feed
    stuck = {"floor": 7, "door_zone": False, "occupied": True}
    bench.put(feed.event(0, "lift", "facility.lift.stopped", stuck), feed.event(59, "lift", end), feed.beat(90))
    assert bench.happened == []
    bench.put(feed.event(100, "lift", "facility.lift.stopped", stuck), feed.beat(160), feed.event(170, "lift", end))
    assert kinds(bench.happened, "lift-entrapment") == [("opened", 160), ("resolved", 170)]
    alert = bench.alert("lift-entrapment")
    assert (alert.severity, alert.latched, alert.open) == (Severity.CRITICAL, True, True)


def test_a_hot_cable_fires_after_30_s_and_ends_below_65() -> None:
    """> 70 for 30 s; 66 is not the end, 64.9 is. 70 itself is not above 70."""
    bench = Bench()
    feed = bench.feed
    for second, value in [(0, 70.0), (10, 71.0), (20, 69.0), (30, 71.0), (40, 72.0), (50, 75.0)]:
        bench.put(feed.reading(second, "cable", "temperature", value, unit="Cel"))
    assert bench.happened == []
    bench.put(feed.reading(60, "cable", "temperature", 74.0, unit="Cel"))
    assert kinds(bench.happened, "cable-temperature") == [("opened", 60)]
    assert bench.alert("cable-temperature").sentence.en.startswith("Main cable (Building 1) reads 74 °C, above 70 °C")
    for second, value in [(70, 66.0), (80, 65.0), (90, 64.9)]:
        bench.put(feed.reading(second, "cable", "temperature", value, unit="Cel"))
    assert kinds(bench.happened, "cable-temperature") == [("opened", 60), ("resolved", 90)]


def test_a_reading_in_another_unit_is_no_data() -> None:
    """344 K is neither above 70 degrees Celsius nor below 65."""
    bench = Bench()
    for second in range(0, 60, 10):
        bench.put(bench.feed.reading(second, "cable", "temperature", 344.0, unit="K"))
    assert bench.happened == []


def test_letting_go_of_the_lift_button_is_no_all_clear() -> None:
    """A push-button says 'pressed' and a second later 'not pressed'; whoever pressed it may still be inside."""
    bench = Bench()
    feed = bench.feed
    button = "facility.lift.button"
    bench.put(feed.event(0, "lift", button, {"pressed": True}), feed.event(30, "lift", button, {"pressed": False}))
    bench.put(feed.beat(100))
    assert bench.happened == [("opened", "lift-entrapment", 60)]


def test_a_lift_that_goes_on_needs_nobody() -> None:
    """The button was pressed by mistake: within 60 s the lift moves."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "lift", "facility.lift.button", {"pressed": True}))
    bench.put(feed.event(30, "lift", "facility.lift.moving", {"floor": 3}), feed.beat(100))
    assert bench.happened == []
