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
)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of one quantity of one device. `received_at` is the server's time."""

    device: str
    quantity: str
    time: int
    value: float
    unit: str | None
    received_at: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """A stretch of a downsampled series: `start` is its first microsecond; `mean` over its `count` readings."""

    start: int
    count: int
    minimum: float
    mean: float
    maximum: float
    last: float


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


class ReadingStore(Protocol):
    """The store of readings and events. Writing the same batch again changes nothing."""

    def check(self) -> str:
        """Who answers and in which version, for people; StoreUnavailable, or StoreRefused with what to do."""

    def write(self, batch: Sequence[Received], positions: Mapping[LaneKey, int]) -> None:
        """Make the batch and then the positions durable.

        Raises StoreUnavailable (write the same again later) or StoreRefused (it never will take this). After either,
        some of the batch may be stored, and no position is.
        """

    def positions(self) -> dict[LaneKey, int]:
        """The position last written for every lane."""

    def latest(self, community: str) -> list[Latest]:
        """The newest value of each series of the community, in no order."""

    def readings(
        self, community: str, device: str, quantity: str, start: int, end: int, max_points: int
    ) -> list[Bucket]:
        """The series in [start, end), oldest first, in equal buckets, at most `max_points`; empty buckets left out."""

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
        """Events of the community in [start, end), newest first."""

    def close(self) -> None:
        """Give everything back. Closing twice is allowed."""


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

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it still stands."""

    def stop(self) -> None:
        """Disconnect in an orderly way (no last will) and end the thread. Stopping twice is allowed."""
