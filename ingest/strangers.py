"""Who reports and is not registered, gathered on the way to the list of them (`linli.db.strangers`). No I/O.

Ingest gathers in memory, within bounds, and writes once a second beside its lanes: however many strangers there are, no batch
waits for them. What a process that dies had not written yet is in the dead letters all the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

from linli.model import Message
from linli.ports import Registry
from linli.registry.strangers import MOST_SAMPLES, MOST_WORDS, Sample, Stranger, shortened

MOST = 1_000
"""So many strangers are gathered at once."""

OF_A_GATEWAY = 200
"""And so many of one gateway."""

OF_A_PACKET = 100
"""And of one packet: a gateway that makes up hundreds of names does not double what refusing them costs."""

_LOOKED_AT = 100
"""Of so many readings of one device in a packet the quantities are noted."""


class StrangerList(Protocol):
    """Where they are kept (`linli.db.strangers`)."""

    def put(self, strangers: Sequence[Stranger], left_out: "Counter[tuple[str, str]]", now: int) -> None:
        """Take in what was heard; `left_out`: what found no room, by community and gateway."""


class Strangers:
    """Those heard since they were written last. `left_out`: observations that found no room, by community and gateway."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], Stranger] = {}
        self._of: Counter[str] = Counter()
        self.left_out: Counter[tuple[str, str]] = Counter()

    def __bool__(self) -> bool:
        return bool(self._heard or self.left_out)

    def add(self, more: Iterable[Stranger]) -> None:
        """Note these."""
        for stranger in more:
            key = (stranger.gateway, stranger.device)
            before = self._heard.get(key)
            if before is not None:
                self._heard[key] = before.with_more(stranger)
            elif len(self._heard) < MOST and self._of[stranger.gateway] < OF_A_GATEWAY:
                self._heard[key] = stranger
                self._of[stranger.gateway] += 1
            else:
                self.left_out[stranger.community, stranger.gateway] += stranger.times

    def heard(self) -> list[Stranger]:
        """They, as they are to be written."""
        return list(self._heard.values())

    def clear(self) -> None:
        """They are written."""
        self._heard.clear()
        self._of.clear()
        self.left_out.clear()


def strangers_in(message: Message, registry: Registry, received_at: int) -> list[Stranger]:
    """Those that the message tells of: its subject, or the devices of its readings that are not registered (OF_A_PACKET)."""
    if not message.readings:
        if message.subject == message.gateway or registry.device(message.subject) is not None:
            return []
        samples = (Sample(message.time, message.type, data=shortened(message.data)),)
        return [_stranger(message, message.subject, received_at, 1, samples, types=(message.type,))]
    of: dict[str, list[int]] = {}
    for number, reading in enumerate(message.readings):
        of.setdefault(reading.device, []).append(number)
    unknown = (device for device in of if registry.device(device) is None)
    return [_of_readings(message, device, of[device], received_at) for device in islice(unknown, OF_A_PACKET)]


def _of_readings(message: Message, device: str, numbers: Sequence[int], received_at: int) -> Stranger:
    last = [message.readings[number] for number in numbers[-MOST_SAMPLES:]]
    samples = tuple(Sample(reading.time, reading.quantity, reading.value, reading.unit) for reading in last)
    some = dict.fromkeys(message.readings[number].quantity for number in numbers[:_LOOKED_AT])
    quantities = tuple(some)[:MOST_WORDS]
    return _stranger(message, device, received_at, len(numbers), samples, quantities=quantities)


def _stranger(
    message: Message,
    device: str,
    received_at: int,
    times: int,
    samples: tuple[Sample, ...],
    quantities: tuple[str, ...] = (),
    types: tuple[str, ...] = (),
) -> Stranger:
    return Stranger(
        message.community, message.gateway, device, received_at, received_at, times, quantities, types, samples
    )
