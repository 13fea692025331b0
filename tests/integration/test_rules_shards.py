"""Ingest and rules workers of several shards as real processes: one killed, and from two to three; nothing lost, nothing twice."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.adapters.sqlite_store import SqliteStore
from linli.clock import SystemClock
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.registry import save
from linli.db.workers import reports
from linli.model import Consumer
from linli.shards import Shard, shards_of
from rules.language.load import CATALOGUE
from tests.integration.rules_world import Agent, broker, environment, items, listens, own
from tests.support import eventually

__all__ = ["broker"]

pytestmark = pytest.mark.integration

COMMUNITIES = ("c1", "c2", "c3", "c4", "c5")
LINLI = Path(sys.executable).with_name("linli")


class Workers:
    """A data folder, and a process for each service and shard. A door may stand open for 5 s."""

    def __init__(self, folder: Path, port: int, database_url: str) -> None:
        self.folder = folder
        folder.mkdir()
        self.database = open_database(database_url)
        with self.database.write() as connection:
            save(connection, [item for community in COMMUNITIES for item in items(community)])
        self.alerts = SqlAlerts(self.database)
        own_rules = folder / "own-rules"
        shutil.copytree(CATALOGUE, own_rules)
        held = own_rules / "door-held-open.yaml"
        held.write_text(held.read_text("utf-8").replace("for: 30s", "for: 5s"), "utf-8")
        self.environment = environment(folder, port)
        self.environment |= {"LINLI_RULES": str(own_rules), "LINLI_DATABASE_URL": database_url}
        self.processes: dict[tuple[str, Shard], subprocess.Popen[bytes]] = {}

    def start(self, service: str, shard: Shard) -> None:
        """One process."""
        with (self.folder / f"{shard.worker(service)}.log").open("ab") as log:
            command = [sys.executable, "-m", service, "--shard", str(shard)]
            self.processes[service, shard] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def start_all(self, count: int) -> None:
        """Every shard of both services, and wait until each is well."""
        for service in ("ingest", "rules"):
            for shard in shards_of(count):
                self.start(service, shard)
        names = {shard.worker(service) for service in ("ingest", "rules") for shard in shards_of(count)}

        def well() -> bool:
            return names <= {report.name for report in reports(self.database) if report.state == "ok"}

        eventually(well, 40, "all well")

    def kill(self, service: str, shard: Shard) -> None:
        """With -9."""
        process = self.processes.pop((service, shard))
        process.kill()
        process.wait()

    def stop_all(self) -> None:
        """In order."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            assert process.wait(timeout=20) == 0
        self.processes.clear()

    def linli(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command, on this data folder."""
        return subprocess.run(
            [str(LINLI), *words], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def stored(self) -> list[tuple[str, int]]:
        """Each event row's community and sequence."""
        store = SqliteStore(self.folder / "readings.db")
        end = SystemClock().now() + 10**9
        found = [
            (event.community, event.sequence)
            for community in COMMUNITIES
            for event in store.events(community, 0, end, limit=1000)
        ]
        store.close()
        return sorted(found)


@pytest.fixture
def workers(tmp_path: Path, broker: int, database_url: str) -> Iterator[Workers]:
    """Nothing runs yet."""
    made = Workers(tmp_path / "data", broker, database_url)
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()
    made.database.close()


@pytest.fixture
def agents(broker: int) -> Iterator[dict[str, Agent]]:
    """A gateway in each community, which waits for both consumers."""
    eventually(lambda: listens(broker))
    made = {community: Agent(broker, community, (Consumer.INGEST, Consumer.RULES)) for community in COMMUNITIES}
    yield made
    for agent in made.values():
        agent.client.stop()


def settle_all(agents: dict[str, Agent]) -> None:
    """Send again, a few times a second, until everything is acknowledged by both."""

    def again() -> bool:
        for agent in agents.values():
            if agent.waiting:
                agent.send_again()
        return not any(agent.waiting for agent in agents.values())

    eventually(again, 40, "all acknowledged")


def test_one_of_three_killed_and_started_again(workers: Workers, agents: dict[str, Agent]) -> None:
    """The others go on meanwhile; every event is a row once and counts once."""
    workers.start_all(3)
    for agent in agents.values():
        agent.take("fire.alarm.raised", "smoke")
    settle_all(agents)
    victim = next(shard for shard in shards_of(3) if shard.covers("c1"))
    workers.kill("rules", victim)
    workers.kill("ingest", victim)
    for agent in agents.values():
        agent.take("fire.alarm.raised", "smoke")
    others = {community: agent for community, agent in agents.items() if not victim.covers(community)}
    assert others
    settle_all(others)
    assert agents["c1"].waiting == 1
    workers.start("rules", victim)
    workers.start("ingest", victim)
    settle_all(agents)
    eventually(lambda: [alert.occurrences for alert in workers.alerts.find()] == [2] * len(COMMUNITIES))
    for alert in workers.alerts.find():
        assert [change.kind for change in workers.alerts.changes(alert.id)] == ["opened", "occurred"]
    assert workers.stored() == [(community, sequence) for community in COMMUNITIES for sequence in (1, 2)]
    workers.stop_all()


def test_a_second_process_of_a_shard_is_refused(workers: Workers) -> None:
    """And one of another number of shards; each says why."""
    workers.start("rules", Shard(0, 2))
    eventually(lambda: [report.state for report in reports(workers.database)] == ["ok"], 30)
    for shard, said in (
        ("0/2", "one process for each shard"),
        ("0/3", "linli rules reshard 2 3"),
        ("3", "is no shard"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "rules", "--shard", shard],
            env=workers.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 2
        assert said in done.stderr


def test_from_two_to_three_with_timers_pending_and_alerts_open(workers: Workers, agents: dict[str, Agent]) -> None:
    """What was being timed fires once, what was open is closed, and what came while all was stopped is taken then."""
    workers.start_all(2)
    for agent in agents.values():
        agent.take("fire.alarm.raised", "smoke")
        agent.take("access.granted", "door")
        agent.take("access.door.opened", "door")
    settle_all(agents)
    refused = workers.linli("rules", "reshard", "2", "3")
    assert refused.returncode == 2
    assert "runs on the data folder" in refused.stderr
    workers.stop_all()
    for agent in agents.values():
        agent.take("fire.alarm.raised", "smoke")
    done = workers.linli("rules", "reshard", "2", "3")
    assert done.returncode == 0, done.stderr
    assert "shard 2/3: " in done.stdout
    workers.start_all(3)
    settle_all(agents)

    def told() -> bool:
        return len(workers.alerts.find(rules=["door-held-open"])) == len(COMMUNITIES)

    def heartbeat() -> bool:
        for agent in agents.values():
            agent.take("linli.gateway.heartbeat", own("gw", "c1"))
        return told()

    eventually(heartbeat, 60, "doors held open for 5 s")
    for alert in workers.alerts.find():
        kinds = [change.kind for change in workers.alerts.changes(alert.id)]
        assert kinds == (["opened", "occurred"] if alert.rule == "fire-alarm" else ["opened"])
    assert len(workers.alerts.find()) == 2 * len(COMMUNITIES)
    settle_all(agents)
    rows = workers.stored()
    assert len(rows) == len(set(rows))
    assert {community for community, _ in rows} == set(COMMUNITIES)
    workers.stop_all()
