"""Observations that a rule's `settle` holds back, so that stragglers still find their place. No I/O, no clock."""

from bisect import insort
from dataclasses import dataclass, field
from operator import attrgetter

from linli.model import Lane
from rules.engine.seen import Seen

BufferName = tuple[str, Lane, int]
"""A gateway's lane, and for how long (microseconds) its observations wait."""

_order = attrgetter("order")


@dataclass(slots=True)
class Settling:
    """What waits, by buffer, each in the order in which it counts."""

    buffers: dict[BufferName, list[Seen]] = field(default_factory=dict)

    def holds(self, lane: tuple[str, Lane]) -> bool:
        """Whether anything of that lane waits."""
        return bool(self.buffers) and any(name[:2] == lane for name in self.buffers)

    def put(self, name: BufferName, seen: Seen) -> None:
        """Hold an observation back."""
        insort(self.buffers.setdefault(name, []), seen, key=_order)

    def first(self, name: BufferName, upto: int) -> Seen | None:
        """Of those with a time up to `upto` (inclusive) the first; it stays."""
        buffer = self.buffers.get(name)
        return buffer[0] if buffer and buffer[0].time <= upto else None

    def drop_first(self, name: BufferName) -> None:
        """It has been seen."""
        buffer = self.buffers[name]
        del buffer[0]
        if not buffer:
            del self.buffers[name]
