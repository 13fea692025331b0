"""From an administrator's invitation to an agent's files: REST, the commands, and what is said when it does not work."""

import http.server
import json
import os
import re
import shlex
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from edge.__main__ import connect
from edge.config import load_site
from edge.site.redeem import EnrolError, Server, redeem
from linli.access import SERVICES, BrokerUsers, gateway_access, service_user
from linli.adapters.connect import gateway_client
from linli.cli.stack import Stack, page_address, prepare
from linli.clock import HOUR, SystemClock
from linli.datafolder import DataFolder
from linli.db.enrolments import SqlEnrolments
from linli.db.throttle import BURST
from linli.enrolment import REASONS, new_code
from linli.ids import new_secret
from linli.ports import Will
from linli.settings import Settings, load_settings
from simulators.compound import GATEWAY as COMPOUND_GATEWAY
from tests.certificates import Authority
from tests.integration.api_world import HOME, World, running_world
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

GATEWAY = f"gw-{HOME}"
LINLI = Path(sys.executable).with_name("linli")


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    folder = DataFolder(tmp_path / "server")
    folder.prepare()
    BrokerUsers(folder.secrets).ensure({service_user(name): access for name, access in SERVICES.items()})
    with running_world(folder.root, database_url) as running:
        yield running


def users(world: World) -> BrokerUsers:
    return BrokerUsers(DataFolder(world.services.settings.data).secrets)


def invitation(world: World, gateway: str = GATEWAY, hours: int = 24) -> str:
    return SqlEnrolments(world.database, world.clock).invite(gateway, "test", hours * HOUR).code


def linli(*arguments: str, language: str = "en", folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command, as somebody at a terminal runs it."""
    return subprocess.run(
        [str(LINLI), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env=os.environ | {"LINLI_LANGUAGE": language, "PYTHONUTF8": "1"},
    )


# --- REST -------------------------------------------------------------------------------------------------------------


def test_an_administrator_invites_and_an_agent_redeems(world: World) -> None:
    """The credentials are those of the table of broker users, made anew: who had the old password is locked out."""
    access = gateway_access(HOME, GATEWAY)
    users(world).ensure({f"gateway.{GATEWAY}": access})
    old = users(world).get(f"gateway.{GATEWAY}").password
    with world.client("root") as client:
        made = client.post(f"/api/v1/gateways/{GATEWAY}/invitation", json={"hours": 2})
    assert made.status_code == 201
    assert (made.json()["gateway"], made.json()["community"]) == (GATEWAY, HOME)
    with world.client() as stranger:
        answer = stranger.post(
            "/api/v1/enrolments/redeem", json={"code": made.json()["code"].lower(), "attempt": "x" * 16}
        )
        given = answer.json()
    assert answer.status_code == 200
    user = users(world).get(f"gateway.{GATEWAY}")
    assert (given["broker"]["username"], given["broker"]["password"]) == (user.name, user.password)
    assert user.access == access
    assert user.password != old
    assert abs(given["at"] - world.clock.now()) < 60_000_000
    assert set(users(world).all()) == {*(service_user(name) for name in SERVICES), user.name}


@pytest.mark.parametrize("name", [f"{HOME}-security", f"{HOME}-property"])
def test_only_an_administrator_invites(world: World, name: str) -> None:
    """403 whatever they name, so it tells nothing; and no code is made."""
    with world.client(name) as client:
        assert client.post(f"/api/v1/gateways/{GATEWAY}/invitation", json={}).status_code == 403
        assert client.post("/api/v1/gateways/gw-zzforeign/invitation", json={}).status_code == 403
        assert client.post("/api/v1/gateways/none/invitation", json={}).status_code == 403
    with world.client("root") as client:
        assert client.post("/api/v1/gateways/none/invitation", json={}).status_code == 404
        assert client.post(f"/api/v1/gateways/{GATEWAY}/invitation", json={"hours": 169}).status_code == 422


def test_wrong_codes_are_answered_alike_and_throttled(world: World) -> None:
    """Mistyped or never made: one answer; after a few tries 429 with Retry-After. A large body is refused unread."""
    with world.client() as client:

        def ask(code: str) -> httpx.Response:
            return client.post("/api/v1/enrolments/redeem", json={"code": code, "attempt": "x" * 16})

        answers = [ask(code) for code in (new_code(), new_code(), "hello", "' OR 1=1 --", "７")]
        assert len(answers) == BURST
        assert {(answer.status_code, answer.text) for answer in answers} == {(422, answers[0].text)}
        assert answers[0].json()["reason"] == "enrolment_unknown"
        late = ask(invitation(world))
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) > 0
        assert client.post("/api/v1/enrolments/redeem", content=b"x" * 100_000).status_code == 413
        extra = {"code": "x", "attempt": "x" * 16, "community": HOME}
        assert client.post("/api/v1/enrolments/redeem", json=extra).status_code == 422


def test_of_two_agents_with_one_code_one_gets_in(world: World) -> None:
    """However close together they ask."""
    code = invitation(world)
    server = read(world)

    def ask(attempt: str) -> str:
        try:
            return redeem(server, code, None, attempt).gateway
        except EnrolError as error:
            return error.reason

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, [new_secret() for _ in range(4)]))
    assert sorted(answers) == ["enrolment_used"] * 3 + [GATEWAY]


def read(world: World) -> Server:
    address = httpx.URL(world.url)
    assert address.port is not None
    return Server(False, address.host, address.port)


# --- the commands -----------------------------------------------------------------------------------------------------


def test_from_the_invitation_to_a_file_that_runs(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the one command prints is what to run on the other machine; its file is one that the agent takes."""
    monkeypatch.setenv("LINLI_DATABASE_URL", world.services.settings.app_database_url)
    said = linli("gateway", "invite", GATEWAY, "--data", str(world.services.settings.data))
    assert said.returncode == 0, said.stderr
    line = next(line for line in said.stdout.splitlines() if "linli agent enroll" in line)
    _, _, words = line.partition("linli agent enroll ")
    arguments = shlex.split(words)
    assert arguments[0].startswith("https://")
    site = tmp_path / "site" / "new"
    done = linli("agent", "enroll", world.url, *arguments[1:-1], str(site / "agent.yaml"))
    assert done.returncode == 0, done.stderr
    assert f"linli agent check {site / 'agent.yaml'}" in done.stdout
    found = load_site(site / "agent.yaml")
    user = users(world).get(f"gateway.{GATEWAY}")
    assert (found.agent.community, found.agent.gateway) == (HOME, GATEWAY)
    assert (found.broker.username, found.broker.password) == (user.name, user.password)
    assert (found.broker.host, found.broker.port, found.broker.tls) == ("127.0.0.1", 8483, False)
    assert found.server == world.url
    for file in site.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert user.password not in (site / "agent.yaml").read_text("utf-8")


def enrol(world: World, code: str, folder: Path, *more: str, language: str = "en") -> str:
    """What is said on stderr by an enrolment that fails."""
    done = linli("agent", "enroll", world.url, code, "--config", str(folder / "agent.yaml"), *more, language=language)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(("language", "field"), [("en", "en"), ("zh", "zh")])
def test_a_code_that_is_not_taken_is_told(world: World, tmp_path: Path, language: str, field: str) -> None:
    """Used, over, never made: each in a sentence of its own, and no file is written."""
    used = invitation(world)
    redeem(read(world), used, None, new_secret())
    over = invitation(world)
    invitation(world)
    folder = tmp_path / "site"
    for code, reason in ((used, "used"), (over, "expired"), (new_code(), "unknown")):
        said = enrol(world, code, folder, language=language)
        assert said.strip() == getattr(REASONS[f"enrolment_{reason}"], field)
    assert list(folder.iterdir()) == []


def test_what_can_be_known_before_does_not_use_up_the_code(world: World, tmp_path: Path) -> None:
    """A mistyped code, files that are there, a folder that cannot be written; then the same code works, with --force."""
    code, folder = invitation(world), tmp_path / "site"
    folder.mkdir()
    wrong = code[:-1] + ("A" if code[-1] != "A" else "B")
    assert "mistyped" in enrol(world, wrong, folder)
    (folder / "agent.password").write_text("mine")
    assert "agent.password" in enrol(world, code, folder)
    assert (folder / "agent.password").read_text() == "mine"
    (tmp_path / "file").write_text("")
    assert "cannot write to the folder" in enrol(world, code, tmp_path / "file")
    done = linli("agent", "enroll", world.url, code, "--config", str(folder / "agent.yaml"), "--force")
    assert done.returncode == 0, done.stderr
    assert (folder / "agent.password").read_text() != "mine"


def test_a_server_without_its_table_of_users_says_so_and_the_code_stays(world: World, tmp_path: Path) -> None:
    """What is wrong is on the server; the same code works once it is mended."""
    code, table = invitation(world), users(world).file
    kept = table.read_bytes()
    table.unlink()
    said = enrol(world, code, tmp_path / "site")
    assert "500" in said
    assert "same code" in said
    table.write_bytes(kept)
    assert redeem(read(world), code, None, new_secret()).gateway == GATEWAY


# --- what answers is not what it should be ----------------------------------------------------------------------------


@dataclass
class Impostor:
    """A server whose answers the test chooses: each is (status, headers, body), or None to hang up without one."""

    answers: list[tuple[int, dict[str, str], bytes] | None]
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0


@contextmanager
def impostor(
    *answers: tuple[int, dict[str, str], bytes] | None, tls: ssl.SSLContext | None = None
) -> Iterator[Impostor]:
    """It runs, and gives the last answer again and again."""
    state = Impostor(list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            if answer is None:
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


GOOD = json.dumps(
    {
        "community": "c1",
        "gateway": "gw1",
        "at": 1,
        "news": "of a later version",
        "broker": {"port": 8883, "tls": True, "ca": "PEM", "username": "gateway.gw1", "password": "geheim"},
    }
).encode()


def told(port: int, code: str | None = None) -> str:
    with pytest.raises(EnrolError) as caught:
        redeem(Server(False, "127.0.0.1", port), code or new_code(), None, "attempt")
    assert caught.value.text.zh != caught.value.text.en
    return caught.value.text.en


def test_an_answer_lost_on_the_way_is_asked_for_again() -> None:
    """With the same secret, by which the server knows that it is the same agent."""
    with impostor(None, None, (200, {}, GOOD)) as server:
        given = redeem(Server(False, "127.0.0.1", server.port), new_code(), None, "attempt")
    assert given.broker.password == "geheim"
    assert [asked["attempt"] for asked in server.asked] == ["attempt"] * 3
    with impostor(None) as server:
        assert "does not answer" in told(server.port)


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"<html>It works!</html>"),
        (200, {}, b"{}"),
        (200, {}, GOOD.replace(b'"gw1"', b'"../gw1"')),
        (200, {}, GOOD.replace(b"8883", b"0")),
        (404, {}, b"not found"),
        (404, {}, b'{"type": "urn:linli:problem:not-found"}'),
        (500, {}, b"[" * 100_000),
    ],
)
def test_something_else_at_that_address(answer: tuple[int, dict[str, str], bytes]) -> None:
    """A router's page, an older Linli: one sentence, whatever it says."""
    with impostor(answer) as server:
        assert "not Linli, or an older one" in told(server.port)


def test_a_redirect_and_a_full_throttle_are_told() -> None:
    """Where to, without what a terminal would act on; and how long to wait."""
    with impostor((301, {"location": "https://linli.example/\x1b[31m"}, b"")) as server:
        assert "points to https://linli.example/?[31m: use the address there" in told(server.port)
    with impostor((429, {"retry-after": "17"}, b"{}")) as server:
        assert told(server.port) == "too many tries: try again in 17 s"


def test_a_server_that_is_not_there() -> None:
    """Nobody listens; no such host."""
    assert "Connection refused" in told(free_port())
    with pytest.raises(EnrolError, match=r"there is no host none\.invalid"):
        redeem(Server(False, "none.invalid", 80), new_code(), None, "attempt")


def test_certificates_of_the_page(tmp_path: Path) -> None:
    """Signed by an unknown CA, for another name, expired, not TLS at all: each said as what it is; a right one is taken."""
    authority = Authority(tmp_path)
    right, other, old = (
        authority.issue("page", "localhost"),
        authority.issue("other", "other.example"),
        authority.issue("old", "localhost", days=-1),
    )

    def ask(port: int, ca: Path | None) -> str:
        with pytest.raises(EnrolError) as caught:
            redeem(Server(True, "localhost", port), new_code(), ca, "attempt")
        return caught.value.text.en

    with impostor((200, {}, GOOD), tls=right.server_context()) as server:
        assert redeem(Server(True, "localhost", server.port), new_code(), authority.file, "attempt").gateway == "gw1"
        assert "not signed by a CA that is trusted here" in ask(server.port, None)
    with impostor((200, {}, GOOD), tls=other.server_context()) as server:
        assert "for another host name" in ask(server.port, authority.file)
    with impostor((200, {}, GOOD), tls=old.server_context()) as server:
        assert "has expired" in ask(server.port, authority.file)
    with impostor((200, {}, GOOD)) as server:
        assert "does not speak TLS" in ask(server.port, authority.file)


def test_a_clock_far_off_is_told(tmp_path: Path) -> None:
    """The files are written; the person is told by how much, and what to do."""
    now = SystemClock().now()
    with impostor((200, {}, GOOD.replace(b'"at": 1', f'"at": {now + 2 * HOUR}'.encode()))) as server:
        done = linli(
            "agent", "enroll", f"http://127.0.0.1:{server.port}", new_code(), "--config", str(tmp_path / "agent.yaml")
        )
    assert done.returncode == 0, done.stderr
    assert "this machine's clock is 7" in done.stderr
    assert "behind the server's" in done.stderr
    found = load_site(tmp_path / "agent.yaml")
    assert found.broker.tls
    assert found.broker.ca == tmp_path / "agent-ca.pem"
    assert (tmp_path / "agent-ca.pem").read_text() == "PEM"


def test_a_password_does_not_go_in_clear_unasked(tmp_path: Path) -> None:
    """http:// beyond this machine takes a word that one knows what it means."""
    done = linli("agent", "enroll", "http://linli.invalid", new_code(), "--config", str(tmp_path / "agent.yaml"))
    assert done.returncode == 2
    assert "in clear" in done.stderr
    done = linli(
        "agent", "enroll", "http://linli.invalid", new_code(), "--allow-http", "--config", str(tmp_path / "agent.yaml")
    )
    assert "no host linli.invalid" in done.stderr


def test_what_a_broker_of_ones_own_needs(world: World, tmp_path: Path) -> None:
    """Linli does not know its users: the file says which rights to grant, and where to fill in what it gave."""
    settings = world.services.settings
    outside = settings.model_copy(
        update={"broker_host": "mq.example", "broker_tls": True, "broker_certificate": Path("own.pem")}
    )
    assert isinstance(outside, Settings)
    with serving_with(world, outside) as url:
        done = linli("agent", "enroll", url, invitation(world), "--config", str(tmp_path / "agent.yaml"))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "agent.yaml").read_text("utf-8")
    assert f"publish linli/v1/{HOME}/gateway/{GATEWAY}/urgent" in text
    found = load_site(tmp_path / "agent.yaml")
    assert (found.broker.host, found.broker.port, found.broker.username) == ("mq.example", 1883, None)
    assert not (tmp_path / "agent.password").exists()
    assert "# certificate: agent.pem" in text
    assert "The broker demands a client certificate" in done.stdout
    assert "The broker's administrator makes its user there" in done.stdout


@contextmanager
def serving_with(world: World, settings: Settings) -> Iterator[str]:
    """The same world under other settings."""
    from api.services import build_services
    from tests.integration.api_world import serving

    services = build_services(settings, world.database, world.store, world.clock, world.broker.client())
    with serving(services) as url:
        yield url


# --- the whole of it --------------------------------------------------------------------------------------------------


def test_an_enrolled_agent_is_let_in_by_the_broker_and_the_old_one_thrown_out(tmp_path: Path) -> None:
    """The processes that `linli up` runs, over TLS: no restart by hand between the invitation and the connection."""
    authority = Authority(tmp_path)
    server = authority.issue("server", "localhost")
    settings = load_settings(
        data=tmp_path / "data",
        port=free_port(),
        broker_port=free_port(),
        broker_tls_certificate=server.file,
        broker_tls_key=server.key,
        broker_ca=authority.file,
        broker_public_host="localhost",
    )
    prepare(settings)
    name = COMPOUND_GATEWAY
    old = gateway_client(settings, name, Will("linli/v1/c001/gateway/gw-c001/status", b"offline"))
    lost: list[str] = []
    stack, fresh = Stack(settings, ("broker", "api")), None
    stack.start()
    try:
        assert stack.wait_ready(30), stack.states()
        old.start(lambda *_message: None, lambda: None, lost.append)
        eventually(lambda: old.connected, what="the old machine is connected")
        said = linli("gateway", "invite", name, "--data", str(settings.data))
        code = re.findall(r"\w{4}(?:-\w{4}){3}", said.stdout)[0]
        config = tmp_path / "site" / "agent.yaml"
        done = linli("agent", "enroll", page_address(settings), code, "--config", str(config))
        assert done.returncode == 0, done.stderr
        site = load_site(config)
        assert (site.broker.host, site.broker.tls) == ("localhost", True)
        fresh = connect(site.broker, f"gateway-{name}")
        fresh.start(lambda *_message: None, lambda: None, lambda _reason: None)
        eventually(lambda: fresh.connected, 15, "the new machine is connected")
        eventually(lambda: not old.connected and any("authori" in loss for loss in lost), 15, "the old one is not")
    finally:
        for client in (old, fresh):
            if client is not None:
                client.stop()
        stack.stop()
