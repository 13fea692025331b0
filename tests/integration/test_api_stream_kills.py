"""The live stream of a real API process that is killed while alerts change, on both databases: each change once, in order."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from linli.access import SERVICES, BrokerUsers, service_user
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.alerts import Change, Effects, SqlAlerts
from linli.db.database import Database
from linli.db.people import People
from linli.db.registry import save
from linli.model import Role
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, make_alert, registry_of
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

KILLS = 2
EACH = 40
"""Changes that a reader takes before the process under it is killed."""


class Rules(threading.Thread):
    """Changes alerts of two communities, some in one transaction, until it is told to stop."""

    def __init__(self, database: Database) -> None:
        super().__init__(daemon=True)
        self._alerts = SqlAlerts(database)
        self._clock = SystemClock()
        self.stopped = threading.Event()

    def run(self) -> None:
        position = 1
        while not self.stopped.wait(0.02):
            community = HOME if position % 3 else FOREIGN
            alert = make_alert(community, position % 50, self._clock.now())
            changes = tuple(
                Change(alert, kind, self._clock.now()) for kind in ("opened", "occurred")[: 1 + position % 2]
            )
            try:
                self._alerts.apply([Effects(position, changes)])
            except OperationalError:  # a database that is kept busy: the same again, as rules does
                continue
            position += 1


class Reader(threading.Thread):
    """Follows the stream as a browser does: when it is cut off it comes again, with the id of what it saw last."""

    def __init__(self, url: str, cookies: httpx.Cookies) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._cookies = cookies
        self.last: str | None = None
        self.seen: list[int] = []
        self.resyncs = 0
        self.connections = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            try:
                self._follow()
            except httpx.TransportError:
                continue

    def _follow(self) -> None:
        headers = {} if self.last is None else {"last-event-id": self.last}
        with (
            httpx.Client(base_url=self._url, cookies=self._cookies, timeout=20) as client,
            client.stream("GET", "/api/v1/stream", headers=headers) as answer,
        ):
            self.connections += 1
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                self._take(fields)
                fields = {}
                if self.stopped.is_set():
                    return

    def _take(self, fields: dict[str, str]) -> None:
        self.last = fields.get("id", self.last)
        self.resyncs += fields.get("event") == "resync"
        if fields.get("event") == "alert":
            self.seen.append(json.loads(fields["data"])["id"])


@contextmanager
def api(folder: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m api`, killed at the end of the block, as the machine might."""
    environment = os.environ | {
        "LINLI_DATA": str(folder),
        "LINLI_PORT": str(port),
        "LINLI_DATABASE_URL": url,
        "LINLI_BROKER_PORT": str(free_port()),
    }
    process = subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _answers(port), timeout=60, what="the API answers")
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.timeout(300)
def test_nothing_is_missed_or_doubled_over_kills(database: Database, database_url: str, tmp_path: Path) -> None:
    """Whoever sees one community, and whoever sees all: exactly the changes that the database has, in order."""
    DataFolder(tmp_path).prepare()
    BrokerUsers(DataFolder(tmp_path).secrets).ensure({service_user(name): access for name, access in SERVICES.items()})
    with database.write() as connection:
        save(connection, [*registry_of(HOME), *registry_of(FOREIGN)])
    people = People(database, SystemClock())
    people.add("guard", Role.SECURITY, [HOME], password=PASSWORD)
    people.add("district", Role.DISTRICT_COMMAND, password=PASSWORD)
    port, rules = free_port(), Rules(database)
    with api(tmp_path, database_url, port):
        readers = [_reader(port, name) for name in ("guard", "district")]
        eventually(lambda: all(reader.last is not None for reader in readers), what="both are subscribed")
        rules.start()
        _go_on(readers)
    for _ in range(KILLS - 1):
        with api(tmp_path, database_url, port):
            _go_on(readers)
    with api(tmp_path, database_url, port):
        _go_on(readers)
        rules.stopped.set()
        rules.join()
        wanted = [_stored(database, {HOME}), _stored(database, {HOME, FOREIGN})]
        eventually(lambda: [reader.seen for reader in readers] == wanted, timeout=30)
    for reader in readers:
        reader.stopped.set()
        reader.join(timeout=30)
        assert reader.connections == KILLS + 1
        assert reader.resyncs == 0


def _go_on(readers: list[Reader]) -> None:
    """Each takes EACH changes more."""
    wanted = [len(reader.seen) + EACH for reader in readers]
    eventually(
        lambda: all(len(reader.seen) >= least for reader, least in zip(readers, wanted, strict=True)),
        timeout=60,
        what="both go on",
    )


def _reader(port: int, name: str) -> Reader:
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=20) as client:
        assert client.post("/api/v1/sessions", json={"name": name, "password": PASSWORD}).status_code == 201
        reader = Reader(url, client.cookies)
    reader.start()
    return reader


def _stored(database: Database, communities: set[str]) -> list[int]:
    table = schema.alert_changes
    with database.read() as connection:
        query = select(table.c.id).where(table.c.community_id.in_(communities)).order_by(table.c.id)
        return list(connection.execute(query).scalars())
