"""Packets of readings that arrived one after the other, put side by side as one run of columns. No I/O, no clock.

Nearly every packet is ordinary: of a registered gateway, on its bulk lane, live, with times that a right clock says, of series
that have rows. Ordinary packets in a row are compared with their bands together; what is not ordinary goes through the
machine by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeGuard

import numpy as np

from linli.model import READINGS_TYPE, Lane, Readings
from rules.engine.columns import LANES, Columns, Numbers
from rules.engine.inputs import Input, MessageIn, RegistryChangeIn, RegistryIn, RulesIn
from rules.engine.lanes import FUTURE, sane
from rules.engine.sweep import Run

MOST = 20_000
"""Readings of one run: what is compared with their bands at once fits into the processor's cache."""

_BULK = LANES.index(Lane.BULK)

Find = Callable[[str, str], int | None]
"""The row of a gateway's series, made if need be; None if the gateway may not speak of it."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of a run: its readings stand from `start` to `end`. `delivered`: what its lane has delivered with it."""

    entry: MessageIn
    start: int
    end: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Aside:
    """Something else that came in between, when `start` readings of the run were past."""

    entry: Input
    start: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A run, and what it is made of, in order. `places`: of each reading, where it stood in its packet."""

    run: Run
    parts: Sequence[Packet | Aside]
    places: Numbers


def ordinary(entry: Input, historic_after: int) -> TypeGuard[MessageIn]:
    """Whether it is a packet whose readings all count just as they are."""
    if not isinstance(entry, MessageIn):
        return False
    message = entry.message
    readings = message.readings
    return (
        message.type == READINGS_TYPE
        and message.lane is Lane.BULK
        and not message.historic
        and isinstance(readings, Readings)
        and len(readings) > 0
        and readings.earliest >= entry.received_at - historic_after
        and readings.latest <= entry.received_at + FUTURE
        and message.agent_time <= entry.received_at + FUTURE
    )


def interrupts(entry: Input) -> bool:
    """Whether rows of series may be others' after it."""
    return isinstance(entry, RegistryIn | RegistryChangeIn | RulesIn)


class Gathering:
    """Ordinary packets as they are put side by side, and what came between them. `delivered`: what each gateway's bulk lane has
    delivered so far."""

    def __init__(self, columns: Columns, find: Find, delivered: Callable[[str], int]) -> None:
        self._columns = columns
        self._find = find
        self._delivered = delivered
        self._lanes: dict[str, int] = {}
        self._numbers: list[int] = []
        self._packets: list[Packet] = []
        self._readings: list[Readings] = []
        self.parts: list[Packet | Aside] = []

    def __len__(self) -> int:
        """How many readings there are."""
        return len(self._numbers)

    def pass_by(self, entry: Input, *, home: bool) -> None:
        """Something that goes through the machine by itself, in its turn. `home`: a message of a registered gateway."""
        if home and isinstance(entry, MessageIn) and entry.message.lane is Lane.BULK:
            self._deliver(entry.message.gateway, sane(entry.message.agent_time, entry.received_at))
        self.parts.append(Aside(entry, len(self._numbers)))

    def take(self, entry: MessageIn) -> bool:
        """One more packet; False if a series of it is not its gateway's to speak of."""
        message = entry.message
        gateway = message.gateway
        readings = Readings.of(message.readings)
        start = len(self._numbers)
        try:
            self._numbers += list(map(self._columns.of_gateway(gateway).__getitem__, readings.names))
        except KeyError:
            numbers = [number for name in readings.names if (number := self._find(gateway, name)) is not None]
            if len(numbers) < len(readings.names):
                return False
            self._numbers += numbers
        delivered = self._deliver(gateway, message.agent_time)
        packet = Packet(entry, start, len(self._numbers), delivered)
        self._readings.append(readings)
        self._packets.append(packet)
        self.parts.append(packet)
        return True

    def batch(self) -> Batch:
        """All of it as columns: each packet in order of event time, what is of one time in the order of the packet."""
        parts, packets = self._readings, self._packets
        sizes = np.array([packet.end - packet.start for packet in packets])
        count = len(self._numbers)
        times = np.fromiter(chain.from_iterable(part.times for part in parts), np.int64, count)
        units = list(chain.from_iterable(part.units for part in parts))
        run = Run(
            np.array(self._numbers, dtype=np.int64),
            np.fromiter(chain.from_iterable(part.values for part in parts), np.float64, count),
            times,
            np.frombuffer(self._columns.units(units), dtype=np.uint8),
            np.repeat(np.array([packet.delivered for packet in packets], dtype=np.int64), sizes),
            np.full(count, _BULK, dtype=np.uint8),
        )
        starts = np.array([packet.start for packet in packets])
        places = np.arange(count) - np.repeat(starts, sizes)
        if not _ascends(times, starts):
            order = np.lexsort((times, np.repeat(np.arange(len(packets)), sizes)))
            return Batch(run.ordered(order), self.parts, places[order])
        return Batch(run, self.parts, places)

    def _deliver(self, gateway: str, agent_time: int) -> int:
        before = self._lanes.get(gateway)
        if before is None:
            before = self._delivered(gateway)
        delivered = self._lanes[gateway] = max(before, agent_time)
        return delivered


def _ascends(times: Numbers, starts: Numbers) -> bool:
    """Whether the times of every packet do."""
    falls = times[1:] < times[:-1]
    falls[starts[1:] - 1] = False
    return not falls.any()
