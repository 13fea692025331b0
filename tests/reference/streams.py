"""Random registries and streams: what two communities might send, and everything that may go wrong on the way.

A stream is drawn as steps and built from them, so that Hypothesis can leave steps out when it looks for the shortest stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from linli.clock import SECOND
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import (
    HEARTBEAT_TYPE,
    READINGS_TYPE,
    ActionKind,
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
from rules.engine.inputs import ArmingIn, Input, ListenIn, MessageIn, RegistryIn, Tick
from rules.language.model import Override, Where

T0 = 1_699_999_000_000_000
"""2023-11-15 05:56:40 in Asia/Shanghai, 2023-11-14 21:56:40 in London: both within four minutes of a full hour."""

EVENTS = ("access.door.opened", "access.door.closed", "access.granted", "device.heartbeat")
QUANTITIES = ("temperature", "humidity", "water_volume")
DATA: tuple[dict[str, JsonValue], ...] = (
    {},
    {"credential": "a", "direction": "in"},
    {"credential": "a", "direction": "out"},
    {"credential": "b", "direction": "in"},
    {"credential": 1},
    {"credential": True},
)
VALUES = (0.0, 5.0, 7.0, 10.0, 11.0, 12.0, 20.0, 21.0, 30.0, 30.0, 4.0, 40.0, float("nan"), float("inf"))
MODES: tuple[dict[str, str], ...] = (
    {},
    {"b1": "away"},
    {"b1": "home", "b1-f3": "away"},
    {"b2": "away", "c2-b": "home"},
)


def _name(word: str) -> Text:
    return Text(f"{word} 中", word)


def registry(variant: int = 0) -> RegistrySnapshot:
    """Two communities with three gateways. Variants: a device less, moved, behind another gateway, of another facility; holidays."""
    places = [
        Place("b1", "c1", "building", _name("Building 1")),
        Place("b1-f3", "c1", "floor", _name("Floor 3"), "b1"),
        Place("room", "c1", "room", _name("Room"), "b1-f3"),
        Place("b2", "c1", "building", _name("Building 2")),
        Place("garage", "c1", "zone", _name("Garage")),
        Place("c2-b", "c2", "building", _name("Building of c2")),
    ]
    facilities = [Facility("pumps", "c1", "pump_room", _name("Pumps"), "garage")]
    devices = {
        "door": Device("door", "c1", "gw", "door", _name("Front door"), "b1"),
        "door-2": Device("door-2", "c1", "gw-2", "door", _name("Back door"), "b1"),
        "cam": Device("cam", "c1", "gw", "camera", _name("Camera"), "b1-f3"),
        "cable": Device("cable", "c1", "gw", "cable_sensor", _name("Cable"), "room"),
        "cable-2": Device("cable-2", "c1", "gw-2", "cable_sensor", _name("Cable 2"), "garage", "pumps"),
        "smoke": Device("smoke", "c1", "gw-2", "smoke_detector", _name("Smoke"), "room"),
        "far": Device("far", "c2", "gw-c2", "door", _name("Far door"), "c2-b"),
    }
    match variant:
        case 1:
            del devices["door"]
        case 2:
            devices["door"] = replace(devices["door"], place="b2")
            devices["cable"] = replace(devices["cable"], place="garage")
        case 3:
            devices["door"] = replace(devices["door"], gateway="gw-2")
            devices["cable"] = replace(devices["cable"], gateway="gw-2")
        case 4:
            devices["cable-2"] = replace(devices["cable-2"], facility=None)
            devices["cable"] = replace(devices["cable"], facility="pumps")
        case 5:
            del devices["cable"], devices["cam"]
    return RegistrySnapshot(
        variant + 1,
        {
            "c1": Community("c1", _name("Compound"), "Asia/Shanghai"),
            "c2": Community("c2", _name("Other"), "Europe/London"),
        },
        {place.id: place for place in places},
        {
            "gw": Gateway("gw", "c1", _name("Gateway")),
            "gw-2": Gateway("gw-2", "c1", _name("Gateway 2")),
            "gw-c2": Gateway("gw-c2", "c2", _name("Gateway of c2")),
        },
        {facility.id: facility for facility in facilities},
        devices,
        {"": {"2023-11-15": True}, "c2": {"2023-11-15": False}} if variant == 2 else {},
    )


@dataclass(frozen=True)
class Act:
    """A person's act on the alert that was opened as number `which` (of as many as there are by then)."""

    at: int
    kind: ActionKind
    which: int
    comment: str


@dataclass(frozen=True)
class Edit:
    """The rules are replaced by set number `which`, with these overrides."""

    which: int
    overrides: tuple[Override, ...]


OVERRIDES: tuple[tuple[Override, ...], ...] = (
    (),
    (Override("r1", Where(device="door"), off=True),),
    (Override("r1", Where(community="c1"), {"severity": "critical", "latched": True}),),
    (Override("r1", Where(place="b1"), {"when": {"1": {"reading": {"for": "2s"}}}}),),
    (Override("r1", Where(place="b1"), {"when": {"1": {"state": {"for": "3s", "keep": "1s"}}}}),),
    (
        Override("r1", Where(community="c1"), off=True),
        Override("r1", Where(place="b1-f3"), {"when": {"1": {"event": {"quiet": "3s"}}}}),
        Override("r1", Where(device="door"), {"when": {"1": {"severity": "low"}}}),
    ),
)
"""Of the first rule; each makes sense of some rules only."""


Step = Input | Act | Edit

waits = st.sampled_from((1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 3, 3, 5, 5, 9, 9, 10, 10, 20, 20, 31, 31, 61, 130, 3600))
"""Seconds from one step to the next."""
lags = st.sampled_from((0,) * 12 + (1, 4, 40, 4000))
"""Seconds from taking to receiving."""
behind = st.sampled_from((0,) * 14 + (1, 1, 2, 2, 5, 30, -20, -70, 90_000))
"""Seconds by which an observation is older than its agent's taking it."""
lanes = st.sampled_from(Lane)
devices = st.sampled_from(("door",) * 8 + ("cable",) * 8 + ("door-2", "cam", "cable-2", "smoke", "far", "nobody"))
gateways = st.sampled_from(("gw", "gw", "gw", "gw-2", "gw-c2"))
historic = st.sampled_from((False,) * 9 + (True,))

_none = st.tuples(st.just("none"))
_event = st.tuples(
    st.just("event"), devices, st.sampled_from(EVENTS), st.sampled_from(DATA), behind, lags, lanes, historic
)
_reading = st.tuples(
    devices,
    st.sampled_from(("temperature",) * 4 + QUANTITIES),
    behind,
    st.sampled_from(VALUES),
    st.sampled_from(("Cel",) * 6 + (None, "K")),
)
_packet = st.tuples(st.just("packet"), gateways, st.lists(_reading, min_size=1, max_size=4), lags, lanes, historic)
_beat = st.tuples(st.just("beat"), gateways, lags, lanes)
_tick = st.tuples(st.just("tick"))
_listen = st.tuples(st.just("listen"))
_act = st.tuples(st.just("act"), st.sampled_from(ActionKind), st.integers(0, 3), st.sampled_from(("seen", "")))
_registry = st.tuples(st.just("registry"), st.integers(0, 5))
_edit = st.tuples(st.just("edit"), st.integers(0, 2), st.sampled_from(OVERRIDES))
_arming = st.tuples(st.just("arming"), st.sampled_from(MODES))
_kinds: dict[str, tuple[int, st.SearchStrategy[tuple[Any, ...]]]] = {
    "none": (2, _none),
    "event": (14, _event),
    "packet": (12, _packet),
    "beat": (4, _beat),
    "tick": (6, _tick),
    "listen": (1, _listen),
    "act": (2, _act),
    "registry": (1, _registry),
    "edit": (1, _edit),
    "arming": (1, _arming),
}
"""How often each kind of step is drawn. (`one_of` draws all alike, whatever is given twice.)"""
_any_kind = st.sampled_from([kind for kind, (often, _) in _kinds.items() for _ in range(often)])

Drawn = tuple[int, tuple[Any, ...]]

steps: st.SearchStrategy[list[Drawn]] = st.lists(
    st.tuples(waits, _any_kind.flatmap(lambda kind: _kinds[kind][1])), min_size=25, max_size=80
)


def build(drawn: list[Drawn]) -> Iterator[Step]:
    """The inputs that the drawn steps are, each so long after the one before."""
    now = T0
    sequences: dict[tuple[str, Lane], int] = {}
    for wait, (kind, *rest) in drawn:
        now += wait * SECOND
        yield from _built(str(kind), rest, now, sequences)


def _built(kind: str, rest: list[Any], now: int, sequences: dict[tuple[str, Lane], int]) -> Iterator[Step]:
    match kind, rest:
        case "event", [str(device), str(what), dict(data), int(back), int(lag), Lane() as lane, bool(past)]:
            taken = now - lag * SECOND
            gateway = _gateway(device)
            yield _message(
                gateway,
                lane,
                what,
                device,
                taken - back * SECOND,
                taken,
                now,
                sequences,
                data=data,
                historic=past and back > 1,
            )
        case "packet", [str(gateway), list(said), int(lag), Lane() as lane, bool(past)]:
            taken = now - lag * SECOND
            readings = tuple(
                Reading(device, quantity, taken - back * SECOND, value, unit)
                for device, quantity, back, value, unit in said
            )
            yield _message(
                gateway, lane, READINGS_TYPE, gateway, taken, taken, now, sequences, readings=readings, historic=past
            )
        case "beat", [str(gateway), int(lag), Lane() as lane]:
            taken = now - lag * SECOND
            yield _message(gateway, lane, HEARTBEAT_TYPE, gateway, taken, taken, now, sequences)
        case "tick", []:
            yield Tick(now)
        case "listen", []:
            yield ListenIn(now)
        case "act", [ActionKind() as what, int(which), str(comment)]:
            yield Act(now, what, which, comment)
        case "registry", [int(variant)]:
            yield RegistryIn(registry(variant))
        case "edit", [int(which), overrides]:
            yield Edit(which, overrides)
        case "arming", [dict(modes)]:
            yield ArmingIn(now, modes)


def _gateway(device: str) -> str:
    known = registry().devices.get(device)
    return known.gateway if known else "gw"


def _message(
    gateway: str,
    lane: Lane,
    kind: str,
    subject: str,
    time: int,
    taken: int,
    received: int,
    sequences: dict[tuple[str, Lane], int],
    *,
    data: dict[str, JsonValue] | None = None,
    readings: tuple[Reading, ...] = (),
    historic: bool = False,
) -> MessageIn:
    sequence = sequences[gateway, lane] = sequences.get((gateway, lane), 0) + 1
    community = "c2" if gateway == "gw-c2" else "c1"
    message = Message(
        community,
        gateway,
        f"boot-{gateway}",
        lane,
        sequence,
        1,
        kind,
        subject,
        time,
        taken,
        historic=historic,
        data=dict(data or {}),
        readings=readings,
    )
    return MessageIn(message, received)
