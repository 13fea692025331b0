"""`ports.MqttClient` over paho-mqtt. Speaks MQTT 3.1.1, which every broker takes (NATS refuses 5)."""

import contextlib
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from linli.adapters.mqtt_reader import ReadingAhead
from linli.errors import ConfigError
from linli.ids import new_secret
from linli.ports import Will
from linli.tls import client_context, renew

_log = logging.getLogger(__name__)

MAX_QUEUED = 10_000
"""Messages that paho holds while the socket is busy; above it `publish` says False."""

MAX_JOINED = 64
"""Pieces of joined messages that may wait for the socket: about 4 MB."""

_JOIN_BYTES = 64 * 1024
_FIRST_DELAY_S, _LAST_DELAY_S = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where a broker is and how to sign in. `ca`, `certificate`, `key` and `pin` are those of `tls.client_context`."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    pin: Path | None = None

    def __repr__(self) -> str:
        return f"MqttConfig({self.host}:{self.port}, user {self.username})"


class PahoClient:
    """One connection that comes back by itself: back-off from 0.2 s to 5 s, spread by half so that agents do not march.

    The client id holds a secret part, so that nobody who guesses it can throw this client out. ConfigError if the
    certificates to trust cannot be read.

    One thread reads, writes and calls back. A publishing thread only queues: two writers could put one packet into the
    middle of another once the socket takes only part of one.
    """

    def __init__(self, config: MqttConfig, name: str, will: Will | None = None, keepalive_s: int = 15) -> None:
        self._config = config
        self._keepalive_s = keepalive_s
        self._wanted: dict[str, int] = {}
        self._asked: dict[int, list[str]] = {}
        self._lock = threading.Lock()
        self._connected = threading.Event()
        self._on_connect: Callable[[], None] = lambda: None
        self._on_disconnect: Callable[[str], None] = lambda _reason: None
        self._on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None
        client_id = f"{name}-{new_secret()}"
        self._client = _Client(client_id, self._heard)
        self._client.max_queued_messages_set(MAX_QUEUED)
        self._client.max_inflight_messages_set(1000)
        if config.username is not None:
            self._client.username_pw_set(config.username, config.password)
        self._tls = _tls_context(config) if config.tls else None
        if self._tls is not None:
            self._client.tls_set_context(self._tls)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._client.on_connect = self._connect_answered
        self._client.on_disconnect = self._connection_lost
        self._client.on_subscribe = self._subscribe_answered
        self._client.on_message = self._message_came
        self._client.on_socket_register_write = _leave_to_loop
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._connection_stood = False

    def start(
        self,
        on_message: Callable[[str, bytes, bool], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        """Begin to connect, and go on trying until `stop`."""
        self._on_message, self._on_connect, self._on_disconnect = on_message, on_connect, on_disconnect
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def subscribe(self, topics: Sequence[str], qos: int) -> None:
        """Subscribe now, if connected, and at every later connect."""
        with self._lock:
            self._wanted.update(dict.fromkeys(topics, qos))
        if self.connected:
            self._ask_for([(topic, qos) for topic in topics])

    def _ask_for(self, wanted: list[tuple[str, int]]) -> None:
        with self._lock:  # held until it is noted: the answer may be quicker
            _result, number = self._client.subscribe(wanted)
            if number is not None:
                self._asked[number] = [topic for topic, _ in wanted]

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> bool:
        """Hand one message to the connection; False if it is down or its queue is full."""
        # paho bounds only QoS above 0; what it holds for the socket has no public name
        if not self.connected or len(self._client._out_packet) >= MAX_QUEUED:
            return False
        return self._client.publish(topic, payload, qos, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def publish_many(self, topic: str, payloads: Sequence[bytes], qos: int = 0) -> int:
        """Hand over several messages of one topic, in order; how many were taken, from the first on.

        At QoS 0 they go to the socket joined, in pieces of about 64 KB: a tenth of the work of as many calls of `publish`.
        """
        if qos:
            return next(
                (n for n, payload in enumerate(payloads) if not self.publish(topic, payload, qos)), len(payloads)
            )
        taken = 0
        for joined, upto in _joined(topic.encode(), payloads):
            if not self.connected or len(self._client._out_packet) >= MAX_JOINED:
                break
            self._hand_over(joined)
            taken = upto
        return taken

    def publish_each(self, messages: Sequence[tuple[str, bytes]], qos: int = 0) -> int:
        """Hand over messages of several topics, in order; how many were taken, from the first on. Joined at QoS 0, like
        `publish_many`: a worker answers ten lanes with one write."""
        if qos:
            taken = (n for n, (topic, payload) in enumerate(messages) if not self.publish(topic, payload, qos))
            return next(taken, len(messages))
        if not messages or not self.connected or len(self._client._out_packet) >= MAX_QUEUED:
            return 0
        joined = b"".join(part for topic, payload in messages for part, _ in _joined(topic.encode(), [payload]))
        self._hand_over(joined)
        return len(messages)

    def _hand_over(self, joined: bytes) -> None:
        """What paho's own publish does at QoS 0, for many packets at once; a view, since paho slices what is left to send."""
        self._client._packet_queue(paho.PUBLISH, memoryview(joined), 0, 0, paho.MQTTMessageInfo(0))  # type: ignore[arg-type]

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it still stands."""
        return self._connected.is_set()

    def stop(self) -> None:
        """Disconnect without a last will and end the thread."""
        self._stop.set()
        self._client.disconnect()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
            if not self._thread.is_alive():
                self._client._reset_sockets()  # paho's loop() opens a pair of sockets to be woken by, and leaves it open
            self._thread = None

    def _run(self) -> None:
        delay = _FIRST_DELAY_S
        while not self._stop.is_set():
            self._stay_connected_once(quietly=delay > _FIRST_DELAY_S)
            if self._connection_stood:
                delay = _FIRST_DELAY_S
                self._connection_stood = False
            self._stop.wait(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, _LAST_DELAY_S)

    def _stay_connected_once(self, *, quietly: bool) -> None:
        """Connect, and return when the connection is lost or was not made."""
        self._take_up_renewed()
        try:
            self._client.connect(self._config.host, self._config.port, self._keepalive_s)
            # paho's loop() and not its loop_forever(): only the former is woken by a publishing thread
            while self._client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
            if self.connected:  # paho told nobody: it could not wait on the socket
                self._lost("the connection ended")
        except (OSError, ValueError) as error:
            level = logging.DEBUG if quietly else logging.WARNING
            _log.log(level, "no connection to %s:%d: %s", self._config.host, self._config.port, error)
            self._lost(str(error))
        except Exception as error:  # noqa: BLE001  (a callback failed: this thread must go on, or the process is deaf)
            _log.exception("a callback of the MQTT client failed; connecting again")
            with contextlib.suppress(OSError):
                self._client.disconnect()
            self._lost(str(error))

    def _take_up_renewed(self) -> None:
        """Certificates are renewed while a connection stands, for months."""
        if self._tls is not None:
            with contextlib.suppress(ConfigError):  # half written, say: those it has may still do
                renew(self._tls, self._config.certificate, self._config.key, self._config.pin)

    def _lost(self, reason: str) -> None:
        self._connected.clear()
        self._on_disconnect(reason)

    def _connect_answered(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            _log.warning("the broker refused the connection: %s", reason)
            self._on_disconnect(str(reason))
            return
        if self._stop.is_set():  # stopped while it was connecting
            client.disconnect()
            return
        self._connection_stood = True
        self._connected.set()
        with self._lock:
            wanted = list(self._wanted.items())
            self._asked.clear()
        if wanted:
            self._ask_for(wanted)
        self._on_connect()

    def _connection_lost(
        self, _client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._lost(str(reason))

    def _subscribe_answered(
        self, _client: paho.Client, _data: Any, mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        with self._lock:
            asked = self._asked.pop(mid, [])
        refused = [topic for topic, reason in zip(asked, reasons, strict=False) if reason.is_failure]
        if refused:
            _log.error("the broker refuses the subscription of %s", ", ".join(refused))
            self._on_disconnect(f"it refuses the subscription of {', '.join(refused)}")

    def _message_came(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            _log.warning("a message came on a topic that is not UTF-8; it is dropped")
            return
        self._on_message(topic, bytes(message.payload), message.retain)

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:
        """A message of QoS 0, which did not pass through paho."""
        self._on_message(topic, payload, retained)


class _Client(paho.Client):
    """paho, reading through `mqtt_reader`."""

    def __init__(self, client_id: str, on_message: Callable[[str, bytes, bool], None]) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311)
        self._on_plain_message = on_message

    def _create_socket(self) -> Any:
        connection = super()._create_socket()
        # or the second of two small packets waits up to 40 ms until the broker's machine has acknowledged the first
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[attr-defined]
        return ReadingAhead(connection, self._on_plain_message)  # type: ignore[arg-type]

    def _ssl_wrap_socket(self, tcp_sock: Any) -> ssl.SSLSocket:
        """Paho's own leaves the socket open when the handshake fails, and compares a name that the context was told not to."""
        assert self._ssl_context is not None
        secured = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            secured.settimeout(self._connect_timeout)
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured


def _joined(topic: bytes, payloads: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    """PUBLISH packets at QoS 0 (MQTT 3.1.1, 3.3), joined to pieces; with each how many payloads are sent after it."""
    name = len(topic).to_bytes(2, "big") + topic
    parts: list[bytes] = []
    size = 0
    headers: dict[int, bytes] = {}
    for count, payload in enumerate(payloads, 1):
        length = len(payload)
        header = headers.get(length)
        if header is None:
            header = headers[length] = b"\x30" + _remaining_length(len(name) + length) + name
        parts += (header, payload)
        size += len(header) + length
        if size >= _JOIN_BYTES or count == len(payloads):
            yield b"".join(parts), count
            parts, size = [], 0


def _remaining_length(number: int) -> bytes:
    """Seven bits a byte, the lowest first (2.2.3)."""
    digits = bytearray()
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit | 0x80 if number else digit)
        if not number:
            return bytes(digits)


def _leave_to_loop(_client: paho.Client, _data: Any, _socket: Any) -> None:
    """That this callback is there keeps paho from writing on the thread that publishes."""


def _tls_context(config: MqttConfig) -> ssl.SSLContext:
    return client_context(config.ca, config.certificate, config.key, config.pin)
