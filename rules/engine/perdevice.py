"""What is remembered of each device in each memory of a clause: small, and in order of the devices' ids. No I/O, no clock."""

from bisect import bisect_left
from collections.abc import Callable, Container, Sequence
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

Memory = tuple[str | int, ...]
"""Names one clause's memory to the caller: a rule's id, then whatever tells its clauses and memories apart."""


class OfDevice(Protocol):
    """Something that knows which device it is of."""

    @property
    def device(self) -> str:
        """Its id."""


T = TypeVar("T", bound=OfDevice)

_by_device = attrgetter("device")


class PerDevice(Generic[T]):
    """At most one T for each memory and device. Most memories are of one device, so each is a list and not a mapping."""

    def __init__(self) -> None:
        self._lists: dict[Memory, list[T]] = {}

    def all(self, memory: Memory) -> list[T]:
        """Those of a memory, in order of device."""
        return self._lists.get(memory, [])

    def get(self, memory: Memory, device: str) -> T | None:
        """The one of that device, if there is one."""
        known = self._lists.get(memory, [])
        place = bisect_left(known, device, key=_by_device)
        return known[place] if place < len(known) and known[place].device == device else None

    def put(self, memory: Memory, item: T) -> None:
        """Remember it, in place of what was remembered of its device."""
        known = self._lists.setdefault(memory, [])
        place = bisect_left(known, item.device, key=_by_device)
        same = place < len(known) and known[place].device == item.device
        known[place : place + same] = [item]

    def retain(self, wanted: Callable[[Memory, str], bool], only: Container[str] | None = None) -> None:
        """Forget what is of a memory and device that are not `wanted`. `only`: no other devices have to be asked about."""
        if only is not None:
            for memory in [memory for memory, items in self._lists.items() if _any_of(items, only)]:
                items = [item for item in self._lists[memory] if item.device not in only or wanted(memory, item.device)]
                if items:
                    self._lists[memory] = items
                else:
                    del self._lists[memory]
            return
        kept = (
            (memory, [item for item in items if wanted(memory, item.device)]) for memory, items in self._lists.items()
        )
        self._lists = {memory: items for memory, items in kept if items}

    def dump(self) -> list[tuple[Memory, list[T]]]:
        """All of it, in an order that depends on nothing else."""
        return sorted(self._lists.items(), key=_named)

    def restore(self, dumped: list[tuple[Memory, list[T]]]) -> None:
        """Be what `dump` gave."""
        self._lists = dict(dumped)

    def __len__(self) -> int:
        return sum(map(len, self._lists.values()))


def _any_of(items: Sequence[OfDevice], devices: Container[str]) -> bool:
    if len(items) == 1:
        return items[0].device in devices
    return any(item.device in devices for item in items)


def _named(item: tuple[Memory, object]) -> list[str]:
    return [str(word) for word in item[0]]
