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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import edge.site.reach
from edge.__main__ import connect
from edge.agent import Agent, last_will
from edge.config import load_site
from edge.site.check import check
from edge.site.findings import State
from linli.access import BrokerUsers, gateway_user
from linli.clock import HOUR, SystemClock
from linli.datafolder import DataFolder
from linli.testing import ManualClock
from tests.certificates import Authority
from tests.integration.check_world import SILENT_S, Place, look, running, wrong
from tests.support import eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]

LINLI = Path(sys.executable).with_name("linli")


@pytest.fixture(scope="module", params=["nats", "mosquitto"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Without TLS, with both consumers."""
    folder = tmp_path_factory.mktemp("place")
    with running(folder, request.param) as settings:
        yield Place(settings, folder, Authority(folder), tls=False)


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
    assert not (place.folder / "well").exists(), "a folder made by the check might not be the agent's user's"
    assert not list(place.folder.glob(".linli-check-*"))
    for finding in found:
        whose = "device broker: " if finding.check.startswith("device_broker_") else "Linli's broker: "
        assert finding.said.en.startswith(whose) or finding.check.rpartition("_")[2] not in ("dns", "tcp", "tls", "in")


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
    found = look(file)
    assert (found["rest"].state, found["clock"].state) == (State.SKIPPED, State.UNKNOWN)


def test_nobody_listens(place: Place) -> None:
    """The host answers."""
    wrong(place.file("tcp", place.broker(port=free_port())), "tcp", "nothing listens on its port", "LINLI_BROKER_BIND")


def test_nothing_answers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind a firewall that drops: here, a queue of connections that nobody takes is full."""
    monkeypatch.setattr(edge.site.reach, "CONNECT_S", 0.3)
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


def test_the_devices_broker_has_its_own_advice(place: Place) -> None:
    """Nothing of Linli's server: it is another program on another machine."""
    file = place.file("advice", device_broker=place.broker(port=free_port()))
    found = look(file)["device_broker_tcp"]
    assert found.state is State.WRONG and found.remedy is not None
    assert found.said.en.startswith("device broker: ") and found.said.zh.startswith("设备一侧的消息服务器：")
    for words in ("LINLI_BROKER_BIND", "linli status"):
        assert words not in found.remedy.en and words not in found.remedy.zh
    assert "device_broker" in found.remedy.en
