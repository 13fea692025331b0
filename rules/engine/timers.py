"""What a watch waits for, and deadlines on many clocks: what is due when a clock has come to a time, in a fixed order. No I/O."""

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import IntEnum
from heapq import heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from linli.model import Lane
from rules.engine.seen import Moment

C = TypeVar("C", bound=Sequence[object])
"""The name of a clock; what it begins with names the group that it is of."""


class Timer(IntEnum):
    """What a watch may wait for. Of one watch those that are due together go off in this order."""

    HOLD = 0
    LINGER = 1
    WAIT = 2
    FADE = 3
    TURN = 4
    FORGET = 5


@dataclass(slots=True)
class Wait:
    """A running timer: what it brings about happens at event time `at`; it is due when the lane's clock comes to `deadline`.
    The device is the one whose observation set it."""

    at: int
    deadline: int
    device: str
    gateway: str
    lane: Lane

    @property
    def moment(self) -> Moment:
        """When it goes off."""
        return Moment(self.at, self.deadline, self.device, self.gateway, self.lane)


class Key(NamedTuple):
    """A timer of one clause of one rule in one memory; `part`: 0 for the clause itself, from 1 on for the members of `all`."""

    memory: str
    rule: str
    clause: int
    part: int = 0
    timer: int = 0


class Timers(Generic[C]):
    """At most one deadline for each key. Due ones come by deadline, then key.

    A deadline that is put off costs nothing: the key still comes due at the old one, and who takes it out sets it again.
    """

    def __init__(self) -> None:
        self._heaps: dict[C, list[tuple[int, Key]]] = {}
        self._groups: dict[object, list[C]] = {}
        self._soonest: dict[object, float] = {}
        self._set: dict[Key, tuple[C, int, str]] = {}
        self._elsewhere: dict[str, set[Key]] = {}
        self.popped = 0
        """The deadline at which the last key was taken out."""

    def set(self, clock: C, deadline: int, key: Key, device: str) -> None:
        """Have `key` come due when `clock` reaches `deadline`, or sooner. `device`: whose observation it was."""
        known = self._set.get(key)
        if known is not None and known[0] == clock and known[1] <= deadline:
            if known[2] != device:
                self._put(key, (clock, known[1], device))
            return
        self._put(key, (clock, deadline, device))
        heap = self._heaps.get(clock)
        if heap is None:
            heap = self._heaps[clock] = []
            self._groups.setdefault(clock[0], []).append(clock)
        heappush(heap, (deadline, key))
        self._soonest[clock[0]] = min(deadline, self._soonest.get(clock[0], deadline))

    def _drop(self, key: Key) -> None:
        """Forget the key's deadline, if it has one."""
        known = self._set.pop(key, None)
        if known is not None:
            self._leave(key, known[2])

    def elsewhere(self, device: str) -> list[Key]:
        """The keys that the device set in memories which are not its own, in order."""
        return sorted(self._elsewhere.get(device, ()))

    def may_be_due(self, group: object, upto: int) -> bool:
        """Whether anything may be due at `upto` on any clock of a group: False is certain, and quickly said."""
        if upto < self._soonest.get(group, math.inf):
            return False
        heaps = (self._heaps[clock] for clock in self._groups.get(group, ()))
        soonest = self._soonest[group] = min((heap[0][0] for heap in heaps if heap), default=math.inf)
        return upto >= soonest

    def pop_due(self, clocks: Sequence[tuple[C, int]], besides: Container[str] = ()) -> Key | None:
        """Take out the first key that is due: `clocks` are each with the time (inclusive) to which it has come; keys set by
        devices in `besides` are left out."""
        first: tuple[int, Key] | None = None
        for clock, upto in clocks:
            due = self._first(clock, upto, besides)
            if due is not None and (first is None or due < first):
                first = due
        if first is None:
            return None
        self.popped = first[0]
        self._drop(first[1])
        return first[1]

    def _put(self, key: Key, entry: tuple[C, int, str]) -> None:
        self._drop(key)
        self._set[key] = entry
        if key.memory != entry[2]:
            self._elsewhere.setdefault(entry[2], set()).add(key)

    def _leave(self, key: Key, device: str) -> None:
        if key.memory != device:
            keys = self._elsewhere[device]
            keys.discard(key)
            if not keys:
                del self._elsewhere[device]

    def _first(self, clock: C, upto: int, besides: Container[str]) -> tuple[int, Key] | None:
        heap = self._heaps.get(clock)
        left_out: list[tuple[int, Key]] = []
        found: tuple[int, Key] | None = None
        while heap and heap[0][0] <= upto and found is None:
            entry = heap[0]
            known = self._set.get(entry[1])
            if known is None or known[:2] != (clock, entry[0]):
                heappop(heap)
            elif known[2] in besides:
                left_out.append(heappop(heap))
            else:
                found = entry
        for entry in left_out:
            heappush(self._heaps[clock], entry)
        return found

    def __len__(self) -> int:
        """How many entries it holds, those included that are forgotten and not yet passed over."""
        return sum(map(len, self._heaps.values()))

    def on(self, clock: C) -> list[Key]:
        """The keys with a deadline on `clock`, in order."""
        return sorted(
            {key for at, key in self._heaps.get(clock, ()) if self._set.get(key, (None, 0))[:2] == (clock, at)}
        )
