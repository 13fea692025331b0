"""The corpus of real device messages (beside the project, never in it), and what its words mean in Linli's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from edge.mapping import DeviceEntry, Kind, SourceEntry
from linli.clock import parse_time
from linli.model import JsonValue

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "corpus"

FORMATS: dict[str, Kind] = {"zigbee2mqtt": "zigbee2mqtt", "frigate": "frigate", "chirpstack_v4": "chirpstack"}


@dataclass(frozen=True)
class Meaning:
    """What a `kind` of the corpus is in Linli: one of these event types, and a reading of one of these quantities."""

    events: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()


KINDS: dict[str, Meaning] = {
    "access.locked": Meaning(("access.lock.locked",), ("locked",)),
    "access.unlocked": Meaning(("access.lock.unlocked",), ("locked",)),
    "access.denied": Meaning(("access.denied",)),
    "camera.classification": Meaning(("camera.object.classified",)),
    "camera.description": Meaning(("camera.object.described",)),
    "camera.motion": Meaning(("camera.motion.started", "camera.motion.stopped")),
    "camera.object": Meaning(("camera.person.detected", "camera.object.detected")),
    "camera.review": Meaning(("camera.review.changed",)),
    "camera.review_status": Meaning(("camera.review.changed",)),
    "device.downlink_ack": Meaning(("device.downlink.acknowledged",)),
    "device.join": Meaning(("device.joined",)),
    "device.offline": Meaning(("device.offline",), ("online",)),
    "device.online": Meaning(("device.online",), ("online",)),
    "device.removed": Meaning(("device.removed",)),
    "device.status": Meaning(("device.status.changed",)),
    "facility.water_leak": Meaning(("facility.water.detected", "facility.water.cleared"), ("water_leak",)),
    "presence.pir": Meaning(("sensor.occupancy.detected", "sensor.occupancy.cleared"), ("occupancy",)),
    "sensor.battery": Meaning(quantities=("battery",)),
    "sensor.button": Meaning(("sensor.button.pressed",)),
    "sensor.contact": Meaning(("sensor.contact.opened", "sensor.contact.closed"), ("open",)),
    "sensor.humidity": Meaning(quantities=("humidity",)),
    "sensor.raw": Meaning(("device.uplink",)),
    "sensor.smoke": Meaning(("sensor.smoke.detected", "sensor.smoke.cleared"), ("smoke",)),
    "sensor.temperature": Meaning(quantities=("temperature",)),
    "sensor.vibration": Meaning(("sensor.vibration.detected",), ("vibration",)),
}

QUIET = frozenset(("reject", "ignore"))
"""Kinds that say that nothing is to be taken."""


@dataclass(frozen=True)
class Case:
    """One message of the corpus. `expects`: each thing it says, one at least."""

    name: str
    format: str
    topic: str
    payload: bytes
    retained: bool
    expects: tuple[dict[str, Any], ...]

    @property
    def names(self) -> list[str]:
        """The devices it speaks of, by the source's names. A description names none but the whole Frigate."""
        return [expect["device"] or "frigate" for expect in self.expects]

    def sources(self) -> list[SourceEntry]:
        """A mapping that knows these devices, as `device_id` names them; they buffer, so that their old times count."""
        devices: dict[str, str | DeviceEntry] = {
            name: DeviceEntry(device_id(name), buffers=True) for name in self.names
        }
        return [SourceEntry(kind=FORMATS[self.format], devices=devices)]


@lru_cache(maxsize=1)
def mqtt_cases() -> tuple[Case, ...]:
    """Every message of the three MQTT formats; none where the corpus is missing."""
    return tuple(
        _case(format_name, meta)
        for format_name in FORMATS
        for meta in sorted((FOLDER / format_name).glob("*.meta.json"))
    )


def need_corpus() -> None:
    """Skip the test where the corpus is missing. (It comes with no clone, so it is never required.)"""
    if not mqtt_cases():
        pytest.skip(f"there is no corpus at {FOLDER}")


def device_id(name: str) -> str:
    """A registered id for a source's name of a device."""
    return "x-" + "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())[:60]


def expected_time(expect: dict[str, Any]) -> int | None:
    """The device's time in microseconds since 1970, or None if it gave none."""
    return None if expect["time"] is None else parse_time(expect["time"])


@dataclass(frozen=True)
class Said:
    """One thing that Linli has: an event, with its `data`, or a reading, with its `value` and no data."""

    device: str
    what: str
    time: int
    historic: bool
    value: float | None = None
    data: Mapping[str, JsonValue] | None = None


def unmet(expect: dict[str, Any], said: Sequence[Said]) -> str | None:
    """Why `said` does not hold what the corpus expects of a message; None if it does."""
    kind = expect["kind"]
    if kind in QUIET:
        return None if not said else f"{kind} is expected, but it says {said}"
    if kind not in KINDS:
        return f"the table KINDS has no {kind!r}"
    meaning = KINDS[kind]
    time = expected_time(expect)
    device = device_id(expect["device"]) if expect["device"] else None  # a description names no camera
    ours = [one for one in said if device in (None, one.device) and time in (None, one.time)]
    events = [one for one in ours if one.what in meaning.events]
    readings = [one for one in ours if one.what in meaning.quantities]
    if meaning.events and not any(_event_says(one, expect["value"]) for one in events):
        return f"no event of {meaning.events} of {device} at {time} says {expect['value']!r}: {said}"
    if not meaning.events and not any(_reading_says(one, expect["value"]) for one in readings):
        return f"no reading of {meaning.quantities} of {device} at {time} is {expect['value']!r}: {said}"
    return None


_STATES = {
    "open": ".opened",
    "closed": ".closed",
    "online": ".online",
    "offline": ".offline",
}
_RAISED = (".detected", ".online", ".acknowledged", ".opened", ".started", ".pressed", ".locked")
_CLEARED = (".cleared", ".offline", ".closed", ".stopped", ".acknowledged")


def _event_says(event: Said, value: object) -> bool:
    """Whether an event has the corpus' value in its type or in one of its facts."""
    if value is None:
        return True
    facts = event.data or {}
    if isinstance(value, bool):
        return event.what.endswith(_RAISED if value else _CLEARED) and facts.get("acknowledged", value) is value
    if isinstance(value, str) and value in _STATES and event.what.endswith(_STATES[value]):
        return True
    known = {fact for fact in facts.values() if isinstance(fact, str | int | float)}
    composed = {f"{facts.get('model')}={facts.get('value')}", f"{facts.get('data')} (0x{facts.get('hex')})"}
    return value in known | composed


def _reading_says(reading: Said, value: object) -> bool:
    return isinstance(value, int | float) and reading.value == pytest.approx(float(value))


def _case(format_name: str, meta: Path) -> Case:
    facts = json.loads(meta.read_text(encoding="utf-8"))
    stem = meta.name.removesuffix(".meta.json")
    body = next(file for file in meta.parent.glob(f"{stem}.*") if not file.name.endswith(".meta.json"))
    payload = body.read_bytes()
    expect = facts["expect"]
    more = [
        expect | {"kind": kind if "." in kind else f"sensor.{kind}", "value": value, "unit": unit}
        for kind, value, unit in facts.get("expect_readings", ())
    ]
    return Case(
        f"{format_name}/{stem}",
        format_name,
        facts["topic"],
        payload.rstrip(b"\n") if body.suffix == ".txt" else payload,
        facts.get("retained") is True,
        (expect, *more),
    )
