"""Event time: what a timer goes by, when the server's clock stands in, and what alarms nobody."""

from pathlib import Path

import pytest

from linli.model import READINGS_TYPE, Condition, Lane, Reading
from rules.engine.inputs import AdoptIn, MessageIn, RegistryIn
from rules.engine.lanes import LaneClock, Listening
from rules.engine.machine import Engine
from tests.unit.rules.world import SITE_RULES, Bench, registry, rule_of

OPENED, CLOSED = "access.door.opened", "access.door.closed"


def opened(bench: Bench, at: float = 0.0) -> None:
    """A door opened with a grant at `at`."""
    bench.put(bench.feed.event(at - 1, "door", "access.granted"), bench.feed.event(at, "door", OPENED))


def ticks(bench: Bench, start: int, end: int) -> None:
    """The server's clock, each second."""
    bench.put(*(bench.feed.tick(second) for second in range(start, end + 1)))


def test_on_a_lane_that_has_caught_up_the_servers_clock_stands_in() -> None:
    """A timer is due without another message, measured from the last one's agent time."""
    bench = Bench()
    opened(bench)
    bench.put(bench.feed.beat(10))
    ticks(bench, 0, 30)
    assert bench.happened == []
    ticks(bench, 31, 31)
    assert bench.happened == [("opened", "door-held-open", 30)]


@pytest.mark.parametrize("skew", [-12.0, 12.0])
def test_a_gateway_whose_clock_is_some_seconds_off_gets_its_full_for(skew: float) -> None:
    """Stand-in time is the agent's clock plus what passed, not the server's own."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(skew - 1, "door", "access.granted", received=0))
    bench.put(feed.event(skew, "door", OPENED, received=1), feed.beat(20 + skew, received=21))
    ticks(bench, 0, 30)
    assert bench.happened == []
    ticks(bench, 31, 32)
    assert bench.happened == [("opened", "door-held-open", 30 + skew)]


def test_a_gateway_that_stopped_is_waited_for_until_it_is_judged_silent() -> None:
    """Between 30 s and 60 s of silence nothing moves; then the server's clock stands in."""
    bench = Bench()
    opened(bench, 2)
    ticks(bench, 0, 29)
    ticks(bench, 30, 60)
    assert bench.happened == []
    ticks(bench, 61, 63)
    assert bench.happened == [("opened", "door-held-open", 32)]


def test_a_backlog_is_judged_by_its_own_time_and_not_by_its_arrival() -> None:
    """An hour old, delivered within a second: 20 s open is no alert, 40 s is, wherever the server's clock stands."""
    bench = Bench()
    feed = bench.feed
    for number, (at, kind) in enumerate(
        [(0, OPENED), (20, CLOSED), (100, OPENED), (140, CLOSED)],
    ):
        bench.put(feed.event(at - 0.5, "door", "access.granted", received=3600), feed.tick(3600 + number))
        bench.put(feed.event(at, "door", kind, received=3600.1))
        ticks(bench, 3600, 3601)
    assert [item for item in bench.happened if item[1] == "door-held-open"] == [
        ("opened", "door-held-open", 130),
        ("resolved", "door-held-open", 140),
    ]


def test_rules_that_were_down_take_their_own_silence_for_nobodys() -> None:
    """Ten minutes without a tick: nothing fires at the first ones; the backlog then says that the door was closed."""
    bench = Bench()
    feed = bench.feed
    opened(bench, 10)
    ticks(bench, 0, 12)
    ticks(bench, 610, 650)
    assert bench.happened == []
    bench.put(feed.event(20, "door", CLOSED, received=651), feed.beat(640, received=651))
    ticks(bench, 651, 800)
    assert bench.happened == []


def test_a_dead_gateway_makes_no_camera_offline() -> None:
    """Silence alone, however long, is not the cameras'; nor is the gap when it comes back."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.alive(0), feed.alive(0, "cam-2"), feed.beat(10, Lane.BULK))
    ticks(bench, 10, 1000)
    assert bench.happened == []
    bench.put(feed.beat(1000, Lane.BULK), feed.alive(1040), feed.alive(1040, "cam-2"), feed.beat(1060, Lane.BULK))
    assert bench.happened == []


def test_time_spent_waiting_before_a_gateways_outage_still_counts() -> None:
    """100 s missed before the gap and 80 s after it are 180 s."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.alive(0), feed.alive(0, "cam-2"))
    for second in range(10, 101, 10):
        bench.put(feed.beat(second, Lane.BULK), feed.alive(second, "cam-2"))
    for second in range(1100, 1180, 10):
        bench.put(feed.beat(second, Lane.BULK), feed.alive(second, "cam-2"))
    assert bench.happened == []
    bench.put(feed.beat(1180, Lane.BULK))
    assert bench.happened == [("opened", "camera-offline", 1180)]


def test_a_message_from_the_future_moves_no_time() -> None:
    """More than a minute ahead of its receipt: taken at its receive time, and no timer is due because of it."""
    bench = Bench()
    feed = bench.feed
    opened(bench)
    bench.put(feed.event(4000, "door-2", "access.denied", received=10), feed.beat(5000, received=11))
    assert bench.happened == []
    bench.put(feed.event(20, "door", CLOSED), feed.beat(60))
    assert bench.happened == []


def test_a_device_whose_clock_is_off_gets_its_full_for() -> None:
    """Device 40 s behind its agent: its opening is not 40 s old; only its own end or the lane's 30 s count."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(-41, "door", "access.granted", taken=-1), feed.event(-40, "door", OPENED, taken=0))
    bench.put(feed.beat(29))
    assert bench.happened == []
    bench.put(feed.event(-12, "door", CLOSED, taken=29.5), feed.beat(100))
    assert bench.happened == []


def test_urgent_goes_on_while_bulk_is_behind() -> None:
    """Each lane has its own clock."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.beat(-3000, Lane.BULK, received=0))
    opened(bench, 5)
    bench.put(feed.beat(36))
    assert bench.happened == [("opened", "door-held-open", 35)]


def test_historic_messages_alarm_nobody() -> None:
    """Marked by the agent, or more than a day old when it came (case 21: a point of 30 days ago)."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "door", OPENED, historic=True), feed.beat(1000))
    bench.put(feed.event(-30 * 86400, "smoke", "fire.alarm.raised", taken=1005))
    bench.put(feed.event(-30 * 86400, "smoke", "fire.alarm.raised", taken=1006, historic=True))
    assert bench.happened == []
    assert bench.engine.counters.refused == {"historic": 3}


def test_history_is_for_life_safety_alone_also_where_it_shares_a_device(tmp_path: Path) -> None:
    """What a smoke detector had buffered of its temperature: neither beginning nor end of an alert that nobody's life hangs on."""
    hot = rule_of(tmp_path / "hot", "  - reading: {quantity: temperature, above: 70, reset_below: 65}\n")
    fire = [rule for rule in SITE_RULES if rule.id == "fire-alarm"]
    bench = Bench([*hot, *fire])

    def reading(at: float, taken: float, value: float, *, historic: bool) -> list[tuple[str, str, float]]:
        packed = (Reading("smoke", "temperature", bench.feed.us(at), value, "Cel"),)
        entry = bench.feed.event(
            at, "gw", READINGS_TYPE, lane=Lane.BULK, taken=taken, readings=packed, historic=historic
        )
        return bench.put(entry)

    assert reading(0, 3600, 90, historic=True) == []
    assert reading(3610, 3610, 90, historic=False) == [("opened", "test-rule", 3610)]
    assert reading(10, 3620, 20, historic=True) == []


def test_life_safety_under_a_day_old_pages_once_and_says_how_old_it_is() -> None:
    """Marked historic or not: a smoke detector that had buffered for 62 minutes. Its evidence has its own time."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.beat(3700))
    assert bench.put(feed.event(0, "smoke", "sensor.smoke.detected", taken=3720, historic=True)) == [
        ("opened", "fire-alarm", 0)
    ]
    alert = bench.alert("fire-alarm")
    assert alert.sentence.en.endswith("(It happened at 11-15 06:13:20 and reached us 62 min later.)")
    assert alert.sentence.zh.endswith("（发生于 11-15 06:13:20，62 分钟后才收到。）")
    assert [evidence.time for evidence in alert.evidence] == [feed.us(0)]


def test_a_buffered_entrapment_that_was_over_is_told_and_ends() -> None:
    """Stopped and released two minutes later, both hours ago: opened and returned at their own times, for a person to close.
    The next one, released within 60 s, is none."""
    bench = Bench()
    feed = bench.feed
    stuck = {"door_zone": False, "occupied": True}
    for at, kind in ((0, "stopped"), (120, "released"), (300, "stopped"), (330, "released")):
        bench.put(feed.event(at, "lift", f"facility.lift.{kind}", stuck, taken=9000 + at / 1000, historic=True))
    bench.put(feed.beat(9100), feed.beat(9200))
    assert bench.happened == [("opened", "lift-entrapment", 60), ("resolved", "lift-entrapment", 120)]
    assert "2 h later" in bench.alert("lift-entrapment").sentence.en


def test_a_historic_event_moves_only_the_life_safety_clauses_of_its_device(tmp_path: Path) -> None:
    """The same detector under two rules: the other one neither begins nor ends nor comes due by it."""
    when = "  - state: {begins: {types: [fire.alarm.raised]}, ends: [{types: [fire.alarm.cleared]}], for: 30s}\n"
    bench = Bench([*SITE_RULES, *rule_of(tmp_path / "more", when)])
    feed = bench.feed
    bench.put(feed.event(0, "smoke", "fire.alarm.raised"))
    bench.put(feed.event(40, "smoke", "fire.alarm.cleared", taken=20, historic=True))
    assert [item for item in bench.happened if item[1] == "test-rule"] == []
    bench.put(feed.beat(31))
    assert bench.happened[-1] == ("opened", "test-rule", 30)


def test_who_is_not_registered_is_refused_and_counted() -> None:
    """A device nobody knows, another gateway's device, a gateway nobody knows, one of another community."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.event(0, "nobody", "fire.alarm.raised"))
    bench.put(feed.event(0, "smoke", "fire.alarm.raised", gateway="gw-2"))
    bench.put(feed.event(0, "smoke", "fire.alarm.raised", gateway="gw-9"))
    assert bench.happened == []
    assert bench.engine.counters.refused == {"unregistered_device": 2, "unregistered_gateway": 1}


def test_a_device_that_leaves_the_registry_is_forgotten_and_its_alert_stays() -> None:
    """A failing source never resolves an alert; a pending timer of a device that is gone never fires."""
    bench = Bench()
    feed = bench.feed
    opened(bench)
    bench.put(feed.event(5, "smoke", "fire.alarm.raised"))
    without = registry(2)
    del without.devices["door"], without.devices["smoke"]
    bench.put(RegistryIn(without), feed.beat(100))
    assert bench.happened == [("opened", "fire-alarm", 5)]
    assert bench.alert("fire-alarm").condition is Condition.FIRING


def test_a_new_device_is_expected_from_now_on() -> None:
    """It gets its whole 180 s from the first delivery after it was registered."""
    bench = Bench()
    feed = bench.feed
    gone = registry(2)
    cameras = {name: gone.devices.pop(name) for name in ("cam", "cam-2")}
    bench.put(RegistryIn(gone), feed.beat(0, Lane.BULK), feed.beat(10, Lane.BULK))
    back = registry(3)
    del back.devices["cam-2"]
    bench.put(RegistryIn(back), *(feed.beat(second, Lane.BULK) for second in range(20, 200, 10)))
    assert bench.happened == []
    bench.put(feed.beat(200, Lane.BULK))
    assert bench.happened == [("opened", "camera-offline", 200)]
    assert set(cameras) == {"cam", "cam-2"}


def test_an_engine_that_lost_its_state_takes_over_open_alerts() -> None:
    """No second alert for the same rule and subject; the old one goes on and can end."""
    first = Bench()
    opened(first)
    first.put(first.feed.beat(31))
    alert = first.alert("door-held-open")
    second = Bench()
    second.put(AdoptIn((alert,)))
    opened(second, 40)
    second.put(second.feed.beat(71), second.feed.event(80, "door", CLOSED))
    assert [(kind, at) for kind, _, at in second.happened] == [("occurred", 70), ("resolved", 80)]
    assert second.alert("door-held-open").id == alert.id


def test_the_engine_notes_how_far_each_lane_is() -> None:
    """Positions come from what was applied, refused devices too."""
    bench = Bench()
    bench.put(bench.feed.beat(0), bench.feed.event(1, "nobody", "a.b"), bench.feed.beat(2, Lane.BULK))
    assert sorted((key.lane.value, upto) for key, upto in bench.engine.positions.items()) == [
        ("bulk", 1),
        ("urgent", 2),
    ]


def test_an_empty_engine_takes_anything() -> None:
    """Without rules and registry every input is applied without effect."""
    feed = Bench().feed
    engine = Engine()
    entries: list[MessageIn] = [feed.event(0, "door", OPENED), feed.beat(1)]
    assert [engine.apply(entry) for entry in entries] == [[], []]


def test_a_lane_clock_stands_in_only_when_it_may() -> None:
    """Caught up and fresh, or silent while we listened; and never backwards."""
    clock = LaneClock(100, 100, 100, 100)
    second = 1_000_000
    assert clock.message(100 * second, 101 * second) > 0
    assert clock.stand_in(111 * second, 0)
    assert clock.time == 110 * second
    assert not clock.stand_in(105 * second, 0)
    assert not clock.stand_in(140 * second, 0)
    assert not clock.stand_in(170 * second, 150 * second)
    assert clock.stand_in(170 * second, 0)
    assert not LaneClock(0, 0, 100 * second, 101 * second).stand_in(111 * second, 102 * second)
    assert clock.message(120 * second, 171 * second) == 0
    assert clock.time == 120 * second
    assert not clock.stand_in(175 * second, 0)


def test_listening_starts_anew_after_a_gap_or_a_clock_set_back() -> None:
    """15 s without a tick, or a step back, and nobody's silence is counted from before."""
    listening = Listening()
    second = 1_000_000
    listening.tick(1000 * second)
    listening.tick(1010 * second)
    assert listening.since == 1000 * second
    listening.tick(1100 * second)
    assert listening.since == 1100 * second
    listening.tick(1050 * second)
    assert listening.since == 1050 * second
    listening.begin(1053 * second)
    listening.tick(1054 * second)
    assert listening.since == 1053 * second
