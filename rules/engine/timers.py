"""Deadlines on many clocks: what is due when a clock has come to a time, in a fixed order. No I/O."""

from collections.abc import Container, Hashable
from heapq import heappop, heappush
from typing import Generic, NamedTuple, TypeVar

C = TypeVar("C", bound=Hashable)


class Key(NamedTuple):
    """One clause of one rule, watching one device."""

    device: str
    rule: str
    clause: int


class Timers(Generic[C]):
    """At most one deadline for each key; a key set again forgets its old one. Due ones come by deadline, then key."""

    def __init__(self) -> None:
        self._heaps: dict[C, list[tuple[int, Key]]] = {}
        self._set: dict[Key, tuple[C, int]] = {}

    def set(self, clock: C, deadline: int, key: Key) -> None:
        """Have `key` come due when `clock` reaches `deadline`. Setting it to what it is costs nothing."""
        if self._set.get(key) == (clock, deadline):
            return
        self._set[key] = (clock, deadline)
        heappush(self._heaps.setdefault(clock, []), (deadline, key))

    def cancel(self, key: Key) -> None:
        """Forget the key's deadline, if it has one."""
        self._set.pop(key, None)

    def is_due(self, clock: C, upto: int) -> bool:
        """Whether anything may be due on `clock` at `upto`: False is certain."""
        heap = self._heaps.get(clock)
        return heap is not None and len(heap) > 0 and heap[0][0] <= upto

    def pop_due(self, clock: C, upto: int, besides: Container[str] = ()) -> Key | None:
        """Take out the first key that is due on `clock` at `upto` (inclusive), leaving out those of devices in `besides`."""
        heap = self._heaps.get(clock)
        if not heap:
            return None
        left_out: list[tuple[int, Key]] = []
        found: Key | None = None
        while heap and heap[0][0] <= upto and found is None:
            entry = heappop(heap)
            if self._set.get(entry[1]) != (clock, entry[0]):
                continue
            if entry[1].device in besides:
                left_out.append(entry)
            else:
                found = entry[1]
        for entry in left_out:
            heappush(heap, entry)
        if found is not None:
            del self._set[found]
        return found

    def __len__(self) -> int:
        """How many entries it holds, those included that are forgotten and not yet passed over."""
        return sum(map(len, self._heaps.values()))

    def on(self, clock: C) -> list[tuple[Key, int]]:
        """The keys with a deadline on `clock`, in order of key."""
        return sorted((key, deadline) for key, (named, deadline) in self._set.items() if named == clock)
