"""An MQTT 3.1.1 connection at QoS 0 that costs next to nothing: what a bench speaks so as not to measure itself.

paho takes about 16 CPU-seconds a million messages, as much as what is measured here. This sends packets that were made
beforehand, many in one system call, and finds the packets in what arrives; no reconnect, no keep-alive, no QoS.
"""

import contextlib
import socket
from collections.abc import Sequence

from linli.errors import BrokerError
from linli.i18n import Text

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE, _SUBACK, _DISCONNECT = 0x10, 0x20, 0x30, 0x82, 0x90, b"\xe0\x00"
_CLEAN_WITH_PASSWORD = 0xC2
_PATIENCE_S = 10.0
_READ_BYTES = 1 << 18


def publish_packet(topic: str, payload: bytes) -> bytes:
    """The whole MQTT packet that publishes `payload`."""
    name = topic.encode()
    return _packet(_PUBLISH, len(name).to_bytes(2, "big") + name + payload)


class Packets:
    """Finds the packets in a stream of bytes, however it is cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """More of the stream."""
        self._buffer += data

    def next(self) -> tuple[int, bytes] | None:
        """The first packet that is whole, taken out: (first byte, body)."""
        buffer, length, shift, start = self._buffer, 0, 0, 1
        while True:
            if start >= len(buffer):
                return None
            byte = buffer[start]
            length |= (byte & 0x7F) << shift
            start, shift = start + 1, shift + 7
            if not byte & 0x80:
                break
        end = start + length
        if end > len(buffer):
            return None
        packet = buffer[0], bytes(buffer[start:end])
        del buffer[:end]
        return packet


class LeanConnection:
    """One connection. `open` and `subscribe` block; `send` and `receive` never do."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=_PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming = Packets()
        self._outgoing = memoryview(b"")
        flags = b"\x04" + bytes((_CLEAN_WITH_PASSWORD,)) + b"\x00\x00"
        name = f"bench-{user}".replace(".", "-")  # NATS refuses a dot in a client's id
        self._socket.sendall(_packet(_CONNECT, _text("MQTT") + flags + _text(name) + _text(user) + _text(password)))
        answer = self._await(_CONNACK)
        if answer[1] != 0:
            raise BrokerError(Text(f"消息服务器拒绝 {user}", f"the broker refuses {user} (code {answer[1]})"))

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 0 and wait for the answer. BrokerError if one is refused. Then `send` and `receive`."""
        body = b"\x00\x01" + b"".join(_text(topic) + b"\x00" for topic in topics)
        self._socket.sendall(_packet(_SUBSCRIBE, body))
        if 0x80 in self._await(_SUBACK)[2:]:
            raise BrokerError(Text("消息服务器拒绝订阅", f"the broker refuses a subscription to {', '.join(topics)}"))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    @property
    def busy(self) -> bool:
        """Whether something waits until the socket takes more."""
        return bool(self._outgoing)

    def send(self, packets: bytes = b"") -> None:
        """Send what waits and then `packets`, which may only be given while nothing waits."""
        if packets:
            self._outgoing = memoryview(packets)
        while self._outgoing:
            try:
                sent = self._socket.send(self._outgoing)
            except BlockingIOError:
                return
            self._outgoing = self._outgoing[sent:]

    def receive(self) -> list[tuple[bytes, bytes]]:
        """(topic, payload) of the messages that have arrived. BrokerError if the connection has ended."""
        self._read()
        found: list[tuple[bytes, bytes]] = []
        while (packet := self._incoming.next()) is not None:
            if packet[0] & 0xF0 == _PUBLISH:
                body = packet[1]
                end = 2 + int.from_bytes(body[:2], "big")
                found.append((body[2:end], body[end:]))
        return found

    def close(self) -> None:
        """Say good-bye."""
        with contextlib.suppress(OSError):  # it has ended already
            self._socket.send(_DISCONNECT)
        self._socket.close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise BrokerError(Text("消息服务器断开了连接", "the broker has closed the connection"))
        self._incoming.feed(data)

    def _await(self, kind: int) -> bytes:
        while True:
            packet = self._incoming.next()
            if packet is not None and packet[0] & 0xF0 == kind:
                return packet[1]
            self._read()


def _packet(first: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray((first,))
    while True:
        length, digit = length >> 7, length & 0x7F
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(digits) + body


def _text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(2, "big") + raw
