"""Everything is saved while all of Linli runs and events pour in, restored elsewhere, compared, and started: it goes on.

What was acknowledged before the backup began is in it; nothing in it was not so at some moment while it was taken; and the Linli
that starts from it has each alert once, goes on with what was being timed, and is answered by the agents.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli.adapters.connect import gateway_client
from linli.adapters.store import build_store
from linli.cli.stack import Stack, ensure_broker_users, prepare
from linli.clock import SystemClock
from linli.db import registry
from linli.db.alerts import SqlAlerts
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.i18n import Text
from linli.model import Action, ActionKind, Alert, Condition, Device, Gateway, Handling
from linli.ports import Latest
from linli.settings import Settings, load_settings
from rules.durable.journal import Journal
from rules.durable.replay import rebuilt
from rules.durable.state import dump
from simulators.compound import COMMUNITY, GATE
from simulators.compound import GATEWAY as SIMULATED
from tests.support import eventually, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

LINLI = Path(sys.executable).with_name("linli")
GATEWAY = "gw-backup"
DOORS = [f"backup-door-{number:02}" for number in range(40)]
FORCED, ACKNOWLEDGED, HELD, LATER, BUSY = DOORS[:5], DOORS[0], DOORS[5], DOORS[6], DOORS[10:]
NAME = Text("测试", "Test")

Rows = dict[str, set[tuple[Any, ...]]]


@dataclass
class World:
    """A Linli that runs, and an agent elsewhere that reports to it."""

    settings: Settings
    database: Database
    agent: Agent
    clock: SystemClock

    def alerts(self, door: str, rule: str = "door-forced") -> list[Alert]:
        """Of one door, open or closed."""
        return SqlAlerts(self.database).find(subject=door, rules=[rule])

    def report(self, door: str, kind: str) -> None:
        """An event of a door, now."""
        self.agent.take_event(door, kind, {}, time=self.clock.now())


def linli(*words: str) -> dict[str, Any]:
    """The command in a process of its own, as a person or cron runs it; what --json says."""
    done = subprocess.run([LINLI, *words, "--json"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def rows(file: Path) -> Rows:
    """All rows of all tables, at one instant."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: set(connection.execute(f'SELECT * FROM "{name}"')) for name in names}


def journal_of(data: Path) -> Journal:
    return Journal(data / "rules", read_only=True)


@contextmanager
def running(settings: Settings) -> Iterator[Stack]:
    stack = Stack(settings)
    stack.start()
    try:
        assert stack.wait_ready(60), stack.states()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    (tmp_path / "linli.toml").write_text(f"port = {free_port()}\nbroker_port = {free_port()}\n")
    monkeypatch.setenv("LINLI_CONFIG", str(tmp_path / "linli.toml"))
    settings = load_settings(data=tmp_path / "data")
    prepare(settings)
    database, clock = open_database(settings.app_database_url), SystemClock()
    with database.write() as connection:
        doors = [Device(door, COMMUNITY, GATEWAY, "door", NAME, GATE) for door in DOORS]
        registry.save(connection, [Gateway(GATEWAY, COMMUNITY, NAME), *doors])
    ensure_broker_users(settings, database)
    config = AgentConfig(COMMUNITY, GATEWAY, tmp_path / "another machine")
    agent = Agent(config, gateway_client(settings, GATEWAY, last_will(config, clock)), clock)
    agent.start()
    yield World(settings, database, agent, clock)
    agent.stop()
    database.close()


@contextmanager
def busy(world: World) -> Iterator[None]:
    """Doors that open and close all the while."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            for door in BUSY:
                world.report(door, "access.granted")
                world.report(door, "access.door.opened")
                world.report(door, "access.door.closed")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def settle(world: World) -> None:
    """Until all that the agent took was acknowledged by everybody."""
    eventually(lambda: world.agent.stats().queue_urgent + world.agent.stats().queue_bulk == 0, 60, "all delivered")


def happen(world: World) -> None:
    """Something of everything: alerts, one of them acknowledged; a door whose time runs; a dead letter."""
    for door in FORCED:
        world.report(door, "access.door.opened")
    eventually(lambda: all(world.alerts(door) for door in FORCED), 20, "alerts of forced doors")
    [alert] = world.alerts(ACKNOWLEDGED)
    act = Action("act-1", alert.id, ActionKind.ACKNOWLEDGE, "guard", "on my way", world.clock.now())
    alerts = SqlAlerts(world.database)
    alerts.add_action(act)
    eventually(lambda: alerts.action_outcome("act-1") == "done", 10, "the act is done")
    world.report(HELD, "access.granted")
    world.report(HELD, "access.door.opened")
    world.report("nobody-knows-it", "access.door.opened")
    eventually(lambda: SqlDeadLetters(world.database).count_by_reason(), 10, "a dead letter")
    settle(world)


def compare_database(before: Rows, restored: Rows, after: Rows) -> None:
    """A table that did not change is the same; what is only ever added to holds what was there, and nothing else but that it was
    brought back."""
    newest = max(row[0] for row in restored["audit_entries"])
    for table in ("audit_entries", "audit_texts"):
        restored[table] = {row for row in restored[table] if row[0] != newest}
    assert restored.keys() == before.keys()
    for table in before:
        if before[table] == after[table]:
            assert restored[table] == before[table], table
    for table in ("alert_changes", "dead_letters", "actions", "audit_entries", "audit_texts"):
        assert before[table] <= restored[table] <= after[table], table
    ids = {row[0] for row in before["alerts"]}
    assert ids <= {row[0] for row in restored["alerts"]} <= {row[0] for row in after["alerts"]}
    assert before["users"] and restored["users"] == before["users"]
    assert before["devices"] and restored["devices"] == before["devices"]


def compare_readings(before: Rows, restored: Rows, after: Rows) -> None:
    """All rows that were there, and none that never was."""
    for table in ("readings", "events", "series"):
        assert before[table] <= restored[table] <= after[table], table
    assert before["events"] and before["readings"]


def compare_rules(original: Path, restored: Path, before: int, said: dict[str, Any]) -> None:
    """The journal goes at least as far as it did, and leads to the state that the original had there, to the byte."""
    ours, theirs = journal_of(restored), journal_of(original)
    assert before <= ours.position <= theirs.position
    assert ours.position == said["journals"][0]["position"] >= said["rules_position"]["0/1"]
    assert dump(rebuilt(ours, ours.position)) == dump(rebuilt(theirs, ours.position))


def saved(world: World, stack: Stack, killed: str, to: Path) -> Path:
    """A backup taken while events pour in and the part `killed` dies, restored into a folder below `to` and compared."""
    data, new = world.settings.data, to / f"without {killed}" / "data"
    database, readings, position = rows(data / "linli.db"), rows(data / "readings.db"), journal_of(data).position
    with busy(world):
        kill(stack, killed)
        said = linli("backup", "--data", str(data), "--to", str(to))
    settle(world)
    assert linli("backup", "verify", said["file"])["sound"]
    linli("restore", said["file"], "--data", str(new))
    compare_database(database, rows(new / "linli.db"), rows(data / "linli.db"))
    compare_readings(readings, rows(new / "readings.db"), rows(data / "readings.db"))
    compare_rules(data, new, position, said)
    linli("audit", "verify", "--data", str(new))
    secrets = Path("secrets") / "broker.json"
    assert (new / secrets).read_bytes() == (data / secrets).read_bytes()
    return new


def kill(stack: Stack, name: str) -> None:
    """With -9, as a crash does; it is started again by its supervisor meanwhile."""
    for status in stack.states():
        if status.name == name and status.pid is not None:
            os.kill(status.pid, signal.SIGKILL)


def test_saved_while_it_runs_and_restored_elsewhere(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nothing fails, and while each part is killed; and started: each alert once, timers and people's acts as they were,
    agents and rules go on."""
    with running(world.settings) as stack:
        happen(world)
        new = saved(world, stack, "nothing", tmp_path)
        for part in ("rules", "ingest", "simulator"):
            saved(world, stack, part, tmp_path)

    world.settings.data.rename(tmp_path / "gone")
    kept = kept_alerts(new)
    monkeypatch.setenv("LINLI_CONFIG", str(new / "restored" / "linli.toml"))
    settings = load_settings()
    assert settings.broker_port == world.settings.broker_port
    goes_on(settings, world, kept)


def kept_alerts(data: Path) -> set[str]:
    """The ids of the alerts of the doors that were forced before the backup, as the restored folder has them."""
    with closing(open_database(f"sqlite:///{data / 'linli.db'}")) as database:
        alerts = SqlAlerts(database)
        return {alert.id for door in FORCED for alert in alerts.find(subject=door, rules=["door-forced"])}


def goes_on(settings: Settings, old: World, kept: set[str]) -> None:
    """The Linli that was restored, with the agent that reported to the one before."""
    assert prepare(settings).accounts == (), "everybody has the account they had"
    database, store = open_database(settings.app_database_url), build_store(settings)
    world = World(settings, database, old.agent, old.clock)
    try:
        with running(settings):
            began = world.clock.now()
            world.report(FORCED[1], "access.door.closed")
            world.report(LATER, "access.door.opened")
            eventually(lambda: world.alerts(LATER), 30, "an alert of what happens now")
            eventually(lambda: world.alerts(FORCED[1])[0].condition is Condition.RESOLVED, 30, "an old one ends")
            eventually(
                lambda: world.alerts(HELD, "door-held-open"), 60, "the time that ran before the backup has run on"
            )
            eventually(lambda: newest(store.latest(COMMUNITY)) > began, 30, f"{SIMULATED} is stored again")
            settle(world)
            found = [alert for door in FORCED for alert in world.alerts(door)]
            assert {alert.id for alert in found} == kept and len(found) == len(FORCED), "each alert once"
            assert all(alert.occurrences == 1 for alert in found)
            [acknowledged] = world.alerts(ACKNOWLEDGED)
            assert (acknowledged.handling, acknowledged.acknowledged_by) == (Handling.ACKNOWLEDGED, "guard")
            assert len(world.alerts(HELD, "door-held-open")) == 1
            assert len(store.events(COMMUNITY, 0, world.clock.now() + 1, device=FORCED[0])) == 1
    finally:
        store.close()
        database.close()


def newest(latest: list[Latest]) -> int:
    return max((each.time for each in latest), default=0)
