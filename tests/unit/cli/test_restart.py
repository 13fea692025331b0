"""The restart state machine and its back-off: pure, so every pair is tried."""

import itertools

import pytest

from linli.cli.restart import (
    FIRST_DELAY_S,
    HAS_PROCESS,
    HUNG_AFTER_S,
    LONGEST_DELAY_S,
    STEADY_AFTER_S,
    TRANSITIONS,
    Backoff,
    Event,
    IllegalEvent,
    Patience,
    State,
    after,
)

ILLEGAL = {
    (State.STOPPED, Event.ANSWERED),
    (State.STOPPED, Event.FELL_SILENT),
    (State.STOPPED, Event.EXITED),
    (State.STOPPED, Event.WAITED),
    (State.STARTING, Event.START),
    (State.STARTING, Event.WAITED),
    (State.READY, Event.START),
    (State.READY, Event.WAITED),
    (State.SILENT, Event.START),
    (State.SILENT, Event.WAITED),
    (State.WAITING, Event.START),
    (State.WAITING, Event.ANSWERED),
    (State.WAITING, Event.FELL_SILENT),
    (State.WAITING, Event.EXITED),
    (State.STOPPING, Event.START),
    (State.STOPPING, Event.WAITED),
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_pair_is_decided(state: State, event: Event) -> None:
    """Each (state, event) either has its place in the table or is refused; none is forgotten."""
    if (state, event) in ILLEGAL:
        with pytest.raises(IllegalEvent):
            after(state, event)
    else:
        assert after(state, event) is TRANSITIONS[state, event]


@pytest.mark.parametrize("state", State)
def test_stop_ends_every_state_without_a_restart(state: State) -> None:
    """After stop no event but a new start leads to a process."""
    stopping = after(state, Event.STOP)
    assert stopping in (State.STOPPED, State.STOPPING)
    if stopping is State.STOPPING:
        assert after(stopping, Event.EXITED) is State.STOPPED
    for event in set(Event) - {Event.START}:
        if (stopping, event) not in ILLEGAL:
            assert after(stopping, event) in (State.STOPPED, State.STOPPING)


@pytest.mark.parametrize("state", sorted(HAS_PROCESS - {State.STOPPING}))
def test_an_end_nobody_asked_for_is_followed_by_a_start(state: State) -> None:
    """Whatever it was doing: exited, waited, starting."""
    waiting = after(state, Event.EXITED)
    assert waiting is State.WAITING
    assert after(waiting, Event.WAITED) is State.STARTING


def test_ready_is_only_reached_by_an_answer() -> None:
    """A process that merely lives is not called running."""
    assert {event for (_, event), state in TRANSITIONS.items() if state is State.READY} == {Event.ANSWERED}


def test_quick_ends_wait_ever_longer_up_to_the_longest() -> None:
    """Doubling from 0.2 s to 5 s, and no further."""
    backoff = Backoff()
    delays = [backoff.next(ran_s=0.1) for _ in range(8)]
    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert (FIRST_DELAY_S, LONGEST_DELAY_S) == (0.2, 5.0)


def test_a_steady_run_forgives() -> None:
    """Killed after running well, a part is back at once, however bad its start was."""
    backoff = Backoff()
    for _ in range(8):
        backoff.next(ran_s=0.1)
    assert backoff.next(ran_s=STEADY_AFTER_S) == FIRST_DELAY_S
    assert backoff.next(ran_s=0.1) == 2 * FIRST_DELAY_S


def test_patience_ends_after_a_minute_of_nothing_else() -> None:
    """One look that finds it well, or not to blame, and the minute begins anew."""
    patience = Patience()
    assert not patience.is_over(True, 100.0)
    assert not patience.is_over(True, 100.0 + HUNG_AFTER_S - 1)
    assert not patience.is_over(False, 100.0 + HUNG_AFTER_S)
    assert not patience.is_over(True, 200.0)
    assert not patience.is_over(True, 200.0 + HUNG_AFTER_S - 0.1)
    assert patience.is_over(True, 200.0 + HUNG_AFTER_S)
