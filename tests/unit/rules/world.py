"""A small compound and a feed of its messages, in seconds from T0, for tests of the rules."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from linli.clock import SECOND
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import (
    HEARTBEAT_TYPE,
    READINGS_TYPE,
    Action,
    ActionKind,
    Alert,
    Community,
    Device,
    Facility,
    Gateway,
    JsonValue,
    Lane,
    Message,
    Place,
    Reading,
)
from rules.engine.book import ActionDone, Transition
from rules.engine.inputs import ActionIn, Input, MessageIn, RegistryIn, RulesIn, Tick
from rules.engine.machine import Engine, Output
from rules.language.load import load_rules
from rules.language.model import Rule

SITE_RULES = load_rules(Path(__file__).parent / "site_rules")
"""Eight rules of a small site, one of each part: what tests of engine and worker go by, whatever the catalogue says."""

T0 = 1_700_000_000_000_000
"""2023-11-15 06:13:20 in Asia/Shanghai."""

NIGHT = T0 - (6 * 3600 + 13 * 60 + 20) * SECOND
"""Midnight before T0, in Asia/Shanghai."""


def _name(word: str) -> Text:
    return Text(f"{word} 中", word)


def registry(version: int = 1, *more: Device) -> RegistrySnapshot:
    """Two buildings, a pump room within a garage, one gateway in front of all, another with nothing."""
    places = [
        Place("b1", "c1", "building", _name("Building 1")),
        Place("b1-f3", "c1", "floor", _name("Floor 3"), "b1"),
        Place("b2", "c1", "building", _name("Building 2")),
        Place("garage", "c1", "zone", _name("Garage")),
        Place("pumps", "c1", "room", _name("Pump room"), "garage"),
    ]
    facilities = [
        Facility("pumps-fac", "c1", "pump_room", _name("Pumps"), "pumps"),
        Facility("garage-fac", "c1", "garage", _name("Garage air"), "garage"),
    ]
    devices = [
        Device("door", "c1", "gw", "door", _name("Front door"), "b1"),
        Device("door-2", "c1", "gw", "door", _name("Back door"), "b1"),
        Device("cam", "c1", "gw", "camera", _name("Lobby camera"), "b1"),
        Device("cam-2", "c1", "gw", "camera", _name("Yard camera"), "b2"),
        Device("smoke", "c1", "gw", "smoke_detector", _name("Kitchen smoke"), "b1-f3"),
        Device("heat", "c1", "gw", "heat_detector", _name("Kitchen heat"), "b1"),
        Device("smoke-b2", "c1", "gw", "smoke_detector", _name("Hall smoke"), "b2"),
        Device("probe", "c1", "gw", "water_probe", _name("Pit probe"), "pumps", "pumps-fac"),
        Device("probe-garage", "c1", "gw", "water_probe", _name("Ramp probe"), "garage", "garage-fac"),
        Device("lift", "c1", "gw", "lift", _name("Lift 1"), "b1"),
        Device("cable", "c1", "gw", "cable_sensor", _name("Main cable"), "b1"),
        *more,
    ]
    return RegistrySnapshot(
        version,
        {"c1": Community("c1", _name("Compound"), "Asia/Shanghai")},
        {place.id: place for place in places},
        {"gw": Gateway("gw", "c1", _name("Gateway")), "gw-2": Gateway("gw-2", "c1", _name("Gateway 2"))},
        {facility.id: facility for facility in facilities},
        {device.id: device for device in devices},
    )


class Feed:
    """Builds inputs with right sequences; times are seconds from `origin`. Messages are received `delay` s after taking."""

    def __init__(self, origin: int = T0, delay: float = 0.05) -> None:
        self.origin = origin
        self.delay = delay
        self._sequences: dict[tuple[str, Lane], int] = {}

    def us(self, seconds: float) -> int:
        """The point in time."""
        return self.origin + round(seconds * SECOND)

    def event(
        self,
        at: float,
        device: str,
        kind: str,
        data: Mapping[str, JsonValue] | None = None,
        *,
        lane: Lane = Lane.URGENT,
        gateway: str = "gw",
        taken: float | None = None,
        received: float | None = None,
        historic: bool = False,
        readings: tuple[Reading, ...] = (),
    ) -> MessageIn:
        """One event at `at`, taken by the agent at `taken`, received at `received`."""
        sequence = self._sequences[gateway, lane] = self._sequences.get((gateway, lane), 0) + 1
        taken = at if taken is None else taken
        received = taken + self.delay if received is None else received
        message = Message(
            "c1",
            gateway,
            "boot",
            lane,
            sequence,
            1,
            kind,
            device,
            self.us(at),
            self.us(taken),
            historic=historic,
            data=dict(data or {}),
            readings=readings,
        )
        return MessageIn(message, self.us(received))

    def reading(
        self,
        at: float,
        device: str,
        quantity: str,
        value: float,
        *,
        unit: str | None = None,
        received: float | None = None,
    ) -> MessageIn:
        """A packet of one reading."""
        reading = Reading(device, quantity, self.us(at), value, unit)
        return self.event(at, "gw", READINGS_TYPE, lane=Lane.BULK, received=received, readings=(reading,))

    def beat(
        self, at: float, lane: Lane = Lane.URGENT, gateway: str = "gw", received: float | None = None
    ) -> MessageIn:
        """The gateway's heartbeat."""
        return self.event(at, gateway, HEARTBEAT_TYPE, lane=lane, gateway=gateway, received=received)

    def alive(self, at: float, device: str = "cam") -> MessageIn:
        """A device's heartbeat."""
        return self.event(at, device, "device.heartbeat", lane=Lane.BULK)

    def tick(self, at: float) -> Tick:
        """The server's clock."""
        return Tick(self.us(at))

    def act(
        self,
        at: float,
        kind: ActionKind,
        alert: str,
        comment: str = "seen",
        actor: str = "li",
        until: float | None = None,
    ) -> ActionIn:
        """A person's act."""
        end = None if until is None else self.us(until)
        return ActionIn(Action(f"act-{at}-{kind}", alert, kind, actor, comment, self.us(at), end))


class Bench:
    """An engine with rules and registry in it, and what came out of it."""

    def __init__(self, rules: Iterable[Rule] | None = None, feed: Feed | None = None) -> None:
        self.engine = Engine()
        self.feed = feed or Feed()
        self.outputs: list[Output] = []
        self.put(RulesIn(tuple(SITE_RULES if rules is None else rules)), RegistryIn(registry()))

    def put(self, *entries: Input) -> "list[tuple[str, str, float]]":
        """Apply these; what happened, as (kind, rule, second)."""
        fresh = [output for entry in entries for output in self.engine.apply(entry)]
        self.outputs += fresh
        return [
            (output.kind, output.alert.rule, (output.at - self.feed.origin) / SECOND)
            for output in fresh
            if isinstance(output, Transition)
        ]

    @property
    def happened(self) -> "list[tuple[str, str, float]]":
        """All that has happened so far, as (kind, rule, second)."""
        return [
            (output.kind, output.alert.rule, (output.at - self.feed.origin) / SECOND)
            for output in self.outputs
            if isinstance(output, Transition)
        ]

    @property
    def transitions(self) -> list[Transition]:
        """The same with all that it changed."""
        return [output for output in self.outputs if isinstance(output, Transition)]

    def alert(self, rule: str) -> Alert:
        """The newest state of the newest alert of that rule."""
        return [o.alert for o in self.outputs if isinstance(o, Transition) and o.alert.rule == rule][-1]

    def outcomes(self) -> list[str]:
        """What became of people's acts."""
        return [output.outcome for output in self.outputs if isinstance(output, ActionDone)]


HEAD = """
id: {id}
title: {{zh: 题, en: Title}}
sentence: {{zh: "{{device}}", en: "{{device}}"}}
advice: {{zh: 去看, en: Go and look}}
severity: {severity}
route: [guard]
source: "[P]"
applies_to: {{device_kinds: [cable_sensor, door, camera, smoke_detector]}}
"""


def rule_text(when: str, *, rule: str = "test-rule", severity: str = "medium", more: str = "") -> str:
    """A whole rule file around its `when`."""
    return HEAD.format(id=rule, severity=severity).lstrip() + more + "when:\n" + when


def rule_of(folder: Path, when: str, *, severity: str = "medium", more: str = "") -> tuple[Rule, ...]:
    """The rule, loaded."""
    folder.mkdir(exist_ok=True)
    (folder / "rule.yaml").write_text(rule_text(when, severity=severity, more=more), encoding="utf-8")
    return load_rules(folder)
