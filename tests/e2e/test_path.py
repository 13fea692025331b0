"""The whole path, in the processes that `linli up` runs: a device's event becomes one row and one alert, whatever dies.

On SQLite, as Linli runs at first, and on PostgreSQL.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import httpx
import pytest

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli.adapters.connect import gateway_client
from linli.adapters.store import build_store
from linli.cli.restart import State
from linli.cli.stack import PARTS, Stack, ensure_broker_users, page_address, prepare
from linli.cli.supervisor import PartStatus
from linli.clock import HOUR, SystemClock
from linli.datafolder import DataFolder
from linli.db import registry
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.people import People
from linli.i18n import Text
from linli.model import Device, Gateway, Role
from linli.ports import ReadingStore, StoredEvent
from linli.settings import Settings, load_settings
from simulators.compound import COMMUNITY, GATE
from tests.databases import Databases
from tests.postgres import PostgresServer
from tests.support import eventually, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LINLI = Path(sys.executable).with_name("linli")
GATEWAY = "gw-path"
DOORS = [f"path-door-{number:02}" for number in range(20)]
BACK_S = 10.0
"""Within so long of a kill the process is back and the path works."""


@dataclass
class World:
    """All of Linli, an agent of the test's own, and where to look."""

    settings: Settings
    stack: Stack
    agent: Agent
    store: ReadingStore
    database: Database
    http: httpx.Client
    clock: SystemClock
    doors: Iterator[str]

    def force_a_door(self) -> str:
        """Let a door that nobody has touched report an opening that nobody was granted."""
        door = next(self.doors)
        self.agent.take_event(door, "access.door.opened", {}, time=self.clock.now())
        return door

    def rows(self, door: str) -> list[StoredEvent]:
        """What the store has of it."""
        now = self.clock.now()
        return self.store.events(COMMUNITY, now - HOUR, now + HOUR, device=door)

    def alerts(self, door: str) -> list[dict[str, object]]:
        """What the API shows of it; nothing while it does not answer."""
        try:
            answer = self.http.get("/api/v1/alerts", params={"subject": door})
        except httpx.TransportError:
            return []
        if answer.status_code != 200:
            return []
        items: list[dict[str, object]] = answer.json()["items"]
        return items

    def arrived(self, door: str) -> bool:
        """Whether the event is stored and its alert shown."""
        return bool(self.rows(door)) and bool(self.alerts(door))

    def part(self, name: str) -> PartStatus:
        """How the process is."""
        return next(status for status in self.stack.states() if status.name == name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    data: Path = tmp_path_factory.mktemp("path") / "data"
    with databases.new(migrated=False) as url, running(data, url) as made:
        yield made


@contextmanager
def running(data: Path, database_url: str) -> Iterator[World]:
    """All of it up, from an empty folder and database."""
    settings = load_settings(data=data, database_url=database_url, port=free_port(), broker_port=free_port())
    made = prepare(settings)
    database, clock = open_database(settings.app_database_url), SystemClock()
    name = Text("测试", "Test")
    with database.write() as connection:
        doors = [Device(door, COMMUNITY, GATEWAY, "door", name, GATE) for door in DOORS]
        registry.save(connection, [Gateway(GATEWAY, COMMUNITY, name), *doors])
    ensure_broker_users(settings, database)
    guard = next(account.name for account in made.accounts if account.role is Role.SECURITY)
    _, token = People(database, clock).new_token(guard, "test")
    config = AgentConfig(COMMUNITY, GATEWAY, DataFolder(data).agents / GATEWAY)
    agent = Agent(config, gateway_client(settings, GATEWAY, last_will(config, clock)), clock)
    stack, store = Stack(settings), build_store(settings)
    headers = {"Authorization": f"Bearer {token}"}
    try:
        stack.start()
        assert stack.wait_ready(60), stack.states()
        agent.start()
        with httpx.Client(base_url=page_address(settings), headers=headers, timeout=5) as http:
            yield World(settings, stack, agent, store, database, http, clock, iter(DOORS))
    finally:
        agent.stop()
        stack.stop()
        store.close()
        database.close()


def test_event_becomes_one_row_and_one_alert(world: World) -> None:
    """In about a second: the store has the event as the device told it, the API shows the alert with it as evidence."""
    began = monotonic()
    door = world.force_a_door()
    eventually(lambda: world.arrived(door), BACK_S)
    took = monotonic() - began
    [row] = world.rows(door)
    [alert] = world.alerts(door)
    assert (row.type, row.gateway, row.time_source) == ("access.door.opened", GATEWAY, "device")
    assert (alert["rule"], alert["severity"], alert["occurrences"]) == ("door-forced", "high", 1)
    detail = world.http.get(f"/api/v1/alerts/{alert['id']}").json()
    assert [one["device"] for one in detail["evidence"]] == [door]
    assert took < 5


def test_acknowledged_by_a_person(world: World) -> None:
    """A person's act goes the whole way round: API, rules, database, and back."""
    door = world.force_a_door()
    eventually(lambda: world.arrived(door), BACK_S)
    [alert] = world.alerts(door)
    answer = world.http.post(f"/api/v1/alerts/{alert['id']}/acknowledge", json={"comment": "on my way"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["handling"] == "acknowledged"


@pytest.mark.parametrize("name", PARTS)
def test_any_process_may_be_killed(world: World, name: str) -> None:
    """Killed -9: back within 10 s, and what happened before, during and after is one row and one alert each."""
    before = world.force_a_door()
    old = world.part(name)
    assert old.pid is not None
    os.kill(old.pid, signal.SIGKILL)
    killed = monotonic()
    during = world.force_a_door()
    eventually(lambda: world.part(name).pid not in (None, old.pid), BACK_S, f"{name} is started again")
    eventually(lambda: world.part(name).state is State.READY, BACK_S, f"{name} is ready again")
    after = world.force_a_door()
    for door in (before, during, after):
        left = BACK_S - (monotonic() - killed)
        eventually(lambda door=door: world.arrived(door), max(left, 0.5), f"{door} after {name} was killed")  # type: ignore[misc]
        assert len(world.rows(door)) == 1
        [alert] = world.alerts(door)
        assert (alert["rule"], alert["occurrences"]) == ("door-forced", 1)


def test_the_database_server_may_be_killed(world: World, databases: Databases, request: pytest.FixtureRequest) -> None:
    """What happens while it is down is stored at once, and one alert when it is back; nothing has to be started again."""
    if databases.kind == "sqlite":  # there is no server
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    server.end(signal.SIGQUIT)
    during = world.force_a_door()
    eventually(lambda: world.rows(during), BACK_S, "it is stored")
    refused = world.http.get("/api/v1/alerts")
    assert (refused.status_code, refused.json()["type"]) == (503, "urn:linli:problem:database")
    server.start()
    eventually(lambda: world.arrived(during), BACK_S, "its alert is there")
    assert len(world.rows(during)) == len(world.alerts(during)) == 1
    eventually(lambda: all(part.state is State.READY for part in world.stack.states()), BACK_S, "all parts are well")


SHORT = """\
title: {zh: 短, en: Short}
about: {zh: 一扇门被撬, en: One door is forced}
lasts: 4s
steps:
  - {at: 500ms, device: c001-door-05, event: access.door.opened}
  - {at: 2s, device: c001-door-05, event: access.door.closed}
expect:
  - {rule: door-forced, subject: c001-door-05, severity: high, after: 500ms, within: 3s}
"""


def test_scenario_in_the_linli_that_runs(world: World, tmp_path: Path) -> None:
    """`linli simulate` has the running simulator play, so that people see it on the page; the second time, when the alert
    still stands, too."""
    file = tmp_path / "short.yaml"
    file.write_text(SHORT, encoding="utf-8")
    command = [str(LINLI), "simulate", str(file), "--data", str(world.settings.data), "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    environment["LINLI_DATABASE_URL"] = world.settings.app_database_url
    for _ in range(2):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["live"] is True
    [alert] = world.alerts("c001-door-05")
    assert alert["occurrences"] == 2


def test_nothing_was_refused_or_is_left_over(world: World) -> None:
    """After all that no message is a dead letter, none was dropped, and every consumer has everything."""
    eventually(lambda: world.agent.stats().queue_urgent + world.agent.stats().queue_bulk == 0, 20)
    assert world.agent.stats().dropped == 0
    assert SqlDeadLetters(world.database).count_by_reason() == {}
