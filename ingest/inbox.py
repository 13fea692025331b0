"""What has arrived and waits: a bounded queue between the MQTT thread and the worker.

Drop policy: the newest goes. What is dropped was not acknowledged, so its agent sends it again; keeping the oldest keeps
each lane in order, whereas dropping from the front would leave nothing but gaps.
"""

import threading
from collections import deque

from ingest.letters import Arrival

MAX_MESSAGES = 50_000
MAX_BYTES = 32 * 1024 * 1024
MAX_STATUSES = 10_000
BATCH_BYTES = 4 * 1024 * 1024
"""A batch takes no more than this at once: what it becomes in memory is many times as large."""


class Inbox:
    """Filled by `put` on the MQTT thread, emptied by `take` on the worker's. Statuses wait apart, the last of each topic:
    they are retained and sent once, so they are not dropped for the lanes' sake."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._ready = threading.Condition()
        self._waiting: deque[Arrival] = deque()
        self._statuses: dict[str, Arrival] = {}
        self._bytes = 0
        self._woken = False
        self._awaited = False
        self.dropped = 0

    def put(self, arrival: Arrival) -> None:
        """Queue a lane message, or drop and count it when the queue is full."""
        size = len(arrival.payload)
        with self._ready:
            if len(self._waiting) >= self._max_messages or self._bytes + size > self._max_bytes:
                self.dropped += 1
                return
            self._waiting.append(arrival)
            self._bytes += size
            if self._awaited:
                self._awaited = False
                self._ready.notify()

    def put_status(self, arrival: Arrival) -> None:
        """Keep the newest status of its topic."""
        with self._ready:
            if len(self._statuses) >= MAX_STATUSES and arrival.topic not in self._statuses:
                self.dropped += 1
                return
            self._statuses[arrival.topic] = arrival
            self._ready.notify()

    def wake(self) -> None:
        """Let a waiting `take` return now."""
        with self._ready:
            self._woken = True
            self._ready.notify()

    def take(self, timeout: float) -> tuple[list[Arrival], list[Arrival]]:
        """The lane messages and the statuses that have arrived; waits up to `timeout` seconds while there are none."""
        with self._ready:
            self._awaited = True
            self._ready.wait_for(lambda: self._waiting or self._statuses or self._woken, timeout)
            self._woken = self._awaited = False
            taken: list[Arrival] = []
            size = 0
            while self._waiting and size < BATCH_BYTES:
                arrival = self._waiting.popleft()
                size += len(arrival.payload)
                taken.append(arrival)
            self._bytes -= size
            statuses = list(self._statuses.values())
            self._statuses.clear()
            return taken, statuses
