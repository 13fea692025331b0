"""What can happen to a condition and to an alert: two transition tables, and nothing decided outside them. No I/O.

A condition is what one clause of a rule says of one device. Handling is what people have done about an alert: the alarm
states of ISA-18.2, whose 'normal' is CLOSED here. Two things bend the second table:

    latched      a return to normal never ends it: only a person closes
    life safety  it cannot be shelved, suppressed or taken out of service (such a rule is always latched too)
"""

from enum import StrEnum

from linli.model import Condition, Handling


class ConditionEvent(StrEnum):
    """What can happen to a condition."""

    BEGIN = "begin"
    """It has become true."""
    HELD = "held"
    """It has been true for its `for`."""
    END = "end"
    """It is no longer true."""
    NO_DATA = "no_data"
    """Nobody can say."""
    ERROR = "error"
    """Looking failed."""
    RESET = "reset"
    """A person closed the alert, or the rule changed: begin anew."""


class HandlingEvent(StrEnum):
    """What can happen to an alert."""

    ALARM = "alarm"
    """The condition fires (again)."""
    WORSEN = "worsen"
    """It fires on, and is worse or wider than those know who acknowledged it."""
    RETURN = "return"
    """The condition is back to normal."""
    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"
    SHELVE = "shelve"
    SUPPRESS = "suppress"
    TAKE_OUT = "take_out"
    """Out of service."""
    BACK_ALARMED = "back_alarmed"
    """No longer shelved, suppressed or out of service, and the condition fires."""
    BACK_NORMAL = "back_normal"
    """The same, and it does not."""


class IllegalTransition(ValueError):
    """An event that cannot happen in this state."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{event.value!r} cannot happen to what is {state.value!r}")
        self.state = state
        self.event = event


_C, _E = Condition, ConditionEvent

CONDITIONS: dict[tuple[Condition, ConditionEvent], Condition] = {
    (_C.INACTIVE, _E.BEGIN): _C.PENDING,
    (_C.INACTIVE, _E.END): _C.INACTIVE,
    (_C.INACTIVE, _E.NO_DATA): _C.NO_DATA,
    (_C.INACTIVE, _E.ERROR): _C.ERROR,
    (_C.INACTIVE, _E.RESET): _C.INACTIVE,
    (_C.PENDING, _E.BEGIN): _C.PENDING,
    (_C.PENDING, _E.HELD): _C.FIRING,
    (_C.PENDING, _E.END): _C.INACTIVE,
    (_C.PENDING, _E.NO_DATA): _C.PENDING,
    (_C.PENDING, _E.ERROR): _C.PENDING,
    (_C.PENDING, _E.RESET): _C.INACTIVE,
    (_C.FIRING, _E.BEGIN): _C.FIRING,
    (_C.FIRING, _E.END): _C.RESOLVED,
    (_C.FIRING, _E.NO_DATA): _C.FIRING,
    (_C.FIRING, _E.ERROR): _C.FIRING,
    (_C.FIRING, _E.RESET): _C.INACTIVE,
    (_C.RESOLVED, _E.BEGIN): _C.PENDING,
    (_C.RESOLVED, _E.END): _C.RESOLVED,
    (_C.RESOLVED, _E.NO_DATA): _C.NO_DATA,
    (_C.RESOLVED, _E.ERROR): _C.ERROR,
    (_C.RESOLVED, _E.RESET): _C.INACTIVE,
    (_C.NO_DATA, _E.BEGIN): _C.PENDING,
    (_C.NO_DATA, _E.END): _C.INACTIVE,
    (_C.NO_DATA, _E.NO_DATA): _C.NO_DATA,
    (_C.NO_DATA, _E.ERROR): _C.ERROR,
    (_C.NO_DATA, _E.RESET): _C.INACTIVE,
    (_C.ERROR, _E.BEGIN): _C.PENDING,
    (_C.ERROR, _E.END): _C.INACTIVE,
    (_C.ERROR, _E.NO_DATA): _C.NO_DATA,
    (_C.ERROR, _E.ERROR): _C.ERROR,
    (_C.ERROR, _E.RESET): _C.INACTIVE,
}
"""What is not here is illegal. NO_DATA and ERROR leave PENDING and FIRING as they are: neither ever resolves an alert."""

_H, _W = Handling, HandlingEvent

HANDLING: dict[tuple[Handling, HandlingEvent], Handling] = {
    (_H.CLOSED, _W.ALARM): _H.UNACKNOWLEDGED,
    (_H.UNACKNOWLEDGED, _W.WORSEN): _H.UNACKNOWLEDGED,
    (_H.UNACKNOWLEDGED, _W.RETURN): _H.RETURNED_UNACKNOWLEDGED,
    (_H.UNACKNOWLEDGED, _W.ACKNOWLEDGE): _H.ACKNOWLEDGED,
    (_H.ACKNOWLEDGED, _W.WORSEN): _H.UNACKNOWLEDGED,
    (_H.ACKNOWLEDGED, _W.RETURN): _H.CLOSED,
    (_H.ACKNOWLEDGED, _W.ACKNOWLEDGE): _H.ACKNOWLEDGED,
    (_H.RETURNED_UNACKNOWLEDGED, _W.ALARM): _H.UNACKNOWLEDGED,
    (_H.RETURNED_UNACKNOWLEDGED, _W.ACKNOWLEDGE): _H.CLOSED,
}
for _state in (_H.UNACKNOWLEDGED, _H.ACKNOWLEDGED, _H.RETURNED_UNACKNOWLEDGED):
    HANDLING[_state, _W.CLOSE] = _H.CLOSED
    HANDLING[_state, _W.SHELVE] = _H.SHELVED
    HANDLING[_state, _W.SUPPRESS] = _H.SUPPRESSED
    HANDLING[_state, _W.TAKE_OUT] = _H.OUT_OF_SERVICE
for _state in (_H.SHELVED, _H.SUPPRESSED, _H.OUT_OF_SERVICE):
    for _event in (_W.ALARM, _W.WORSEN, _W.RETURN):
        HANDLING[_state, _event] = _state
    HANDLING[_state, _W.CLOSE] = _H.CLOSED
    HANDLING[_state, _W.BACK_ALARMED] = _H.UNACKNOWLEDGED
    HANDLING[_state, _W.BACK_NORMAL] = _H.CLOSED

LATCHED: dict[tuple[Handling, HandlingEvent], Handling] = {
    (_H.ACKNOWLEDGED, _W.ALARM): _H.UNACKNOWLEDGED,
    (_H.ACKNOWLEDGED, _W.RETURN): _H.ACKNOWLEDGED,
    (_H.RETURNED_UNACKNOWLEDGED, _W.ACKNOWLEDGE): _H.ACKNOWLEDGED,
    (_H.SHELVED, _W.BACK_NORMAL): _H.RETURNED_UNACKNOWLEDGED,
    (_H.SUPPRESSED, _W.BACK_NORMAL): _H.RETURNED_UNACKNOWLEDGED,
    (_H.OUT_OF_SERVICE, _W.BACK_NORMAL): _H.RETURNED_UNACKNOWLEDGED,
}
"""Where a latched alert goes instead: never to CLOSED but by CLOSE. Acknowledged and back to normal, it may alarm again."""

_AWAY = frozenset((_W.SHELVE, _W.SUPPRESS, _W.TAKE_OUT))


def next_condition(state: Condition, event: ConditionEvent) -> Condition:
    """The state after `event`; IllegalTransition if it cannot happen."""
    after = CONDITIONS.get((state, event))
    if after is None:
        raise IllegalTransition(state, event)
    return after


def next_handling(
    state: Handling, event: HandlingEvent, *, latched: bool = False, life_safety: bool = False
) -> Handling:
    """The state after `event`; IllegalTransition if it cannot happen."""
    after = (LATCHED.get((state, event)) if latched or life_safety else None) or HANDLING.get((state, event))
    if after is None or (life_safety and event in _AWAY):
        raise IllegalTransition(state, event)
    return after
