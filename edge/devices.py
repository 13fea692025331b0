"""The agent's device side: hears the devices' broker, translates, and hands what is meant to the agent, many at once."""

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from edge.agent import Agent
from edge.mapping import Mapped, Mapper
from edge.outbox import Draft, OutboxError
from edge.sources import Rejected
from linli.clock import Clock
from linli.model import Reading, TimeSource
from linli.ports import MqttClient

_log = logging.getLogger(__name__)

MAX_QUEUED = 10_000
_MAX_QUEUED_BYTES = 16_000_000
_BATCH = 500
_RETRY_S = 1.0
_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message from a device's broker. `at` is the agent's clock."""

    topic: str
    payload: bytes
    retained: bool
    at: int


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """Since the start. `overflowed`: dropped because the outbox could not keep up."""

    messages: int
    ignored: int
    refused: int
    overflowed: int


class DeviceLink:
    """Between one devices' broker and the agent. Its queue is bounded; what overflows is dropped, counted and reported."""

    def __init__(
        self, mapper: Mapper, agent: Agent, mqtt: MqttClient, clock: Clock, topics: Sequence[str] = (), qos: int = 1
    ) -> None:
        self._mapper = mapper
        self._agent = agent
        self._mqtt = mqtt
        self._clock = clock
        self._topics = list(topics) or mapper.topics()
        self._qos = qos
        self._queue: deque[Arrival] = deque()
        self._queued_bytes = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._messages = self._ignored = self._refused = self._overflowed = self._untold = 0
        self._unmapped: OrderedDict[str, int] = OrderedDict()
        self._thread: threading.Thread | None = None
        self._linked: bool | None = None

    def start(self) -> None:
        """Begin to connect and to take."""
        self._thread = threading.Thread(target=self._run, name="devices", daemon=True)
        self._thread.start()
        if self._topics:
            self._mqtt.subscribe(self._topics, self._qos)
        self._mqtt.start(self._came, self._connected, self._disconnected)

    def stop(self) -> None:
        """Disconnect, and hand over what is queued. Stopping twice is allowed."""
        if self._thread is None:
            return
        self._linked = False
        self._mqtt.stop()
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=10)
        self._thread = None

    def counts(self) -> DeviceCounts:
        """How it goes."""
        return DeviceCounts(self._messages, self._ignored, self._refused, self._overflowed)

    def unmapped(self) -> dict[str, int]:
        """The last devices that spoke and are in no mapping, with how often they did."""
        return dict(self._unmapped)

    # --- on the connection's thread ---

    def _connected(self) -> None:
        self._linked = True
        _log.info("connected to the devices' broker: %s", ", ".join(self._topics))

    def _disconnected(self, reason: str) -> None:
        if self._linked is not False:  # told once, however often it is tried
            _log.warning("no connection to the devices' broker: %s", reason)
        self._linked = False

    def _came(self, topic: str, payload: bytes, retained: bool) -> None:
        with self._wake:
            full = len(self._queue) >= MAX_QUEUED or self._queued_bytes + len(payload) > _MAX_QUEUED_BYTES
            if full and self._queue:
                self._overflowed += 1
                self._untold += 1
                return
            self._queue.append(Arrival(topic, payload, retained, self._clock.now()))
            self._queued_bytes += len(payload)
            self._wake.notify()

    # --- on its own ---

    def _run(self) -> None:
        while True:
            batch, untold = self._next()
            if not batch:
                return
            drafts = [draft for arrival in batch for draft in self._read(arrival)]
            self._hand_over(drafts)
            if untold:
                self._report(
                    Rejected("overflow", f"{untold} device messages were dropped: too many at once"), batch[-1]
                )

    def _next(self) -> tuple[list[Arrival], int]:
        """Wait for messages; none of them once it stops and the queue is empty."""
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._stopping)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
            self._queued_bytes -= sum(len(arrival.payload) for arrival in batch)
            untold, self._untold = self._untold, 0
            return batch, untold

    def _read(self, arrival: Arrival) -> list[Draft]:
        self._messages += 1
        try:
            mapped = self._mapper.translate(arrival.topic, arrival.payload, arrival.retained, arrival.at)
        except Exception as error:  # noqa: BLE001  (a message's boundary: one that a source stumbles over stops nothing)
            _log.exception("a message on %s could not be read", arrival.topic[:200])
            mapped = Mapped(refused=(Rejected("unreadable", f"{type(error).__name__}: {error}"),))
        if not (mapped.events or mapped.values or mapped.refused):
            self._ignored += 1
        for rejected in mapped.refused:
            self._refuse(rejected, arrival)
        return self._drafts(mapped, arrival)

    def _drafts(self, mapped: Mapped, arrival: Arrival) -> list[Draft]:
        drafts = [
            self._agent.event(
                target.device,
                seen.type,
                seen.data,
                time=seen.time,
                lane=seen.lane,
                historic=seen.historic,
                believe_time=target.buffers or seen.historic,
                at=arrival.at,
            )
            for target, seen in mapped.events
        ]
        groups: dict[tuple[bool, bool, TimeSource], list[Reading]] = {}
        for target, value in mapped.values:
            source = TimeSource.AGENT if value.time is None else TimeSource.DEVICE
            time = arrival.at if value.time is None else value.time
            reading = Reading(target.device, value.quantity, time, value.value, value.unit)
            groups.setdefault((value.historic, target.buffers or value.historic, source), []).append(reading)
        for (historic, believed, source), readings in groups.items():
            drafts += self._agent.packets(
                readings, time_source=source, historic=historic, believe_time=believed, at=arrival.at
            )
        return drafts

    def _hand_over(self, drafts: Sequence[Draft]) -> None:
        """Until it is kept: a full disk holds up the queue, which is bounded, and loses nothing by itself."""
        while drafts:
            try:
                self._agent.take(drafts)
                return
            except OutboxError as error:
                _log.error("%s", error)
                drafts = error.unkept
                with self._wake:
                    if self._wake.wait_for(lambda: self._stopping, _RETRY_S):
                        return

    def _refuse(self, rejected: Rejected, arrival: Arrival) -> None:
        self._refused += 1
        if rejected.reason == "unmapped_device":
            self._unmapped[arrival.topic] = self._unmapped.pop(arrival.topic, 0) + 1
            if len(self._unmapped) > _REMEMBERED:
                self._unmapped.popitem(last=False)
        self._report(rejected, arrival)

    def _report(self, rejected: Rejected, arrival: Arrival) -> None:
        try:
            self._agent.refuse(rejected.reason, rejected.detail, arrival.topic, arrival.payload)
        except OutboxError as error:
            _log.error("%s", error)
