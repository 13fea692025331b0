"""What tests of rules processes share: a broker, agents that keep what is not acknowledged, and the processes."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from linli import topics
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.clock import SystemClock
from linli.codec import AlertNotice, decode_ack, decode_notice, encode_body, with_oldest
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Community, Consumer, Device, Gateway, Lane, Message, Place
from tests.support import eventually, free_port, need

SITE_RULES = Path(__file__).parents[1] / "unit" / "rules" / "site_rules"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """Mosquitto on a port of its own."""
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with subprocess.Popen([need("mosquitto"), "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        yield port
        process.terminate()


class Agent:
    """A gateway's urgent lane: keeps what is not acknowledged by all consumers, sends it again when asked."""

    def __init__(self, port: int, community: str = "c1", consumers: Sequence[Consumer] = (Consumer.RULES,)) -> None:
        self.client = PahoClient(MqttConfig("127.0.0.1", port), "agent")
        self.community = community
        self.gateway = own("gw", community)
        self.notices: list[AlertNotice] = []
        self._upto = dict.fromkeys((consumer.value for consumer in consumers), 0)
        self._kept: dict[int, bytes] = {}
        self._sequence = 0
        self._lock = threading.Lock()
        self.client.start(self._came, lambda: None, lambda _reason: None)
        acks = [topics.ack_topic(community, self.gateway, consumer) for consumer in consumers]
        self.client.subscribe([*acks, topics.any_alert(community)], 0)
        eventually(lambda: self.client.connected)

    def take(self, kind: str, device: str) -> None:
        """Take one event, and send it."""
        now = SystemClock().now()
        with self._lock:
            self._sequence += 1
            subject = own(device, self.community)
            place = (self.community, self.gateway, "boot", Lane.URGENT, self._sequence, 1)
            message = Message(*place, kind, subject, now, now)
            self._kept[self._sequence] = encode_body(message)
        self.send_again()

    def send_again(self) -> None:
        """Send all that is not acknowledged, in order."""
        with self._lock:
            kept = sorted(self._kept.items())
        for _, body in kept:
            self.client.publish(
                topics.lane_topic(self.community, self.gateway, Lane.URGENT), with_oldest(body, kept[0][0])
            )

    @property
    def waiting(self) -> int:
        """How many are not acknowledged."""
        return len(self._kept)

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        if "/alert/" in topic:
            self.notices.append(decode_notice(payload))
            return
        with self._lock:
            consumer = topic.rpartition("/")[2]
            self._upto[consumer] = max(self._upto[consumer], decode_ack(payload).upto)
            for sequence in [number for number in self._kept if number <= min(self._upto.values())]:
                del self._kept[sequence]


def own(name: str, community: str) -> str:
    """The same thing in another community than the first."""
    return name if community == "c1" else f"{name}-{community}"


def items(community: str) -> list[Community | Place | Gateway | Device]:
    """A compound: one building, one gateway, a door and a smoke detector."""
    building, gateway = own("b1", community), own("gw", community)
    return [
        Community(community, Text("小区", "Compound")),
        Place(building, community, "building", Text("1号楼", "Building 1")),
        Gateway(gateway, community, Text("网关", "Gateway")),
        Device(own("door", community), community, gateway, "door", Text("门", "Door"), building),
        Device(own("smoke", community), community, gateway, "smoke_detector", Text("烟感", "Smoke"), building),
    ]


def environment(folder: Path, port: int) -> dict[str, str]:
    """For a process on this data folder and broker."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LINLI_")},
        "LINLI_DATA": str(folder),
        "LINLI_BROKER": "external",
        "LINLI_BROKER_HOST": "127.0.0.1",
        "LINLI_BROKER_PORT": str(port),
        "LINLI_LANGUAGE": "en",
        "LINLI_RULES": str(SITE_RULES),
    }


class Rules:
    """The process, its data folder, and its database as others see it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        folder.mkdir()
        self.database = open_database(f"sqlite:///{folder}/linli.db")
        upgrade(self.database)
        with self.database.write() as connection:
            save(connection, items("c1"))
        self.alerts = SqlAlerts(self.database)
        self._environment = environment(folder, port)
        self.process = self.start()

    def start(self, failpoint: str = "") -> "subprocess.Popen[bytes]":
        """A new process, which kills itself at `failpoint`."""
        log = (self.folder / "rules.log").open("ab")
        variables = self._environment | {"LINLI_FAILPOINT": failpoint}
        with log:
            return subprocess.Popen([sys.executable, "-m", "rules"], env=variables, stderr=log)

    def kill(self, failpoint: str = "") -> None:
        """End it with -9, and start another."""
        self.process.kill()
        self.process.wait()
        self.process = self.start(failpoint)

    def end(self) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settled(agent: Agent, seconds: float = 30) -> None:
    """Send again, a few times a second, until everything is acknowledged."""

    def again() -> bool:
        if agent.waiting:
            agent.send_again()
        return agent.waiting == 0

    eventually(again, seconds, "all acknowledged")
