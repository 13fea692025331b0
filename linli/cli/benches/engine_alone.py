"""The rules engine alone, in this process: what an event costs it, how that grows with the number of devices, what it remembers.

Messages are read from their bytes right before they are applied, as the worker reads them; only applying is measured.
"""

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter, process_time

import psutil

from linli import runtime, topics
from linli.cli.benches.district import District
from linli.clock import HOUR, SECOND, Clock
from linli.codec import encode
from linli.db.registry import RegistrySnapshot
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Lane, Message, Place
from rules import wire
from rules.engine.inputs import Input, RegistryIn, RulesIn
from rules.engine.machine import Engine

PACKED = 100
BATCH = 100
"""Messages that are applied at once: what arrives within 10 ms at a million readings a second."""

BOOTID = "bench"


@dataclass(frozen=True, slots=True)
class Cost:
    """What `events` took: CPU-seconds and seconds; how many of them were looked at one by one, and what came of them."""

    events: int
    cpu_s: float
    seconds: float
    looked_at: int
    transitions: int

    @property
    def rate(self) -> float:
        """Events for each CPU-second, which on one core is for each second that nobody else takes."""
        return self.events / self.cpu_s

    @property
    def share(self) -> float:
        """The part of the events that was looked at one by one."""
        return self.looked_at / self.events


class Alone:
    """An engine with the district's rules and registry, which has heard every series once."""

    def __init__(self, district: District, clock: Clock) -> None:
        self.district = district
        self.registry = registry_of(district)
        self._before = _resident()
        self.engine = Engine()
        self._apply([RulesIn(district.rules), RegistryIn(self.registry)])
        start = clock.now() - 12 * HOUR
        rate = max(1.0, district.devices / 10)
        self._lanes = [district.messages(gateway, BOOTID, PACKED, start, rate) for gateway in range(district.gateways)]
        runtime.keep()  # as the process does
        self.warmed = self.run(self._rounds())

    def run(self, rounds: int) -> Cost:
        """So many messages of every gateway."""
        events, cpu, seconds = 0, 0.0, 0.0
        counters = self.engine.counters
        looked, changed = counters.looked_at, counters.transitions
        for _ in range(rounds):
            for lanes in _batches(iter(self._lanes), BATCH):
                messages = [next(lane) for lane in lanes]
                entries = arrived(messages)
                began, used = perf_counter(), process_time()
                self.engine.apply_all(entries)
                cpu += process_time() - used
                seconds += perf_counter() - began
                events += sum(len(message.readings) or 1 for message in messages)
        return Cost(events, cpu, seconds, counters.looked_at - looked, counters.transitions - changed)

    def state_bytes(self) -> float:
        """What the engine has in memory beside registry and rules, by device and rule that it matches."""
        gc.collect()
        return max(0.0, _resident() - self._before) / (self.district.devices * self.district.matching)

    def _rounds(self) -> int:
        """Until every series was heard once."""
        most = max(len(self.district.series(gateway)) for gateway in range(self.district.gateways))
        return round(most / PACKED * (1 + self.district.events * PACKED)) + 2

    def _apply(self, entries: Sequence[Input]) -> None:
        self.engine.apply_all(entries)


def registry_of(district: District) -> RegistrySnapshot:
    """The district as the engine is told of it."""
    snapshot = RegistrySnapshot(1)
    for item in district.items():
        match item:
            case Community():
                snapshot.communities[item.id] = item
            case Place():
                snapshot.places[item.id] = item
            case Gateway():
                snapshot.gateways[item.id] = item
            case Device():
                snapshot.devices[item.id] = item
    return snapshot


def arrived(messages: Sequence[Message]) -> list[Input]:
    """The messages, read from what would have come over the wire 20 ms after they were taken."""
    entries: list[Input] = []
    for message in messages:
        topic = topics.lane_topic(message.community, message.gateway, Lane.BULK)
        read = wire.read(topic, encode(message), message.agent_time + SECOND // 50)
        if read is None:
            raise LinliError(Text("发生器的消息读不懂", "a message of the generator cannot be read"))
        entries.append(read[1])
    return entries


def _batches(lanes: Iterator[Iterator[Message]], size: int) -> Iterator[list[Iterator[Message]]]:
    while some := list(islice(lanes, size)):
        yield some


def _resident() -> float:
    return float(psutil.Process().memory_info().rss)
