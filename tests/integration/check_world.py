"""A broker that runs, stand-ins for ingest and rules, and agents' files to be looked at by `linli agent check`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.__main__ import connect
from edge.site.check import Patience, check
from edge.site.findings import Finding, State
from linli import codec, topics
from linli.access import BrokerUsers, gateway_access, gateway_user
from linli.adapters.connect import service_client
from linli.adapters.mqtt import PahoClient
from linli.cli.stack import Stack, prepare
from linli.clock import Clock, SystemClock
from linli.datafolder import DataFolder
from linli.model import Consumer
from linli.settings import BrokerKind, Settings, load_settings
from tests.certificates import Authority, Certificate
from tests.support import eventually, free_port, need

SILENT_S = 1.5
"""How long a check waits for who does not answer, where that is the point."""


class Consuming:
    """Stands in for ingest or rules: acknowledges whatever comes."""

    def __init__(self, settings: Settings, consumer: Consumer, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self._client: PahoClient = service_client(settings, consumer.value)
        self._client.subscribe([topics.any_gateway(leaf) for leaf in (topics.Leaf.URGENT, topics.Leaf.BULK)], 0)
        self._client.start(self._came, lambda: None, lambda _reason: None)

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        parsed = topics.parse(topic)
        assert isinstance(parsed, topics.GatewayTopic)
        envelope = codec.envelope(parsed, payload)
        assert envelope is not None
        lane = envelope.lane
        ack = codec.Ack(lane.bootid, lane.lane, envelope.sequence, self._clock.now())
        self._client.publish(topics.ack_topic(lane.community, lane.gateway, self._consumer), codec.encode_ack(ack))

    def up(self) -> "Consuming":
        eventually(lambda: self._client.connected, what=f"{self._consumer} is connected")
        return self

    def stop(self) -> None:
        self._client.stop()


@dataclass
class Place:
    """A broker that runs, and files for agents of gateway gw1 of compound c1."""

    settings: Settings
    folder: Path
    authority: Authority
    tls: bool
    client: Certificate | None = None

    def broker(self, **changes: object) -> dict[str, object]:
        """What the agent's file says of the broker."""
        user = BrokerUsers(DataFolder(self.settings.data).secrets).get(gateway_user("gw1"))
        said: dict[str, object] = {
            "host": "localhost",
            "port": self.settings.broker_endpoint[1],
            "username": user.name,
            "password": user.password,
        }
        if self.tls:
            said |= {"tls": True, "ca": str(self.authority.file)}
        if self.client is not None:
            said |= {"certificate": str(self.client.file), "key": str(self.client.key)}
        said |= changes
        return {key: value for key, value in said.items() if value is not None}

    def file(self, outbox: str = "outbox", broker: dict[str, object] | None = None, **more: object) -> Path:
        """An agent's file; JSON is YAML."""
        file = self.folder / f"agent-{len(list(self.folder.glob('agent-*')))}.yaml"
        said = {"community": "c1", "gateway": "gw1", "outbox": outbox, "broker": broker or self.broker()}
        file.write_text(json.dumps(said | more), "utf-8")
        file.chmod(0o600)
        return file


def begin(folder: Path, kind: BrokerKind, **options: object) -> tuple[Settings, Stack]:
    """The embedded broker of a new installation."""
    if kind == "mosquitto":
        need("mosquitto")
    settings = load_settings(data=folder / "data", broker=kind, port=free_port(), broker_port=free_port(), **options)
    prepare(settings)
    users = BrokerUsers(DataFolder(settings.data).secrets)
    users.ensure({gateway_user(name): gateway_access("c1", name) for name in ("gw1", "gw2")})
    stack = Stack(settings, ("broker",))
    stack.check()
    stack.start()
    assert stack.wait_ready(15), stack.states()
    return settings, stack


@contextmanager
def running(folder: Path, kind: BrokerKind, **options: object) -> Iterator[Settings]:
    """The broker with both consumers; all ended afterwards."""
    settings, stack = begin(folder, kind, **options)
    consumers = [Consuming(settings, consumer, SystemClock()).up() for consumer in Consumer]
    try:
        yield settings
    finally:
        for consumer in consumers:
            consumer.stop()
        stack.stop()


def look(file: Path, clock: Clock | None = None, answer_s: float = 10.0, sign_in_s: float = 10.0) -> dict[str, Finding]:
    """The findings by name (the last of each)."""
    found = list(check(file, connect, clock or SystemClock(), Patience(sign_in_s, answer_s, 0.5)))
    for finding in found:
        for text in (finding.said, finding.remedy):
            assert text is None or (text.zh and text.en)
    return {finding.check: finding for finding in found}


def wrong(file: Path, name: str, said: str, remedy: str = "", sign_in_s: float = 10.0) -> None:
    """Fail unless exactly `name` is wrong, with these words."""
    found = look(file, answer_s=SILENT_S, sign_in_s=sign_in_s)
    bad = {check: finding for check, finding in found.items() if finding.state is State.WRONG}
    assert list(bad) == [name], found
    assert said in bad[name].said.en, bad[name].said.en
    told = bad[name].remedy
    assert remedy == "" or (told is not None and remedy in told.en), told
