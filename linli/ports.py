"""What Linli needs from the outside, each a few methods: adapters implement these, `linli.testing` has the fakes.

All are synchronous: each worker is one loop over batches in a process of its own, and the API calls them on its thread
pool. One contract suite (`tests/contract`) runs against the fake and every real adapter.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from linli.clock import HOUR, MINUTE
from linli.model import (
    DeadLetter,
    Device,
    Gateway,
    JsonValue,
    LaneKey,
    Received,
    Tally,
    TallyKey,
)


class Latest(NamedTuple):
    """The newest value of one quantity of one device. `received_at` is the server's time."""

    device: str
    quantity: str
    time: int
    value: float
    unit: str | None
    received_at: int


class Resolution(StrEnum):
    """What a question about a series is answered from: the rows themselves, or their rollups."""

    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"

    @property
    def width(self) -> int:
        """Microseconds that one of its rows stands for; 1 for RAW."""
        return {"raw": 1, "1m": MINUTE, "1h": HOUR}[self.value]


class Point(NamedTuple):
    """One reading of a known series."""

    time: int
    value: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a downsampled series: `start` is its first microsecond; `mean` over its `count` readings."""

    start: int
    count: int
    minimum: float
    mean: float
    maximum: float
    last: float


class EventKey(NamedTuple):
    """The place of an event among all of a community, which never changes: newest first is by this, descending."""

    time: int
    sequence: int
    gateway: str
    bootid: str
    lane: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A discrete event as the store has it."""

    community: str
    device: str
    gateway: str
    type: str
    time: int
    received_at: int
    time_source: str
    historic: bool
    late: bool
    bootid: str
    lane: str
    sequence: int
    data: Mapping[str, JsonValue]

    @property
    def key(self) -> EventKey:
        """Its place, to go on from."""
        return EventKey(self.time, self.sequence, self.gateway, self.bootid, self.lane)


NO_TALLIES: Mapping[TallyKey, Tally] = MappingProxyType({})


class ReadingStore(Protocol):
    """The store of readings and events. Writing the same batch again changes nothing."""

    def check(self) -> str:
        """Who answers and in which version, for people, by reading alone; StoreUnavailable, or StoreRefused with what to
        do."""

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        """Make the batch and then the positions durable, and with the positions the tallies, which are totals.

        Raises StoreUnavailable (write the same again later) or StoreRefused (it never will take this). After either,
        some of the batch may be stored, and no position is.
        """

    def positions(self) -> dict[LaneKey, int]:
        """The position last written for every lane."""

    def tallies(self) -> dict[TallyKey, Tally]:
        """What was last written for each key, of the last days at least."""

    def latest(self, community: str) -> list[Latest]:
        """The newest value of each series of the community, in no order."""

    def raw(self, community: str, device: str, quantity: str, start: int, end: int, limit: int) -> list[Point]:
        """The readings of the series in [start, end) as they came, oldest first, at most `limit` of them."""

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
        """The series in [start, end), oldest first, in equal buckets, at most `max_points`; empty buckets left out.

        From rollups, `start` and `end` are moved out to whole rows of theirs, and the width up to a multiple of one. The
        answer is the same as from raw rows, as far back as those are kept.
        """

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
        """Events of the community in [start, end), newest first (`EventKey`, descending).

        `containing`: only those whose data, as the shortest JSON, has one of these pieces in it; no index helps with that.

        `before`: only what comes after this key in that order. So pages neither repeat nor leave out an event that was
        there when the first was read, whatever is stored meanwhile.
        """

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """Let the data of these events, which are stored, be what stands in them here, and keep nothing of what it was. Raises
        as `write` does; doing it again changes nothing."""

    def close(self) -> None:
        """Give everything back. Closing twice is allowed."""


@dataclass(frozen=True, slots=True)
class Due:
    """An hour of raw readings to sum up (again). `key` is the store's own; `touched` changes with each marking."""

    hour: int
    community: str
    key: str
    touched: int


class RowClass(StrEnum):
    """What is kept for a time of its own (settings retention_*_days)."""

    RAW = "raw"
    MINUTE = "minute"
    HOUR = "hour"
    EVENTS = "events"


class StoreKeeper(Protocol):
    """The upkeep of a store of readings: rollups and retention. Methods may be called while others write and read.

    Everything raises as `ReadingStore` does, and may be done again after an error or a kill at any point.
    """

    def inspect(self) -> str:
        """As `ReadingStore.check`, and more: makes what is missing and may be made, writes, and compares what is kept how
        long with the settings. StoreRefused, with what to do, if something is not as it has to be."""

    def due(self, before: int, after: Due | None, limit: int) -> list[Due]:
        """Marks of hours that ended by `before`, in an order of their own, from behind `after`, at most `limit`."""

    def roll(self, due: Sequence[Due]) -> None:
        """Sum up these hours from their raw rows, and take away the marks that nobody has renewed meanwhile.

        Hours before the horizon of RAW are left as they are, and only lose their mark.
        """

    def thin(self, horizons: Mapping[RowClass, int]) -> int:
        """Delete some of what is older than the horizon of its class: how many rows, 0 when nothing is left to delete.

        A horizon that is given once holds for ever. Raw rows go only once no hour before the horizon is due.
        """

    def refresh(self, now: int) -> None:
        """Whatever a store must write again now and then lest retention take it; at most a few times a day."""


class KeptStore(ReadingStore, StoreKeeper, Protocol):
    """A store of readings with its upkeep: what every adapter is."""


class DeadLetterBox(Protocol):
    """Where refused inputs are kept."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them durably; a key that is kept already is left as it is."""


class Registry(Protocol):
    """What ingest and rules ask of the registry while they run. Lookups do no I/O; `refresh` does."""

    def refresh(self) -> bool:
        """Read it again if it has changed; whether it had."""

    def communities(self) -> Collection[str]:
        """The ids of all communities."""

    def gateway(self, gateway: str) -> Gateway | None:
        """The gateway, or None if it is not registered."""

    def device(self, device: str) -> Device | None:
        """The device, or None if it is not registered."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the client is gone without a word."""

    topic: str
    payload: bytes


class MqttClient(Protocol):
    """One connection to an MQTT broker, which comes back by itself after a loss.

    Callbacks run on the client's own thread and must return at once. Subscriptions are made again at each connect.
    """

    def start(
        self,
        on_message: Callable[[str, bytes, bool], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        """Begin to connect, and go on trying. `on_message` takes topic, payload, and whether it was retained.

        `on_disconnect` takes why nothing comes any more: no connection, one that was lost, or a subscription that the
        broker refuses. The last may come, after `on_connect`, while the connection stands and `publish` works.
        """

    def subscribe(self, topics: Sequence[str], qos: int) -> None:
        """Subscribe now (if connected) and at every later connect."""

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> bool:
        """Hand one message to the connection; False if it is down or its queue is full, and then nothing was sent."""

    def publish_many(self, topic: str, payloads: Sequence[bytes], qos: int = 0) -> int:
        """Hand over several messages of one topic, in order; how many were taken, from the first on."""

    def publish_each(self, messages: Sequence[tuple[str, bytes]], qos: int = 0) -> int:
        """Hand over messages of several topics (topic, payload), in order; how many were taken, from the first on."""

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it still stands."""

    def stop(self) -> None:
        """Disconnect in an orderly way (no last will) and end the thread. Stopping twice is allowed."""


class SessionClient(MqttClient, Protocol):
    """An MqttClient that the broker knows again: what came at QoS 1 comes again until it is acknowledged, also to the next
    process of the same name. So what is not kept yet may stay with the broker. Messages may come twice."""

    @property
    def current(self) -> int:
        """Within `on_message`: names the message, for `acknowledge`; 0 if nobody waits for an acknowledgement of it."""

    def acknowledge(self, messages: Sequence[int]) -> None:
        """These need not come again. From any thread, in the order in which they came."""

    def reconnect(self) -> None:
        """Leave and come back, so that what was not acknowledged comes again. From any thread."""
