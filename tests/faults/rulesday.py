"""A day of a small community for the rules, as a script: what agents send, and what people do to alerts, rules and registry.

Everything follows from the seed. Each step is one thing that happens and is over before the next: so who dies on the way and
comes back is asked to do the very same.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from linli.clock import SECOND
from linli.i18n import Text
from linli.model import READINGS_TYPE, Action, ActionKind, Device, Holiday, Lane, Reading
from rules.engine.inputs import MessageIn
from tests.unit.rules.world import T0, Feed, rule_text

DAY_S = 86_400

_EVENTS: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("door", "access.granted", {}),
    ("door", "access.door.opened", {}),
    ("door", "access.door.closed", {}),
    ("door-2", "access.door.opened", {}),
    ("door-2", "access.door.closed", {}),
    ("door-2", "access.door.forced", {}),
    ("door-9", "access.door.opened", {}),
    ("smoke", "fire.alarm.raised", {}),
    ("smoke", "fire.alarm.cleared", {}),
    ("heat", "fire.alarm.raised", {}),
    ("heat", "fire.alarm.cleared", {}),
    ("lift", "facility.lift.stopped", {"door_zone": False, "occupied": True}),
    ("lift", "facility.lift.moving", {}),
    ("lift", "facility.lift.button", {"pressed": True}),
    ("probe", "facility.water.detected", {}),
    ("probe", "facility.water.cleared", {}),
    ("cam", "camera.person.detected", {}),
    ("cam-2", "camera.person.detected", {}),
    ("cam", "device.heartbeat", {}),
    ("cam-2", "device.heartbeat", {}),
)

_MORE_RULES = {
    "armed": (
        "  - event: {types: [access.door.opened], quiet: 10m}\n    armed: [away]\n",
        "remind: [10m, 1h]\nremind_every: 2h\n",
    ),
    "settled": ("  - event: {types: [camera.person.detected], repeated: {times: 2, within: 10s}}\n", "settle: 2s\n"),
    "average": (
        "  - reading:\n      value: avg(temperature, 10m)\n      above: 68\n      unit: Cel\n",
        "",
    ),
    "climbing": (
        "  - reading:\n      value: change(temperature, 5m)\n      above: 6\n      unit: Cel\n",
        "",
    ),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """The agent takes these."""

    entries: tuple[MessageIn, ...]


@dataclass(frozen=True, slots=True)
class Acted:
    """Somebody does something to one of the open alerts, the `choice`-th modulo their number."""

    choice: int
    kind: ActionKind
    name: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A file of the rules folder is now this; None: it is gone."""

    file: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Registered:
    """A device or a holiday is put into the registry; `gone`: taken out."""

    item: Device | Holiday
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Armed:
    """A place has that mode, or none of its own any more."""

    place: str
    mode: str | None


Happening = Sent | Acted | Edited | Registered | Armed


@dataclass(frozen=True, slots=True)
class Step:
    """What happens `at` so many seconds into the day."""

    at: float
    what: Happening


@dataclass(slots=True)
class Script:
    """The day. `rules`: the folder as it is at first."""

    rules: dict[str, str]
    steps: list[Step] = field(default_factory=list)


def script(seed: int, steps: int, site_rules: Path, origin: int = T0) -> Script:
    """A day in so many steps, which begins at `origin`."""
    return _Writer(random.Random(seed), site_rules, origin).day(steps)


class _Writer:
    def __init__(self, rng: random.Random, site_rules: Path, origin: int) -> None:
        self._rng = rng
        self._feed = Feed(origin, delay=0.0)
        self._rules = {file.name: file.read_text(encoding="utf-8") for file in sorted(site_rules.glob("*.yaml"))}
        self._rules |= {
            f"{name}.yaml": rule_text(when, rule=name, more=more) for name, (when, more) in _MORE_RULES.items()
        }
        self._number = 0
        self._registered = False

    def day(self, steps: int) -> Script:
        made = Script(dict(self._rules))
        at = 0.0
        for _ in range(steps):
            at += self._rng.choice((3, 5, 10, 30, 61, 240, 2 * DAY_S / steps))
            made.steps.append(Step(at, Sent(tuple(self._beats(at)))))
            made.steps.append(Step(at, self._happening(at)))
        return made

    def _beats(self, at: float) -> Iterator[MessageIn]:
        yield self._feed.beat(at)
        yield self._feed.beat(at, Lane.BULK)

    def _happening(self, at: float) -> Happening:
        drawn = self._rng.random()
        if drawn < 0.75:
            return Sent(tuple(self._message(at) for _ in range(self._rng.randint(1, 6))))
        if drawn < 0.87:
            self._number += 1
            kind = self._rng.choice((ActionKind.ACKNOWLEDGE, ActionKind.CLOSE, ActionKind.SHELVE))
            return Acted(self._rng.randrange(100), kind, f"act-{self._number}")
        if drawn < 0.92:
            return self._edited()
        if drawn < 0.97:
            return self._changed_registry()
        return Armed("b1", self._rng.choice((None, "away", "home")))

    def _message(self, at: float) -> MessageIn:
        if self._rng.random() < 0.4:
            readings = tuple(
                Reading(
                    "cable", "temperature", self._feed.us(at), self._rng.choice((60.0, 64.0, 67.0, 70.5, 75.0)), "Cel"
                )
                for _ in range(self._rng.randint(1, 3))
            )
            return self._feed.event(at, "gw", READINGS_TYPE, lane=Lane.BULK, readings=readings)
        device, kind, data = self._rng.choice(_EVENTS)
        lane = Lane.BULK if kind == "device.heartbeat" else Lane.URGENT
        return self._feed.event(at, device, kind, data, lane=lane)

    def _edited(self) -> Edited:
        choices = ("cable-temperature.yaml", "door-held-open.yaml", "fire-alarm.yaml", "overrides/here.yaml")
        file = self._rng.choice(choices)
        before = self._rules.pop(file, None)
        if file == "overrides/here.yaml":
            text = "- {rule: cable-temperature, where: {device: cable}, change: {severity: low}, reason: test}\n"
            after = text if before is None else None
        elif file == "fire-alarm.yaml":
            assert before is not None
            after = before + "# looked through\n"
        else:
            assert before is not None
            one, other = ("above: 70", "above: 69") if "above: 70" in before else ("above: 69", "above: 70")
            if file == "door-held-open.yaml":
                one, other = ("for: 30s", "for: 20s") if "for: 30s" in before else ("for: 20s", "for: 30s")
            after = before.replace(one, other)
        if after is not None:
            self._rules[file] = after
        return Edited(file, after)

    def _changed_registry(self) -> Registered:
        if self._rng.random() < 0.3:
            return Registered(Holiday("c1", "2023-11-15", self._rng.random() < 0.5, Text("假日", "Holiday")))
        self._registered = not self._registered
        return Registered(
            Device("door-9", "c1", "gw", "door", Text("九号门", "Door 9"), "b1"), gone=not self._registered
        )


def by_event_time(written: Script) -> Script:
    """The same day without what goes by the server's clock: shelving, arming, and the rule that reminds."""
    steps = [
        step
        for step in written.steps
        if not isinstance(step.what, Armed)
        and not (isinstance(step.what, Acted) and step.what.kind is ActionKind.SHELVE)
    ]
    return Script({name: text for name, text in written.rules.items() if "remind" not in text}, steps)


def act_of(step: Step, acted: Acted, alert: str, now: int) -> Action:
    """The act on that alert."""
    until = now + 1800 * SECOND if acted.kind is ActionKind.SHELVE else None
    return Action(acted.name, alert, acted.kind, "li", f"seen at {step.at:g}", now, until)
