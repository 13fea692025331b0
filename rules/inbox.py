"""What has arrived and waits: a bounded queue between the MQTT thread and the worker.

Drop policy: the newest goes. What is dropped was not acknowledged, so its agent sends it again; keeping the oldest keeps
each lane in order.

Theory of operation. A deque is appended to and taken from on two threads without a lock, and each of the two byte counts is
written on one thread alone. The event says 'look': `take` clears it before it looks, `put` sets it after it has put, so
nothing that was put is slept on.
"""

import threading
from collections import deque
from typing import NamedTuple

MAX_MESSAGES = 20_000
MAX_BYTES = 32 * 1024 * 1024
BATCH = 5_000
BATCH_BYTES = 4 * 1024 * 1024
"""A batch takes no more than this at once: what it becomes in memory is many times as large."""


class Arrival(NamedTuple):
    """Bytes as they came, and when (server's time, microseconds since 1970 UTC)."""

    topic: str
    payload: bytes
    received_at: int


class Inbox:
    """Filled by `put` on the MQTT thread, emptied by `take` on the worker's."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._waiting: deque[Arrival] = deque()
        self._look = threading.Event()
        self._bytes_in = 0
        self._bytes_out = 0
        self.dropped = 0

    def put(self, arrival: Arrival) -> None:
        """Queue it, or drop and count it when the queue is full."""
        size = len(arrival.payload)
        held = self._bytes_in - self._bytes_out
        if len(self._waiting) >= self._max_messages or held + size > self._max_bytes:
            self.dropped += 1
            return
        self._bytes_in += size
        self._waiting.append(arrival)
        if not self._look.is_set():
            self._look.set()

    @property
    def oldest(self) -> int | None:
        """When the first of what waits came; None if nothing does."""
        try:
            return self._waiting[0].received_at
        except IndexError:
            return None

    def take(self, wait_s: float) -> list[Arrival]:
        """What is there, oldest first, at most BATCH of them; waits up to `wait_s` seconds while there is nothing."""
        self._look.clear()
        waiting = self._waiting
        if not waiting and not self._look.wait(wait_s):
            return []
        taken: list[Arrival] = []
        size = 0
        while waiting and len(taken) < BATCH and size < BATCH_BYTES:
            arrival = waiting.popleft()
            size += len(arrival.payload)
            taken.append(arrival)
        self._bytes_out += size
        return taken
