"""A test of rules as people write it: `linli rules test` reads these files. `docs/trying-rules.md` teaches the format.

A file names rules, lays out a small site, and then tells stories: what comes in, and what has to come of it. These are plain
structures; `rules.trial.reading` checks what types alone cannot say. Times are counted from `start`: '0s', '90s', '1h30m'.
"""

import re
from typing import Any

import msgspec

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.model import Severity
from rules.language.model import Override

KINDS = (
    "opened",
    "occurred",
    "escalated",
    "confirmed",
    "acknowledged",
    "commented",
    "shelved",
    "unshelved",
    "reminded",
    "resolved",
    "closed",
    "refused",
)
"""What can be expected: the changes of an alert, and 'refused' for an act of a person that came to nothing."""

_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": SECOND // 1000}
_STEP = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_MOMENT = re.compile(r"(?:\d{1,9}(?:ms|s|m|h|d))+", re.ASCII)


def moment(text: str) -> int:
    """Microseconds since the start of '0s', '90s', '1h30m'; ValueError for anything else."""
    if _MOMENT.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a time such as 0s, 90s or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in _STEP.findall(text))


def written(us: int) -> str:
    """The inverse of `moment`, as short as it goes; what is below a millisecond is shown as a fraction of one."""
    sign, rest = ("-", -us) if us < 0 else ("", us)
    parts = []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if unit == "ms" and rest:
            parts.append(f"{count + rest / size:g}ms")
        elif count:
            parts.append(f"{count}{unit}")
    return sign + ("".join(parts) or "0s")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: immutable, and a key that is not known is an error."""


class Place(_Part, rename={"parent": "in"}, frozen=True):
    """A place of the site. `in`: the place around it."""

    id: str
    kind: str
    parent: str | None = None
    name: dict[str, str] = {}


class Facility(_Part, frozen=True):
    """A facility of the site."""

    id: str
    kind: str
    place: str = ""
    name: dict[str, str] = {}


class Device(_Part, frozen=True):
    """A device of the site. `place`: the first of the file where none is named."""

    id: str
    kind: str
    place: str = ""
    facility: str | None = None
    gateway: str = "gateway"
    name: dict[str, str] = {}
    interval_s: float | None = None


class Given(_Part, rename={"first": "from", "last": "to"}, frozen=True):
    """One line of `input`, without its readings: quantities stand beside these keys, each with its value or series.

    `every`, `from`, `to`: an event again and again, or the step of a series of readings. `arrives`: when the server gets
    what the agent took `at`. `back`: when what is shelved comes back. `gateway`: what becomes of a gateway (`id`, where there are
    several).
    """

    at: str | None = None
    device: str | None = None
    event: str | None = None
    data: dict[str, Any] = {}
    unit: str | None = None
    lane: str | None = None
    historic: bool = False
    arrives: str | None = None
    every: str | None = None
    first: str | None = None
    last: str | None = None
    mode: str | None = None
    place: str | None = None
    act: str | None = None
    alert: str | None = None
    rule: str | None = None
    by: str | None = None
    comment: str | None = None
    back: str | None = None
    gateway: str | None = None
    id: str | None = None


class Expect(_Part, frozen=True):
    """One line of `expect`: a time, exactly one of KINDS with the id of what the alert is about, and what else is to be so.

    `says`: found in its sentence, in either language. Only what is written is compared.
    """

    at: str
    opened: str | None = None
    occurred: str | None = None
    escalated: str | None = None
    confirmed: str | None = None
    acknowledged: str | None = None
    commented: str | None = None
    shelved: str | None = None
    unshelved: str | None = None
    reminded: str | None = None
    resolved: str | None = None
    closed: str | None = None
    refused: str | None = None
    rule: str | None = None
    severity: Severity | None = None
    occurrences: int | None = None
    by: str | None = None
    says: str | None = None


class Story(_Part, frozen=True):
    """One test: what comes in, and all that has to come of it by `until` (with `only`: of these kinds)."""

    name: str | dict[str, str]
    input: list[dict[str, Any]]
    until: str
    expect: list[Expect] = []
    only: list[str] = []


class Script(_Part, frozen=True):
    """A test file."""

    tests: list[Story]
    devices: list[Device]
    rules: list[str] = []
    files: list[str] = []
    overrides: list[Override] = []
    timezone: str = "Asia/Shanghai"
    start: str = "2026-03-02 12:00:00"
    places: list[Place] = []
    facilities: list[Facility] = []
    holidays: dict[str, bool] = {}
