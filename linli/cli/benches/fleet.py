"""The district of the ingest bench: gateways, their devices and what these measure, and the messages that carry it.

Ordinary values of the kinds of device that the shipped catalogue watches, none of them alarming: rules looks at every
reading and raises nothing.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice

from linli.clock import SECOND
from linli.i18n import Text
from linli.model import (
    READINGS_TYPE,
    Community,
    Device,
    Gateway,
    Lane,
    Message,
    Place,
    Reading,
    TimeSource,
)
from linli.vocabulary import quantity_of

KINDS: dict[str, dict[str, tuple[float, float]]] = {
    "electricity_meter": {"voltage": (230.1, 3.0), "current": (4.2, 1.5), "power": (960.0, 300.0)},
    "cable_sensor": {"temperature": (34.5, 4.0)},
    "air_sensor": {
        "temperature": (22.4, 3.0),
        "humidity": (51.0, 8.0),
        "co2": (560.0, 80.0),
        "co": (1.2, 0.4),
    },
    "level_sensor": {"water_level": (0.12, 0.03)},
    "pressure_sensor": {"water_pressure": (351_000.0, 9_000.0)},
    "residual_current_sensor": {"residual_current": (0.021, 0.005)},
    "water_meter": {"water_volume": (812.4, 0.2)},
}
"""Kind of device -> quantity -> (middle, spread)."""

_VALUES = 16
"""Different values of each series."""

_HELD = 1000
"""Messages that a gateway still holds when it sends one: no more than a window may be under way."""

_COMMUNITIES = 4
_NAME = Text("压测", "Bench")


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity of one device, and some values that it may have."""

    device: str
    quantity: str
    unit: str | None
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fleet:
    """`devices` spread evenly over `gateways`, and these over a few communities.

    `quantities`: of each device at most so many are sent. `seed`: of the values.
    """

    gateways: int
    devices: int
    quantities: int = 4
    seed: int = 1

    def gateway(self, number: int) -> str:
        """The id of a gateway, counted from 0."""
        return f"gw-bench-{number:02}"

    def community(self, gateway: int) -> str:
        """The community that a gateway belongs to."""
        return f"bench-{gateway % _COMMUNITIES}"

    def items(self) -> Iterator[Community | Place | Gateway | Device]:
        """All of it as the registry has it, each after what it names."""
        for number in range(min(_COMMUNITIES, self.gateways)):
            yield Community(f"bench-{number}", _NAME)
            yield Place(f"bench-{number}-p", f"bench-{number}", "building", _NAME)
        for gateway in range(self.gateways):
            yield Gateway(self.gateway(gateway), self.community(gateway), _NAME)
        for number, kind in enumerate(islice(cycle(KINDS), self.devices)):
            gateway = number % self.gateways
            community = self.community(gateway)
            yield Device(_device(number), community, self.gateway(gateway), kind, _NAME, f"{community}-p", None, 10.0)

    def series(self, gateway: int) -> list[Series]:
        """What the devices of one gateway measure."""
        rng = random.Random(f"{self.seed}/{gateway}")
        kinds = list(KINDS.items())
        return [
            Series(
                _device(number),
                quantity,
                quantity_of(quantity).unit,
                tuple(round(rng.gauss(middle, spread / 3), 3) for _ in range(_VALUES)),
            )
            for number in range(gateway, self.devices, self.gateways)
            for quantity, (middle, spread) in islice(kinds[number % len(kinds)][1].items(), self.quantities)
        ]

    def messages(self, gateway: int, bootid: str, per_message: int, start: int, rate: float) -> Iterator[Message]:
        """The packets of one gateway, without end, of `per_message` readings each.

        The series take turns. The first reading is of `start` (microseconds since 1970 UTC); all gateways together would
        make `rate` readings a second.
        """
        step = self.gateways * SECOND / rate
        readings = self._readings(gateway, start, step)
        for sequence in count(1):
            packet = tuple(islice(readings, per_message))
            yield Message(
                community=self.community(gateway),
                gateway=self.gateway(gateway),
                bootid=bootid,
                lane=Lane.BULK,
                sequence=sequence,
                oldest=max(1, sequence - _HELD),
                type=READINGS_TYPE,
                subject=self.gateway(gateway),
                time=packet[-1].time,
                agent_time=packet[-1].time,
                time_source=TimeSource.DEVICE,
                readings=packet,
            )

    def _readings(self, gateway: int, start: int, step: float) -> Iterator[Reading]:
        series, number = self.series(gateway), 0
        for turn in count():
            for one in series:
                time = start + round(number * step)
                yield Reading(one.device, one.quantity, time, one.values[turn % _VALUES], one.unit)
                number += 1


def _device(number: int) -> str:
    return f"bench-device-{number:06}"
