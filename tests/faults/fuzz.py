"""What the fuzzing sends: messages of a small site whose names, data and values are meant to break out, and bytes that are
nearly messages."""

import os
import random
from collections.abc import Callable, Iterator

from hypothesis import strategies as st

from linli import codec
from linli.errors import Refused
from linli.model import READINGS_TYPE, Community, Device, Gateway, JsonValue, Lane, Message, Reading, TimeSource
from linli.testing import MemoryRegistry
from linli.topics import lane_topic
from tests.faults.plan import NAME

NOW = 1_790_000_000_000_000
DEVICES = {"gw-a": ("door-1", "meter-1", "cam_1"), "gw-b": ("door-2",)}
COMMUNITIES = {"gw-a": "c001", "gw-b": "c002"}


VARIANTS = 25
"""So many inputs are made of each message that hypothesis thinks of: as it is, and damaged in ways of their own."""


def examples(share: float) -> int:
    """Of how many messages one test is made that gets this share of FUZZ_INPUTS (10,000 if that is not set)."""
    return max(10, int(int(os.environ.get("FUZZ_INPUTS", "10000")) * share / VARIANTS))


def variants(message: Message, seed: int) -> Iterator[bytes]:
    """VARIANTS payloads: the message, if an agent would send it, and damaged ones."""
    payload = encoded(message)
    if payload is not None:
        yield payload
    chance = random.Random(seed)
    for _ in range(VARIANTS if payload is None else VARIANTS - 1):
        yield damaged(payload or b'{"data":{"a":[1,{"b":"c"}]},"n":"door-1/q"}', chance)


def registry() -> MemoryRegistry:
    """Two gateways of two communities, and their devices."""
    return MemoryRegistry(
        [Gateway(gateway, community, NAME) for gateway, community in COMMUNITIES.items()],
        [
            Device(device, COMMUNITIES[gateway], gateway, "door", NAME, "p")
            for gateway, devices in DEVICES.items()
            for device in devices
        ],
    )


def communities() -> list[Community]:
    """Those of the gateways."""
    return [Community(community, NAME) for community in COMMUNITIES.values()]


_NASTY = [
    "\n",
    'x" 1\nreadings,community=c001,device=rogue,quantity=q value=1 1',
    "\\",
    '\\"',
    "\\\n",
    ",rogue=1",
    " ",
    "=",
    "\r\n",
    "\u2028",
    "门\u0085",
    "'; DROP DATABASE linli",
    "🚪" * 3,
    "",
    "#",
    "null",
    "\\u0022",
    "a" * 2000,
]
nasty = st.sampled_from(_NASTY) | st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(),
    st.floats(),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, 1e21, 1e22, 1e16, 123456789.123456789, 0.1 + 0.2, 2**53 + 1]),
)
data: st.SearchStrategy[dict[str, JsonValue]] = st.dictionaries(
    nasty,
    st.recursive(
        st.one_of(nasty, numbers, st.booleans(), st.none()),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(nasty, below, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
names = st.sampled_from(["door-1", "meter-1", "cam_1", "door-2", "gw-a", "gw-b", "rogue", "x,y", "a b", "a=b", "", "Ä"])
quantities = st.sampled_from(["temperature", "q", "a-b_c", "value", "time", "x y", "q,rogue=1", "q=1", ""])
units = st.none() | st.sampled_from(["Cel", "%", "m3/s", "Cel,x=1", 'C"', "", "°C", "V" * 40])
times = st.integers(NOW - 10**12, NOW + 10**8) | st.sampled_from([0, -1, 2**53, NOW, NOW + 1])
types = st.sampled_from(["access.door.opened", "a.b", "a.b,c=d", "a b.c", "linli.x", "", "A.B"])


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Of one of the gateways; most could be right."""
    gateway = draw(st.sampled_from(sorted(COMMUNITIES)))
    packed = draw(st.booleans())
    sequence = draw(st.integers(1, 50) | st.integers(1, 2**63 - 1))
    readings = st.builds(
        Reading, device=names, quantity=quantities, time=times, value=st.floats() | st.integers(-5, 5), unit=units
    )
    return Message(
        community=COMMUNITIES[gateway],
        gateway=gateway,
        bootid=draw(st.sampled_from(["b1", "b2"])),
        lane=draw(st.sampled_from(Lane)),
        sequence=sequence,
        oldest=draw(st.integers(1, sequence)),
        type=READINGS_TYPE if packed else draw(types),
        subject=gateway if packed else draw(names),
        time=draw(times),
        agent_time=draw(times),
        time_source=draw(st.sampled_from(TimeSource)),
        historic=draw(st.booleans()),
        data={} if packed else draw(data),
        readings=tuple(draw(st.lists(readings, min_size=1, max_size=6))) if packed else (),
    )


def encoded(message: Message) -> bytes | None:
    """As an agent would send it; None if it would refuse to."""
    try:
        return codec.encode(message)
    except Refused:
        return None


# --- bytes ----------------------------------------------------------------------------------------------------------

_TOKENS = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1E400", b"9223372036854775808", b"-9223372036854775809",
    b"18446744073709551616", b"-0", b"0.1", b"1e-400", b"00", b"01", b"+1", b".5", b"1.", b"true", b"null", b"[]", b"{}",
    b'""', b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\n"', b'"\n"', b'"\\""', b'"a:b"', b'"{"', b"[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
    b'{"a":1,"a":2}', b'{"a":{"a":{"a":1}}}', b" ", b"\t", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b",", b":", b'"', b"\\",
    b'"oldest":"0000000000000000001"', b'"data":[]', b'"data":{}', b'"type":"linli.readings"', b'"n":"door-1/q"', b'"v":1',
]  # fmt: skip


def damaged(payload: bytes, chance: random.Random) -> bytes:
    """The payload with one to three things done to it."""
    for _ in range(chance.randint(1, 3)):
        payload = chance.choice(_DAMAGES)(payload, chance)
    return payload


def _replace_value(payload: bytes, chance: random.Random) -> bytes:
    """Put a token in place of what stands between a colon and the next comma or bracket."""
    starts = [at for at, byte in enumerate(payload) if byte == 0x3A]
    if not starts:
        return payload
    start = chance.choice(starts) + 1
    end = start
    while end < len(payload) and payload[end] not in b",}]":
        end += 1
    return payload[:start] + chance.choice(_TOKENS) + payload[end:]


def _insert(payload: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(payload))
    return payload[:at] + chance.choice(_TOKENS) + payload[at:]


def _cut(payload: bytes, chance: random.Random) -> bytes:
    at = chance.randint(0, len(payload))
    return payload[:at] + payload[at + chance.randint(1, 30) :]


def _repeat(payload: bytes, chance: random.Random) -> bytes:
    """A piece of it twice: keys come twice that way."""
    start = chance.randint(0, len(payload))
    end = min(len(payload), start + chance.randint(1, 60))
    return payload[:end] + payload[start:end] + payload[end:]


def _key_twice(payload: bytes, chance: random.Random) -> bytes:
    """One more member before the end of the object."""
    return payload[:-1] + b"," + chance.choice([token for token in _TOKENS if b'":' in token]) + payload[-1:]


def _flip(payload: bytes, chance: random.Random) -> bytes:
    if not payload:
        return payload
    at = chance.randrange(len(payload))
    return payload[:at] + bytes([payload[at] ^ (1 << chance.randrange(8))]) + payload[at + 1 :]


_DAMAGES: list[Callable[[bytes, random.Random], bytes]] = [
    _replace_value,
    _replace_value,
    _insert,
    _cut,
    _repeat,
    _key_twice,
    _flip,
]


def topic_of(message: Message) -> str:
    """The topic that its gateway would send it on."""
    return lane_topic(message.community, message.gateway, message.lane)
