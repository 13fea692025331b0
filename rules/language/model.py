"""A rule as people write it: a small language of parts that combine. `docs/rules.md` teaches it with every part's example.

A rule says for whom it watches (`applies_to`), what it watches for (`when`: any one of its clauses), and what a person is
told. A clause is exactly one of five parts:

    event     something happened                               (twice within 10 s, after a grant, without a grant before)
    state     something lasts from a beginning to an end event (for 60 s)
    reading   a number is beyond a limit                       (for 30 s, until it is back below another limit)
    missing   a device said nothing                            (for 180 s)
    all       several of these hold at once                    (for one place)

and every clause may say whose memory it is (`by`), when it counts (`during`, `armed`), for which of the rule's devices
(`only`), and how bad it is (`severity`).

These are plain structures; `rules.language.load` checks what types alone cannot say. Durations are texts such as '30s', '5m', '24h'.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.i18n import Text
from linli.model import Severity

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)

BY_DATA = "data."
"""`by: data.credential`: a memory of its own for each value of that field, in each community."""

BY_DEVICE = "device."
"""`by: device.point`: a memory of its own for each device and value of that field, no value being one too: the points of a panel."""

BY = ("device", "place", "building", "community")

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "holiday")

SENTENCE_FIELDS = frozenset(
    ("device", "place", "community", "event", "value", "threshold", "quantity", "for", "time", "subject")
)
"""What a sentence may say in braces."""


@lru_cache(maxsize=4096)
def duration(text: str) -> int:
    """Microseconds of '500ms', '30s', '5m', '24h', '7d'; ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 5m or 24h")
    return int(match.group(1)) * _UNITS[match.group(2)]


UNSET = "unset"
"""In `armed`: no mode has been set for the place, nor for any around it."""

MIDNIGHT = "24:00"
"""The end of the day, where hours end."""


@lru_cache(maxsize=4096)
def clock_time(text: str) -> int:
    """Minutes since midnight of '23:00', 1440 of '24:00'; ValueError for anything else."""
    if text == MIDNIGHT:
        return DAY // MINUTE
    match = _CLOCK_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time of day such as 23:00")
    return int(match.group(1)) * 60 + int(match.group(2))


def data_field(by: str) -> str | None:
    """The field of the data by which memories are told apart; None where what events say does not matter."""
    return by.partition(".")[2] if by.startswith((BY_DATA, BY_DEVICE)) else None


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all parts: immutable, and a key that is not known is an error."""


class Words(_Part, frozen=True):
    """A text in both languages."""

    zh: str
    en: str

    @property
    def text(self) -> Text:
        """As the kernel has it."""
        return Text(self.zh, self.en)


class Match(_Part, frozen=True):
    """Any event of one of `types` whose data has, for each key of `where`, exactly that value (of a list: any one of them)."""

    types: tuple[str, ...]
    where: dict[str, Any] = {}


class Unless(Match, kw_only=True, frozen=True):
    """An event of the same device that excuses what follows within `within`."""

    within: str


class After(Match, kw_only=True, frozen=True):
    """An event that must have come before, at most `within` earlier, with nothing of `without` since."""

    within: str
    without: Match | None = None


class MoreThan(Match, kw_only=True, frozen=True):
    """Events of the same memory that what is counted has to outnumber, those `within` that time."""

    within: str


class Repeated(_Part, frozen=True):
    """At least `times` matching events within `within`; with `after` beside it, only those since the newest of that count.

    `devices`: of at least so many different devices. `more_than`: and more of them than of these.
    """

    times: int
    within: str
    devices: int = 1
    more_than: MoreThan | None = None


class During(_Part, rename={"start": "from", "end": "to"}, frozen=True):
    """Local time of day of the community, from (inclusive) to (exclusive); may cross midnight. Unless said, the whole day.

    `days`: those on which the window begins; none named is all. A holiday is a day that the calendar says, else Saturday and
    Sunday; every other day is a workday.
    """

    start: str = "00:00"
    end: str = MIDNIGHT
    days: tuple[str, ...] = ()


class Happening(Match, kw_only=True, frozen=True):
    """An event that counts: of these types, and with all of its conditions."""

    unless: Unless | None = None
    after: After | None = None
    repeated: Repeated | None = None
    during: During | None = None


class EventClause(Happening, kw_only=True, frozen=True):
    """True when it happens; back to normal once it has not happened again for `quiet`."""

    quiet: str = "10m"


class StateClause(_Part, rename={"hold": "for"}, frozen=True):
    """True from `begins` until any of `ends`, or (with `fades`) until it has not begun again for so long.

    It counts after `for`; it is over after `keep` without beginning again."""

    begins: Happening
    ends: tuple[Match, ...] = ()
    hold: str = "0s"
    keep: str = "0s"
    fades: str | None = None


class Normal(_Part, frozen=True):
    """The range that was usual: so many standard deviations about the mean of the last `learn`, by hour of the local day or
    (`by: always`) in all. It says nothing until half of `learn` has been seen."""

    sigmas: float
    learn: str = "14d"
    by: str = "hour"


class ReadingClause(_Part, rename={"hold": "for"}, frozen=True):
    """True while a number is beyond its limit: exactly one of `above`, `at_least`, `below`, `at_most`, `outside`, `normal`.

    The number is the `quantity`, or the expression `value` over quantities (`rules.language.expression`).

    It counts after `for` without a reading on the right side. Once it counts it goes on until a reading is below
    `reset_below` (above `reset_above`; with `outside`: within `reset_inside`), without a reset until one is on the right side
    of the limit; `keep` is how long it has to stay there. `fades`: readings on the right side end nothing, only so long
    without one that is beyond. `samples`: so many readings beyond, the last of them at least `for` after the first, and no
    timer in between. `fresh`: how old another device's newest reading may be to count in `place.avg` and its like.
    """

    quantity: str = ""
    value: str | None = None
    outside: tuple[float, float] | None = None
    reset_inside: tuple[float, float] | None = None
    normal: Normal | None = None
    fades: str | None = None
    samples: int = 1
    fresh: str = "15m"
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    reset_below: float | None = None
    reset_above: float | None = None
    unit: str | None = None
    hold: str = "0s"
    keep: str = "0s"

    @property
    def threshold(self) -> float:
        """The limit, whichever way it is written."""
        for limit in (self.above, self.at_least, self.below, self.at_most):
            if limit is not None:
                return limit
        raise ValueError("a reading clause has no limit")

    def beyond(self, value: float) -> bool:
        """Whether `value` is on the wrong side of the limit."""
        return (
            (self.above is not None and value > self.above)
            or (self.at_least is not None and value >= self.at_least)
            or (self.below is not None and value < self.below)
            or (self.at_most is not None and value <= self.at_most)
        )

    def reset(self, value: float) -> bool:
        """Whether `value` ends what is firing."""
        if self.reset_below is not None:
            return value < self.reset_below
        if self.reset_above is not None:
            return value > self.reset_above
        return not self.beyond(value)


class MissingClause(_Part, rename={"hold": "for"}, frozen=True):
    """True when the device sent none of `types` (nothing at all, if none is named) for `for`."""

    hold: str
    types: tuple[str, ...] = ()


class Only(_Part, frozen=True):
    """Fewer of the rule's devices: of one of these kinds, in a facility of one of these kinds, in a place of one of these."""

    device_kinds: tuple[str, ...] = ()
    facility_kinds: tuple[str, ...] = ()
    place_kinds: tuple[str, ...] = ()


class AllClause(_Part, rename={"hold": "for"}, frozen=True):
    """True while each of `of` counts by itself, whichever of the devices of one `by` it is that brought it about."""

    of: tuple["Clause", ...]
    hold: str = "0s"
    keep: str = "0s"


class Clause(_Part, frozen=True):
    """One way in which the rule comes true: exactly one of the five parts. `severity` overrides the rule's.

    `by`: whose events and readings are taken together: one 'device' (default), 'place', 'building', 'community', those of one
    device that have the same value in a field of their data, or none ('device.point'), or all of a community that have the
    same value there ('data.credential'). It counts only `during` its hours and
    while its place is in one of the modes of `armed`.
    """

    event: EventClause | None = None
    state: StateClause | None = None
    reading: ReadingClause | None = None
    missing: MissingClause | None = None
    all: AllClause | None = None
    severity: Severity | None = None
    by: str = "device"
    during: During | None = None
    armed: tuple[str, ...] = ()
    only: Only | None = None

    @property
    def part(self) -> "EventClause | StateClause | ReadingClause | MissingClause | AllClause":
        """The one that is given."""
        for part in (self.event, self.state, self.reading, self.missing, self.all):
            if part is not None:
                return part
        raise ValueError("a clause has no part")

    @property
    def hold(self) -> int:
        """How long it must be true before it counts, in microseconds."""
        part = self.part
        return 0 if isinstance(part, EventClause) else duration(part.hold)

    @property
    def linger(self) -> int:
        """How long after it was last true it is over, in microseconds."""
        part = self.part
        if isinstance(part, EventClause):
            return duration(part.quiet)
        return 0 if isinstance(part, MissingClause) else duration(part.keep)


class AppliesTo(_Part, frozen=True):
    """The devices a rule watches: of one of these kinds, and (if given) part of a facility of one of these kinds."""

    device_kinds: tuple[str, ...]
    facility_kinds: tuple[str, ...] = ()


class Confirm(_Part, frozen=True):
    """A second device of the same place that says so within `within` confirms the alert."""

    within: str


class Many(_Part, frozen=True):
    """So many devices that stand behind one alert at once make it so bad (with `subject` place or community)."""

    devices: int
    severity: Severity


class Rule(_Part, frozen=True):
    """One rule file.

    `subject`: what an alert is about: 'device'; 'place', the building the device is in; 'community'. `settle`: how long it waits
    for stragglers; within that, order does not matter. `remind`: so long after it fired it is told again while it fires;
    `remind_every`: and so often.
    """

    id: str
    title: Words
    sentence: Words
    advice: Words
    severity: Severity
    route: tuple[str, ...]
    source: str | Words
    applies_to: AppliesTo
    when: tuple[Clause, ...]
    subject: str = "device"
    latched: bool = False
    life_safety: bool = False
    confirm: Confirm | None = None
    declares: tuple[str, ...] = ()
    steps: tuple[Words, ...] = ()
    settle: str = "0s"
    many: Many | None = None
    remind: tuple[str, ...] = ()
    remind_every: str | None = None

    @property
    def source_text(self) -> Text:
        """Where it comes from; the same in both languages where it is written once."""
        return self.source.text if isinstance(self.source, Words) else Text(self.source, self.source)

    def severity_of(self, clause: int) -> Severity:
        """How bad it is when this clause is what came true."""
        return self.when[clause].severity or self.severity


class Where(_Part, frozen=True):
    """Where an override holds: exactly one of a community, a place with all that is in it, a device."""

    community: str | None = None
    place: str | None = None
    device: str | None = None


class Override(_Part, frozen=True):
    """What one rule is like somewhere: `change` is laid over the rule key by key (a clause is named by its number from 1, as in
    `when: {1: {reading: {above: 60}}}`); `off`: it does not watch there. A device's goes over its places' (the inner over the
    outer), theirs over its community's."""

    rule: str
    where: Where
    change: dict[str, Any] = {}
    off: bool = False
    reason: str = ""
