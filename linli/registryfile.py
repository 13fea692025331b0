"""A registry as a YAML file: the compounds, places, gateways, facilities and devices of a site, and its holidays, written by
hand.

Each item is complete in itself and names the others by id; what is not in the file may be registered already. Loading the
same file twice changes nothing.
"""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from linli.errors import ConfigError, Refused
from linli.holidays import holiday_of
from linli.i18n import Text
from linli.ids import ID_PATTERN, is_id
from linli.model import Community, Device, Facility, Gateway, Holiday, Place
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS
from linli.yamlfile import Source, load

Thing = Community | Place | Gateway | Facility | Device
Item = Thing | Holiday

_KINDS: dict[str, Collection[str]] = {"places": PLACE_KINDS, "facilities": FACILITY_KINDS, "devices": DEVICE_KINDS}


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What every item has: an id, and a name in both languages."""

    id: str
    name: dict[str, str]


class _Community(_Entry, frozen=True, kw_only=True):
    timezone: str = "Asia/Shanghai"


class _Owned(_Entry, frozen=True, kw_only=True):
    community: str


class _Place(_Owned, frozen=True, kw_only=True):
    kind: str
    parent: str | None = None


class _Facility(_Owned, frozen=True, kw_only=True):
    kind: str
    place: str


class _Device(_Facility, frozen=True, kw_only=True):
    gateway: str
    facility: str | None = None
    interval_s: float | None = None


class _Holiday(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    day: str
    holiday: bool
    name: dict[Literal["zh", "en"], str] = {}
    community: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    communities: list[_Community] = []
    places: list[_Place] = []
    gateways: list[_Owned] = []
    facilities: list[_Facility] = []
    devices: list[_Device] = []
    holidays: list[_Holiday] = []


def load_registry(file: Path, known: Collection[Item] = ()) -> list[Item]:
    """The items of `file`, each after those that it names. `known`: what is registered already and may be named.

    ConfigError (file, line, what to do) for an id that is no id or is given twice, a name that lacks a language, an unknown
    kind, a reference to nothing or to another compound, a holiday that is no day.
    """
    document, source = load(file, _File)
    check = _Check(source, {item.id: item for item in known})
    items: list[Item] = []
    for number, entry in enumerate(document.communities):
        name = check.entry("communities", number, entry)
        check.zone(number, entry.timezone)
        items.append(check.add(Community(entry.id, name, entry.timezone)))
    for number, place in _parents_first(document.places):
        name = check.owned("places", number, place)
        if place.parent is not None:
            check.names("places", number, place, "parent", place.parent, Place)
        items.append(check.add(Place(place.id, place.community, place.kind, name, place.parent)))
    for number, gateway in enumerate(document.gateways):
        items.append(check.add(Gateway(gateway.id, gateway.community, check.owned("gateways", number, gateway))))
    for number, facility in enumerate(document.facilities):
        name = check.owned("facilities", number, facility)
        check.names("facilities", number, facility, "place", facility.place, Place)
        items.append(check.add(Facility(facility.id, facility.community, facility.kind, name, facility.place)))
    for number, device in enumerate(document.devices):
        items.append(check.add(_device(check, number, device)))
    return items + [check.holiday(number, holiday) for number, holiday in enumerate(document.holidays)]


def _device(check: "_Check", number: int, entry: _Device) -> Device:
    name = check.owned("devices", number, entry)
    check.names("devices", number, entry, "place", entry.place, Place)
    check.names("devices", number, entry, "gateway", entry.gateway, Gateway)
    if entry.facility is not None:
        check.names("devices", number, entry, "facility", entry.facility, Facility)
    if entry.interval_s is not None and entry.interval_s <= 0:
        raise check.fault("interval_s 须大于 0", "interval_s must be above 0", "devices", number, "interval_s")
    return Device(
        id=entry.id,
        community=entry.community,
        gateway=entry.gateway,
        kind=entry.kind,
        name=name,
        place=entry.place,
        facility=entry.facility,
        interval_s=entry.interval_s,
    )


class _Check:
    """What the types alone cannot say, with the line to blame."""

    def __init__(self, source: Source, known: dict[str, Item]) -> None:
        self._source = source
        self._known = known
        self._here: set[str] = set()

    def add(self, item: Thing) -> Thing:
        """From here on it may be named."""
        self._known[item.id] = item
        return item

    def fault(self, zh: str, en: str, *path: str | int) -> ConfigError:
        return self._source.fault(Text(zh, en), *path)

    def entry(self, part: str, number: int, entry: _Entry) -> Text:
        """The entry's name, once its id and name are in order."""
        if not is_id(entry.id):
            raise self.fault(
                f"编号 {entry.id!r} 不符合 {ID_PATTERN}",
                f"id {entry.id!r} does not match {ID_PATTERN}",
                part,
                number,
                "id",
            )
        known = self._known.get(entry.id)
        if entry.id in self._here or (known is not None and _part_of(known) != part):
            raise self.fault(f"编号 {entry.id} 已经用过", f"id {entry.id} is used already", part, number, "id")
        self._here.add(entry.id)
        if set(entry.name) != {"zh", "en"} or not all(map(str.strip, entry.name.values())):
            raise self.fault("name 须有 zh 和 en 两种", "name needs both zh and en", part, number, "name")
        return Text(entry.name["zh"].strip(), entry.name["en"].strip())

    def owned(self, part: str, number: int, entry: _Owned) -> Text:
        """Likewise, for what lies in a compound and may have a kind."""
        name = self.entry(part, number, entry)
        if not isinstance(self._known.get(entry.community), Community):
            raise self._nothing(part, number, "community", entry.community, Community)
        kind = getattr(entry, "kind", None)
        kinds = _KINDS.get(part, ())
        if kind is not None and kind not in kinds:
            near = difflib.get_close_matches(kind, list(kinds), 1) or sorted(kinds)
            raise self.fault(
                f"不认识的种类 {kind}，可用：{'、'.join(near)}",
                f"unknown kind {kind}; did you mean {' or '.join(near)}?",
                part,
                number,
                "kind",
            )
        return name

    def names(
        self, part: str, number: int, entry: _Owned, key: str, wanted: str, kind: type[Place | Gateway | Facility]
    ) -> None:
        """Refuse a reference that leads nowhere, or out of the compound."""
        found = self._known.get(wanted)
        if not isinstance(found, kind) or found.community != entry.community:
            raise self._nothing(part, number, key, wanted, kind)

    def zone(self, number: int, name: str) -> None:
        """Refuse a time zone that does not exist."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise self.fault(
                f"没有时区 {name}", f"there is no time zone {name}", "communities", number, "timezone"
            ) from None

    def holiday(self, number: int, entry: _Holiday) -> Holiday:
        """The day, once it is one and given once."""
        known = {item.id for item in self._known.values() if isinstance(item, Community)}
        names = entry.name.get("zh", ""), entry.name.get("en", "")
        try:
            holiday = holiday_of(entry.day, entry.holiday, *names, entry.community, known)
        except Refused as refusal:
            raise self.fault(refusal.text.zh, refusal.text.en, "holidays", number) from None
        if holiday.id in self._here:
            raise self.fault(f"{holiday.day} 已经写过", f"{holiday.day} is given twice", "holidays", number, "day")
        self._here.add(holiday.id)
        return holiday

    def _nothing(self, part: str, number: int, key: str, wanted: str, kind: type[Thing]) -> ConfigError:
        near = difflib.get_close_matches(wanted, [i.id for i in self._known.values() if isinstance(i, kind)], 1)
        zh = f"{key}：没有 {wanted}" + (f"，是否想写 {near[0]}？" if near else "（或不在同一小区）")
        en = f"{key}: there is no {wanted}" + (f"; did you mean {near[0]}?" if near else " in this compound")
        return self.fault(zh, en, part, number, key)


def _part_of(item: Item) -> str | None:
    match item:
        case Community():
            return "communities"
        case Place():
            return "places"
        case Gateway():
            return "gateways"
        case Facility():
            return "facilities"
        case Device():
            return "devices"
        case Holiday():
            return None


def _parents_first(places: list[_Place]) -> Iterator[tuple[int, _Place]]:
    """Places with their number in the file, each after its parent if that is in the file too; a ring keeps its order."""
    waiting = dict(enumerate(places))
    here = {place.id for place in places}
    while waiting:
        ready = {n: p for n, p in waiting.items() if p.parent not in here}
        for number, place in (ready or waiting).items():
            here.discard(place.id)
            yield number, place
        waiting = {n: p for n, p in waiting.items() if n not in (ready or waiting)}
