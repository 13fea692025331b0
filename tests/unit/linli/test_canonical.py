"""The quick way of reading a message says what the slow one says, or nothing."""

import string
from dataclasses import replace

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from linli import canonical, codec
from linli.codec import MAX_MESSAGE_BYTES, MAX_READINGS, encode
from linli.errors import Refused
from linli.model import READINGS_TYPE, Lane, Message, Reading, Readings, TimeSource
from linli.topics import GatewayTopic, Leaf
from tests.unit.linli.strategies import messages

NOW = 1_700_000_000_123_456
TOPIC = GatewayTopic("c001", "gw-c001", Leaf.BULK)
PACKET = Message(
    community="c001",
    gateway="gw-c001",
    bootid="b1",
    lane=Lane.BULK,
    sequence=17,
    oldest=15,
    type=READINGS_TYPE,
    subject="gw-c001",
    time=NOW,
    agent_time=NOW + 1,
    time_source=TimeSource.DEVICE,
    readings=tuple(Reading(f"d{n}", "temperature", NOW + n, n / 7, "Cel" if n % 3 else None) for n in range(50)),
)
EVENT = replace(PACKET, type="access.granted", subject="c001-door-01", readings=(), data={"card": "x", "floor": 3})


def slowly(topic: GatewayTopic, payload: bytes) -> Message | str:
    """What the reference says: a message, or why it is refused."""
    assert topic.lane is not None
    try:
        return codec._decode_any(topic, topic.lane, payload)
    except Refused as refused:
        return refused.reason


def agrees(topic: GatewayTopic, payload: bytes) -> bool:
    """Whether the quick way gives nothing, or what the slow one gives."""
    quick = canonical.decode(topic, payload, MAX_READINGS)
    if quick is not None and isinstance(quick.readings, Readings):
        again = Readings.of(list(quick.readings))
        assert (quick.readings.earliest, quick.readings.latest) == (again.earliest, again.latest)
    return quick is None or quick == slowly(topic, payload)


@pytest.mark.parametrize("message", [PACKET, EVENT, replace(EVENT, historic=True), replace(EVENT, data={})])
def test_what_an_agent_writes_takes_the_quick_way(message: Message) -> None:
    """Else the slow one would carry the load, and nobody would notice but the person who pays for the machine."""
    assert canonical.decode(TOPIC, encode(message), MAX_READINGS) == message


@given(messages())
def test_both_ways_give_the_same_message(message: Message) -> None:
    """Any message of the wire format."""
    topic = GatewayTopic(message.community, message.gateway, Leaf(message.lane.value))
    assert agrees(topic, encode(message))


_PIECES = st.sampled_from(
    [
        b'"',
        b'":',
        b":",
        b",",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\\",
        b"\\u0000",
        b"\x00",
        b" ",
        b"null",
        b"true",
        b"1e999",
        b"-0.0",
    ]
    + [
        b'"n":',
        b'"v":1,',
        b'"t":-1,',
        b'"u":null',
        b'"u":"",',
        b'"sequence":"1",',
        b'"historic":false,',
        b'"x":1,',
        b'"floor" :4,',
        b'"sequence" :"0000000000000000016",',
        b"NaN",
    ]
    + [
        b"18446744073709551615",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"99999999999999999999",
        b"\xff",
        "门".encode(),
    ]
    + [letter.encode() for letter in string.printable]
)


@given(
    st.sampled_from([PACKET, EVENT]), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 12), _PIECES), max_size=3)
)
@example(EVENT, [(orjson.dumps({}).__len__(), 0, b" ")])
def test_damaged_messages_are_judged_alike(message: Message, cuts: list[tuple[int, int, bytes]]) -> None:
    """Whatever is cut out of a message or put into it: the quick way never takes what the slow one refuses."""
    payload = encode(replace(message, readings=message.readings[:2]))
    for at, length, piece in cuts:
        start = at % (len(payload) + 1)
        payload = payload[:start] + piece + payload[start + length :]
    assert len(payload) <= MAX_MESSAGE_BYTES
    assert agrees(TOPIC, payload)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":0.0', b'"v":0.0,"v":1.0'),
        (b'"v":0.0', b'"v":9223372036854775808'),
        (b'"v":0.0', b'"v":-99999999999999999999'),
        (b'"v":0.0', b'"vb":true'),
        (b'"n":"d0/temperature"', b'"n":"d0/temperature","n":"d1/temperature"'),
        (b'"n":"d0/temperature"', b'"n":"d0/temperature\\u0000"'),
        (b'"n":"d0/temperature"', b'"n":"d0"'),
        (b'"t":', b'"t":-'),
        (b'"t":', b'"t":9'),
        (b'"u":"Cel"', b'"u":"Cel","u":"Cel"'),
        (b'"u":"Cel"', b'"u":null'),
        (b'"id":"', b'"id":":'),
        (b'"id":"', b'"id":"","id":"'),
        (b"application/senml+json", b"a:b"),
        (b"application/senml+json", b"x" * 17_000),
        (b'"t":1700000000.123456', b'"t":8800000000.0'),
        (b'"t":1700000000.123456', b'"t":8589934592'),
        (b'"t":1700000000.123456', b'"t":-0.0000001'),
        (b'"t":1700000000.123456', b'"t":-0.0'),
        (b'"t":1700000000.123456', b'"t":-1e300'),
        (b'"t":1700000000.123456', b'"t":1e305'),
    ],
)
def test_what_is_not_quite_right_in_a_packet(old: bytes, new: bytes) -> None:
    """Each way in which a packet can be almost what an agent writes."""
    for packet in (PACKET, replace(PACKET, readings=PACKET.readings[:2])):
        payload = encode(packet).replace(old, new, 1)
        assert payload != encode(packet)
        assert agrees(TOPIC, payload)


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, -(2**63) - 1, 2**70, 1e300, [1], {"a": 1}, "\x00", "x" * 17_000])
def test_what_is_not_quite_right_in_an_event(value: object) -> None:
    """Integers beyond 64 bits, nested data, NUL and long strings go the slow way."""
    document = orjson.loads(encode(EVENT))
    plain = value if not isinstance(value, int) else 0
    payload = orjson.dumps(document | {"data": {"x": plain}})
    if isinstance(value, int):
        payload = payload.replace(b'"x":0', b'"x":%d' % value)
    assert agrees(TOPIC, payload)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"floor":3', b'"floor":4,"floor":3'),
        *((b'"floor":3', b'"floor"%s:4,"floor":3' % blank) for blank in (b" ", b"  ", b"\t", b"\n", b"\r", b" \n ")),
        (b'"sequence":', b'"sequence" :"0000000000000000016","sequence":'),
        (b'"historic":true', b'"historic" :false,"historic":true'),
        (b'"card":"x"', b'"card" :":x"'),
        (b'"card":"x"', b'"card":"a :b"'),
        (b'"id":"', b'"id":"' + b"x" * 17_000),
        (b"application/json", b"x" * 17_000),
    ],
)
def test_what_is_not_quite_right_around_an_event(old: bytes, new: bytes) -> None:
    """A key that comes twice is found, however it is written; so is a string that is too long, wherever it stands."""
    payload = encode(replace(EVENT, historic=True))
    damaged = payload.replace(old, new, 1)
    assert damaged != payload
    assert agrees(TOPIC, damaged)
