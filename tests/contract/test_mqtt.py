"""The contract of `ports.MqttClient`: the fake and the paho adapter on real brokers behave alike."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import pytest

from linli.adapters import mqtt
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.errors import ConfigError
from linli.ports import MqttClient, Will
from linli.testing import FakeBroker, FakeClient
from tests.contract import brokers
from tests.support import eventually, free_port

pytestmark = pytest.mark.filterwarnings("error")


@dataclass
class Listener:
    """What a client has called back, in order."""

    messages: list[tuple[str, bytes, bool]] = field(default_factory=list)
    connects: int = 0
    losses: int = 0
    reasons: list[str] = field(default_factory=list)

    def start(self, client: MqttClient) -> None:
        client.start(lambda *message: self.messages.append(message), self._connected, self._lost)
        eventually(lambda: client.connected)

    def _connected(self) -> None:
        self.connects += 1

    def _lost(self, reason: str) -> None:
        self.losses += 1
        self.reasons.append(reason)

    def topics(self) -> list[str]:
        return [topic for topic, _, _ in self.messages]


class World(Protocol):
    """One implementation with its broker."""

    def client(self, will: Will | None = None) -> MqttClient: ...

    def cut(self, client: MqttClient) -> None:
        """Break this client's connection without a word."""

    def stop_broker(self) -> None: ...

    def start_broker(self) -> None: ...


class FakeWorld:
    def __init__(self) -> None:
        self.broker = FakeBroker()

    def client(self, will: Will | None = None) -> FakeClient:
        return self.broker.client(will)

    def cut(self, client: MqttClient) -> None:
        assert isinstance(client, FakeClient)
        client.cut()

    def stop_broker(self) -> None:
        for client in self.broker.clients:
            client.cut()
        self.broker.retained.clear()

    def start_broker(self) -> None:
        for client in self.broker.clients:
            client.restore()


class PahoWorld:
    def __init__(self, broker: brokers.BrokerProcess) -> None:
        self.broker = broker
        self._clients: list[PahoClient] = []

    def client(self, will: Will | None = None, username: str | None = None) -> PahoClient:
        client = PahoClient(MqttConfig("127.0.0.1", self.broker.port, username, username), "test", will)
        self._clients.append(client)
        return client

    def cut(self, client: MqttClient) -> None:
        assert isinstance(client, PahoClient)
        stream: Any = client._client.socket()
        assert stream is not None
        stream.shutdown(socket.SHUT_RDWR)

    def stop_broker(self) -> None:
        self.broker.kill()

    def start_broker(self) -> None:
        self.broker.start()

    def close(self) -> None:
        for client in self._clients:
            client.stop()
        self.broker.kill()


@pytest.fixture(
    params=[
        "fake",
        pytest.param("mosquitto", marks=pytest.mark.integration),
        pytest.param("nats", marks=pytest.mark.integration),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    broker = {"mosquitto": brokers.mosquitto, "nats": brokers.nats}[request.param](tmp_path)
    broker.start()
    with closing(PahoWorld(broker)) as real:
        yield real


def _settled(world: World, listener: Listener) -> None:
    """Return once the subscriptions of `listener` are in force: a probe that others send reaches it."""
    probe = world.client()
    Listener().start(probe)

    def heard() -> bool:
        probe.publish("t/probe", b"")
        return "t/probe" in listener.topics()

    eventually(heard, what="a subscription is in force")
    probe.stop()


def _subscribed(world: World, *topics: str) -> tuple[MqttClient, Listener]:
    client, listener = world.client(), Listener()
    client.subscribe([*topics, "t/probe"], 1)
    listener.start(client)
    _settled(world, listener)
    return client, listener


def test_messages_come_in_order_with_topic_and_payload(world: World) -> None:
    """What one client publishes the other gets: every byte, in order, not as retained, and only what it asked for."""
    _, listener = _subscribed(world, "t/+/a")
    sender = world.client()
    Listener().start(sender)
    for number in range(200):
        assert sender.publish(f"t/{number % 3}/a", bytes([0, 255, number]), qos=number % 2)
        assert sender.publish("t/1/b", b"nobody asked")
    eventually(lambda: listener.topics().count("t/1/a") == 67 and len(_of(listener, "t/0/a")) == 67)
    eventually(lambda: len(_of(listener, "t/2/a")) == 66)
    for rest in range(3):
        payloads = [payload[2] for payload in _of(listener, f"t/{rest}/a")]
        for parity in (0, 1):  # brokers keep the order of one topic and one QoS
            kept = [number for number in payloads if number % 2 == parity]
            assert kept == sorted(kept)
    assert "t/1/b" not in listener.topics()
    assert not any(retained for _, _, retained in listener.messages)


def _of(listener: Listener, topic: str) -> list[bytes]:
    return [payload for name, payload, _ in listener.messages if name == topic]


def test_messages_go_out_at_once(world: World) -> None:
    """Publishing wakes a client that waits for the network: ten messages, each sent when the last has arrived."""
    _, listener = _subscribed(world, "t/now")
    sender = world.client()
    Listener().start(sender)
    begun = monotonic()
    for number in range(1, 11):
        sender.publish("t/now", b"")
        eventually(lambda: len(_of(listener, "t/now")) == number)  # noqa: B023  (called within the loop)
    assert monotonic() - begun < 3


def test_a_large_message_arrives_whole(world: World) -> None:
    """Half a megabyte, the wire format's limit, takes many writes of the socket and still is one message."""
    _, listener = _subscribed(world, "t/large")
    sender = world.client()
    Listener().start(sender)
    payload = bytes(range(256)) * 2048
    assert sender.publish("t/large", payload)
    eventually(lambda: "t/large" in listener.topics())
    assert _of(listener, "t/large") == [payload]


def test_two_threads_may_publish(world: World) -> None:
    """Packets of publishing threads never mix on the wire, also when the socket takes only part of one."""
    _, listener = _subscribed(world, "t/thread/+")
    sender = world.client()
    Listener().start(sender)

    def send(letter: int) -> None:
        for number in range(60):
            sender.publish(f"t/thread/{letter}", bytes([letter]) * (40_000 + number))

    threads = [threading.Thread(target=send, args=(letter,)) for letter in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: sum(name.startswith("t/thread") for name in listener.topics()) == 180, timeout=30)
    for letter in range(3):
        assert _of(listener, f"t/thread/{letter}") == [bytes([letter]) * (40_000 + number) for number in range(60)]


@pytest.mark.parametrize("qos", [0, 1])
def test_many_at_once_arrive_whole_and_in_order(world: World, qos: int) -> None:
    """Of every size that needs another length header, among single ones, also when the socket takes only part of them."""
    _, listener = _subscribed(world, "t/many", "t/one")
    sender = world.client()
    assert sender.publish_many("t/many", [b"too early"], qos) == 0
    Listener().start(sender)
    sizes = [0, 1, 100, 120, 121, 122, 16_000, 16_376, 16_377, 70_000, 500_000, 3]
    payloads = [bytes([number]) * size for number, size in enumerate(sizes)]
    assert sender.publish_many("t/many", [], qos) == 0
    for _ in range(4):
        assert sender.publish_many("t/many", payloads, qos) == len(payloads)
        assert sender.publish("t/one", b"between")
    eventually(lambda: len(_of(listener, "t/many")) == 4 * len(payloads) and len(_of(listener, "t/one")) == 4)
    assert _of(listener, "t/many") == 4 * payloads


@pytest.mark.parametrize("qos", [0, 1])
def test_messages_of_several_topics_arrive_whole_and_in_order(world: World, qos: int) -> None:
    """As a worker answers many lanes; none while there is no connection."""
    _, listener = _subscribed(world, "t/a", "t/b")
    sender = world.client()
    messages = [("t/a", b"1"), ("t/b", b"2" * 70_000), ("t/a", b""), ("t/b", b"4" * 200)]
    assert sender.publish_each(messages, qos) == 0
    Listener().start(sender)
    assert sender.publish_each([], qos) == 0
    for _ in range(3):
        assert sender.publish_each(messages, qos) == len(messages)
    eventually(lambda: len(_of(listener, "t/a")) == len(_of(listener, "t/b")) == 6)
    for topic in ("t/a", "t/b"):
        assert _of(listener, topic) == 3 * [payload for name, payload in messages if name == topic]


def test_retained_is_told_to_who_comes_later_and_flagged(world: World) -> None:
    """The flag is what tells a status of long ago from one that has just been said."""
    sender = world.client()
    Listener().start(sender)
    _, early = _subscribed(world, "t/status")
    assert sender.publish("t/status", b"online", qos=1, retain=True)
    eventually(lambda: "t/status" in early.topics())
    _, later = _subscribed(world, "t/status")
    eventually(lambda: "t/status" in later.topics())
    assert ("t/status", b"online", False) in early.messages
    assert ("t/status", b"online", True) in later.messages


def test_an_empty_retained_message_clears_it(world: World) -> None:
    """So that a gateway taken out of service leaves no status behind."""
    sender = world.client()
    Listener().start(sender)
    _, early = _subscribed(world, "t/status")
    sender.publish("t/status", b"online", qos=1, retain=True)
    sender.publish("t/status", b"", qos=1, retain=True)
    eventually(lambda: _of(early, "t/status") == [b"online", b""])
    _, later = _subscribed(world, "t/status")
    assert _of(later, "t/status") == []


def test_the_will_is_published_when_the_connection_is_lost(world: World) -> None:
    """And retained, so that who comes later knows as well."""
    _, listener = _subscribed(world, "t/will")
    client, own = world.client(Will("t/will", b"offline")), Listener()
    own.start(client)
    world.cut(client)
    eventually(lambda: "t/will" in listener.topics())
    assert _of(listener, "t/will") == [b"offline"]
    eventually(lambda: own.losses >= 1)
    _, later = _subscribed(world, "t/will")
    eventually(lambda: ("t/will", b"offline", True) in later.messages)


def test_an_orderly_stop_publishes_no_will(world: World) -> None:
    """Who says goodbye is not announced as lost; and what it published before stopping still goes out."""
    _, listener = _subscribed(world, "t/will", "t/last")
    client = world.client(Will("t/will", b"offline"))
    Listener().start(client)
    client.publish("t/last", b"word")
    client.stop()
    assert not client.connected
    eventually(lambda: "t/last" in listener.topics())
    _settled(world, listener)
    assert "t/will" not in listener.topics()


def test_it_comes_back_with_its_subscriptions(world: World) -> None:
    """A broker killed and started again: publish says False meanwhile, then everything is as before."""
    client, listener = _subscribed(world, "t/back")
    world.stop_broker()
    eventually(lambda: not client.connected)
    assert not client.publish("t/back", b"into the void")
    assert listener.losses >= 1
    client.subscribe(["t/new"], 0)
    world.start_broker()
    eventually(lambda: client.connected and listener.connects == 2, timeout=15)

    def heard() -> bool:
        client.publish("t/back", b"again")
        client.publish("t/new", b"too")
        return {"t/back", "t/new"} <= set(listener.topics())

    eventually(heard)
    assert b"into the void" not in _of(listener, "t/back")


@pytest.fixture(params=["fake", pytest.param("nats", marks=pytest.mark.integration)])
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MqttClient]:
    """A client that may hear `t/mine` and not `t/secret`. (Mosquitto grants any subscription, and then sends nothing.)"""
    if request.param == "fake":
        broker = FakeBroker()
        broker.refusing.add("t/secret")
        yield broker.client()
        return
    process = brokers.nats(
        tmp_path, 'users: [{user: u, password: u, permissions: {subscribe: ["t.mine"], publish: ">"}}]'
    )
    process.start()
    with closing(PahoWorld(process)) as world:
        yield world.client(username="u")


def test_a_refused_subscription_is_told(limited: MqttClient) -> None:
    """Whoever hears nothing must not look well: by name, whether it was asked for before connecting or after."""
    listener = Listener()
    limited.subscribe(["t/mine", "t/secret"], 1)
    listener.start(limited)
    eventually(lambda: listener.reasons == ["it refuses the subscription of t/secret"])
    assert limited.connected
    limited.subscribe(["t/secret"], 0)
    eventually(lambda: len(listener.reasons) == 2)
    limited.publish("t/mine", b"heard")
    eventually(lambda: listener.topics() == ["t/mine"])


def test_publish_says_false_before_the_first_connection(world: World) -> None:
    """Nothing is queued for a connection that may never come."""
    client = world.client()
    assert not client.connected
    assert not client.publish("t", b"too early")
    client.stop()


def test_stop_is_quick_leaves_no_thread_and_may_be_repeated(world: World) -> None:
    """Connected, or while no broker answers."""
    before = set(threading.enumerate())
    client = world.client()
    Listener().start(client)
    client.stop()
    client.stop()
    assert not client.connected
    assert not client.publish("t", b"after")
    other = world.client()
    Listener().start(other)
    world.stop_broker()
    eventually(lambda: not other.connected)
    other.stop()
    assert set(threading.enumerate()) <= before


# --- the paho adapter alone -----------------------------------------------------------------------------------------


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[brokers.BrokerProcess]:
    broker = brokers.mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


def test_stop_while_nothing_listens() -> None:
    """The thread that tries to connect ends when told, without waiting for its back-off."""
    before = set(threading.enumerate())
    losses: list[str] = []
    client = PahoClient(MqttConfig("127.0.0.1", free_port()), "test")
    client.start(lambda *_: None, lambda: None, losses.append)
    eventually(lambda: len(losses) >= 3)
    client.stop()
    assert set(threading.enumerate()) <= before


def test_a_peer_that_accepts_and_says_nothing(tmp_path: Path) -> None:
    """A listener that is no broker counts as not connected, and stop works."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = PahoClient(MqttConfig("127.0.0.1", server.getsockname()[1]), "test")
        client.start(lambda *_: None, lambda: None, lambda _reason: None)
        peer, _ = server.accept()
        with closing(peer):
            assert not client.connected
            assert not client.publish("t", b"")
        client.stop()


@pytest.mark.integration
def test_a_callback_that_fails_does_not_end_the_client(mosquitto: brokers.BrokerProcess) -> None:
    """The connection is made anew and goes on; a deaf process that looks alive would be worse."""
    heard: list[bytes] = []

    def on_message(_topic: str, payload: bytes, _retained: bool) -> None:
        heard.append(payload)
        if payload == b"poison":
            raise RuntimeError("a bug of ours")

    client = PahoClient(MqttConfig("127.0.0.1", mosquitto.port), "test")
    client.subscribe(["t"], 0)
    client.start(on_message, lambda: None, lambda _reason: None)

    def sends(payload: bytes) -> Callable[[], bool]:
        def attempt() -> bool:
            client.publish("t", payload)
            return payload in heard

        return attempt

    eventually(sends(b"poison"))
    eventually(sends(b"well"))
    client.stop()


@pytest.mark.integration
def test_a_full_queue_says_false(mosquitto: brokers.BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """At QoS 0 too, where paho itself would take messages until memory ends: the broker here takes nothing more."""
    monkeypatch.setattr(mqtt, "MAX_QUEUED", 50)
    release = threading.Event()
    client = PahoClient(MqttConfig("127.0.0.1", mosquitto.port), "test")
    client.subscribe(["t"], 0)
    client.start(lambda *_: _wait(release), lambda: None, lambda _reason: None)
    eventually(lambda: client.connected)
    taken = 0
    while client.publish("t", b"x" * 1000):  # the first that comes back holds up the client's own thread
        taken += 1
        assert taken < 1_000_000
    assert taken >= 50
    release.set()
    eventually(lambda: client.publish("t", b"room again"))
    client.stop()


@pytest.mark.integration
def test_a_full_queue_takes_only_the_first_of_many(mosquitto: brokers.BrokerProcess) -> None:
    """Joined messages are bounded in bytes; who is told how many were taken goes on from there."""
    release = threading.Event()
    heard: list[bytes] = []

    def on_message(_topic: str, payload: bytes, _retained: bool) -> None:
        release.wait(20)
        heard.append(payload)

    client = PahoClient(MqttConfig("127.0.0.1", mosquitto.port), "test")
    client.subscribe(["t"], 0)
    client.start(on_message, lambda: None, lambda _reason: None)
    eventually(lambda: client.connected)
    sent = 0
    payloads = [f"{number:06d}".encode() * 1000 for number in range(10_000)]
    while (taken := client.publish_many("t", payloads[sent : sent + 50])) == 50:
        sent += taken
    sent += taken
    assert sent < 10_000
    release.set()
    eventually(lambda: len(heard) >= 10)
    assert heard == payloads[: len(heard)]
    client.stop()


def _wait(release: threading.Event) -> None:
    release.wait(20)


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    """A wrong `broker_ca` is told at once, by file."""
    with pytest.raises(ConfigError) as caught:
        PahoClient(MqttConfig("127.0.0.1", tls=True, ca=tmp_path / "none.pem"), "test")
    assert caught.value.file == tmp_path / "none.pem"


def test_a_password_is_not_shown() -> None:
    """Configurations are logged."""
    assert "geheim" not in repr(MqttConfig("host", username="u", password="geheim"))
