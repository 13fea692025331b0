"""Group commit: everybody's item is committed once, together with others', and nobody is left waiting."""

import threading
from time import monotonic

from edge.outbox.groupcommit import GroupCommit
from tests.support import eventually


def test_a_lone_caller_waits_for_nobody() -> None:
    """A door that opens once a minute pays for its own commit and no more."""
    groups: list[list[int]] = []
    gathering = GroupCommit(groups.append, wait_s=30)
    begun = monotonic()
    for number in range(100):
        gathering.join(number)
    assert groups == [[number] for number in range(100)]
    assert monotonic() - begun < 5


def test_who_comes_during_a_commit_goes_with_the_next() -> None:
    """All of them in one, in the order in which they came."""
    groups: list[list[int]] = []
    first, release = threading.Event(), threading.Event()

    def commit(group: list[int]) -> None:
        groups.append(group)
        first.set()
        release.wait(10)

    gathering = GroupCommit(commit, wait_s=0)
    threads = [threading.Thread(target=gathering.join, args=(0,))]
    threads[0].start()
    first.wait(10)
    for number in range(1, 6):
        threads.append(threading.Thread(target=gathering.join, args=(number,)))
        threads[-1].start()
        eventually(lambda number=number: len(gathering._waiting) == number)  # type: ignore[misc]
    release.set()
    for thread in threads:
        thread.join(10)
    assert groups == [[0], [1, 2, 3, 4, 5]]


def test_many_callers_in_a_loop_share_their_commits() -> None:
    """Each has one thing at a time and comes again at once: nothing is lost or doubled, and groups stay large."""
    done: list[int] = []
    sizes: list[int] = []
    disk = threading.Event()

    def commit(group: list[int]) -> None:
        disk.wait(0.001)
        sizes.append(len(group))
        done.extend(group)

    gathering = GroupCommit(commit)

    def call(start: int) -> None:
        for number in range(start, start + 100):
            gathering.join(number)
            assert done.count(number) == 1

    threads = [threading.Thread(target=call, args=(caller * 100,)) for caller in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == list(range(1600))
    assert len(sizes) < 400, "far fewer commits than items"


def test_a_commit_that_breaks_leaves_nobody_waiting() -> None:
    """It must not raise; if it does all the same, the next caller is served."""
    groups: list[list[int]] = []

    def commit(group: list[int]) -> None:
        if not groups:
            groups.append([])
            raise KeyboardInterrupt
        groups.append(group)

    gathering = GroupCommit(commit)
    try:
        gathering.join(1)
    except KeyboardInterrupt:
        groups.append([-1])
    gathering.join(2)
    assert groups == [[], [-1], [2]]
