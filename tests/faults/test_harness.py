"""The harness itself is proved: each kind of wrong is found and named, and an ingest that answers before it writes is caught."""

import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import plan
from tests.faults.checker import Found, Verdict, judge
from tests.faults.counted import Counted, changes_of, told_of
from tests.faults.ledger import Ledger, LedgerWriter, read_ledger
from tests.faults.plan import Kind, Observation
from tests.faults.stored import Stored
from tests.faults.worlds import Layout, World

GW = "gw-1"


def event(number: int) -> Observation:
    return Observation(GW, number, 0, False)


def found() -> Found:
    """Events 1 to 4 and packet 5 taken, event 6 in doubt, event 7 refused; all that was taken is stored and counted."""
    ledger = Ledger(
        dict.fromkeys((1, 2, 3, 4, 6, 7), Kind.URGENT) | {5: Kind.PACKET}, taken={1, 2, 3, 4, 5}, unkept={7}
    )
    rows = Counter([event(number) for number in (1, 2, 3, 4)] + list(plan.observations(GW, 5, Kind.PACKET)))
    events = Counter(plan.button(GW, number) for number in (1, 2, 3, 4))
    counted = Counted(Counter(events), Counter(events), Counter(events), [])
    return Found({GW: ledger}, Stored(rows, events, Counter(), []), counted, {GW: 0}, {GW: []})


def judged(change: Callable[[Found], object]) -> Verdict:
    facts = found()
    change(facts)
    return judge(facts)


def test_all_is_well() -> None:
    """What was taken is there; what is in doubt may be missing."""
    verdict = judge(found())
    assert verdict.clean, verdict.faults
    assert (verdict.taken, verdict.stored) == (14, 14)


def test_what_is_in_doubt_may_be_there() -> None:
    """Killed between its commit and its answer, the agent had taken it."""

    def change(facts: Found) -> None:
        facts.stored.rows[event(6)] += 1
        for count in (facts.stored.events, facts.counted.events, facts.counted.told, facts.counted.changes):
            count[plan.button(GW, 6)] += 1

    assert judged(change).clean


@pytest.mark.parametrize(("one", "name"), [(event(2), "gw-1/2"), (Observation(GW, 5, 3, True), "gw-1/5")])
def test_lost(one: Observation, name: str) -> None:
    """An event that was taken and is nowhere; a reading of a packet whose others are there."""
    verdict = judged(lambda facts: facts.stored.rows.pop(one))
    assert verdict.lost == 1
    assert name in verdict.faults[0]


def without(*numbers: int, dropped: int, messages: int = 8) -> Verdict:
    """Three of the agent's own messages, and five of ours but these."""
    facts = found()
    facts.stored.own[GW] = 3
    for one in list(facts.stored.rows):
        if one.number in numbers:
            del facts.stored.rows[one]
    return judge(
        Found(facts.ledgers, facts.stored, facts.counted, {GW: dropped}, facts.letters, messages={GW: messages})
    )


def test_a_counted_drop_is_not_lost() -> None:
    """A packet that its agent says to have dropped; but not two for one."""
    assert without(5, dropped=1).clean
    assert without(5, 4, dropped=1).lost == 1


def test_sums_agree_to_the_message() -> None:
    """A drop too many is counted, or a message of the agent's own is nowhere."""
    assert without(dropped=0).clean
    assert without(5, dropped=2).unbalanced == 1
    assert without(dropped=0, messages=9).unbalanced == 1


def test_a_dead_letter_is_not_lost() -> None:
    """It is counted as dead."""
    facts = found()
    del facts.stored.rows[event(2)]
    verdict = judge(Found(facts.ledgers, facts.stored, facts.counted, {GW: 0}, {GW: [2]}))
    assert (verdict.lost, verdict.dead) == (0, 1)


@pytest.mark.parametrize("number", [7, 99])
def test_unexpected(number: int) -> None:
    """What the agent said it had not kept, and what nobody ever sent."""
    verdict = judged(lambda facts: facts.stored.rows.update([event(number)]))
    assert (verdict.unexpected, verdict.clean) == (1, False)


def test_a_strange_row_is_unexpected() -> None:
    """Of a device or type that no agent of ours has."""
    assert judged(lambda facts: facts.stored.strange.append("?")).unexpected == 1


def test_duplicated() -> None:
    """Two rows of one event."""
    verdict = judged(lambda facts: facts.stored.rows.update([event(2)]))
    assert (verdict.duplicated, verdict.clean) == (1, False)


@pytest.mark.parametrize("by", [-1, 1])
def test_not_counted_once(by: int) -> None:
    """The rules have counted one too many, or one too few."""
    device = plan.button(GW, 2)
    verdict = judged(lambda facts: facts.counted.events.update({device: by}))
    assert verdict.miscounted >= 1


def test_the_database_must_tell_what_the_engine_counted() -> None:
    """A change of an alert that was written twice, or not at all."""
    device = plan.button(GW, 2)
    assert judged(lambda facts: facts.counted.changes.update([device])).miscounted == 1
    assert judged(lambda facts: facts.counted.told.update([device])).miscounted == 1
    assert judged(lambda facts: facts.counted.twice.append("x")).miscounted == 1


def test_what_an_alert_tells_of_many() -> None:
    """Twenty occurrences one by one, and then each tenth."""
    assert [(told_of(count), changes_of(count)) for count in (1, 20, 29, 30, 47)] == [
        (1, 1),
        (20, 20),
        (20, 20),
        (30, 21),
        (40, 22),
    ]


def test_a_ledger_comes_back(tmp_path: Path) -> None:
    """Attempted, taken, refused and tried again; a line that a kill has torn says nothing."""
    file = tmp_path / "a.ledger"
    writer = LedgerWriter(file)
    writer.attempt(Kind.URGENT, 1, 3)
    writer.taken(1, 2)
    writer.unkept([3])
    writer.attempt(Kind.PACKET, 4, 6)
    writer.unkept([4])
    writer.attempt(Kind.PACKET, 4, 4)
    writer.close()
    with file.open("a") as out:
        out.write("A u 7")
    writer = LedgerWriter(file)
    writer.taken(5, 5)
    writer.close()
    ledger = read_ledger(file)
    assert (ledger.last, ledger.taken, ledger.unkept, ledger.doubtful) == (6, {1, 2, 5}, {3}, {4, 6})


@pytest.fixture
def broken(tmp_path: Path) -> World:
    """A world whose ingest answers before it writes."""
    command = (sys.executable, "-m", "tests.faults.broken_ingest")
    return World(tmp_path / "world", Layout(ingest=command))


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_an_answer_before_the_write_is_caught(broken: World) -> None:
    """Acknowledged, killed, gone: the checker says what is lost. And a row put in twice, and one that nobody sent."""
    with broken as world:
        world.flow(urgent=100, bulk=20, packets=20)
        world.wait_taken(500)
        world.children["ingest"].kill()
        world.wait_taken(200)
        world.settle()
        verdict = world.check()
        assert verdict.lost > 0, verdict
        assert any("lost by gw-" in fault for fault in verdict.faults)
        assert (verdict.unexpected, verdict.duplicated) == (0, 0)
        _inject(world)
        verdict = world.check()
        assert (verdict.unexpected, verdict.duplicated) == (1, 1), verdict.faults


def _inject(world: World) -> None:
    """Copy the first event to another sequence, and make one up."""
    columns = "lane, sequence, community, device, type, time, received_at, time_source, historic, late, data"
    connection = sqlite3.connect(world.data / "readings.db", timeout=10)
    copied = f"INSERT INTO events ({columns}) SELECT lane, ?, community, device, type, time, received_at, time_source,"
    first = f"type = '{plan.EVENT_TYPE}' ORDER BY time LIMIT 1"
    with connection:
        connection.execute(f"{copied} historic, late, data FROM events WHERE {first}", (10**9,))
        connection.execute(f"{copied} historic, late, ? FROM events WHERE {first}", (10**9 + 1, '{"n":987654}'))
    connection.close()
