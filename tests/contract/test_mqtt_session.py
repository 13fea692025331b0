"""The contract of `ports.SessionClient`: what was not acknowledged comes again, to the fake and to paho on real brokers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.adapters.mqtt_session import PahoSession
from linli.ports import MqttClient, SessionClient
from linli.testing import FakeBroker
from tests.contract import brokers
from tests.support import eventually

pytestmark = pytest.mark.filterwarnings("error")


class Listener:
    """Notes what comes and, if told to, acknowledges it at once."""

    def __init__(self, client: SessionClient, acknowledging: bool = False) -> None:
        self.client = client
        self.acknowledging = acknowledging
        self.messages: list[bytes] = []
        self.numbers: list[int] = []
        self.retained: list[bytes] = []

    def start(self) -> None:
        self.client.start(self._came, lambda: None, lambda _reason: None)
        eventually(lambda: self.client.connected)

    def _came(self, _topic: str, payload: bytes, retained: bool) -> None:
        self.messages.append(payload)
        self.numbers.append(self.client.current)
        if retained:
            self.retained.append(payload)
        if self.acknowledging:
            self.client.acknowledge([self.client.current])


class World:
    """One session and one sender, at one broker."""

    def __init__(self, session: Callable[[], SessionClient], sender: MqttClient) -> None:
        self.session = session
        self.sender = sender
        sender.start(lambda *_: None, lambda: None, lambda _reason: None)
        eventually(lambda: sender.connected)

    def listener(self, acknowledging: bool = False) -> Listener:
        """Started, and sure to hear."""
        listener = Listener(self.session(), acknowledging)
        listener.client.subscribe(["t/#"], 1)
        listener.start()

        def heard() -> bool:
            self.say(b"probe")
            return b"probe" in listener.messages

        eventually(heard, what="the subscription is in force")
        listener.client.acknowledge(listener.numbers)
        return listener

    def say(self, payload: bytes) -> None:
        assert self.sender.publish("t/a", payload, 1)


@pytest.fixture(params=["fake", pytest.param("mosquitto", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """NATS is not among them: it sends again only when its `ack_wait` is over, 30 s."""
    if request.param == "fake":
        fake = FakeBroker()
        yield World(fake.session, fake.client())
        return
    broker = brokers.mosquitto(tmp_path)
    broker.start()
    config = MqttConfig("127.0.0.1", broker.port)
    made: list[PahoClient] = [PahoClient(config, "sender")]

    def session() -> PahoSession:
        made.append(PahoSession(config, "devices-secret", ["former/#"]))
        return made[-1]  # type: ignore[return-value]

    yield World(session, made[0])
    for client in made:
        client.stop()
    broker.kill()


def test_what_is_acknowledged_does_not_come_again(world: World) -> None:
    """After a reconnect, only what was not."""
    listener = world.listener()
    for number in range(3):
        world.say(b"%d" % number)
    eventually(lambda: listener.messages[-3:] == [b"0", b"1", b"2"])
    assert all(listener.numbers)
    listener.client.acknowledge(listener.numbers[:-2])
    listener.acknowledging = True
    seen = len(listener.messages)
    listener.client.reconnect()
    eventually(lambda: len(listener.messages) >= seen + 2)
    again = [payload for payload in listener.messages[seen:] if payload != b"probe"]
    assert sorted(again) == [b"1", b"2"]
    world.say(b"last")
    eventually(lambda: listener.messages[-1] == b"last")
    assert listener.messages[seen:].count(b"0") == 0


def test_numbers_of_a_connection_that_was_lost_mean_nothing(world: World) -> None:
    """Who acknowledges late, because the disk was slow, does no harm: at worst a message comes twice."""
    listener = world.listener()
    world.say(b"1")
    eventually(lambda: listener.messages[-1] == b"1")
    old = listener.numbers[-1]
    seen = len(listener.messages)
    listener.client.reconnect()
    eventually(lambda: b"1" in listener.messages[seen:])
    listener.client.acknowledge([old, old])
    world.say(b"2")
    eventually(lambda: listener.messages[-1] == b"2")


def test_outside_of_a_message_there_is_none(world: World) -> None:
    """So that what was sent at QoS 0 is not acknowledged by mistake."""
    listener = world.listener()
    assert listener.client.current == 0


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["mosquitto", "nats"])
def test_the_next_process_of_the_same_name_gets_what_came_meanwhile(kind: str, tmp_path: Path) -> None:
    """Also what came while nobody was connected; and what it published at QoS 0 is numbered 0."""
    broker = {"mosquitto": brokers.mosquitto, "nats": brokers.nats}[kind](tmp_path)
    broker.start()
    config = MqttConfig("127.0.0.1", broker.port)
    world = World(lambda: PahoSession(config, "devices-secret"), PahoClient(config, "sender"))
    first = world.listener()
    world.sender.publish("t/a", b"fleeting", 0)
    eventually(lambda: b"fleeting" in first.messages)
    assert first.numbers[first.messages.index(b"fleeting")] == 0
    first.client.stop()
    world.say(b"meanwhile")
    second = Listener(world.session(), acknowledging=True)
    second.start()
    eventually(lambda: b"meanwhile" in second.messages)
    assert not second.retained
    second.client.stop()
    world.sender.stop()
    broker.kill()
