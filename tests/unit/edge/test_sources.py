"""Zigbee2MQTT, Frigate and ChirpStack: what each message says, on messages written for this test."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sources import EventSeen, Ignored, Observation, Rejected, Source, ValueSeen
from edge.sources.chirpstack import ChirpStack
from edge.sources.frigate import Frigate
from edge.sources.zigbee2mqtt import Zigbee2Mqtt
from linli.clock import SECOND, parse_time
from linli.model import Lane

NOW = parse_time("2026-03-01T08:00:00Z")


def play(source: Source, topic: str, payload: object, *, retained: bool = False, at: int = NOW) -> list[Observation]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    out = source.translate(topic, body, retained, at)
    assert out is not None
    return out


def events(out: list[Observation]) -> list[str]:
    return [item.type for item in out if isinstance(item, EventSeen)]


def values(out: list[Observation]) -> dict[str, tuple[float, str | None]]:
    return {item.quantity: (item.value, item.unit) for item in out if isinstance(item, ValueSeen)}


def event(out: list[Observation]) -> EventSeen:
    return next(item for item in out if isinstance(item, EventSeen))


# --- Zigbee2MQTT ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"temperature": 21.5, "humidity": 40}, {"temperature": (21.5, "Cel"), "humidity": (40.0, "%RH")}),
        ({"pressure": 1013.2}, {"air_pressure": (pytest.approx(101320.0), "Pa")}),
        ({"voltage": 3005, "battery": 97}, {"voltage": (3.005, "V"), "battery": (97.0, "%EL")}),
        ({"voltage": 2995}, {"voltage": (2.995, "V")}),
        ({"voltage": 231.4, "current": 0.5}, {"voltage": (231.4, "V"), "current": (0.5, "A")}),
        ({"energy": 1.5, "power": 60}, {"energy": (5.4e6, "J"), "power": (60.0, "W")}),
        ({"state": "ON", "linkquality": 88}, {"on": (1.0, None), "link_quality": (88.0, None)}),
        ({"state": "OFF"}, {"on": (0.0, None)}),
        ({"illuminance_lux": 12, "battery_low": False}, {"illuminance": (12.0, "lx"), "battery_low": (0.0, None)}),
        ({"co": 10}, {"co": (pytest.approx(11.45), "mg/m3")}),
        ({"Strange Number": 3, "text": "x", "nothing": None}, {"strange_number": (3.0, None)}),
    ],
)
def test_z2m_values_and_units(payload: dict[str, Any], expected: dict[str, object]) -> None:
    """Its units are implied; Linli's are the vocabulary's."""
    assert values(play(Zigbee2Mqtt(), "zigbee2mqtt/probe", payload)) == expected


@pytest.mark.parametrize(
    ("field", "bad", "raised", "cleared", "quantity"),
    [
        ("water_leak", True, "facility.water.detected", "facility.water.cleared", "water_leak"),
        ("contact", False, "sensor.contact.opened", "sensor.contact.closed", "open"),
        ("occupancy", True, "sensor.occupancy.detected", "sensor.occupancy.cleared", "occupancy"),
        ("presence", True, "sensor.occupancy.detected", "sensor.occupancy.cleared", "occupancy"),
        ("smoke", True, "sensor.smoke.detected", "sensor.smoke.cleared", "smoke"),
        ("gas", True, "sensor.gas.detected", "sensor.gas.cleared", "gas"),
        (
            "carbon_monoxide",
            True,
            "sensor.carbon_monoxide.detected",
            "sensor.carbon_monoxide.cleared",
            "carbon_monoxide",
        ),
        ("tamper", True, "sensor.tamper.detected", "sensor.tamper.cleared", "tamper"),
    ],
)
def test_z2m_states_are_readings_and_a_change_is_an_event(
    field: str, bad: bool, raised: str, cleared: str, quantity: str
) -> None:
    """The whole state comes with every report: the same state again is no second occurrence."""
    source, topic = Zigbee2Mqtt(), "zigbee2mqtt/水泵房 1"
    first = play(source, topic, {field: bad})
    assert events(first) == [raised]
    assert event(first).lane is Lane.URGENT
    assert values(first) == {quantity: (1.0, None)}
    assert events(play(source, topic, {field: bad, "battery": 90})) == []
    assert events(play(source, topic, {field: not bad})) == [cleared]


def test_z2m_last_seen_is_the_devices_time() -> None:
    """ISO in UTC or with an offset, or epoch milliseconds."""
    for seen in ("2026-03-01T07:59:58.250Z", "2026-03-01T15:59:58.250+08:00", 1772351998250):
        out = play(Zigbee2Mqtt(), "zigbee2mqtt/probe", {"temperature": 1, "last_seen": seen})
        assert isinstance(out[0], ValueSeen)
        assert out[0].time == parse_time("2026-03-01T07:59:58.250Z")
    assert play(Zigbee2Mqtt(), "zigbee2mqtt/probe", {"temperature": 1, "last_seen": "yesterday"}) == [
        ValueSeen(("probe",), "temperature", 1.0, "Cel")
    ]


def test_z2m_retained_is_history() -> None:
    """It is stored and alarms nobody, so it goes on the lane that nothing waits for."""
    out = play(Zigbee2Mqtt(), "zigbee2mqtt/probe", {"water_leak": True}, retained=True)
    assert all(item.historic for item in out if isinstance(item, EventSeen | ValueSeen))
    assert event(out).lane is Lane.BULK


@pytest.mark.parametrize("payload", [{"state": "offline"}, b"offline"])
def test_z2m_availability_in_both_forms(payload: object) -> None:
    """It stays true when retained; the same again is no event."""
    source = Zigbee2Mqtt()
    out = play(source, "zigbee2mqtt/probe/availability", payload, retained=True)
    assert events(out) == ["device.offline"]
    assert not event(out).historic
    assert values(out) == {"online": (0.0, None)}
    assert events(play(source, "zigbee2mqtt/probe/availability", payload)) == []


def test_z2m_an_empty_retained_payload_means_removed() -> None:
    """A device that was renamed or deleted."""
    assert events(play(Zigbee2Mqtt(), "zigbee2mqtt/probe/availability", b"", retained=True)) == ["device.removed"]
    assert events(play(Zigbee2Mqtt(), "zigbee2mqtt/probe", b"", retained=True)) == ["device.removed"]


def test_z2m_an_action_on_two_topics_is_one_event() -> None:
    """And a second press is a second event."""
    source = Zigbee2Mqtt()
    assert events(play(source, "zigbee2mqtt/hall button", {"action": "double"})) == ["sensor.button.pressed"]
    assert events(play(source, "zigbee2mqtt/hall button/action", b"double", at=NOW + 1000)) == []
    assert events(play(source, "zigbee2mqtt/hall button", {"action": "double"}, at=NOW + SECOND)) == [
        "sensor.button.pressed"
    ]
    assert play(source, "zigbee2mqtt/hall button", {"action": ""}) == [Ignored("a state without a value")]


def test_z2m_a_lock_keeps_its_last_action_beside_its_state() -> None:
    """Only the change is told, once, with who did it."""
    source, topic = Zigbee2Mqtt(), "zigbee2mqtt/Front Door"
    opened = play(source, topic, {"lock_state": "unlocked", "action": "keypad_unlock", "action_user": 3})
    assert events(opened) == ["access.lock.unlocked"]
    assert event(opened).data == {"action": "keypad_unlock", "user": 3}
    assert events(play(source, topic, {"lock_state": "unlocked", "action": "keypad_unlock", "battery": 60})) == []
    assert events(play(source, topic + "/action", b"auto_lock")) == ["access.lock.locked"]
    assert events(play(source, topic, {"lock_state": "locked", "action": "auto_lock"}, at=NOW + 1000)) == []
    assert events(play(Zigbee2Mqtt(), topic, {"state": "UNLOCK"})) == ["access.lock.unlocked"]
    failed = play(source, topic + "/action", b"unlock_failure_invalid_pin_or_id")
    assert events(failed) == ["access.denied"]


def test_z2m_vibration_with_action_and_flag_is_one_event() -> None:
    """Both fields tell the same."""
    out = play(Zigbee2Mqtt(), "zigbee2mqtt/grid", {"action": "vibration", "vibration": True, "strength": 7})
    assert events(out) == ["sensor.vibration.detected"]
    assert values(out) == {"vibration": (1.0, None), "strength": (7.0, None)}


def test_z2m_names_may_hold_slashes() -> None:
    """The mapping tells a name from a subtopic."""
    source = Zigbee2Mqtt(known=["b2/stairs", "b2/action"])
    assert play(source, "zigbee2mqtt/b2/stairs", {"temperature": 2}) == [
        ValueSeen(("b2/stairs",), "temperature", 2.0, "Cel")
    ]
    assert events(play(source, "zigbee2mqtt/b2/action", {"water_leak": True})) == ["facility.water.detected"]
    assert play(source, "zigbee2mqtt/b2/stairs/temperature", b"20.5") == [
        ValueSeen(("b2/stairs",), "temperature", 20.5, "Cel")
    ]
    assert isinstance(play(source, "zigbee2mqtt/b2/stairs/set", {"state": "ON"})[0], Ignored)
    assert isinstance(play(source, "zigbee2mqtt/b2/stairs/get/state", b"")[0], Ignored)


def test_z2m_bridge() -> None:
    """Who joined and left is told under both names; the rest of the bridge is its own business."""
    source = Zigbee2Mqtt()
    joined = {"type": "device_joined", "data": {"friendly_name": "new one", "ieee_address": "0x01"}}
    out = play(source, "zigbee2mqtt/bridge/event", joined)
    assert (event(out).type, event(out).names) == ("device.joined", ("new one", "0x01"))
    left = {"type": "device_leave", "data": {"ieee_address": "0x01"}}
    assert events(play(source, "zigbee2mqtt/bridge/event", left)) == ["device.removed"]
    announced = {"type": "device_announce", "data": {"friendly_name": "x"}}
    assert isinstance(play(source, "zigbee2mqtt/bridge/event", announced)[0], Ignored)
    assert isinstance(play(source, "zigbee2mqtt/bridge/devices", b"[" * 100_000)[0], Ignored)
    state = play(source, "zigbee2mqtt/bridge/state", {"state": "online"}, retained=True)
    assert (event(state).type, event(state).optional) == ("device.online", True)


# --- Frigate --------------------------------------------------------------------------------------------------------


def tracked(phase: str = "new", label: str = "person", frame: float = 1772351999.5, **more: object) -> dict[str, Any]:
    after = {
        "id": "1772351990.1-abc",
        "camera": "gate_north",
        "frame_time": frame,
        "label": label,
        "score": 0.83,
        "false_positive": False,
        "current_zones": ["yard"],
        "entered_zones": ["street", "yard"],
        "sub_label": None,
    }
    return {"type": phase, "before": {}, "after": after | more}


def test_frigate_persons_and_other_objects() -> None:
    """Time is the frame's; the facts say where, how sure, and which phase."""
    out = play(Frigate(), "frigate/events", tracked())
    seen = event(out)
    assert (seen.type, seen.names, seen.time) == ("camera.person.detected", ("gate_north",), 1772351999500000)
    assert seen.data["zones"] == ["yard"]
    assert (seen.data["score"], seen.data["label"], seen.data["type"]) == (0.83, "person", "new")
    assert events(play(Frigate(), "frigate/events", tracked(label="car"))) == ["camera.object.detected"]


def test_frigate_repeats_and_false_positives_are_not_told() -> None:
    """The same id, phase and frame is the same message; a new frame is not."""
    source = Frigate()
    play(source, "frigate/events", tracked())
    assert play(source, "frigate/events", tracked()) == [Ignored("told already")]
    later = play(source, "frigate/events", tracked("update", frame=1772352001.0))
    assert events(later) == ["camera.person.detected"]
    assert isinstance(play(source, "frigate/events", tracked(false_positive=True))[0], Ignored)
    end = play(source, "frigate/events", tracked("end", frame=1772352002.0))
    assert event(end).lane is Lane.BULK, "that somebody has left need not overtake anything"


@pytest.mark.parametrize("topic", ["frigate/events", "frigate/reviews"])
def test_frigate_fields_of_the_wrong_kind(topic: str) -> None:
    """A phase that is no text is refused."""
    assert isinstance(play(Frigate(), topic, {"type": {}, "after": {}})[0], Rejected)


def test_frigate_time_of_the_wrong_kind() -> None:
    """It leaves the event without one."""
    assert (
        event(play(Frigate(), "frigate/events", tracked() | {"after": tracked()["after"] | {"frame_time": [1]}})).time
        is None
    )


@pytest.mark.parametrize("sub_label", [None, "Wang", ["Wang", 0.9]])
def test_frigate_sub_label_in_three_forms(sub_label: object) -> None:
    """Null, a text, or a text with its score."""
    data = event(play(Frigate(), "frigate/events", tracked(sub_label=sub_label))).data
    assert data.get("sub_label") == (None if sub_label is None else "Wang")


def test_frigate_camera_topics() -> None:
    """Motion, review and the health of a role are events when they change."""
    source = Frigate()
    assert events(play(source, "frigate/gate_north/motion", b"ON")) == ["camera.motion.started"]
    assert play(source, "frigate/gate_north/motion", b"ON") == [Ignored("no change")]
    assert events(play(source, "frigate/gate_north/motion", b"OFF")) == ["camera.motion.stopped"]
    review = play(source, "frigate/gate_north/review_status", b"DETECTION")
    assert event(review).data == {"status": "DETECTION"}
    down = play(source, "frigate/gate_north/status/detect", b"offline")
    assert events(down) == ["device.status.changed", "device.offline"]
    assert event(down).data == {"role": "detect", "status": "offline"}
    assert events(play(source, "frigate/gate_north/status/record", b"offline")) == ["device.status.changed"]
    assert events(play(source, "frigate/gate_north/audio/glass", b"ON")) == ["camera.sound.detected"]
    assert values(play(source, "frigate/gate_north/person", b"2")) == {"count_person": (2.0, None)}
    assert values(play(source, "frigate/gate_north/all/active", b"1")) == {"active_all": (1.0, None)}


@pytest.mark.parametrize(
    "topic",
    [
        "frigate/gate_north/person/snapshot",
        "frigate/gate_north/detect/set",
        "frigate/gate_north/motion/state",
        "frigate/gate_north/ptz",
        "frigate/notifications/state",
        "frigate/camera_activity",
        "frigate/gate_north/some/future/topic",
    ],
)
def test_frigate_settings_and_pictures_are_ignored(topic: str) -> None:
    """Whatever bytes they carry."""
    assert all(isinstance(item, Ignored) for item in play(Frigate(), topic, b"\xff\xd8\xff\xe0 jpeg"))


def test_frigate_availability() -> None:
    """Online again on every connection is no event; 'stopped' is offline, in order."""
    source = Frigate()
    assert events(play(source, "frigate/available", b"online", retained=True)) == ["device.online"]
    assert events(play(source, "frigate/available", b"online")) == []
    assert events(play(source, "frigate/available", b"stopped")) == ["device.offline"]


def test_frigate_updates_find_their_camera() -> None:
    """A description names only the object; its camera is known from the event before."""
    source = Frigate()
    described = {"type": "description", "id": "1772351990.1-abc", "description": "一个人在走"}
    assert event(play(source, "frigate/tracked_object_update", described)).names == ("frigate",)
    play(source, "frigate/events", tracked())
    out = event(play(source, "frigate/tracked_object_update", described))
    assert (out.type, out.names) == ("camera.object.described", ("gate_north",))
    assert out.data["description"] == "一个人在走"
    plate = {"type": "lpr", "id": "1-a", "plate": "沪A12345", "score": 0.9, "camera": "lane", "timestamp": 1772352000.5}
    out = event(play(source, "frigate/tracked_object_update", plate))
    assert (out.type, out.names, out.time) == ("camera.object.classified", ("lane",), 1772352000500000)
    assert (out.data["model"], out.data["value"]) == ("lpr", "沪A12345")


def test_frigate_reviews_and_stats() -> None:
    """A review says how severe; the stats say which cameras live."""
    review = {
        "type": "new",
        "before": {},
        "after": {
            "id": "1-r",
            "camera": "gate_north",
            "start_time": 1772351999.0,
            "severity": "alert",
            "data": {"objects": ["person"], "zones": ["yard"]},
        },
    }
    out = event(play(Frigate(), "frigate/reviews", review))
    assert (out.type, out.data["status"], out.time) == ("camera.review.changed", "ALERT", 1772351999000000)
    stats = play(Frigate(), "frigate/stats", {"cameras": {"a": {"camera_fps": 5.1}, "b": {"camera_fps": 0.0}}})
    assert events(stats) == ["device.heartbeat"], "a camera without frames does not live"
    assert [item.value for item in stats if isinstance(item, ValueSeen)] == [5.1, 0.0]


# --- ChirpStack -----------------------------------------------------------------------------------------------------

EUI = "24e124136b502217"


def uplink(**more: object) -> dict[str, Any]:
    return {
        "deduplicationId": "d-1",
        "time": "2026-03-01T07:59:59.123456789+00:00",
        "deviceInfo": {"deviceName": "B1 水浸", "devEui": EUI},
        "fPort": 85,
        "data": "AXVk",
    } | more


def chirp(kind: str, document: dict[str, Any], source: ChirpStack | None = None) -> list[Observation]:
    return play(source or ChirpStack(), f"application/app-1/device/{EUI}/event/{kind}", document)


def test_chirpstack_decoded_objects_become_readings() -> None:
    """Numbers under their names, nested ones joined, states with their events; nine digits of a second are cut."""
    decoded = {"temperature": 19.5, "battery": 100, "leakage_status": "leak", "inner": {"depth": 3}, "text": "v1.2"}
    out = chirp("up", uplink(object=decoded))
    assert values(out) == {
        "temperature": (19.5, "Cel"),
        "battery": (100.0, "%EL"),
        "water_leak": (1.0, None),
        "inner_depth": (3.0, None),
    }
    seen = event(out)
    assert seen.type == "facility.water.detected"
    assert seen.names == (EUI, EUI.upper(), "B1 水浸")
    assert seen.time == parse_time("2026-03-01T07:59:59.123456Z")


def test_chirpstack_without_a_codec_keeps_the_bytes() -> None:
    """An uplink that nobody decodes is an event with what it carried, and how well it was heard."""
    out = chirp("up", uplink(rxInfo=[{"rssi": -90, "snr": 1}, {"rssi": -40, "snr": 9.5}, {}]))
    assert event(out).type == "device.uplink"
    assert event(out).data == {"data": "AXVk", "hex": "017564", "f_port": 85.0, "f_cnt": 0.0}
    assert values(out) == {"rssi": (-40.0, "dBm"), "snr": (9.5, "dB")}


def test_chirpstack_a_repeat_is_not_told() -> None:
    """Its brokers and gateways double messages; the deduplication id tells."""
    source = ChirpStack()
    assert events(chirp("up", uplink(), source)) == ["device.uplink"]
    assert chirp("up", uplink(), source) == [Ignored("told already")]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("join", {"devAddr": "0018"}, "device.joined"),
        ("ack", {"acknowledged": True, "queueItemId": "q"}, "device.downlink.acknowledged"),
        ("txack", {"queueItemId": "q"}, "device.downlink.sent"),
        ("log", {"level": "ERROR", "code": "UPLINK_MIC", "description": "no"}, "device.status.changed"),
    ],
)
def test_chirpstack_events(kind: str, more: dict[str, object], expected: str) -> None:
    """The life of a device."""
    assert events(chirp(kind, uplink() | more)) == [expected]


def test_chirpstack_a_missing_acknowledged_is_false() -> None:
    """proto3 leaves out what is false."""
    assert event(chirp("ack", uplink())).data["acknowledged"] is False


def test_chirpstack_status_and_location() -> None:
    """Battery and margin; a place as SenML has it."""
    assert values(chirp("status", uplink(margin=7, batteryLevel=88.5))) == {
        "link_margin": (7.0, "dB"),
        "battery": (88.5, "%EL"),
    }
    assert "battery" not in values(chirp("status", uplink(batteryLevelUnavailable=True, batteryLevel=0)))
    place = {"latitude": 31.2, "longitude": 121.4}
    assert values(chirp("location", uplink(location=place))) == {
        "latitude": (31.2, "lat"),
        "longitude": (121.4, "lon"),
        "altitude": (0.0, "m"),
    }


# --- all of them ----------------------------------------------------------------------------------------------------

SOURCES = {
    "zigbee2mqtt/probe": Zigbee2Mqtt,
    "zigbee2mqtt/probe/availability": Zigbee2Mqtt,
    "zigbee2mqtt/bridge/event": Zigbee2Mqtt,
    "frigate/events": Frigate,
    "frigate/reviews": Frigate,
    "frigate/tracked_object_update": Frigate,
    f"application/a/device/{EUI}/event/up": ChirpStack,
}


@pytest.mark.parametrize("topic", SOURCES)
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"temperature": NaN}', "not_finite"),
        (b'{"temperature": 1, }', "not_json"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "too_deep"),
        (b'{"a":"' + b"x" * 300_000 + b'"}', "too_large"),
        (b'{"a":99999999999999999999}', "integer_range"),
    ],
)
def test_bad_json_is_rejected_with_its_reason(topic: str, payload: bytes, reason: str) -> None:
    """The same reasons as on the wire, so that dead letters read alike."""
    out = play(SOURCES[topic](), topic, payload)
    assert [item.reason for item in out if isinstance(item, Rejected)] == [reason]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("zigbee2mqtt/probe", {"temperature": "warm"}),
        ("zigbee2mqtt/probe", {"water_leak": "perhaps"}),
        ("zigbee2mqtt/probe/availability", b"maybe"),
        ("frigate/events", {"type": "new", "after": {"camera": 3}}),
        ("frigate/gate/motion", b"MAYBE"),
        ("frigate/available", b"dunno"),
        (f"application/a/device/{EUI}/event/location", {"location": 3}),
    ],
)
def test_a_wrong_type_is_rejected(topic: str, payload: object) -> None:
    """A known field with a value that it cannot have."""
    source = {"z": Zigbee2Mqtt, "f": Frigate, "a": ChirpStack}[topic[0]]()
    out = play(source, topic, payload)
    assert [item.reason for item in out if isinstance(item, Rejected)] == ["wrong_type"]


def test_other_topics_are_not_theirs() -> None:
    """So that several sources may share one broker."""
    for source in (Zigbee2Mqtt(), Frigate(), ChirpStack()):
        assert source.translate("elsewhere/x", b"{}", False, NOW) is None
        assert source.topics()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
)
WORDS = """
    action lock_state last_seen state voltage contact smoke temperature type after data object location cameras rxInfo time
    deviceInfo id camera label severity sub_label frame_time deduplicationId acknowledged friendly_name rssi camera_fps
"""
KEYS = st.sampled_from(WORDS.split())


@given(
    topic=st.sampled_from(
        [*SOURCES, "frigate/stats", "frigate/c/audio/dBFS", f"application/a/device/{EUI}/event/status"]
    ),
    payload=st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=4), max_size=6).map(
        lambda value: json.dumps(value).encode()
    )
    | st.binary(max_size=200),
    retained=st.booleans(),
)
def test_no_bytes_make_a_source_raise(topic: str, payload: bytes, retained: bool) -> None:
    """Property: any bytes give a list of observations."""
    for source in (Zigbee2Mqtt(), Frigate(), ChirpStack()):
        out = source.translate(topic, payload, retained, NOW)
        assert out is None or (out and all(isinstance(item, Observation) for item in out))
