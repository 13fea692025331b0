"""A rules process living through a day that lies behind, as one that comes back from a long outage does; killed with -9 at random."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from linli import topics
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.codec import decode_ack, encode
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.registry import SqlRegistry, save
from linli.errors import DataFolderError
from linli.model import Action, ActionKind, Consumer, Lane
from rules.durable.journal import Journal
from rules.durable.replay import rebuilt
from rules.engine.inputs import MessageIn
from rules.engine.machine import Engine
from rules.language.load import load_book
from tests.faults.rulesday import Acted, Edited, Registered, Script, Sent, Step, act_of
from tests.faults.rulesworld import register, write_rule
from tests.integration.rules_world import environment
from tests.support import eventually
from tests.unit.rules.world import registry

LOG = (
    "SELECT c.alert_id, a.rule, c.at, c.kind, c.actor, c.comment, c.severity, c.handling FROM alert_changes c "
    "JOIN alerts a ON a.id = c.alert_id WHERE a.rule NOT LIKE 'linli-%' ORDER BY c.id"
)


class Lived:
    """One data folder, one process at a time. `deaths` counts the kills that met it."""

    def __init__(self, folder: Path, port: int, script: Script, origin: int) -> None:
        folder.mkdir()
        self._script, self._origin = script, origin
        self._folder, self._files = folder, folder / "own"
        for name, text in script.rules.items():
            write_rule(self._files / name, text)
        self._database = open_database(f"sqlite:///{folder}/linli.db")
        upgrade(self._database)
        known = registry()
        with self._database.write() as connection:
            save(connection, known.items())
        self._alerts = SqlAlerts(self._database)
        self._environment = environment(folder, port) | {"LINLI_RULES": str(self._files)}
        self._upto = {Lane.URGENT: 0, Lane.BULK: 0}
        self._answered = threading.Event()
        self._client = PahoClient(MqttConfig("127.0.0.1", port), "agent")
        self._client.start(self._came, lambda: None, lambda _reason: None)
        self._client.subscribe([topics.ack_topic("c1", "gw", Consumer.RULES)], 0)
        self.deaths = self._settled = 0
        self._process = self._start()

    def live(self, kills: int = 0, rng: random.Random | None = None) -> None:
        """From the first step to the last, with so many kills on the way."""
        steps = self._script.steps
        doomed = set((rng or random.Random(0)).sample(range(len(steps)), kills))
        for number, step in enumerate(steps):
            victim = self._process
            if number in doomed and rng is not None:
                threading.Timer(rng.uniform(0.0, 0.15), victim.kill).start()
            self._do(step)
            if number in doomed:
                victim.wait(20)
                self._alive()
        self.settle()

    @property
    def log(self) -> list[tuple[object, ...]]:
        """Everything that became of any alert of the site's rules, in order."""
        with self._database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(LOG)]

    def end(self) -> None:
        """Ask the process to end, and close everything."""
        self._alive()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._client.stop()
        self._database.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self._folder / "rules.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "rules"], env=self._environment, stderr=log, cwd=Path.cwd())

    def _alive(self) -> None:
        if self._process.poll() is not None:
            self.deaths += 1
            self._process = self._start()

    def _do(self, step: Step) -> None:
        what = step.what
        match what:
            case Sent(entries):
                eventually(lambda: self._taken(entries), 60, "all acknowledged")
            case Acted():
                self._act(step, what)
            case Edited(file, text):
                write_rule(self._files / file, text)
                eventually(lambda: self._knows(self._has_rules), 60, "the rules are taken on")
            case Registered(item, gone):
                register(self._database, item, gone=gone)
                eventually(lambda: self._knows(self._has_registry), 60, "the registry is taken on")

    def _knows(self, it: Callable[[Engine], bool]) -> bool:
        """Whether the journal, which the process is writing to, has it."""
        self._alive()
        try:
            journal = Journal(self._folder / "rules", read_only=True)
            return it(rebuilt(journal, journal.position))
        except (DataFolderError, FileNotFoundError):  # a file went while we looked
            return False

    def _has_rules(self, engine: Engine) -> bool:
        book = load_book(self._files)
        ours = [rule for rule in engine.scope.rules.values() if not rule.id.startswith("linli-")]
        return (tuple(ours), engine.scope.overrides) == (book.rules, book.overrides)

    def _has_registry(self, engine: Engine) -> bool:
        wanted, known = SqlRegistry(self._database).whole(), engine.scope.registry
        ours = {name for name in known.devices if not name.startswith("linli-")}
        return ours == set(wanted.devices) and known.holidays == wanted.holidays

    def _taken(self, entries: Sequence[MessageIn]) -> bool:
        """Whether all are acknowledged; what is not is sent, again if need be."""
        self._alive()
        waiting = [entry for entry in entries if entry.message.sequence > self._upto[entry.message.lane]]
        if not waiting:
            return True
        self._answered.clear()
        for entry in waiting:
            message = entry.message
            self._client.publish(topics.lane_topic(message.community, message.gateway, message.lane), encode(message))
        self._answered.wait(0.2)
        return False

    def settle(self) -> None:
        """Until the database has all that the process was sent: an act of ours comes after it."""
        self._settled += 1
        self._apply(Action(f"settle-{self._settled}", "a-nothing", ActionKind.ACKNOWLEDGE, "li", "", 0))

    def _act(self, step: Step, acted: Acted) -> None:
        self.settle()
        alerts = sorted(
            (alert for alert in self._alerts.open_alerts() if not alert.rule.startswith("linli-")),
            key=lambda alert: alert.id,
        )
        if not alerts:
            return
        at = self._origin + round(step.at * 1_000_000)
        self._apply(act_of(step, acted, alerts[acted.choice % len(alerts)].id, at))

    def _apply(self, action: Action) -> None:
        self._alerts.add_action(action)

        def applied() -> bool:
            self._alive()
            return self._alerts.action_outcome(action.id) is not None

        eventually(applied, 60, "the act is applied")

    def _came(self, _topic: str, payload: bytes, _retained: bool) -> None:
        ack = decode_ack(payload)
        self._upto[ack.lane] = max(self._upto[ack.lane], ack.upto)
        self._answered.set()
