"""Retained copies and backlogs: history that must not swallow what comes live."""

import pytest

from edge.sources import EventSeen, Source
from edge.sources.chirpstack import ChirpStack
from edge.sources.frigate import Frigate
from edge.sources.zigbee2mqtt import Zigbee2Mqtt
from linli.model import Lane
from tests.unit.edge.test_sources import events, play

STATES: list[tuple[Source, str, object, object, str]] = [
    (Zigbee2Mqtt(), "zigbee2mqtt/hall", {"smoke": True}, {"smoke": False}, "sensor.smoke.detected"),
    (Zigbee2Mqtt(), "zigbee2mqtt/hall/water_leak", b"true", b"false", "facility.water.detected"),
    (Zigbee2Mqtt(), "zigbee2mqtt/lock", {"lock_state": "unlocked"}, {"lock_state": "locked"}, "access.lock.unlocked"),
    (Frigate(), "frigate/gate/motion", b"ON", b"OFF", "camera.motion.started"),
    (Frigate(), "frigate/gate/audio/scream", b"ON", b"OFF", "camera.sound.detected"),
    (Frigate(), "frigate/gate/review_status", b"ALERT", b"NONE", "camera.review.changed"),
]


@pytest.mark.parametrize(("source", "topic", "raised", "cleared", "kind"), STATES, ids=lambda value: str(value)[:40])
def test_what_is_known_from_the_past_does_not_swallow_the_live_event(
    source: Source, topic: str, raised: object, cleared: object, kind: str
) -> None:
    """A retained state pages nobody, so the first live message of the same state must; the retained copy tells once at
    each change, and none at all of what has been told live. A change seen only in a retained copy is remembered."""
    assert events(play(source, topic, raised, retained=True)) == [kind]
    assert events(play(source, topic, raised, retained=True)) == []
    live = play(source, topic, raised)
    assert [(item.type, item.historic, item.lane) for item in live if isinstance(item, EventSeen)] == [
        (kind, False, Lane.URGENT)
    ]
    assert events(play(source, topic, raised)) == []
    assert events(play(source, topic, raised, retained=True)) == []
    assert len(events(play(source, topic, cleared, retained=True))) == 1
    assert events(play(source, topic, raised)) == [kind]


def test_z2m_a_retained_action_does_not_swallow_the_live_one() -> None:
    """The two topics of one action tell it once; a retained copy is not one of the two."""
    source = Zigbee2Mqtt()
    assert events(play(source, "zigbee2mqtt/button", {"action": "sos"}, retained=True)) == ["sensor.button.pressed"]
    assert events(play(source, "zigbee2mqtt/button/action", b"sos")) == ["sensor.button.pressed"]


def test_a_backlog_does_not_swallow_the_live_event() -> None:
    """A device that buffers sends its past first, live by MQTT and old by its own time: the agent makes it history."""
    source = ChirpStack()
    topic = "application/1/device/24e124136b502217/event/up"
    old = {"time": "2026-03-01T06:00:00Z", "object": {"water_leak": True}}
    now = {"time": "2026-03-01T08:00:00Z", "object": {"water_leak": True}}
    assert [events(play(source, topic, up)) for up in (old, old, now, now, old)] == [
        ["facility.water.detected"],
        [],
        ["facility.water.detected"],
        [],
        [],
    ]


def test_a_retained_copy_is_no_first_delivery() -> None:
    """What carries an id is told once live, whether its retained copy came before or comes after."""
    source = ChirpStack()
    topic = "application/1/device/24e124136b502217/event/join"
    join = {"deduplicationId": "d-1", "devAddr": "01"}
    retained = (True, True, False, False, True)
    assert [bool(events(play(source, topic, join, retained=flag))) for flag in retained] == [
        True,
        False,
        True,
        False,
        False,
    ]
