"""What a device can do at the broker under another's name: nothing; and what happens when somebody has its password.

At the broker that comes with Linli. Mosquitto, which writes no refusal down: tests/integration/test_up_broker.py.
"""

import gzip
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import psutil
import pytest

from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.adapters.connect import gateway_client
from linli.adapters.store import build_store
from linli.cli.private import PrivateLinli, private_linli
from linli.clock import MINUTE, SystemClock
from linli.codec import MAX_MESSAGE_BYTES, encode
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.workers import reports
from linli.errors import Refused
from linli.ids import new_bootid
from linli.model import READINGS_TYPE, Lane, Message, Reading
from linli.ports import Will
from linli.settings import Settings, load_settings
from linli.topics import lane_topic, status_topic
from rules.platform import GATEWAY_DOUBLED
from simulators.compound import COMMUNITY, GATEWAY
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

OTHER = "gw-other"


@dataclass(frozen=True)
class Site:
    """Linli without its simulator, and a second gateway's user at the broker."""

    linli: PrivateLinli
    database: Database

    @property
    def settings(self) -> Settings:
        return self.linli.settings

    @property
    def log(self) -> str:
        return self.log_of("nats")

    def log_of(self, part: str) -> str:
        return (DataFolder(self.settings.data).logs / f"{part}.log").read_text(errors="replace")

    def letters(self) -> int:
        return sum(SqlDeadLetters(self.database).count_by_reason().values())

    def user(self, gateway: str) -> tuple[str, str]:
        found = BrokerUsers(DataFolder(self.settings.data).secrets).get(gateway_user(gateway))
        return found.name, found.password


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    def before(settings: Settings) -> None:
        users = BrokerUsers(DataFolder(settings.data).secrets)
        users.ensure({gateway_user(OTHER): gateway_access(COMMUNITY, OTHER)})

    parts = ("broker", "ingest", "rules")
    folder = tmp_path_factory.mktemp("broker")
    with private_linli(load_settings(), parts, before_start=before, own={"broker": "nats"}, within=folder) as linli:
        database = open_database(linli.settings.app_database_url)
        yield Site(linli, database)
        database.close()


class Wire:
    """MQTT 3.1.1 by hand: what no client library would send."""

    def __init__(self, site: Site, gateway: str, client_id: str) -> None:
        self._socket = socket.create_connection(site.settings.broker_endpoint, timeout=10)
        name, password = site.user(gateway)
        body = _text("MQTT") + b"\x04\xc2\x00\x3c" + _text(client_id) + _text(name) + _text(password)
        self.send(0x10, body)
        assert self.receive() == (0x20, b"\x00\x00")

    def send(self, kind: int, body: bytes) -> None:
        length, rest = b"", len(body)
        while True:
            rest, low = divmod(rest, 128)
            length += bytes((low | (0x80 if rest else 0),))
            if not rest:
                break
        self._socket.sendall(bytes((kind,)) + length + body)

    def receive(self) -> tuple[int, bytes] | None:
        """The next packet; None once the broker has hung up."""
        try:
            head = self._socket.recv(1)
            if not head:
                return None
            length, shift = 0, 0
            while True:
                byte = self._socket.recv(1)[0]
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            body = b""
            while len(body) < length:
                body += self._socket.recv(length - len(body))
            return head[0] & 0xF0, body
        except (ConnectionError, IndexError):
            return None

    def subscribe(self, topic: str) -> bool:
        """Whether the broker grants it."""
        self.send(0x82, b"\x00\x01" + _text(topic) + b"\x01")
        answer = self.receive()
        return answer is not None and answer[0] == 0x90 and answer[1][2] != 0x80

    def publish(self, topic: str, payload: bytes) -> None:
        self.send(0x32, _text(topic) + b"\x00\x07" + payload)

    def close(self) -> None:
        self._socket.close()


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


@pytest.mark.parametrize(
    "topic",
    [
        "#",
        "$SYS/#",
        "linli/#",
        "linli/v1/#",
        "linli/v1/+/gateway/+/urgent",
        f"linli/v1/{COMMUNITY}/gateway/+/command",
        f"linli/v1/{COMMUNITY}/gateway/{GATEWAY}/command",
        f"linli/v1/{COMMUNITY}/gateway/{GATEWAY}/urgent",
        f"linli/v1/{COMMUNITY}/alert/+",
        f"linli/v1/{COMMUNITY}/gateway/{OTHER}/+",
    ],
)
def test_a_device_hears_no_other(topic: str, site: Site) -> None:
    """Neither by another's topic nor by a wildcard: the broker refuses the subscription and writes it down."""
    before = len(site.log)
    wire = Wire(site, OTHER, "listener")
    assert not wire.subscribe(topic)
    wire.close()
    eventually(lambda: "Subscription Violation" in site.log[before:])


@pytest.mark.parametrize(
    "topic",
    [
        lane_topic(COMMUNITY, GATEWAY, Lane.URGENT),
        lane_topic(COMMUNITY, GATEWAY, Lane.BULK),
        status_topic(COMMUNITY, GATEWAY),
        f"linli/v1/{COMMUNITY}/gateway/{OTHER}/command",
        f"linli/v1/{COMMUNITY}/gateway/{OTHER}/ack/ingest",
        f"linli/v1/{COMMUNITY}/alert/a1",
        "linli/v1/c002/gateway/gw-other/urgent",
        "$SYS/broker/x",
    ],
)
def test_a_device_speaks_for_no_other(topic: str, site: Site) -> None:
    """What it publishes there reaches nobody, and the broker writes it down."""
    before, letters = len(site.log), site.letters()
    wire = Wire(site, OTHER, "speaker")
    wire.publish(topic, b"not for ingest")
    eventually(lambda: "Publish Violation" in site.log[before:])
    wire.publish(
        lane_topic(COMMUNITY, OTHER, Lane.URGENT), f"not JSON {topic}".encode()
    )  # its own: a dead letter, after which all is through
    eventually(lambda: site.letters() > letters)
    wire.close()
    assert site.letters() == letters + 1


@pytest.mark.parametrize(
    "name", ["gw+1", "gw/1", "gw#", "gw*", "gw>", "gw.1", "$gw", "GW", "", "a" * 65, "gw\n1", "网关"]
)
def test_no_id_with_a_wildcard_gets_rights(name: str) -> None:
    """A gateway of such a name cannot be registered, and would be given no user at the broker."""
    with pytest.raises(Refused):
        gateway_user(name)
    with pytest.raises(Refused):
        gateway_access(COMMUNITY, name)
    with pytest.raises(Refused):
        gateway_access(name, GATEWAY)


def event(bootid: str, sequence: int, at: int) -> bytes:
    return encode(
        Message(COMMUNITY, GATEWAY, bootid, Lane.URGENT, sequence, 1, "access.door.opened", "c001-door-01", at, at)
    )


def test_a_captured_message_sent_again_changes_nothing(site: Site) -> None:
    """A hundred times, also behind newer ones: one row, and no alert."""
    store, now, topic = build_store(site.settings), site.linli.clock.now(), lane_topic(COMMUNITY, GATEWAY, Lane.URGENT)
    bootid = new_bootid()

    def stored() -> int:
        found = store.events(COMMUNITY, now - MINUTE, now + MINUTE, device="c001-door-01")
        return sum(1 for one in found if one.bootid == bootid)

    wire = Wire(site, GATEWAY, "captured")
    for sequence in (1, 2, 3):
        wire.publish(topic, event(bootid, sequence, now + sequence))
    eventually(lambda: stored() == 3)
    alerts = len(SqlAlerts(site.database).find(None, open_only=False, limit=1000))
    for _ in range(100):
        wire.publish(topic, event(bootid, 2, now + 2))
    wire.publish(topic, event(bootid, 4, now + 4))
    eventually(lambda: stored() == 4)
    wire.close()
    store.close()
    assert len(SqlAlerts(site.database).find(None, open_only=False, limit=1000)) == alerts


def reading(value: str, more: str = "") -> bytes:
    """A message of readings as it goes over the wire, with `value` in place of its number."""
    now = SystemClock().now()
    bootid = new_bootid()
    made = encode(
        Message(
            COMMUNITY,
            GATEWAY,
            bootid,
            Lane.BULK,
            1,
            1,
            READINGS_TYPE,
            GATEWAY,
            now,
            now,
            readings=(Reading("c001-garage-air", "temperature", now, 12345.5),),
        )
    )
    return made.replace(b"12345.5", value.encode("utf-8", "surrogatepass")).replace(
        b'{"specversion"', b"{" + more.encode() + b'"specversion"'
    )


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(reading("NaN"), id="NaN"),
        pytest.param(reading("Infinity"), id="Infinity"),
        pytest.param(reading("-Infinity"), id="-Infinity"),
        pytest.param(reading("1e999"), id="1e999"),
        pytest.param(reading("true"), id="true"),
        pytest.param(reading("9" * 5000), id="5,000 digits"),
        pytest.param(reading('"\\u0000"'), id="NUL"),
        pytest.param(reading("1\x00"), id="raw NUL"),
        pytest.param(reading('"\\ud800"'), id="lone surrogate"),
        pytest.param(reading('"\ud800"'), id="raw surrogate"),
        pytest.param(reading("1", '"specversion":"1.0",'), id="duplicate key"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100,000 levels"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="100,000 objects"),
        pytest.param(gzip.compress(bytes(10_000_000)), id="gzip bomb"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_message_is_a_dead_letter_with_a_reason(payload: bytes, site: Site) -> None:
    """And the worker lives: what comes after it is stored. Memory grows by 50 MB at most."""
    before, pids = site.letters(), {one.name: one.pid for one in reports(site.database)}
    memory = {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()}
    wire = Wire(site, GATEWAY, "odd")
    wire.publish(lane_topic(COMMUNITY, GATEWAY, Lane.BULK), payload)
    eventually(lambda: site.letters() > before)
    wire.close()
    newest = SqlDeadLetters(site.database).newest(1)[0]
    assert newest.letter.reason
    assert {one.name: one.pid for one in reports(site.database)} == pids
    for name, pid in pids.items():
        assert psutil.Process(pid).memory_info().rss - memory[name] <= 50e6, name


def test_ten_megabytes_are_cut_off_by_the_broker(site: Site) -> None:
    """Nobody gets them, whoever sends ten; the broker, ingest and rules grow by 50 MB at most, and go on."""
    pids = {one.name: one.pid for one in reports(site.database)}
    memory = {name: psutil.Process(pid).memory_info().rss for name, pid in pids.items()}
    for _ in range(10):
        wire = Wire(site, GATEWAY, "large")
        with suppress(ConnectionError):
            wire.publish(lane_topic(COMMUNITY, GATEWAY, Lane.BULK), bytes(10_000_000))
        assert wire.receive() is None
        wire.close()
    letters = site.letters()
    wire = Wire(site, GATEWAY, "after")
    wire.publish(lane_topic(COMMUNITY, GATEWAY, Lane.BULK), bytes(MAX_MESSAGE_BYTES + 1))
    eventually(lambda: site.letters() == letters + 1)
    wire.close()
    for name, pid in pids.items():
        assert psutil.Process(pid).memory_info().rss - memory[name] <= 50e6, name


def test_a_client_id_has_a_secret_part_that_is_new_at_each_start(site: Site) -> None:
    """Knowing the gateway's name, or an id that was used before, is not enough to knock its agent off the broker."""
    will = Will(status_topic(COMMUNITY, GATEWAY), b"{}")
    ids = {gateway_client(site.settings, GATEWAY, will)._client._client_id.decode() for _ in range(20)}
    assert len(ids) == 20
    assert all(len(one.removeprefix(f"gateway-{GATEWAY}-")) >= 24 for one in ids)


def test_two_agents_under_one_name_are_logged_and_raise_an_alert_within_a_minute(site: Site) -> None:
    """Who has the password speaks beside the true agent, or knocks it off by its client id: heard in turn either way."""
    topic, begun, alerts = lane_topic(COMMUNITY, GATEWAY, Lane.URGENT), monotonic(), SqlAlerts(site.database)
    agents = [(Wire(site, GATEWAY, name), new_bootid()) for name in ("true", "thief")]
    sent = 0

    def alerted() -> bool:
        nonlocal sent
        if monotonic() - begun > sent:
            (wire, bootid), sequence = agents[sent % 2], sent // 2 + 1
            wire.publish(topic, event(bootid, sequence, site.linli.clock.now()))
            sent += 1
        return bool(alerts.find(None, open_only=True, rules=[GATEWAY_DOUBLED], limit=10))

    eventually(alerted, timeout=60, what="the alert")
    for wire, _ in agents:
        wire.close()
    assert f"two agents send as gateway {GATEWAY}" in site.log_of("ingest")
    told = next(one for one in reports(site.database) if one.name == "ingest")
    assert GATEWAY in told.detail.en
