"""After an outage, at a real broker: a backlog of readings is on its way, and an alarm overtakes it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli import topics
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.clock import SystemClock
from linli.codec import Ack, encode_ack, envelope
from linli.delivery import Positions, Verdict
from linli.model import LaneKey, Reading
from linli.topics import GatewayTopic
from tests.contract import brokers
from tests.support import eventually

pytestmark = pytest.mark.integration

BACKLOG = 100_000
RATE = 12_000


class Consumer:
    """Takes in order and acknowledges, at most `rate` messages a second, in batches as a store would take them."""

    def __init__(self, port: int, name: str, rate: float) -> None:
        self.alarm_at: float | None = None
        self.taken = 0
        self._name = name
        self._rate = rate
        self._waiting: list[tuple[GatewayTopic, bytes]] = []
        self._positions = Positions()
        self._wake = threading.Condition()
        self._stopping = False
        self._client = PahoClient(MqttConfig("127.0.0.1", port), f"test-{name}")
        self._client.subscribe([topics.any_gateway(leaf) for leaf in (topics.Leaf.URGENT, topics.Leaf.BULK)], 0)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._client.start(self._came, lambda: None, lambda _reason: None)
        eventually(lambda: self._client.connected)

    def stop(self) -> None:
        self._client.stop()
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        parsed = topics.parse(topic)
        assert isinstance(parsed, GatewayTopic)
        with self._wake:
            self._waiting.append((parsed, payload))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                batch, self._waiting = self._waiting[:1000], self._waiting[1000:]
            done = monotonic() + len(batch) / self._rate
            touched: set[LaneKey] = set()
            for topic, payload in batch:
                touched.add(self._take(topic, payload))
            with self._wake:
                self._wake.wait_for(lambda: self._stopping, done - monotonic())
            self._positions.commit(self._positions.pending())
            for key in touched:
                ack = Ack(key.bootid, key.lane, self._positions.upto(key))
                self._client.publish(topics.ack_topic("c001", "gw-c001", self._name), encode_ack(ack))
            if any(b'"test.alarm"' in payload for _, payload in batch):
                self.alarm_at = monotonic()

    def _take(self, topic: GatewayTopic, payload: bytes) -> LaneKey:
        place = envelope(topic, payload)
        assert place is not None
        if self._positions.judge(place.lane, place.sequence, place.oldest).verdict is Verdict.ACCEPT:
            self.taken += 1
        return place.lane


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[brokers.BrokerProcess]:
    process = brokers.nats(tmp_path)
    process.start()
    yield process
    process.kill()


def test_an_alarm_is_there_within_a_second_though_a_backlog_is_on_its_way(
    tmp_path: Path, broker: brokers.BrokerProcess
) -> None:
    """With consumers that need seconds for the backlog: what is in flight of it is kept small in time, so what the alarm
    has to pass is."""
    clock = SystemClock()
    config = AgentConfig("c001", "gw-c001", tmp_path / "outbox")
    client = PahoClient(MqttConfig("127.0.0.1", broker.port), "gateway", last_will(config, clock))
    agent = Agent(config, client, clock)
    broker.kill()  # the outage
    agent.start()
    now = clock.now()
    drafts = [agent.packets([Reading("d1", "temperature", now, float(n), "Cel")], at=now)[0] for n in range(BACKLOG)]
    agent.take(drafts)
    broker.start()
    consumers = [Consumer(broker.port, name, rate=RATE) for name in ("ingest", "rules")]
    worst = 0.0
    for share in (1, 3, 5):
        wanted = share * BACKLOG // 8
        eventually(lambda wanted=wanted: all(c.taken > wanted for c in consumers), timeout=60)  # type: ignore[misc]
        assert agent.stats().queue_bulk > 0, "the backlog is still on its way"
        begun = monotonic()
        for consumer in consumers:
            consumer.alarm_at = None
        agent.take_event("d1", "test.alarm", {})
        eventually(lambda: all(consumer.alarm_at is not None for consumer in consumers))
        worst = max(worst, *(consumer.alarm_at - begun for consumer in consumers if consumer.alarm_at is not None))
    assert worst < 1.0
    eventually(lambda: agent.stats().queue_bulk == 0, timeout=60)
    for consumer in consumers:
        consumer.stop()
    agent.stop()
