"""All that can change a result, in one order: what the engine applies and the journal keeps. Nothing else is read.

In the journal an input is one letter for its kind and then JSON; a message is what came over the wire, with its receive time.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

import msgspec

from linli.db.registry import KINDS, RegistryChange, RegistrySnapshot
from linli.model import Action, Alert, Evidence, Lane, LaneKey, Message, Reading, Readings, TimeSource
from rules.language.model import Override, Rule


@dataclass(frozen=True, slots=True)
class MessageIn:
    """A message that is next on its lane. `wire`: the topic and payload that it was read from, where it was. `taken_at`: when
    the agent says that it took it, where that is not `message.agent_time` because no right clock can have said so."""

    message: Message
    received_at: int
    wire: tuple[str, bytes] | None = field(default=None, compare=False, repr=False)
    taken_at: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PassedIn:
    """A message that was next on its lane and that nobody can read: its lane goes on behind it."""

    lane: LaneKey
    sequence: int
    received_at: int = 0


@dataclass(frozen=True, slots=True)
class ListenIn:
    """The server hears its gateways from now on: it has started, has connected to the broker, or can write again."""

    now: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The server's clock, told only while messages can come in (connected to the broker)."""

    now: int


@dataclass(frozen=True, slots=True)
class ActionIn:
    """A person's act."""

    action: Action


@dataclass(frozen=True, slots=True)
class RegistryIn:
    """The registry has changed: all of its content."""

    registry: RegistrySnapshot


@dataclass(frozen=True, slots=True)
class RegistryChangeIn:
    """Some of the registry has changed, which is at `version` with it: what each of these is from now on."""

    version: int
    changes: tuple[RegistryChange, ...]


@dataclass(frozen=True, slots=True)
class RulesIn:
    """The rules have changed: all of them, and what overrides them somewhere."""

    rules: tuple[Rule, ...]
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class ArmingIn:
    """Places have been armed or disarmed: the mode of every place that has one, as of `now` (the server's clock)."""

    now: int
    modes: dict[str, str]


@dataclass(frozen=True, slots=True)
class SkippedIn:
    """The input at `position` failed twice when it was applied: it is passed over, now and in every replay."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class AdoptIn:
    """Open alerts found in the database by an engine that had lost its own state."""

    alerts: tuple[Alert, ...]


Input = (
    MessageIn
    | PassedIn
    | ListenIn
    | Tick
    | ActionIn
    | RegistryIn
    | RegistryChangeIn
    | RulesIn
    | ArmingIn
    | SkippedIn
    | AdoptIn
)


class _MessageRecord(msgspec.Struct, array_like=True):
    """A Message in the journal. It names its fields itself, since a message's free JSON has no msgspec type."""

    received_at: int
    community: str
    gateway: str
    bootid: str
    lane: Lane
    sequence: int
    oldest: int
    type: str
    subject: str
    time: int
    agent_time: int
    time_source: TimeSource
    historic: bool
    data: dict[str, Any]
    readings: tuple[Reading, ...]


class LaneName(msgspec.Struct):
    """A LaneKey as journal and snapshot write it: an object with names."""

    community: str
    gateway: str
    bootid: str
    lane: Lane

    @classmethod
    def of(cls, key: LaneKey) -> "LaneName":
        """The key's."""
        return cls(key.community, key.gateway, key.bootid, key.lane)

    @property
    def key(self) -> LaneKey:
        """The inverse."""
        return LaneKey(self.community, self.gateway, self.bootid, self.lane)


class _PassedRecord(msgspec.Struct):
    lane: LaneName
    sequence: int
    received_at: int = 0


class _RegistryChangeRecord(msgspec.Struct):
    version: int
    changes: list[tuple[str, str, dict[str, Any] | None]]


_MESSAGE_FIELDS = tuple(name for name in _MessageRecord.__struct_fields__ if name != "received_at")

_message_decoder = msgspec.json.Decoder(_MessageRecord)


def encode_input(entry: Input) -> bytes:
    """The input as the journal keeps it."""
    match entry:
        case MessageIn(message, received_at, wire):
            if wire is not None:
                topic, payload = wire
                return b"W%d %b %b" % (received_at, topic.encode(), payload)
            record = _MessageRecord(received_at, *(getattr(message, name) for name in _MESSAGE_FIELDS))
            return b"M" + msgspec.json.encode(record)
        case PassedIn(lane, sequence, received_at):
            return b"P" + msgspec.json.encode(_PassedRecord(LaneName.of(lane), sequence, received_at))
        case ListenIn(now):
            return b"L%d" % now
        case Tick(now):
            return b"T%d" % now
        case ActionIn(action):
            return b"A" + msgspec.json.encode(action)
        case RegistryIn(registry):
            return b"G" + msgspec.json.encode(registry)
        case RulesIn(rules, overrides):
            return b"U" + msgspec.json.encode((rules, overrides))
        case RegistryChangeIn() | ArmingIn() | SkippedIn():
            return _LETTERS[type(entry)] + msgspec.json.encode(entry)
        case AdoptIn(alerts):
            return b"O" + msgspec.json.encode(alerts)


_LETTERS: dict[type[Input], bytes] = {RegistryChangeIn: b"D", ArmingIn: b"Z", SkippedIn: b"S"}


def decode_input(body: bytes) -> Input:
    """The inverse of `encode_input`, but for what came over the wire (see `wire_of`). Raises ValueError for anything else."""
    read = _READERS.get(body[:1])
    if read is None:
        raise ValueError(f"{body[:1]!r} is no kind of input")
    return read(body[1:])


def _message(rest: bytes) -> MessageIn:
    record = _message_decoder.decode(rest)
    message = Message(*(getattr(record, name) for name in _MESSAGE_FIELDS))
    return MessageIn(replace(message, readings=Readings.of(record.readings)), record.received_at)


def _passed(rest: bytes) -> PassedIn:
    passed = msgspec.json.decode(rest, type=_PassedRecord)
    return PassedIn(passed.lane.key, passed.sequence, passed.received_at)


def _registry_changes(rest: bytes) -> RegistryChangeIn:
    told = msgspec.json.decode(rest, type=_RegistryChangeRecord)
    changes = (
        RegistryChange(kind, name, None if content is None else msgspec.convert(content, KINDS[kind]))
        for kind, name, content in told.changes
    )
    return RegistryChangeIn(told.version, tuple(changes))


_READERS: dict[bytes, Callable[[bytes], Input]] = {
    b"M": _message,
    b"P": _passed,
    b"L": lambda rest: ListenIn(int(rest)),
    b"T": lambda rest: Tick(int(rest)),
    b"A": lambda rest: ActionIn(msgspec.json.decode(rest, type=Action)),
    b"G": lambda rest: RegistryIn(msgspec.json.decode(rest, type=RegistrySnapshot)),
    b"D": _registry_changes,
    b"R": lambda rest: RulesIn(msgspec.json.decode(rest, type=tuple[Rule, ...])),  # as the first versions wrote them
    b"U": lambda rest: RulesIn(*msgspec.json.decode(rest, type=tuple[tuple[Rule, ...], tuple[Override, ...]])),
    b"Z": lambda rest: msgspec.json.decode(rest, type=ArmingIn),
    b"S": lambda rest: msgspec.json.decode(rest, type=SkippedIn),
    b"O": lambda rest: AdoptIn(tuple(alert_from(document) for document in msgspec.json.decode(rest))),
}


def wire_of(body: bytes) -> tuple[str, bytes, int] | None:
    """Topic, payload and receive time of a message as it came over the wire; None if the body is not one."""
    if body[:1] != b"W":
        return None
    received_at, topic, payload = body[1:].split(b" ", 2)
    return topic.decode(), payload, int(received_at)


def evidence_from(document: dict[str, Any]) -> Evidence:
    """Evidence from its JSON object."""
    return Evidence(**document)


def alert_from(document: dict[str, Any]) -> Alert:
    """An alert from its JSON object (`msgspec.json.encode` of an Alert)."""
    values = msgspec.convert({**document, "evidence": ()}, type=_AlertShell)
    whole = {name: getattr(values, name) for name in _AlertShell.__struct_fields__}
    return Alert(**whole | {"evidence": tuple(evidence_from(item) for item in document["evidence"])})


def _shell_field(known: Field[Any]) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = tuple[()] if known.name == "evidence" else Alert.__annotations__[known.name]
    if known.default_factory is not MISSING:
        return known.name, kind, msgspec.field(default_factory=known.default_factory)
    return (known.name, kind) if known.default is MISSING else (known.name, kind, known.default)


_AlertShell = msgspec.defstruct("_AlertShell", [_shell_field(known) for known in fields(Alert)])
"""An Alert's fields without evidence, whose free JSON has no msgspec type. What has a default may be missing: an earlier
version wrote the alert without it."""
