"""Since when we listen, and how far time has passed: whatever the clock does, no tick passes what waits."""

from hypothesis import given
from hypothesis import strategies as st

from linli.clock import SECOND
from linli.testing import ManualClock
from rules.engine.inputs import ListenIn, Tick
from rules.timekeeping import ANEW_S, Timekeeping
from tests.unit.rules.world import T0


def tick(time: Timekeeping, waits: int | None = None, dropped: int = 0, last: int = 0) -> list[int]:
    found = time.ticks(waits, dropped, last, settling=False, foreseen=False)
    assert all(isinstance(each, Tick) for each in found)
    return [each.now for each in found if isinstance(each, Tick)]


def connected(clock: ManualClock, behind: int = 0) -> Timekeeping:
    time = Timekeeping(clock, 1.0, behind)
    time.connected()
    assert time.listens() == [ListenIn(clock.now())]
    return time


@given(
    behind=st.sampled_from((0, 59 * SECOND)),
    moves=st.lists(
        st.tuples(
            st.sampled_from((SECOND, 10 * SECOND, 3600 * SECOND, -3600 * SECOND, -SECOND)),
            st.none() | st.integers(-20, 20),
            st.sampled_from((0, 0, 0, 1)),
        ),
        max_size=30,
    ),
)
def test_no_tick_passes_what_waits(behind: int, moves: list[tuple[int, int | None, int]]) -> None:
    """But to when we began to listen, at which nobody's silence means anything. Nor does a tick go back for that. Seconds between now
    and what waits; a clock may jump either way."""
    clock = ManualClock(T0)
    time = connected(clock, behind)
    last, dropped, begun = 0, 0, T0
    for by, ago, more in moves:
        clock.us += by
        dropped += more
        begun = max([begun, *(each.now for each in time.listens() if isinstance(each, ListenIn))])
        waits = None if ago is None else clock.now() - ago * SECOND
        for now in tick(time, waits, dropped, last):
            assert now <= clock.now() - behind
            assert waits is None or now <= max(waits, last, begun) or now < last
            last = now


def test_time_goes_on_to_what_waits() -> None:
    """And not beyond; once nothing waits it is now."""
    clock = ManualClock(T0)
    time = connected(clock)
    clock.advance(8)
    assert tick(time, T0 + 3 * SECOND) == [T0 + 3 * SECOND]
    clock.advance(1)
    assert tick(time, T0 + 2 * SECOND, last=T0 + 3 * SECOND) == [T0 + 3 * SECOND]
    clock.advance(1)
    assert tick(time, last=T0 + 3 * SECOND) == [T0 + 10 * SECOND]


def test_what_was_dropped_has_us_listen_anew_now_and_then() -> None:
    """Under an overload that lasts not each time; and time goes on to when we did, so that reminders and shelving end."""
    clock = ManualClock(T0)
    time = connected(clock)
    anew = last = 0
    begun = T0
    for second in range(20):
        clock.advance(1)
        for now in tick(time, waits=clock.now() - 100, dropped=second + 1, last=last):
            assert now == begun
            last = now
        for each in time.listens():
            anew += 1
            begun = clock.now()
            assert each == ListenIn(begun)
    assert anew == 20 / ANEW_S
    assert last > T0 + 10 * SECOND
    clock.advance(ANEW_S)
    assert tick(time, dropped=20) == []
    assert time.listens() == [ListenIn(clock.now())]
    clock.advance(1)
    assert tick(time, dropped=20) == [clock.now()]
