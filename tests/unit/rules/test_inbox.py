"""What waits between the MQTT thread and the worker: bounded, in order, and never slept on."""

import threading

from rules import inbox
from rules.inbox import Arrival, Inbox


def test_it_is_bounded_in_messages_and_counts_what_it_drops() -> None:
    """Dropped messages come again: they were not acknowledged."""
    box = Inbox(2)
    arrivals = [Arrival("topic", b"", number) for number in range(5)]
    for arrival in arrivals:
        box.put(arrival)
    assert (box.take(0), box.dropped) == (arrivals[:2], 3)
    box.put(arrivals[4])
    assert box.take(0) == arrivals[4:]


def test_it_is_bounded_in_bytes() -> None:
    """Large messages fill it too; once they are taken there is room again."""
    box = Inbox(max_bytes=100)
    large = Arrival("topic", b"x" * 60, 0)
    box.put(large)
    box.put(large)
    assert (box.take(0), box.dropped) == ([large], 1)
    box.put(large)
    assert box.take(0) == [large]


def test_a_batch_is_bounded() -> None:
    """The rest comes with the next, at once."""
    box = Inbox()
    arrivals = [Arrival("topic", b"", number) for number in range(inbox.BATCH + 1)]
    for arrival in arrivals:
        box.put(arrival)
    assert box.take(0) == arrivals[:-1]
    assert box.take(60) == arrivals[-1:]


def test_nothing_that_was_put_is_slept_on() -> None:
    """Two threads, one message at a time: each is taken, in order, long before the wait is over."""
    box = Inbox()
    count = 2000
    taken: list[int] = []

    def take() -> None:
        while len(taken) < count:
            taken.extend(arrival.received_at for arrival in box.take(60))

    taker = threading.Thread(target=take)
    taker.start()
    for number in range(count):
        box.put(Arrival("topic", b"", number))
    taker.join(timeout=20)
    assert not taker.is_alive()
    assert taken == list(range(count))
