"""After, unless, repeated and where: times decide, not arrival."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.rules.world import Bench, rule_of

GRANTED, OPENED, PERSON, DENIED = "access.granted", "access.door.opened", "camera.person.detected", "access.denied"

Story = Sequence[tuple[float, str]]


def fires(folder: Path, when: str, story: Story) -> list[float]:
    """The seconds at which it fired for the first time or again, events arriving in the order given."""
    bench = Bench(rule_of(folder, when))
    bench.put(*(bench.feed.event(at, "door", kind, taken=10, received=10) for at, kind in story))
    return [at for kind, _, at in bench.happened if kind in ("opened", "occurred")]


AFTER = f"""
  - event:
      types: [{OPENED}]
      after: {{types: [{GRANTED}], within: 5s, without: {{types: [access.door.closed]}}}}
      quiet: 1s
"""


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(0, OPENED)], []),
        ([(0, GRANTED), (5, OPENED)], [5]),
        ([(0, GRANTED), (5.001, OPENED)], []),
        ([(1, OPENED), (0, GRANTED)], []),
        ([(3, GRANTED), (2, OPENED)], []),
        ([(0, GRANTED), (8, GRANTED), (4, OPENED)], [4]),
        ([(0, GRANTED), (1, "access.door.closed"), (2, OPENED)], []),
        ([(0, GRANTED), (3, "access.door.closed"), (2, OPENED)], [2]),
        ([(0, GRANTED), (2, "access.door.closed"), (2, OPENED)], []),
        ([(1, "access.door.closed"), (1, GRANTED), (2, OPENED)], [2]),
    ],
)
def test_after_an_event_and_nothing_in_between(tmp_path: Path, story: Story, expected: list[float]) -> None:
    """Inclusive; the newest grant up to the opening counts, in whatever order they came; a closing since then breaks it."""
    assert fires(tmp_path, AFTER, story) == expected


def test_an_event_does_not_come_after_itself(tmp_path: Path) -> None:
    """Denied, and denied again: the first one is what the second comes after."""
    when = f"  - event: {{types: [{DENIED}], after: {{types: [{DENIED}], within: 5s}}, quiet: 1s}}\n"
    assert fires(tmp_path, when, [(0, DENIED), (9, DENIED), (11, DENIED)]) == [11]


TWO_ON_ONE = f"""
  - event:
      types: [{PERSON}]
      after: {{types: [{GRANTED}], within: 5s}}
      repeated: {{times: 2, within: 5s}}
      quiet: 1s
"""


def test_two_persons_on_one_grant(tmp_path: Path) -> None:
    """Each with a grant of their own are none; both after one grant are, and the grant is among the evidence."""
    own = [(0, GRANTED), (1, PERSON), (2, GRANTED), (3, PERSON)]
    assert fires(tmp_path, TWO_ON_ONE, own) == []
    assert fires(tmp_path, TWO_ON_ONE, [*own, (4, PERSON)]) == [4]
    bench = Bench(rule_of(tmp_path, TWO_ON_ONE))
    bench.put(*(bench.feed.event(at, "door", kind) for at, kind in [(0, GRANTED), (1, PERSON), (2, PERSON)]))
    assert [evidence.what for evidence in bench.alert("test-rule").evidence] == [GRANTED, PERSON, PERSON]


REPEATED = f"  - event: {{types: [{DENIED}], repeated: {{times: 3, within: 10s}}, quiet: 1s}}\n"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 5, 10], [10]),
        ([0, 5, 10.001], []),
        ([0, 10, 5], [5]),
        ([10, 0, 5], [5]),
        ([0, 0, 0], [0]),
        ([0, 30, 1, 2], [2]),
    ],
)
def test_so_many_within_so_long(tmp_path: Path, times: list[float], expected: list[float]) -> None:
    """Inclusive, and whichever of them came last completes it."""
    assert fires(tmp_path, REPEATED, [(at, DENIED) for at in times]) == expected


def test_what_brought_it_about_once_does_not_count_for_the_next(tmp_path: Path) -> None:
    """Over after its quiet second: it takes three more."""
    bench = Bench(rule_of(tmp_path, REPEATED))
    feed = bench.feed
    bench.put(*(feed.event(at, "door", DENIED) for at in (0, 1, 2, 5, 6)))
    assert [kind for kind, _, _ in bench.happened] == ["opened", "resolved"]
    bench.put(feed.event(7, "door", DENIED))
    assert [kind for kind, _, _ in bench.happened] == ["opened", "resolved", "occurred"]


@pytest.mark.parametrize(
    ("data", "fired"),
    [
        ({"method": "card", "hand": None}, True),
        ({"method": "face", "hand": None}, True),
        ({"method": 1, "hand": None}, True),
        ({"method": True, "hand": None}, False),
        ({"method": "pin", "hand": None}, False),
        ({"method": ["card"], "hand": None}, False),
        ({"method": "card"}, False),
        ({}, False),
    ],
)
def test_where_takes_a_list_of_values(tmp_path: Path, data: dict[str, object], fired: bool) -> None:
    """Any of them, equal in type too; a missing field is equal to nothing, not even to null."""
    when = f"  - event: {{types: [{DENIED}], where: {{method: [card, face, 1], hand: null}}}}\n"
    bench = Bench(rule_of(tmp_path, when))
    bench.put(bench.feed.event(0, "door", DENIED, data))  # type: ignore[arg-type]
    assert bool(bench.happened) is fired


def test_what_excuses_may_come_first_and_have_happened_after(tmp_path: Path) -> None:
    """Within 3 s to either side of the newest excuse."""
    when = f"  - event: {{types: [{OPENED}], unless: {{types: [{GRANTED}], within: 3s}}, quiet: 1s}}\n"
    assert fires(tmp_path, when, [(5, GRANTED), (2, OPENED)]) == []
    assert fires(tmp_path, when, [(5, GRANTED), (1.999, OPENED)]) == [1.999]
    assert fires(tmp_path, when, [(0, GRANTED), (9, GRANTED), (1, OPENED)]) == [1]


def test_a_state_that_fades_ends_by_itself(tmp_path: Path) -> None:
    """Somebody who is seen again and again stays; a minute without a sight and he is gone. A late sight moves nothing back."""
    when = f"  - state: {{begins: {{types: [{PERSON}]}}, fades: 1m, for: 2m, keep: 30s}}\n"
    bench = Bench(rule_of(tmp_path, when))
    feed = bench.feed
    for second in (0, 50, 100):
        bench.put(feed.event(second, "cam", PERSON))
    bench.put(feed.event(40, "cam", PERSON, taken=101), feed.beat(159))
    assert bench.happened == [("opened", "test-rule", 120)]
    bench.put(feed.beat(189))
    assert [kind for kind, _, _ in bench.happened] == ["opened"]
    bench.put(feed.beat(190))
    assert bench.happened[-1] == ("resolved", "test-rule", 190)


def test_a_state_that_fades_while_pending_is_nothing(tmp_path: Path) -> None:
    """Two sights, two minutes apart: neither lasts."""
    when = f"  - state: {{begins: {{types: [{PERSON}]}}, fades: 1m, for: 90s}}\n"
    bench = Bench(rule_of(tmp_path, when))
    bench.put(bench.feed.event(0, "cam", PERSON), bench.feed.event(120, "cam", PERSON), bench.feed.beat(400))
    assert bench.happened == []


TWO_DEVICES = f"""
  - event:
      types: [{PERSON}, {OPENED}]
      repeated: {{times: 2, within: 5s, devices: 2}}
      quiet: 1s
    by: community
"""


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(0, "cam"), (1, "cam"), (2, "cam")], []),
        ([(0, "cam"), (1, "door")], [1]),
        ([(0, "cam"), (1, "cam"), (3, "door")], [3]),
        ([(0, "cam"), (6, "door")], []),
    ],
)
def test_of_two_different_devices(tmp_path: Path, story: Sequence[tuple[float, str]], expected: list[float]) -> None:
    """What one device says again and again is not what two of them say."""
    bench = Bench(rule_of(tmp_path, TWO_DEVICES))
    bench.put(*(bench.feed.event(at, device, PERSON, taken=10, received=10) for at, device in story))
    assert [at for kind, _, at in bench.happened if kind == "opened"] == expected


MORE_THAN = f"""
  - event:
      types: [{PERSON}]
      repeated: {{times: 2, within: 5s, more_than: {{types: [{GRANTED}], within: 10s}}}}
      quiet: 1s
"""


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(0, PERSON), (1, PERSON)], [1]),
        ([(0, GRANTED), (1, GRANTED), (2, PERSON), (3, PERSON)], []),
        ([(0, GRANTED), (1, GRANTED), (2, PERSON), (3, PERSON), (4, PERSON)], [4]),
        ([(0, GRANTED), (1, GRANTED), (9, PERSON), (11, PERSON)], [11]),
        ([(2, PERSON), (0, GRANTED), (1, GRANTED), (3, PERSON)], []),
    ],
)
def test_more_than_of_another_kind(tmp_path: Path, story: Story, expected: list[float]) -> None:
    """Those of its own width, inclusive; in whatever order they came."""
    assert fires(tmp_path, MORE_THAN, story) == expected


EXCUSED = f"""
  - state:
      begins: {{types: [{OPENED}], unless: {{types: [{GRANTED}], within: 5s}}}}
      ends: [{{types: [access.door.closed]}}]
"""


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(0, GRANTED), (1, OPENED), (60, OPENED)], []),
        ([(0, GRANTED), (1, OPENED), (60, "access.door.closed"), (70, OPENED)], [70]),
        ([(0, OPENED), (1, OPENED)], [0, 1]),
        ([(0, OPENED), (1, GRANTED), (2, OPENED), (3, "access.door.closed"), (9, OPENED)], [0, 9]),
    ],
)
def test_what_began_excused_is_on(tmp_path: Path, story: Story, expected: list[float]) -> None:
    """Until it has ended, nothing begins it again; what fires already goes on as ever."""
    assert fires(tmp_path, EXCUSED, story) == expected
