"""Formats that devices speak over MQTT, each a translator without I/O, and what it yields.

A source turns one message into observations under the names that the *source* uses for its devices (a friendly name with
spaces, a devEui, a camera); which registered device that is, says the mapping (`edge.mapping`).
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from linli.clock import SECOND, parse_time
from linli.errors import MalformedMessage
from linli.model import JsonValue, Lane
from linli.strictjson import parse_object

MAX_PAYLOAD = 256 * 1024


@dataclass(frozen=True, slots=True)
class EventSeen:
    """A discrete occurrence. `names`: what the source calls its device, most specific first.

    `time` is the device's, in microseconds since 1970 UTC. `state`: it tells how things are and stays true when retained
    (availability), so a retained copy is not history. `optional`: no fault if nobody mapped the device.
    """

    names: tuple[str, ...]
    type: str
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    time: int | None = None
    historic: bool = False
    lane: Lane = Lane.URGENT
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ValueSeen:
    """One value of one quantity, as `Reading` has it; the other fields are those of EventSeen."""

    names: tuple[str, ...]
    quantity: str
    value: float
    unit: str | None = None
    time: int | None = None
    historic: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that says nothing for Linli."""

    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message, or a part of it, that cannot be taken: `reason` is a stable code."""

    reason: str
    detail: str


Observation = EventSeen | ValueSeen | Ignored | Rejected


class Source(Protocol):
    """A format. It keeps what it needs to tell a change from a repeat; it does no I/O and reads no clock."""

    def topics(self) -> list[str]:
        """The MQTT topic filters that it wants to hear."""

    def translate(self, topic: str, payload: bytes, retained: bool, received_at: int) -> list[Observation] | None:
        """What the message says; None if the topic is not one of this source's. Never raises for any bytes."""


class Recent:
    """The last `size` keys seen: tells a repeat."""

    def __init__(self, size: int = 2000) -> None:
        self._size = size
        self._seen: OrderedDict[Hashable, None] = OrderedDict()

    def seen(self, key: Hashable) -> bool:
        """Whether the key was here before; it is from now on."""
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return False

    def seen_retained(self, key: Hashable) -> bool:
        """The same for a retained copy: it repeats what was seen, and what comes live after it is no repeat."""
        return key in self._seen or self.seen(("retained", key))


class States:
    """The last state of each thing: only a change is an event. Bounded, the longest untouched is forgotten first.

    What is known from the past only (retained, or told late) is kept apart: it pages nobody, so the first live message
    that says the same must still be a change.
    """

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._states: OrderedDict[Hashable, object] = OrderedDict()

    def changed(self, key: Hashable, state: object) -> bool:
        """Whether the state is another than the last one told, or the first; it is the last one from now on."""
        self._states.pop(_past(key), None)
        return self._note(key, state)

    def changed_in_past(self, key: Hashable, state: object) -> bool:
        """The same for a state that is history. One that is not what was told live makes the next live state a change:
        there was another in between."""
        if key in self._states and self._states[key] == state:
            return False
        self._states.pop(key, None)
        return self._note(_past(key), state)

    def _note(self, key: Hashable, state: object) -> bool:
        changed = key not in self._states or self._states[key] != state
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > self._size:
            self._states.popitem(last=False)
        return changed


def _past(key: Hashable) -> Hashable:
    return ("past", key)


def parse_json(payload: bytes) -> dict[str, Any] | Rejected:
    """The JSON object in a device's payload, or why it is none."""
    try:
        return parse_object(payload, MAX_PAYLOAD)
    except MalformedMessage as refusal:
        return Rejected(refusal.reason, refusal.detail)


def parse_word(payload: bytes) -> str:
    """A bare payload as text without space around it; what is not UTF-8 becomes a replacement character."""
    return payload[:1024].decode("utf-8", "replace").strip()


def iso_time(value: object) -> int | None:
    """An RFC 3339 time as the device gave it, or None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        return parse_time(value)
    except ValueError:
        return None


def epoch_time(value: object, unit_us: int = SECOND) -> int | None:
    """A number of `unit_us` since 1970 as a time, or None if it is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value * unit_us < 2**53:
        return None
    return round(value * unit_us)
