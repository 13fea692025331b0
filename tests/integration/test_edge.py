"""The agent between two real Mosquittos, as a process: the devices' broker on one side, Linli's on the other."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from linli import topics
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.codec import Ack, decode, decode_status, encode_ack
from linli.delivery import Positions, Verdict, key_of
from linli.model import READINGS_TYPE, Message
from linli.topics import GatewayTopic
from tests.support import eventually, free_port, need

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]

AGENT = """\
community: c001
gateway: gw-c001
outbox: out
broker: {{host: 127.0.0.1, port: {linli}}}
device_broker: {{host: 127.0.0.1, port: {devices}}}
qos: {qos}
sources:
  - kind: zigbee2mqtt
    devices: {{"Front Door Lock.1": c001-door-01, "水泵房 水浸": c001-water-01}}
  - kind: frigate
    devices: {{gate north: c001-cam-01}}
"""


class Mosquitto:
    """A broker in a folder, that can be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._program = need("mosquitto")
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", self._config], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Consumer:
    """A consumer over paho: takes, commits at once, acknowledges."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self.taken: list[Message] = []
        self.status: list[bool] = []
        self._positions = Positions()
        self._client = PahoClient(MqttConfig("127.0.0.1", port), f"test-{name}")
        lanes = [topics.any_gateway(leaf) for leaf in (topics.Leaf.URGENT, topics.Leaf.BULK, topics.Leaf.STATUS)]
        self._client.subscribe(lanes, 1)
        self._client.start(self._came, lambda: None, lambda _reason: None)

    def types(self) -> list[str]:
        return [message.type for message in self.taken]

    def stop(self) -> None:
        self._client.stop()

    @property
    def connected(self) -> bool:
        return self._client.connected

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        parsed = topics.parse(topic)
        assert isinstance(parsed, GatewayTopic)
        if parsed.lane is None:
            self.status.append(decode_status(payload).online)
            return
        message = decode(parsed, payload)
        key = key_of(message)
        if self._positions.judge(key, message.sequence, message.oldest).verdict is Verdict.ACCEPT:
            self.taken.append(message)
            self._positions.commit({key: message.sequence})
        ack = Ack(message.bootid, message.lane, self._positions.upto(key))
        self._client.publish(topics.ack_topic("c001", "gw-c001", self.name), encode_ack(ack))


class Site:
    """Both brokers, two consumers, a device, and the agent's process."""

    def __init__(self, folder: Path, qos: int, one_broker: bool) -> None:
        self.folder = folder
        self.linli = Mosquitto(folder)
        self.devices = self.linli if one_broker else Mosquitto(folder)
        for broker in {self.linli, self.devices}:
            broker.start()
        self.consumers = [Consumer(self.linli.port, "ingest"), Consumer(self.linli.port, "rules")]
        self.device = PahoClient(MqttConfig("127.0.0.1", self.devices.port), "device")
        self.device.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
        eventually(lambda: self.device.connected and all(consumer.connected for consumer in self.consumers))
        config = AGENT.format(linli=self.linli.port, devices=self.devices.port, qos=qos)
        (folder / "agent.yaml").write_text(config, encoding="utf-8")
        self.log = folder / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start_agent(self, **environment: str) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge", str(self.folder / "agent.yaml")],
                stderr=log,
                cwd=ROOT,
                env=os.environ | environment,
            )
        eventually(lambda: b"connected to the devices' broker" in self.log.read_bytes(), what="the agent's start")

    def end_agent(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(timeout=20)
        self.process = None
        self.log.write_bytes(b"")
        return status

    def close(self) -> None:
        if self.process is not None:
            self.end_agent(signal.SIGKILL)
        self.device.stop()
        for consumer in self.consumers:
            consumer.stop()
        for broker in {self.linli, self.devices}:
            broker.stop()

    def both(self, kind: str) -> list[Message]:
        """The messages of one type, once both consumers have as many."""
        ours = [[message for message in consumer.taken if message.type == kind] for consumer in self.consumers]
        return ours[0] if len(ours[0]) == len(ours[1]) else []


@pytest.fixture(params=[(0, False), (1, True)], ids=["qos0-two-brokers", "qos1-one-broker"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    qos, one_broker = request.param
    site = Site(tmp_path, qos, one_broker)
    yield site
    site.close()


def test_devices_reach_both_consumers_through_real_brokers(site: Site) -> None:
    """Topics with spaces, dots and Chinese on the devices' side; the wire format on Linli's."""
    site.device.publish("zigbee2mqtt/水泵房 水浸/availability", b"online", 1, retain=True)
    site.start_agent()
    site.device.publish("zigbee2mqtt/水泵房 水浸", b'{"water_leak": true, "battery": 90}', 1)
    site.device.publish("zigbee2mqtt/Front Door Lock.1/action", b"manual_lock", 1)
    site.device.publish("frigate/gate north/motion", b"ON", 1)
    site.device.publish("zigbee2mqtt/nobody", b'{"x": 1}', 1)
    expected = {
        "device.online": "c001-water-01",
        "facility.water.detected": "c001-water-01",
        "access.lock.locked": "c001-door-01",
        "camera.motion.started": "c001-cam-01",
        "linli.input.refused": "gw-c001",
        READINGS_TYPE: "gw-c001",
    }
    for kind, subject in expected.items():
        eventually(lambda kind=kind: site.both(kind), what=kind)  # type: ignore[misc]
        assert site.both(kind)[0].subject == subject
    assert site.end_agent(signal.SIGTERM) == 0
    eventually(lambda: all(consumer.status[-1:] == [False] for consumer in site.consumers))


def alternate(site: Site, times: int) -> None:
    """Wet, dry, wet ..."""
    for number in range(times):
        state = b'{"water_leak": %s}' % (b"true", b"false")[number % 2]
        eventually(lambda state=state: site.device.publish("zigbee2mqtt/水泵房 水浸", state, 1))  # type: ignore[misc]


def test_killed_agent_and_lost_broker_lose_nothing(site: Site) -> None:
    """The agent killed between taking and acknowledging, and a broker that forgets everything."""
    site.start_agent()
    alternate(site, 50)
    eventually(lambda: len(site.both("facility.water.cleared")) == 25)
    site.linli.stop()
    if site.devices is not site.linli:
        before = _next_sequence(site.folder)
        alternate(site, 50)
        eventually(lambda: _next_sequence(site.folder) >= before + 50, what="the outbox to hold what came meanwhile")
    site.end_agent(signal.SIGKILL)
    site.linli.start()
    site.start_agent()
    wanted = 25 if site.devices is site.linli else 50
    eventually(lambda: len(site.both("facility.water.cleared")) == wanted, timeout=20)
    eventually(lambda: len(site.both("facility.water.detected")) == wanted, timeout=20)
    for consumer in site.consumers:
        for lane in ("urgent", "bulk"):
            sequences = [message.sequence for message in consumer.taken if message.lane == lane]
            assert sequences == list(range(1, len(sequences) + 1))


def _next_sequence(folder: Path) -> int:
    """The urgent lane's next sequence on the disk, from a copy: nobody else may open a running agent's outbox."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / "out", copy)
    with closing(sqlite3.connect(copy / "outbox.db")) as connection:
        (following,) = connection.execute("SELECT urgent_next FROM outbox").fetchone()
    return int(following)


WATER = "zigbee2mqtt/水泵房 水浸"


def detected(site: Site) -> int:
    return len(site.both("facility.water.detected"))


@pytest.mark.parametrize("point", ["agent.taken:3", "agent.sent:3", "agent.acknowledged:3"])
def test_killed_at_any_point_it_sends_what_it_has_taken(site: Site, point: str) -> None:
    """Committed and not told, sent and not noted, acknowledged and not deleted: each sequence arrives once."""
    site.start_agent(LINLI_FAILPOINT=point)
    assert site.process is not None
    alternate(site, 2)
    eventually(lambda: site.process is not None and site.process.poll() is not None, what=f"it dies at {point}")
    assert site.process.wait() == -signal.SIGKILL
    site.log.write_bytes(b"")
    site.start_agent()
    alternate(site, 2)
    eventually(lambda: detected(site) >= 1 and len(site.both("facility.water.cleared")) >= 1)
    taken = _next_sequence(site.folder) - 1
    for consumer in site.consumers:
        eventually(lambda consumer=consumer: sum(m.lane == "urgent" for m in consumer.taken) >= taken)  # type: ignore[misc]
        for lane in ("urgent", "bulk"):
            sequences = [message.sequence for message in consumer.taken if message.lane == lane]
            assert sequences == list(range(1, len(sequences) + 1))


def test_what_a_device_published_comes_again_until_it_is_taken(tmp_path: Path) -> None:
    """Killed between receiving and committing, and down for a while: the devices' broker has kept both messages."""
    site = Site(tmp_path, 0, one_broker=False)
    try:
        site.start_agent()
        site.end_agent(signal.SIGTERM)
        with closing(sqlite3.connect(tmp_path / "out" / "outbox.db")) as disk:
            disk.execute(
                "CREATE TRIGGER fails BEFORE INSERT ON urgent WHEN instr(NEW.body, 'facility.water.detected')"
                " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
            disk.commit()
        site.start_agent()
        site.device.publish(WATER, b'{"water_leak": true}', 1)
        eventually(lambda: b"disk full" in site.log.read_bytes(), what="it has received, and cannot commit")
        site.end_agent(signal.SIGKILL)
        site.device.publish(WATER, b'{"water_leak": false}', 1)
        with closing(sqlite3.connect(tmp_path / "out" / "outbox.db")) as disk:
            disk.execute("DROP TRIGGER fails")
            disk.commit()
        assert detected(site) == 0
        site.start_agent()
        eventually(lambda: detected(site) == 1 and len(site.both("facility.water.cleared")) == 1)
        assert not site.both("facility.water.detected")[0].historic, "it is not a retained message of long ago"
    finally:
        site.close()
