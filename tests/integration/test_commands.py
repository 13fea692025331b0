"""Commands from end to end: real processes, a real broker with real rights, the real agent; killed in the middle too."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from linli.access import BrokerUsers, gateway_user
from linli.adapters.connect import gateway_client, service_client
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.cli.stack import Stack, ensure_broker_users, prepare
from linli.clock import SECOND, SystemClock
from linli.codec import Ack, decode, encode_ack
from linli.commands.wire import (
    LIFETIME,
    Command,
    Reply,
    ReplyState,
    decode_reply,
    encode_command,
    encode_reply,
    new_command_id,
)
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.registry import save
from linli.delivery import Positions, Verdict, key_of
from linli.i18n import Text
from linli.model import Device, Gateway, Message, Role
from linli.ports import Will
from linli.settings import Settings, load_settings
from linli.topics import GatewayTopic, Leaf, ack_topic, any_gateway, parse
from simulators.compound import COMMUNITY, GATEWAY
from tests.contract import brokers
from tests.support import eventually, free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

DOOR, SIREN = "c001-door-08", "c001-siren-01"
SITE, MUTE = "gw-site", "gw-mute"
SITE_DOOR, MUTE_DOOR = "site-door-01", "mute-door-01"

AGENT = """\
community: c001
gateway: gw-site
outbox: out
broker: {{host: 127.0.0.1, port: {broker}, username: {user}, password: {password}}}
device_broker: {{host: 127.0.0.1, port: {devices}}}
sources:
  - kind: zigbee2mqtt
    devices:
      front_door:
        id: site-door-01
        kind: door
        commands:
          unlock: {{payload: {{state: UNLOCK, relock: $seconds}}}}
"""


def registered(device: str, gateway: str) -> Device:
    return Device(device, COMMUNITY, gateway, "door", Text("门", "Door"), "c001-gate", "c001-access")


class Consumer:
    """Stands in for ingest or rules: takes what comes in order, and acknowledges it."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.taken: list[Message] = []
        self._name = name
        self._positions = Positions()
        self.client = service_client(settings, name)
        self.client.subscribe([any_gateway(Leaf.URGENT), any_gateway(Leaf.BULK)], 1)
        self.client.start(self._came, lambda: None, lambda _: None)

    def _came(self, topic: str, payload: bytes, _retained: bool) -> None:
        place = parse(topic)
        assert isinstance(place, GatewayTopic)
        message = decode(place, payload)
        key = key_of(message)
        if self._positions.judge(key, message.sequence, message.oldest).verdict is Verdict.ACCEPT:
            self.taken.append(message)
            self._positions.commit({key: message.sequence})
        ack = Ack(message.bootid, message.lane, self._positions.upto(key), SystemClock().now())
        self.client.publish(ack_topic(place.community, place.gateway, self._name), encode_ack(ack))


class World:
    """Broker, API and simulator as processes; beside the demo compound's gateway one at a site, and one that says nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: Settings = load_settings(data=folder / "data", port=free_port(), broker_port=free_port())
        made = prepare(self.settings)
        self.passwords = {account.role: (account.name, account.password) for account in made.accounts}
        self.database = open_database(self.settings.app_database_url)
        with self.database.write() as connection:
            gateways = [Gateway(name, COMMUNITY, Text(name, name)) for name in (SITE, MUTE)]
            save(connection, [*gateways, registered(SITE_DOOR, SITE), registered(MUTE_DOOR, MUTE)])
        ensure_broker_users(self.settings, self.database)
        self.stack = Stack(self.settings, ("broker", "api", "simulator"))
        self.stack.start()
        assert self.stack.wait_ready(40), self.stack.states()
        self.devices = brokers.nats(folder)
        self.devices.start()
        self.agents: list[subprocess.Popen[bytes]] = []
        self.published: list[tuple[str, bytes]] = []
        self.door = PahoClient(MqttConfig("127.0.0.1", self.devices.port), "door")
        self.door.subscribe(["zigbee2mqtt/#"], 1)
        self.door.start(lambda topic, payload, _: self.published.append((topic, payload)), lambda: None, lambda _: None)
        self.heard: list[tuple[GatewayTopic, bytes]] = []
        self.ear = service_client(self.settings, "api")  # commands as the server sends them
        self.ear.subscribe([any_gateway(Leaf.REPLY)], 1)
        self.ear.start(self._hear, lambda: None, lambda _: None)
        self.consumers = [Consumer(self.settings, name) for name in ("ingest", "rules")]
        self.status = service_client(self.settings, "ingest")
        self.status.subscribe([any_gateway(Leaf.STATUS)], 1)
        self.status.start(self._hear, lambda: None, lambda _: None)
        eventually(lambda: self.online(GATEWAY), 20, "the simulator's gateway is online")

    def _hear(self, topic: str, payload: bytes, _retained: bool) -> None:
        place = parse(topic)
        assert isinstance(place, GatewayTopic)
        self.heard.append((place, payload))

    def online(self, gateway: str) -> bool:
        said = [payload for place, payload in self.heard if (place.gateway, place.leaf) == (gateway, Leaf.STATUS)]
        return bool(said) and b'"online"' in said[-1]

    def replies(self, command: str) -> list[Reply]:
        found = [decode_reply(payload) for place, payload in self.heard if place.leaf is Leaf.REPLY]
        return [reply for reply in found if reply.id == command]

    def events(self, device: str) -> list[str]:
        """Types of the device's events, each once, in order."""
        return [message.type for message in self.consumers[0].taken if message.subject == device]

    @contextmanager
    def client(self, role: Role = Role.SECURITY) -> Iterator[httpx.Client]:
        name, password = self.passwords[role]
        with httpx.Client(base_url=f"http://127.0.0.1:{self.settings.port}/api/v1", timeout=10) as client:
            assert client.post("/sessions", json={"name": name, "password": password}).status_code == 201
            yield client

    def ended(self, client: httpx.Client, command: str, timeout: float = 6.0) -> dict[str, Any]:
        """The command once it has ended."""
        found: dict[str, Any] = {}

        def over() -> bool:
            try:
                found.update(client.get(f"/commands/{command}").json())
            except httpx.TransportError:
                return False
            return found["state"] not in ("pending", "sent")

        eventually(over, timeout, "the command ends")
        return found

    def publish(self, command: Command, gateway: str = GATEWAY) -> None:
        """As the server would, without keeping it."""
        topic = GatewayTopic(COMMUNITY, gateway, Leaf.COMMAND)
        assert self.ear.publish(str(topic), encode_command(command), qos=1)

    def start_agent(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        user = BrokerUsers(DataFolder(self.settings.data).secrets).get(gateway_user(SITE))
        config = AGENT.format(
            broker=self.settings.broker_port, user=user.name, password=user.password, devices=self.devices.port
        )
        (self.folder / "agent.yaml").write_text(config, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LINLI_")}
        with (self.folder / "agent.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge", str(self.folder / "agent.yaml")],
                env=environment | {"LINLI_FAILPOINT": failpoint},
                stdout=log,
                stderr=log,
            )
        self.agents.append(process)
        eventually(lambda: self.online(SITE), 20, "the site's agent is online")
        return process

    def cli(self, *arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-c", "from linli.cli.main import run; run()", "device", *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LINLI_")}
        environment |= {
            "LINLI_LANGUAGE": "en",
            "LINLI_DATA": str(self.settings.data),
            "LINLI_BROKER_PORT": str(self.settings.broker_port),
        }
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def stop(self) -> None:
        for client in (self.ear, self.status, self.door, *(consumer.client for consumer in self.consumers)):
            client.stop()
        for process in self.agents:
            process.kill()
            process.wait()
        self.stack.stop()
        self.devices.kill()
        self.database.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("commands"))
    yield made
    made.stop()


def fresh(device: str, name: str = "unlock", **arguments: int) -> Command:
    now = SystemClock().now()
    return Command(new_command_id(), device, name, now, now + LIFETIME, arguments)


def test_a_door_is_opened_and_says_so(world: World) -> None:
    """Within seconds: done; the history has each step; and the door's own events begin with the grant, so that the opening
    is no forced one."""
    with world.client() as client:
        body = {"command": "unlock", "arguments": {"seconds": 4}, "reason": "ambulance"}
        sent = client.post(f"/devices/{DOOR}/commands", json=body)
        assert sent.status_code == 202, sent.text
        ended = world.ended(client, sent.json()["id"])
        assert (ended["state"], ended["outcome"]["en"], ended["reason"]) == ("done", "Done", "ambulance")
        assert [change["state"] for change in ended["changes"]] == ["pending", "sent", "done"]
        (listed,) = [
            told for told in client.get(f"/devices/{DOOR}/commands").json()["items"] if told["id"] == ended["id"]
        ]
        assert listed["state"] == "done"
    wanted = {"access.granted", "access.lock.unlocked", "access.door.opened", "access.lock.locked"}
    eventually(lambda: wanted <= set(world.events(DOOR)), 15, "the door's events")
    events = world.events(DOOR)
    assert events.index("access.granted") < events.index("access.door.opened")


def test_the_gateway_refuses_what_is_over_or_was_before(world: World) -> None:
    """Whoever has the server's rights at the broker: a captured command opens nothing a second time, nor after its time."""
    command = fresh(SIREN, "on", seconds=1)
    world.publish(command)
    eventually(lambda: world.replies(command.id))
    world.publish(command)
    eventually(lambda: len(world.replies(command.id)) == 2)
    first, again = world.replies(command.id)
    assert first == again
    assert first.state is ReplyState.DONE
    now = SystemClock().now()
    old = replace(fresh(SIREN, "on"), issued_at=now - 60 * SECOND, expires_at=now - 50 * SECOND)
    early = replace(fresh(SIREN, "on"), issued_at=now + 60 * SECOND, expires_at=now + 70 * SECOND)
    reused = replace(command, command="off", arguments={})
    for refused, reason in ((old, "expired"), (early, "not_yet_due"), (reused, "id_reused")):
        world.publish(refused)
        eventually(lambda: world.replies(refused.id)[-1:] and world.replies(refused.id)[-1].reason == reason)  # noqa: B023
    eventually(lambda: "facility.siren.stopped" in world.events(SIREN))
    assert world.events(SIREN).count("facility.siren.started") == 1


def test_a_device_that_the_gateway_does_not_serve_is_refused(world: World) -> None:
    """One registered there that it does not know, told through the API; and another gateway's, told past it."""
    with world.database.write() as connection:
        save(connection, [registered("c001-door-99", GATEWAY)])
    with world.client(Role.ADMINISTRATOR) as client:
        body = {"command": "unlock", "reason": "try"}
        eventually(lambda: client.get("/devices/c001-door-99/commands").status_code == 200)
        sent = client.post("/devices/c001-door-99/commands", json=body)
        ended = world.ended(client, sent.json()["id"])
    assert (ended["state"], ended["code"]) == ("refused", "unknown_device")
    foreign = fresh(SITE_DOOR)
    world.publish(foreign, GATEWAY)
    eventually(lambda: world.replies(foreign.id))
    assert world.replies(foreign.id)[0].reason == "unknown_device"


@pytest.mark.parametrize(("failpoint", "published"), [("command.begun", 0), ("command.executed", 1)])
def test_an_agent_killed_in_the_middle_does_it_once_at_most(world: World, failpoint: str, published: int) -> None:
    """Killed before it acts, or after: the restarted one answers 'interrupted', and never acts on it again."""
    world.published.clear()
    process = world.start_agent(failpoint)
    with world.client() as client:
        sent = client.post(f"/devices/{SITE_DOOR}/commands", json={"command": "unlock", "reason": "fire"}).json()
        assert process.wait(timeout=20) == -signal.SIGKILL
        eventually(lambda: not world.online(SITE), 40, "its last will")
        process = world.start_agent()
        ended = world.ended(client, sent["id"], 15)
        assert (ended["state"], ended["code"]) == ("failed", "interrupted")
        again = client.post(f"/devices/{SITE_DOOR}/commands", json={"command": "unlock", "reason": "fire"}).json()
        assert world.ended(client, again["id"])["state"] == "done"
    eventually(lambda: len(world.published) == published + 1)
    assert set(world.published) == {("zigbee2mqtt/front_door/set", b'{"state":"UNLOCK","relock":5}')}
    process.terminate()
    assert process.wait(timeout=20) == 0
    eventually(lambda: not world.online(SITE))


def test_an_api_killed_in_the_middle_leaves_nothing_open(world: World) -> None:
    """The next process times out what no gateway has answered; another gateway's user can neither answer for it, nor
    command a gateway itself."""
    with world.client() as client:
        sent = client.post(f"/devices/{MUTE_DOOR}/commands", json={"command": "lock"}).json()
        assert sent["state"] == "sent"
        (pid,) = [part.pid for part in world.stack.states() if part.name == "api"]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        thief = gateway_client(world.settings, SITE, Will("linli/v1/c001/gateway/gw-site/status", b""))
        thief.start(lambda *_: None, lambda: None, lambda _: None)
        eventually(lambda: thief.connected)
        lie = encode_reply(Reply(sent["id"], ReplyState.DONE, "", "", SystemClock().now()))
        for gateway in (MUTE, SITE):
            thief.publish(str(GatewayTopic(COMMUNITY, gateway, Leaf.REPLY)), lie, qos=1)
        stolen = fresh(SIREN, "on", seconds=1)
        thief.publish(str(GatewayTopic(COMMUNITY, GATEWAY, Leaf.COMMAND)), encode_command(stolen), qos=1)
        ended = world.ended(client, sent["id"], 40)
        thief.stop()
    assert world.replies(stolen.id) == []
    assert (ended["state"], ended["code"]) == ("timed_out", "no_answer")
    assert [change["state"] for change in ended["changes"]] == ["pending", "sent", "timed_out"]
    assert "go and look" in ended["outcome"]["en"]


def test_the_command_line(world: World) -> None:
    """Beside the API: done, refused by the gateway, not sent to one that is offline; exit status 0, 1, 2; and the record."""
    code, out, err = world.cli("command", SIREN, "on", "--seconds", "1", "--reason", "monthly test")
    assert (code, out) == (0, "East gate siren · Switch siren on: Done\n"), err
    code, out, _ = world.cli("commands", SIREN)
    assert code == 0
    assert "cli:" in out
    assert "monthly test" in out
    assert "Done" in out
    code, out, err = world.cli("command", SITE_DOOR, "lock")
    assert (code, out) == (2, "")
    assert "gw-site is offline" in err
    code, out, _ = world.cli("command", "c001-door-99", "lock")
    assert code == 1
    assert "Not carried out: its gateway has no commands for this device" in out
