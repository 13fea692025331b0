"""From a source's names to registered devices, by a YAML file that a site's installer writes.

    sources:
      - kind: zigbee2mqtt          # or frigate, chirpstack
        base: zigbee2mqtt          # base topic, if it is not the format's own
        devices:
          Front Door Lock: c001-door-01
          "24e124538b223213": {id: c001-meter-01, buffers: true}
          Siren:
            id: c001-siren-01
            kind: siren              # as registered; what it can be told is in docs/wire.md
            commands:
              on: {payload: {warning: {mode: emergency, duration: $seconds}}}
              off: {payload: {warning: {mode: stop}}}

`buffers: true`, of a device or a whole source: it keeps data while it is offline, so its own time is believed, and what it
tells more than a minute late is history, which alarms nobody but for life safety. Not for detectors that are to alarm.

`commands`: what the device can be told, and what is published for it on `topic` (Zigbee2MQTT: its own `set` topic) of the
devices' broker. A payload is text or plain values; a value `$seconds` is the command's argument of that name. A device that
is to open for some seconds has to count them itself: nothing is sent afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge.sources import EventSeen, Ignored, Rejected, Source, ValueSeen
from edge.sources.chirpstack import ChirpStack
from edge.sources.frigate import Frigate
from edge.sources.zigbee2mqtt import Zigbee2Mqtt
from linli import yamlfile
from linli.commands.kinds import COMMANDS, commands_of
from linli.errors import ConfigError
from linli.i18n import Text
from linli.ids import ID_PATTERN, is_id
from linli.yamlfile import Source as YamlSource

Kind = Literal["zigbee2mqtt", "frigate", "chirpstack"]
_DEEPEST = 5
"""Levels of a command's payload."""

_BASES: Mapping[str, str] = {"zigbee2mqtt": "zigbee2mqtt", "frigate": "frigate", "chirpstack": "application"}


class CommandEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is published for one command; `topic` None: where the source's format has it."""

    payload: dict[str, Any] | str
    topic: str | None = None


class DeviceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registered device; `buffers` None: as its source. `kind` is needed where there are `commands`."""

    id: str
    buffers: bool | None = None
    kind: str | None = None
    commands: dict[str, CommandEntry] = {}


class SourceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source and its devices, by the source's names for them."""

    kind: Kind
    base: str | None = None
    buffers: bool = False
    devices: dict[str, str | DeviceEntry] = {}


class MappingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping file."""

    sources: list[SourceEntry]


@dataclass(frozen=True, slots=True)
class Target:
    """A registered device, and whether its own time is believed."""

    device: str
    buffers: bool


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one message said, of registered devices; and what was not taken of it. Nothing at all: it was ignored."""

    events: tuple[tuple[Target, EventSeen], ...] = ()
    values: tuple[tuple[Target, ValueSeen], ...] = ()
    refused: tuple[Rejected, ...] = ()


class Mapper:
    """All sources of one device broker. `translate` never raises."""

    def __init__(self, entries: Sequence[SourceEntry]) -> None:
        self._sources = [(_source(entry), _targets(entry)) for entry in entries]

    def topics(self) -> list[str]:
        """The topic filters of all sources."""
        return list(dict.fromkeys(topic for source, _ in self._sources for topic in source.topics()))

    def translate(self, topic: str, payload: bytes, retained: bool, received_at: int) -> Mapped:
        """What the message says, by the first source whose topic it is; a topic of none is ignored."""
        for source, targets in self._sources:
            observations = source.translate(topic, payload, retained, received_at)
            if observations is not None:
                seen = [item for item in observations if not isinstance(item, Ignored)]
                return _mapped(seen, targets)
        return Mapped()


def _mapped(seen: Sequence[EventSeen | ValueSeen | Rejected], targets: Mapping[str, Target]) -> Mapped:
    events: list[tuple[Target, EventSeen]] = []
    values: list[tuple[Target, ValueSeen]] = []
    refused: dict[Rejected, None] = {}
    for item in seen:
        if isinstance(item, Rejected):
            refused[item] = None
            continue
        target = next((targets[name] for name in item.names if name in targets), None)
        if target is not None:
            if isinstance(item, EventSeen):
                events.append((target, item))
            else:
                values.append((target, item))
        elif not item.optional:
            refused[Rejected("unmapped_device", f"{item.names[0]:.200} is not in the mapping")] = None
    return Mapped(tuple(events), tuple(values), tuple(refused))


def base_of(entry: SourceEntry) -> str:
    """What the source's topics begin with."""
    return entry.base or _BASES[entry.kind]


def _source(entry: SourceEntry) -> Source:
    base = base_of(entry)
    match entry.kind:
        case "zigbee2mqtt":
            return Zigbee2Mqtt(base, entry.devices.keys())
        case "frigate":
            return Frigate(base)
        case "chirpstack":
            return ChirpStack(base)


def _targets(entry: SourceEntry) -> dict[str, Target]:
    targets: dict[str, Target] = {}
    for name, device in entry.devices.items():
        if isinstance(device, str):
            targets[name] = Target(device, entry.buffers)
        else:
            targets[name] = Target(device.id, entry.buffers if device.buffers is None else device.buffers)
    return targets


# --- the file ---


def load_mapping(file: Path) -> list[SourceEntry]:
    """The sources in a mapping file; ConfigError with file and line for what is wrong."""
    mapping, source = yamlfile.load(file, MappingFile)
    check_sources(mapping.sources, source)
    return mapping.sources


def check_sources(entries: Sequence[SourceEntry], source: YamlSource) -> None:
    """Fault what the types cannot: device ids that are none, base topics that cannot be."""
    for number, entry in enumerate(entries):
        path = ("sources", number)
        base = entry.base
        if base is not None and (not base or base.startswith("/") or base.endswith("/") or set(base) & set("+#\x00")):
            raise source.fault(
                Text(
                    f"base“{base}”不能作主题前缀：不得含 + 或 #，首尾不得有 /",
                    f"base {base!r} cannot begin a topic: no + or #, and no / at its ends",
                ),
                *path,
                "base",
            )
        for name, device in entry.devices.items():
            wrong = next(_bad_ids(device), None)
            if wrong is not None:
                raise bad_id(source, wrong, *path, "devices", name)
            if isinstance(device, DeviceEntry):
                check_commands(entry.kind, device, source, *path, "devices", name)


def _bad_ids(device: str | DeviceEntry) -> Iterator[str]:
    name = device if isinstance(device, str) else device.id
    if not is_id(name):
        yield name


def check_commands(source_kind: Kind, device: DeviceEntry, source: YamlSource, *path: str | int) -> None:
    """Fault commands that its kind has not, payloads that are no plain values, and topics that are none."""
    kind = device.kind
    if device.commands and (kind is None or not commands_of(kind)):
        kinds = ", ".join(COMMANDS)
        raise source.fault(
            Text(f"有 commands 的设备须写明 kind：{kinds}", f"a device with commands needs its kind: {kinds}"),
            *path,
            "commands",
        )
    for name, entry in device.commands.items():
        at = (*path, "commands", name)
        known = commands_of(kind or "")
        if name not in known:
            there = ", ".join(known)
            raise source.fault(
                Text(
                    f"{kind} 没有命令 {name:.64}；可用：{there}", f"a {kind} has no command {name:.64}; it has {there}"
                ),
                *at,
            )
        wrong = next((used for used in _fields(entry.payload) if used not in known[name].arguments), None)
        if wrong is not None:
            raise source.fault(
                Text(f"{name} 没有参数 {wrong:.64}", f"{name} has no argument {wrong:.64}"), *at, "payload"
            )
        topic = str(path[-1]) if entry.topic is None else entry.topic
        if entry.topic is None and source_kind != "zigbee2mqtt":
            raise source.fault(
                Text(f"{source_kind} 的命令须写明 topic", f"a command of {source_kind} needs its topic"), *at
            )
        if not topic or set(topic) & set("+#\x00") or len(topic) > 1000:
            raise source.fault(
                Text("topic 不得为空，不得含 + 或 #", "a topic is not empty and has no + or #"), *at, "topic"
            )


def _fields(payload: Any, depth: int = 0) -> Iterator[str]:
    """The names of arguments that the payload uses; one that is nested too deep names what no command has."""
    if isinstance(payload, str) and payload.startswith("$"):
        yield payload[1:]
    elif isinstance(payload, dict | list):
        if depth >= _DEEPEST:
            yield "..."
            return
        for value in payload.values() if isinstance(payload, dict) else payload:
            yield from _fields(value, depth + 1)


def bad_id(source: YamlSource, value: str, *path: str | int) -> ConfigError:
    """The fault of an id that breaks the pattern, with the nearest one that does not."""
    near = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in value.lower()).strip("-")[:64]
    suggestion = near if is_id(near) else "c001-door-01"
    return source.fault(
        Text(
            f"“{value:.80}”不是合法的编号（{ID_PATTERN}），例如 {suggestion}",
            f"{value!r:.80} is not an id ({ID_PATTERN}); for example {suggestion}",
        ),
        *path,
    )
