"""How a command goes on the server: states, events, and the table that says which leads where. Decides only.

    PENDING --sent--> SENT --done | refused | failed--> DONE | REFUSED | FAILED
       |                '--expired--> TIMED_OUT --done | refused | failed--> ... (a late answer is still the truth)
       '--unsent--> REFUSED

A person is told 'no answer' when the time is up. That says what is known, not what happened: so an answer that comes later
replaces it, and the history shows both. Any other end is final.
"""

from collections.abc import Mapping
from enum import StrEnum

from linli.clock import SECOND
from linli.commands.wire import TOLERANCE, ReplyState


class CommandState(StrEnum):
    """How far a command is."""

    PENDING = "pending"
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class CommandEvent(StrEnum):
    """What can happen to it. UNSENT: the broker did not take it. EXPIRED: nobody has answered in time."""

    SENT = "sent"
    UNSENT = "unsent"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"


S, E = CommandState, CommandEvent

_ANSWERS = {E.DONE: S.DONE, E.REFUSED: S.REFUSED, E.FAILED: S.FAILED}

TRANSITIONS: Mapping[CommandState, Mapping[CommandEvent, CommandState]] = {
    S.PENDING: {E.SENT: S.SENT, E.UNSENT: S.REFUSED, E.EXPIRED: S.TIMED_OUT, **_ANSWERS},
    S.SENT: {E.EXPIRED: S.TIMED_OUT, **_ANSWERS},
    S.TIMED_OUT: dict(_ANSWERS),
    S.DONE: {},
    S.REFUSED: {},
    S.FAILED: {},
}
"""An answer may overtake the note that it was sent. What is not here changes nothing: repeats are no news."""

OPEN = frozenset((S.PENDING, S.SENT))
"""Somebody waits for these."""

ANSWERED: Mapping[ReplyState, CommandEvent] = {
    ReplyState.DONE: E.DONE,
    ReplyState.REFUSED: E.REFUSED,
    ReplyState.FAILED: E.FAILED,
}

ASK_AGAIN_AFTER = TOLERANCE + SECOND
"""How long after its end a command without an answer is sent once more, unchanged. No gateway carries it out any more (see
`linli.commands.wire.TOLERANCE`): one that has answered repeats its answer, one that never got it says that it has expired."""

GIVE_UP_AFTER = ASK_AGAIN_AFTER + 2 * SECOND
"""How long after its end it is timed out."""


def after(state: CommandState, event: CommandEvent) -> CommandState | None:
    """The state that follows, or None if the event changes nothing in this state."""
    return TRANSITIONS[state].get(event)
