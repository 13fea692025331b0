"""The simulator process without processes: a real agent at a broker in memory, a clock that the test moves."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli.codec import decode
from linli.db.registry import RegistrySnapshot
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Gateway, Message
from linli.testing import FakeBroker, ManualClock
from linli.topics import GatewayTopic, parse
from simulators import compound, scenario
from simulators.__main__ import Simulator, registered_devices
from simulators.day import Day
from simulators.player import Player
from simulators.requests import RequestFolder
from simulators.rotation import Rotation
from tests.support import eventually
from tests.unit.simulators.test_player import START, ZONE


class Steps(threading.Event):
    """A stop that lets `run` make some rounds, 50 ms of the clock apart, and then is set."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._left = round(seconds / 0.05)

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance(0.05)
        self._left -= 1
        if self._left <= 0:
            self.set()
        return self.is_set()


class World:
    """A simulator with all around it."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(START)
        self.broker = FakeBroker()
        config = AgentConfig(compound.COMMUNITY, compound.GATEWAY, folder / "outbox")
        self.agent = Agent(config, self.broker.client(last_will(config, self.clock)), self.clock)
        self.requests = RequestFolder(folder / "scenarios")
        self.player = Player(Day(compound.demo_devices(), 1, ZONE, START), self.agent)
        known = {name: scenario.load(file) for name, file in scenario.known().items()}
        rotation = Rotation(known, ZONE, START)
        self.simulator = Simulator(self.player, self.agent, rotation, self.requests, self.clock)

    def run(self, seconds: float) -> None:
        """Let it run for so long by its clock."""
        self.simulator.run(Steps(self.clock, seconds))

    def sent(self) -> list[Message]:
        """What has gone out on the lanes, each message once."""
        messages = {}
        for topic, payload in list(self.broker.sent):
            place = parse(topic)
            if isinstance(place, GatewayTopic) and place.lane is not None:
                message = decode(place, payload)
                messages[message.lane, message.sequence] = message
        return list(messages.values())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.agent.start()
    yield made
    made.agent.stop()


def test_first_scenario_comes_soon(world: World) -> None:
    """Within 20 s of the start the forced door's opening is in the outbox, on the urgent lane, with nothing before it."""
    world.run(20)
    assert world.player.counts.scenarios == 1
    taken = world.agent.stats()
    assert taken.queue_urgent >= 2
    assert world.player.counts.events >= 1


def test_request_is_played_and_answered(world: World) -> None:
    """A request in the folder is played at once and its start is told; one for a foreign device is refused."""
    wanted = scenario.find("pump-room-flood")
    world.requests.put("r1", wanted)
    foreign = '{"scenario": {"title": {"zh": "x", "en": "x"}, "about": {"zh": "x", "en": "x"}, "lasts": "5s", '
    foreign += '"steps": [{"at": "1s", "device": "nobody", "event": "a.b"}], "expect": []}}'
    (world.requests.path / "r2.json").write_text(foreign, encoding="utf-8")
    world.run(1)
    started, refused = world.requests.answer("r1"), world.requests.answer("r2")
    assert started is not None
    assert started.started_at == START
    assert refused is not None
    assert refused.refused is not None
    assert "nobody" in refused.refused.text.zh


def test_what_goes_out_is_the_wire_format(world: World) -> None:
    """Messages decode, are of the compound's gateway, and the first of each lane goes out without an acknowledgement."""
    world.run(30)
    eventually(lambda: len({message.lane for message in world.sent()}) == 2)
    assert {message.gateway for message in world.sent()} == {compound.GATEWAY}


def test_health(world: World) -> None:
    """Counters of what was handed over and what waits; not connected is said."""
    world.run(5)
    health = world.simulator.health()
    assert health.state == "ok"
    assert health.counters["readings"] > 0
    assert health.counters["queued"] > 0
    world.broker.clients[0].cut()
    assert world.simulator.health().state == "degraded"


def test_only_where_the_compound_is_registered() -> None:
    """On a registry without the demo compound it says so, and what to do."""
    with pytest.raises(NotFound) as caught:
        registered_devices(RegistrySnapshot())
    assert "--no-simulator" in caught.value.text.en


def test_devices_are_those_registered() -> None:
    """Whoever takes a device out of the registry silences it; another gateway's devices are not played."""
    gateway = Gateway(compound.GATEWAY, compound.COMMUNITY, Text("x", "x"))
    devices = {device.id: device for device in compound.demo_devices()[:3]}
    snapshot = RegistrySnapshot(gateways={gateway.id: gateway}, devices=devices)
    assert registered_devices(snapshot) == list(devices.values())
