"""The ingest bench's arithmetic, its load and its half of the lane protocol, without measuring anything."""

import os
from itertools import islice
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli import topics
from linli.cli.benches import generator, ingest, meter
from linli.cli.benches.consumers import Consumer
from linli.cli.benches.disk import disk_folder, file_system
from linli.cli.benches.fleet import Fleet
from linli.cli.benches.generator import Run, Sender
from linli.cli.benches.lanes import GENERATOR, PLAIN, Outcome, Phase
from linli.cli.benches.lean_mqtt import Packets, publish_packet
from linli.codec import Ack, decode, decode_ack, encode, encode_ack
from linli.model import Device, Gateway, Lane, Message
from linli.settings import Settings
from linli.topics import GatewayTopic, Leaf

START = 1_700_000_000_000_000


class FakeConnection:
    """Takes everything at once; `answers` are what it has received."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.answers: list[tuple[bytes, bytes]] = []
        self.busy = False

    def fileno(self) -> int:
        return -1

    def send(self, packets: bytes = b"") -> None:
        if packets:
            self.sent.append(packets)

    def receive(self) -> list[tuple[bytes, bytes]]:
        answers, self.answers = self.answers, []
        return answers


def sender(messages: int, size: int = 10) -> tuple[Sender, FakeConnection]:
    packets = [bytes(size) for _ in range(messages)]
    made = Sender(packets, [size * number for number in range(messages + 1)], {"ingest": 0, "rules": 0})
    connection = FakeConnection()
    made.connection = connection  # type: ignore[assignment]
    return made, connection


def ack(connection: FakeConnection, consumer: str, upto: int) -> None:
    topic = topics.ack_topic("c", "gw", consumer).encode()
    connection.answers.append((topic, encode_ack(Ack("b", Lane.BULK, upto))))


def push_all(made: Sender, now: float = 0.0) -> int:
    """Push until nothing goes out; up to where it has sent."""
    while made.push(len(made.packets), now):
        pass
    return made.sent


# --- arithmetic -----------------------------------------------------------------------------------------------------


def test_costs_are_of_what_was_done_between_two_marks() -> None:
    """CPU-seconds a million and cores are differences over differences: what went before does not count."""
    before = meter.Reading(10.0, 1000, {"ingest": 5.0, "broker": 1.0}, busy=100.0)
    after = meter.Reading(14.0, 41_000, {"ingest": 7.0, "broker": 1.4}, busy=104.0)
    assert meter.rate(before, after) == 10_000
    costs = meter.costs(before, after, {"ingest": 70.0})
    assert list(costs) == ["ingest", "broker"]
    assert costs["ingest"] == {"cpu_s_per_million": 50.0, "cores": 0.5, "rss_mb": 70.0}
    assert costs["broker"]["cpu_s_per_million"] == pytest.approx(10.0)
    assert meter.others(before, after) == pytest.approx(0.4)


def test_nothing_done_is_no_division_by_zero() -> None:
    """Metrics are numbers, whatever happened."""
    same = meter.Reading(1.0, 5, {"ingest": 1.0})
    assert meter.rate(same, same) == meter.others(same, same) == 0
    assert meter.costs(same, same, {})["ingest"] == {"cpu_s_per_million": 0.0, "cores": 0.0, "rss_mb": 0.0}


def phase(rate: float, offered: float | None, cores: float, held_up: float, others: float = 0.0) -> Phase:
    return Phase(rate, {GENERATOR: {"cores": cores}}, held_up, others, offered)


@pytest.mark.parametrize(
    ("measured", "behind", "limit"),
    [
        (phase(9_990, 10_000, 0.1, 0.0), False, False),
        (phase(8_000, 10_000, 0.1, 0.9), True, False),
        (phase(8_000, 10_000, 0.97, 0.0), True, True),
        (phase(20_000, None, 0.1, 0.9), False, False),
        (phase(20_000, None, 0.97, 0.9), False, True),
        (phase(20_000, None, 0.3, 0.1), False, True),
    ],
)
def test_whose_limit_it_was(measured: Phase, behind: bool, limit: bool) -> None:
    """Offered and not reached is behind. The generator was the limit if its core was full, or nobody kept it waiting."""
    assert (measured.behind, measured.generator_was_the_limit) == (behind, limit)


def test_what_disturbed_a_measurement_is_said() -> None:
    """A reader learns of an offer not met, of a limit that was the generator's, of other programs, and of losses."""
    report = ingest.Report()
    phases = {"paced": phase(8_000, 10_000, 0.97, 0.0, others=1.2), "full": phase(9_000, None, 0.1, 0.9)}
    report.take("single", Outcome(phases, lost=3, resent=7, store="SQLite"))
    told = [note.en for note in report.notes]
    assert told[0].startswith("single_paced: 8,000 readings a second, 10,000 were offered; limited by the generator")
    assert "1.2 cores busy" in told[0]
    assert told[1] == "single_full: 9,000 readings a second"
    assert told[2:] == ["single: 3 readings were lost", "single: 7 messages sent again"]
    assert report.lost == 3
    assert set(report.costs) == {"single_paced", "single_full"}


def test_what_is_set_plainly_are_settings() -> None:
    """A name that Settings no longer has would be set in silence, and change nothing."""
    assert PLAIN.keys() <= Settings.model_fields.keys()


# --- the load -------------------------------------------------------------------------------------------------------


def test_a_fleet_is_registered_whole() -> None:
    """Every device belongs to a gateway of the fleet and reports through it alone."""
    fleet = Fleet(gateways=3, devices=50)
    items = list(fleet.items())
    gateways = {item.id for item in items if isinstance(item, Gateway)}
    devices = {item.id: item.gateway for item in items if isinstance(item, Device)}
    assert (len(gateways), len(devices), set(devices.values())) == (3, 50, gateways)
    for number in range(3):
        assert {devices[series.device] for series in fleet.series(number)} == {fleet.gateway(number)}


@pytest.mark.parametrize("per_message", [1, 100])
def test_messages_are_what_an_agent_sends(per_message: int) -> None:
    """They pass the codec, are numbered from 1, and no two readings of a series have the same time, which would be one row."""
    fleet = Fleet(gateways=2, devices=7)
    made = list(islice(fleet.messages(1, "b", per_message, START, 1000.0), 30))
    topic = GatewayTopic(fleet.community(1), fleet.gateway(1), Leaf.BULK)
    read: list[Message] = [decode(topic, encode(message)) for message in made]
    assert [message.sequence for message in read] == list(range(1, 31))
    readings = [reading for message in read for reading in message.readings]
    assert len(readings) == len({(one.device, one.quantity, one.time) for one in readings}) == 30 * per_message
    assert readings[0].time == START
    assert readings[-1].time - START == pytest.approx((len(readings) - 1) * 2000, abs=2)


def test_no_more_than_so_many_quantities_a_device() -> None:
    """With one, the number of devices is the number of series."""
    assert len(Fleet(gateways=1, devices=70, quantities=1).series(0)) == 70


# --- the wire -------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 50))
def test_packets_are_found_however_the_stream_is_cut(payloads: list[bytes], cut: int) -> None:
    """What was published is found again from pieces of any size."""
    stream = b"".join(publish_packet("a/b", payload) for payload in payloads)
    packets, found = Packets(), []
    for start in range(0, len(stream), cut):
        packets.feed(stream[start : start + cut])
        while (packet := packets.next()) is not None:
            found.append(packet)
    assert found == [(0x30, b"\x00\x03a/b" + payload) for payload in payloads]


def test_the_length_of_a_packet_is_written_in_sevens() -> None:
    """MQTT 3.1.1, 2.2.3: 321 is 193, 2."""
    assert publish_packet("a/b", bytes(321 - 5))[:3] == bytes((0x30, 193, 2))


# --- the generator --------------------------------------------------------------------------------------------------


def test_a_window_of_messages_is_under_way() -> None:
    """It sends up to the window beyond what the slowest consumer has, and goes on with its answer."""
    made, connection = sender(1000)
    assert push_all(made) == generator.WINDOW_MESSAGES
    ack(connection, "ingest", 300)
    made.hear(1.0)
    assert push_all(made) == generator.WINDOW_MESSAGES
    ack(connection, "rules", 100)
    made.hear(1.0)
    assert push_all(made) == generator.WINDOW_MESSAGES + 100
    assert sum(map(len, connection.sent)) == 10 * (generator.WINDOW_MESSAGES + 100)


def test_a_window_is_bounded_in_bytes_too() -> None:
    """Large messages: no more is under way than the bytes allow, by one message."""
    made, _ = sender(100, size=30_000)
    assert push_all(made) == -(-generator.WINDOW_BYTES // 30_000)


def test_after_a_long_silence_it_goes_back_with_one_message() -> None:
    """What a consumer lost comes again, without a storm; its answers open the window."""
    made, connection = sender(1000)
    ack(connection, "ingest", 50)
    ack(connection, "rules", 50)
    push_all(made)
    made.hear(1.0)
    sent = push_all(made, 1.0)
    assert push_all(made, 5.0) == sent
    assert push_all(made, 7.0) == 51
    assert made.resent == sent - 50
    ack(connection, "ingest", 51)
    ack(connection, "rules", 51)
    made.hear(7.1)
    assert push_all(made, 7.1) == 53


def test_a_busy_socket_is_left_alone() -> None:
    """Nothing new is handed over while something waits."""
    made, connection = sender(10)
    connection.busy = True
    assert not made.push(10, 0.0)
    assert connection.sent == []


def test_a_run_ends_when_every_consumer_has_everything(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """All messages go out, each border is told once and in order, and it waits for the last answer."""
    made, _ = sender(50)
    ready, end = os.pipe()
    os.write(end, b"!")

    class Answering(FakeConnection):
        def fileno(self) -> int:
            return ready  # always readable

        def send(self, packets: bytes = b"") -> None:
            super().send(packets)
            upto = sum(map(len, self.sent)) // 10
            ack(self, "ingest", upto)
            ack(self, "rules", upto)

    made.connection = Answering()  # type: ignore[assignment]
    run = Run([made], paced=20, rate=1000.0, full_s=5.0)
    run.go()
    os.close(ready)
    os.close(end)
    assert run.finished
    assert (run.told()["sent"], run.told()["acked"]) == (50, {"ingest": 50, "rules": 50})
    told = capfdbinary.readouterr().out.decode()
    marks = [line.split('"')[3] for line in told.splitlines()]
    assert marks == ["paced:begin", "paced:end", "full:begin", "full:end"]


def test_what_time_did_not_suffice_for_is_not_sent() -> None:
    """When its time at full throttle is up, a run ends with what it has sent, and what is under way still counts."""
    made, _ = sender(1000)
    push_all(made)
    run = Run([made], paced=0, rate=1000.0, full_s=0.0)
    run._cut_short()
    assert run.total == made.sent == generator.WINDOW_MESSAGES
    assert not run.finished


@pytest.mark.parametrize(
    ("full_for", "sent", "up"), [(3.0, 1000, False), (5.0, 300, False), (5.0, 400, True), (17.0, 10, True)]
)
def test_a_slow_machine_is_given_more_time(full_for: float, sent: int, up: bool) -> None:
    """Time is up after `full_s`, but not before enough went out to measure, unless that would take for ever."""
    made, _ = sender(1000)
    made.sent = sent
    run = Run([made], paced=0, rate=1000.0, full_s=4.0)
    run._full_since = monotonic() - full_for
    assert run._time_is_up() == up


def test_what_did_not_move_is_not_measured() -> None:
    """0 readings a second is no rate, and 0 CPU-seconds no cost."""
    report = ingest.Report()
    outcome = Outcome({"full": phase(0.0, None, 0.1, 0.9)}, lost=0, resent=0, store="SQLite")
    report.rate("packed_sqlite_readings_per_s", outcome)
    report.cpu("cpu_s_per_million_packed", outcome, "full")
    report.cpu("cpu_s_per_million_single", outcome, "paced")
    assert report.metrics == {}


# --- the lean consumers ---------------------------------------------------------------------------------------------


def lane_message(sequence: int) -> tuple[bytes, bytes]:
    message = next(islice(Fleet(1, 1).messages(0, "boot", 1, START, 1.0), sequence - 1, None))
    return topics.lane_topic(message.community, message.gateway, Lane.BULK).encode(), encode(message)


def test_a_consumer_acknowledges_what_came_in_order() -> None:
    """A gap is answered with the last message before it, so that the agent sends again from there; a repeat likewise."""
    connection = FakeConnection()
    consumer = Consumer("ingest", connection)  # type: ignore[arg-type]
    for numbers, upto in (((1, 2), 2), ((4,), 2), ((2, 3, 4), 4)):
        connection.answers = [lane_message(number) for number in numbers]
        connection.sent.clear()
        consumer.handle()
        packets = Packets()
        packets.feed(connection.sent[0])
        packet = packets.next()
        assert packet is not None
        topic = topics.ack_topic("bench-0", "gw-bench-00", "ingest").encode()
        assert packet[1][2:].startswith(topic)
        answer = decode_ack(packet[1][2 + len(topic) :])
        assert (answer.bootid, answer.lane, answer.upto) == ("boot", Lane.BULK, upto)


# --- the disk -------------------------------------------------------------------------------------------------------


def test_the_file_system_is_named(tmp_path: Path) -> None:
    """A commit costs what the file system makes of it, so it is told which; /proc is one that everybody has."""
    assert file_system(Path("/proc")).startswith("proc ")
    assert file_system(tmp_path) != ""
    assert disk_folder().is_dir()
