"""Timers in memory."""

from linli.model import Lane
from tests.unit.rules.world import Bench


def test_timers_do_not_grow_with_events_that_move_no_deadline() -> None:
    """A camera that talks all day has one deadline for each clause, not one for each event."""
    bench = Bench()
    feed = bench.feed
    bench.put(feed.beat(0, Lane.BULK), feed.alive(0.1))
    before = len(bench.engine.memories.timers)
    bench.put(*(feed.event(1 + number / 100, "cam", "camera.motion.started") for number in range(1000)))
    assert len(bench.engine.memories.timers) == before
