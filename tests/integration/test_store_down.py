"""The store of readings down, with ingest and rules as real processes: alerts go out, the store's own too, and nothing is lost."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.adapters.sqlite_store import SqliteStore
from linli.clock import SystemClock
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.registry import save
from linli.db.workers import reports
from linli.model import Condition, Consumer
from rules.platform import INGEST_SILENT, STORE_DOWN
from tests.integration.rules_world import Agent, broker, environment, items, listens
from tests.support import eventually

__all__ = ["broker"]

pytestmark = pytest.mark.integration


class Server:
    """Ingest and rules over one data folder; an alert about Linli itself takes 2 s."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        folder.mkdir()
        self.database = open_database(f"sqlite:///{folder}/linli.db")
        upgrade(self.database)
        with self.database.write() as connection:
            save(connection, items("c1"))
        self.alerts = SqlAlerts(self.database)
        self._environment = environment(folder, port) | {"LINLI_STORE_DOWN_S": "2"}
        self.processes = {service: self.start(service) for service in ("ingest", "rules")}

    def start(self, service: str) -> "subprocess.Popen[bytes]":
        """One process."""
        with (self.folder / f"{service}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", service], env=self._environment, stdout=log, stderr=log)

    def kill(self, service: str) -> None:
        """With -9."""
        self.processes[service].kill()
        self.processes[service].wait()

    def condition(self, rule: str) -> Condition | None:
        """What the rule about Linli itself says now."""
        found = self.alerts.find(rules=[rule])
        return found[0].condition if found else None

    def stored(self) -> list[int]:
        """The sequences of the event rows."""
        store = SqliteStore(self.folder / "readings.db")
        events = store.events("c1", 0, SystemClock().now() + 10**9, limit=1000)
        store.close()
        return sorted(event.sequence for event in events)


@pytest.fixture
def server(tmp_path: Path, broker: int) -> Iterator[Server]:
    """Both well."""
    eventually(lambda: listens(broker))
    made = Server(tmp_path / "data", broker)
    eventually(lambda: [report.state for report in reports(made.database)] == ["ok", "ok"], 30)
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()
    made.database.close()


@pytest.fixture
def agent(broker: int) -> Iterator[Agent]:
    """Waits for both consumers."""
    eventually(lambda: listens(broker))
    made = Agent(broker, consumers=(Consumer.INGEST, Consumer.RULES))
    yield made
    made.client.stop()


def settled(agent: Agent) -> bool:
    """Send again what waits; whether nothing does."""
    if agent.waiting:
        agent.send_again()
    return agent.waiting == 0


def test_the_store_down_and_back(server: Server, agent: Agent) -> None:
    """A device's alert goes out meanwhile, and the store's own; ingest killed is no recovery; then all is stored, once."""
    agent.take("access.door.opened", "door")
    eventually(lambda: settled(agent), 20)
    lock = sqlite3.connect(server.folder / "readings.db", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    agent.take("fire.alarm.raised", "smoke")
    eventually(lambda: server.alerts.find(rules=["fire-alarm"]), 5, "the fire alarm, with the store down")
    eventually(lambda: server.condition(STORE_DOWN) is Condition.FIRING, 30, "store down")
    assert agent.waiting == 1
    server.kill("ingest")
    eventually(lambda: server.condition(INGEST_SILENT) is Condition.FIRING, 30, "ingest silent")
    server.processes["ingest"] = server.start("ingest")
    eventually(lambda: server.condition(INGEST_SILENT) is Condition.RESOLVED, 30, "ingest heard")
    agent.take("fire.alarm.raised", "smoke")
    eventually(lambda: [a.occurrences for a in server.alerts.find(rules=["fire-alarm"])] == [2], 10)
    assert server.condition(STORE_DOWN) is Condition.FIRING
    lock.execute("ROLLBACK")
    lock.close()
    eventually(lambda: settled(agent), 30, "drained")
    eventually(lambda: server.condition(STORE_DOWN) is Condition.RESOLVED, 20, "recovered")
    assert server.stored() == [1, 2, 3]
    (alert,) = server.alerts.find(rules=[STORE_DOWN])
    assert [change.kind for change in server.alerts.changes(alert.id)] == ["opened", "resolved"]
