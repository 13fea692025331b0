"""A site for tests of the rules worker: a broker in memory, a database in a file."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

from linli import topics
from linli.codec import Ack, AlertNotice, decode_ack, decode_notice, encode
from linli.db.alerts import SqlAlerts
from linli.db.arming import SqlArming
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.migrate import upgrade
from linli.db.registry import SqlRegistry, save
from linli.db.workers import WorkerReport
from linli.model import Action, ActionKind, Consumer
from linli.testing import FakeBroker, FakeClient, ManualClock
from rules.aside import AtOnce
from rules.engine.inputs import MessageIn, RulesIn
from rules.recording import Keep
from rules.rulesfolder import RulesFolder
from rules.snapshotting import Often
from rules.start import bring_back
from rules.worker import Outside, Platform, Worker
from tests.unit.rules.smalldisk import PLENTY, SmallDisk
from tests.unit.rules.world import SITE_RULES, T0, Feed, registry


class Site:
    """Broker, database and clock that outlive a worker, and a worker that can be killed and started again."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.folder = folder
        self.database: Database = open_database(database_url or f"sqlite:///{folder}/linli.db")
        upgrade(self.database)
        known = registry()
        with self.database.write() as connection:
            save(
                connection,
                [
                    *known.communities.values(),
                    *known.places.values(),
                    *known.gateways.values(),
                    *known.facilities.values(),
                    *known.devices.values(),
                ],
            )
        self.alerts = SqlAlerts(self.database)
        self.broker = FakeBroker()
        self.clock = ManualClock(T0)
        self.feed = Feed()
        self.platform: Platform | None = None
        self.snapshots = Often()
        self.rules_folder: RulesFolder | None = None
        self.executor: Executor = AtOnce()
        self.record: Keep | None = None
        self.rules = SITE_RULES
        self.agent = self.broker.client()
        self.agent.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
        self.start()

    def start(self, *, full_disk: bool = False) -> None:
        """A new process. `full_disk`: from its first step on its journal cannot be written."""
        self.start_with(RulesIn(self.rules), full_disk=full_disk)

    def start_with(self, rules: RulesIn | None, *, full_disk: bool = False) -> None:
        """The same with other rules; None: with those that it had."""
        self.bring_up(rules)
        if full_disk:
            self.worker.pause.set()
            self.disk_is_full()
        self.worker.step(0)

    def bring_up(self, rules: RulesIn | None) -> None:
        """A process that is connected and has done nothing yet."""
        self.journal = SmallDisk(self.folder / "rules")
        applier, waiting = bring_back(self.journal, self.alerts, rules)
        self.client: FakeClient = self.broker.client()
        known = SqlRegistry(self.database)
        outside = Outside(self.client, self.alerts, known, self.journal, self.clock, platform=self.platform)
        outside = replace(
            outside,
            snapshots=self.snapshots,
            letters=SqlDeadLetters(self.database),
            arming=SqlArming(self.database),
            folder=self.rules_folder,
            executor=self.executor,
            record=self.record,
        )
        self.worker = Worker(outside, applier, waiting)
        self.worker.connect()

    def disk_is_full(self) -> None:
        """The journal cannot be written from now on."""
        self.journal.room = 0

    def disk_has_room(self) -> None:
        """The journal can be written again, and it is time to try."""
        self.journal.room = PLENTY
        self.clock.advance(1)

    def kill(self) -> None:
        """End it without a word: nothing is written that was not written before."""
        self.client.stop()
        self.journal.close()

    def stop(self) -> None:
        """End it as it ends when it is asked to: with a snapshot."""
        self.client.stop()
        self.worker.snapshot_now()
        self.journal.close()

    def send(self, *entries: MessageIn) -> None:
        """The agent sends; the worker does one step."""
        for entry in entries:
            self.clock.us = max(self.clock.us, entry.received_at)
            message = entry.message
            topic = topics.lane_topic(message.community, message.gateway, message.lane)
            self.agent.publish(topic, encode(message))
        self.step()

    def step(self) -> None:
        """One step of the worker, a moment later."""
        self.clock.advance(0.06)
        self.worker.step(0)

    def watch(self, reports: Callable[[], list[WorkerReport]]) -> None:
        """Have the next process watch Linli itself by these reports."""
        self.platform = Platform(reports, "Asia/Shanghai")

    def report(self) -> WorkerReport:
        """What the worker says of itself now."""
        health, now = self.worker.health(), self.clock.now()
        return WorkerReport("rules", 1, now, now, health.state, health.detail, health.counters)

    @property
    def acks(self) -> list[Ack]:
        """What the agent was answered, in order."""
        mine = topics.ack_topic("c1", "gw", Consumer.RULES)
        return [decode_ack(payload) for topic, payload in self.broker.sent if topic == mine]

    @property
    def notices(self) -> list[AlertNotice]:
        """What was told of alerts, in order."""
        return [decode_notice(payload) for topic, payload in self.broker.sent if "/alert/" in topic]

    @property
    def told(self) -> list[str]:
        """The notices' changes, in order."""
        return [notice.change for notice in self.notices]


def act(site: Site, alert: str, kind: ActionKind, name: str = "act-1") -> None:
    """A person does something; the worker finds it at its next look."""
    site.alerts.add_action(Action(name, alert, kind, "li", "seen to", site.clock.now()))
