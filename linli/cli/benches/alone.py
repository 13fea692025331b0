"""Ingest alone, in this process, without a broker: what its decisions cost, and how that grows with the number of devices."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from time import perf_counter, process_time

from ingest.checks import Limits
from ingest.letters import Arrival
from ingest.pipeline import Batch, Pipeline, late_after
from linli import runtime, topics
from linli.adapters.line_protocol import LineWriter
from linli.adapters.sqlite_store import SqliteStore
from linli.cli.benches.fleet import Fleet
from linli.clock import HOUR, SECOND, Clock
from linli.codec import encode
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Device, Gateway, Lane, Message, Received
from linli.testing import MemoryRegistry

_PACKED = 100
_PACKED_BATCH, _SINGLE_BATCH = 100, 200
"""Messages in one transaction: about what arrives, at 100,000 and at 10,000 readings a second, while one is under way."""

_ROUNDS = 3
_HISTORY = 4 * HOUR
"""What the file of `growth` holds already."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Readings a second and CPU-seconds for a million of them."""

    rate: float
    cpu_s_per_million: float

    @classmethod
    def of(cls, readings: int, seconds: float, cpu: float) -> "Cost":
        """What `readings` took."""
        return cls(readings / seconds, cpu / readings * 1e6)


def pipeline(clock: Clock, messages: int) -> Cost:
    """From packed messages as they arrive to line protocol, with a store that keeps nothing; the median of some rounds."""
    fleet = Fleet(gateways=10, devices=1000)
    arrivals = _arrivals(_interleaved(fleet, "bench", _PACKED, clock.now(), 100_000.0), messages, clock.now())
    rounds = [_pipeline_round(fleet, arrivals) for _ in range(_ROUNDS)]
    return Cost(
        statistics.median(cost.rate for cost in rounds), statistics.median(cost.cpu_s_per_million for cost in rounds)
    )


def _pipeline_round(fleet: Fleet, arrivals: Sequence[Arrival]) -> Cost:
    decisions, lines = _decisions(fleet), LineWriter()
    runtime.keep()  # as the process does
    written = readings = 0
    began, cpu = perf_counter(), process_time()
    for start in range(0, len(arrivals), _PACKED_BATCH):
        batch = decisions.decide(arrivals[start : start + _PACKED_BATCH])
        written += len(lines.batch([taken.received for taken in batch.taken]))
        readings += _stored(batch)
        decisions.commit(batch)
    cost = Cost.of(readings, perf_counter() - began, process_time() - cpu)
    _require(readings == len(arrivals) * _PACKED and written > 0)
    return cost


@dataclass(frozen=True, slots=True)
class Grown:
    """What a reading costs into a SQLite file of `devices`, which holds `rows` and has `megabytes` in the end."""

    devices: int
    rows: int
    megabytes: float
    packed: Cost
    single: Cost


def growth(clock: Clock, folder: Path, devices: int, rows: int, packed: int, single: int) -> Grown:
    """Fill a file with `rows` of the last hours of `devices`, then measure `packed` readings and `single` ones.

    Before the measured ones every series is seen once. Each device has one series.
    """
    fleet = Fleet(gateways=max(1, devices // 1000), devices=devices, quantities=1)
    file = folder / f"readings-{devices}.db"
    store = SqliteStore(file)
    try:
        rate = rows / (_HISTORY / SECOND)
        _fill(store, fleet, clock.now() - _HISTORY, rate, rows)
        run = _Writing(store, _decisions(fleet), clock)
        runtime.keep()
        run.write(fleet, "warm", _PACKED, rate, devices, _PACKED_BATCH)
        packed_cost = run.write(fleet, "packed", _PACKED, rate, packed, _PACKED_BATCH)
        single_cost = run.write(fleet, "single", 1, rate, single, _SINGLE_BATCH)
    finally:
        store.close()
    return Grown(devices, rows, file.stat().st_size / 1e6, packed_cost, single_cost)


class _Writing:
    """Ingest's own half of a batch, in turn: decide, write, commit."""

    def __init__(self, store: SqliteStore, decisions: Pipeline, clock: Clock) -> None:
        self._store = store
        self._decisions = decisions
        self._clock = clock
        self._next = clock.now()

    def write(self, fleet: Fleet, bootid: str, per_message: int, rate: float, readings: int, batch: int) -> Cost:
        """Take in so many readings, and what that cost. Making the messages does not count."""
        seconds = cpu = 0.0
        stored = 0
        messages = max(1, readings // per_message)
        made = _interleaved(fleet, bootid, per_message, self._next, rate)
        self._next += round(readings / rate * SECOND)
        for some in _batches(islice(made, messages), batch):
            arrivals = _arrivals(iter(some), len(some), some[-1].agent_time)
            began, used = perf_counter(), process_time()
            decided = self._decisions.decide(arrivals)
            self._store.write([taken.received for taken in decided.taken], decided.positions, decided.tallies)
            self._decisions.commit(decided)
            cpu += process_time() - used
            seconds += perf_counter() - began
            stored += _stored(decided)
        _require(stored == messages * per_message)
        return Cost.of(stored, seconds, cpu)


def _fill(store: SqliteStore, fleet: Fleet, start: int, rate: float, rows: int) -> None:
    messages = islice(_interleaved(fleet, "past", _PACKED, start, rate), rows // _PACKED)
    for some in _batches(messages, 10 * _PACKED_BATCH):
        store.write([Received(message, message.agent_time) for message in some], {})


def _decisions(fleet: Fleet) -> Pipeline:
    items = list(fleet.items())
    gateways = [item for item in items if isinstance(item, Gateway)]
    registry = MemoryRegistry(gateways, [item for item in items if isinstance(item, Device)])
    return Pipeline(registry, Limits.of_years(9.0), late_after(60.0), {})


def _interleaved(fleet: Fleet, bootid: str, per_message: int, start: int, rate: float) -> Iterator[Message]:
    """The messages of all gateways, in turn."""
    lanes = [fleet.messages(gateway, bootid, per_message, start, rate) for gateway in range(fleet.gateways)]
    return chain.from_iterable(zip(*lanes, strict=True))


def _arrivals(messages: Iterator[Message], count: int, received_at: int) -> list[Arrival]:
    return [
        Arrival.of(topics.lane_topic(message.community, message.gateway, Lane.BULK), encode(message), received_at)
        for message in islice(messages, count)
    ]


def _batches(messages: Iterator[Message], size: int) -> Iterator[list[Message]]:
    while some := list(islice(messages, size)):
        yield some


def _stored(batch: Batch) -> int:
    return sum(len(taken.received.message.readings) for taken in batch.taken)


def _require(whole: bool) -> None:
    """LinliError unless all was taken: what is refused is cheap."""
    if not whole:
        raise LinliError(
            Text("有读数被拒绝，测得的开销无效", "readings were refused: what was measured does not count")
        )
