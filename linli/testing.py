"""Fakes of the ports, for tests: in memory, by hand, and held to the same contract suite as the real adapters."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from linli.clock import HOUR
from linli.errors import StoreError
from linli.model import DEAD_LETTER_BYTES, DeadLetter, Device, Gateway, Lane, LaneKey, Received, Tally, TallyKey
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
    """`ports.ReadingStore` and `ports.StoreKeeper` in dicts. Put an error into `failing` and every write raises it."""

    def __init__(self) -> None:
        self.failing: StoreError | None = None
        self._due: dict[tuple[int, str], int] = {}
        self._sums: dict[Resolution, dict[str, dict[int, Bucket]]] = {Resolution.MINUTE: {}, Resolution.HOUR: {}}
        self._horizons: dict[RowClass, int] = {}
        self._positions: dict[LaneKey, int] = {}
        self._tallies: dict[TallyKey, Tally] = {}
        self._series: dict[tuple[str, str, str], dict[int, Latest]] = {}
        self._events: dict[tuple[LaneKey, int], StoredEvent] = {}

    def check(self) -> str:
        """Always there, unless `failing`."""
        if self.failing is not None:
            raise self.failing
        return "memory"

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        """Keep the batch, by key; then the positions and tallies."""
        if self.failing is not None:
            raise self.failing
        for received in batch:
            message = received.message
            for r in message.readings:
                series = self._series.setdefault((message.community, r.device, r.quantity), {})
                series[r.time] = Latest(r.device, r.quantity, r.time, r.value, r.unit, received.received_at)
                mark = r.time - r.time % HOUR, "/".join((message.community, r.device, r.quantity))
                self._due[mark] = self._due.get(mark, 0) + 1
            if not message.readings:
                key = LaneKey(message.community, message.gateway, message.bootid, message.lane)
                self._events[key, message.sequence] = _event(received)
        self._positions.update(positions)
        self._tallies.update(tallies)

    def positions(self) -> dict[LaneKey, int]:
        """What was last written for each lane."""
        return dict(self._positions)

    def tallies(self) -> dict[TallyKey, Tally]:
        """What was last written for each key."""
        return dict(self._tallies)

    def latest(self, community: str) -> list[Latest]:
        """The newest value of each series."""
        return [series[max(series)] for (place, _, _), series in self._series.items() if place == community and series]

    def raw(self, community: str, device: str, quantity: str, start: int, end: int, limit: int) -> list[Point]:
        """The readings as they came."""
        series = self._series.get((community, device, quantity), {})
        return [Point(time, series[time].value) for time in sorted(series) if start <= time < end][:limit]

    def readings(
        self,
        community: str,
        device: str,
        quantity: str,
        start: int,
        end: int,
        max_points: int,
        resolution: Resolution = Resolution.RAW,
    ) -> list[Bucket]:
        """Equal buckets over [start, end), from sums where there are any to rely on."""
        start, end, width = grid(start, end, max_points, resolution)
        key = "/".join((community, device, quantity))
        due = {hour for hour, owner in self._due if owner == key and hour >= self._horizons.get(RowClass.RAW, 0)}
        rows: list[Bucket] = []
        for part in segments(start, end, due):
            if part.summed and resolution is not Resolution.RAW:
                sums = self._sums[resolution].get(key, {})
                rows += [sums[time] for time in sorted(sums) if part.start <= time < part.end]
            else:
                points = self.raw(community, device, quantity, part.start, part.end, 10**9)
                rows += [Bucket(time, 1, value, value, value, value) for time, value in points]
        return merged([replace(row, start=row.start - (row.start - start) % width) for row in rows])

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
        before: EventKey | None = None,
        containing: Sequence[str] = (),
    ) -> list[StoredEvent]:
        """Newest first."""
        found = [
            event
            for event in self._events.values()
            if event.community == community
            and start <= event.time < end
            and (not types or event.type in types)
            and device in (None, event.device)
            and (before is None or event.key < before)
            and (not containing or any(piece in orjson.dumps(event.data).decode() for piece in containing))
        ]
        return sorted(found, key=lambda event: event.key, reverse=True)[:limit]

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """At once."""
        if self.failing is not None:
            raise self.failing
        for event in events:
            lane = LaneKey(event.community, event.gateway, event.bootid, Lane(event.lane))
            self._events[lane, event.sequence] = event

    def inspect(self) -> str:
        """As `check`."""
        return self.check()

    def due(self, before: int, after: Due | None, limit: int) -> list[Due]:
        """By hour and series."""
        behind = (-1, "") if after is None else (after.hour, after.key)
        marks = sorted(mark for mark in self._due if mark > behind and mark[0] + HOUR <= before)[:limit]
        return [Due(hour, key.partition("/")[0], key, self._due[hour, key]) for hour, key in marks]

    def roll(self, due: Sequence[Due]) -> None:
        """From the raw rows."""
        for mark in due:
            community, device, quantity = mark.key.split("/")
            if mark.hour >= self._horizons.get(RowClass.RAW, 0):
                for resolution, sums in self._sums.items():
                    rows = self.readings(community, device, quantity, mark.hour, mark.hour + HOUR, HOUR)
                    width = resolution.width
                    found = merged([replace(row, start=row.start - row.start % width) for row in rows])
                    sums.setdefault(mark.key, {}).update({row.start: row for row in found})
            if self._due.get((mark.hour, mark.key)) == mark.touched:
                del self._due[mark.hour, mark.key]

    def thin(self, horizons: Mapping[RowClass, int]) -> int:
        """All at once, the second time nothing."""
        raw_from = horizons.get(RowClass.RAW, 0)
        if any(self._horizons.get(RowClass.RAW, 0) <= hour < raw_from for hour, _ in self._due):
            horizons = {kind: horizon for kind, horizon in horizons.items() if kind is not RowClass.RAW}
        self._horizons |= horizons
        gone = 0
        tables: list[tuple[RowClass, dict[int, Any]]] = [(RowClass.RAW, rows) for rows in self._series.values()]
        tables += [(RowClass.MINUTE, rows) for rows in self._sums[Resolution.MINUTE].values()]
        tables += [(RowClass.HOUR, rows) for rows in self._sums[Resolution.HOUR].values()]
        for kind, rows in tables:
            for time in [time for time in rows if time < horizons.get(kind, 0)]:
                del rows[time]
                gone += 1
        for key in [key for key, event in self._events.items() if event.time < horizons.get(RowClass.EVENTS, 0)]:
            del self._events[key]
            gone += 1
        return gone

    def refresh(self, now: int) -> None:
        """Nothing fades here."""

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

    def session(self) -> "FakeSession":
        """A new connection, not started, that the broker knows again."""
        client = FakeSession(self, None)
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

    def publish_many(self, topic: str, payloads: Sequence[bytes], qos: int = 0) -> int:
        """Route them, as far as it is connected."""
        return next((n for n, payload in enumerate(payloads) if not self.publish(topic, payload, qos)), len(payloads))

    def publish_each(self, messages: Sequence[tuple[str, bytes]], qos: int = 0) -> int:
        """Route them, as far as it is connected."""
        refused = (n for n, (topic, payload) in enumerate(messages) if not self.publish(topic, payload, qos))
        return next(refused, len(messages))

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


class FakeSession(FakeClient):
    """`ports.SessionClient` at a FakeBroker. Every message has to be acknowledged, but for what was retained."""

    def __init__(self, broker: FakeBroker, will: Will | None) -> None:
        super().__init__(broker, will)
        self._open: dict[int, tuple[str, bytes]] = {}
        self._last = 0
        self.current = 0

    @property
    def unacknowledged(self) -> int:
        """How many messages would come again."""
        return len(self._open)

    def deliver(self, topic: str, payload: bytes, retained: bool) -> None:
        """Hand it over, now or when it is connected again."""
        if any(matches(pattern, topic) for pattern in self._filters):
            self._last += 1
            self._open[self._last] = (topic, payload)
            if self.connected:
                self._hand_over(self._last)

    def restore(self) -> None:
        """Connect (again); what was not acknowledged comes (again)."""
        super().restore()
        for number in list(self._open):
            self._hand_over(number)

    def acknowledge(self, messages: Sequence[int]) -> None:
        """Forget these."""
        for number in messages:
            self._open.pop(number, None)

    def reconnect(self) -> None:
        """At once."""
        self.cut()
        self.restore()

    def _hand_over(self, number: int) -> None:
        self.current = number
        try:
            self._on_message(*self._open[number], False)
        finally:
            self.current = 0


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT topic filter ('+', and '#' at its end) takes the topic."""
    wanted, given = pattern.split("/"), topic.split("/")
    for index, step in enumerate(wanted):
        if step == "#":
            return True
        if index >= len(given) or step not in ("+", given[index]):
            return False
    return len(wanted) == len(given)
