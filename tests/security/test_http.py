"""What somebody sends to the API that is no request of it: too much, too deep, packed, odd. A real process, whose memory is watched."""

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from api.http.gate import MAX_BODY
from linli.clock import SystemClock
from linli.db.database import open_database
from linli.db.people import People
from linli.model import Role
from linli.roles import Operation
from tests.databases import Databases
from tests.integration.api_world import HOME, PASSWORD
from tests.integration.test_api_process import prepared
from tests.pictures import jpeg, png
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

GROWS_AT_MOST = 50e6
DOOR = f"/api/v1/devices/{HOME}-door"


@dataclass(frozen=True)
class Api:
    """An API in a process of its own, an account's token, and one of a camera's agent."""

    process: "subprocess.Popen[bytes]"
    log: Path
    port: int
    token: str
    camera: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, content: bytes | Iterator[bytes], token: str = "", **headers: str) -> int:
        """The status; of who hung up while all was not sent yet, 413."""
        given = {"authorization": f"Bearer {token or self.token}", "content-type": "application/json"} | headers
        try:
            with httpx.Client(base_url=self.url, timeout=30) as client:
                return client.request(method, path, content=content, headers=given).status_code
        except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            return 413

    def memory(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("http")
    with databases.new() as url, _serving(folder, url) as made:
        yield made


@contextmanager
def _serving(folder: Path, database_url: str) -> Iterator[Api]:
    port = free_port()
    prepared(folder, database_url)
    database = open_database(database_url)
    people = People(database, SystemClock())
    guard, _ = people.add("guard", Role.SECURITY, [HOME], password=PASSWORD)
    robot, _ = people.add("robot", Role.INTEGRATOR, [HOME])
    tokens = [
        people.tokens.make(guard, "guard")[1],
        people.tokens.make(robot, "camera", operations=[Operation.ADD_SNAPSHOTS])[1],
    ]
    database.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")} | {
        "LINLI_DATA": str(folder),
        "LINLI_DATABASE_URL": database_url,
        "LINLI_PORT": str(port),
        "LINLI_BROKER_PORT": str(free_port()),
    }
    log = folder / "said.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=out)
    made = Api(process, log, port, *tokens)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{made.url}/api/v1/health", timeout=5).status_code in (200, 503)
        except httpx.TransportError:
            return False

    eventually(answers, timeout=60)
    for _ in range(5):  # what is loaded at the first request is not counted
        made.send("PUT", f"{DOOR}/snapshots/warm", jpeg(padding=1_000_000), made.camera)
        made.send("POST", "/api/v1/sessions", b"{}")
    try:
        yield made
    finally:
        process.kill()
        process.wait()


def _hidden(size: int) -> Iterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(size // 65536):
        yield bytes(65536)


def test_ten_megabytes_are_refused_and_fill_no_memory(api: Api) -> None:
    """By what is declared, and where nothing is; to any path, again and again; also where pictures are taken."""
    before = api.memory()
    for _ in range(10):
        assert api.send("POST", "/api/v1/sessions", bytes(10_000_000)) == 413
        assert api.send("POST", "/api/v1/sessions", _hidden(10_000_000)) == 413
        assert api.send("PUT", f"{DOOR}/snapshots/p", bytes(10_000_000), api.camera) == 413
        assert api.send("PUT", f"{DOOR}/snapshots/p", _hidden(10_000_000), api.camera) == 413
        assert api.send("POST", "/login", bytes(10_000_000)) == 413
    assert api.memory() - before <= GROWS_AT_MOST


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_size(api: Api) -> None:
    """Gigapixels in some bytes: nothing is unpacked."""
    before = api.memory()
    for bomb in [png(2**31 - 1, 2**31 - 1), png(60_000, 60_000), jpeg(65_535, 65_535)] * 10:
        assert api.send("PUT", f"{DOOR}/snapshots/p", bomb, api.camera) == 422
    assert api.memory() - before <= GROWS_AT_MOST


def test_a_body_that_is_packed_is_not_unpacked(api: Api) -> None:
    """Ten megabytes of nothing in ten kilobytes: what arrives is not JSON."""
    packed, before = gzip.compress(bytes(10_000_000)), api.memory()
    assert len(packed) < MAX_BODY
    for _ in range(10):
        assert 400 <= api.send("POST", "/api/v1/sessions", packed, **{"content-encoding": "gzip"}) < 500
    assert api.memory() - before <= GROWS_AT_MOST


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 60_000, id="deep lists"),
        pytest.param(b'{"a":' * 12_000, id="deep objects"),
        pytest.param(b"[" * 30_000 + b"]" * 30_000, id="deep and closed"),
        pytest.param(b'{"name":"x","password":NaN}', id="NaN"),
        pytest.param(b'{"name":"x","password":Infinity}', id="Infinity"),
        pytest.param(b'{"name":"x","password":1e999}', id="1e999"),
        pytest.param(b'{"name":"x","password":true}', id="true"),
        pytest.param(b'{"name":"x","password":' + b"9" * 5000 + b"}", id="5,000 digits"),
        pytest.param(b'{"name":"x","password":"\x00"}', id="raw NUL"),
        pytest.param(b'{"name":"\xed\xa0\x80","password":"x"}', id="raw surrogate"),
        pytest.param(b'{"name":"x","name":"y","password":"z"}', id="duplicate key"),
        pytest.param(b'{"name":"x","password":"\\u0000"}', id="NUL"),
        pytest.param(b'{"name":"x","password":"\\ud800"}', id="lone surrogate"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_odd_json_is_a_named_refusal(body: bytes, api: Api) -> None:
    """A problem document of status 422 that says why; the process goes on."""
    with httpx.Client(base_url=api.url, timeout=30) as client:
        answer = client.post("/api/v1/sessions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    problem = json.loads(answer.content)
    assert problem["type"] == "urn:linli:problem:invalid-request"
    assert problem.get("reason") or problem["errors"]
    assert api.process.poll() is None


def test_a_line_feed_in_a_logged_field_begins_no_line(api: Api) -> None:
    """A name to sign in with, as it is logged; and what a path or a header brings."""
    forged = "x\n2026-01-01T00:00:00.000Z ERROR   linli: forged\r\n\x1b[2J\u2028"
    with httpx.Client(base_url=api.url, timeout=30) as client:
        client.post("/api/v1/sessions", json={"name": forged, "password": "wrong"})
        client.get("/api/v1/alerts%0a2026-01-01T00:00:00.000Z%20ERROR%20linli:%20forged")
        client.post("/login", data={"name": forged, "password": "wrong"})
    for line in api.log.read_text(errors="replace").split("\n"):
        assert not line.startswith("2026-01-01")
        assert "\x1b" not in line
        assert "\u2028" not in line


@pytest.mark.parametrize(
    ("origin", "opened"),
    [
        ("http://127.0.0.1:{port}", True),
        ("https://example.com", False),
        ("http://127.0.0.1.example.com:{port}", False),
        ("http://127.0.0.1", False),
        ("null", False),
    ],
)
def test_a_websocket_from_another_site_is_refused(origin: str, opened: bool, api: Api) -> None:
    """The console's live connection: a page of another site cannot listen in with somebody's cookie."""
    request = (
        "GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id=x&next_message_id=0&implicit_handshake=true HTTP/1.1\r\n"
        f"host: 127.0.0.1:{api.port}\r\norigin: {origin.format(port=api.port)}\r\nconnection: upgrade\r\n"
        "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as line:
        line.sendall(request.encode())
        status = line.recv(12).decode()
    assert (status == "HTTP/1.1 101") is opened
    if not opened:
        assert status == "HTTP/1.1 403"
