"""`python -m rules` with a real broker and SQLite: an event in, an alert out; killed with -9, and everything once."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli import failpoints, topics
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.clock import SystemClock
from linli.codec import AlertNotice, decode_ack, decode_notice, encode_body, with_oldest
from linli.db.alerts import SqlAlerts
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.registry import save
from linli.db.workers import reports
from linli.i18n import Text
from linli.model import (
    Action,
    ActionKind,
    Community,
    Consumer,
    Device,
    Gateway,
    Handling,
    Lane,
    Message,
    Place,
)
from tests.support import eventually, free_port, need

pytestmark = pytest.mark.integration


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
    """A gateway's urgent lane: keeps what is not acknowledged, sends it again on each answer and when asked."""

    def __init__(self, port: int) -> None:
        self.client = PahoClient(MqttConfig("127.0.0.1", port), "agent")
        self.notices: list[AlertNotice] = []
        self.upto = 0
        self._kept: dict[int, bytes] = {}
        self._sequence = 0
        self._lock = threading.Lock()
        self.client.start(self._came, lambda: None, lambda _reason: None)
        self.client.subscribe([topics.ack_topic("c1", "gw", Consumer.RULES), topics.any_alert()], 0)
        eventually(lambda: self.client.connected)

    def take(self, kind: str, device: str) -> None:
        """Take one event, and send it."""
        now = SystemClock().now()
        with self._lock:
            self._sequence += 1
            message = Message("c1", "gw", "boot", Lane.URGENT, self._sequence, 1, kind, device, now, now)
            self._kept[self._sequence] = encode_body(message)
        self.send_again()

    def send_again(self) -> None:
        """Send all that is not acknowledged, in order."""
        with self._lock:
            kept = sorted(self._kept.items())
        for _, body in kept:
            self.client.publish(topics.lane_topic("c1", "gw", Lane.URGENT), with_oldest(body, kept[0][0]))

    @property
    def waiting(self) -> int:
        """How many are not acknowledged."""
        return len(self._kept)

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        if "/alert/" in topic:
            self.notices.append(decode_notice(payload))
            return
        with self._lock:
            self.upto = max(self.upto, decode_ack(payload).upto)
            for sequence in [number for number in self._kept if number <= self.upto]:
                del self._kept[sequence]


class Rules:
    """The process, its data folder, and its database as others see it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        folder.mkdir()
        self.database = open_database(f"sqlite:///{folder}/linli.db")
        upgrade(self.database)
        with self.database.write() as connection:
            save(
                connection,
                [
                    Community("c1", Text("小区", "Compound")),
                    Place("b1", "c1", "building", Text("1号楼", "Building 1")),
                    Gateway("gw", "c1", Text("网关", "Gateway")),
                    Device("door", "c1", "gw", "door", Text("门", "Door"), "b1"),
                    Device("smoke", "c1", "gw", "smoke_detector", Text("烟感", "Smoke"), "b1"),
                ],
            )
        self.alerts = SqlAlerts(self.database)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LINLI_")},
            "LINLI_DATA": str(folder),
            "LINLI_BROKER": "external",
            "LINLI_BROKER_HOST": "127.0.0.1",
            "LINLI_BROKER_PORT": str(port),
            "LINLI_LANGUAGE": "en",
        }
        self.process = self.start()

    def start(self, failpoint: str = "") -> "subprocess.Popen[bytes]":
        """A new process, which kills itself at `failpoint`."""
        log = (self.folder / "rules.log").open("ab")
        environment = self._environment | {"LINLI_FAILPOINT": failpoint}
        with log:
            return subprocess.Popen([sys.executable, "-m", "rules"], env=environment, stderr=log)

    def kill(self, failpoint: str = "") -> None:
        """End it with -9, and start another."""
        self.process.kill()
        self.process.wait()
        self.process = self.start(failpoint)

    def end(self) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@pytest.fixture
def agent(broker: int) -> Iterator[Agent]:
    """Connected."""
    eventually(lambda: _listens(broker))
    made = Agent(broker)
    yield made
    made.client.stop()


@pytest.fixture
def rules(tmp_path: Path, broker: int) -> Iterator[Rules]:
    """Running."""
    made = Rules(tmp_path / "data", broker)
    yield made
    made.process.kill()
    made.process.wait()
    made.database.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settled(agent: Agent, seconds: float = 30) -> None:
    """Send again, a few times a second, until everything is acknowledged."""

    def again() -> bool:
        if agent.waiting:
            agent.send_again()
        return agent.waiting == 0

    eventually(again, seconds, "all acknowledged")


def test_an_event_becomes_an_alert_and_a_persons_act_closes_it(rules: Rules, agent: Agent) -> None:
    """Row, notice, acknowledgement, health; and the process ends when asked."""
    agent.take("access.door.opened", "door")
    settled(agent)
    eventually(lambda: agent.notices)
    (alert,) = rules.alerts.find()
    assert (alert.rule, alert.subject, agent.notices[0].id, agent.notices[0].change) == (
        "door-forced",
        "door",
        alert.id,
        "opened",
    )
    rules.alerts.add_action(Action("x1", alert.id, ActionKind.CLOSE, "li", "a resident", SystemClock().now()))
    eventually(lambda: rules.alerts.action_outcome("x1") == "done")
    closed = rules.alerts.get(alert.id)
    assert closed is not None
    assert closed.handling is Handling.CLOSED
    eventually(lambda: [report.name for report in reports(rules.database) if report.state == "ok"] == ["rules"])
    assert rules.end() == 0


def test_killed_right_after_the_acknowledgement_there_is_exactly_one_alert(rules: Rules, agent: Agent) -> None:
    """The acknowledgement goes out before the database has the alert: the journal must have it."""
    agent.take("access.door.opened", "door")
    settled(agent)
    rules.kill()
    eventually(rules.alerts.find)
    agent.take("access.door.closed", "door")
    settled(agent)
    eventually(lambda: [change.kind for change in rules.alerts.changes_after(0)] == ["opened", "resolved"])
    assert len(rules.alerts.find()) == 1


def test_killed_again_and_again_every_event_counts_once(rules: Rules, agent: Agent) -> None:
    """60 alarms of one detector among 6 kills: one alert of 60 occurrences, told of once each (up to the 20th)."""
    rng = random.Random(5)
    for round_ in range(6):
        for _ in range(10):
            agent.take("fire.alarm.raised", "smoke")
        threading.Event().wait(rng.uniform(0.0, 1.5))
        agent.send_again()
        if round_ < 5:
            rules.kill()
    settled(agent, 60)
    eventually(lambda: [alert.occurrences for alert in rules.alerts.find()] == [60])
    (alert,) = rules.alerts.find()
    kinds = [change.kind for change in rules.alerts.changes(alert.id)]
    assert kinds == ["opened"] + ["occurred"] * (19 + 4)


POINTS = [point for point in failpoints.POINTS if point.startswith("rules.")]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point_every_event_counts_once(rules: Rules, agent: Agent, point: str) -> None:
    """Whatever is written or said by then: one alert, each occurrence told of once."""
    rules.kill(point)
    agent.take("fire.alarm.raised", "smoke")

    def died() -> bool:
        agent.send_again()
        return rules.process.poll() is not None

    eventually(died, 20, f"died at {point}")
    assert rules.process.returncode == -signal.SIGKILL
    rules.process = rules.start()
    agent.take("fire.alarm.raised", "smoke")
    settled(agent)
    eventually(lambda: [alert.occurrences for alert in rules.alerts.find()] == [2])
    (alert,) = rules.alerts.find()
    assert [change.kind for change in rules.alerts.changes(alert.id)] == ["opened", "occurred"]


def test_a_wrong_rule_file_is_told_and_nothing_starts(tmp_path: Path) -> None:
    """File and line on stderr, exit status 2."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "bad.yaml").write_text("id: x\ntitel: {}\n")
    environment = {**os.environ, "LINLI_DATA": str(tmp_path), "LINLI_RULES": str(folder), "LINLI_LANGUAGE": "en"}
    open_database(f"sqlite:///{tmp_path}/linli.db").close()
    done = subprocess.run(
        [sys.executable, "-m", "rules"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "bad.yaml:2: unknown key 'titel'; did you mean 'title'?" in done.stderr
