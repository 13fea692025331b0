"""When a clause counts: hours, days and modes; as a filter of events, and as a gate that begins and ends what is true."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from linli.clock import MINUTE, SECOND
from linli.model import ActionKind, Lane
from rules.durable.state import dump, restore
from rules.engine.gates import Arming, next_turn, within_hours
from rules.engine.inputs import ArmingIn, RegistryIn
from rules.language.model import During
from tests.unit.rules.world import NIGHT, Bench, Feed, registry, rule_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
PERSON = "camera.person.detected"


def at(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    """Microseconds of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * SECOND


def hours(start: str, end: str, *days: str) -> During:
    """The daily hours."""
    return During(start=start, end=end, days=days)


@pytest.mark.parametrize(
    ("during", "local", "inside"),
    [
        (hours("08:00", "17:00"), "2026-11-23 08:00", True),
        (hours("08:00", "17:00"), "2026-11-23 17:00", False),
        (hours("23:00", "05:00"), "2026-11-23 23:00", True),
        (hours("23:00", "05:00"), "2026-11-24 04:59", True),
        (hours("23:00", "05:00"), "2026-11-24 05:00", False),
        (hours("23:00", "05:00", "mon"), "2026-11-24 04:00", True),
        (hours("23:00", "05:00", "tue"), "2026-11-24 04:00", False),
        (hours("23:00", "05:00", "holiday"), "2026-11-23 04:00", True),
        (hours("08:00", "17:00", "workday"), "2026-11-22 09:00", False),
        (hours("08:00", "17:00", "workday"), "2026-10-10 09:00", True),
        (hours("08:00", "17:00", "holiday"), "2026-10-01 09:00", True),
        (hours("08:00", "17:00", "holiday"), "2026-10-02 09:00", False),
        (hours("08:00", "17:00", "sat", "holiday"), "2026-10-10 09:00", True),
    ],
)
def test_hours_belong_to_the_day_on_which_they_begin(during: During, local: str, inside: bool) -> None:
    """The community's calendar decides over the district's, that over Saturday and Sunday."""
    calendars = ({"2026-10-02": False}, {"2026-10-01": True, "2026-10-02": True, "2026-10-10": False})
    assert within_hours(during, at(local), SHANGHAI, calendars) is inside


def test_the_next_turn_is_a_beginning_or_an_end() -> None:
    """Also across midnight, and on the days on which clocks are changed."""
    night = hours("23:00", "05:00")
    assert next_turn(night, at("2026-11-23 22:59"), SHANGHAI) == at("2026-11-23 23:00")
    assert next_turn(night, at("2026-11-23 23:00"), SHANGHAI) == at("2026-11-24 05:00")
    berlin = ZoneInfo("Europe/Berlin")
    assert next_turn(night, at("2026-03-29 00:00", berlin), berlin) == at("2026-03-29 05:00", berlin)
    assert next_turn(night, at("2026-10-25 00:00", berlin), berlin) - at("2026-10-25 00:00", berlin) == 360 * MINUTE


def test_the_mode_is_the_places_own_else_the_nearest_around_it() -> None:
    """As it was at that time, whatever has been set since."""
    arming = Arming()
    arming.put(10, {"b1": "away"})
    arming.put(20, {"b1": "home", "b1-f3": "away"})
    places = ("b1-f3", "b1")
    assert [arming.mode(places, time) for time in (9, 10, 19, 20)] == [None, "away", "away", "away"]
    assert [arming.mode(("b1",), time) for time in (10, 20)] == ["away", "home"]


def test_an_event_counts_only_while_its_place_is_armed(tmp_path: Path) -> None:
    """By the modes at its own time: one that happened before and comes after is judged as it was."""
    bench = Bench(rule_of(tmp_path, f"  - event: {{types: [{PERSON}], quiet: 1s}}\n    armed: [away, night]\n"))
    feed = bench.feed
    bench.put(feed.event(0, "cam", PERSON), ArmingIn(feed.us(10), {"b1": "away"}))
    bench.put(feed.event(9, "cam", PERSON), feed.event(11, "cam-2", PERSON), feed.event(12, "cam", PERSON))
    assert bench.happened == [("opened", "test-rule", 12)]
    bench.engine = restore(dump(bench.engine))
    bench.put(feed.event(20, "cam", PERSON), ArmingIn(feed.us(30), {"b1": "home"}), feed.event(31, "cam", PERSON))
    assert [kind for kind, _, at in bench.happened if at > 12] == ["resolved", "occurred", "resolved"]


NIGHTLY = "    during: {from: '23:00', to: '05:00'}\n"


def temperatures(bench: Bench, *readings: tuple[float, float]) -> None:
    """(minute, value) of the cable."""
    feed = bench.feed
    bench.put(*(feed.reading(minute * 60, "cable", "temperature", value) for minute, value in readings))


def seen(bench: Bench) -> list[tuple[str, float]]:
    """(kind, minute) of what happened."""
    return [(kind, second / 60) for kind, _, second in bench.happened]


@pytest.fixture
def evening() -> Feed:
    """Minute 0 is 22:00."""
    return Feed(NIGHT + 22 * 3600 * SECOND)


def test_a_gate_that_opens_while_it_is_true_begins_it(tmp_path: Path, evening: Feed) -> None:
    """Hot since ten: it counts from eleven, and its `for` with it, without another reading."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 5m}\n" + NIGHTLY), evening)
    temperatures(bench, (0, 60), (30, 61))
    bench.put(evening.beat(64 * 60, Lane.BULK))
    assert seen(bench) == []
    bench.engine = restore(dump(bench.engine))
    bench.put(evening.beat(65 * 60, Lane.BULK))
    assert seen(bench) == [("opened", 65)]
    assert bench.alert("test-rule").first_seen == evening.us(3600)


def test_a_gate_that_closes_ends_it_and_opens_again_the_next_night(tmp_path: Path, evening: Feed) -> None:
    """Hot all the time: an alert each night, with `keep` after five."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, keep: 1m}\n" + NIGHTLY), evening)
    temperatures(bench, (0, 60), (70, 60), (80, 60))
    bench.put(*(evening.beat(minute * 60, Lane.BULK) for minute in (421, 1500)))
    assert seen(bench) == [("opened", 60), ("resolved", 421), ("occurred", 1500)]
    temperatures(bench, (1501, 40))
    bench.put(evening.beat(1502 * 60, Lane.BULK))
    assert seen(bench)[3:] == [("resolved", 1502)]


def test_true_until_exactly_the_close_for_long_enough_has_fired(tmp_path: Path, evening: Feed) -> None:
    """From four to five is an hour."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 1h}\n" + NIGHTLY), evening)
    temperatures(bench, (360, 60))
    bench.put(evening.beat(430 * 60, Lane.BULK))
    assert seen(bench) == [("opened", 420), ("resolved", 420)]


def test_what_is_false_when_the_gate_opens_is_nothing(tmp_path: Path, evening: Feed) -> None:
    """Hot at ten, cool before eleven."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50}\n" + NIGHTLY), evening)
    temperatures(bench, (0, 60), (59, 40))
    bench.put(evening.beat(90 * 60, Lane.BULK))
    assert seen(bench) == []


def test_a_camera_may_be_dark_by_day(tmp_path: Path, evening: Feed) -> None:
    """Missing since ten: told at eleven, over at five although it still is, told at eleven again - until it is heard."""
    bench = Bench(rule_of(tmp_path, "  - missing: {types: [device.heartbeat], for: 3m}\n" + NIGHTLY), evening)
    heard = {(name, "device.heartbeat") for name in ("cam-2", "door", "door-2", "cable", "smoke", "smoke-b2")}
    for minute in range(0, 1510, 2):
        bench.put(evening.beat(minute * 60, Lane.BULK))
        others = sorted(heard | ({("cam", "device.heartbeat")} if minute == 0 else set()))
        bench.put(*(evening.event(minute * 60, name, kind, lane=Lane.BULK) for name, kind in others))
        bench.put(*(evening.beat(minute * 60 + second, Lane.BULK) for second in range(15, 120, 15)))
    assert seen(bench) == [("opened", 60), ("resolved", 420), ("occurred", 1500)]
    bench.put(evening.event(1510 * 60, "cam", "device.heartbeat", lane=Lane.BULK))
    assert seen(bench)[3:] == [("resolved", 1510)]


def test_arming_a_place_begins_what_is_true_there(tmp_path: Path) -> None:
    """And disarming ends it; a mode that another place gets makes no difference."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50, for: 10s}\n    armed: [away]\n"))
    feed = bench.feed
    bench.put(feed.reading(0, "cable", "temperature", 60), ArmingIn(feed.us(5), {"b2": "away"}))
    bench.put(ArmingIn(feed.us(20), {"b1": "away"}), feed.beat(29, Lane.BULK))
    assert bench.happened == []
    bench.put(feed.beat(30, Lane.BULK), ArmingIn(feed.us(40), {"b1": "home"}))
    assert bench.happened == [("opened", "test-rule", 30), ("resolved", "test-rule", 40)]
    assert bench.put(ArmingIn(feed.us(50), {}), ArmingIn(feed.us(60), {"b1": "away"})) == []
    assert bench.put(feed.beat(70, Lane.BULK)) == [("occurred", "test-rule", 70)]


def test_a_persons_close_under_an_open_gate_waits_for_the_next_reading(tmp_path: Path) -> None:
    """Arming anew does not bring it back."""
    bench = Bench(rule_of(tmp_path, "  - reading: {quantity: temperature, above: 50}\n    armed: [away]\n"))
    feed = bench.feed
    bench.put(ArmingIn(feed.us(0), {"b1": "away"}), feed.reading(1, "cable", "temperature", 60))
    bench.put(feed.act(2, ActionKind.CLOSE, bench.alert("test-rule").id))
    assert bench.put(ArmingIn(feed.us(3), {}), ArmingIn(feed.us(4), {"b1": "away"})) == []
    assert bench.put(feed.reading(5, "cable", "temperature", 60)) == [("opened", "test-rule", 5)]


def test_holidays_come_with_the_registry(tmp_path: Path) -> None:
    """A Wednesday that the calendar calls a holiday."""
    during = "      during: {from: '00:00', to: '23:59', days: [holiday]}\n"
    bench = Bench(rule_of(tmp_path, f"  - event:\n      types: [{PERSON}]\n{during}"))
    feed = bench.feed
    assert bench.put(feed.event(0, "cam", PERSON)) == []
    known = registry(2)
    known.holidays["c1"] = {"2023-11-15": True}
    bench.put(RegistryIn(known))
    assert bench.put(feed.event(1, "cam", PERSON)) == [("opened", "test-rule", 1)]
