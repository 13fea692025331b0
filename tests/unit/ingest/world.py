"""A small registry, and messages as its gateway sends them."""

from dataclasses import replace
from typing import Any

from ingest.checks import Limits
from ingest.letters import Arrival
from ingest.pipeline import Pipeline
from linli import codec
from linli.clock import MINUTE
from linli.i18n import Text
from linli.model import READINGS_TYPE, Device, Gateway, Lane, LaneKey, Message, Reading
from linli.testing import MemoryRegistry
from linli.topics import lane_topic

NOW = 1_700_000_000_000_000
LIMITS = Limits.of_years(9)
LATE = 1.0 * MINUTE
NAME = Text("某物", "a thing")
URGENT = LaneKey("c001", "gw-1", "b1", Lane.URGENT)
BULK = LaneKey("c001", "gw-1", "b1", Lane.BULK)


def registry() -> MemoryRegistry:
    """c001 has gw-1 with door-1 and t-1, and gw-2 with door-2; c002 has gw-9."""
    return MemoryRegistry(
        [Gateway("gw-1", "c001", NAME), Gateway("gw-2", "c001", NAME), Gateway("gw-9", "c002", NAME)],
        [
            Device("door-1", "c001", "gw-1", "door", NAME, "p"),
            Device("t-1", "c001", "gw-1", "sensor", NAME, "p"),
            Device("door-2", "c001", "gw-2", "door", NAME, "p"),
        ],
    )


def pipeline(committed: dict[LaneKey, int] | None = None) -> Pipeline:
    return Pipeline(registry(), LIMITS, LATE, committed or {})


def event(sequence: int = 1, **facts: Any) -> Message:
    """A good event of gw-1's urgent lane, with these facts changed."""
    message = Message(
        community="c001",
        gateway="gw-1",
        bootid="b1",
        lane=Lane.URGENT,
        sequence=sequence,
        oldest=1,
        type="access.granted",
        subject="door-1",
        time=NOW,
        agent_time=NOW,
        data={"credential": "card-7"},
    )
    return replace(message, **facts)


def packet(sequence: int = 1, *readings: Reading, **facts: Any) -> Message:
    """A packet of gw-1's bulk lane; without readings, one good one of t-1."""
    chosen = readings or (reading(),)
    facts = {"lane": Lane.BULK, "type": READINGS_TYPE, "subject": "gw-1", "data": {}, "readings": chosen} | facts
    return event(sequence, **facts)


def reading(device: str = "t-1", time: int = NOW, value: float = 20.5) -> Reading:
    return Reading(device, "temperature", time, value, "Cel")


def topic_of(message: Message) -> str:
    return lane_topic(message.community, message.gateway, message.lane)


def arrival(message: Message, received_at: int = NOW) -> Arrival:
    """As it comes over MQTT."""
    return Arrival.of(topic_of(message), codec.encode(message), received_at)


def raw(payload: bytes, topic: str = "linli/v1/c001/gateway/gw-1/urgent") -> Arrival:
    """Any bytes on a lane of gw-1."""
    return Arrival.of(topic, payload, NOW)


def hostile() -> list[tuple[str, str, bytes]]:
    """Bad inputs: the reason expected, the topic, the payload. Each is the first message of a lane of its own."""
    lane = "linli/v1/c001/gateway/gw-1/urgent"
    good = codec.encode(event())

    def changed(old: bytes, new: bytes, payload: bytes = good) -> bytes:
        assert old in payload
        return payload.replace(old, new)

    ten_years = 10 * 366 * 24 * 60 * MINUTE
    packed = codec.encode(packet())
    bulk = "linli/v1/c001/gateway/gw-1/bulk"
    return [
        ("unknown_gateway", "linli/v1/c001/gateway/gw-x/urgent", codec.encode(event(gateway="gw-x"))),
        ("wrong_community", "linli/v1/c001/gateway/gw-9/urgent", codec.encode(event(gateway="gw-9"))),
        ("unregistered_device", lane, codec.encode(event(subject="door-x"))),
        ("unregistered_device", bulk, codec.encode(packet(1, reading("t-x")))),
        ("foreign_device", lane, codec.encode(event(subject="door-2"))),
        ("time_out_of_range", lane, codec.encode(event(time=NOW - ten_years))),
        ("time_out_of_range", bulk, codec.encode(packet(1, reading(time=NOW - ten_years)))),
        ("time_out_of_range", lane, codec.encode(event(time=NOW + ten_years))),
        ("time_out_of_range", bulk, codec.encode(packet(1, reading(time=NOW + ten_years)))),
        ("not_json", lane, good[:-10]),
        ("not_json", lane, b""),
        ("not_json", lane, b"\xff\xfe\x00"),
        ("not_an_object", lane, b"[1, 2]"),
        ("too_large", lane, changed(b"card-7", b"x" * 600_000)),
        ("long_string", lane, changed(b"card-7", b"x" * 20_000)),
        ("too_deep", lane, changed(b'"card-7"', b"[" * 50 + b"]" * 50)),
        ("too_deep", lane, changed(b'"card-7"', b"[" * 5000 + b"]" * 5000)),
        ("not_finite", lane, changed(b'"card-7"', b"NaN")),
        ("not_finite", bulk, changed(b"20.5", b"NaN", packed)),
        ("not_finite", bulk, changed(b"20.5", b"1e999", packed)),
        ("integer_range", lane, changed(b'"card-7"', b"9" * 40)),
        ("duplicate_key", lane, changed(b'"credential":', b'"credential":1,"credential":')),
        ("nul", lane, changed(b"card-7", b"\\u0000")),
        ("wrong_type", bulk, changed(b"20.5", b'"hot"', packed)),
        ("wrong_type", lane, changed(b'{"credential":"card-7"}', b"[1]")),
        ("wrong_source", lane, codec.encode(event(gateway="gw-2"))),
        ("bad_time", lane, changed(b"2023-11-14T22:13:20.000000Z", b"yesterday")),
        ("bad_sequence", lane, changed(b"0000000000000000001", b"1")),
        ("bad_type", lane, changed(b"access.granted", b"nonsense")),
        ("unknown_attribute", lane, changed(b'"specversion"', b'"novel":1,"specversion"')),
        ("bad_topic", "linli/v1/c001/gateway/gw-1/nonsense", good),
        ("bad_topic", "somewhere/else", good),
    ]
