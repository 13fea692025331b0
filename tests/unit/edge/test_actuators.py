"""Commands to mapped devices: what the file may say, and what is published."""

from pathlib import Path

import pytest

from edge.commands.actuators import MappedActuator
from edge.mapping import load_mapping
from linli.clock import SECOND
from linli.commands.wire import Command
from linli.errors import ConfigError, Refused
from linli.testing import FakeBroker

MAPPING = """\
sources:
  - kind: zigbee2mqtt
    base: z2m
    devices:
      前门 Lock.1:
        id: c001-door-01
        kind: door
        commands:
          unlock: {payload: {state: UNLOCK, for: [$seconds], keep: {on: true, times: 2}}}
          lock: {topic: cmnd/lock/POWER, payload: "OFF"}
      plain: c001-door-02
      fan: {id: c001-relay-01, kind: relay, commands: {"on": {payload: {state: "ON"}}}}
  - kind: chirpstack
    devices:
      "24e124136b502217":
        id: c001-siren-01
        kind: siren
        commands: {"on": {topic: application/1/device/24e1/command/down, payload: "$seconds"}}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "mapping.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def command(device: str, name: str, **arguments: int) -> Command:
    return Command("c1", device, name, 0, SECOND, arguments)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def actuator(tmp_path: Path, broker: FakeBroker) -> MappedActuator:
    client = broker.client()
    client.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
    return MappedActuator(load_mapping(write(tmp_path, MAPPING)), client)


def test_only_what_the_file_offers_can_be_told(actuator: MappedActuator) -> None:
    """A device without commands is none of ours; one with some has no others."""
    offers = {device: actuator.offer(device) for device in ("c001-door-01", "c001-door-02", "c001-relay-01", "nobody")}
    assert offers["c001-door-02"] is offers["nobody"] is None
    assert {name: sorted(offer.commands) for name, offer in offers.items() if offer} == {
        "c001-door-01": ["lock", "unlock"],
        "c001-relay-01": ["on"],
    }


def test_what_is_published(actuator: MappedActuator, broker: FakeBroker) -> None:
    """Arguments stand where the file has them, as numbers; the rest goes out as it is written; text stays bare."""
    said = actuator.execute(command("c001-door-01", "unlock", seconds=7))
    actuator.execute(command("c001-door-01", "lock"))
    actuator.execute(command("c001-siren-01", "on", seconds=30))
    assert said == "handed to the devices' broker on z2m/前门 Lock.1/set"
    assert broker.sent == [
        ("z2m/前门 Lock.1/set", b'{"state":"UNLOCK","for":[7],"keep":{"on":true,"times":2}}'),
        ("cmnd/lock/POWER", b"OFF"),
        ("application/1/device/24e1/command/down", b"30"),
    ]


def test_without_the_devices_broker_nothing_is_begun(tmp_path: Path, broker: FakeBroker) -> None:
    """Refused, not failed: nobody has to go and look."""
    actuator = MappedActuator(load_mapping(write(tmp_path, MAPPING)), broker.client())
    with pytest.raises(Refused, match="device_broker_down"):
        actuator.execute(command("c001-door-01", "unlock", seconds=5))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{id: d, commands: {unlock: {payload: x}}}", "needs its kind: door, siren, relay"),
        ("{id: d, kind: lift, commands: {unlock: {payload: x}}}", "needs its kind"),
        ("{id: d, kind: door, commands: {explode: {payload: x}}}", "no command explode; it has unlock, lock"),
        ("{id: d, kind: door, commands: {unlock: {payload: $minutes}}}", "unlock has no argument minutes"),
        (
            "{id: d, kind: door, commands: {lock: {payload: [{a: $seconds}]}}}",
            "payload is to be a text or keys with values, not a list",
        ),
        ("{id: d, kind: door, commands: {lock: {payload: {a: [$seconds]}}}}", "lock has no argument seconds"),
        ("{id: d, kind: door, commands: {lock: {payload: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}", "no argument ..."),
        ("{id: d, kind: door, commands: {lock: {payload: x, topic: 'a/#'}}}", "no + or #"),
        ("{id: d, kind: door, commands: {lock: {payload: x, topic: ''}}}", "not empty"),
        ("{id: d, kind: door, commands: {lock: {payload: x, shell: rm}}}", "shell"),
    ],
)
def test_what_the_file_may_not_say(tmp_path: Path, entry: str, said: str) -> None:
    """Each fault names the line and what there is instead."""
    text = f"sources:\n  - kind: zigbee2mqtt\n    devices:\n      x: {entry}\n"
    with pytest.raises(ConfigError) as fault:
        load_mapping(write(tmp_path, text))
    assert said in fault.value.text.en
    assert fault.value.line is not None


def test_a_source_without_a_topic_for_commands_wants_one(tmp_path: Path) -> None:
    """Only Zigbee2MQTT has one of its own; and a name that would be a wildcard needs another."""
    text = "sources:\n  - kind: frigate\n    devices:\n      x: {id: d, kind: siren, commands: {'off': {payload: x}}}\n"
    with pytest.raises(ConfigError, match="needs its topic"):
        load_mapping(write(tmp_path, text))
    text = text.replace("frigate", "zigbee2mqtt").replace("x: {id", "'a+': {id")
    with pytest.raises(ConfigError, match=r"no \+ or #"):
        load_mapping(write(tmp_path, text))
