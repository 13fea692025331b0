"""A socket for paho that reads ahead, and that takes PUBLISH packets of QoS 0 out of the stream by itself.

paho reads a packet in four system calls after one `select`, and gives each message an object, two locks and a log line:
16 to 20 us of CPU on the machines that this was measured on, half of what ingest has for an event in all. Nearly all that
our services read are QoS 0 messages on the lanes. So a whole chunk is read at once, complete packets of that one kind are
handed over straight, and everything else - the connection, subscriptions, pings, QoS 1 - goes to paho as it came.

MQTT 3.1.1, sections 2.2.3 (remaining length) and 3.3 (PUBLISH).
"""

import socket
from collections.abc import Callable
from typing import Any

CHUNK = 256 * 1024
MAX_HELD = 2 * 1024 * 1024
"""A packet larger than this is left to paho from its first byte on, and never held as a whole here."""

_PUBLISH_QOS_0 = 0x30
_RETAIN = 0x01
_MAX_TOPICS = 10_000


class PacketReader:
    """The bytes that have come and that nobody has taken yet. No I/O."""

    def __init__(self, on_publish: Callable[[bytes, bytes, bool], None]) -> None:
        self._on_publish = on_publish
        self._held = bytearray()
        self._at = 0
        self._owed = 0

    @property
    def owed(self) -> int:
        """How many bytes of what is held `take` can give now."""
        return min(self._owed, len(self._held) - self._at)

    def feed(self, data: bytes) -> None:
        """More has come: hand over the messages in front of whatever is not one."""
        if self._at:
            del self._held[: self._at]
            self._at = 0
        self._held += data
        self._advance()

    def take(self, most: int) -> bytes:
        """Up to `most` bytes of the packet in front, which is not ours to read; empty if there is none yet."""
        count = min(most, self.owed)
        taken = bytes(self._held[self._at : self._at + count])
        self._at += count
        self._owed -= count
        if not self._owed:
            self._advance()
        return taken

    def _advance(self) -> None:
        """Hand over complete messages until something else is in front, or nothing whole."""
        held, end = self._held, len(self._held)
        while not self._owed and end - self._at >= 2:
            begin = self._at
            body, length = _remaining_length(held, begin + 1, end)
            if not body:  # the length itself has not come whole
                if end - begin > 4:
                    self._owed = end - begin  # and never will: paho says what is wrong
                return
            after = body + length
            if held[begin] & ~_RETAIN != _PUBLISH_QOS_0 or after - begin > MAX_HELD or length < 2:
                self._owed = after - begin
                return
            if after > end:
                return
            topic_end = body + 2 + (held[body] << 8 | held[body + 1])
            if topic_end > after:
                self._owed = after - begin
                return
            self._at = after
            self._on_publish(
                bytes(held[body + 2 : topic_end]), bytes(held[topic_end:after]), bool(held[begin] & _RETAIN)
            )


def _remaining_length(held: bytearray, at: int, end: int) -> tuple[int, int]:
    """Where the packet's body begins and how long it is; (0, 0) if that has not come whole."""
    length = shift = 0
    while at < end and shift < 28:
        byte = held[at]
        at += 1
        length |= (byte & 127) << shift
        if byte < 128:
            return at, length
        shift += 7
    return 0, 0


class ReadingAhead:
    """Stands between paho and its socket; what it does not name goes to the socket itself."""

    def __init__(self, connection: socket.socket, on_message: Callable[[str, bytes, bool], None]) -> None:
        self._socket = connection
        self._on_message = on_message
        self._reader = PacketReader(self._came)
        self._topics: dict[bytes, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv(self, most: int) -> bytes:
        """What paho may have, as `socket.recv`: BlockingIOError while there is nothing for it."""
        reader = self._reader
        if not reader.owed:
            data = self._socket.recv(CHUNK)
            if not data:
                return b""
            reader.feed(data)
            if not reader.owed:
                raise BlockingIOError
        return reader.take(most)

    def pending(self) -> int:
        """Bytes that `recv` can give without asking the socket, or that TLS has read already."""
        below = getattr(self._socket, "pending", None)
        return self._reader.owed or (below() if below is not None else 0)

    def _came(self, topic: bytes, payload: bytes, retained: bool) -> None:
        name = self._topics.get(topic)
        if name is None:
            name = self._named(topic)
        if name:
            self._on_message(name, payload, retained)

    def _named(self, topic: bytes) -> str:
        """The topic as text; empty for what is not UTF-8, which no topic of ours is."""
        if len(self._topics) >= _MAX_TOPICS:
            self._topics.clear()
        try:
            name = topic.decode()
        except UnicodeDecodeError:
            name = ""
        self._topics[topic] = name
        return name
