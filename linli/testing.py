"""Fakes of the ports, for tests: in memory, by hand, and held to the same contract suite as the real adapters."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from linli.clock import HOUR
from linli.errors import StoreError
from linli.model import DEAD_LETTER_BYTES, DeadLetter, Device, Gateway, LaneKey, Received, Tally, TallyKey
from linli.ports import (
    NO_TALLIES,
    Bucket,
    Due,
    EventKey,
    Latest,
    Point,
    Resolution,
    RowClass,
    StoredEvent,
    Will,
)
from linli.rollups import grid, merged, segments


class ManualClock:
    """A clock that a test moves."""

    def __init__(self, now: int = 1_700_000_000_000_000) -> None:
        self.us = now

    def now(self) -> int:
        """What the test has set."""
        return self.us

    def monotonic(self) -> float:
        """The same, in seconds."""
        return self.us / 1e6

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.us += round(seconds * 1e6)


@dataclass(slots=True)
class MemoryDeadLetters:
    """`ports.DeadLetterBox` in a dict."""

    letters: dict[tuple[str, str], DeadLetter] = field(default_factory=dict)

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep each under its consumer and key, the first one."""
        for letter in letters:
            kept = replace(letter, payload=letter.payload[:DEAD_LETTER_BYTES])
            self.letters.setdefault((letter.consumer, letter.key), kept)

    @property
    def reasons(self) -> list[str]:
        """The reasons of all, in the order kept."""
        return [letter.reason for letter in self.letters.values()]


class MemoryRegistry:
    """`ports.Registry` over given gateways and devices."""

    def __init__(self, gateways: Sequence[Gateway] = (), devices: Sequence[Device] = ()) -> None:
        self._gateways = {gateway.id: gateway for gateway in gateways}
        self._devices = {device.id: device for device in devices}

    def refresh(self) -> bool:
        """Never changes by itself."""
        return False

    def communities(self) -> Collection[str]:
        """Those of its gateways."""
        return sorted({gateway.community for gateway in self._gateways.values()})

    def gateway(self, gateway: str) -> Gateway | None:
        """The gateway, or None."""
        return self._gateways.get(gateway)

    def device(self, device: str) -> Device | None:
        """The device, or None."""
        return self._devices.get(device)


class MemoryStore:
    """`ports.ReadingStore` in dicts. Put an error into `failing` and every write raises it."""

    def __init__(self) -> None:
        self.failing: StoreError | None = None
        self._positions: dict[LaneKey, int] = {}
        self._series: dict[tuple[str, str, str], dict[int, Latest]] = {}
        self._events: dict[tuple[LaneKey, int], StoredEvent] = {}

    def check(self) -> str:
        """Always there, unless `failing`."""
        if self.failing is not None:
            raise self.failing
        return "memory"

    def write(self, batch: Sequence[Received], positions: Mapping[LaneKey, int]) -> None:
        """Keep the batch, by key; then the positions."""
        if self.failing is not None:
            raise self.failing
        for received in batch:
            message = received.message
            for r in message.readings:
                series = self._series.setdefault((message.community, r.device, r.quantity), {})
                series[r.time] = Latest(r.device, r.quantity, r.time, r.value, r.unit, received.received_at)
            if not message.readings:
                key = LaneKey(message.community, message.gateway, message.bootid, message.lane)
                self._events[key, message.sequence] = _event(received)
        self._positions.update(positions)

    def positions(self) -> dict[LaneKey, int]:
        """What was last written for each lane."""
        return dict(self._positions)

    def latest(self, community: str) -> list[Latest]:
        """The newest value of each series."""
        return [series[max(series)] for (place, _, _), series in self._series.items() if place == community]

    def readings(
        self, community: str, device: str, quantity: str, start: int, end: int, max_points: int
    ) -> list[Bucket]:
        """Equal buckets over [start, end)."""
        width = max(1, -(-(end - start) // max_points))
        buckets: dict[int, list[float]] = {}
        for time, reading in sorted(self._series.get((community, device, quantity), {}).items()):
            if start <= time < end:
                buckets.setdefault((time - start) // width, []).append(reading.value)
        return [
            Bucket(start + number * width, len(v), min(v), sum(v) / len(v), max(v), v[-1])
            for number, v in buckets.items()
        ]

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
    ) -> list[StoredEvent]:
        """Newest first."""
        found = [
            event
            for event in self._events.values()
            if event.community == community
            and start <= event.time < end
            and (not types or event.type in types)
            and device in (None, event.device)
        ]
        return sorted(found, key=lambda event: (event.time, event.sequence), reverse=True)[:limit]

    def close(self) -> None:
        """Nothing to give back."""


def _event(received: Received) -> StoredEvent:
    message = received.message
    return StoredEvent(
        community=message.community,
        device=message.subject,
        gateway=message.gateway,
        type=message.type,
        time=message.time,
        received_at=received.received_at,
        time_source=message.time_source.value,
        historic=message.historic,
        late=received.late,
        bootid=message.bootid,
        lane=message.lane.value,
        sequence=message.sequence,
        data=message.data,
    )


class FakeBroker:
    """A broker in memory: `client` gives `ports.MqttClient`s that hear each other, at once and in order.

    `cut` drops a client's connection and publishes its will; `restore` lets it connect again. A message for which
    `losing` says True is lost on the way, as a QoS 0 message may be. Topic filters in `refusing` may not be subscribed.
    """

    def __init__(self) -> None:
        self.clients: list[FakeClient] = []
        self.retained: dict[str, bytes] = {}
        self.sent: list[tuple[str, bytes]] = []
        self.losing: Callable[[str, bytes], bool] = lambda _topic, _payload: False
        self.refusing: set[str] = set()

    def client(self, will: Will | None = None) -> "FakeClient":
        """A new connection, not started."""
        client = FakeClient(self, will)
        self.clients.append(client)
        return client

    def route(self, topic: str, payload: bytes, retain: bool) -> None:
        """Give the message to every connected client that subscribed to it."""
        self.sent.append((topic, payload))
        if retain:
            self.retained[topic] = payload
            if not payload:
                del self.retained[topic]
        if self.losing(topic, payload):
            return
        for client in list(self.clients):
            client.deliver(topic, payload, retained=False)


class FakeClient:
    """`ports.MqttClient` at a FakeBroker."""

    def __init__(self, broker: FakeBroker, will: Will | None) -> None:
        self._broker = broker
        self._will = will
        self._filters: list[str] = []
        self._connected = False
        self._on_message: Callable[[str, bytes, bool], None] = lambda _topic, _payload, _retained: None
        self._on_connect: Callable[[], None] = lambda: None
        self._on_disconnect: Callable[[str], None] = lambda _reason: None

    def start(
        self,
        on_message: Callable[[str, bytes, bool], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        """Connect at once."""
        self._on_message, self._on_connect, self._on_disconnect = on_message, on_connect, on_disconnect
        self.restore()

    def restore(self) -> None:
        """Connect (again), with the subscriptions made so far."""
        self._connected = True
        wanted = list(self._filters)
        self._on_connect()
        self._ask_for(wanted)

    def cut(self) -> None:
        """Lose the connection without a word."""
        self._connected = False
        if self._will is not None:
            self._broker.route(self._will.topic, self._will.payload, retain=True)
        self._on_disconnect("cut")

    def subscribe(self, topics: Sequence[str], qos: int) -> None:
        """Hear these from now on, and what is retained on them."""
        self._filters.extend(topics)
        if self._connected:
            self._ask_for(topics)

    def _ask_for(self, topics: Sequence[str]) -> None:
        refused = [topic for topic in topics if topic in self._broker.refusing]
        if refused:
            self._on_disconnect(f"it refuses the subscription of {', '.join(refused)}")
        for topic, payload in list(self._broker.retained.items()):
            if any(matches(pattern, topic) for pattern in topics if pattern not in refused):
                self._on_message(topic, payload, True)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> bool:
        """Route it, if connected."""
        if self._connected:
            self._broker.route(topic, payload, retain)
        return self._connected

    def deliver(self, topic: str, payload: bytes, retained: bool) -> None:
        """Called by the broker."""
        heard = (pattern for pattern in self._filters if pattern not in self._broker.refusing)
        if self._connected and any(matches(pattern, topic) for pattern in heard):
            self._on_message(topic, payload, retained)

    @property
    def connected(self) -> bool:
        """Whether it is connected now."""
        return self._connected

    def stop(self) -> None:
        """Disconnect in order."""
        self._connected = False
        if self in self._broker.clients:
            self._broker.clients.remove(self)


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT topic filter ('+', and '#' at its end) takes the topic."""
    wanted, given = pattern.split("/"), topic.split("/")
    for index, step in enumerate(wanted):
        if step == "#":
            return True
        if index >= len(given) or step not in ("+", given[index]):
            return False
    return len(wanted) == len(given)
