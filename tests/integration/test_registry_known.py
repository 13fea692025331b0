"""A change of the registry reaches ingest and rules as they run, within two seconds; and what is not registered waits."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from linli.adapters.sqlite_store import SqliteStore
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.database import open_database
from linli.db.deadletters import Choice, SqlDeadLetters
from linli.db.registryremoving import remove
from linli.db.registrywriting import put, save
from linli.db.strangers import adopt, strangers
from linli.db.workers import reports
from linli.i18n import Text
from linli.model import Consumer, Device
from linli.registry.changes import Key, Origin
from tests.integration.rules_world import Agent, broker, environment, items, listens
from tests.support import eventually

__all__ = ["broker"]

pytestmark = pytest.mark.integration

KNOWN_WITHIN_S = 2.0
FORCED = "access.door.forced"


def door(name: str) -> Device:
    return Device(name, "c1", "gw", "door", Text("新门", "New door"), "b1")


class World:
    """Ingest and rules as processes, the database that others change, and a gateway that sends to both."""

    def __init__(self, folder: Path, port: int, database_url: str) -> None:
        DataFolder(folder).prepare()
        self.folder = folder
        self.database = open_database(database_url)
        with self.database.write() as connection:
            save(connection, items("c1"))
        self.letters = SqlDeadLetters(self.database)
        self._environment = environment(folder, port) | {"LINLI_DATABASE_URL": database_url}
        self._processes: list[subprocess.Popen[bytes]] = []
        self.start()
        eventually(lambda: listens(port))
        self.agent = Agent(port, "c1", (Consumer.INGEST, Consumer.RULES))

    def start(self) -> None:
        """Both, and wait until they are well."""
        pids = set()
        for service in ("ingest", "rules"):
            with (self.folder / f"{service}.log").open("ab") as log:
                command = [sys.executable, "-m", service]
                self._processes.append(subprocess.Popen(command, env=self._environment, stdout=log, stderr=log))
                pids.add(self._processes[-1].pid)

        def well() -> bool:
            return pids <= {report.pid for report in reports(self.database) if report.state == "ok"}

        eventually(well, 40, "both well")

    def kill(self) -> None:
        """With -9."""
        while self._processes:
            process = self._processes.pop()
            process.kill()
            process.wait()

    def close(self) -> None:
        self.kill()
        self.agent.client.stop()
        self.database.close()

    def change(self, device: Device, *, there: bool = True) -> float:
        """Register the device, or remove it; when that was committed, in steady seconds."""
        origin = Origin(SystemClock().now(), "li")
        with self.database.write() as connection:
            if there:
                put(connection, [device], origin)
            else:
                remove(connection, [Key("device", device.id)], origin)
        return SystemClock().monotonic()

    def alerted(self, device: str) -> bool:
        """Whether rules has raised an alert for it."""
        table = schema.alerts
        with self.database.read() as connection:
            return connection.execute(select(table.c.id).where(table.c.subject == device)).first() is not None

    def stored(self, device: str) -> int:
        """How many of its events ingest has stored."""
        store = SqliteStore(self.folder / "readings.db")
        found = store.events("c1", 0, SystemClock().now() + 10**9, device=device)
        store.close()
        return len(found)


@pytest.fixture
def world(tmp_path: Path, broker: int, database_url: str) -> Iterator[World]:
    made = World(tmp_path / "data", broker, database_url)
    yield made
    made.close()


def since(committed: float) -> float:
    return SystemClock().monotonic() - committed


def test_a_new_device_is_known_to_both_and_survives_their_death(world: World) -> None:
    """Its first event is stored and judged, without a letter; after a kill of both they know it still."""
    committed = world.change(door("door-9"))
    world.agent.take(FORCED, "door-9")
    eventually(lambda: world.alerted("door-9") and world.stored("door-9"), what="alerted and stored")
    assert since(committed) < KNOWN_WITHIN_S
    world.change(door("door-8"))
    world.kill()
    world.start()
    world.agent.take(FORCED, "door-8")

    def both() -> bool:
        world.agent.send_again()
        return world.alerted("door-8") and world.stored("door-8") == 1

    eventually(both, 20, "door-8 is known after the restart")
    assert world.letters.count_by_reason() == {}


def test_a_removed_device_is_unknown_to_ingest(world: World) -> None:
    """What it sends then is refused."""
    committed = world.change(door("door"), there=False)

    def refused() -> bool:
        world.agent.take("access.door.closed", "door")
        return world.letters.count_by_reason().get("unregistered_device", 0) > 0

    eventually(refused, what="ingest refuses it")
    assert since(committed) < KNOWN_WITHIN_S


def test_a_stranger_waits_and_is_adopted_with_what_it_sent(world: World) -> None:
    """Its event was a dead letter; once it is registered that can be replayed, and nothing of it is lost."""
    world.agent.take(FORCED, "probe-7")

    def listed() -> bool:
        with world.database.read() as connection:
            return [(one.device, one.types) for one in strangers(connection)] == [("probe-7", (FORCED,))]

    eventually(listed, what="it is on the list")
    with world.database.write() as connection:
        adopt(connection, door("probe-7"), Origin(SystemClock().now(), "li"))
        assert strangers(connection) == []
    choice = Choice(reason="unregistered_device", gateway="gw")
    assert len(world.letters.request_replay(choice, SystemClock().now()).numbers) == 1
    eventually(lambda: world.stored("probe-7") == 1, what="its event is stored")
    eventually(lambda: world.letters.count_by_reason() == {}, what="its letter is gone")
