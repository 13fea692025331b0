"""The contract of `ports.DeadLetterBox`: the fake and the table keep the same letters."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from linli.db import deadletters
from linli.db.database import Database, open_database
from linli.db.deadletters import Choice, SqlDeadLetters
from linli.model import DEAD_LETTER_BYTES, DeadLetter
from linli.ports import DeadLetterBox
from linli.testing import MemoryDeadLetters
from tests.databases import Databases

LETTER = DeadLetter(
    key="linli/v1/c001/gateway/gw/bulk b1 17",
    consumer="ingest",
    received_at=1_700_000_000_000_001,
    topic="linli/v1/c001/gateway/gw/bulk",
    reason="not_json",
    detail="括号没有闭合",
    payload=b"\x00\xff{",
    size=3,
)


@dataclass
class World:
    box: DeadLetterBox
    kept: Callable[[], list[DeadLetter]]
    """All letters, in the order kept."""


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        memory = MemoryDeadLetters()
        yield World(memory, lambda: list(memory.letters.values()))
        return
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    with databases.new() as url, closing(open_database(url)) as database:
        box = SqlDeadLetters(database)
        yield World(box, lambda: [kept.letter for kept in reversed(box.newest(1000))])


def test_a_letter_comes_back_as_it_went_in(world: World) -> None:
    """Bytes that are no text, times to the microsecond, Chinese."""
    world.box.put([LETTER])
    assert world.kept() == [LETTER]


def test_the_same_key_again_is_the_same_letter(world: World) -> None:
    """An agent sends again what it has no answer for: that must not fill the box. The first one stays."""
    again = replace(LETTER, received_at=LETTER.received_at + 5, reason="other")
    world.box.put([LETTER, again])
    world.box.put([again])
    assert world.kept() == [LETTER]


def test_each_consumer_has_its_own(world: World) -> None:
    """Ingest and rules refuse for different reasons; one's letter does not hide the other's."""
    other = replace(LETTER, consumer="rules")
    world.box.put([LETTER, other])
    assert world.kept() == [LETTER, other]


def test_a_large_payload_is_cut_and_its_size_kept(world: World) -> None:
    """A box of large letters would be a way to fill the disk."""
    world.box.put([replace(LETTER, payload=b"x" * (DEAD_LETTER_BYTES + 1), size=DEAD_LETTER_BYTES + 1)])
    (kept,) = world.kept()
    assert len(kept.payload) == DEAD_LETTER_BYTES
    assert kept.size == DEAD_LETTER_BYTES + 1


def test_nothing_to_put(world: World) -> None:
    """An empty batch is no error."""
    world.box.put([])
    assert world.kept() == []


# --- the table alone ------------------------------------------------------------------------------------------------


@pytest.fixture
def table(database: Database) -> SqlDeadLetters:
    return SqlDeadLetters(database)


def _letters(*numbers: int) -> list[DeadLetter]:
    return [replace(LETTER, key=f"k{number}", reason=f"r{number % 2}") for number in numbers]


def test_the_oldest_go_when_it_is_full(table: SqlDeadLetters, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded, whatever arrives: the newest are the ones that somebody will look at."""
    monkeypatch.setattr(deadletters, "KEEP", 5)
    table.put(_letters(*range(4)))
    table.put(_letters(*range(4, 9)))
    assert [kept.letter.key for kept in table.newest()] == ["k8", "k7", "k6", "k5", "k4"]


def _from(gateway: str, *numbers: int, size: int = 10, agent: bool = False) -> list[DeadLetter]:
    topic = f"{gateway}: zigbee2mqtt/x" if agent else f"linli/v1/c001/gateway/{gateway}/bulk"
    return [replace(LETTER, key=f"{gateway}-{n}", topic=topic, payload=b"x" * size, size=size) for n in numbers]


def _keys(table: SqlDeadLetters) -> set[str]:
    return {kept.letter.key for kept in table.newest(1000)}


def test_one_bad_gateway_does_not_put_out_the_others(table: SqlDeadLetters, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether ingest or its agent wrote the letters; what the others leave is its to fill."""
    monkeypatch.setattr(deadletters, "KEEP", 10)
    table.put([*_from("gw-good", 1, 2), replace(LETTER, key="astray", topic="somewhere/else")])
    table.put(_from("gw-bad", *range(20)) + _from("gw-bad", *range(20, 30), agent=True))
    assert _keys(table) == {"gw-good-1", "gw-good-2", "astray"} | {f"gw-bad-{n}" for n in range(23, 30)}


def test_bytes_are_bounded_too(table: SqlDeadLetters, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest payloads would make gigabytes of as many letters as are allowed. Small letters of others stay."""
    monkeypatch.setattr(deadletters, "KEEP_BYTES", 200_000)
    table.put(_from("gw-good", *range(5)))
    for number in range(20):
        table.put(_from("gw-bad", number, size=DEAD_LETTER_BYTES))
    assert _keys(table) == {f"gw-good-{n}" for n in range(5)} | {"gw-bad-17", "gw-bad-18", "gw-bad-19"}


def test_the_bounds_are_not_looked_after_at_every_letter(
    table: SqlDeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That would read the whole table each time; they are exceeded by a twentieth at most."""
    monkeypatch.setattr(deadletters, "KEEP", 100)
    held = []
    for number in range(300):
        table.put(_from("gw-bad", number))
        held.append(sum(table.count_by_reason().values()))
    assert 100 < max(held) <= 106


def test_looking_at_them(table: SqlDeadLetters) -> None:
    """By reason, by number, counted; a number that is not there is None."""
    table.put(_letters(*range(5)))
    assert [kept.letter.key for kept in table.newest(2)] == ["k4", "k3"]
    assert [kept.letter.key for kept in table.newest(choice=Choice(reason="r1"))] == ["k3", "k1"]
    assert table.count_by_reason() == {"r0": 3, "r1": 2}
    newest = table.newest(1)[0]
    assert table.get(newest.id) == newest
    assert table.get(10**9) is None
