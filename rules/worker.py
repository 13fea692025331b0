"""The rules worker: one loop over what has arrived. All decisions are the engine's.

    MQTT thread --> inbox ---------------- 1 --+
    registry, rules (read aside), arming --+   +--> journal (one write) --> acks --> engine --> effects --> database --> notices
    acts, looks, ticks --------------------+ 2-+

A step has two rounds, each with its write to the journal: what has arrived, and then what has to be asked for, since an alert is
not to wait for that. An event of somebody unknown, and what comes behind it on its lane, is held until there was a look at the registry
(`rules.accepting`). Time passes up to what is not judged yet and no further (`rules.timekeeping`).

An acknowledgement goes out once the journal has the message; of one that cannot be read it has the place on the lane.
Effects wait in memory while the database is down, and are found again in the journal after a kill; a snapshot is taken
only when none waits. With the journal unwritable nothing is taken or acknowledged: agents keep it. What is critical is told
at once even so (`rules.foresight`).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from linli import failpoints, topics
from linli.clock import MINUTE, SECOND, Clock
from linli.db.alerts import SqlAlerts
from linli.db.arming import SqlArming
from linli.db.deadletters import SqlDeadLetters
from linli.db.registry import RegistrySnapshot, SqlRegistry
from linli.db.workers import WorkerReport
from linli.i18n import Text
from linli.model import LaneKey
from linli.platform import PLATFORM, workers_in
from linli.ports import MqttClient
from linli.runtime import Health, Troubles, no_broker
from linli.shards import WHOLE, Shard
from rules.accepting import Accepted, Accepting
from rules.applying import Applier
from rules.aside import AtOnce, Every
from rules.durable.journal import Journal, JournalUnavailable
from rules.effects import Waiting
from rules.engine.inputs import (
    ActionIn,
    Input,
    ListenIn,
    RegistryChangeIn,
    RegistryIn,
    RulesIn,
)
from rules.engine.machine import Engine
from rules.foresight import Foresight
from rules.inbox import Arrival, Inbox
from rules.platform import Eye, Look, going_on, inputs_of, last_sequence, watched_workers
from rules.recording import Keep, RulesRecord
from rules.rulesfolder import RulesFolder
from rules.snapshotting import Often, Snapshotting
from rules.surroundings import RegistryWatch, Surroundings
from rules.timekeeping import Timekeeping
from rules.writing import Writing

_log = logging.getLogger(__name__)

POLL_S = 0.05
HOLDING_S = 0.01
"""So long a step waits while somebody is held who is looked for in the registry."""

RETRY_S = 0.5
LOOK_S = 1.0
SKIPPED_TOLD = 10 * MINUTE
"""For so long a worker says that it has skipped an input."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What Linli itself is watched by: the workers' reports, and the zone in which its times are told."""

    reports: Callable[[], Sequence[WorkerReport]]
    timezone: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What the worker works with. `tick_s`: real seconds between two ticks. `tick_behind`: see the function. `executor`: does
    what would hold up the loop. `forks`: snapshots are written by a copy of the process. `keep`: called when registry or rules
    are new, of which most will stay in memory for long. `record`: keeps what files the rules in force are of."""

    client: MqttClient
    alerts: SqlAlerts
    registry: SqlRegistry
    journal: Journal
    clock: Clock
    qos: int = 0
    tick_s: float = 1.0
    tick_behind: int = 0
    snapshots: Often = field(default_factory=Often)
    shard: Shard = WHOLE
    platform: Platform | None = None
    letters: SqlDeadLetters | None = None
    arming: SqlArming | None = None
    folder: RulesFolder | None = None
    executor: Executor = field(default_factory=AtOnce)
    forks: bool = False
    keep: Callable[[], None] = lambda: None
    record: Keep | None = None


class Worker:
    """Runs from `run` until its event is set; `applier` and `waiting` are as `rules.start` brought them back."""

    def __init__(self, outside: Outside, applier: Applier, waiting: Waiting) -> None:
        self._outside = outside
        self._applier = applier
        self._platform = outside.platform if outside.shard.covers(PLATFORM) else None
        agents = {key: upto for key, upto in self.engine.positions.items() if key.community != PLATFORM}
        self._accepting = Accepting(agents, outside.clock)
        self._foresight: Foresight | None = None
        self._eye = Eye(outside.clock.now())
        self._looked: list[Look] = []
        self._workers = workers_in(self.engine.scope.registry)
        self._inbox = Inbox()
        self._heard: set[str] = set()
        self.pause = threading.Event()
        self._troubles = Troubles()
        self._troubles.set("broker", no_broker())
        clock, executor = outside.clock, outside.executor
        timezone = None if self._platform is None else self._platform.timezone
        registry = RegistryWatch(outside.registry, outside.shard, timezone, executor, clock)
        self._surroundings = Surroundings(registry, outside.arming, outside.folder, executor, clock)
        self._snapshots = Snapshotting(outside.journal, clock, outside.snapshots, forks=outside.forks)
        self._writing = Writing(
            outside.client, outside.alerts, outside.letters, clock, outside.qos, self._troubles, waiting
        )
        self._time = Timekeeping(clock, outside.tick_s, outside.tick_behind)
        self._record = RulesRecord(outside.record, executor, clock)
        if outside.folder is not None:
            self._record.loaded(outside.folder.files)
        self._poll = Every(clock, POLL_S)
        self._look, self._room = Every(clock, LOOK_S), Every(clock, RETRY_S)
        self._skipped_at = 0
        self._unjournalled_since: int | None = None

    @property
    def engine(self) -> Engine:
        """The engine; another one after something has failed."""
        return self._applier.engine

    def run(self, stop: threading.Event) -> None:
        """Connect, and work until `stop` is set; then leave a snapshot, so that the next start is short."""
        self.pause = stop
        self._outside.keep()
        self.connect()
        try:
            while not stop.is_set():
                self.step()
        finally:
            self._outside.client.stop()
            self._writing.write_counts(self._applier, at_once=True)
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
        """Take in what has arrived within `wait_s`, and then what is due besides."""
        holding = self._accepting.held_from is not None
        arrivals = self._inbox.take(min(wait_s, HOLDING_S) if holding else wait_s)
        if self._foresight is not None and not self._has_room_again():
            arrivals = [*self._accepting.let_go(), *arrivals]
            seen = self._foresight.read(arrivals)
            self._look_ahead(self._foresight, [*self._time.listens(), *seen, *self._looks(), *self._ticks()])
            self._writing.write()
            return
        if self._has_registry and (arrivals or holding):
            if not self._work(self._time.listens(), self._accept(arrivals)):
                return
            arrivals = []
        changes = self._changes()
        if not self._has_registry:
            self._time.listen_anew()  # without a registry every message would be a stranger's; the agents keep what came
            return
        came = self._accept(arrivals) if arrivals else Accepted()
        if not self._work([*self._time.listens(), *changes], came, self._asked):
            return
        self._writing.write_counts(self._applier)
        self._record.step()
        self._snapshots.look()
        if self._snapshots.is_due():
            self._begin_snapshot()

    @property
    def _has_registry(self) -> bool:
        """Whether it is known whose messages are to be taken."""
        return self._surroundings.registry.is_known or bool(self.engine.scope.registry.communities)

    def _accept(self, arrivals: list[Arrival]) -> Accepted:
        if arrivals:
            failpoints.reach("rules.received")
        registry = self._surroundings.registry
        known = self.engine.scope.registry
        accepted = self._accepting.accept(arrivals, known if known.communities else None, registry.looked_at)
        if accepted.entries:
            failpoints.reach("rules.decoded")
        if self._accepting.held_from is not None:
            registry.doubted()
        return accepted

    def _work(self, before: list[Input], came: Accepted, after: Callable[[], list[Input]] | None = None) -> bool:
        """Journal, acknowledge, apply, write and tell: what is to come before what has arrived, that, and what comes after it.
        False if nothing can be journalled now."""
        entries = [*before, *came.entries, *(after() if after is not None else ())]
        if entries and not self._keep(entries, came.taken):
            return False
        positions, answers = self._accepting.positions, came.answers
        if any(isinstance(entry, ListenIn) for entry in before):
            answers.update(dict.fromkeys(positions.known()))
        self._writing.answer((key, positions.upto(key)) for key in answers)
        if answers:
            failpoints.reach("rules.acknowledged")
        if entries:
            self._apply(entries)
        self._writing.write()
        return True

    def _asked(self) -> list[Input]:
        """What people do, what there is to say of Linli itself, and that time passes."""
        return [*self._actions(), *self._looks(), *self._ticks()]

    def snapshot_now(self) -> None:
        """Write the state down, and wait until it is."""
        self._snapshots.look(wait=True)
        self._begin_snapshot()
        self._snapshots.look(wait=True)

    def _begin_snapshot(self) -> None:
        """Unless something waits for the database, which is to be found in the journal until then; or the engine is ahead of
        the journal."""
        waits = self._writing.waiting or self._applier.letters
        if not waits and self._foresight is None and self._applier.is_settled:
            self._snapshots.begin(self.engine, self._writing.waiting.told)

    # --- what comes in ----------------------------------------------------------------------------------------------

    def _actions(self) -> list[Input]:
        if not self._poll.due():
            return []
        try:
            pending = self._outside.alerts.pending_actions()
        except SQLAlchemyError as error:
            self._writing.fails(error)
            return []
        self._writing.answers_again()
        under_way = self._writing.waiting.actions
        return [ActionIn(item.action) for item in pending if item.action.id not in under_way]

    def _ticks(self) -> list[Input]:
        """A tick when one is due. Not while the broker is away: then silence is ours, not the gateways'."""
        if not self._outside.client.connected:
            return []
        held_from = self._accepting.held_from
        waits = self._inbox.oldest if held_from is None else held_from
        engine, foreseen = self.engine, self._foresight is not None
        return self._time.ticks(
            waits,
            self._inbox.dropped,
            engine.listening.last,
            settling=bool(engine.settling.buffers),
            foreseen=foreseen,
        )

    def _changes(self) -> list[Input]:
        """What is new in registry, rules and arming; before there is a registry, that alone."""
        news: list[Input] = []
        modes: list[Input] = []
        try:
            news = self._surroundings.registry.news(self.engine.scope.registry, self._workers)
            modes = self._surroundings.modes(self.engine.memories.arming.modes) if self._has_registry else []
        except SQLAlchemyError as error:
            self._writing.fails(error)
        rules = self._surroundings.rules() if self._has_registry else []
        return [*rules, *news, *modes]

    def _looks(self) -> list[Input]:
        """What there is to say of the workers, as messages of the built-in gateway."""
        self._looked = []
        if self._platform is None or not self._look.due():
            return []
        now = self._outside.clock.now()
        try:
            workers = watched_workers(self._platform.reports())
        except SQLAlchemyError as error:
            self._eye.blind(now)
            self._writing.fails(error)
            return []
        names = self._workers | {worker.name for worker in workers}
        if names != self._workers:  # they are to be in the registry before anything is said of them
            self._workers = names
            return self._surroundings.registry.with_workers(self.engine.scope.registry, names)
        self._looked = self._eye.look(workers, now, going_on(self.engine, self._workers))
        return list(inputs_of(self._looked, now, last_sequence(self.engine)))

    # --- what becomes of it -----------------------------------------------------------------------------------------

    def _keep(self, entries: list[Input], taken: dict[LaneKey, int]) -> bool:
        """Journal them. False if that cannot be done now: then nothing was taken, and what is critical is told at once."""
        try:
            self._outside.journal.append(entries)
        except JournalUnavailable as error:
            self._accepting.positions.roll_back()
            self._cannot_journal(error)
            self._foresight = Foresight(self.engine, self._accepting.positions.known())
            self._foresight.took(taken)
            self._look_ahead(self._foresight, [entry for entry in entries if not isinstance(entry, ActionIn)])
            return False
        failpoints.reach("rules.written")
        self._accepting.positions.commit(taken)
        self._eye.said(self._looked)
        self._looked = []
        self._snapshots.journalled(len(entries))
        return True

    def _apply(self, entries: list[Input]) -> None:
        before = self._applier.skipped
        self._applier.apply(self._outside.journal.position + 1 - len(entries), entries, self._try_again)
        failpoints.reach("rules.applied")
        if self._applier.skipped != before:
            self._snapshots.journalled(1)
            self._skipped_at = self._outside.clock.now()
        if any(isinstance(entry, RegistryIn | RegistryChangeIn) for entry in entries):
            self._subscribe(self.engine.scope.registry)
        if any(isinstance(entry, RegistryIn | RulesIn) for entry in entries):
            self._outside.keep()
        if self._outside.folder is not None and any(isinstance(entry, RulesIn) for entry in entries):
            self._record.loaded(self._outside.folder.files)

    def _try_again(self, error: JournalUnavailable) -> bool:
        """What failed is to be journalled as skipped before anything else counts."""
        self._cannot_journal(error)
        return not self.pause.wait(RETRY_S)

    # --- a journal that cannot be written ---------------------------------------------------------------------------

    def _cannot_journal(self, error: JournalUnavailable) -> None:
        if self._unjournalled_since is None:
            self._unjournalled_since = self._outside.clock.now()
        self._troubles.set("journal", Text(f"规则日志写不了：{error}", f"the journal cannot be written: {error}"))
        _log.error("the journal cannot be written: %s", error)
        self._room.not_before(RETRY_S)

    def _look_ahead(self, foresight: Foresight, entries: list[Input]) -> None:
        self._looked = []  # what is not journalled was not said
        self._writing.tell(foresight.look_at(entries))

    def _has_room_again(self) -> bool:
        """Try now and then; if so the engine is again what the journal says, and all that was not acknowledged comes anew."""
        if not self._room.due():
            return False
        try:
            self._outside.journal.probe()
        except JournalUnavailable as error:
            self._cannot_journal(error)
            return False
        self._applier.back_to_the_journal()
        self._foresight = None
        self._unjournalled_since = None
        self._troubles.clear("journal")
        self._surroundings.again()
        self._time.listen_anew()
        return True

    # --- other threads ----------------------------------------------------------------------------------------------

    def health(self) -> Health:
        """How the worker is; safe to call from any thread."""
        self._tell_troubles()
        counters = self.engine.counters
        since = self._unjournalled_since
        return self._troubles.health(
            {
                "messages": counters.messages,
                "evaluations": counters.evaluations,
                "transitions": counters.transitions,
                "open_alerts": len(self.engine.book.open),
                "dead_letters": self._accepting.refused + sum(counters.refused.copy().values()),
                "repeats": self._accepting.repeats,
                "gaps": self._accepting.gaps,
                "dropped": self._inbox.dropped,
                "failed_inputs": self._applier.skipped,
                "unjournalled_s": 0.0 if since is None else max(0, self._outside.clock.now() - since) / SECOND,
                "refused_effects": self._writing.refused,
                "waiting_effects": len(self._writing.waiting),
            },
        )

    def _tell_troubles(self) -> None:
        lately = self._skipped_at and self._outside.clock.now() - self._skipped_at < SKIPPED_TOLD
        skipped = Text(
            "有输入两次处理失败，已跳过并存入死信（linli deadletters）",
            "an input failed twice and was skipped; it is kept as a dead letter (linli deadletters)",
        )
        for cause, trouble in (
            ("skipped", skipped if lately else None),
            ("snapshot", self._snapshots.trouble),
            ("rules", self._surroundings.trouble),
        ):
            if trouble is None:
                self._troubles.clear(cause)
            else:
                self._troubles.set(cause, trouble, hinders=cause != "rules")

    def _message_came(self, topic: str, payload: bytes, retained: bool) -> None:
        if not retained:
            self._inbox.put(Arrival(topic, payload, self._outside.clock.now()))

    def _connected(self) -> None:
        self._troubles.clear("broker")
        self._time.connected()

    def _disconnected(self, reason: str) -> None:
        self._time.disconnected()
        self._troubles.set("broker", no_broker(reason))


def tick_interval(speed: float) -> float:
    """Real seconds between two ticks on a clock of that speed: one second of it, between 0.05 and 1 real seconds."""
    return min(1.0, max(0.05, 1.0 / speed))


def tick_behind(speed: float) -> int:
    """How far ticks stay behind a clock of that speed, in its microseconds: what the machine's own second amounts to.

    At many times real time a hiccup of a tenth of a second is minutes; the clock must not stand in for a lane before
    what is on its way had that second to arrive. 0 at real time.
    """
    return max(0, round((speed - 1) * SECOND))
