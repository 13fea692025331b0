"""`python -m tests.faults.generator FOLDER`: real agents in one process, which may be killed -9 and started again.

`FOLDER/site.json` says who (a Site). `FOLDER/control.json` (a Control) may change at any time: what to take and how the
world treats it. `FOLDER/status.json` says how it goes (a Told). Each gateway has its
outbox in `FOLDER/outboxes/<gateway>/`, and its ledger `FOLDER/<gateway>.ledger`.
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from edge.outbox.outbox import Draft, OutboxError
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.clock import DAY, SystemClock
from linli.logs import set_up_logging
from linli.model import READINGS_TYPE, Lane, Reading
from linli.ports import MqttClient
from tests.faults.ledger import LedgerWriter, read_ledger
from tests.faults.plan import COMMUNITY, EVENT_TYPE, PACKET, QUANTITY, Kind, button, meter, number_of, value_of

OUTBOXES = "outboxes"
TICK_S = 0.02
_LARGEST_BATCH = 200
_T = TypeVar("_T")


class Site(msgspec.Struct, frozen=True):
    """Which agents, and how they reach the broker. `users`: gateway -> (name, password)."""

    port: int
    users: dict[str, tuple[str, str]]
    outbox_bytes: int
    qos: int = 0
    seed: int = 0


class Control(msgspec.Struct, frozen=True):
    """What each agent takes a second: urgent events, bulk events, packets. `burst`: so many urgent events at once, when
    its number changes. `clock_offset`: microseconds that the agents' clock is off. `ack_loss`: how many of the
    acknowledgements are lost, 0 to 1."""

    urgent: float = 0.0
    bulk: float = 0.0
    packets: float = 0.0
    burst: tuple[int, int] = (0, 0)
    clock_offset: int = 0
    ack_loss: float = 0.0
    generation: int = 0


class TellAgent(msgspec.Struct, frozen=True):
    """One agent's counts, in messages. `all`: everything that its outbox has given a sequence."""

    bootid: str
    queue: int
    dropped: int
    all: int
    connected: bool
    last: int


class Told(msgspec.Struct, frozen=True):
    """`idle`: the control of this generation is followed and nothing is being taken."""

    generation: int
    idle: bool
    pid: int
    agents: dict[str, TellAgent]


class SteppedClock(SystemClock):
    """The machine's clock, off by `offset` microseconds."""

    def __init__(self) -> None:
        self.offset = 0

    def now(self) -> int:
        """The wall clock, stepped."""
        return super().now() + self.offset


class DeafClient:
    """An MqttClient that loses some of the acknowledgements it hears."""

    def __init__(self, client: MqttClient, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)
        self.loss = 0.0

    def start(
        self,
        on_message: Callable[[str, bytes, bool], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        """As the client does."""

        def heard(topic: str, payload: bytes, retained: bool) -> None:
            if "/ack/" not in topic or self._random.random() >= self.loss:
                on_message(topic, payload, retained)

        self._client.start(heard, on_connect, on_disconnect)

    def subscribe(self, topics: Sequence[str], qos: int) -> None:
        """As the client does."""
        self._client.subscribe(topics, qos)

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> bool:
        """As the client does."""
        return self._client.publish(topic, payload, qos, retain)

    def publish_many(self, topic: str, payloads: Sequence[bytes], qos: int = 0) -> int:
        """As the client does."""
        return self._client.publish_many(topic, payloads, qos)

    def publish_each(self, messages: Sequence[tuple[str, bytes]], qos: int = 0) -> int:
        """As the client does."""
        return self._client.publish_each(messages, qos)

    @property
    def connected(self) -> bool:
        """As the client does."""
        return self._client.connected

    def stop(self) -> None:
        """As the client does."""
        self._client.stop()


@dataclass(slots=True)
class _Budget:
    """How many of each kind are due."""

    owed: dict[Kind, float] = field(default_factory=lambda: dict.fromkeys(Kind, 0.0))

    def due(self, control: Control, seconds: float) -> dict[Kind, int]:
        rates = {Kind.URGENT: control.urgent, Kind.BULK: control.bulk, Kind.PACKET: control.packets}
        counts: dict[Kind, int] = {}
        for kind, rate in rates.items():
            self.owed[kind] = min(self.owed[kind] + rate * seconds, _LARGEST_BATCH) if rate else 0.0
            counts[kind] = int(self.owed[kind])
            self.owed[kind] -= counts[kind]
        return counts


class Generator:
    """One gateway: its agent, its ledger, and the thread that feeds it."""

    def __init__(self, folder: Path, site: Site, gateway: str, clock: SteppedClock) -> None:
        user, password = site.users[gateway]
        config = AgentConfig(COMMUNITY, gateway, folder / OUTBOXES / gateway, site.outbox_bytes, qos=site.qos)
        mqtt = MqttConfig("127.0.0.1", site.port, user, password)
        self.client = DeafClient(PahoClient(mqtt, f"gateway-{gateway}", last_will(config, clock)), site.seed)
        self.agent = Agent(config, self.client, clock)
        self.gateway = gateway
        self.generation = -1
        file = folder / f"{gateway}.ledger"
        self.last = read_ledger(file).last
        self._ledger = LedgerWriter(file)
        self._clock = clock
        self._time = 0
        self._burst = 0
        self._again: list[tuple[Kind, int]] = []
        self._budget = _Budget()

    def run(self, control: Callable[[], Control], stop: threading.Event) -> None:
        """Feed the agent until `stop`; what it could not keep is handed over again."""
        self._burst = control().burst[0]
        before = self._clock.monotonic()
        while not stop.wait(TICK_S):
            now = self._clock.monotonic()
            wanted = control()
            self._feed(wanted, now - before)
            before = now
            self.generation = wanted.generation
        self._ledger.close()

    def idle(self, control: Control) -> bool:
        """Whether it has nothing to take."""
        return not (control.urgent or control.bulk or control.packets or self._again)

    def _feed(self, control: Control, seconds: float) -> None:
        self.client.loss = control.ack_loss
        if self._again:
            again, self._again = self._again, []
            for kind, number in again:
                self._take(kind, [number])
            return
        if control.burst[0] != self._burst:
            self._burst = control.burst[0]
            for start in range(0, control.burst[1], _LARGEST_BATCH):
                self._take(Kind.URGENT, self._next(min(_LARGEST_BATCH, control.burst[1] - start)))
        for kind, count in self._budget.due(control, seconds).items():
            self._take(kind, self._next(count))

    def _next(self, count: int) -> list[int]:
        numbers = list(range(self.last + 1, self.last + 1 + count))
        self.last += count
        return numbers

    def _take(self, kind: Kind, numbers: list[int]) -> None:
        if not numbers:
            return
        drafts = [draft for number in numbers for draft in self._drafts(kind, number)]
        self._ledger.attempt(kind, numbers[0], numbers[-1])
        try:
            self.agent.take(drafts)
        except OutboxError as error:
            refused = sorted({_number(draft) for draft in error.unkept})
            self._ledger.unkept(refused)
            for number in numbers:
                if number not in refused:
                    self._ledger.taken(number, number)
            self._again += [(kind, number) for number in refused]
        else:
            self._ledger.taken(numbers[0], numbers[-1])

    def _drafts(self, kind: Kind, number: int) -> list[Draft]:
        # Times never repeat: a series holds one value for each microsecond.
        now = self._clock.now()
        self._time = max(now, self._time + 1) if abs(now - self._time) < 10_000_000 else now
        old = self._clock.offset < -DAY
        if kind is not Kind.PACKET:
            lane = Lane.URGENT if kind is Kind.URGENT else Lane.BULK
            device = button(self.gateway, number, old=old)
            return [self.agent.event(device, EVENT_TYPE, {"n": number}, time=self._time, lane=lane)]
        readings = [
            Reading(meter(self.gateway, place), QUANTITY, self._time, value_of(number, place), "J")
            for place in range(PACKET)
        ]
        return self.agent.packets(readings)


def _number(draft: Draft) -> int:
    if draft.type == READINGS_TYPE:
        return number_of(draft.readings[0].value)[0]
    number = draft.data.get("n")
    return number if isinstance(number, int) else 0


def read_json(file: Path, kind: type[_T]) -> _T | None:
    """What is in `file`; None while it is not there."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return None


def write_json(file: Path, what: msgspec.Struct) -> None:
    """Replace `file` in one step."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(what))
    fresh.replace(file)


class _Process:
    """All agents of the folder."""

    def __init__(self, folder: Path) -> None:
        site = read_json(folder / "site.json", Site)
        assert site is not None
        self._folder = folder
        self._clock = SteppedClock()
        self._control = Control()
        self._generators = [Generator(folder, site, gateway, self._clock) for gateway in site.users]

    def run(self, stop: threading.Event) -> None:
        self._look()
        threads = [
            threading.Thread(target=generator.run, args=(lambda: self._control, stop), name=generator.gateway)
            for generator in self._generators
        ]
        for generator in self._generators:
            generator.agent.start()
        for thread in threads:
            thread.start()
        while not stop.wait(TICK_S):
            self._look()
            self._tell()
        for thread in threads:
            thread.join()
        for generator in self._generators:
            generator.agent.stop()

    def _look(self) -> None:
        control = read_json(self._folder / "control.json", Control)
        if control is not None:
            self._clock.offset = control.clock_offset
            self._control = control

    def _tell(self) -> None:
        control = self._control
        idle = all(one.generation == control.generation and one.idle(control) for one in self._generators)
        agents = {}
        for one in self._generators:
            stats = one.agent.stats()
            queue = stats.queue_urgent + stats.queue_bulk
            agents[one.gateway] = TellAgent(
                one.agent.bootid,
                queue,
                stats.dropped,
                sum(stats.next.values()) - len(stats.next),
                stats.connected,
                one.last,
            )
        try:
            write_json(self._folder / "status.json", Told(control.generation, idle, os.getpid(), agents))
        except OSError as error:  # the disk is full on purpose
            sys.stderr.write(f"cannot tell: {error}\n")


def main() -> int:
    """Run until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    set_up_logging("info")
    _Process(Path(sys.argv[1])).run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
