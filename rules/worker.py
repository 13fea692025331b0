"""The rules worker: one loop over what has arrived. All decisions are the engine's.

    MQTT thread --> inbox --+
    actions (50 ms) --------+--> journal (one commit) --> acks --> engine --> effects --> database --> notices
    registry, workers (1 s) +
    tick -------------------+

An acknowledgement goes out once the journal has the message; of one that cannot be read it has the place on the lane.
Effects wait in memory while the database is down, and are found again in the journal after a kill; a snapshot is taken
only when none waits. With the journal unwritable nothing is taken or acknowledged: agents keep it.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from linli import failpoints, topics
from linli.clock import SECOND, Clock
from linli.codec import Ack, encode_ack, encode_notice, notice_of
from linli.db.alerts import Change, SqlAlerts
from linli.db.registry import RegistrySnapshot, SqlRegistry
from linli.db.workers import WorkerReport
from linli.delivery import Positions, Verdict
from linli.i18n import Text
from linli.model import Consumer, LaneKey
from linli.platform import PLATFORM, with_platform, workers_in
from linli.ports import MqttClient
from linli.runtime import Health, Troubles, no_broker
from linli.shards import WHOLE, Shard
from rules import wire
from rules.durable.journal import Journal, JournalUnavailable, Snapshot
from rules.durable.state import image
from rules.effects import Waiting, write
from rules.engine.book import ActionDone
from rules.engine.inputs import ActionIn, Input, ListenIn, MessageIn, PassedIn, RegistryIn, Tick
from rules.engine.machine import Engine
from rules.inbox import Arrival, Inbox
from rules.platform import Eye, Look, going_on, ingest_workers, inputs_of, last_sequence

_log = logging.getLogger(__name__)

POLL_S = 0.05
REFRESH_S = 1.0
RETRY_S = 0.5
LOOK_S = 1.0
TALLIES_S = 1.0
SNAPSHOT_EVERY = 20_000
"""Inputs between two snapshots, at least; more while a snapshot would take over SNAPSHOT_SHARE of the time, at most
SNAPSHOT_LATEST times as many."""

SNAPSHOT_BYTES = 256 * 1024 * 1024
"""Or so much of inputs: twenty thousand of the largest messages would be 10 GB on the disk."""

SNAPSHOT_SHARE = 0.05
SNAPSHOT_LATEST = 10


@dataclass(frozen=True, slots=True)
class Platform:
    """What Linli itself is watched by: the workers' reports, and the zone in which its times are told."""

    reports: Callable[[], Sequence[WorkerReport]]
    timezone: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What the worker works with. `tick_s`: real seconds between two ticks. `tick_behind`: see the function."""

    client: MqttClient
    alerts: SqlAlerts
    registry: SqlRegistry
    journal: Journal
    clock: Clock
    qos: int = 0
    tick_s: float = 1.0
    tick_behind: int = 0
    snapshot_every: int = SNAPSHOT_EVERY
    snapshot_bytes: int = SNAPSHOT_BYTES
    shard: Shard = WHOLE
    platform: Platform | None = None


class Worker:
    """Runs from `run` until its event is set; `engine` and `waiting` are as `rules.start` brought them back."""

    def __init__(self, outside: Outside, engine: Engine, waiting: Waiting) -> None:
        self._outside = outside
        self.engine = engine
        self._waiting = waiting
        agents = {key: upto for key, upto in engine.positions.items() if key.community != PLATFORM}
        self._positions = Positions(agents)
        self._platform = outside.platform if outside.shard.covers(PLATFORM) else None
        self._eye = Eye()
        self._looked: list[Look] = []
        self._workers = workers_in(engine.scope.registry)
        self._inbox = Inbox()
        self._heard: set[str] = set()
        self._heard_from: ListenIn | None = None
        self._told_from: ListenIn | None = None
        self.pause = threading.Event()
        self._next_tick = self._next_refresh = self._next_poll = self._next_write = self._next_look = float("-inf")
        self._next_tallies = float("-inf")
        self._since_snapshot = 0
        self._next_snapshot = float("-inf")
        self._compared: RegistrySnapshot | None = None
        self._refused = self._gaps = self._repeats = self._failed = self._refused_effects = 0
        self._troubles = Troubles()
        self._troubles.set("broker", no_broker())

    def run(self, stop: threading.Event) -> None:
        """Connect, and work until `stop` is set; then leave a snapshot, so that the next start is short."""
        self.pause = stop
        self.connect()
        try:
            while not stop.is_set():
                self.step()
        finally:
            self._outside.client.stop()
            self._write_tallies(at_once=True)
            self.snapshot_now()

    def connect(self) -> None:
        """Begin to take messages in."""
        client = self._outside.client
        client.start(self._message_came, self._connected, self._disconnected)
        self._subscribe(self.engine.scope.registry)

    def _subscribe(self, registry: RegistrySnapshot) -> None:
        """Hear the shard's communities: those that are new since the last time. One that is gone may still have senders,
        who want an answer."""
        leaves = (topics.Leaf.URGENT, topics.Leaf.BULK)
        fresh = [
            topic for topic in self._outside.shard.filters(leaves, registry.communities) if topic not in self._heard
        ]
        if fresh:
            self._heard.update(fresh)
            self._outside.client.subscribe(fresh, self._outside.qos)

    def step(self, wait_s: float = POLL_S) -> None:
        """One batch: take what has arrived within `wait_s` and what is due, journal, acknowledge, apply, write, tell."""
        arrivals = self._inbox.take(wait_s)
        answers: dict[LaneKey, None] = {}
        taken: dict[LaneKey, int] = {}
        changes = self._registry_changes()
        if self._compared is None and not self.engine.scope.registry.communities:
            self._hear_anew()  # without a registry every message would be a stranger's; the agents keep what came
            return
        listens = self._listens()
        if arrivals:
            failpoints.reach("rules.received")
        accepted = self._accept(arrivals, answers, taken)
        if accepted:
            failpoints.reach("rules.decoded")
        entries = [*listens, *changes, *accepted, *self._actions(), *self._looks(), *self._ticks()]
        positions = self._keep(entries, taken)
        if positions is None:
            return
        if entries:
            failpoints.reach("rules.written")
        if listens:
            answers.update(dict.fromkeys(self._positions.known()))
        self._answer((key, self._positions.upto(key)) for key in answers)
        if answers:
            failpoints.reach("rules.acknowledged")
        for position, entry in zip(positions, entries, strict=True):
            self._failed += not apply_one(self.engine, self._waiting, position, entry)
        if entries:
            failpoints.reach("rules.applied")
        self._write()
        self._write_tallies()
        if self._snapshot_is_due():
            self.snapshot_now()

    def health(self) -> Health:
        """How the worker is; safe to call from any thread."""
        counters = self.engine.counters
        return self._troubles.health(
            {
                "messages": counters.messages,
                "evaluations": counters.evaluations,
                "transitions": counters.transitions,
                "open_alerts": len(self.engine.book.open),
                "dead_letters": self._refused + sum(counters.refused.copy().values()),
                "repeats": self._repeats,
                "gaps": self._gaps,
                "dropped": self._inbox.dropped,
                "failed_inputs": self._failed,
                "refused_effects": self._refused_effects,
                "waiting_effects": len(self._waiting),
            },
        )

    # --- what comes in ----------------------------------------------------------------------------------------------

    def _accept(self, arrivals: list[Arrival], answers: dict[LaneKey, None], taken: dict[LaneKey, int]) -> list[Input]:
        """The messages that are next on their lanes. `answers` gets every lane that is owed its `upto`, `taken` how far each
        has come."""
        accepted: list[Input] = []
        judge = self._positions.judge
        for arrival in arrivals:
            read = wire.read(*arrival)
            if read is None or read[0].lane.community == PLATFORM:  # nobody outside speaks for Linli itself
                self._refused += 1
                continue
            place, entry = read
            lane = place.lane
            verdict = judge(lane, place.sequence, place.oldest).verdict
            answers[lane] = None
            if verdict is Verdict.ACCEPT:
                accepted.append(entry)
                taken[lane] = place.sequence
                self._refused += isinstance(entry, PassedIn)
            elif verdict is Verdict.REPEAT:
                self._repeats += 1
            else:
                self._gaps += 1
        return accepted

    def _actions(self) -> list[Input]:
        if not self._due("_next_poll", POLL_S):
            return []
        try:
            pending = self._outside.alerts.pending_actions()
        except SQLAlchemyError as error:
            self._database_fails(error)
            return []
        if not self._waiting:
            self._troubles.clear("database")
        under_way = self._waiting.actions
        return [ActionIn(item.action) for item in pending if item.action.id not in under_way]

    def _listens(self) -> list[Input]:
        """That we are listening anew, once for each time. Then every agent is told where we are, which wakes it."""
        begun = self._heard_from
        if begun is None or begun is self._told_from:
            return []
        self._told_from = begun
        return [begun]

    def _ticks(self) -> list[Input]:
        """A tick when one is due. Not while the broker is away: then silence is ours, not the gateways'."""
        begun = self._told_from
        if begun is None or begun is not self._heard_from or not self._outside.client.connected:
            return []
        now = self._outside.clock.now() - self._outside.tick_behind
        too_early = 0 < begun.now - now <= self._outside.tick_behind
        if too_early or not self._due("_next_tick", self._outside.tick_s):
            return []
        return [Tick(now)]

    def _registry_changes(self) -> list[Input]:
        if not self._due("_next_refresh", REFRESH_S):
            return []
        registry = self._outside.registry
        try:
            registry.refresh()
        except SQLAlchemyError as error:
            self._database_fails(error)
            return []
        if registry.snapshot is self._compared:
            return []
        self._compared = registry.snapshot
        ours = registry.snapshot.within(self._outside.shard)
        self._subscribe(ours)
        if self._platform is not None:
            ours = with_platform(ours, self._workers, self._platform.timezone)
        return [] if ours == self.engine.scope.registry else [RegistryIn(ours)]

    def _looks(self) -> list[MessageIn]:
        """What there is to say of the workers, as messages of the built-in gateway."""
        self._looked = []
        if self._platform is None or not self._due("_next_look", LOOK_S):
            return []
        now = self._outside.clock.now()
        try:
            workers = ingest_workers(self._platform.reports())
        except SQLAlchemyError as error:
            self._eye.blind(now)
            self._database_fails(error)
            return []
        names = self._workers | {worker.name for worker in workers}
        if names != self._workers:  # they are to be in the registry before anything is said of them
            self._workers, self._compared, self._next_refresh = names, None, float("-inf")
            return []
        self._looked = self._eye.look(workers, now, going_on(self.engine, self._workers))
        return inputs_of(self._looked, now, last_sequence(self.engine))

    def _due(self, name: str, every_s: float) -> bool:
        now = self._outside.clock.monotonic()
        if now < getattr(self, name):
            return False
        setattr(self, name, now + every_s)
        return True

    # --- what becomes of it -----------------------------------------------------------------------------------------

    def _keep(self, entries: list[Input], taken: dict[LaneKey, int]) -> list[int] | None:
        """Journal them: their positions. None if that cannot be done now: then nothing was taken."""
        if not entries:
            return []
        try:
            positions = self._outside.journal.append(entries)
        except JournalUnavailable as error:
            self._positions.roll_back()
            self._hear_anew()
            self._compared, self._next_refresh = None, float("-inf")
            self._troubles.set("journal", Text(f"规则日志写不了：{error}", f"the journal cannot be written: {error}"))
            _log.error("the journal cannot be written: %s", error)
            self.pause.wait(RETRY_S)
            return None
        self._troubles.clear("journal")
        self._positions.commit(taken)
        self._eye.said(self._looked)
        self._since_snapshot += len(entries)
        return positions

    def _hear_anew(self) -> None:
        """What could not be journalled comes again, and until then it is missing."""
        self._told_from = None
        if self._heard_from is not None:
            self._heard_from = ListenIn(self._outside.clock.now())

    def _write(self) -> None:
        """Write what waits, and tell it. While the database is down it goes on waiting."""
        waiting = self._waiting.all
        if not waiting or self._outside.clock.monotonic() < self._next_write:
            return
        count = len(waiting)
        try:
            changes, refused = write(self._outside.alerts, waiting)
        except SQLAlchemyError as error:
            self._database_fails(error)
            self._next_write = self._outside.clock.monotonic() + RETRY_S
            return
        self._refused_effects += refused
        self._troubles.clear("database")
        self._waiting.written(count)
        if changes:
            failpoints.reach("rules.told")
        self._tell(changes)

    def _write_tallies(self, *, at_once: bool = False) -> None:
        """Write what was counted, once a second. What cannot be written is, the next time or after the next start."""
        tallies = self.engine.tallies.unwritten() if at_once or self._due("_next_tallies", TALLIES_S) else {}
        if not tallies:
            return
        try:
            self._outside.alerts.save_tallies(tallies)
        except SQLAlchemyError as error:
            self._database_fails(error)
            return
        self.engine.tallies.written(tallies)

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            topic = str(topics.AlertTopic(change.alert.community, change.alert.id))
            self._outside.client.publish(topic, encode_notice(notice_of(change.alert, change.kind)), self._outside.qos)

    def _answer(self, uptos: Iterable[tuple[LaneKey, int]]) -> None:
        """One acknowledgement for each lane. One that is lost is given again at the next repeat, gap or connect."""
        answers = [
            (topics.ack_topic(key.community, key.gateway, Consumer.RULES), encode_ack(Ack(key.bootid, key.lane, upto)))
            for key, upto in uptos
        ]
        self._outside.client.publish_each(answers, self._outside.qos)

    def _snapshot_is_due(self) -> bool:
        every = self._outside.snapshot_every
        if self._outside.journal.grown >= self._outside.snapshot_bytes:
            return True
        if self._since_snapshot < every:
            return False
        now = self._outside.clock.monotonic()
        return now >= self._next_snapshot or self._since_snapshot >= every * SNAPSHOT_LATEST

    def snapshot_now(self) -> None:
        """Write the state down, unless effects wait: they are to be found in the journal until the database has them."""
        if self._since_snapshot == 0 or self._waiting:
            return
        journal, clock = self._outside.journal, self._outside.clock
        begun = clock.monotonic()
        try:
            journal.keep(Snapshot(journal.position, self._waiting.told, image(self.engine)))
        except JournalUnavailable as error:
            _log.warning("no snapshot: %s", error)
            return
        ended = clock.monotonic()
        self._next_snapshot = ended + (ended - begun) / SNAPSHOT_SHARE
        self._since_snapshot = 0

    def _database_fails(self, error: SQLAlchemyError) -> None:
        said = str(error).splitlines()[0][:200]
        if "database" not in self._troubles:
            _log.warning("the database fails, effects wait: %s", said)
        self._troubles.set(
            "database",
            Text(f"数据库不能写入，告警变化暂存内存：{said}", f"the database fails, effects wait in memory: {said}"),
        )

    # --- the MQTT thread --------------------------------------------------------------------------------------------

    def _message_came(self, topic: str, payload: bytes, retained: bool) -> None:
        if not retained:
            self._inbox.put(Arrival(topic, payload, self._outside.clock.now()))

    def _connected(self) -> None:
        self._troubles.clear("broker")
        self._heard_from = ListenIn(self._outside.clock.now())

    def _disconnected(self, reason: str) -> None:
        self._heard_from = None
        self._troubles.set("broker", no_broker(reason))


def apply_one(engine: Engine, waiting: Waiting, position: int, entry: Input) -> bool:
    """Apply one input and queue its effects; False if it raised. Such an input is skipped: no message stops the worker."""
    try:
        waiting.add(position, engine.apply(entry))
    except Exception:  # noqa: BLE001  (the boundary of one input: logged, counted, passed over)
        _log.exception("input %d cannot be applied and is skipped: %s", position, type(entry).__name__)
        if isinstance(entry, ActionIn):  # or it would be found unanswered, and tried again, for ever
            waiting.add(position, [ActionDone(entry.action.id, "failed", entry.action.at)])
        return False
    return True


def tick_interval(speed: float) -> float:
    """Real seconds between two ticks on a clock of that speed: one second of it, between 0.05 and 1 real seconds."""
    return min(1.0, max(0.05, 1.0 / speed))


def tick_behind(speed: float) -> int:
    """How far ticks stay behind a clock of that speed, in its microseconds: what the machine's own second amounts to.

    At many times real time a hiccup of a tenth of a second is minutes; the clock must not stand in for a lane before
    what is on its way had that second to arrive. 0 at real time.
    """
    return max(0, round((speed - 1) * SECOND))
