"""One observation of one device, as the rules take it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from linli.model import Evidence, Lane


class Moment(NamedTuple):
    """When something was so: event time, the reading of its lane's clock from which timers that it starts run, and which
    device, behind which gateway, said so on which lane."""

    time: int
    base: int
    device: str
    gateway: str
    lane: Lane


@dataclass(slots=True)
class Seen:
    """An event, or one reading (then `quantity` names what was read and `value` is the number, NaN for no data). `base`: what its
    lane had delivered when it counts; `number`: its place in the packet."""

    device: str
    kind: str
    time: int
    base: int
    lane: Lane
    gateway: str
    bootid: str
    sequence: int
    evidence: Evidence
    number: int = 0
    historic: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    quantity: str = ""
    value: float | None = None
    unit: str | None = None

    @property
    def key(self) -> str:
        """Names the observation for good."""
        name = f"{self.bootid}/{self.lane}/{self.sequence}"
        return f"{name}/{self.number}" if self.quantity else name

    @property
    def moment(self) -> Moment:
        """When, and whose."""
        return Moment(self.time, self.base, self.device, self.gateway, self.lane)

    @property
    def order(self) -> tuple[int, str, str, str, int, int]:
        """In which order a rule that settles sees it."""
        return self.time, self.device, self.bootid, self.lane, self.sequence, self.number
