"""What the harness's numbers stand for. Each thing that an agent takes has a number of its gateway, from 1 up.

An event carries its number in its data; a packet of PACKET readings carries it in every value (number * SCALE + place),
exactly, since a double is exact up to 2**53. So every row names what it came from.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from linli.i18n import Text
from linli.model import Community, Device, Gateway, Place

COMMUNITY = "c001"
PLACE = "p1"
NAME = Text("某物", "a thing")
EVENT_TYPE = "sensor.button.pressed"
QUANTITY = "energy"
PACKET = 10
SCALE = 16
BUTTONS = 17
METERS = PACKET
HISTORY = "old"
"""Devices of this name report what is too old to be judged: the rules must not count it."""


class Kind(StrEnum):
    """What a number stands for."""

    URGENT = "u"
    """An event on the urgent lane."""
    BULK = "b"
    """An event on the bulk lane."""
    PACKET = "p"
    """A packet of readings."""


class Observation(NamedTuple):
    """One row that there must be: `place` is 0 for an event, 0 to PACKET - 1 for a reading."""

    gateway: str
    number: int
    place: int
    reading: bool

    def __str__(self) -> str:
        return f"{self.gateway}/{self.number}" + (f"/{self.place}" if self.reading else "")


def observations(gateway: str, number: int, kind: Kind) -> Iterator[Observation]:
    """The rows that a number must become."""
    if kind is Kind.PACKET:
        yield from (Observation(gateway, number, place, True) for place in range(PACKET))
    else:
        yield Observation(gateway, number, 0, False)


def button(gateway: str, number: int, *, old: bool = False) -> str:
    """The device that reports event `number`."""
    return f"{gateway}-{HISTORY if old else 'button'}-{number % BUTTONS:02}"


def meter(gateway: str, place: int) -> str:
    """The device of the reading at `place` of a packet."""
    return f"{gateway}-meter-{place:02}"


def value_of(number: int, place: int) -> float:
    """The value of a reading."""
    return float(number * SCALE + place)


def number_of(value: float) -> tuple[int, int]:
    """Number and place of a value; (0, 0), which was never attempted, if it is none of ours."""
    if value != int(value) or not 0 < value < 2**53:
        return 0, 0
    return divmod(int(value), SCALE)


def registry(gateways: Sequence[str]) -> list[Community | Place | Gateway | Device]:
    """Everything that has to be registered."""
    out: list[Community | Place | Gateway | Device] = [
        Community(COMMUNITY, NAME),
        Place(PLACE, COMMUNITY, "building", NAME),
    ]
    for gateway in gateways:
        out.append(Gateway(gateway, COMMUNITY, NAME))
        names = [button(gateway, number, old=old) for number in range(BUTTONS) for old in (False, True)]
        names += [meter(gateway, place) for place in range(METERS)]
        out += [Device(name, COMMUNITY, gateway, "sensor", NAME, PLACE) for name in names]
    return out


RULE_ID = "counted"
RULE = f"""\
id: {RULE_ID}
title: {{zh: 计数, en: Counted}}
sentence: {{zh: "{{device}} 有事件", en: "{{device}} reports"}}
advice: {{zh: 无, en: none}}
severity: low
route: [guard]
source: "[P] tests"
applies_to: {{device_kinds: [sensor]}}
when:
  - event: {{types: [{EVENT_TYPE}], quiet: 400d}}
"""
"""An alert for each device, whose occurrences count its events: what the rules made of each, once."""
