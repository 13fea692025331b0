"""The two transition tables, whole: every state with every event, the illegal ones too."""

from itertools import product

import pytest

from linli.model import Condition, Handling
from rules.engine.lifecycle import (
    ConditionEvent,
    HandlingEvent,
    IllegalTransition,
    next_condition,
    next_handling,
)

CONDITION_TABLE = """
            begin    held    end       no_data  error    reset
inactive    pending  -       inactive  no_data  error    inactive
pending     pending  firing  inactive  pending  pending  inactive
firing      firing   -       resolved  firing   firing   inactive
resolved    pending  -       resolved  no_data  error    inactive
no_data     pending  -       inactive  no_data  error    inactive
error       pending  -       inactive  no_data  error    inactive
"""

EVENTS = "alarm worsen return acknowledge close shelve suppress take_out back_alarmed back_normal"
U, A, R, C = "unacknowledged", "acknowledged", "returned_unacknowledged", "closed"
S, P, O = "shelved", "suppressed", "out_of_service"  # noqa: E741

PLAIN: dict[str, list[str]] = {
    U: ["-", U, R, A, C, S, P, O, "-", "-"],
    A: ["-", U, C, A, C, S, P, O, "-", "-"],
    R: [U, "-", "-", C, C, S, P, O, "-", "-"],
    S: [S, S, S, "-", C, "-", "-", "-", U, C],
    P: [P, P, P, "-", C, "-", "-", "-", U, C],
    O: [O, O, O, "-", C, "-", "-", "-", U, C],
    C: [U, "-", "-", "-", "-", "-", "-", "-", "-", "-"],
}
LATCHED = PLAIN | {
    A: [U, U, A, A, C, S, P, O, "-", "-"],
    R: [U, "-", "-", A, C, S, P, O, "-", "-"],
    S: [S, S, S, "-", C, "-", "-", "-", U, R],
    P: [P, P, P, "-", C, "-", "-", "-", U, R],
    O: [O, O, O, "-", C, "-", "-", "-", U, R],
}
LIFE_SAFETY = LATCHED | {
    U: ["-", U, R, A, C, "-", "-", "-", "-", "-"],
    A: [U, U, A, A, C, "-", "-", "-", "-", "-"],
    R: [U, "-", "-", A, C, "-", "-", "-", "-", "-"],
}


def condition_cells() -> dict[tuple[str, str], str]:
    head, *rows = (line.split() for line in CONDITION_TABLE.strip().splitlines())
    return {(row[0], event): cell for row in rows for event, cell in zip(head, row[1:], strict=True)}


@pytest.mark.parametrize(("state", "event"), list(product(Condition, ConditionEvent)))
def test_every_condition_and_event(state: Condition, event: ConditionEvent) -> None:
    """No-data and error never end what is pending or firing."""
    expected = condition_cells()[state.value, event.value]
    if expected == "-":
        with pytest.raises(IllegalTransition):
            next_condition(state, event)
    else:
        assert next_condition(state, event) is Condition(expected)


@pytest.mark.parametrize(
    ("table", "latched", "life_safety"),
    [(PLAIN, False, False), (LATCHED, True, False), (LIFE_SAFETY, True, True), (LIFE_SAFETY, False, True)],
    ids=["plain", "latched", "life safety", "life safety latches by itself"],
)
@pytest.mark.parametrize(("state", "event"), list(product(Handling, HandlingEvent)))
def test_every_handling_and_event(
    table: dict[str, list[str]], latched: bool, life_safety: bool, state: Handling, event: HandlingEvent
) -> None:
    """ISA-18.2 (cases 24 and 25), and what latching and life safety make of it."""
    expected = table[state.value][EVENTS.split().index(event.value)]
    if expected == "-":
        with pytest.raises(IllegalTransition) as caught:
            next_handling(state, event, latched=latched, life_safety=life_safety)
        assert (caught.value.state, caught.value.event) == (state, event)
    else:
        assert next_handling(state, event, latched=latched, life_safety=life_safety) is Handling(expected)


def test_only_a_person_ends_a_latched_alert() -> None:
    """From no state but by CLOSE does a latched alert come to CLOSED."""
    for state, event in product(Handling, HandlingEvent):
        if event is HandlingEvent.CLOSE or state is Handling.CLOSED:
            continue
        try:
            after = next_handling(state, event, latched=True)
        except IllegalTransition:
            continue
        assert after is not Handling.CLOSED
