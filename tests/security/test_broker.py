"""What a device can do at the broker under another's name: nothing; and what happens when somebody has its password.

On each broker that comes with Linli or with Debian, as `linli up` configures it.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.adapters.connect import gateway_client
from linli.cli.private import PrivateLinli, private_linli
from linli.codec import MAX_MESSAGE_BYTES, encode
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.workers import reports
from linli.ids import new_bootid
from linli.model import Lane, Message
from linli.ports import Will
from linli.settings import Settings, load_settings
from linli.topics import lane_topic, status_topic
from rules.platform import GATEWAY_DOUBLED
from simulators.compound import COMMUNITY, GATEWAY
from tests.support import eventually, need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

OTHER = "gw-other"


@dataclass(frozen=True)
class Site:
    """Linli without its simulator, and a second gateway's user at the broker."""

    linli: PrivateLinli
    database: Database
    kind: str

    @property
    def settings(self) -> Settings:
        return self.linli.settings

    @property
    def log(self) -> str:
        return (DataFolder(self.settings.data).logs / f"{self.kind}.log").read_text(errors="replace")

    def user(self, gateway: str) -> tuple[str, str]:
        found = BrokerUsers(DataFolder(self.settings.data).secrets).get(gateway_user(gateway))
        return found.name, found.password


def kinds() -> list[str]:
    return ["nats", "mosquitto"]


@pytest.fixture(scope="module", params=kinds())
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    kind = str(request.param)
    if kind == "mosquitto":
        need("mosquitto")

    def before(settings: Settings) -> None:
        users = BrokerUsers(DataFolder(settings.data).secrets)
        users.ensure({gateway_user(OTHER): gateway_access(COMMUNITY, OTHER)})

    parts = ("broker", "ingest", "rules")
    folder = tmp_path_factory.mktemp("broker")
    with private_linli(load_settings(), parts, before_start=before, own={"broker": kind, "simulator": True}, within=folder) as linli:
        database = open_database(linli.settings.app_database_url)
        yield Site(linli, database, kind)
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


def _refusal(log: str) -> bool:
    """NATS and Mosquitto, each in its words."""
    return any(words in log for words in ("Permissions Violation", "Denied", "denied", "not authorised"))


def _count(letters: SqlDeadLetters) -> int:
    return sum(letters.count_by_reason().values())


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
    eventually(lambda: _refusal(site.log[before:]), what="the broker's log says so")


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
    letters, before = SqlDeadLetters(site.database), len(site.log)
    count = _count(letters)
    wire = Wire(site, OTHER, "speaker")
    wire.publish(topic, b"{}")
    wire.publish(lane_topic(COMMUNITY, OTHER, Lane.URGENT), b"{}")  # allowed, and a dead letter: by then the other is through
    wire.receive()
    eventually(lambda: _count(letters) > count or _refusal(site.log[before:]), what="the broker has dealt with it")
    wire.close()
    assert _count(letters) - count <= 1
    eventually(lambda: _refusal(site.log[before:]), what="the broker's log says so")
