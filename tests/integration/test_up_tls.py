"""The embedded broker with TLS, for real: Linli's services and gateways connect, others do not, and a renewal is taken up."""

import os
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.adapters.connect import gateway_client, service_client
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.cli.stack import Stack, prepare
from linli.datafolder import DataFolder
from linli.model import Lane
from linli.ports import Will
from linli.settings import BrokerKind, Settings, load_settings
from linli.topics import Leaf, any_gateway, lane_topic, status_topic
from tests.certificates import Authority, Certificate
from tests.integration.test_up_broker import Ear
from tests.support import eventually, free_port, need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


@dataclass
class World:
    """A broker that demands client certificates, and what signs them."""

    settings: Settings
    stack: Stack
    authority: Authority
    clients: Authority
    served: Certificate
    """What the broker shows: copies, which a test may replace."""

    def shown(self) -> object:
        """The serial number of the certificate that the broker shows now."""
        context = ssl.create_default_context(cafile=self.authority.file)
        own = self.settings
        assert own.broker_certificate is not None
        context.load_cert_chain(own.broker_certificate, own.broker_key)
        with (
            socket.create_connection(("localhost", own.broker_endpoint[1]), timeout=5) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as secured,
        ):
            return (secured.getpeercert() or {})["serialNumber"]


@pytest.fixture(params=["nats", "mosquitto"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind: BrokerKind = request.param
    if kind == "mosquitto":
        need("mosquitto")
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    server, own = authority.issue("server", "localhost"), clients.issue("own")
    served = Certificate(tmp_path / "with space.pem", tmp_path / "with space.key")
    shutil.copy(server.file, served.file)
    shutil.copy(server.key, served.key)
    settings = load_settings(
        data=tmp_path / "data",
        broker=kind,
        port=free_port(),
        broker_port=free_port(),
        broker_tls_certificate=served.file,
        broker_tls_key=served.key,
        broker_tls_client_ca=clients.file,
        broker_certificate=own.file,
        broker_key=own.key,
    )
    prepare(settings)
    BrokerUsers(DataFolder(settings.data).secrets).ensure({gateway_user("gw1"): gateway_access("c1", "gw1")})
    stack = Stack(settings, ("broker",))
    stack.check()
    stack.start()
    try:
        assert stack.wait_ready(10), stack.states()
        yield World(settings, stack, authority, clients, served)
    finally:
        stack.stop()


@pytest.fixture
def ears() -> Iterator[list[Ear]]:
    """Clients to stop at the end."""
    opened: list[Ear] = []
    yield opened
    for ear in opened:
        ear.client.stop()


def connected(ears: list[Ear], client: PahoClient, *topics: str) -> Ear:
    ears.append(Ear(client, *topics))
    return ears[-1].up()


def remote(world: World, certificate: Certificate | None, ca: Path | None) -> PahoClient:
    """A gateway on another machine, by the name on the broker's certificate."""
    user = BrokerUsers(DataFolder(world.settings.data).secrets).get(gateway_user("gw1"))
    shown = (None, None) if certificate is None else (certificate.file, certificate.key)
    port = world.settings.broker_endpoint[1]
    return PahoClient(MqttConfig("localhost", port, user.name, user.password, True, ca, *shown), "gateway-gw1")


def test_services_and_gateways_speak_tls(world: World, ears: list[Ear]) -> None:
    """A service on loopback, which trusts that one certificate; a gateway here; one elsewhere, which trusts the CA."""
    topic = lane_topic("c1", "gw1", Lane.URGENT)
    ingest = connected(ears, service_client(world.settings, "ingest"), any_gateway(Leaf.URGENT))
    here = connected(ears, gateway_client(world.settings, "gw1", Will(status_topic("c1", "gw1"), b"off")))
    there = connected(ears, remote(world, world.clients.issue("agent"), world.authority.file))

    def send() -> bool:
        here.client.publish(topic, b"here")
        there.client.publish(topic, b"there")
        return ingest.has(topic, b"here") and ingest.has(topic, b"there")

    eventually(send, what="both are heard")
    log = (DataFolder(world.settings.data).logs / f"{world.settings.broker}.log").read_text()
    assert "handshake" not in log, "the supervisor's looks leave nothing in the log"
    assert "OpenSSL" not in log


def test_who_shows_no_right_certificate_is_kept_out(world: World, ears: list[Ear], tmp_path: Path) -> None:
    """None at all, another CA's, or no TLS: the right password does not help. Nor is a broker of another CA trusted."""
    stranger = Authority(tmp_path, "stranger")
    right = world.clients.issue("agent")
    user = BrokerUsers(DataFolder(world.settings.data).secrets).get(gateway_user("gw1"))
    plain = MqttConfig("localhost", world.settings.broker_endpoint[1], user.name, user.password)
    for client in (
        remote(world, None, world.authority.file),
        remote(world, stranger.issue("forged"), world.authority.file),
        remote(world, right, stranger.file),
        remote(world, right, None),
        PahoClient(plain, "gateway-gw1"),
    ):
        ear = Ear(client)
        ears.append(ear)
        eventually(lambda ear=ear: ear.losses, what="it is not let in")  # type: ignore[misc]  # bound for each
        assert ear.connects == 0


def test_a_renewed_certificate_is_taken_up_and_nobody_is_thrown_out(world: World, ears: list[Ear]) -> None:
    """Within seconds of the files being replaced; services find the new one when they next connect."""
    ingest = connected(ears, service_client(world.settings, "ingest"), any_gateway(Leaf.URGENT))
    before, fresh = world.shown(), world.authority.issue("renewed", "localhost")
    pid = world.stack.states()[0].pid
    shutil.copy(fresh.file, world.served.file)
    shutil.copy(fresh.key, world.served.key)
    eventually(lambda: world.shown() != before, what="the new certificate is shown")
    assert ingest.connects == 1
    assert world.stack.states()[0].pid == pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: ingest.connects > 1, 20, "the service connects to the broker with the new certificate")
