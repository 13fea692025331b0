"""Commands in the database: each step once, and the history that cannot be talked out of."""

from dataclasses import replace

import pytest

from linli.clock import SECOND
from linli.commands.life import CommandEvent, CommandState
from linli.db.commands import SqlCommands, StoredCommand
from linli.db.database import Database

NOW = 1_772_406_845 * SECOND
COMMAND = StoredCommand(
    id="c1",
    community="c001",
    device="c001-door-01",
    gateway="gw-c001",
    kind="door",
    name="unlock",
    arguments={"seconds": 5},
    reason="送急救人员",
    actor="u1",
    asked_at=NOW,
    expires_at=NOW + 10 * SECOND,
)


@pytest.fixture
def commands(database: Database) -> SqlCommands:
    return SqlCommands(database)


def add(commands: SqlCommands, command: StoredCommand = COMMAND) -> bool:
    return commands.add(command, at_most=3, since=NOW - 60 * SECOND)


def test_it_comes_back_as_it_was_kept(commands: SqlCommands) -> None:
    """Every field, and the history begins with who asked."""
    assert add(commands)
    assert commands.get("c1") == COMMAND
    assert commands.get("c2") is None
    (change,) = commands.changes("c1")
    assert (change.at, change.state, change.actor) == (NOW, CommandState.PENDING, "u1")


def test_each_step_is_kept_with_its_reason(commands: SqlCommands) -> None:
    """Sent, timed out, answered after all: the last word stands, and the history has all."""
    add(commands)
    commands.apply("c1", CommandEvent.SENT, NOW + 1)
    commands.apply("c1", CommandEvent.EXPIRED, NOW + 2, code="no_answer")
    late = commands.apply("c1", CommandEvent.DONE, NOW + 3, detail="opened", gateway="gw-c001")
    assert late == commands.get("c1") == replace(COMMAND, state=CommandState.DONE, detail="opened", settled_at=NOW + 3)
    states = [(change.state.value, change.code, change.actor) for change in commands.changes("c1")]
    assert states == [("pending", "", "u1"), ("sent", "", None), ("timed_out", "no_answer", None), ("done", "", None)]


def test_what_changes_nothing_is_not_in_the_history(commands: SqlCommands) -> None:
    """A repeated answer, another gateway's, and one to a command that nobody gave."""
    add(commands)
    assert commands.apply("c1", CommandEvent.DONE, NOW, gateway="gw-c002") is None
    assert commands.apply("c1", CommandEvent.DONE, NOW, gateway="gw-c001") is not None
    assert commands.apply("c1", CommandEvent.DONE, NOW, gateway="gw-c001") is None
    assert commands.apply("c1", CommandEvent.FAILED, NOW, gateway="gw-c001") is None
    assert commands.apply("c9", CommandEvent.DONE, NOW, gateway="gw-c001") is None
    assert len(commands.changes("c1")) == 2


def test_who_asks_too_often_is_told(commands: SqlCommands) -> None:
    """Counted over all their commands in the time given; others are not held up."""
    asked = [add(commands, replace(COMMAND, id=f"c{number}")) for number in range(4)]
    assert asked == [True, True, True, False]
    assert commands.get("c3") is None
    assert add(commands, replace(COMMAND, id="c5", actor="u2"))
    assert commands.add(replace(COMMAND, id="c6"), at_most=3, since=NOW + 1)


def test_lists(commands: SqlCommands) -> None:
    """A device's, newest first, up to the limit; and those that are open, oldest first."""
    add(commands)
    add(commands, replace(COMMAND, id="c2", asked_at=NOW + 1))
    add(commands, replace(COMMAND, id="c3", device="c001-door-02"))
    assert [command.id for command in commands.of_device("c001-door-01", 10)] == ["c2", "c1"]
    assert [command.id for command in commands.of_device("c001-door-01", 1)] == ["c2"]
    assert [command.id for command in commands.of_devices(["c001-door-01", "c001-door-02"], 9)] == ["c2", "c1", "c3"]
    commands.apply("c1", CommandEvent.SENT, NOW)
    commands.apply("c3", CommandEvent.REFUSED, NOW, code="expired")
    assert [command.id for command in commands.open()] == ["c1", "c2"]
    assert [command.open for command in commands.of_device("c001-door-01", 10)] == [True, True]
