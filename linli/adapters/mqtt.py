"""`ports.MqttClient` over paho-mqtt. Speaks MQTT 3.1.1, which every broker takes (NATS refuses 5)."""

import contextlib
import logging
import random
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from linli.ids import new_secret
from linli.ports import Will

_log = logging.getLogger(__name__)

MAX_QUEUED = 10_000
"""Messages that paho holds while the socket is busy; above it `publish` says False."""


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """Where a broker is and how to sign in. `ca` is read when connecting; None trusts the system's certificates."""

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: Path | None = None

    def __repr__(self) -> str:
        return f"MqttConfig({self.host}:{self.port}, user {self.username})"


class PahoClient:
    """One connection that comes back by itself: back-off from 0.2 s to 5 s, spread by half so that agents do not march.

    The client id holds a secret part, so that nobody who guesses it can throw this client out.
    """

    def __init__(self, config: MqttConfig, name: str, will: Will | None = None, keepalive_s: int = 15) -> None:
        self._config = config
        self._keepalive_s = keepalive_s
        self._wanted: dict[str, int] = {}
        self._lock = threading.Lock()
        self._connected = threading.Event()
        self._on_connect: Callable[[], None] = lambda: None
        self._on_disconnect: Callable[[str], None] = lambda _reason: None
        self._on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None
        client_id = f"{name}-{new_secret()}"
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311)
        self._client.max_queued_messages_set(MAX_QUEUED)
        self._client.max_inflight_messages_set(1000)
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        if config.username is not None:
            self._client.username_pw_set(config.username, config.password)
        if config.tls:
            self._client.tls_set_context(ssl.create_default_context(cafile=config.ca))
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._client.on_connect = self._connect_answered
        self._client.on_disconnect = self._connection_lost
        self._client.on_subscribe = self._subscribe_answered
        self._client.on_message = self._message_came
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

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
            self._client.subscribe([(topic, qos) for topic in topics])

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> bool:
        """Hand one message to the connection; False if it is down or its queue is full."""
        if not self.connected:
            return False
        return self._client.publish(topic, payload, qos, retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS

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
            self._thread = None

    def _run(self) -> None:
        delay = 0.2
        while not self._stop.is_set():
            try:
                self._client.connect(self._config.host, self._config.port, self._keepalive_s)
                self._client.loop_forever(retry_first_connection=False)
            except (OSError, ValueError) as error:
                _log.debug("no connection to %s:%d: %s", self._config.host, self._config.port, error)
                self._on_disconnect(str(error))
            if self._was_connected():
                delay = 0.2
            self._stop.wait(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, 5.0)
        with contextlib.suppress(OSError):
            self._client.disconnect()

    def _was_connected(self) -> bool:
        was, self._connection_stood = self._connection_stood, False
        return was

    _connection_stood = False

    def _connect_answered(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            _log.warning("the broker refused the connection: %s", reason)
            self._on_disconnect(str(reason))
            return
        self._connection_stood = True
        self._connected.set()
        with self._lock:
            wanted = list(self._wanted.items())
        if wanted:
            client.subscribe(wanted)
        self._on_connect()

    def _connection_lost(
        self, client: paho.Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        self._connected.clear()
        self._on_disconnect(str(reason))
        if not self._stop.is_set():
            client.disconnect()  # ends loop_forever, so that the back-off is ours

    def _subscribe_answered(
        self, _client: paho.Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            _log.error("the broker refused a subscription: %s", ", ".join(refused))

    def _message_came(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            _log.warning("a message came on a topic that is not UTF-8; it is dropped")
            return
        self._on_message(topic, bytes(message.payload), message.retain)
