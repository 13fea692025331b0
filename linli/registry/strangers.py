"""Devices that report and are not registered: what is remembered of each, until somebody adopts it. Bounded, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from linli.model import JsonScalar, JsonValue

MOST_WORDS = 20
"""So many quantities and types of event are remembered of one."""

MOST_SAMPLES = 5
MOST_DATA_KEYS = 10
MOST_TEXT = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """One thing that it sent: a quantity with its value and unit, or a type of event with its data. `time`: event time."""

    time: int
    what: str
    value: float | None = None
    unit: str | None = None
    data: Mapping[str, JsonScalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A device that is not registered, as a gateway told of it. `community` is that of the topic. `times`: how many
    observations it sent; `seen`: the server's times of the first and the last; `quantities`, `types`: of what kinds, the
    first MOST_WORDS; `samples`: the last few."""

    community: str
    gateway: str
    device: str
    first_seen: int
    last_seen: int
    times: int
    quantities: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()

    def with_more(self, later: "Stranger") -> "Stranger":
        """It and what it sent later."""
        return replace(
            self,
            community=later.community,
            first_seen=min(self.first_seen, later.first_seen),
            last_seen=max(self.last_seen, later.last_seen),
            times=self.times + later.times,
            quantities=_first(self.quantities, later.quantities),
            types=_first(self.types, later.types),
            samples=(*self.samples, *later.samples)[-MOST_SAMPLES:],
        )


def shortened(data: Mapping[str, JsonValue]) -> dict[str, JsonScalar]:
    """Event data as it is kept in a sample: the first few fields, plain values only, texts cut."""
    found: dict[str, JsonScalar] = {}
    for key, value in data.items():
        if not isinstance(value, dict | list) and len(found) < MOST_DATA_KEYS:
            found[key[:MOST_TEXT]] = value[:MOST_TEXT] if isinstance(value, str) else value
    return found


def _first(mine: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*mine, *others)))[:MOST_WORDS]
