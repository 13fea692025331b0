"""The agent: takes events and readings, keeps them in its outbox, and sends them until every consumer has them.

What comes in is on the disk when `take_...` returns. One thread does all the sending: it handles acknowledgements,
heartbeats and time-outs, urgent before bulk, and sleeps when there is nothing to do.
"""

import logging
import math
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edge.config import AgentConfig
from edge.delivery import LaneDelivery, Outcome
from edge.intake import Intake
from edge.outbox.outbox import Fill, Outbox, OutboxError
from edge.timing import ClockOffset, Pace
from linli import __version__, failpoints, topics
from linli.clock import SECOND, Clock, format_time
from linli.codec import Ack, Status, decode_ack, encode_status, with_oldest_each
from linli.errors import Refused
from linli.model import HEARTBEAT_TYPE, JsonValue, Lane
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
_TELL_DROPS_EVERY_S = 60.0
_COMPLAIN_EVERY_S = 10.0
OUTBOX_DROPPED_TYPE = "linli.outbox.dropped"
"""The outbox was full and gave up messages: how many of each lane, and since when. With the reason 'damaged': its file could
not be read any more, and nobody knows how many it held."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start (`dropped`: since the outbox was made), and what waits now."""

    taken: int
    sent: int
    acks: int
    refused: int
    dropped: int
    dropped_urgent: int
    dropped_bulk: int
    queue_urgent: int
    queue_bulk: int
    queue_bytes: int
    clock_offset_ms: float | None
    """What the agent's clock is ahead of the server's; None while that is not known."""
    connected: bool
    positions: Mapping[str, Mapping[str, int]]
    """Lane -> consumer -> the sequence up to which it has everything."""
    next: Mapping[str, int]
    """Lane -> the sequence that the next message gets."""


def last_will(config: AgentConfig, clock: Clock) -> Will:
    """What the broker is to publish for the agent when it is gone without a word: pass it to the MQTT client."""
    status = Status(False, "unknown", __version__, clock.now())
    return Will(topics.status_topic(config.community, config.gateway), encode_status(status))


class Agent(Intake):
    """One gateway's agent. Making it does nothing yet. `take...` may be called from any thread between start and stop."""

    def __init__(
        self, config: AgentConfig, mqtt: MqttClient, clock: Clock, *, spread: Callable[[], float] = random.random
    ) -> None:
        outbox = Outbox(config.outbox, config.community, config.gateway, config.outbox_bytes)
        super().__init__(config.gateway, outbox, clock, self._notify)
        self._config = config
        self._mqtt = mqtt
        self._spread = spread
        self._delivery: dict[Lane, LaneDelivery] = {}
        self._opened_at: dict[Lane, int] = {}
        self._signals: deque[Callable[[], None]] = deque()
        self._wake = threading.Condition()
        self._awake = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._sent = self._acks = 0
        self._heartbeat_due = 0
        self._pace = Pace(clock)
        self._offset = ClockOffset()
        self._tidied = self._drops_told = self._complained = -math.inf
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
        self._heartbeat_due = 0
        self._upkeep(
            self._clock.monotonic()
        )  # so the first message after a start is a heartbeat: see _renew_when_restored
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
        urgent, bulk = (self._outbox.held(lane) for lane in (Lane.URGENT, Lane.BULK))
        taken, refused = self.counts
        dropped = self._outbox.dropped
        return Stats(
            taken=taken,
            sent=self._sent,
            acks=self._acks,
            refused=refused,
            dropped=sum(dropped.values()),
            dropped_urgent=dropped[Lane.URGENT],
            dropped_bulk=dropped[Lane.BULK],
            queue_urgent=urgent.count,
            queue_bulk=bulk.count,
            queue_bytes=urgent.size + bulk.size,
            clock_offset_ms=self._offset.ms(self._clock.monotonic()),
            connected=self._mqtt.connected,
            positions={str(lane): delivery.positions() for lane, delivery in list(self._delivery.items())},
            next={Lane.URGENT: urgent.next, Lane.BULK: bulk.next},
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
            at = self._clock.now()
            self._signal(lambda: self._on_ack(str(consumer), ack, at))

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
        now = self._clock.monotonic()
        self._upkeep(now)
        self._renew_when_restored(now)
        busy = False
        if self._mqtt.connected:
            for lane in (Lane.URGENT, Lane.BULK):
                busy |= self._serve(lane, now)
        else:
            self._outbox.spare(Lane.BULK, None)
        return busy

    def _upkeep(self, now: float) -> None:
        """What is due beside the sending. A disk that is full fails it, and stops no message that is in the outbox."""
        for duty in (self._beat, self._tell_put_aside, self._tell_drops, self._tidy):
            try:
                duty(now)
            except OutboxError as error:
                self._complain(error, now)

    def _tidy(self, now: float) -> None:
        if now - self._tidied >= _TIDY_EVERY_S:
            self._tidied = now
            self._outbox.tidy()

    def _tell_put_aside(self, _now: float) -> None:
        if self._outbox.put_aside:
            since = format_time(self._clock.now())
            data: dict[str, JsonValue] = {"urgent": 0, "bulk": 0, "since": since, "reason": "damaged"}
            self._outbox.take([self.event(self._config.gateway, OUTBOX_DROPPED_TYPE, data)])
            self._outbox.put_aside = False

    def _tell_drops(self, now: float) -> None:
        """Report at once that the outbox has begun to drop, then what it has dropped since, once a minute."""
        if self._outbox.untold and now - self._drops_told >= _TELL_DROPS_EVERY_S:
            self._drops_told = now
            draft = self.event(self._config.gateway, OUTBOX_DROPPED_TYPE, {})
            self._outbox.take([replace(draft, fill=Fill.DROPS)])

    def _serve(self, lane: Lane, now: float) -> bool:
        """Send a chunk of the lane; whether more of it could go at once."""
        delivery = self._delivery[lane]
        self._follow(lane)
        delivery.expire(now)
        if lane is Lane.BULK and not self._has_room(delivery, now):
            return False
        left = _CHUNK_BYTES
        for start in delivery.wanted():
            size, refused = self._send(lane, start, left, now)
            left -= size
            if refused:
                return False
            if left <= 0:
                break
        return bool(delivery.wanted())

    def _has_room(self, delivery: LaneDelivery, now: float) -> bool:
        """What is on its way is not dropped, or it would count as dropped and arrive: a full outbox waits for the answers, and
        then drops what was not sent. False while it waits."""
        self._outbox.spare(Lane.BULK, delivery.answered)
        if self._outbox.overfull:
            if not delivery.settled:
                return False
            try:
                self._outbox.make_room()
            except OutboxError as error:
                self._complain(error, now)
            self._follow(Lane.BULK)
        return True

    def _complain(self, error: OutboxError, now: float) -> None:
        if now - self._complained >= _COMPLAIN_EVERY_S:
            self._complained = now
            _log.error("%s", error)

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
        self._sent += taken
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

    def _on_ack(self, consumer: str, ack: Ack, at: int) -> None:
        failpoints.reach("agent.acknowledged")
        now = self._clock.monotonic()
        if ack.at is not None:
            self._offset.heard(ack.at, at, now)
        if ack.bootid != self._outbox.bootid:
            return
        outcome = self._delivery[ack.lane].acknowledge(consumer, ack.upto, now)
        if outcome is Outcome.PROGRESS:
            self._acks += 1
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

    def _beat(self, _now: float) -> None:
        now = self._clock.now()
        if self._heartbeat_due - HEARTBEAT_EVERY <= now < self._heartbeat_due:
            return
        self._heartbeat_due = now + HEARTBEAT_EVERY
        data = heartbeat(self.stats())
        drafts = [self.event(self._config.gateway, HEARTBEAT_TYPE, data, lane=lane) for lane in Lane]
        # the days on the lane that holds most of them: what they count was sent before it, but for a few
        self._outbox.take([replace(draft, fill=Fill.DAYS) if draft.lane is Lane.BULK else draft for draft in drafts])

    def _idle_s(self) -> float:
        """How long to sleep when nothing happens: until the next heartbeat or time-out."""
        waits = [self._pace.real_seconds(self._heartbeat_due - self._clock.now())]
        if self._mqtt.connected:  # else nothing expires: the connection's return wakes us
            now = self._clock.monotonic()
            deadlines = (delivery.next_deadline() for delivery in self._delivery.values())
            waits += [deadline - now for deadline in deadlines if deadline is not None]
        return max(0.001, min(waits))


def heartbeat(stats: Stats) -> dict[str, JsonValue]:
    """The data of a heartbeat, as docs/wire.md has it, without `days`, which the outbox adds."""
    consumers = sorted({name for positions in stats.positions.values() for name in positions})
    positions: dict[str, JsonValue] = {
        name: {lane: position[name] for lane, position in stats.positions.items()} for name in consumers
    }
    return {
        "version": __version__,
        "clock_offset_ms": stats.clock_offset_ms,
        "queue_urgent": stats.queue_urgent,
        "queue_bulk": stats.queue_bulk,
        "queue_bytes": stats.queue_bytes,
        "dropped_urgent": stats.dropped_urgent,
        "dropped_bulk": stats.dropped_bulk,
        "dropped": stats.dropped,
        "refused": stats.refused,
        "positions": positions,
        "next": {str(lane): number for lane, number in stats.next.items()},
    }
