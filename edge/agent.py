"""The agent: takes events and readings, keeps them in its outbox, and sends them until every consumer has them.

What comes in is on the disk when `take_...` returns. One thread does all the sending: it handles acknowledgements,
heartbeats and time-outs, urgent before bulk, and sleeps when there is nothing to do.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from edge.config import AgentConfig
from edge.delivery import LaneDelivery, Outcome
from edge.outbox import Draft, Outbox, OutboxError
from edge.refusals import REFUSED_TYPE, RefusalReport
from edge.timing import EventTime, Pace, event_time
from linli import __version__, failpoints, topics
from linli.clock import SECOND, Clock
from linli.codec import Ack, Status, decode_ack, encode_status, with_oldest_each
from linli.errors import Refused
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, JsonValue, Lane, Reading, TimeSource
from linli.ports import MqttClient, Will

_log = logging.getLogger(__name__)

HEARTBEAT_EVERY = 10 * SECOND
_CHUNK = 500
_CHUNK_BYTES = 256_000
"""What of one lane is sent before the other lane and the acknowledgements get their turn."""
_TIDY_EVERY_S = 1.0
_RETRY_S = 1.0
_HEAR_ALL_S = 10.0
"""Two of the longest retransmit times: by then a consumer that runs has been asked and has answered."""
_PACKET = 500
"""Readings that go into one message at most."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start (`dropped`: since the outbox was made), and what waits now."""

    taken: int
    sent: int
    acks: int
    refused: int
    dropped: int
    queue_urgent: int
    queue_bulk: int
    connected: bool
    positions: Mapping[str, Mapping[str, int]]
    """Lane -> consumer -> the sequence up to which it has everything."""


def last_will(config: AgentConfig, clock: Clock) -> Will:
    """What the broker is to publish for the agent when it is gone without a word: pass it to the MQTT client."""
    status = Status(False, "unknown", __version__, clock.now())
    return Will(topics.status_topic(config.community, config.gateway), encode_status(status))


class Agent:
    """One gateway's agent. Making it does nothing yet. `take_...` may be called from any thread between start and stop."""

    def __init__(
        self, config: AgentConfig, mqtt: MqttClient, clock: Clock, *, spread: Callable[[], float] = random.random
    ) -> None:
        self._config = config
        self._mqtt = mqtt
        self._clock = clock
        self._spread = spread
        self._outbox = Outbox(config.outbox, config.community, config.gateway, config.outbox_bytes)
        self._refusals = RefusalReport()
        self._delivery: dict[Lane, LaneDelivery] = {}
        self._opened_at: dict[Lane, int] = {}
        self._signals: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._awake = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._counts = dict.fromkeys(("taken", "sent", "acks", "refused"), 0)
        self._count_lock = threading.Lock()
        self._heartbeat_due = 0
        self._pace = Pace(clock)
        self._tidied = 0.0
        self._restored_at: float | None = None
        self._linked: bool | None = None
        self._on_command: Callable[[bytes], None] | None = None
        self._command_topic = str(topics.GatewayTopic(config.community, config.gateway, topics.Leaf.COMMAND))

    # --- life ---

    def start(self, on_command: Callable[[bytes], None] | None = None) -> None:
        """Open the outbox (OutboxError if it cannot be) and begin to connect and send.

        With `on_command` the agent hears commands: it is called with each payload, on the connection's thread, and must
        return at once. A retained command is passed over: nobody knows how old it is.
        """
        self._outbox.open()
        self._begin_delivery()
        self._stopping = False
        self._on_command = on_command
        self._mqtt.subscribe([topics.ack_topic(self._config.community, self._config.gateway, "+")], self._config.qos)
        if on_command is not None:
            self._mqtt.subscribe([self._command_topic], 1)
        self._thread = threading.Thread(target=self._run, name=f"agent-{self._config.gateway}", daemon=True)
        self._thread.start()
        self._mqtt.start(self._message_came, self._connected, self._disconnected)

    def stop(self) -> None:
        """Say offline, disconnect and close the outbox. What was not sent waits in it. Stopping twice is allowed."""
        if self._thread is None:
            return
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=10)
        self._thread = None
        self._publish_status(online=False)
        self._linked = False
        self._mqtt.stop()
        try:
            self._outbox.tidy()
        except OutboxError as error:
            _log.error("%s", error)
        self._outbox.close()

    def reply(self, payload: bytes) -> bool:
        """Publish the answer to a command, from any thread; False if there is no connection, and then nothing was sent."""
        topic = topics.GatewayTopic(self._config.community, self._config.gateway, topics.Leaf.REPLY)
        return self._mqtt.publish(str(topic), payload, qos=1)

    @property
    def bootid(self) -> str:
        """The name of the outbox; empty before `start`."""
        return self._outbox.bootid

    def stats(self) -> Stats:
        """How it is now."""
        urgent, bulk = (self._outbox.held(lane) if self._delivery else None for lane in (Lane.URGENT, Lane.BULK))
        with self._count_lock:
            counts = dict(self._counts)
        return Stats(
            **counts,
            dropped=sum(self._outbox.dropped.values()),
            queue_urgent=urgent.count if urgent else 0,
            queue_bulk=bulk.count if bulk else 0,
            connected=self._mqtt.connected,
            positions={str(lane): delivery.positions() for lane, delivery in list(self._delivery.items())},
        )

    # --- intake ---

    def take_event(
        self,
        device: str,
        type: str,
        data: Mapping[str, JsonValue],
        *,
        time: int | None = None,
        lane: Lane = Lane.URGENT,
        historic: bool = False,
        believe_time: bool = False,
    ) -> None:
        """Take one discrete event; return once it is in the outbox. OutboxError if it could not be kept.

        `time` is the device's own, in microseconds since 1970 UTC, if it gave one; `believe_time`: the device is known
        to buffer. An event that breaks a bound of the wire format is refused: counted, logged and reported.
        """
        draft = self.event(device, type, data, time=time, lane=lane, historic=historic, believe_time=believe_time)
        self.take([draft])

    def take_readings(
        self,
        readings: Sequence[Reading],
        *,
        time_source: TimeSource = TimeSource.DEVICE,
        historic: bool = False,
        believe_time: bool = False,
    ) -> None:
        """Take readings (bulk lane); return once they are in the outbox. OutboxError if they could not be kept.

        `time_source` says whose clock their times are from; a device's is held to the same rule as that of events.
        """
        self.take(self.packets(readings, time_source=time_source, historic=historic, believe_time=believe_time))

    def event(
        self,
        device: str,
        type: str,
        data: Mapping[str, JsonValue],
        *,
        time: int | None = None,
        lane: Lane = Lane.URGENT,
        historic: bool = False,
        believe_time: bool = False,
        at: int | None = None,
    ) -> Draft:
        """What `take_event` would take, for `take`. `at`: when the agent got it, if that is not now."""
        now = self._clock.now() if at is None else at
        when = event_time(time, now, buffers=believe_time)
        return Draft(lane, type, device, when.time, now, when.source, historic or when.historic, data)

    def packets(
        self,
        readings: Sequence[Reading],
        *,
        time_source: TimeSource = TimeSource.DEVICE,
        historic: bool = False,
        believe_time: bool = False,
        at: int | None = None,
    ) -> list[Draft]:
        """What `take_readings` would take, for `take`: a message has one time source, and is historic or not."""
        now = self._clock.now() if at is None else at
        groups: dict[tuple[TimeSource, bool], list[Reading]] = {}
        for reading in readings:
            when = EventTime(reading.time, time_source)
            if time_source is TimeSource.DEVICE:
                when = event_time(reading.time, now, buffers=believe_time)
            timed = reading if when.time == reading.time else replace(reading, time=when.time)
            groups.setdefault((when.source, historic or when.historic), []).append(timed)
        return [
            self._packet(group[start : start + _PACKET], now, source, is_historic)
            for (source, is_historic), group in groups.items()
            for start in range(0, len(group), _PACKET)
        ]

    def take(self, drafts: Sequence[Draft]) -> None:
        """Take several at once: with one commit, and one more for each time that what was refused is halved.

        OutboxError if they could not be kept; its `unkept` are those of them that are not, to be taken again.
        """
        waiting: Sequence[Draft] = drafts
        reports: list[Draft] = []
        try:
            while waiting or reports:
                refused = self._keep(waiting, reports)
                waiting, reports = self._halve(refused)
        finally:
            self._notify()

    def _keep(self, waiting: Sequence[Draft], reports: Sequence[Draft]) -> list[tuple[Draft, Refused]]:
        """Commit both; what was refused of them. Reports that could not be kept are only logged: nobody has more."""
        try:
            refused = self._outbox.take([*waiting, *reports])
        except OutboxError as error:
            if waiting:
                raise OutboxError(error.text, waiting) from error
            _log.error("%d refused inputs could not be reported: %s", len(reports), error)
            return []
        self._count("taken", len(waiting) + len(reports) - len(refused))
        return refused

    def _halve(self, refused: Sequence[tuple[Draft, Refused]]) -> tuple[list[Draft], list[Draft]]:
        """What to take again of what was refused, and what to report: one bad reading does not take others with it."""
        halves: list[Draft] = []
        reports: list[Draft] = []
        for draft, refusal in refused:
            if len(draft.readings) > 1:
                middle = len(draft.readings) // 2
                halves += [replace(draft, readings=draft.readings[:middle])]
                halves += [replace(draft, readings=draft.readings[middle:])]
            else:
                reports += self._refuse(refusal.reason, refusal.detail, f"{draft.subject}/{draft.type}", b"")
        return halves, reports

    def refuse(self, reason: str, detail: str, topic: str, payload: bytes) -> None:
        """Count, log and report an input from the device side that was not taken."""
        self.take(self._refuse(reason, detail, topic, payload))

    def _refuse(self, reason: str, detail: str, topic: str, payload: bytes) -> list[Draft]:
        self._count("refused", 1)
        _log.warning("refused (%s) from %s: %s", reason, topic[:200], detail[:500])
        with self._count_lock:
            data = self._refusals.data(reason, detail, topic, payload, self._clock.monotonic())
        return [] if data is None else [self.event(self._config.gateway, REFUSED_TYPE, data, lane=Lane.BULK)]

    def _packet(self, readings: list[Reading], now: int, source: TimeSource, historic: bool) -> Draft:
        newest = max(reading.time for reading in readings)
        return Draft(
            Lane.BULK, READINGS_TYPE, self._config.gateway, newest, now, source, historic, readings=tuple(readings)
        )

    # --- what the connection says, on its thread ---

    def _connected(self) -> None:
        self._linked = True
        _log.info("%s is connected", self._config.gateway)
        self._publish_status(online=True)
        self._signal(self._on_connected)

    def _disconnected(self, reason: str) -> None:
        if self._linked is not False:  # told once, however often it is tried
            _log.warning("%s has no connection: %s", self._config.gateway, reason)
        self._linked = False

    def _message_came(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic == self._command_topic:
            if self._on_command is not None and not retained:
                self._on_command(payload)
            return
        try:
            parsed = topics.parse(topic)
            ack = decode_ack(payload)
        except Refused as refusal:
            _log.warning("an acknowledgement on %s is not one: %s", topic[:200], refusal)
            return
        consumer = parsed.consumer if isinstance(parsed, topics.GatewayTopic) else None
        if consumer in self._config.consumers:
            self._signal(lambda: self._on_ack(str(consumer), ack))

    def _signal(self, handle: Callable[[], None]) -> None:
        self._signals.append(handle)
        self._notify()

    def _notify(self) -> None:
        with self._wake:
            self._awake = True
            self._wake.notify()

    def _publish_status(self, *, online: bool) -> None:
        status = Status(online, self._outbox.bootid, __version__, self._clock.now())
        topic = topics.status_topic(self._config.community, self._config.gateway)
        self._mqtt.publish(topic, encode_status(status), qos=1, retain=True)

    # --- the sending thread ---

    def _run(self) -> None:
        while not self._stopping:
            try:
                busy = self._turn()
            except OutboxError as error:
                _log.error("%s", error)
                self._pause(_RETRY_S)
                continue
            with self._wake:
                if not (busy or self._awake or self._stopping):
                    self._wake.wait(self._idle_s())
                self._awake = False

    def _pause(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, seconds)

    def _turn(self) -> bool:
        """One round of everything; whether there is more to send at once."""
        while self._signals:
            self._signals.popleft()()
        self._beat()
        now = self._clock.monotonic()
        self._renew_when_restored(now)
        busy = False
        if self._mqtt.connected:
            for lane in (Lane.URGENT, Lane.BULK):
                busy |= self._serve(lane, now)
        if now - self._tidied >= _TIDY_EVERY_S or now < self._tidied:
            self._tidied = now
            self._outbox.tidy()
        return busy

    def _serve(self, lane: Lane, now: float) -> bool:
        """Send a chunk of the lane; whether more of it could go at once."""
        delivery = self._delivery[lane]
        self._follow(lane)
        delivery.expire(now)
        left = _CHUNK_BYTES
        for start in delivery.wanted():
            size, refused = self._send(lane, start, left, now)
            left -= size
            if refused:
                return False
            if left <= 0:
                break
        return bool(delivery.wanted())

    def _send(self, lane: Lane, start: int, limit: int, now: float) -> tuple[int, bool]:
        """Send about `limit` bytes from `start` on; how many were sent, and whether the connection took no more."""
        delivery = self._delivery[lane]
        count, room = delivery.room(start)
        oldest = self._outbox.held(lane).first
        if not count or start < oldest:
            return 0, False
        bodies = self._outbox.read(lane, start, min(count, _CHUNK), min(room, limit))
        topic = topics.lane_topic(self._config.community, self._config.gateway, lane)
        taken = self._mqtt.publish_many(topic, with_oldest_each(bodies, oldest), self._config.qos)
        size = sum(map(len, bodies[:taken]))
        if taken:
            failpoints.reach("agent.sent")
            delivery.sent(start, taken, size, now)
        self._count("sent", taken)
        return size, taken < len(bodies)

    def _follow(self, lane: Lane) -> None:
        """Tell the outbox what all have acknowledged, and the delivery what is held."""
        delivery = self._delivery[lane]
        self._outbox.forget(lane, delivery.acknowledged)
        held = self._outbox.held(lane)
        delivery.hold(held.first, held.next - 1)

    def _begin_delivery(self) -> None:
        for lane in Lane:
            held = self._outbox.held(lane)
            self._opened_at[lane] = held.next - 1
            self._delivery[lane] = LaneDelivery(self._config.consumers, held.first, held.next - 1, self._spread)

    def _on_connected(self) -> None:
        for delivery in self._delivery.values():
            delivery.reconnected()

    def _on_ack(self, consumer: str, ack: Ack) -> None:
        if ack.bootid != self._outbox.bootid:
            return
        outcome = self._delivery[ack.lane].acknowledge(consumer, ack.upto, self._clock.monotonic())
        if outcome is Outcome.PROGRESS:
            self._count("acks", 1)
        elif outcome is Outcome.RESTORED:
            told = "%s has %s up to %d, which this outbox never sent: an old image of it was restored"
            _log.error(told, consumer, ack.lane, ack.upto)
            self._restored_at = self._restored_at or self._clock.monotonic()

    def _renew_when_restored(self, now: float) -> None:
        """Go on under a new bootid with what was taken since the start, and what of before not every consumer has.

        Who has what, they say themselves; one that is silent is waited for a while, then given everything.
        """
        heard = {lane: delivery.heard for lane, delivery in self._delivery.items()}
        if self._restored_at is None or (None in heard.values() and now - self._restored_at < _HEAR_ALL_S):
            return
        self._restored_at = None
        self._outbox.renew({lane: min(self._opened_at[lane], upto or 0) for lane, upto in heard.items()})
        self._begin_delivery()
        self._opened_at = dict.fromkeys(Lane, 0)
        self._publish_status(online=True)

    def _beat(self) -> None:
        now = self._clock.now()
        if self._heartbeat_due - HEARTBEAT_EVERY <= now < self._heartbeat_due:
            return
        self._heartbeat_due = now + HEARTBEAT_EVERY
        stats = self.stats()
        data: dict[str, JsonValue] = {
            "version": __version__,
            "queue_urgent": stats.queue_urgent,
            "queue_bulk": stats.queue_bulk,
            "dropped": stats.dropped,
            "refused": stats.refused,
        }
        self._outbox.take([self.event(self._config.gateway, HEARTBEAT_TYPE, data, lane=lane) for lane in Lane])

    def _idle_s(self) -> float:
        """How long to sleep when nothing happens: until the next heartbeat or time-out."""
        waits = [self._pace.real_seconds(self._heartbeat_due - self._clock.now())]
        if self._mqtt.connected:  # else nothing expires: the connection's return wakes us
            now = self._clock.monotonic()
            deadlines = (delivery.next_deadline() for delivery in self._delivery.values())
            waits += [deadline - now for deadline in deadlines if deadline is not None]
        return max(0.001, min(waits))

    def _count(self, name: str, by: int) -> None:
        with self._count_lock:
            self._counts[name] += by
