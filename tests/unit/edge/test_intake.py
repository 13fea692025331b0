"""What an agent takes, at a fake broker: whose time an event gets, and what becomes of what is refused."""

from dataclasses import replace

from linli import topics
from linli.clock import MINUTE, SECOND
from linli.codec import MAX_MESSAGE_BYTES
from linli.model import READINGS_TYPE, Lane, Reading, TimeSource
from tests.support import eventually
from tests.unit.edge.worlds import World, one

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
