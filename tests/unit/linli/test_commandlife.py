"""How a command goes: every pair of state and event."""

import pytest

from linli.commands.life import (
    ANSWERED,
    ASK_AGAIN_AFTER,
    GIVE_UP_AFTER,
    OPEN,
    TRANSITIONS,
    CommandEvent,
    CommandState,
    after,
)
from linli.commands.wire import TOLERANCE, ReplyState

S, E = CommandState, CommandEvent

LEADS = {
    (S.PENDING, E.SENT): S.SENT,
    (S.PENDING, E.UNSENT): S.REFUSED,
    (S.PENDING, E.EXPIRED): S.TIMED_OUT,
    (S.PENDING, E.DONE): S.DONE,
    (S.PENDING, E.REFUSED): S.REFUSED,
    (S.PENDING, E.FAILED): S.FAILED,
    (S.SENT, E.EXPIRED): S.TIMED_OUT,
    (S.SENT, E.DONE): S.DONE,
    (S.SENT, E.REFUSED): S.REFUSED,
    (S.SENT, E.FAILED): S.FAILED,
    (S.TIMED_OUT, E.DONE): S.DONE,
    (S.TIMED_OUT, E.REFUSED): S.REFUSED,
    (S.TIMED_OUT, E.FAILED): S.FAILED,
}


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("event", E)
def test_every_pair(state: CommandState, event: CommandEvent) -> None:
    """The whole table; what is not in it changes nothing, so a repeat is never told twice."""
    assert after(state, event) == LEADS.get((state, event))


def test_every_state_can_be_left_or_is_an_end() -> None:
    """Nobody waits for ever: what is open ends when its time is up."""
    assert TRANSITIONS.keys() == set(S)
    assert all(after(state, E.EXPIRED) is S.TIMED_OUT for state in OPEN)


def test_every_answer_is_an_event() -> None:
    """A gateway's word for the end is one that the table knows."""
    assert ANSWERED.keys() == set(ReplyState)


def test_the_second_asking_comes_when_no_gateway_would_act() -> None:
    """Later than the tolerance of its clock; and the person is told after it had time to answer."""
    assert TOLERANCE < ASK_AGAIN_AFTER < GIVE_UP_AFTER
