"""The agent's device side: hears the devices' broker, translates, and hands what is meant to the agent, many at once.

A message of QoS 1 is acknowledged to the devices' broker once the outbox has it, not before: if the agent dies in between,
or its disk is full, the broker keeps it and sends it again. So one may be taken twice; none is lost. What comes at QoS 0 is
lost with the agent, as with any client.
"""

import json
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.agent import Agent
from edge.mapping import Mapped, Mapper
from edge.outbox.outbox import Draft, OutboxError
from edge.sources import Rejected
from linli.access import write_secret
from linli.clock import Clock
from linli.i18n import Text
from linli.ids import new_secret
from linli.model import Reading, TimeSource
from linli.ports import SessionClient

_log = logging.getLogger(__name__)

MAX_QUEUED = 10_000
_MAX_QUEUED_BYTES = 16_000_000
_BATCH = 500
_RETRY_S = 1.0
_REMEMBERED = 500


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message from a device's broker. `at` is the agent's clock; `number` is what the broker waits to hear of, 0 if it
    does not."""

    topic: str
    payload: bytes
    retained: bool
    at: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """Since the start. `overflowed`: dropped because the outbox could not keep up."""

    messages: int
    ignored: int
    refused: int
    overflowed: int


def session(folder: Path, topics: Sequence[str]) -> tuple[str, list[str]]:
    """The name under which the devices' broker knows this agent, and the topics heard before under it that are not among
    `topics`. Kept in `folder`, made at the first call; OutboxError if it cannot be.

    The name holds a secret part: who knew it could throw the agent out and have its messages.
    """
    file = folder / "devices-session.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name, heard = _read_session(file)
        if name is None or not set(topics) <= set(heard):
            name = name or f"devices-{new_secret()}"
            write_secret(file, json.dumps({"session": name, "topics": sorted({*heard, *topics})}))
    except OSError as error:
        said = error.strerror or str(error)
        raise OutboxError(Text(f"写不了 {file}：{said}", f"{file} cannot be written: {said}")) from None
    return name, sorted(set(heard) - set(topics))


def _read_session(file: Path) -> tuple[str | None, list[str]]:
    """What was kept; nothing if there is none, or none that can be read: then a new session begins."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        name, heard = kept["session"], kept["topics"]
    except FileNotFoundError:
        return None, []
    except (ValueError, TypeError, KeyError):
        _log.error("%s cannot be read: a new session with the devices' broker begins", file)
        return None, []
    return str(name), [str(topic) for topic in heard]


class DeviceLink:
    """Between one devices' broker and the agent. Its queue is bounded: what overflows of QoS 0 is dropped, counted and
    reported; of QoS 1, left to the broker until there is room."""

    def __init__(
        self, mapper: Mapper, agent: Agent, mqtt: SessionClient, clock: Clock, topics: Sequence[str] = (), qos: int = 1
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
        self._left_behind = False
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
        """Hand over what is queued, and disconnect. Stopping twice is allowed."""
        if self._thread is None:
            return
        self._linked = False
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=10)
        self._thread = None
        self._mqtt.stop()

    def counts(self) -> DeviceCounts:
        """How it goes."""
        return DeviceCounts(self._messages, self._ignored, self._refused, self._overflowed)

    def unmapped(self) -> dict[str, int]:
        """The last devices that spoke and are in no mapping, with how often they did."""
        return dict(self._unmapped)

    # --- on the connection's thread ---

    def _connected(self) -> None:
        self._linked = True
        self._left_behind = False
        _log.info("connected to the devices' broker: %s", ", ".join(self._topics))

    def _disconnected(self, reason: str) -> None:
        if self._linked is not False:  # told once, however often it is tried
            _log.warning("no connection to the devices' broker: %s", reason)
        self._linked = False

    def _came(self, topic: str, payload: bytes, retained: bool) -> None:
        number = self._mqtt.current
        with self._wake:
            full = len(self._queue) >= MAX_QUEUED or self._queued_bytes + len(payload) > _MAX_QUEUED_BYTES
            if number and (self._left_behind or self._stopping or (full and self._queue)):
                self._left_behind = True  # and all behind it, or the order would be lost
            elif full and self._queue:
                self._overflowed += 1
                self._untold += 1
            else:
                self._queue.append(Arrival(topic, payload, retained, self._clock.now(), number))
                self._queued_bytes += len(payload)
                self._wake.notify()

    # --- on its own ---

    def _run(self) -> None:
        while True:
            batch, untold = self._next()
            if not batch:
                return
            drafts = [draft for arrival in batch for draft in self._read(arrival)]
            if self._hand_over(drafts):
                self._mqtt.acknowledge([arrival.number for arrival in batch if arrival.number])
            if untold:
                self._report(
                    Rejected("overflow", f"{untold} device messages were dropped: too many at once"), batch[-1]
                )
            with self._wake:
                again = self._left_behind and not self._queue and not self._stopping
            if again:
                _log.warning("there is room again for the messages that were left with the devices' broker")
                self._mqtt.reconnect()

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

    def _hand_over(self, drafts: Sequence[Draft]) -> bool:
        """Until it is kept: a full disk holds up the queue, which is bounded, and loses nothing by itself. False if it was
        stopped before."""
        while drafts:
            try:
                self._agent.take(drafts)
                break
            except OutboxError as error:
                _log.error("%s", error)
                drafts = error.unkept
                with self._wake:
                    if self._wake.wait_for(lambda: self._stopping, _RETRY_S):
                        return False
        return True

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
