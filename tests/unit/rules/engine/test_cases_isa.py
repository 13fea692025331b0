"""Cases 24 and 25 of the collection: the states of ISA-18.2, each with each thing that can happen, through the whole engine.

The table of all states and events, out of service and suppressed among them, is in test_lifecycle.py.
"""

from pathlib import Path

import pytest

from linli.model import ActionKind, Handling
from tests.unit.rules.engine.cases import restart, series
from tests.unit.rules.world import Bench, rule_of

U, A, R, S, C = "unacknowledged", "acknowledged", "returned_unacknowledged", "shelved", "closed"
LEVELS = """
  - reading: {quantity: temperature, above: 50}
  - reading: {quantity: temperature, above: 80}
    severity: critical
"""
ALARM, WORSE, NORMAL = 60.0, 90.0, 40.0
ACK, CLOSE, SHELVE, UNSHELVE = ActionKind.ACKNOWLEDGE, ActionKind.CLOSE, ActionKind.SHELVE, ActionKind.UNSHELVE

PATHS: dict[str, list[float | ActionKind]] = {
    U: [ALARM],
    A: [ALARM, ACK],
    R: [ALARM, NORMAL],
    S: [ALARM, SHELVE],
    "shelved, normal": [ALARM, SHELVE, NORMAL],
    C: [ALARM, CLOSE],
}
"""How each state is reached."""

PLAIN = """
                    alarm             worse             normal            acknowledge       shelve    unshelve          close
unacknowledged      unacknowledged    unacknowledged    returned          acknowledged      shelved   unacknowledged    closed
acknowledged        acknowledged      unacknowledged    closed            acknowledged      shelved   acknowledged      closed
returned            unacknowledged    unacknowledged    returned          closed            shelved   returned          closed
shelved             shelved           shelved           shelved           shelved           shelved   unacknowledged    closed
shelved,normal      shelved           shelved           shelved           shelved           shelved   closed            closed
closed              opened            opened            closed            closed            closed    closed            closed
"""
LATCHED = {
    (A, "normal"): A,
    (R, "acknowledge"): A,
    ("shelved, normal", "unshelve"): R,
}
"""Where it goes otherwise if only a person closes it."""
NAMES = {"returned": R, "shelved,normal": "shelved, normal"}


def cells() -> list[tuple[str, str, str]]:
    """(state, event, state after)."""
    head, *rows = (line.split() for line in PLAIN.strip().splitlines())
    return [
        (NAMES.get(row[0], row[0]), event, NAMES.get(after, after))
        for row in rows
        for event, after in zip(head, row[1:], strict=True)
    ]


class Alarm:
    """One alarm, and what people do about it, a second after the other."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.bench = Bench(rule_of(folder, LEVELS, more=more))
        self.second = 0

    def do(self, *steps: float | ActionKind) -> None:
        """Values, and people's acts."""
        for what in steps:
            self.second += 1
            if isinstance(what, float):
                series(self.bench, [what], start=self.second)
                continue
            alert = self.bench.alert("test-rule").id
            until = 1000.0 if what is SHELVE else None
            self.bench.put(self.bench.feed.act(self.second, what, alert, "reason", until=until))

    @property
    def state(self) -> str:
        """How it stands; 'opened' where a new one has come after one that was closed."""
        new = [change.kind for change in self.bench.transitions].count("opened") > 1
        return "opened" if new else self.bench.alert("test-rule").handling.value


EVENTS: dict[str, float | ActionKind] = {
    "alarm": ALARM,
    "worse": WORSE,
    "normal": NORMAL,
    "acknowledge": ACK,
    "shelve": SHELVE,
    "unshelve": UNSHELVE,
    "close": CLOSE,
}


@pytest.mark.parametrize("latched", [False, True])
@pytest.mark.parametrize(("state", "event", "after"), cells())
def test_case_24_and_25_each_state_with_each_event(
    tmp_path: Path, state: str, event: str, after: str, latched: bool
) -> None:
    """Also if the process was started anew in that state."""
    expected = LATCHED.get((state, event), after) if latched else after
    alarm = Alarm(tmp_path, "latched: true\n" if latched else "")
    alarm.do(*PATHS[state])
    assert alarm.state == state.partition(",")[0]
    restart(alarm.bench)
    alarm.do(EVENTS[event])
    assert alarm.state == expected


def test_case_24_worse_has_to_be_acknowledged_again(tmp_path: Path) -> None:
    """What somebody knew of was something less."""
    alarm = Alarm(tmp_path)
    alarm.do(*PATHS[A], WORSE)
    alert = alarm.bench.alert("test-rule")
    assert (alert.handling, alert.acknowledged_at, alert.acknowledged_by) == (Handling.UNACKNOWLEDGED, None, None)


@pytest.mark.parametrize(("normal", "after"), [(False, U), (True, C)])
def test_case_25_shelved_for_a_time_with_a_reason(tmp_path: Path, normal: bool, after: str) -> None:
    """It comes back by itself: normal if normal, else unacknowledged."""
    alarm = Alarm(tmp_path)
    alarm.do(*PATHS["shelved, normal" if normal else S])
    alarm.bench.put(alarm.bench.feed.tick(999))
    assert alarm.state == S
    alarm.bench.put(alarm.bench.feed.tick(1000))
    assert alarm.state == after


def test_case_25_what_is_life_safety_is_never_shelved(tmp_path: Path) -> None:
    """It stays before whom it concerns."""
    alarm = Alarm(tmp_path, "latched: true\nlife_safety: true\n")
    alarm.do(*PATHS[S])
    assert (alarm.state, alarm.bench.outcomes()) == (U, ["not_allowed"])
