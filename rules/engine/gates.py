"""When a clause counts: hours of the day, kinds of day, and the mode in which its place is. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from linli.clock import local_time
from rules.language.model import UNSET, Clause, During, clock_time

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

KEPT_CHANGES = 64
"""Changes of modes that are remembered, for events that tell of a time before the newest."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_MINUTES = 24 * 60

Calendars = tuple[Mapping[str, bool], ...]
"""By day ('2026-10-01') whether it is a holiday; the first calendar that knows a day decides."""


@dataclass(slots=True)
class Arming:
    """The modes of places as they were set: (when, all modes), in the order in which they came."""

    changes: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def put(self, now: int, modes: dict[str, str]) -> None:
        """From `now` on these are the modes of all places that have one."""
        self.changes.append((now, modes))
        del self.changes[:-KEPT_CHANGES]

    @property
    def modes(self) -> dict[str, str]:
        """The newest."""
        return self.changes[-1][1] if self.changes else {}

    def mode(self, places: tuple[str, ...], at: int) -> str | None:
        """The mode at that time of the first of `places` that has one: the innermost stands first."""
        modes = next((modes for since, modes in reversed(self.changes) if since <= at), {})
        return next((modes[place] for place in places if place in modes), None)


@dataclass(frozen=True, slots=True)
class Around:
    """What the hours and modes of a device go by: its community's zone and calendars, and the places around it, innermost
    first."""

    zone: ZoneInfo
    calendars: Calendars
    places: tuple[str, ...]
    arming: Arming

    def open(self, clause: Clause, at: int) -> bool:
        """Whether the clause's own gates are open."""
        if clause.during is not None and not self.within(clause.during, at):
            return False
        return not clause.armed or (self.arming.mode(self.places, at) or UNSET) in clause.armed

    def within(self, during: During, at: int) -> bool:
        """Whether the time lies in the hours."""
        return within_hours(during, at, self.zone, self.calendars)

    def turn(self, clause: Clause, at: int) -> int | None:
        """The next time after `at` at which its hours may begin or end; None if they never do."""
        return None if clause.during is None else next_turn(clause.during, at, self.zone)


def within_hours(during: During, at: int, zone: ZoneInfo, calendars: Calendars = ()) -> bool:
    """Whether the time lies in the daily hours by the wall clock of `zone`. They belong to the day on which they begin."""
    local = local_time(at, zone)
    minute = local.hour * 60 + local.minute
    start, end = clock_time(during.start), clock_time(during.end)
    if minute >= start and (minute < end or start >= end):
        return _counts(during, local.date(), calendars)
    return start >= end and minute < end and _counts(during, local.date() - _DAY, calendars)


def next_turn(during: During, at: int, zone: ZoneInfo) -> int:
    """The next time after `at` at which the wall clock of `zone` shows the beginning or the end of the hours."""
    today = local_time(at, zone).date()
    minutes = (clock_time(during.start), clock_time(during.end) % _MINUTES)
    turns = (_at(day, minute, zone) for day in (today, today + _DAY, today + 2 * _DAY) for minute in minutes)
    return min(turn for turn in turns if turn > at)


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    moment = datetime.combine(day, time(*divmod(minute, 60)), zone)
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


def _counts(during: During, day: date, calendars: Calendars) -> bool:
    if not during.days:
        return True
    name = day.isoformat()
    free = next((calendar[name] for calendar in calendars if name in calendar), day.weekday() >= 5)
    return WEEKDAYS[day.weekday()] in during.days or ("holiday" if free else "workday") in during.days
