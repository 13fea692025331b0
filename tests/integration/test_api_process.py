"""`python -m api` as the supervisor runs it: it answers, stops quickly with readers connected, and says why it cannot."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import httpx
import pytest

from linli.access import SERVICES, BrokerUsers, service_user
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.people import People
from linli.db.registry import save
from linli.model import Role
from tests.integration.api_world import HOME, PASSWORD, registry_of
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration


def prepared(folder: Path, database_url: str | None = None) -> None:
    """What `linli up` prepares before it starts the API. `database_url`: None for a file in the folder."""
    DataFolder(folder).prepare()
    database = open_database(database_url or f"sqlite:///{folder / 'linli.db'}")
    upgrade(database)
    with database.write() as connection:
        save(connection, registry_of(HOME))
    People(database, SystemClock()).add("root", Role.ADMINISTRATOR, password=PASSWORD)
    database.close()
    BrokerUsers(DataFolder(folder).secrets).ensure({service_user(name): access for name, access in SERVICES.items()})


@contextmanager
def started(folder: Path, port: int, database_url: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {
        "LINLI_DATA": str(folder),
        "LINLI_DATABASE_URL": database_url,
        "LINLI_PORT": str(port),
        "LINLI_LANGUAGE": "en",
        "LINLI_BROKER_PORT": str(free_port()),
    }
    process = subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_answers_without_a_broker_and_stops_at_once_with_readers_connected(
    tmp_path: Path, database_url: str
) -> None:
    """Health is degraded while the broker is away; SIGTERM ends it within 3 s though a stream and a WebSocket are open."""
    prepared(tmp_path, database_url)
    port = free_port()
    with (
        started(tmp_path, port, database_url) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        eventually(lambda: _health(client), timeout=30)
        assert client.get("/api/v1/health").json()["state"] == "degraded"
        client.post("/api/v1/sessions", json={"name": "root", "password": PASSWORD})
        with (
            client.stream("GET", "/api/v1/stream") as stream,
            _websocket(port, f"http://127.0.0.1:{port}") as (status, _),
        ):
            lines = stream.iter_lines()
            next(lines)
            assert " 101 " in status
            began = monotonic()
            process.send_signal(signal.SIGTERM)
            list(lines)
            assert process.wait(timeout=10) == 0
        assert monotonic() - began < 3


def _health(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v1/health").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _websocket(port: int, origin: str) -> Iterator[tuple[str, socket.socket]]:
    """A WebSocket to the console's live connection, by hand; the answer's first line."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(
            f"GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Origin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        yield connection.recv(4096).decode(errors="replace").splitlines()[0], connection


def test_the_console_is_beside_it_and_api_paths_stay_problems(tmp_path: Path, database_url: str) -> None:
    """Unknown paths under /api are problem documents though the console takes all others; a WebSocket from another site
    is refused, and so is the console's plain-request fall-back."""
    prepared(tmp_path, database_url)
    port = free_port()
    with started(tmp_path, port, database_url), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        eventually(lambda: _health(client), timeout=30)
        for path in ("/api", "/api/", "/api/v1/nope", "/api/v1"):
            answer = client.get(path)
            assert answer.status_code == 404, path
            assert answer.headers["content-type"] == "application/problem+json", path
        assert "text/html" in client.get("/", follow_redirects=True).headers["content-type"]
        with _websocket(port, "https://evil.example") as (status, _):
            assert " 403 " in status
        answer = client.get(
            "/_nicegui_ws/socket.io/?EIO=4&transport=polling", headers={"origin": "https://evil.example"}
        )
        assert answer.status_code == 403


def test_a_port_that_is_taken_is_an_error_in_words(tmp_path: Path, database_url: str) -> None:
    """Status 2 and what to do, without a trace."""
    prepared(tmp_path, database_url)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with started(tmp_path, other.getsockname()[1], database_url) as process:
            said = process.communicate(timeout=30)[1]
    assert process.returncode == 2
    assert "Choose another port with --port" in said
    assert "Traceback" not in said
