"""The bounded queue between the MQTT thread and the worker."""

import threading

from ingest.inbox import BATCH_BYTES, MAX_BYTES, MAX_MESSAGES, Inbox
from ingest.letters import Arrival
from tests.support import eventually


def arrival(number: int, size: int = 1, topic: str = "t") -> Arrival:
    return Arrival.of(topic, b"x" * size, number)


def numbers(arrivals: list[Arrival]) -> list[int]:
    return [a.received_at for a in arrivals]


def test_all_that_has_arrived_is_taken_at_once_and_in_order() -> None:
    """A batch is what there is."""
    inbox = Inbox()
    for n in range(5):
        inbox.put(arrival(n))
    assert numbers(inbox.take(0)[0]) == [0, 1, 2, 3, 4]
    assert inbox.take(0) == ([], [])


def test_when_full_the_newest_is_dropped_and_counted() -> None:
    """By number and by bytes; taking makes room again."""
    inbox = Inbox(max_messages=3, max_bytes=100)
    for n in range(5):
        inbox.put(arrival(n))
    assert inbox.dropped == 2
    assert numbers(inbox.take(0)[0]) == [0, 1, 2]
    for n in range(3):
        inbox.put(arrival(n, 40))
    assert inbox.dropped == 3
    assert numbers(inbox.take(0)[0]) == [0, 1]
    inbox.put(arrival(9, 100))
    assert numbers(inbox.take(0)[0]) == [9]


def test_it_is_bounded_without_being_told() -> None:
    """Small messages by MAX_MESSAGES, large ones by MAX_BYTES: this is what a worker may hold while its store is down."""
    small, large = Inbox(), Inbox()
    for n in range(MAX_MESSAGES + 7):
        small.put(arrival(n))
    for n in range(MAX_BYTES // 100_000 + 7):
        large.put(arrival(n, 100_000))
    assert (small.dropped, large.dropped) == (7, 7)


def test_a_batch_is_bounded_in_bytes() -> None:
    """The rest waits for the next."""
    inbox = Inbox()
    for n in range(19):
        inbox.put(arrival(n, BATCH_BYTES // 8))
    assert [len(inbox.take(0)[0]) for _ in range(4)] == [8, 8, 3, 0]


def test_statuses_wait_apart_the_last_of_each_topic() -> None:
    """They are not dropped for the lanes' sake."""
    inbox = Inbox(max_messages=1)
    inbox.put(arrival(1))
    inbox.put(arrival(2))
    for n in range(5):
        inbox.put_status(arrival(n, topic=f"s{n % 2}"))
    arrivals, statuses = inbox.take(0)
    assert numbers(arrivals) == [1]
    assert sorted(numbers(statuses)) == [3, 4]


def test_take_returns_as_soon_as_something_comes() -> None:
    """And `wake` ends a wait with nothing."""
    inbox = Inbox()
    got: list[list[Arrival]] = []

    def wait() -> None:
        got.append(inbox.take(60)[0])
        got.append(inbox.take(60)[0])

    thread = threading.Thread(target=wait)
    thread.start()
    inbox.put(arrival(1))
    eventually(lambda: got)
    inbox.wake()
    thread.join(timeout=10)
    assert [numbers(g) for g in got] == [[1], []]
