"""The mapping and the agent's file: names to devices, and faults that say where and what instead."""

import re
from pathlib import Path

import pytest

from edge.config import load_site
from edge.mapping import Mapper, Target, load_mapping
from edge.sources import EventSeen, Rejected
from linli.errors import ConfigError
from linli.model import Device
from linli.registryfile import load_registry

NOW = 1_772_352_000_000_000
EXAMPLES = Path(__file__).resolve().parents[3] / "edge" / "examples"

AGENT = """\
community: c001
gateway: gw-c001
outbox: out
broker: {host: 127.0.0.1, port: 8483, username: u, password: p}
device_broker: {host: 127.0.0.1}
"""

MAPPING = """\
sources:
  - kind: zigbee2mqtt
    devices:
      前门 Lock.1: c001-door-01
      stairs: {id: c001-sensor-01, buffers: true}
  - kind: chirpstack
    buffers: true
    devices:
      "24e124136b502217": c001-water-01
"""


def write(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def mapper(tmp_path: Path) -> Mapper:
    return Mapper(load_mapping(write(tmp_path, MAPPING)))


def test_any_name_of_a_source_maps_to_a_device(mapper: Mapper) -> None:
    """Chinese, spaces and dots are the source's business."""
    mapped = mapper.translate("zigbee2mqtt/前门 Lock.1", b'{"lock_state": "unlocked"}', False, NOW)
    assert [target for target, _ in mapped.events] == [Target("c001-door-01", buffers=False)]
    mapped = mapper.translate("zigbee2mqtt/stairs", b'{"temperature": 3}', False, NOW)
    assert [target for target, _ in mapped.values] == [Target("c001-sensor-01", buffers=True)]


def test_an_unmapped_device_is_refused_by_name(mapper: Mapper) -> None:
    """Once for each message, whatever it says; what needs no mapping is passed over."""
    mapped = mapper.translate("zigbee2mqtt/陌生设备", b'{"temperature": 3, "humidity": 4}', False, NOW)
    assert mapped.refused == (Rejected("unmapped_device", "陌生设备 is not in the mapping"),)
    assert mapper.translate("zigbee2mqtt/bridge/state", b"online", True, NOW).refused == ()


def test_one_device_may_be_known_by_several_names(mapper: Mapper) -> None:
    """A devEui in either case, or the name that ChirpStack gives."""
    mapped = mapper.translate("application/a/device/24E124136B502217/event/join", b"{}", False, NOW)
    assert [(target.device, seen.type) for target, seen in mapped.events] == [("c001-water-01", "device.joined")]
    assert isinstance(mapped.events[0][1], EventSeen)


def test_topics_of_no_source_are_ignored(mapper: Mapper) -> None:
    """A device broker carries more than ours."""
    assert mapper.translate("homeassistant/status", b"online", False, NOW).refused == ()
    assert mapper.topics() == ["zigbee2mqtt/#", "application/+/device/+/event/+"]


def test_the_examples_load() -> None:
    """They are what an installer begins with."""
    site = load_site(EXAMPLES / "agent.yaml")
    assert site.agent.gateway == "gw-c101"
    assert site.broker.password == "change-me"
    assert "change-me" not in repr(site)
    assert site.agent.outbox == EXAMPLES / "outbox"
    assert {entry.kind for entry in site.sources} == {"zigbee2mqtt", "frigate", "chirpstack"}
    Mapper(site.sources)


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("community: c001", "community: C 001"), 1, "for example c-001"),
        (("gateway:", "gatway:"), 2, "did you mean 'gateway'"),
        (("port: 8483", "port: 84830"), 4, "1 to 65535"),
        (("password: p}", "password: p, password_file: x}"), 4, "not both"),
        (("password: p}", "password_file: nowhere}"), 4, "cannot read the password file nowhere"),
        (("password: p}", "topics: [x]}"), 4, "device_broker only"),
        (("outbox: out", "outbox: out\nconsumers: []"), 4, "at least one"),
        (("outbox: out", "outbox: out\nconsumers: [Rules]"), 4, "for example rules"),
        (("outbox: out", "outbox: out\noutbox_bytes: 5"), 4, "at least 2000000"),
        (("outbox: out", "outbox: out\nqos: 2"), 4, "2"),
        (("device_broker: {host: 127.0.0.1}", "mappings: [m.yaml]"), 5, "no device_broker"),
        (("community: c001\n", "community: c001\ncommunity: c002\n"), 2, "twice"),
    ],
)
def test_faults_of_the_agents_file_name_line_and_remedy(
    tmp_path: Path, change: tuple[str, str], line: int, said: str
) -> None:
    """Whoever wrote it can mend it without reading code."""
    file = write(tmp_path, AGENT.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_site(file)
    assert said in caught.value.text.en
    assert (caught.value.file, caught.value.line) == (file, line)
    assert caught.value.text.zh != caught.value.text.en


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("c001-door-01", "Front Door"), 4, "for example front-door"),
        (("id: c001-sensor-01", "id: 水泵"), 5, "is not an id"),
        (("kind: chirpstack", "kind: chirpstak"), 6, "chirpstak"),
        (("buffers: true\n    devices", "bufers: true\n    devices"), 7, "did you mean 'buffers'"),
        (("kind: zigbee2mqtt", "kind: zigbee2mqtt\n    base: z2m/#"), 3, "cannot begin a topic"),
    ],
)
def test_faults_of_a_mapping_name_line_and_remedy(
    tmp_path: Path, change: tuple[str, str], line: int, said: str
) -> None:
    """In a file of its own, which the agent's file names."""
    mapping = write(tmp_path, MAPPING.replace(*change), "mapping.yaml")
    agent = write(tmp_path, AGENT + "mappings: [mapping.yaml]\n")
    with pytest.raises(ConfigError) as caught:
        load_site(agent)
    assert said in caught.value.text.en
    assert (caught.value.file, caught.value.line) == (mapping, line)


def test_the_examples_fit_each_other() -> None:
    """Every device of the mapping is registered by the registry file, behind the agent file's gateway."""
    site = load_site(EXAMPLES / "agent.yaml")
    registered = {item.id: item for item in load_registry(EXAMPLES / "registry.yaml") if isinstance(item, Device)}
    mapped = set(re.findall(r"c101-[a-z]+-\d\d", (EXAMPLES / "mapping.yaml").read_text(encoding="utf-8")))
    assert mapped == registered.keys()
    assert {device.gateway for device in registered.values()} == {site.agent.gateway}
