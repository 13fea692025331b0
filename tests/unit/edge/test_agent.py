"""The agent at a fake broker: nothing taken is lost, whoever is silent, gone or restored."""

from pathlib import Path

import pytest

from edge.agent import Agent, Stats
from edge.config import AgentConfig
from edge.outbox.outbox import OutboxError
from linli import topics
from linli.clock import SECOND, SystemClock, format_time
from linli.codec import decode_status
from linli.errors import Refused
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Lane, Reading
from linli.testing import FakeBroker
from tests.support import eventually
from tests.unit.edge.worlds import World, days_of, heartbeats

STATUS = topics.status_topic("c001", "gw-c001")


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
