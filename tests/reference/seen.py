"""What one rule is told of one device."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from linli.model import Device, Lane

LaneName = tuple[str, str]


@dataclass(frozen=True)
class Seen:
    """One observation. `base`: what its lane had delivered when it counts; `name`: which message and number it came as."""

    device: Device
    kind: str
    time: int
    lane: LaneName
    base: int
    name: str
    order: tuple[str, str, Lane, int, int]
    historic: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    quantity: str = ""
    value: float | None = None
    unit: str | None = None


class Line(NamedTuple):
    """One line of the log of transitions."""

    kind: str
    subject: str
    at: int
    severity: str
