"""The sentence that says why, in both languages: a rule's template filled with what happened. No I/O."""

from functools import lru_cache
from zoneinfo import ZoneInfo

from linli.clock import HOUR, MINUTE, local_time
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import Community, Device, Evidence, Place
from linli.units import number_with_unit
from linli.vocabulary import QUANTITIES, event_name, quantity_of
from rules.language.amounts import EXACT, number_name, spoken, symbol_of
from rules.language.model import Clause, ReadingClause, Rule
from rules.language.wording import describe, limit_name

DIGITS = 4
"""Of a number that was measured, as the console shows it."""


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; UTC for a name that no zone has."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # KeyError: the base of ZoneInfoNotFoundError
        return ZoneInfo("UTC")


def sentence(
    rule: Rule,
    clause: int,
    device: Device,
    registry: RegistrySnapshot,
    time: int,
    evidence: tuple[Evidence, ...],
    value: float | None = None,
    subject: Text | None = None,
) -> Text:
    """Why this alert is there. `time` is when it fired; `value` the number that a reading clause looked at, else that of the
    newest evidence is told; `subject` what the alert is about, where that is not the device. One sentence serves all clauses of a
    rule: where one of them has no number, no limit or no quantity, that says what happened, and no field is ever empty."""
    part = rule.when[clause].part
    reading = part if isinstance(part, ReadingClause) else None
    place = registry.places.get(device.place)
    last = evidence[-1] if evidence else None
    event = _event(rule.when[clause], last) if reading is None else _quantity(reading)
    community = registry.communities.get(device.community)
    facts: dict[str, object] = {
        "device": device.name,
        "subject": subject or device.name,
        "place": place.name if place else Text(device.place, device.place),
        "community": community.name if community else Text(device.community, device.community),
        "event": event,
        "quantity": event,
        "value": _value(reading, last, value) or event,
        "threshold": limit_name(reading) if reading is not None else event,
        "for": spoken(rule.when[clause].hold),
        "time": _shown(time, device, registry),
    }
    return rule.sentence.text.format(**facts)


def subject_name(registry: RegistrySnapshot, subject: str, kind: str) -> Text:
    """What the subject of an alert is called: a 'device', 'place' or 'community'; else by its own id."""
    known: Device | Place | Community | None = None
    if kind == "device":
        known = registry.devices.get(subject)
    elif kind == "place":
        known = registry.places.get(subject)
    elif kind == "community":
        known = registry.communities.get(subject)
    return Text(subject, subject) if known is None else known.name


def with_age(told: Text, device: Device, registry: RegistrySnapshot, time: int, late: int) -> Text:
    """The sentence of what happened at `time`, saying that it came `late` microseconds after."""
    shown = _shown(time, device, registry)
    age = spoken(late // HOUR * HOUR if late >= 2 * HOUR else late // MINUTE * MINUTE)
    return Text(
        f"{told.zh}（发生于 {shown}，{age.zh}后才收到。）",
        f"{told.en} (It happened at {shown} and reached us {age.en} later.)",
    )


def _shown(time: int, device: Device, registry: RegistrySnapshot) -> str:
    community = registry.communities.get(device.community)
    return local_time(time, zone_of(community.timezone if community else "UTC")).strftime("%m-%d %H:%M:%S")


def _event(clause: Clause, last: Evidence | None) -> Text:
    """What happened, or of what has never been heard what was waited for."""
    if last is None:
        return describe(clause)
    return event_name(last.what) if last.what not in QUANTITIES else QUANTITIES[last.what].name


def _quantity(part: ReadingClause) -> Text:
    return quantity_of(part.quantity).name if part.value is None else number_name(part)


def _measured(part: ReadingClause, value: float) -> str:
    """With more digits where it would else read like the limit that it is beyond."""
    symbol = symbol_of(part)
    limits = [limit for limit in (part.above, part.at_least, part.below, part.at_most) if limit is not None]
    for digits in range(DIGITS, EXACT):
        told = number_with_unit(part.quantity, symbol, value, digits)
        if all(
            value == limit or told != number_with_unit(part.quantity, symbol, limit, digits)
            for limit in (*limits, *(part.outside or ()))
        ):
            return told
    return number_with_unit(part.quantity, symbol, value, EXACT)


def _value(part: ReadingClause | None, last: Evidence | None, value: float | None) -> str | Text | None:
    """The number in the unit that people know, or a flag's word; None where there is none."""
    if part is not None and value is not None:
        return _measured(part, value)
    if last is None or last.value is None:
        return None
    if isinstance(last.value, bool) or not isinstance(last.value, int | float):
        return str(last.value)
    seen = quantity_of(last.what)
    if seen.flag and last.value in (0, 1):
        return seen.words[int(last.value)]
    return number_with_unit(last.what, seen.symbol, last.value, DIGITS)
