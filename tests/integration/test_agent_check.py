"""`linli agent check`: each fault is caused for real, and what is said of it is read."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import edge.reach
from edge.__main__ import connect
from edge.agent import Agent, last_will
from edge.check import Patience, check
from edge.config import Broker, load_site
from edge.findings import Finding, State
from edge.reach import reach
from linli import codec, topics
from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.adapters.connect import service_client
from linli.adapters.mqtt import PahoClient
from linli.cli.stack import Stack, prepare
from linli.clock import HOUR, Clock, SystemClock
from linli.datafolder import DataFolder
from linli.model import Consumer
from linli.settings import BrokerKind, Settings, load_settings
from linli.testing import ManualClock
from tests.certificates import Authority, Certificate
from tests.support import eventually, free_port, need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

LINLI = Path(sys.executable).with_name("linli")
SILENT_S = 1.5
"""How long a check waits for who does not answer, where that is the point."""


class Consuming:
    """Stands in for ingest or rules: acknowledges whatever comes."""

    def __init__(self, settings: Settings, consumer: Consumer, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self._client: PahoClient = service_client(settings, consumer.value)
        self._client.subscribe([topics.any_gateway(leaf) for leaf in (topics.Leaf.URGENT, topics.Leaf.BULK)], 0)
        self._client.start(self._came, lambda: None, lambda _reason: None)

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        parsed = topics.parse(topic)
        assert isinstance(parsed, topics.GatewayTopic)
        envelope = codec.envelope(parsed, payload)
        assert envelope is not None
        lane = envelope.lane
        ack = codec.Ack(lane.bootid, lane.lane, envelope.sequence, self._clock.now())
        self._client.publish(topics.ack_topic(lane.community, lane.gateway, self._consumer), codec.encode_ack(ack))

    def up(self) -> "Consuming":
        eventually(lambda: self._client.connected, what=f"{self._consumer} is connected")
        return self

    def stop(self) -> None:
        self._client.stop()


@dataclass
class Place:
    """A broker that runs, and files for agents of gateway gw1 of compound c1."""

    settings: Settings
    folder: Path
    authority: Authority
    tls: bool
    client: Certificate | None = None
    clock: ManualClock = field(default_factory=ManualClock)

    def broker(self, **changes: object) -> dict[str, object]:
        """What the agent's file says of the broker."""
        user = BrokerUsers(DataFolder(self.settings.data).secrets).get(gateway_user("gw1"))
        said: dict[str, object] = {
            "host": "localhost",
            "port": self.settings.broker_endpoint[1],
            "username": user.name,
            "password": user.password,
        }
        if self.tls:
            said |= {"tls": True, "ca": str(self.authority.file)}
        if self.client is not None:
            said |= {"certificate": str(self.client.file), "key": str(self.client.key)}
        said |= changes
        return {key: value for key, value in said.items() if value is not None}

    def file(self, outbox: str = "outbox", broker: dict[str, object] | None = None, **more: object) -> Path:
        """An agent's file; JSON is YAML."""
        file = self.folder / f"agent-{len(list(self.folder.glob('agent-*')))}.yaml"
        said = {"community": "c1", "gateway": "gw1", "outbox": outbox, "broker": broker or self.broker()}
        file.write_text(json.dumps(said | more), "utf-8")
        file.chmod(0o600)
        return file


def begin(folder: Path, kind: BrokerKind, **options: object) -> tuple[Settings, Stack]:
    """The embedded broker of a new installation."""
    if kind == "mosquitto":
        need("mosquitto")
    settings = load_settings(data=folder / "data", broker=kind, port=free_port(), broker_port=free_port(), **options)
    prepare(settings)
    users = BrokerUsers(DataFolder(settings.data).secrets)
    users.ensure({gateway_user(name): gateway_access("c1", name) for name in ("gw1", "gw2")})
    stack = Stack(settings, ("broker",))
    stack.check()
    stack.start()
    assert stack.wait_ready(15), stack.states()
    return settings, stack


@pytest.fixture(scope="module", params=["nats", "mosquitto"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Without TLS, with both consumers."""
    folder = tmp_path_factory.mktemp("place")
    settings, stack = begin(folder, request.param)
    consumers = [Consuming(settings, consumer, SystemClock()).up() for consumer in Consumer]
    try:
        yield Place(settings, folder, Authority(folder), tls=False)
    finally:
        for consumer in consumers:
            consumer.stop()
        stack.stop()


@pytest.fixture(scope="module", params=["nats", "mosquitto"])
def strict(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With TLS, and client certificates demanded; with both consumers."""
    folder = tmp_path_factory.mktemp("strict")
    authority, clients = Authority(folder), Authority(folder, "clients")
    server, own, agent = authority.issue("server", "localhost"), clients.issue("own"), clients.issue("agent")
    settings, stack = begin(
        folder,
        request.param,
        broker_tls_certificate=server.file,
        broker_tls_key=server.key,
        broker_tls_client_ca=clients.file,
        broker_certificate=own.file,
        broker_key=own.key,
        broker_ca=authority.file,
    )
    consumers = [Consuming(settings, consumer, SystemClock()).up() for consumer in Consumer]
    try:
        yield Place(settings, folder, authority, tls=True, client=agent)
    finally:
        for consumer in consumers:
            consumer.stop()
        stack.stop()


def look(file: Path, clock: Clock | None = None, answer_s: float = 10.0, sign_in_s: float = 10.0) -> dict[str, Finding]:
    """The findings by name (the last of each)."""
    found = list(check(file, connect, clock or SystemClock(), Patience(sign_in_s, answer_s, 0.5)))
    for finding in found:
        for text in (finding.said, finding.remedy):
            assert text is None or (text.zh and text.en)
    return {finding.check: finding for finding in found}


def wrong(file: Path, name: str, said: str, remedy: str = "", sign_in_s: float = 10.0) -> None:
    """Fail unless exactly `name` is wrong, with these words."""
    found = look(file, answer_s=SILENT_S, sign_in_s=sign_in_s)
    bad = {check: finding for check, finding in found.items() if finding.state is State.WRONG}
    assert list(bad) == [name], found
    assert said in bad[name].said.en, bad[name].said.en
    told = bad[name].remedy
    assert remedy == "" or (told is not None and remedy in told.en), told


# --- all is well ------------------------------------------------------------------------------------------------------


def test_nothing_is_wrong(place: Place) -> None:
    """In order, each thing once; both consumers acknowledge a heartbeat; only what cannot be known is said to be so."""
    file = place.file("well", device_broker=place.broker(topics=["linli/v1/c1/gateway/gw1/command"]))
    found = list(check(file, connect, SystemClock()))
    assert [finding.check for finding in found] == [
        "file",
        "outbox",
        "dns",
        "tcp",
        "tls",
        "sign_in",
        "permission",
        "consumers",
        "consumers",
        "clock",
        "device_broker_dns",
        "device_broker_tcp",
        "device_broker_tls",
        "device_broker_sign_in",
        "devices",
        "registered",
    ]
    assert {finding.state for finding in found} == {State.OK, State.UNKNOWN}
    assert (place.folder / "well" / "outbox.db").exists()


def test_an_agent_that_runs_is_not_disturbed(place: Place) -> None:
    """It keeps its outbox and its connection; its acknowledgements are heard."""
    file = place.file("running")
    site, clock = load_site(file), SystemClock()
    agent = Agent(site.agent, connect(site.broker, "gateway-gw1", last_will(site.agent, clock)), clock)
    agent.start()
    try:
        eventually(lambda: agent.stats().acks, what="the agent is acknowledged")
        done = threading.Event()
        beats = threading.Thread(target=_take_events, args=(agent, done), daemon=True)
        beats.start()
        found = look(file)
        done.set()
        beats.join()
        assert "an agent runs on it" in found["outbox"].said.en
        assert "acknowledges the agent that runs" in found["consumers"].said.en
        assert agent.stats().connected
    finally:
        agent.stop()


def _take_events(agent: Agent, done: threading.Event) -> None:
    while not done.wait(0.2):
        agent.take_event("gw1", "linli.test.event", {})


# --- the command ------------------------------------------------------------------------------------------------------


def command(*arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINLI), "agent", "check", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"LINLI_LANGUAGE": language, "PYTHONUTF8": "1"},
    )


@pytest.mark.parametrize(
    ("language", "words"), [("en", ["ok ", "mind", "nothing is wrong"]), ("zh", ["正常", "注意", "没有错误"])]
)
def test_the_command_says_it_in_the_persons_language(place: Place, language: str, words: list[str]) -> None:
    """A line for each finding, below it what to do; exit status 0 when nothing is wrong. Nothing else on stderr."""
    done = command(str(place.file("command")), language=language)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(word in done.stdout for word in words), done.stdout
    assert done.stderr == ""


def test_the_command_fails_when_something_is_wrong(tmp_path: Path) -> None:
    """Exit status 1; as JSON in both languages, for a program."""
    done = command(str(tmp_path / "none.yaml"), "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["passed"] is False
    (finding,) = document["findings"]
    assert (finding["check"], finding["state"]) == ("file", "wrong")
    assert "none.yaml" in finding["said"]["zh"]
    assert "cannot be read" in finding["said"]["en"]


# --- file, outbox, clock ----------------------------------------------------------------------------------------------


def test_faults_of_the_file(place: Place) -> None:
    """Told by line; nothing else is tried."""
    file = place.file("fault", borker={})
    assert list(look(file)) == ["file"]
    wrong(file, "file", "unknown key 'borker'; did you mean 'broker'?")
    for entry, said in (
        (place.broker(ca="ca.pem"), "there is ca but no tls: true"),
        (place.broker(tls=True, key="k"), "no certificate that it belongs to"),
        (place.broker(password=None, password_file="gone"), "cannot read the password file gone"),
    ):
        wrong(place.file("fault", broker=entry), "file", said)


def test_a_secret_that_others_may_read_is_told(place: Place) -> None:
    """It works; it should be mended."""
    file = place.file("secret")
    file.chmod(0o644)
    found = look(file)["secrets"]
    assert found.state is State.MIND
    assert found.remedy is not None
    assert f"chmod 600 {file}" in found.remedy.en


def test_faults_of_the_outbox(place: Place) -> None:
    """A file where the folder should be; a file that is damaged; nothing is sent from the first."""
    (place.folder / "occupied").write_text("")
    wrong(place.file("occupied"), "outbox", "cannot be written", "chown")
    (place.folder / "damaged").mkdir()
    (place.folder / "damaged" / "outbox.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    found = look(place.file("damaged"))["outbox"]
    assert found.state is State.MIND
    assert "is damaged" in found.said.en


def test_a_disk_with_too_little_room_is_told(place: Place) -> None:
    """Less than the outbox may take."""
    found = look(place.file("room", outbox_bytes=10**15))["outbox"]
    assert found.state is State.MIND
    assert found.remedy is not None
    assert "outbox_bytes" in found.remedy.en


def test_a_disk_that_is_full_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is lost over it."""
    usage = shutil.disk_usage(place.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1_000_000))
    wrong(place.file("full"), "outbox", "1 MB are free", "clear the disk")


def test_a_clock_that_was_never_set(place: Place) -> None:
    """As after a power cut, without a battery."""
    found = look(place.file("unset"), ManualClock(1_000_000), answer_s=SILENT_S)
    assert found["clock"].state is State.WRONG


def test_a_clock_that_is_off_is_told_by_the_acknowledgements(place: Place) -> None:
    """By how much, and in which direction."""
    found = look(place.file("ahead"), ManualClock(SystemClock().now() + 2 * HOUR))["clock"]
    assert found.state is State.WRONG
    assert "7" in found.said.en
    assert "ahead of the server's" in found.said.en


def test_a_clock_that_is_off_is_told_by_the_page(place: Place) -> None:
    """Where the file says which server, also without any acknowledgement."""

    class Old(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return "Mon, 01 Mar 2027 00:00:00 GMT"

        def do_HEAD(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Old)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        file = place.file("page", server=f"http://127.0.0.1:{server.server_address[1]}")
        found = list(check(file, connect, SystemClock()))
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
    (clock,) = [finding for finding in found if finding.check == "clock"]
    assert found.index(clock) == 2
    assert clock.state is State.WRONG


# --- the way to the broker --------------------------------------------------------------------------------------------


def test_no_such_host(place: Place) -> None:
    """And what is not looked at because of it."""
    file = place.file("dns", place.broker(host="none.invalid"))
    wrong(file, "dns", "there is no host none.invalid", "DNS")
    assert look(file)["rest"].state is State.SKIPPED


def test_nobody_listens(place: Place) -> None:
    """The host answers."""
    wrong(place.file("tcp", place.broker(port=free_port())), "tcp", "nothing listens on its port", "LINLI_BROKER_BIND")


def test_nothing_answers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a firewall that drops: here, a queue of connections that nobody takes is full."""
    monkeypatch.setattr(edge.reach, "CONNECT_S", 0.3)
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        broker = place.broker(host="127.0.0.1", port=listener.getsockname()[1])
        wrong(place.file("dropped", broker), "tcp", "timed out", "firewall")


def test_something_else_listens(place: Place) -> None:
    """It takes the connection and never speaks MQTT."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        closer = threading.Thread(target=_hang_up, args=(other,), daemon=True)
        closer.start()
        wrong(
            place.file("other", place.broker(port=other.getsockname()[1])),
            "sign_in",
            "MQTT is not answered there",
            sign_in_s=SILENT_S,
        )
        other.shutdown(socket.SHUT_RDWR)
    closer.join(timeout=5)


def _hang_up(listener: socket.socket) -> None:
    while True:
        try:
            listener.accept()[0].close()
        except OSError:
            return


def test_a_wrong_password(place: Place) -> None:
    """As after the gateway was enrolled on another machine."""
    wrong(place.file("password", place.broker(password="no")), "sign_in", "refuses the sign-in", "linli gateway invite")


def test_another_gateways_user(place: Place) -> None:
    """NATS refuses the subscription; Mosquitto grants it and delivers nothing, and then no more than that is known."""
    user = BrokerUsers(DataFolder(place.settings.data).secrets).get(gateway_user("gw2"))
    file = place.file("other-user", place.broker(username=user.name, password=user.password))
    if place.settings.broker == "nats":
        wrong(file, "permission", "refuses the subscription of acknowledgements", "linli/v1/c1/gateway/gw1/ack/+")
    else:
        found = look(file, answer_s=SILENT_S)
        assert found["permission"].state is State.UNKNOWN
        assert found["consumers"].remedy is not None
        assert "linli gateway list" in found["consumers"].remedy.en


def test_a_consumer_that_does_not_answer(place: Place) -> None:
    """One of three: it is named, and where to look."""
    file = place.file("silent", consumers=["ingest", "rules", "archive"])
    wrong(file, "consumers", "archive does not acknowledge", "run linli status")


def test_tls_where_there_is_none(place: Place) -> None:
    """One way to have `tls` wrong."""
    wrong(place.file("plain", place.broker(tls=True)), "tls", "no TLS with localhost", "not speak TLS")


@pytest.mark.parametrize(
    ("name", "host", "days", "state", "remedy"),
    [
        ("old", "localhost", -1, State.WRONG, "has expired"),
        ("other", "other.example", 60, State.WRONG, "for another host name"),
        ("soon", "localhost", 3, State.MIND, "expires soon"),
    ],
)
def test_certificates_out_of_their_time_or_for_another(
    tmp_path: Path, name: str, host: str, days: int, state: State, remedy: str
) -> None:
    """Shown by a port that is no broker: TLS comes before that matters."""
    authority = Authority(tmp_path)
    certificate = authority.issue(name, host, days=days)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_shake_hands, args=(listener, certificate), daemon=True)
        server.start()
        broker = Broker("localhost", listener.getsockname()[1], None, None, tls=True, ca=authority.file)
        found = list(reach(broker, "", SystemClock().now()))[-1]
        listener.shutdown(socket.SHUT_RDWR)
    server.join(timeout=5)
    assert (found.check, found.state) == ("tls", state)
    assert found.remedy is not None
    assert remedy in found.remedy.en


def _shake_hands(listener: socket.socket, certificate: Certificate) -> None:
    """Show it to one client."""
    with listener.accept()[0] as sock, contextlib.suppress(OSError):
        sock.settimeout(5)
        with certificate.server_context().wrap_socket(sock, server_side=True) as secured:
            secured.recv(1)


# --- the devices' side ------------------------------------------------------------------------------------------------


def test_the_devices_broker(place: Place) -> None:
    """Not there; refusing; heard, with a device that nobody mapped."""
    sources = [{"kind": "zigbee2mqtt", "base": "linli/v1/c1/gateway/gw1", "devices": {"Front Door": "c1-door-01"}}]
    wrong(
        place.file("d1", device_broker=place.broker(port=free_port()), sources=sources),
        "device_broker_tcp",
        "nothing listens",
    )
    wrong(
        place.file("d2", device_broker=place.broker(password="no"), sources=sources),
        "device_broker_sign_in",
        "refuses the sign-in",
        "device_broker",
    )
    found = look(place.file("d3"))["devices"]
    assert found.state is State.MIND
    assert "there is no device_broker" in found.said.en


# --- a broker that demands certificates -----------------------------------------------------------------------------------


def test_a_strict_broker_lets_the_right_certificate_in(strict: Place) -> None:
    """TLS with a CA of one's own and a client certificate, all the way to the acknowledgements."""
    found = look(strict.file("well"))
    assert {name for name, finding in found.items() if finding.state is not State.OK} == {"devices"}
    assert "TLSv1.3" in found["tls"].said.en


def test_certificates_that_are_not_right(strict: Place, tmp_path: Path) -> None:
    """Each with its cause: the trusted CA, the name, the client's certificate, its key."""
    stranger = Authority(tmp_path, "stranger")
    other = stranger.issue("other")
    assert strict.client is not None
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        [
            need("openssl"),
            "pkey",
            "-in",
            str(strict.client.key),
            "-aes256",
            "-passout",
            "pass:x",
            "-out",
            str(encrypted),
        ],
        check=True,
        capture_output=True,
    )
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for changes, said, remedy in (
        ({"ca": str(stranger.file)}, "no TLS with localhost", "not signed by a CA that is trusted here"),
        ({"ca": None}, "no TLS with localhost", "not signed by a CA that is trusted here"),
        ({"host": "127.0.0.1"}, "no TLS with 127.0.0.1", "not for this IP address"),
        ({"certificate": None, "key": None}, "no TLS with localhost", "demands a client certificate"),
        ({"certificate": str(other.file), "key": str(other.key)}, "no TLS with localhost", "does not take the client"),
        ({"key": str(other.key)}, "is not the key of the certificate", ""),
        ({"key": str(encrypted)}, "has a passphrase", ""),
        ({"key": str(tmp_path / "none.key")}, "cannot be read", ""),
        ({"ca": str(empty)}, "holds no certificate", ""),
        ({"certificate": str(empty)}, "holds no certificate", ""),
    ):
        wrong(strict.file("tls", strict.broker(**changes)), "tls", said, remedy)


def test_no_tls_where_there_is(strict: Place) -> None:
    """The other way."""
    plain = strict.broker(tls=None, ca=None, certificate=None, key=None)
    wrong(strict.file("plain", plain), "sign_in", "speaks TLS", "tls: true", SILENT_S)
