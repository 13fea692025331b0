"""A kept journal through other rules: what would differ."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.durable.journal import Journal, Snapshot
from rules.durable.replay import batches, restored
from rules.durable.state import image
from rules.engine.inputs import Input, ListenIn, RegistryIn, RulesIn
from rules.engine.machine import Engine
from rules.language.model import Rule
from rules.language.overrides import laid_over
from rules.trial.replay import Run, Told, replay
from tests.unit.rules.trial.rules import CABLE, DOOR
from tests.unit.rules.world import Feed, registry

LOWER = laid_over(CABLE, {"when": {"1": {"reading": {"above": 66}}}})


def day(feed: Feed, start: int) -> list[Input]:
    """Ten minutes: the cable at 68 and then at 72 degrees, the door opened; a heartbeat every 10 s."""
    inputs: list[Input] = []
    for second in range(start, start + 600, 10):
        at = second - start
        value = 72.0 if 200 <= at < 300 else 68.0 if 100 <= at < 400 else 50.0
        inputs.append(feed.reading(second, "cable", "temperature", value, unit="Cel"))
        inputs.append(feed.beat(second))
        inputs.append(feed.tick(second))
    inputs.append(feed.event(start + 600, "door", "access.door.opened"))
    inputs.append(feed.event(start + 605, "door", "access.door.closed"))
    return inputs


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Half of it is in the snapshot already."""
    made = Journal(tmp_path / "rules")
    feed, engine = Feed(), Engine()
    first = [RulesIn((CABLE, DOOR)), RegistryIn(registry()), ListenIn(feed.us(0)), *day(feed, 0)]
    made.append(first)
    engine.apply_all(first)
    made.keep(Snapshot(made.position, 0, image(engine)))
    made.append(day(feed, 1000))
    yield made
    made.close()


def told(journal: Journal, *rules: Rule) -> Told:
    """What becomes of it with these rules."""
    (then, position, _), (now, _, _) = restored(journal), restored(journal)
    return replay(then, now, RulesIn(rules), (Run(entries) for _, entries in batches(journal, position, set())))


def lines(found: Told) -> tuple[list[tuple[str, str, float]], list[tuple[str, str, float]]]:
    """(kind, rule, second) of what is gone, and of what is new."""
    feed = Feed()
    gone, new = (
        [(entry.kind, entry.rule, (entry.at - feed.origin) / 1e6) for entry in side] for side in (found.gone, found.new)
    )
    return gone, new


def test_the_same_rules_tell_the_same(journal: Journal) -> None:
    """From the snapshot on."""
    found = told(journal, CABLE, DOOR)
    assert lines(found) == ([], [])
    assert [entry.kind for entry in found.then] == ["occurred", "resolved", "occurred", "resolved"]
    assert found.inputs == 182
    assert (found.first, found.last) == (Feed().us(1000.05), Feed().us(1605.05))


def test_another_limit_tells_it_earlier(journal: Journal) -> None:
    """The change that was is gone, the one that would be is new; the door's are the same."""
    gone, new = lines(told(journal, LOWER, DOOR))
    assert ("occurred", "cable", 1230.0) in gone
    assert ("occurred", "cable", 1130.0) in new
    assert not any(rule == "forced" for _, rule, _ in [*gone, *new])


def test_a_rule_that_is_gone_tells_nothing(journal: Journal) -> None:
    """Its alerts of before the snapshot stay, for people to close."""
    gone, new = lines(told(journal, CABLE))
    assert {rule for _, rule, _ in gone} == {"forced"}
    assert new == []


def test_changes_of_rules_in_the_journal_are_part_of_what_happened_alone(journal: Journal) -> None:
    """The given rules hold all the time."""
    journal.append([RulesIn((DOOR,)), *day(Feed(), 2000)])
    found = told(journal, CABLE, DOOR)
    gone, new = lines(found)
    assert gone == []
    assert ("occurred", "cable", 2230.0) in new
