"""The device side joined to the agent: from a device's message to what the consumers get."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.config import AgentConfig
from edge.devices import DeviceLink, session
from edge.mapping import DeviceEntry, Mapper, SourceEntry
from edge.outbox.outbox import Outbox, OutboxError
from edge.refusals import RefusalReport
from linli.clock import DAY, SystemClock, format_time
from linli.model import READINGS_TYPE, Reading, TimeSource
from linli.testing import FakeBroker, FakeClient
from tests.support import eventually
from tests.unit.edge.fakes import FakeConsumer

SOURCES = [
    SourceEntry(
        kind="zigbee2mqtt",
        devices={"水泵房 水浸": "c001-water-01", "logger": DeviceEntry("c001-probe-01", buffers=True)},
    ),
    SourceEntry(kind="frigate", devices={"gate north": "c001-cam-01"}),
]


class Site:
    """A devices' broker, the agent, and Linli's broker with a consumer."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.devices, self.linli = FakeBroker(), FakeBroker()
        self.ingest = FakeConsumer(self.linli, "ingest")
        config = AgentConfig("c001", "gw-c001", folder, consumers=("ingest",))
        self.agent = Agent(config, self.linli.client(), self.clock)
        self.downlink = self.devices.session()
        self.link = DeviceLink(Mapper(SOURCES), self.agent, self.downlink, self.clock)
        self.device: FakeClient = self.devices.client()
        self.device.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)

    def say(self, topic: str, payload: object, retain: bool = False) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.device.publish(topic, body, retain=retain)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.agent.start()
    yield site
    site.link.stop()
    site.agent.stop()


def test_a_leak_becomes_an_urgent_event_and_a_reading(site: Site) -> None:
    """Under the registered device, at the device's time."""
    site.link.start()
    seen = format_time(site.clock.now())
    site.say("zigbee2mqtt/水泵房 水浸", {"water_leak": True, "battery": 80, "last_seen": seen})
    eventually(lambda: site.ingest.events("facility.water.detected") and site.ingest.events(READINGS_TYPE))
    event = site.ingest.events("facility.water.detected")[0]
    assert (event.subject, event.lane, event.time_source) == ("c001-water-01", "urgent", TimeSource.DEVICE)
    assert format_time(event.time) == seen
    packet = site.ingest.events(READINGS_TYPE)[0]
    assert {(r.device, r.quantity, r.value) for r in packet.readings} == {
        ("c001-water-01", "water_leak", 1.0),
        ("c001-water-01", "battery", 80.0),
    }


def test_only_a_device_that_buffers_is_believed_about_yesterday(site: Site) -> None:
    """Its data is history; another's clock is wrong."""
    site.link.start()
    yesterday = site.clock.now() - DAY
    for name in ("logger", "水泵房 水浸"):
        site.say(f"zigbee2mqtt/{name}", {"temperature": 5, "last_seen": format_time(yesterday)})
    eventually(lambda: len(site.ingest.events(READINGS_TYPE)) == 2)
    believed, corrected = site.ingest.events(READINGS_TYPE)
    assert (believed.readings[0].time, believed.historic) == (yesterday, True)
    assert (corrected.time_source, corrected.historic) == (TimeSource.AGENT, False)
    assert corrected.readings[0].time > yesterday


def test_what_was_retained_before_the_start_is_historic(site: Site) -> None:
    """But for who is online."""
    site.say("zigbee2mqtt/水泵房 水浸", {"water_leak": True}, retain=True)
    site.say("zigbee2mqtt/水泵房 水浸/availability", {"state": "online"}, retain=True)
    site.link.start()
    eventually(lambda: site.ingest.events("device.online") and site.ingest.events("facility.water.detected"))
    assert site.ingest.events("facility.water.detected")[0].historic
    assert not site.ingest.events("device.online")[0].historic


def test_bad_input_is_reported_to_the_server_and_stops_nothing(site: Site) -> None:
    """Topic, reason and an excerpt; the next message is taken."""
    site.link.start()
    site.say("zigbee2mqtt/水泵房 水浸", b'{"temperature": NaN}')
    site.say("zigbee2mqtt/nobody", {"temperature": 3})
    site.say("frigate/gate north/motion", b"ON")
    eventually(lambda: len(site.ingest.events("linli.input.refused")) == 2)
    eventually(lambda: site.ingest.events("camera.motion.started"))
    reports = [message.data for message in site.ingest.events("linli.input.refused")]
    assert [(data["topic"], data["reason"]) for data in reports] == [
        ("zigbee2mqtt/水泵房 水浸", "not_finite"),
        ("zigbee2mqtt/nobody", "unmapped_device"),
    ]
    assert reports[0]["payload"] == '{"temperature": NaN}'
    assert site.link.unmapped() == {"zigbee2mqtt/nobody": 1}
    counts = site.link.counts()
    assert (counts.messages, counts.refused, counts.overflowed) == (3, 2, 0)


def test_a_disk_that_fails_between_two_commits_doubles_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An event is kept, the readings beside it are refused for one of them, and then the disk fails for a while: only the
    readings are handed over again."""
    outbox = Outbox(tmp_path, "c001", "gw-c001")
    outbox.open()
    outbox.close()
    site = Site(tmp_path)
    site.ingest.deaf = True  # the outbox holds all, and so the sign that the disk works again
    with closing(sqlite3.connect(outbox.file)) as disk:
        disk.execute(
            "CREATE TRIGGER fails BEFORE INSERT ON bulk WHEN instr(NEW.body, 'linli.readings') AND NOT EXISTS"
            " (SELECT 1 FROM urgent WHERE instr(body, 'disk.works')) BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        disk.commit()
    site.agent.start()
    now = site.clock.now()
    readings = [Reading("c001-probe-01", "temperature", now, value) for value in (1.0, float("nan"))]
    drafts = [site.agent.event("c001-probe-01", "test.event", {}), *site.agent.packets(readings)]
    thread = threading.Thread(target=site.link._hand_over, args=(drafts,))
    thread.start()
    eventually(lambda: "disk full" in caplog.text)
    site.agent.take_event("c001-probe-01", "disk.works", {})
    thread.join(timeout=10)
    site.ingest.deaf = False
    site.ingest.announce()
    eventually(lambda: site.ingest.events(READINGS_TYPE) and site.ingest.events("disk.works"))
    assert [len(message.readings) for message in site.ingest.events(READINGS_TYPE)] == [1]
    assert len(site.ingest.events("test.event")) == 1
    site.agent.stop()


def test_what_overflows_the_queue_is_counted_and_reported(tmp_path: Path) -> None:
    """Nothing grows without bound, and nothing vanishes unseen."""
    site = Site(tmp_path)
    site.link._came("zigbee2mqtt/logger", b'{"temperature": 1}', False)
    for _ in range(20):
        site.link._came("zigbee2mqtt/x/set", b"{" + b"x" * 1_000_000, False)
    site.agent.start()
    site.link.start()
    eventually(lambda: site.ingest.events("linli.input.refused"))
    assert site.ingest.events("linli.input.refused")[0].data["reason"] == "overflow"
    assert site.link.counts().overflowed == 5
    site.link.stop()
    site.link.stop()
    site.agent.stop()


def test_what_is_not_kept_stays_with_the_broker(site: Site) -> None:
    """While the disk is full nothing is acknowledged, so nothing is lost when the agent dies; and then all of it is."""
    site.link.start()
    site.say("zigbee2mqtt/水泵房 水浸", {"water_leak": True})
    eventually(lambda: not site.downlink.unacknowledged)
    site.agent._outbox.close()  # it takes nothing now
    site.say("zigbee2mqtt/水泵房 水浸", {"water_leak": False})
    site.say("zigbee2mqtt/水泵房 水浸", b'{"temperature": NaN}')
    eventually(lambda: site.link.counts().messages >= 2)
    assert site.downlink.unacknowledged == 2
    site.agent._outbox.open()
    eventually(lambda: not site.downlink.unacknowledged)
    eventually(lambda: site.ingest.events("facility.water.cleared"))


def test_what_overflows_at_qos_1_is_left_to_the_broker(site: Site) -> None:
    """In order, and asked for again when there is room: nothing is lost, and nothing grows without bound."""
    site.link.start()
    site.agent._outbox.close()  # it takes nothing now
    for number in range(200):
        site.say("zigbee2mqtt/logger", b'{"temperature": %d%s}' % (number, b" " * 240_000))
    assert len(site.link._queue) < 70
    assert site.downlink.unacknowledged == 200
    site.agent._outbox.open()
    eventually(lambda: not site.downlink.unacknowledged, timeout=60)

    def values() -> list[float]:
        return [reading.value for message in site.ingest.events(READINGS_TYPE) for reading in message.readings]

    eventually(lambda: len(values()) == 200)
    assert values() == [float(number) for number in range(200)]
    assert site.link.counts().overflowed == 0


def test_a_session_has_one_name_that_nobody_guesses_and_knows_what_it_heard(tmp_path: Path) -> None:
    """Topics that a changed mapping no longer wants are unsubscribed: the broker would keep them in the session."""
    name, former = session(tmp_path / "outbox", ["a/#", "b/#"])
    assert len(name) > len("devices-") + 20
    assert former == []
    assert session(tmp_path / "outbox", ["b/#", "c/#"]) == (name, ["a/#"])
    assert session(tmp_path / "outbox", ["b/#"]) == (name, ["a/#", "c/#"])
    file = tmp_path / "outbox" / "devices-session.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{")
    fresh, former = session(tmp_path / "outbox", ["a/#"])
    assert fresh != name
    assert former == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError):
        session(tmp_path / "file", ["a/#"])


def test_a_standing_fault_is_told_once_in_ten_minutes() -> None:
    """A device that nobody mapped speaks every few seconds."""
    report = RefusalReport()

    def told(topic: str, now: float) -> bool:
        return report.data("unmapped_device", "x", topic, b"", now) is not None

    assert told("a", 0.0)
    assert not told("a", 599.0)
    assert told("b", 599.0)
    assert told("a", 600.0)
    data = report.data("not_json", "bad \x00 \ud800", "t", b"\x00\xff" * 2000, 601.0)
    assert data is not None
    assert data["size"] == 4000
    assert "\x00" not in str(data["payload"]) + str(data["detail"])
