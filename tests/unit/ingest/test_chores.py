"""What ingest does beside its lanes (`ingest.chores`)."""

from collections.abc import Sequence

from sqlalchemy.exc import OperationalError

from ingest.chores import KEPT_DAYS, Chores
from ingest.pipeline import Taken
from ingest.replay import Replayer
from linli.clock import DAY
from linli.db.deadletters import Choice, KeptLetter
from linli.db.heartbeats import Heartbeat
from linli.model import HEARTBEAT_TYPE, Lane, Received
from linli.testing import ManualClock, MemoryDeadLetters, MemoryStore
from tests.unit.ingest.world import LIMITS, NOW, arrival, event, registry


class Beats:
    """Where heartbeats are kept, and a switch that makes it fail."""

    def __init__(self) -> None:
        self.failing = False
        self.saved: list[list[Heartbeat]] = []
        self.forgotten: list[int] = []

    def save(self, heartbeats: Sequence[Heartbeat]) -> None:
        """Keep them, or fail as a database does."""
        if self.failing:
            raise OperationalError("x", None, Exception("locked"))
        self.saved.append(list(heartbeats))

    def forget_before(self, day: int) -> None:
        """Note it."""
        self.forgotten.append(day)


class NoLetters(MemoryDeadLetters):
    """Nothing was ever asked for."""

    def requested(self, limit: int, after: int = 0) -> list[KeptLetter]:
        """None."""
        return []

    def replayed(self, accepted: Sequence[int], refused: object) -> None:
        """Never called."""

    def purge(self, choice: Choice, now: int) -> int:
        """None."""
        return 0


def taken(sequence: int, kind: str = HEARTBEAT_TYPE, lane: Lane = Lane.BULK, **data: int) -> Taken:
    message = event(sequence, type=kind, subject="gw-1", lane=lane, data=data)
    return Taken(Received(message, NOW + sequence), arrival(message))


def chores(beats: Beats, clock: ManualClock | None = None) -> Chores:
    clock = clock or ManualClock(NOW)
    return Chores(beats, Replayer(NoLetters(), MemoryStore(), registry(), LIMITS, clock, 90), clock)


def test_the_newest_of_each_lane_is_kept() -> None:
    """However many came within the second, in the order in which they came; other messages are none of its business."""
    beats = Beats()
    worker = chores(beats)
    worker.heard(
        [taken(1, queue_bulk=1), taken(1, lane=Lane.URGENT), taken(2, "access.granted"), taken(3, queue_bulk=3)]
    )
    worker.step()
    worker.step()
    assert [[(beat.lane, beat.queue_bulk) for beat in saved] for saved in beats.saved] == [
        [(Lane.URGENT, None), (Lane.BULK, 3)]
    ]


def test_what_cannot_be_kept_waits() -> None:
    """While the database fails nothing is raised; later the newest is written."""
    beats = Beats()
    worker = chores(beats)
    beats.failing = True
    worker.heard([taken(1, queue_bulk=1)])
    assert worker.step() is False
    worker.heard([taken(2, queue_bulk=2)])
    beats.failing = False
    worker.step()
    assert [[beat.queue_bulk for beat in saved] for saved in beats.saved] == [[2]]
    assert worker.counters() == {"replayed": 0, "purged": 0}


def test_counts_of_long_ago_are_forgotten_once_a_day() -> None:
    """Those of more than a year stay."""
    beats, clock = Beats(), ManualClock(NOW)
    worker = chores(beats, clock)
    for hours in (0, 1, 24):
        clock.advance(hours * 3600)
        worker.step()
    today = NOW // DAY
    assert beats.forgotten == [today - KEPT_DAYS, today + 1 - KEPT_DAYS]
