"""The nouns of Linli: what an agent sends, what the store keeps, what a rule raises, who may do what.

Frozen dataclasses without behaviour beyond what their own fields decide. Times are microseconds since 1970 UTC
(`linli.clock`). The registry's nouns are in `linli.registry`; those of them that the flow of events is about are here too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, overload

from linli.i18n import Text
from linli.registry.model import Community, Device, Facility, Gateway, Holiday, Place

__all__ = [
    "DEAD_LETTER_BYTES",
    "DEVICE_HEARTBEAT_TYPE",
    "DROPPED_TYPE",
    "HEARTBEAT_TYPE",
    "READINGS_TYPE",
    "Action",
    "ActionKind",
    "Alert",
    "Community",
    "Condition",
    "Consumer",
    "DeadLetter",
    "Device",
    "Evidence",
    "Facility",
    "Gateway",
    "Handling",
    "Holiday",
    "JsonScalar",
    "JsonValue",
    "Lane",
    "LaneKey",
    "Message",
    "Place",
    "Reading",
    "Readings",
    "Received",
    "Role",
    "Severity",
    "Tally",
    "TallyKey",
    "TimeSource",
]

JsonScalar = str | int | float | bool | None
JsonValue = JsonScalar | list["JsonValue"] | dict[str, "JsonValue"]


class Lane(StrEnum):
    """One of a gateway's two queues. Urgent never waits behind bulk."""

    URGENT = "urgent"
    BULK = "bulk"

    __hash__ = str.__hash__  # an enum's own is written in Python, and a lane is part of many keys


class Consumer(StrEnum):
    """Who acknowledges, end to end."""

    INGEST = "ingest"
    RULES = "rules"


class TimeSource(StrEnum):
    """Whose clock an event time is from."""

    DEVICE = "device"
    AGENT = "agent"
    SERVER = "server"


class Severity(StrEnum):
    """How bad, worst first, in the words of the rule catalogue (C, H, M, L)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical to 3 for low: sorts worst first."""
        return list(Severity).index(self)


class Role(StrEnum):
    """What a person is to Linli; `linli.roles` says what each may do, and how far they see."""

    ADMINISTRATOR = "administrator"
    DISTRICT_COMMAND = "district_command"
    COMMITTEE = "committee"
    SECURITY = "security"
    PROPERTY = "property"
    MAINTAINER = "maintainer"
    RESIDENT = "resident"
    INTEGRATOR = "integrator"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one quantity of one device. `value` is finite, in `unit` (a SenML unit; None for a pure number).

    A boolean state is 1.0 or 0.0.
    """

    device: str
    quantity: str
    time: int
    value: float
    unit: str | None = None


class Readings(Sequence[Reading]):
    """Readings as columns of equal length, not to be changed: what a packet of hundreds is handled as.

    `names` are 'device/quantity', `times` microseconds since 1970 UTC, `values` finite, `units` SenML units or None.
    `earliest` and `latest` are the least and the greatest time (0 of none). As a sequence it gives each as a Reading, and
    is equal to any sequence of the same readings.
    """

    __slots__ = ("earliest", "latest", "names", "times", "units", "values")

    def __init__(
        self,
        names: Sequence[str],
        times: Sequence[int],
        values: Sequence[float],
        units: Sequence[str | None],
        extent: tuple[int, int] | None = None,
    ) -> None:
        """`extent`: the least and the greatest time, for a caller who knows them."""
        self.names = names
        self.times = times
        self.values = values
        self.units = units
        self.earliest, self.latest = extent or (min(times, default=0), max(times, default=0))

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> "Readings":
        """The same readings as columns; `readings` itself if it has them already."""
        if isinstance(readings, Readings):
            return readings
        listed = list(readings)
        return cls(
            [f"{reading.device}/{reading.quantity}" for reading in listed],
            [reading.time for reading in listed],
            [reading.value for reading in listed],
            [reading.unit for reading in listed],
        )

    def pick(self, numbers: Iterable[int]) -> "Readings":
        """Those at `numbers`, in that order."""
        chosen = list(numbers)
        return Readings(
            [self.names[number] for number in chosen],
            [self.times[number] for number in chosen],
            [self.values[number] for number in chosen],
            [self.units[number] for number in chosen],
        )

    def at(self, times: Sequence[int]) -> "Readings":
        """The same readings at other times."""
        return Readings(self.names, times, self.values, self.units)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> "Readings": ...
    def __getitem__(self, index: int | slice) -> "Reading | Readings":
        if isinstance(index, slice):
            return Readings(self.names[index], self.times[index], self.values[index], self.units[index])
        return _reading(self.names[index], self.times[index], self.values[index], self.units[index])

    def __iter__(self) -> Iterator[Reading]:
        return map(_reading, self.names, self.times, self.values, self.units)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Readings):
            return self._columns() == other._columns()
        if isinstance(other, tuple | list):
            return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Readings.of({list(self)!r})"

    def _columns(self) -> tuple[list[str], list[int], list[float], list[str | None]]:
        return list(self.names), list(self.times), list(self.values), list(self.units)


def _reading(name: str, time: int, value: float, unit: str | None) -> Reading:
    device, _, quantity = name.partition("/")
    return Reading(device, quantity, time, value, unit)


@dataclass(frozen=True, slots=True)
class Message:
    """What an agent has taken and sends on one of its lanes: one discrete event, or a packet of readings.

    An event has `subject` (the device, or the gateway for its own events) and `data`; a packet has type READINGS_TYPE,
    the gateway as subject, and `readings`. `time` is event time by the clock that `time_source` names; `agent_time` is
    when the agent took it. `historic`: the source said that this is not live (retained, initialised, buffered for long):
    it is stored and alarms nobody. `sequence` counts each lane of an outbox (`bootid`) from 1 without gaps; `oldest` is
    the lowest sequence that the agent still held when it sent this.
    """

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
    time_source: TimeSource = TimeSource.AGENT
    historic: bool = False
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    readings: Sequence[Reading] = ()


READINGS_TYPE = "linli.readings"
"""CloudEvents type of a packet of readings."""

HEARTBEAT_TYPE = "linli.gateway.heartbeat"
"""Each lane of each gateway carries one every 10 s: it is what makes time advance on a quiet lane."""

DROPPED_TYPE = "linli.dropped"
"""Stands in for a record that the outbox could no longer read; it keeps the record's sequence."""

DEVICE_HEARTBEAT_TYPE = "device.heartbeat"
"""A device told or showed that it is alive."""


class LaneKey(NamedTuple):
    """Names one sequence: positions are kept, and repeats are found, by it."""

    community: str
    gateway: str
    bootid: str
    lane: Lane


class TallyKey(NamedTuple):
    """What is counted apart, so that both ends can be compared: one outbox, one UTC day of `agent_time`.

    `day` counts days since 1970.
    """

    community: str
    gateway: str
    bootid: str
    day: int


class Tally(NamedTuple):
    """What became of the observations of a TallyKey (an event is one, a packet as many as it has readings)."""

    stored: int
    dead: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the server has it: with its own receive time, and whether it was behind its lane."""

    message: Message
    received_at: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An input that was refused, with the reason, as it is kept.

    `payload` is cut at DEAD_LETTER_BYTES; `size` is what it had. `key` names the input: the same key again is the same
    letter (an agent sends again what it has no answer for).
    """

    key: str
    consumer: str
    received_at: int
    topic: str
    reason: str
    detail: str
    payload: bytes
    size: int


DEAD_LETTER_BYTES = 64 * 1024


# --- what people look at -------------------------------------------------------------------------------------------


class Condition(StrEnum):
    """What the rule says of the world. No-data and error never resolve an alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    NO_DATA = "no_data"
    ERROR = "error"


class Handling(StrEnum):
    """What people have done about it: the alarm states of ISA-18.2, and closed, which it calls normal."""

    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation that made an alert: enough to see why without opening the store."""

    time: int
    device: str
    what: str
    """Event type, or quantity of a reading."""
    value: JsonValue = None
    unit: str | None = None
    data: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as the database has it. `subject` is a device, or a place for rules that correlate within one place."""

    id: str
    rule: str
    community: str
    subject: str
    subject_kind: str
    place: str | None
    severity: Severity
    condition: Condition
    handling: Handling
    latched: bool
    confirmed: bool
    historic: bool
    title: Text
    sentence: Text
    """Why, in one sentence."""
    advice: Text
    opened_at: int
    first_seen: int
    last_seen: int
    occurrences: int
    evidence: tuple[Evidence, ...]
    updated_at: int
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    acknowledge_comment: str | None = None
    resolved_at: int | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    close_reason: str | None = None
    steps: tuple[Text, ...] = ()
    """What to do, one after the other."""
    why: Mapping[str, Any] = field(default_factory=dict)
    """Which clause came true and how: a JSON object, described in docs/rules-semantics.md."""
    shelved_until: int | None = None
    """When it comes back; None unless it is shelved."""

    @property
    def open(self) -> bool:
        """Whether it still stands before somebody."""
        return self.handling is not Handling.CLOSED


class ActionKind(StrEnum):
    """What a person may do to an alert."""

    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"
    SHELVE = "shelve"
    """Set it aside for a while: it does not ask for anybody until then."""
    UNSHELVE = "unshelve"


@dataclass(frozen=True, slots=True)
class Action:
    """A person's act on an alert: stored by the API with an id, journalled and applied by rules. `until`: when what is
    shelved comes back."""

    id: str
    alert: str
    kind: ActionKind
    actor: str
    comment: str
    at: int
    until: int | None = None
