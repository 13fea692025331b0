"""The sentence that says why, in both languages: a rule's template filled with what happened. No I/O."""

from functools import lru_cache
from zoneinfo import ZoneInfo

from linli.clock import DAY, HOUR, MINUTE, SECOND, local_time
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import Device, Evidence
from linli.vocabulary import event_name, quantity_of
from rules.language.model import ReadingClause, Rule

_UNITS = ((DAY, Text("天", "d")), (HOUR, Text("小时", "h")), (MINUTE, Text("分钟", "min")), (SECOND, Text("秒", "s")))


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; UTC for a name that no zone has."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # KeyError: the base of ZoneInfoNotFoundError
        return ZoneInfo("UTC")


def spoken(microseconds: int) -> Text:
    """A duration for people: '30 秒' / '30 s', '5 分钟' / '5 min'."""
    for size, word in _UNITS:
        if microseconds >= size and microseconds % size == 0:
            return Text(f"{microseconds // size} {word.zh}", f"{microseconds // size} {word.en}")
    return Text(f"{microseconds / SECOND:g} 秒", f"{microseconds / SECOND:g} s")


def sentence(
    rule: Rule, clause: int, device: Device, registry: RegistrySnapshot, time: int, evidence: tuple[Evidence, ...]
) -> Text:
    """Why this alert is there. `time` is when it fired; the value is that of the newest evidence."""
    part = rule.when[clause].part
    place = registry.places.get(device.place)
    last = evidence[-1] if evidence else None
    community = registry.communities.get(device.community)
    reads = isinstance(part, ReadingClause)
    quantity = part.quantity if isinstance(part, ReadingClause) else ""
    facts: dict[str, object] = {
        "device": device.name,
        "subject": device.name,
        "place": place.name if place else Text(device.place, device.place),
        "community": community.name if community else Text(device.community, device.community),
        "event": Text("", "") if reads or last is None else event_name(last.what),
        "quantity": quantity_of(quantity).name if quantity else Text("", ""),
        "value": _number(last.value, quantity) if last else "",
        "threshold": _number(part.threshold, quantity) if isinstance(part, ReadingClause) else "",
        "for": spoken(rule.when[clause].hold),
        "time": _shown(time, device, registry),
    }
    return rule.sentence.text.format(**facts)


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


def _number(value: object, quantity: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    symbol = quantity_of(quantity).symbol if quantity else ""
    return f"{value:g} {symbol}".strip()
