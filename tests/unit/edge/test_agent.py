"""The agent at a fake broker: nothing taken is lost, whoever is silent, gone or restored."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.agent import Agent, Stats, last_will
from edge.config import AgentConfig
from edge.outbox import OutboxError
from linli import topics
from linli.clock import MINUTE, SECOND, SystemClock, format_time, parse_time
from linli.codec import MAX_MESSAGE_BYTES, decode_status
from linli.errors import Refused
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Lane, Message, Reading, TimeSource
from linli.testing import FakeBroker, FakeClient
from tests.support import eventually
from tests.unit.edge.fakes import FakeConsumer

STATUS = topics.status_topic("c001", "gw-c001")


class StepClock(SystemClock):
    """The machine's clock, put forward by a test."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


class World:
    """One agent, two consumers, one broker."""

    def __init__(self, folder: Path) -> None:
        self.clock = StepClock()
        self.config = AgentConfig("c001", "gw-c001", folder / "outbox")
        self.broker = FakeBroker()
        self.ingest = FakeConsumer(self.broker, "ingest")
        self.rules = FakeConsumer(self.broker, "rules")
        self.agent, self.client = self.make()

    def make(self) -> tuple[Agent, FakeClient]:
        client = self.broker.client(last_will(self.config, self.clock))
        return Agent(self.config, client, self.clock), client

    def restart(self) -> None:
        self.agent.stop()
        self.agent, self.client = self.make()
        self.agent.start()

    def numbers(self, consumer: FakeConsumer, kind: str = "test.event") -> list[object]:
        return [message.data["n"] for message in consumer.events(kind)]

    def take(self, *numbers: int) -> None:
        self.agent.take([self.agent.event("d1", "test.event", {"n": number}) for number in numbers])

    def drained(self) -> bool:
        stats = self.agent.stats()
        return stats.queue_urgent == stats.queue_bulk == 0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.agent.start()
    yield world
    world.agent.stop()


def one(consumer: FakeConsumer, kind: str) -> Message:
    eventually(lambda: consumer.events(kind))
    return consumer.events(kind)[0]


def test_both_consumers_get_everything_and_the_outbox_empties(world: World) -> None:
    """One publish serves both, and what both have acknowledged is deleted."""
    world.take(*range(100))
    eventually(lambda: len(world.numbers(world.ingest)) == len(world.numbers(world.rules)) == 100)
    assert world.numbers(world.ingest) == world.numbers(world.rules) == list(range(100))
    eventually(world.drained)


def test_a_silent_consumer_gets_its_backlog_once_it_answers(world: World) -> None:
    """It holds up neither the other nor new messages, and wakes the agent by saying where it is."""
    eventually(world.drained)
    world.rules.deaf = True
    world.take(*range(3000))
    eventually(lambda: len(world.numbers(world.ingest)) == 3000)
    assert world.agent.stats().queue_urgent >= 3000
    world.rules.deaf = False
    world.rules.announce()
    eventually(lambda: len(world.numbers(world.rules)) == 3000)
    assert world.numbers(world.rules) == list(range(3000))
    eventually(world.drained)


def test_it_outlives_its_process(world: World) -> None:
    """What was taken while nobody listened is sent by the next process, under the same bootid."""
    world.ingest.deaf = world.rules.deaf = True
    world.take(*range(10))
    bootid = world.agent.bootid
    world.restart()
    assert world.agent.bootid == bootid
    world.ingest.deaf = world.rules.deaf = False
    eventually(lambda: world.numbers(world.ingest) == list(range(10)))
    eventually(lambda: world.numbers(world.rules) == list(range(10)))


def test_a_lost_connection_loses_nothing(world: World) -> None:
    """Taken while cut off, sent when it is back."""
    world.take(1)
    eventually(lambda: world.numbers(world.ingest) == [1])
    world.client.cut()
    assert decode_status(world.broker.retained[STATUS]).online is False
    world.take(2, 3)
    world.client.restore()
    eventually(lambda: world.numbers(world.rules) == [1, 2, 3])
    assert decode_status(world.broker.retained[STATUS]).online is True


def test_losses_on_the_way_are_made_good(world: World) -> None:
    """QoS 0 through a broker that loses every third message and acknowledgement."""
    count = 0

    def losing(topic: str, _payload: bytes) -> bool:
        nonlocal count
        count += 1
        return not topic.endswith("status") and count % 3 == 0

    world.broker.losing = losing
    world.take(*range(20))
    eventually(lambda: world.numbers(world.ingest) == list(range(20)), timeout=60)
    eventually(lambda: world.numbers(world.rules) == list(range(20)), timeout=60)


def test_status_is_retained_and_says_offline_at_the_end(world: World) -> None:
    """Who connects later knows whether the gateway is there."""
    eventually(lambda: STATUS in world.broker.retained)
    online = decode_status(world.broker.retained[STATUS])
    assert (online.online, online.bootid) == (True, world.agent.bootid)
    world.agent.stop()
    assert decode_status(world.broker.retained[STATUS]).online is False


def test_both_lanes_carry_heartbeats_by_the_clock(world: World) -> None:
    """Time advances on a quiet lane because of them; a fast clock makes them come faster."""
    eventually(lambda: {message.lane for message in world.ingest.events(HEARTBEAT_TYPE)} == set(Lane))
    before = len(world.ingest.events(HEARTBEAT_TYPE))
    world.clock.ahead += 10 * SECOND
    eventually(lambda: len(world.ingest.events(HEARTBEAT_TYPE)) == before + 2)
    world.clock.ahead -= 3600 * SECOND
    eventually(lambda: len(world.ingest.events(HEARTBEAT_TYPE)) == before + 4, what="the clock stepped back")


def test_urgent_does_not_wait_behind_bulk(world: World) -> None:
    """Readings wait for the connection, and an alarm behind them: it overtakes them."""
    world.client.cut()
    readings = [Reading("d1", "temperature", world.clock.now() + n, float(n), "Cel") for n in range(40_000)]
    world.agent.take_readings(readings)
    world.take(1)
    world.client.restore()
    eventually(lambda: world.numbers(world.ingest) == [1])
    eventually(world.drained, timeout=30)
    values = [reading.value for m in world.ingest.events(READINGS_TYPE) for reading in m.readings]
    assert values == [float(n) for n in range(40_000)]
    lanes = [message.type for message in world.ingest.taken]
    assert lanes.index("test.event") < len(lanes) - lanes[::-1].index(READINGS_TYPE) - 1


def heartbeats(world: World, lane: Lane) -> list[Message]:
    return [message for message in world.ingest.events(HEARTBEAT_TYPE) if message.lane is lane]


def days_of(message: Message) -> dict[str, tuple[int, int]]:
    days = message.data["days"]
    assert isinstance(days, dict)
    return {
        day: (int(str(counted[0])), int(str(counted[1]))) for day, counted in days.items() if isinstance(counted, list)
    }


def test_a_heartbeat_tells_how_the_agent_is(world: World) -> None:
    """Version, clock, queues, drops, who has what; on the bulk lane also what each day has seen, itself included."""
    world.ingest.sent_at = world.rules.sent_at = world.clock.now() + 5 * SECOND
    now = world.clock.now()
    world.take(1, 2)
    world.agent.take_readings([Reading("d1", "temperature", now + n, float(n), "Cel") for n in range(10)])
    eventually(world.drained)
    world.clock.ahead += 10 * SECOND
    eventually(lambda: len(heartbeats(world, Lane.BULK)) == len(heartbeats(world, Lane.URGENT)) == 2)
    told = heartbeats(world, Lane.BULK)[-1]
    data = dict(told.data)
    offset = data.pop("clock_offset_ms")
    assert isinstance(offset, float)
    assert -5000 <= offset < 10_000
    assert data.pop("version")
    assert int(str(data.pop("queue_bytes"))) >= 0
    data.pop("days")
    days = days_of(told)
    assert sum(taken for taken, _ in days.values()) == 2 + 10 + 4, "two heartbeats on each lane"
    assert all(dropped == 0 for _, dropped in days.values())
    assert format_time(told.agent_time)[:10] in days
    assert data == {
        "queue_urgent": 0,
        "queue_bulk": 0,
        "dropped_urgent": 0,
        "dropped_bulk": 0,
        "dropped": 0,
        "refused": 0,
        "positions": {"ingest": {"urgent": 3, "bulk": 2}, "rules": {"urgent": 3, "bulk": 2}},
        "next": {"urgent": 4, "bulk": 3},
    }
    assert told.sequence == 3
    assert "days" not in heartbeats(world, Lane.URGENT)[-1].data


def test_the_first_message_after_a_start_is_a_heartbeat(tmp_path: Path) -> None:
    """If the outbox has gone back in time, its sequence is one that was used before: nothing is lost with it."""
    world = World(tmp_path)
    world.agent.start()
    world.take(1)
    eventually(lambda: world.numbers(world.ingest) == [1])
    assert next(message.type for message in world.ingest.taken if message.lane is Lane.URGENT) == HEARTBEAT_TYPE
    world.agent.stop()


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


# --- event time -----------------------------------------------------------------------------------------------------


def test_a_device_within_a_minute_is_believed(world: World) -> None:
    """Its time is the event's."""
    time = world.clock.now() - 59 * SECOND
    world.agent.take_event("d1", "test.event", {}, time=time)
    message = one(world.ingest, "test.event")
    assert (message.time, message.time_source, message.historic) == (time, TimeSource.DEVICE, False)


def test_a_device_further_off_gets_the_agents_time(world: World) -> None:
    """Unless it is known to buffer: then it is history at its own time."""
    now = world.clock.now()
    world.agent.take_event("d1", "test.event", {}, time=now - 61 * SECOND)
    world.agent.take_event("d1", "test.buffered", {}, time=now - 61 * SECOND, believe_time=True)
    world.agent.take_event("d1", "test.ahead", {}, time=now + 2 * MINUTE, believe_time=True)
    world.agent.take_event("d1", "test.unset", {}, time=5 * SECOND, believe_time=True)
    message, buffered = one(world.ingest, "test.event"), one(world.ingest, "test.buffered")
    assert (message.time_source, message.historic) == (TimeSource.AGENT, False)
    assert message.time == message.agent_time >= now
    assert (buffered.time, buffered.time_source, buffered.historic) == (now - 61 * SECOND, TimeSource.DEVICE, True)
    assert one(world.ingest, "test.ahead").time_source is TimeSource.AGENT, "no buffer holds the future"
    assert one(world.ingest, "test.unset").time_source is TimeSource.AGENT, "no clock that was set says 1970"


def test_readings_are_split_by_whose_time_they_have(world: World) -> None:
    """A message has one time source, and is historic or not."""
    now = world.clock.now()
    fresh, old = Reading("d1", "temperature", now, 1.0, "Cel"), Reading("d1", "humidity", now - 10 * MINUTE, 2.0, "%RH")
    world.agent.take_readings([fresh, old])
    world.agent.take_readings([replace(old, quantity="co2", unit=None)], believe_time=True)
    eventually(lambda: len(world.ingest.events(READINGS_TYPE)) == 3)
    packets = {m.readings[0].quantity: m for m in world.ingest.events(READINGS_TYPE)}
    assert packets["temperature"].time_source is TimeSource.DEVICE
    assert packets["humidity"].time_source is TimeSource.AGENT
    assert packets["humidity"].readings[0].time >= now
    assert packets["co2"].historic
    assert packets["co2"].readings[0].time == old.time


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_refused_message_is_counted_and_reported_and_blocks_nothing(world: World) -> None:
    """The server sees the reason; the lane goes on."""
    world.agent.take_event("d1", "test.event", {"n": "x" * MAX_MESSAGE_BYTES})
    world.take(1)
    report = one(world.ingest, "linli.input.refused")
    assert report.subject == "gw-c001"
    assert report.lane is Lane.BULK
    assert report.data["reason"] == "too_large"
    assert report.data["topic"] == "d1/test.event"
    eventually(lambda: world.numbers(world.ingest) == [1])
    assert world.agent.stats().refused == 1


def test_one_bad_reading_does_not_take_the_others_with_it(world: World) -> None:
    """It is found by halving the packet."""
    now = world.clock.now()
    readings = [Reading("d1", "temperature", now + n, float(n), "Cel") for n in range(100)]
    readings[37] = replace(readings[37], value=float("nan"))
    world.agent.take_readings(readings)
    eventually(lambda: sum(len(m.readings) for m in world.ingest.events(READINGS_TYPE)) == 99)
    assert one(world.ingest, "linli.input.refused").data["reason"] == "not_finite"


def test_a_flood_of_refusals_is_counted_and_told_in_part(world: World) -> None:
    """A device gone mad must not fill the dead letters; the next report says how many were kept back."""
    for number in range(200):
        world.agent.refuse("not_json", "no", f"t/{number}", b"\xff{")
    eventually(lambda: len(world.ingest.events("linli.input.refused")) >= 60)
    eventually(world.drained)
    assert len(world.ingest.events("linli.input.refused")) < 80
    assert world.agent.stats().refused == 200
    assert one(world.ingest, "linli.input.refused").data["payload"] == "\ufffd{"


def test_bad_acknowledgements_are_passed_over(world: World) -> None:
    """Bytes from the network change nothing."""
    client = world.broker.client()
    client.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
    topic = topics.ack_topic("c001", "gw-c001", "ingest")
    for payload in (b"", b"{", b'{"bootid":"other","lane":"urgent","upto":999}', b'{"bootid":1,"lane":"urgent"}'):
        client.publish(topic, payload)
    client.publish(topics.ack_topic("c001", "gw-c001", "stranger"), b'{"bootid":"b","lane":"urgent","upto":1}')
    world.take(1)
    eventually(lambda: world.numbers(world.rules) == [1])


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_command_reaches_the_handler_and_its_reply_the_broker(world: World) -> None:
    """Only while it is fresh: a retained one may be a year old. And only if there is a handler."""
    world.agent.stop()
    server, replies, heard = world.broker.client(), [], []  # type: ignore[var-annotated]
    server.subscribe([topics.any_gateway(topics.Leaf.REPLY)], 1)
    server.start(lambda topic, payload, _retained: replies.append((topic, payload)), lambda: None, lambda _reason: None)
    command = str(topics.GatewayTopic("c001", "gw-c001", topics.Leaf.COMMAND))
    server.publish(command, b"old", 1, retain=True)
    world.agent, world.client = world.make()
    world.agent.start(heard.append)
    server.publish(command, b"open", 1)
    assert heard == [b"open"]
    assert world.agent.reply(b"done")
    assert replies == [(str(topics.GatewayTopic("c001", "gw-c001", topics.Leaf.REPLY)), b"done")]
    world.client.cut()
    assert not world.agent.reply(b"too late")


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


# --- life -----------------------------------------------------------------------------------------------------------


def test_constructing_does_nothing_and_stopping_twice_is_allowed(tmp_path: Path) -> None:
    """No file and no thread before `start`; no error after `stop`."""
    config = AgentConfig("c001", "gw-c001", tmp_path / "outbox")
    agent = Agent(config, FakeBroker().client(), SystemClock())
    assert not config.outbox.exists()
    assert isinstance(agent.stats(), Stats)
    agent.stop()
    agent.start()
    agent.stop()
    agent.stop()
    with pytest.raises(OutboxError):
        agent.take_event("d1", "test.event", {})


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    """It would break the topic."""
    with pytest.raises(Refused):
        AgentConfig("c001", "Gate/1", tmp_path)
