"""The embedded broker, for real: NATS and Mosquitto, configured by us and asked over MQTT."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.adapters.connect import gateway_client, service_client
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.adapters.mqtt_reader import ReadingAhead
from linli.cli.stack import Stack, prepare
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.registry import save
from linli.db.registryremoving import remove
from linli.i18n import Text
from linli.model import Community, Consumer, Gateway, Lane
from linli.ports import Will
from linli.registry.changes import Key, Origin
from linli.settings import BrokerKind, Settings, load_settings
from linli.topics import Leaf, ack_topic, any_alert, any_gateway, lane_topic, status_topic
from tests.support import eventually, free_port, need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


NAME = Text("名", "Name")


class Ear:
    """A client that keeps what it hears."""

    def __init__(self, client: PahoClient, *topics: str, qos: int = 0) -> None:
        self.client = client
        self.heard: list[tuple[str, bytes, bool]] = []
        self.losses: list[str] = []
        self.connects = 0
        client.subscribe(topics, qos)
        client.start(lambda *message: self.heard.append(message), self._connected, self.losses.append)

    def _connected(self) -> None:
        self.connects += 1

    def up(self) -> "Ear":
        eventually(lambda: self.client.connected, what="the client connects")
        return self

    def has(self, topic: str, payload: bytes) -> bool:
        return any((topic, payload) == message[:2] for message in self.heard)


@pytest.fixture(params=["nats", "mosquitto"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    kind: BrokerKind = request.param
    if kind == "mosquitto":
        need("mosquitto")
    return load_settings(
        data=tmp_path / "with space" / "data", port=free_port(), broker=kind, broker_port=free_port(), log_level="debug"
    )


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    prepare(settings)
    BrokerUsers(DataFolder(settings.data).secrets).ensure(
        {
            gateway_user("gw1"): gateway_access("c1", "gw1"),
            gateway_user("gw2"): gateway_access("c1", "gw2"),
        }
    )
    stack = Stack(settings, ("broker",))
    stack.start()
    try:
        assert stack.wait_ready(10), stack.states()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def ears() -> Iterator[list[Ear]]:
    """Clients to stop at the end."""
    opened: list[Ear] = []
    yield opened
    for ear in opened:
        ear.client.stop()


def _gateway(settings: Settings, ears: list[Ear], name: str, *topics: str) -> Ear:
    will = Will(status_topic("c1", name), b"offline")
    ears.append(Ear(gateway_client(settings, name, will), *topics))
    return ears[-1].up()


def _service(settings: Settings, ears: list[Ear], name: str, *topics: str, qos: int = 0) -> Ear:
    ears.append(Ear(service_client(settings, name), *topics, qos=qos))
    return ears[-1].up()


def test_a_gateway_publishes_on_its_own_topics_and_no_other(settings: Settings, stack: Stack, ears: list[Ear]) -> None:
    """What it sends under another's name reaches nobody; the connection stands."""
    ingest = _service(settings, ears, "ingest", any_gateway(Leaf.URGENT), any_gateway(Leaf.BULK))
    gateway = _gateway(settings, ears, "gw1")
    own, foreign = lane_topic("c1", "gw1", Lane.URGENT), lane_topic("c1", "gw2", Lane.URGENT)

    def send() -> bool:
        gateway.client.publish(foreign, b"foreign")
        gateway.client.publish(own, b"own")
        return ingest.has(own, b"own")

    eventually(send, what="ingest hears the gateway")
    assert {topic for topic, _, _ in ingest.heard} == {own}


def test_a_gateway_hears_its_own_answers_and_no_others(settings: Settings, stack: Stack, ears: list[Ear]) -> None:
    """Acknowledgements of another gateway do not reach it, whatever it subscribes to."""
    ingest = _service(settings, ears, "ingest")
    gateway = _gateway(settings, ears, "gw1", ack_topic("c1", "gw1", "+"))
    spy = _gateway(settings, ears, "gw2", ack_topic("c1", "gw1", "+"), ack_topic("c1", "gw2", "+"))
    first, second = (ack_topic("c1", name, Consumer.INGEST) for name in ("gw1", "gw2"))

    def answer() -> bool:
        ingest.client.publish(first, b"1")
        ingest.client.publish(second, b"2")
        return gateway.has(first, b"1") and spy.has(second, b"2")

    eventually(answer, what="each gateway hears its answer")
    assert {topic for topic, _, _ in gateway.heard} == {first}
    assert {topic for topic, _, _ in spy.heard} == {second}


def test_a_service_publishes_only_what_is_its_own(settings: Settings, stack: Stack, ears: list[Ear]) -> None:
    """Ingest cannot acknowledge as rules, and who has nothing to publish publishes nothing."""
    gateway = _gateway(settings, ears, "gw1", ack_topic("c1", "gw1", "+"))
    ingest = _service(settings, ears, "ingest")
    tester = _service(settings, ears, "tester", any_alert())
    rules = _service(settings, ears, "rules")

    def send() -> bool:
        tester.client.publish(ack_topic("c1", "gw1", Consumer.INGEST), b"tester")
        ingest.client.publish(ack_topic("c1", "gw1", Consumer.RULES), b"ingest as rules")
        ingest.client.publish(ack_topic("c1", "gw1", Consumer.INGEST), b"ingest")
        rules.client.publish("linli/v1/c1/alert/a1", b"alert")
        return gateway.has(ack_topic("c1", "gw1", "ingest"), b"ingest") and tester.has("linli/v1/c1/alert/a1", b"alert")

    eventually(send, what="what is allowed arrives")
    assert {payload for _, payload, _ in gateway.heard} == {b"ingest"}


@pytest.mark.parametrize("user", [(None, None), ("linli.ingest", "wrong"), ("nobody", "x")])
def test_who_is_not_known_is_refused(settings: Settings, stack: Stack, user: tuple[str | None, str | None]) -> None:
    """Anonymous, with a wrong password, or under an unknown name."""
    host, port = settings.broker_endpoint
    ear = Ear(PahoClient(MqttConfig(host, port, *user), name="stranger"))
    try:
        eventually(lambda: ear.losses, what="the broker refuses")
        assert ear.connects == 0
        assert "authori" in ear.losses[0].lower()
    finally:
        ear.client.stop()


def test_status_is_retained_and_the_last_will_replaces_it(settings: Settings, stack: Stack, ears: list[Ear]) -> None:
    """Who comes later hears the last status; a connection that breaks off leaves 'offline'."""
    topic = status_topic("c1", "gw1")
    gateway = _gateway(settings, ears, "gw1")
    assert gateway.client.publish(topic, b"online", 1, retain=True)
    early = _service(settings, ears, "ingest", any_gateway(Leaf.STATUS), qos=1)
    eventually(lambda: early.has(topic, b"online"), what="the status comes")
    later = _service(settings, ears, "rules", any_gateway(Leaf.STATUS), qos=1)
    eventually(lambda: (topic, b"online", True) in later.heard, what="the retained status comes")
    sock = gateway.client._client.socket()
    assert isinstance(sock, ReadingAhead)
    sock.shutdown(socket.SHUT_RDWR)  # as a cable pulled: no DISCONNECT is sent
    eventually(lambda: early.has(topic, b"offline"), what="the last will comes")


@pytest.mark.parametrize("settings", ["nats"], indirect=True)
def test_a_retained_status_outlives_a_killed_broker(settings: Settings, stack: Stack, ears: list[Ear]) -> None:
    """NATS has it on disk; sessions come back by themselves."""
    topic = status_topic("c1", "gw1")
    gateway = _gateway(settings, ears, "gw1")
    gateway.client.publish(topic, b"online", 1, retain=True)
    ingest = _service(settings, ears, "ingest", any_gateway(Leaf.STATUS), qos=1)
    eventually(lambda: ingest.has(topic, b"online"), what="the status is there")
    ingest.heard.clear()
    pid = stack.states()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: ingest.connects > 1 and ingest.heard, 15, "the status comes again after a restart")


def test_a_user_added_at_runtime_gets_in_and_nobody_is_thrown_out(
    settings: Settings, stack: Stack, ears: list[Ear]
) -> None:
    """A new line in the table of users is enough: the broker is told within seconds, and sessions stay."""
    ingest = _service(settings, ears, "ingest", any_gateway(Leaf.URGENT))
    old = _gateway(settings, ears, "gw1")
    before = stack.states()[0].pid
    BrokerUsers(DataFolder(settings.data).secrets).ensure({gateway_user("gw9"): gateway_access("c2", "gw9")})
    new = _gateway(settings, ears, "gw9")
    topic = lane_topic("c2", "gw9", Lane.URGENT)

    def send() -> bool:
        new.client.publish(topic, b"new")
        old.client.publish(lane_topic("c1", "gw1", Lane.URGENT), b"old")
        return ingest.has(topic, b"new") and ingest.has(lane_topic("c1", "gw1", Lane.URGENT), b"old")

    eventually(send, what="the new gateway is heard")
    assert stack.states()[0].pid == before
    assert (ingest.connects, old.connects) == (1, 1)


def test_a_gateway_gets_in_as_long_as_it_is_registered(settings: Settings, stack: Stack, ears: list[Ear]) -> None:
    """Whoever registers or removes it, as the console or an import does: without a command and without a restart."""
    users, name = BrokerUsers(DataFolder(settings.data).secrets), gateway_user("gw3")
    with closing(open_database(settings.app_database_url)) as database:
        with database.write() as connection:
            save(connection, [Community("c1", NAME), *(Gateway(f"gw{number}", "c1", NAME) for number in (1, 2, 3))])
        eventually(lambda: name in users.all(), what="it has a user")
        ear = _gateway(settings, ears, "gw3")
        with database.write() as connection:
            remove(connection, [Key("gateway", "gw3")], Origin(1, "li"))
        eventually(lambda: name not in users.all(), what="it has none")
        eventually(lambda: not ear.client.connected, what="it is thrown out")
        assert {gateway_user("gw1"), gateway_user("gw2")} < users.all().keys()


def test_a_table_that_is_gone_lets_nobody_in_and_a_start_makes_a_new_one(
    settings: Settings, stack: Stack, ears: list[Ear], caplog: pytest.LogCaptureFixture
) -> None:
    """While it is gone, who is connected stays, also over the broker's death; after 'remove it and start again' all is new."""
    topic = lane_topic("c1", "gw1", Lane.URGENT)
    ingest, gateway = _service(settings, ears, "ingest", any_gateway(Leaf.URGENT)), _gateway(settings, ears, "gw1")
    users = BrokerUsers(DataFolder(settings.data).secrets)
    old = users.get("linli.ingest")
    users.file.unlink()
    eventually(lambda: "keeps the users it has" in caplog.text, what="the watcher has seen it")
    _refused(settings, None, None)
    pid = stack.states()[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: ingest.connects > 1 and gateway.connects > 1, 15, "both come back")

    def send() -> bool:
        gateway.client.publish(topic, b"again")
        return ingest.has(topic, b"again")

    eventually(send, what="the gateway is heard again")
    _refused(settings, None, None)
    stack.stop()
    prepare(settings)
    second = Stack(settings, ("broker",))
    second.start()
    try:
        assert second.wait_ready(10), second.states()
        assert _service(settings, ears, "rules").client.connected
        _refused(settings, old.name, old.password)
        _refused(settings, None, None)
    finally:
        second.stop()


def _refused(settings: Settings, name: str | None, password: str | None) -> None:
    """Fail unless the broker refuses to let this user in."""
    host, port = settings.broker_endpoint
    ear = Ear(PahoClient(MqttConfig(host, port, name, password), name="stranger"))
    try:
        eventually(lambda: any("authori" in loss.lower() for loss in ear.losses), what="the broker refuses")
        assert ear.connects == 0
    finally:
        ear.client.stop()


def test_secrets_lie_in_files_of_their_owner_alone(settings: Settings, stack: Stack) -> None:
    """No password is readable to others, on the command line or in a log."""
    folder = DataFolder(settings.data)
    passwords = {entry["password"] for entry in json.loads((folder.secrets / "broker.json").read_text()).values()}
    for file in folder.root.rglob("*"):
        if file.is_file() and any(password in file.read_text(errors="replace") for password in passwords):
            assert file.stat().st_mode & 0o077 == 0, file
            assert file.parent in (folder.secrets, folder.broker), file
