"""Group commit: callers on many threads share one commit, and so one fsync. Without I/O of its own.

Theory of operation. The first caller to come leads: it commits for itself and for all who came by then. Who comes while
that commit is under way waits; when it is done, the first of those leads the next. Callers in a loop, each with one small
thing, would come one by one just after their commit and find groups of one: so a leader whose group before had several
members waits for as many to come again, at most `wait_s`. A lone caller waits for nobody.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

WAIT_S = 0.005


class _Place(Generic[Item]):
    """A caller's place in the queue. `gate` is closed until its commit is done, or until it has to lead."""

    __slots__ = ("gate", "item", "leads")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.gate = threading.Lock()
        self.gate.acquire()
        self.leads = False


class GroupCommit(Generic[Item]):
    """`commit` is called with all items of a group, by one thread at a time, and must not raise."""

    def __init__(self, commit: Callable[[list[Item]], None], wait_s: float = WAIT_S) -> None:
        self._commit = commit
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._enough = threading.Condition(self._lock)
        self._waiting: list[_Place[Item]] = []
        self._led = False
        self._expected = 1

    def join(self, item: Item) -> None:
        """Return once a commit that held `item` has returned."""
        place = _Place(item)
        with self._lock:
            self._waiting.append(place)
            if not self._led:
                self._led = place.leads = True
            elif len(self._waiting) == self._expected:
                self._enough.notify()
        if not place.leads:
            place.gate.acquire()
        if place.leads:
            self._lead(place)

    def _lead(self, leader: _Place[Item]) -> None:
        with self._lock:
            if self._expected > 1:
                self._enough.wait_for(lambda: len(self._waiting) >= self._expected, self._wait_s)
            group, self._waiting = self._waiting, []
        try:
            self._commit([place.item for place in group])
        finally:
            with self._lock:
                self._expected = len(group)
                following = self._waiting[0] if self._waiting else None
                self._led = following is not None
            for place in group:
                if place is not leader:
                    place.gate.release()
            if following is not None:
                following.leads = True
                following.gate.release()
