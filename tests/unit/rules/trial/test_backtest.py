"""Backtests: the past in event time, what a rule would have told of it, and what another version would have."""

from dataclasses import replace

import pytest

from linli.clock import MINUTE, SECOND
from linli.model import Device, Lane, Readings
from rules.engine.inputs import ArmingIn, MessageIn, RegistryIn, Tick
from rules.language.model import Override, Rule, Where
from rules.language.overrides import laid_over
from rules.trial import past as pasts
from rules.trial.backtest import Episode, Rerun, compare
from tests.unit.rules.trial.past import HOUR_0, Store, past_of
from tests.unit.rules.trial.rules import CABLE, CAMERA, DOOR
from tests.unit.rules.world import registry


def episodes(store: Store, rule: Rule, minutes: int = 60, overrides: tuple[Override, ...] = ()) -> list[Episode]:
    """What the rule would have told."""
    rerun = Rerun(rule, overrides)
    for batch in past_of(store, rule, minutes=minutes, overrides=overrides).batches():
        rerun.feed(batch)
    return rerun.episodes


def told(found: list[Episode]) -> list[tuple[float, float | None]]:
    """When each opened and ended, in seconds."""
    return [
        ((item.opened - HOUR_0) / SECOND, None if item.ended is None else (item.ended - HOUR_0) / SECOND)
        for item in found
    ]


def hot(store: Store, start: float, seconds: int) -> None:
    """Too hot for so long, then not."""
    for number in range(seconds // 10):
        store.temperature(start + number * 10, 75)
    store.temperature(start + seconds, 60)


def test_alerts_come_when_they_would_have_come() -> None:
    """In event time, with `for`; two that are apart are two, since somebody has seen to the first."""
    store = Store()
    store.beats(0, 3600)
    hot(store, 100, 60)
    hot(store, 1000, 20)
    hot(store, 2000, 600)
    assert told(episodes(store, CABLE)) == [(130, 160), (2030, 2600)]


def test_a_latched_alert_is_closed_once_it_is_over() -> None:
    """So that the next one is an alert of its own."""
    store = Store()
    store.beats(0, 600)
    for at in (60, 120):
        store.put(at, "access.door.opened", "door")
        store.put(at + 5, "access.door.closed", "door")
    store.put(170, "access.granted", "door")
    store.put(175, "access.door.opened", "door")
    assert told(episodes(store, DOOR, 10)) == [(60, 65), (120, 125)]


def test_silence_counts_by_what_the_gateway_delivered() -> None:
    """Its heartbeats are stored, so a gateway that was away makes no camera offline."""
    store = Store()
    store.beats(0, 120)
    store.put(0, "device.heartbeat", "cam", lane=Lane.BULK)
    store.put(0, "device.heartbeat", "cam-2", lane=Lane.BULK)
    store.beats(1500, 1800)
    assert [item.subject for item in episodes(store, CAMERA, 30)] == ["cam", "cam-2"]
    assert told(episodes(store, CAMERA, 20)) == []


def test_historic_events_alarm_nobody() -> None:
    """The store knows what was called historic."""
    store = Store()
    store.beats(0, 600)
    store.put(60, "access.door.opened", "door", historic=True)
    assert episodes(store, DOOR, 10) == []


def test_overrides_hold_where_they_hold() -> None:
    """As for the engine."""
    store = Store()
    store.beats(0, 600)
    hot(store, 100, 100)
    off = Override(rule=CABLE.id, where=Where(device="cable"), off=True)
    assert episodes(store, CABLE, 10, (off,)) == []


def test_memory_is_bounded_and_nothing_falls_between_two_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the stretches and pages, the inputs are the same."""

    def messages() -> list[MessageIn]:
        return [entry for batch in past_of(store, CABLE).batches() for entry in batch if isinstance(entry, MessageIn)]

    store = Store()
    store.beats(0, 3600)
    for number in range(360):
        store.temperature(number * 10, 50 + number % 30)
    whole = messages()
    assert sum(len(entry.message.readings) for entry in whole) == 360
    monkeypatch.setattr(pasts, "ROWS", 7)
    monkeypatch.setattr(pasts, "_PAGE", 5)
    monkeypatch.setattr(pasts, "SHORTEST", 50 * SECOND)
    parts = messages()
    assert [(entry.message, entry.received_at) for entry in parts] == [
        (entry.message, entry.received_at) for entry in whole
    ]


def test_registry_and_modes_change_when_they_did() -> None:
    """A device that was registered later counts from then on, not before."""
    store = Store()
    store.beats(0, 1200)
    hot(store, 100, 60)
    hot(store, 700, 60)
    past = past_of(store, CABLE, minutes=20)
    ((_, later),) = past.registries
    earlier = replace(later, version=0, devices={key: value for key, value in later.devices.items() if key != "cable"})
    changed = HOUR_0 + 10 * MINUTE
    past.registries = [(0, earlier), (changed, later)]
    past.modes = [(0, {}), (changed + 30 * SECOND, {"b1": "away"})]
    rerun = Rerun(CABLE)
    batches = list(past.batches())
    for batch in batches:
        rerun.feed(batch)
    assert told(rerun.episodes) == [(730, 760)]
    entries = [entry for batch in batches for entry in batch]
    assert [entry.registry.version for entry in entries if isinstance(entry, RegistryIn)] == [0, 1]
    assert [entry.modes for entry in entries if isinstance(entry, ArmingIn)] == [{}, {"b1": "away"}]
    times = [entry.now for entry in entries if isinstance(entry, Tick)]
    assert times == sorted(set(times))


def test_a_unit_is_that_of_the_series() -> None:
    """A sensor that reports in another unit says nothing, as live."""
    store = Store()
    store.beats(0, 600)
    past = past_of(store, CABLE, minutes=10)
    time = HOUR_0 + 100 * SECOND
    readings = Readings(["cable/temperature"] * 2, [time, time + 60 * SECOND], [300.0, 300.0], ["K", "K"])
    store.put(160, "linli.readings", "gw", lane=Lane.BULK, readings=readings)
    rerun = Rerun(CABLE)
    for batch in past.batches():
        rerun.feed(batch)
    assert rerun.episodes == []
    assert past.seen.readings == 2


def test_versions_are_compared_by_what_they_tell_of() -> None:
    """A lower limit: what it tells of earlier is the same alert, what it alone tells of is new."""
    store = Store()
    store.beats(0, 3600)
    hot(store, 100, 60)
    for at in range(1000, 1100, 10):
        store.temperature(at, 68)
    store.temperature(1100, 50)
    lower = laid_over(CABLE, {"when": {"1": {"reading": {"above": 66, "reset_below": 62}}}})
    before, now = episodes(store, CABLE), episodes(store, lower)
    difference = compare(before, now)
    assert [item.opened for item in difference.new] == [HOUR_0 + 1030 * SECOND]
    assert difference.gone == ()
    assert [(one.opened, two.opened) for one, two in difference.same] == [(before[0].opened, now[0].opened)]
    back = compare(now, before)
    assert (len(back.new), len(back.gone), len(back.same)) == (0, 1, 1)


def test_devices_of_other_gateways_do_not_speak_for_each_other() -> None:
    """Each reading comes from the gateway that its device is behind."""
    store = Store()
    store.beats(0, 600)
    hot(store, 100, 60)
    past = past_of(store, CABLE, minutes=10)
    ((_, known),) = past.registries
    moved: Device = replace(known.devices["cable"], gateway="gw-2")
    past.registries = [(0, replace(known, devices=known.devices | {"cable": moved}))]
    gateways = {
        entry.message.gateway
        for batch in past.batches()
        for entry in batch
        if isinstance(entry, MessageIn) and entry.message.readings
    }
    assert gateways == {"gw-2"}


def test_the_registry_of_the_tests_has_what_they_need() -> None:
    """One cable sensor, behind the gateway whose heartbeats are stored."""
    assert registry().devices["cable"].gateway == "gw"
