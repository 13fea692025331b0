"""A test of rules, ready to be run: ids looked up, series drawn out, times in microseconds since the start of the test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import ActionKind, JsonValue, Lane
from rules.language.model import Override, Rule
from rules.trial.script import Expect

COMMUNITY = "community"
"""The id of the one community that a test has."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a gateway takes `at` of a device: an event, or readings of several quantities in one packet. `arrives`: when the
    server gets it."""

    at: int
    arrives: int
    gateway: str
    lane: Lane
    device: str
    event: str = ""
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    readings: tuple[tuple[str, float, str | None], ...] = ()
    """Quantity, value, unit."""
    historic: bool = False


@dataclass(frozen=True, slots=True)
class Arming:
    """A place gets a mode."""

    at: int
    place: str
    mode: str


@dataclass(frozen=True, slots=True)
class Act:
    """A person does something about the open alert of a subject (of that `rule`, where it is said)."""

    at: int
    kind: ActionKind
    subject: str
    rule: str | None
    actor: str
    comment: str
    back: int | None = None
    """When what is shelved comes back."""


class Change(StrEnum):
    """What becomes of a gateway."""

    STOPS = "stops"
    """It is dead: nothing is taken, nothing comes."""
    STARTS = "starts"
    OFFLINE = "offline"
    """Its link is down: it takes and keeps."""
    ONLINE = "online"
    """All that it kept comes at once."""


@dataclass(frozen=True, slots=True)
class GatewayChange:
    """That happens to a gateway."""

    at: int
    gateway: str
    change: Change


Step = Report | Arming | Act | GatewayChange


def comes(step: Step) -> int:
    """When the server hears of it."""
    return step.arrives if isinstance(step, Report) else step.at


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of `expect`: the change `kind` of the alert about `subject`; `more` has what else is to be so."""

    at: int
    kind: str
    subject: str
    more: Expect


@dataclass(frozen=True, slots=True)
class Case:
    """One test. `steps` in the order in which the server hears of them."""

    name: Text
    line: int
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...]
    only: frozenset[str]
    until: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A test file. `start` is in microseconds since 1970 UTC."""

    file: Path
    rules: tuple[Rule, ...]
    overrides: tuple[Override, ...]
    registry: RegistrySnapshot
    start: int
    cases: tuple[Case, ...]
