"""An agent whose outbox is full, without a disk, or from an old image: counted and told, and nothing else is lost."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.outbox.outbox import OutboxError
from linli.clock import SECOND, parse_time
from linli.model import HEARTBEAT_TYPE, Lane
from tests.support import eventually
from tests.unit.edge.worlds import World, days_of, heartbeats, one


def test_drops_are_told_at_once_and_then_once_a_minute(tmp_path: Path) -> None:
    """By an event of the urgent lane and by the heartbeat; what was told is not told again, also not after a restart."""
    world = World(tmp_path)
    world.config = replace(world.config, outbox_bytes=100_000)
    world.agent, world.client = world.make()
    world.agent.start()
    world.client.cut()
    for number in range(40):
        world.agent.take_event("d1", "test.event", {"n": number, "padding": "x" * 5000}, lane=Lane.BULK)
    dropped = world.agent.stats().dropped_bulk
    assert dropped > 10
    world.client.restore()
    told = one(world.ingest, "linli.outbox.dropped")
    assert (told.lane, told.subject) == (Lane.URGENT, "gw-c001")
    first = told.data["bulk"]
    assert isinstance(first, int)
    assert told.data["urgent"] == 0
    assert parse_time(str(told.data["since"])) <= told.time
    eventually(world.drained)
    world.restart()
    kinds = "linli.outbox.dropped"
    rest = dropped - first
    eventually(lambda: len(world.ingest.events(kinds)) == 1 + (rest > 0), what="the others are told after the restart")
    assert sum(int(str(message.data["bulk"])) for message in world.ingest.events(kinds)) == dropped
    world.clock.ahead += 10 * SECOND
    eventually(lambda: heartbeats(world, Lane.BULK)[-1].data["dropped_bulk"] == dropped)
    assert sum(lost for _, lost in days_of(heartbeats(world, Lane.BULK)[-1]).values()) == dropped
    world.agent.stop()


def test_a_full_disk_does_not_stop_what_is_in_the_outbox(world: World) -> None:
    """Heartbeats fail, taking fails and says so; what was taken before goes out, and then all goes on."""
    eventually(world.drained)
    world.client.cut()
    world.take(*range(3000))
    connection = world.agent._outbox._connection
    assert connection is not None
    with world.agent._outbox._file_lock:
        connection.execute("PRAGMA max_page_count = 1").fetchall()  # SQLite's own disk full
    with pytest.raises(OutboxError, match="full"):
        world.agent.take([world.agent.event("d1", "test.event", {"n": -1, "x": "x" * 15_000}) for _ in range(500)])
    world.clock.ahead += 10 * SECOND
    world.client.restore()
    eventually(lambda: world.numbers(world.ingest)[-1:] == [2999])
    with world.agent._outbox._file_lock:
        connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    world.take(3000)
    eventually(lambda: world.numbers(world.rules) == list(range(3001)))


def test_what_is_dropped_does_not_arrive(tmp_path: Path) -> None:
    """A full outbox spares what is on its way until it is answered: each message is there or counted as dropped, not both."""
    world = World(tmp_path)
    world.config = replace(world.config, outbox_bytes=100_000)
    world.agent, world.client = world.make()
    world.agent.start()
    world.take(1)
    eventually(world.drained)
    world.clock.standing = world.clock.monotonic()  # no time-out passes meanwhile
    world.broker.losing = lambda topic, _payload: "/ack/" in topic

    def take(first: int, last: int) -> None:
        for number in range(first, last):
            world.agent.take_event("d1", "test.bulk", {"n": number, "x": "x" * 2000}, lane=Lane.BULK)

    take(0, 20)
    eventually(lambda: world.numbers(world.ingest, "test.bulk"))
    take(20, 50)
    assert world.agent.stats().dropped_bulk == 0, "more than it holds, but not by much"
    world.broker.losing = lambda _topic, _payload: False
    for consumer in (world.ingest, world.rules):
        consumer.announce()
    eventually(world.drained)
    arrived = world.numbers(world.ingest, "test.bulk")
    assert len(arrived) + world.agent.stats().dropped_bulk == 50
    assert world.agent.stats().dropped_bulk > 0
    assert arrived == world.numbers(world.rules, "test.bulk")
    world.agent.stop()


def test_an_outbox_that_cannot_be_read_at_all_is_told(tmp_path: Path) -> None:
    """What it held is lost, and nobody knows how much: the server hears that once, on the urgent lane."""
    world = World(tmp_path)
    world.agent.start()
    world.take(1)
    world.agent.stop()
    (world.config.outbox / "outbox.db").write_bytes(b"no SQLite file at all" * 1000)
    world.restart()
    told = one(world.ingest, "linli.outbox.dropped")
    assert told.lane is Lane.URGENT
    assert told.data["reason"] == "damaged"
    assert (told.data["urgent"], told.data["bulk"]) == (0, 0)
    world.restart()
    eventually(world.drained)
    assert len(world.ingest.events("linli.outbox.dropped")) == 1
    world.agent.stop()


def test_a_second_agent_on_one_outbox_is_told_so(world: World) -> None:
    """In both languages, and what to do; the first goes on."""
    second, _ = world.make()
    with pytest.raises(OutboxError) as caught:
        second.start()
    assert "another agent runs on it: stop that one" in caught.value.text.en
    assert "另一个边缘代理正在使用它：先停掉那一个" in caught.value.text.zh
    world.take(1)
    eventually(lambda: world.numbers(world.ingest) == [1])


def test_a_report_that_cannot_be_kept_is_no_reason_to_take_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What came with the refused input is kept by then: an error would make the caller hand it over a second time."""
    world.agent.stop()
    with closing(sqlite3.connect(world.config.outbox / "outbox.db")) as disk:
        disk.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON bulk WHEN instr(NEW.body, 'linli.input.refused')"
            " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        disk.commit()
    world.agent, world.client = world.make()
    world.agent.start()
    world.agent.take([world.agent.event("d1", "test.event", {"n": n}) for n in (1, float("nan"), 2)])
    eventually(lambda: world.numbers(world.ingest) == [1, 2])
    assert "disk full" in caplog.text
    with pytest.raises(OutboxError) as caught:
        world.agent.refuse("not_json", "x", "t", b"")
    assert [draft.type for draft in caught.value.unkept] == ["linli.input.refused"]


# --- an outbox that went back in time -------------------------------------------------------------------------------


def test_an_outbox_restored_from_an_old_image_goes_on_under_a_new_bootid(tmp_path: Path) -> None:
    """Sequences used twice would be taken for repeats: what was taken since is sent under a new bootid, once."""
    world = World(tmp_path)
    world.agent.start()
    world.rules.deaf = True
    world.take(*range(20))
    eventually(lambda: world.numbers(world.ingest) == list(range(20)))
    world.agent.stop()
    shutil.copytree(world.config.outbox, tmp_path / "image")
    world.rules.deaf = False
    world.restart()
    world.take(*range(20, 40))
    eventually(world.drained)
    old = world.agent.bootid
    world.agent.stop()
    shutil.rmtree(world.config.outbox)
    shutil.copytree(tmp_path / "image", world.config.outbox)
    world.restart()
    world.take(*range(40, 45))
    eventually(lambda: world.agent.bootid != old)
    eventually(lambda: world.numbers(world.ingest)[-1] == 44)
    eventually(lambda: world.numbers(world.rules)[-1] == 44)
    assert world.numbers(world.ingest) == world.numbers(world.rules) == list(range(45))
    world.agent.stop()


def test_both_lanes_of_a_restored_outbox_go_on(tmp_path: Path) -> None:
    """Each lane had gone on since the image; nothing that was taken after the restore is lost, also while cut off."""
    world = World(tmp_path)
    world.agent.start()
    world.take(*range(5))
    eventually(world.drained)
    world.agent.stop()
    shutil.copytree(world.config.outbox, tmp_path / "image")
    world.restart()
    for number in range(5, 25):
        world.take(number)
        world.agent.take([world.agent.event("d1", "test.bulk", {"n": number}, lane=Lane.BULK)])
    eventually(world.drained)
    old = world.agent.bootid
    world.agent.stop()
    shutil.rmtree(world.config.outbox)
    shutil.copytree(tmp_path / "image", world.config.outbox)
    world.agent, world.client = world.make()
    world.agent.start()
    world.client.cut()
    world.take(*range(25, 35))
    world.agent.take([world.agent.event("d1", "test.bulk", {"n": number}, lane=Lane.BULK) for number in range(25, 35)])
    world.client.restore()
    for consumer in (world.ingest, world.rules):
        eventually(lambda consumer=consumer: world.numbers(consumer)[-1] == 34, timeout=20)  # type: ignore[misc]
        eventually(lambda consumer=consumer: world.numbers(consumer, "test.bulk")[-1] == 34)  # type: ignore[misc]
        assert world.numbers(consumer) == list(range(35))
        assert world.numbers(consumer, "test.bulk") == list(range(5, 35))
    assert world.agent.bootid != old
    before = len(heartbeats(world, Lane.BULK))
    world.clock.ahead += 10 * SECOND
    eventually(lambda: len(heartbeats(world, Lane.BULK)) > before and world.drained())
    fresh = [message for message in world.ingest.taken if message.bootid == world.agent.bootid]
    told = days_of(next(m for m in reversed(fresh) if m.type == HEARTBEAT_TYPE and m.lane is Lane.BULK))
    assert sum(taken for taken, _ in told.values()) == len(fresh), "counted anew under the new bootid"
    world.agent.stop()
