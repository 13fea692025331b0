"""What comes over one connection reaches paho, or the callback, whole and in order, however the network parts it."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.adapters.mqtt_reader import MAX_HELD, PacketReader, ReadingAhead

Message = tuple[bytes, bytes, bool]


def packet(head: int, body: bytes) -> bytes:
    """An MQTT control packet."""
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | 128 if length else digit)
        if not length:
            return bytes([head]) + bytes(digits) + body


def publish(topic: bytes, payload: bytes, retained: bool = False, qos: int = 0) -> bytes:
    number = b"\x00\x07" if qos else b""
    return packet(0x30 | qos << 1 | retained, len(topic).to_bytes(2, "big") + topic + number + payload)


class Wire:
    """A reader with what it has handed over, and what paho takes from it in calls as it makes them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.left = bytearray()
        self.reader = PacketReader(lambda *message: self.messages.append(message))

    def feed(self, data: bytes) -> None:
        self.reader.feed(data)
        while self.reader.owed:
            self.left += self.reader.take(1)
            self.left += self.reader.take(30)


messages = st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=300), st.booleans())
others = st.one_of(
    st.builds(packet, st.sampled_from([0x20, 0x40, 0x90, 0xD0]), st.binary(max_size=200)),
    st.builds(publish, st.binary(min_size=1, max_size=20), st.binary(max_size=200), st.booleans(), st.just(1)),
)


@given(st.lists(st.one_of(messages, others), max_size=12), st.lists(st.integers(1, 400), max_size=30))
def test_every_packet_goes_to_one_side_whole_and_in_order(parts: list[Message | bytes], cuts: list[int]) -> None:
    """QoS 0 messages to the callback, all other bytes to paho, whatever pieces they arrive in."""
    stream = b"".join(part if isinstance(part, bytes) else publish(*part) for part in parts)
    wire = Wire()
    for cut in [*cuts, len(stream)]:
        wire.feed(stream[:cut])
        stream = stream[cut:]
    assert wire.messages == [part for part in parts if not isinstance(part, bytes)]
    assert wire.left == b"".join(part for part in parts if isinstance(part, bytes))


@given(st.binary(max_size=400))
def test_no_bytes_break_it(data: bytes) -> None:
    """A broker that has lost its mind is paho's to judge: nothing is raised, and no byte is given twice."""
    wire = Wire()
    wire.feed(data)
    assert len(wire.left) + sum(len(topic) + len(payload) for topic, payload, _ in wire.messages) <= len(data)


def test_a_packet_too_large_to_hold_is_left_to_paho() -> None:
    """Its bytes pass through as they come; the message behind it is handed over as ever."""
    huge = publish(b"t", b"x" * (MAX_HELD + 1))
    wire = Wire()
    for start in range(0, len(huge), 100_000):
        wire.feed(huge[start : start + 100_000])
    wire.feed(publish(b"t", b"after"))
    assert wire.left == huge
    assert wire.messages == [(b"t", b"after", False)]


def test_a_length_that_never_ends_is_left_to_paho() -> None:
    """Five continued bytes are no length (2.2.3)."""
    wire = Wire()
    wire.feed(b"\x30\xff\xff\xff\xff\x01")
    assert wire.left == b"\x30\xff\xff\xff\xff\x01"


def test_the_socket_behaves_as_paho_expects() -> None:
    """Nothing to read blocks, the end is empty bytes, a topic that is not UTF-8 reaches nobody, the rest is the socket's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        heard: list[tuple[str, bytes, bool]] = []
        ahead = ReadingAhead(ours, lambda *message: heard.append(message))
        assert ahead.fileno() == ours.fileno()
        with pytest.raises(BlockingIOError):
            ahead.recv(1)
        theirs.sendall(publish(b"a/b", b"1") + publish(b"\xff", b"2") + packet(0xD0, b"") + publish(b"a/b", b"3", True))
        assert ahead.recv(1) == b"\xd0"
        assert ahead.pending() == 1
        assert ahead.recv(10) == b"\x00"
        assert heard == [("a/b", b"1", False), ("a/b", b"3", True)]
        theirs.shutdown(socket.SHUT_WR)
        assert ahead.recv(1) == b""
