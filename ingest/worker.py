"""The ingest worker: one loop that makes durable what has arrived, then answers. All decisions are `pipeline`'s.

    MQTT thread --> inbox --> take all --> decide --> dead letters --> store (rows, positions) --> commit --> acks

An acknowledgement goes out only when rows, positions and letters are durable. While one of them is not, the batch is held
and tried again with back-off; nothing is acknowledged, the inbox fills up to its bound and then drops what is newest, and
agents send that again.
"""

import dataclasses
import logging
import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ingest.checks import Limits
from ingest.chores import Chores
from ingest.inbox import Inbox
from ingest.letters import Arrival
from ingest.pipeline import Batch, Counts, Pipeline, tallies_without
from ingest.split import Suspects, keep_reached, write_apart
from ingest.status import sort_statuses
from linli import failpoints, topics
from linli.clock import Clock
from linli.codec import Ack, encode_ack
from linli.db.gateways import GatewayStatus
from linli.errors import LinliError, StoreError, StoreRefused
from linli.i18n import Text
from linli.model import Consumer, LaneKey, Tally, TallyKey
from linli.ports import DeadLetterBox, MqttClient, ReadingStore, Registry
from linli.runtime import STARTING, Health, Troubles, no_broker
from linli.shards import WHOLE, Shard

_log = logging.getLogger(__name__)

REFRESH_S = 1.0
_IDLE_S = 0.5


class GatewayStatuses(Protocol):
    """Where the last status of each gateway is kept (`linli.db.gateways`)."""

    def save(self, statuses: Sequence[GatewayStatus]) -> None:
        """Keep them durably."""


class Backoff:
    """Seconds to wait before the next try: doubles from `first` to `longest`, spread by half; `reset` on success."""

    def __init__(self, first: float = 0.1, longest: float = 5.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """The wait before the next try."""
        wait = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._longest)
        return wait

    def reset(self) -> None:
        """Begin again at `first`."""
        self._next = self._first


@dataclasses.dataclass(frozen=True, slots=True)
class Outside:
    """What the worker works with. `keep`: called when what will stay in memory is there."""

    client: MqttClient
    store: ReadingStore
    registry: Registry
    letters: DeadLetterBox
    statuses: GatewayStatuses
    clock: Clock
    shard: Shard = WHOLE
    keep: Callable[[], None] = lambda: None


class Worker:
    """Runs from `run` until its event is set. `late` in microseconds, `qos` of lanes and acknowledgements."""

    def __init__(
        self,
        outside: Outside,
        limits: Limits,
        late: float,
        qos: int = 0,
        backoff: Backoff | None = None,
        chores: Chores | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        self._outside = outside
        self._limits = limits
        self._late = late
        self._qos = qos
        self._backoff = backoff or Backoff()
        self._inbox = inbox or Inbox()
        self._pipeline = Pipeline(outside.registry, limits, late, {})
        self._greet = threading.Event()
        self._heard: set[str] = set()
        self._statuses: dict[str, Arrival] = {}
        self._refreshed = float("-inf")
        self._chores = chores
        self._more_chores = False
        self._total = Counts()
        self._write_failures = 0
        self._writes = 0
        self._writing_since: float | None = None
        self._suspects = Suspects()
        self._doubles = 0
        self._troubles = Troubles()
        self._troubles.set("start", STARTING)

    def run(self, stop: threading.Event) -> None:
        """Load what is durable, connect, and work until `stop` is set."""
        if not self.begin(stop):
            return
        try:
            while not stop.is_set():
                self.step(stop)
        finally:
            self._outside.client.stop()

    def begin(self, stop: threading.Event) -> bool:
        """Read positions and registry, with back-off while they cannot be had, then connect. False if stopped first:
        without positions every repeat would be new, without a registry every message a dead letter."""
        if not self._persist(self._load, stop):
            return False
        self._troubles.clear("start")
        self._outside.keep()
        client = self._outside.client
        client.start(self._message_came, self._connected, self._disconnected)
        self._subscribe()
        return True

    def _subscribe(self) -> None:
        """Hear the shard's communities: those that are new since the last time."""
        shard, communities = self._outside.shard, self._outside.registry.communities()
        for leaves, qos in (((topics.Leaf.URGENT, topics.Leaf.BULK), self._qos), ((topics.Leaf.STATUS,), 1)):
            fresh = [topic for topic in shard.filters(leaves, communities) if topic not in self._heard]
            if fresh:
                self._heard.update(fresh)
                self._outside.client.subscribe(fresh, qos)

    def step(self, stop: threading.Event, wait: float = _IDLE_S) -> None:
        """Handle what has arrived; waits up to `wait` seconds for it. Returns early, with nothing done, at `stop`."""
        arrivals, statuses = self._inbox.take(0.0 if self._more_chores else wait)
        self._statuses |= {status.topic: status for status in statuses}
        now = self._outside.clock.monotonic()
        if statuses or self._more_chores or now - self._refreshed >= REFRESH_S:
            self._refreshed = now
            self._refresh()
            self._save_statuses()
            self._more_chores = self._chores is not None and self._chores.step()
        if self._greet.is_set():
            self._greet.clear()
            self._answer(self._pipeline.known().items())
        if arrivals:
            self._handle(arrivals, stop)

    def health(self) -> Health:
        """How the worker is; safe to call from any thread."""
        counters = {**dataclasses.asdict(self._total), "write_failures": self._write_failures}
        counters["dropped"] = self._inbox.dropped
        counters["writes"] = self._writes
        counters["doubles"] = self._doubles
        since = self._writing_since
        counters["unwritten_s"] = 0.0 if since is None else round(self._outside.clock.monotonic() - since, 1)
        if self._chores is not None:
            counters |= self._chores.counters()
        return self._troubles.health(counters)

    # --- one batch --------------------------------------------------------------------------------------------------

    def _handle(self, arrivals: list[Arrival], stop: threading.Event) -> None:
        failpoints.reach("ingest.received")
        batch = self._pipeline.decide(arrivals)
        if batch.registry_doubt and self._refresh():
            self._pipeline.roll_back()
            batch = self._pipeline.decide(arrivals)
        failpoints.reach("ingest.decoded")
        if batch.durable and not self._persist(lambda: self._keep(batch), stop):
            self._pipeline.roll_back()
            return
        self._writes += batch.durable
        self._count(batch.counts)
        self._tell_doubles(batch.doubled)
        failpoints.reach("ingest.written")
        if self._chores is not None:
            self._chores.heard(batch.taken)
            self._chores.strange(batch.strangers)
        self._answer(self._pipeline.commit(batch).items())
        failpoints.reach("ingest.acknowledged")

    def _tell_doubles(self, gateways: Iterable[str]) -> None:
        """Rules makes an alert of the counter; which gateway it is stands in the log and, until the next start, in the status."""
        for gateway in gateways:
            self._doubles += 1
            _log.error("two agents send as gateway %s: a stolen password, or a machine that was cloned", gateway)
            self._troubles.set(f"double {gateway}", _doubled(gateway), hinders=False)

    def _keep(self, batch: Batch) -> None:
        """Letters first: once the positions are written, nobody sends the refused messages again."""
        outside = self._outside
        outside.letters.put(batch.letters)
        try:
            outside.store.write([taken.received for taken in batch.taken], batch.positions, batch.tallies)
        except StoreRefused as error:
            _log.warning("the store refuses a batch of %d messages: %s", len(batch.taken), error)
            self._keep_apart(batch)
        else:
            self._troubles.clear("positions")

    def _keep_apart(self, batch: Batch) -> None:
        """Store what the store takes of a batch that it refused. Tallies change only once all is done: it may be done
        again."""
        outside = self._outside
        refused = write_apart(outside.store, batch.taken, self._suspects)
        outside.letters.put([one.letter for one in refused])
        tallies = tallies_without(batch, [(one.taken.tally, one.observations) for one in refused if one.taken.tally])
        self._keep_reached(batch.positions, tallies)
        batch.tallies = tallies
        batch.counts.dead_letters = len(batch.letters) + len(refused)

    def _keep_reached(self, positions: Mapping[LaneKey, int], tallies: Mapping[TallyKey, Tally]) -> None:
        """Positions and tallies of rows that are stored. No lane waits for one that the store will never keep: a lane
        without a position begins at `oldest` after a restart, so nothing is lost, and a repeat replaces itself, but it is
        counted twice."""
        refused = keep_reached(self._outside.store, positions, tallies)
        if refused is None:
            self._troubles.clear("positions")
        else:
            self._troubles.set("positions", _not_counted(refused))
            _log.warning("the store does not keep some positions or tallies: %s", refused)

    def _save_statuses(self) -> None:
        """Keep what gateways said of themselves. What cannot be kept now waits, and holds up no lane meanwhile."""
        if not self._statuses:
            return
        statuses, letters = sort_statuses(self._statuses.values(), self._outside.registry)
        try:
            self._outside.letters.put(letters)
            self._outside.statuses.save(statuses)
        except SQLAlchemyError as error:
            self._fail("status", error)
            return
        self._troubles.clear("status")
        self._statuses.clear()
        self._total.dead_letters += len(letters)

    def _persist(self, act: Callable[[], None], stop: threading.Event) -> bool:
        """Do it until it is done; False if `stop` came first."""
        self._writing_since = self._outside.clock.monotonic()
        while True:
            try:
                act()
            except (StoreError, SQLAlchemyError) as error:
                self._fail("write", error)
                if stop.wait(self._backoff.next()):
                    return False
            else:
                self._troubles.clear("write")
                self._backoff.reset()
                self._writing_since = None
                return True

    def _fail(self, what: str, error: Exception) -> None:
        self._write_failures += 1
        self._troubles.set(what, _told(error))
        _log.warning("cannot read or write, will try again: %s", _one_line(error))

    def _count(self, counts: Counts) -> None:
        for field in dataclasses.fields(Counts):
            setattr(self._total, field.name, getattr(self._total, field.name) + getattr(counts, field.name))

    def _answer(self, uptos: Iterable[tuple[LaneKey, int]]) -> None:
        """One acknowledgement for each lane. One that is lost is given again at the next repeat, gap or connect."""
        now = self._outside.clock.now()
        answers = [
            (
                topics.ack_topic(key.community, key.gateway, Consumer.INGEST),
                encode_ack(Ack(key.bootid, key.lane, upto, now)),
            )
            for key, upto in uptos
        ]
        self._outside.client.publish_each(answers, self._qos)

    # --- registry ---------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        self._outside.registry.refresh()
        covers = self._outside.shard.covers
        store = self._outside.store
        positions = {key: upto for key, upto in store.positions().items() if covers(key.community)}
        tallies = {key: tally for key, tally in store.tallies().items() if covers(key.community)}
        self._pipeline = Pipeline(self._outside.registry, self._limits, self._late, positions, tallies)

    def _refresh(self) -> bool:
        """Whether the registry had changed. One that cannot be read now is used as it was."""
        try:
            changed = self._outside.registry.refresh()
        except SQLAlchemyError as error:
            self._troubles.set("registry", _told(error))
            return False
        self._troubles.clear("registry")
        if changed:
            self._pipeline.registry_changed()
            self._subscribe()
        return changed

    # --- on the MQTT thread -----------------------------------------------------------------------------------------

    def _message_came(self, topic: str, payload: bytes, _retained: bool) -> None:
        arrival = Arrival.of(topic, payload, self._outside.clock.now())
        if topic.endswith("/status"):
            self._inbox.put_status(arrival)
        else:
            self._inbox.put(arrival)

    def _connected(self) -> None:
        self._troubles.clear("broker")
        self._greet.set()
        self._inbox.wake()

    def _disconnected(self, reason: str) -> None:
        self._troubles.set("broker", no_broker(reason))


def _told(error: Exception) -> Text:
    """The error for people: one of ours in both languages, a driver's in its own words."""
    if isinstance(error, LinliError):
        return error.text
    said = _one_line(error)
    return Text(f"数据库不应答：{said}", f"the database does not answer: {said}")


def _not_counted(error: StoreRefused) -> Text:
    said = error.text
    return Text(
        f"读数库拒存部分位置与计数（{said.zh}）：数据照常入库，但 linli reconcile 会不准；请提高其序列数上限或删除无用序列",
        f"the store refuses some positions and counts ({said.en}): data is stored as ever, but linli reconcile will be"
        " wrong; raise its limit of series, or delete series that nobody needs",
    )


def _one_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _doubled(gateway: str) -> Text:
    return Text(
        f"有两个代理在以网关 {gateway} 的名义发送：口令可能已泄露。运行 linli gateway invite {gateway} 并重新加入，旧口令随即失效",
        f"two agents send as gateway {gateway}: its password may be stolen. Run linli gateway invite {gateway} and enrol it again, which ends the old one",
    )
