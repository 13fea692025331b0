"""One agent at a fake broker with two consumers: the world of the agent's tests."""

from pathlib import Path

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli.clock import SystemClock
from linli.model import HEARTBEAT_TYPE, Lane, Message
from linli.testing import FakeBroker, FakeClient
from tests.support import eventually
from tests.unit.edge.fakes import FakeConsumer


class StepClock(SystemClock):
    """The machine's clock, put forward by a test."""

    ahead = 0
    standing: float | None = None
    """Where the monotonic clock stands still."""

    def monotonic(self) -> float:
        return super().monotonic() if self.standing is None else self.standing

    def now(self) -> int:
        return super().now() + self.ahead


class World:
    """One agent, two consumers, one broker."""

    def __init__(self, folder: Path) -> None:
        self.clock = StepClock()
        self.config = AgentConfig("c001", "gw-c001", folder / "outbox")
        self.broker = FakeBroker()
        self.ingest = FakeConsumer(self.broker, "ingest")
        self.rules = FakeConsumer(self.broker, "rules")
        self.agent, self.client = self.make()

    def make(self) -> tuple[Agent, FakeClient]:
        client = self.broker.client(last_will(self.config, self.clock))
        return Agent(self.config, client, self.clock), client

    def restart(self) -> None:
        self.agent.stop()
        self.agent, self.client = self.make()
        self.agent.start()

    def numbers(self, consumer: FakeConsumer, kind: str = "test.event") -> list[object]:
        return [message.data["n"] for message in consumer.events(kind)]

    def take(self, *numbers: int) -> None:
        self.agent.take([self.agent.event("d1", "test.event", {"n": number}) for number in numbers])

    def drained(self) -> bool:
        stats = self.agent.stats()
        return stats.queue_urgent == stats.queue_bulk == 0


def one(consumer: FakeConsumer, kind: str) -> Message:
    eventually(lambda: consumer.events(kind))
    return consumer.events(kind)[0]


def heartbeats(world: World, lane: Lane) -> list[Message]:
    return [message for message in world.ingest.events(HEARTBEAT_TYPE) if message.lane is lane]


def days_of(message: Message) -> dict[str, tuple[int, int]]:
    days = message.data["days"]
    assert isinstance(days, dict)
    return {
        day: (int(str(counted[0])), int(str(counted[1]))) for day, counted in days.items() if isinstance(counted, list)
    }
