"""A registry as a YAML file: the compounds, places, gateways, facilities and devices of a site, with the district, committees
and organisations around them and the holidays, written by hand.

Each item is complete in itself and names the others by id; what is not in the file may be registered already. Loading the
same file twice changes nothing. What a file may leave out and does (a committee, a number, what a device hangs on, its
equipment) stays as it is registered.
"""

import dataclasses
import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from linli.errors import ConfigError, Refused
from linli.holidays import holiday_of
from linli.i18n import Text
from linli.ids import ID_PATTERN, is_id
from linli.registry.changes import BadItem
from linli.registry.checks import check_item
from linli.registry.kinds import Item as Registered
from linli.registry.model import (
    COMMITTEE_KINDS,
    COMMUNITY_KINDS,
    ORGANISATION_KINDS,
    Committee,
    Community,
    Device,
    District,
    Equipment,
    Facility,
    Gateway,
    Holiday,
    Organisation,
    Place,
)
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS
from linli.yamlfile import Source, load

Thing = District | Committee | Organisation | Community | Place | Gateway | Facility | Device
Item = Thing | Equipment | Holiday

T = TypeVar("T", bound=Thing)

KINDS = ("district", "committee", "organisation", "community", "place", "gateway", "facility", "device", "equipment")
"""What a file may have (`linli.registry.kinds`), and holidays."""

_KINDS: Mapping[str, Collection[str]] = {
    "committees": COMMITTEE_KINDS,
    "organisations": ORGANISATION_KINDS,
    "communities": COMMUNITY_KINDS,
    "places": PLACE_KINDS,
    "facilities": FACILITY_KINDS,
    "devices": DEVICE_KINDS,
}

_PARTS: Mapping[type, str] = {
    District: "districts",
    Committee: "committees",
    Organisation: "organisations",
    Community: "communities",
    Place: "places",
    Gateway: "gateways",
    Facility: "facilities",
    Device: "devices",
}
"""Where in a file each kind stands."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What every item has: an id, and a name in both languages."""

    id: str
    name: dict[str, str]


class _Committee(_Entry, frozen=True, kw_only=True):
    district: str
    kind: str


class _Organisation(_Entry, frozen=True, kw_only=True):
    kind: str
    phone: str | None = None


class _Community(_Entry, frozen=True, kw_only=True):
    timezone: str = "Asia/Shanghai"
    committee: str | None = None
    kind: str | None = None
    manager: str | None = None


class _Owned(_Entry, frozen=True, kw_only=True):
    community: str


class _Place(_Owned, frozen=True, kw_only=True):
    kind: str
    parent: str | None = None
    code: str | None = None


class _Facility(_Owned, frozen=True, kw_only=True):
    kind: str
    place: str


class _Device(_Facility, frozen=True, kw_only=True):
    gateway: str
    facility: str | None = None
    interval_s: float | None = None
    parent: str | None = None
    serial: str | None = None
    model: str | None = None
    latitude: float | None = None
    longitude: float | None = None


_EQUIPMENT = ("serial", "model", "latitude", "longitude")
"""What of a device's entry is said of its equipment."""


class _Holiday(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    day: str
    holiday: bool
    name: dict[Literal["zh", "en"], str] = {}
    community: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    districts: list[_Entry] = []
    committees: list[_Committee] = []
    organisations: list[_Organisation] = []
    communities: list[_Community] = []
    places: list[_Place] = []
    gateways: list[_Owned] = []
    facilities: list[_Facility] = []
    devices: list[_Device] = []
    holidays: list[_Holiday] = []


def load_registry(file: Path, known: Collection[Registered | Holiday] = ()) -> list[Item]:
    """The items of `file`, each after those that it names. `known`: what is registered already and may be named.

    ConfigError (file, line, what to do) for an id that is no id or is given twice, a name that lacks a language, an unknown
    kind, a reference to nothing or to another compound, a holiday that is no day.
    """
    document, source = load(file, _File)
    check = _Check(source, known)
    around = [*_around(check, document)]
    communities = [_community(check, number, entry) for number, entry in enumerate(document.communities)]
    items: list[Item] = [*around, *communities]
    for number, place in _parents_first(document.places):
        name = check.owned("places", number, place)
        if place.parent is not None:
            check.names("places", number, place, "parent", place.parent, Place)
        code = place.code or check.before(Place, place.id, lambda was: was.code)
        items.append(
            check.add("places", number, Place(place.id, place.community, place.kind, name, place.parent, code))
        )
    for number, gateway in enumerate(document.gateways):
        name = check.owned("gateways", number, gateway)
        items.append(check.add("gateways", number, Gateway(gateway.id, gateway.community, name)))
    for number, facility in enumerate(document.facilities):
        name = check.owned("facilities", number, facility)
        check.names("facilities", number, facility, "place", facility.place, Place)
        made = Facility(facility.id, facility.community, facility.kind, name, facility.place)
        items.append(check.add("facilities", number, made))
    for number, device in enumerate(document.devices):
        items.append(check.add("devices", number, _device(check, number, device)))
    for number, device in enumerate(document.devices):
        if device.parent is not None:
            check.names("devices", number, device, "parent", device.parent, Device)
        items += check.equipment(number, device)
    return items + [check.holiday(number, holiday) for number, holiday in enumerate(document.holidays)]


def _around(check: "_Check", document: _File) -> Iterator[Thing]:
    """The district, its committees, and organisations."""
    for number, district in enumerate(document.districts):
        name = check.entry("districts", number, district)
        yield check.add("districts", number, District(district.id, name))
    for number, committee in enumerate(document.committees):
        name = check.entry("committees", number, committee)
        check.refers("committees", number, "district", committee.district, District)
        made = Committee(committee.id, committee.district, committee.kind, name)
        yield check.add("committees", number, made)
    for number, one in enumerate(document.organisations):
        name = check.entry("organisations", number, one)
        yield check.add("organisations", number, Organisation(one.id, one.kind, name, one.phone))


def _community(check: "_Check", number: int, entry: _Community) -> Thing:
    name = check.entry("communities", number, entry)
    check.zone(number, entry.timezone)
    if entry.committee is not None:
        check.refers("communities", number, "committee", entry.committee, Committee)
    if entry.manager is not None:
        check.refers("communities", number, "manager", entry.manager, Organisation)
    committee = entry.committee or check.before(Community, entry.id, lambda was: was.committee)
    kind = entry.kind or check.before(Community, entry.id, lambda was: was.kind)
    manager = entry.manager or check.before(Community, entry.id, lambda was: was.manager)
    made = Community(entry.id, name, entry.timezone, committee, kind, manager)
    return check.add("communities", number, made)


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
        parent=entry.parent or check.before(Device, entry.id, lambda was: was.parent),
    )


class _Check:
    """What the types alone cannot say, with the line to blame."""

    def __init__(self, source: Source, known: Collection[Registered | Holiday]) -> None:
        self._source = source
        self._known: dict[str, Registered | Holiday] = {
            item.id: item for item in known if not isinstance(item, Equipment)
        }
        self._stands = {item.id: item for item in known if isinstance(item, Equipment)}
        self._before = dict(self._known)
        self._here: set[str] = set()

    def add(self, part: str, number: int, item: Thing) -> Thing:
        """From here on it may be named; a fault for what is no sound item."""
        self._sound(part, number, item)
        self._known[item.id] = item
        return item

    def before(self, kind: type[T], name: str, told: Callable[[T], str | None]) -> str | None:
        """What is registered already of the item and the file leaves out."""
        was = self._before.get(name)
        return told(was) if isinstance(was, kind) else None

    def equipment(self, number: int, entry: _Device) -> list[Equipment]:
        """What the entry says of the device's equipment, if anything."""
        said = {name: value for name in _EQUIPMENT if (value := getattr(entry, name)) is not None}
        if not said:
            return []
        was = self._stands.get(entry.id, Equipment(entry.id, entry.community))
        made = dataclasses.replace(was, **said)
        self._sound("devices", number, made)
        return [made]

    def _sound(self, part: str, number: int, item: Thing | Equipment) -> None:
        try:
            check_item(item)
        except BadItem as refusal:
            raise self.fault(
                f"{refusal.field}：{refusal.advice.zh}", f"{refusal.field}: {refusal.advice.en}", part, number
            ) from None

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
        if entry.id in self._here or (known is not None and _PARTS.get(type(known)) != part):
            raise self.fault(f"编号 {entry.id} 已经用过", f"id {entry.id} is used already", part, number, "id")
        self._here.add(entry.id)
        kind, kinds = getattr(entry, "kind", None), _KINDS.get(part, ())
        if kind is not None and kind not in kinds:
            near = difflib.get_close_matches(kind, list(kinds), 1) or sorted(kinds)
            raise self.fault(
                f"不认识的种类 {kind}，可用：{'、'.join(near)}",
                f"unknown kind {kind}; did you mean {' or '.join(near)}?",
                part,
                number,
                "kind",
            )
        if set(entry.name) != {"zh", "en"} or not all(map(str.strip, entry.name.values())):
            raise self.fault("name 须有 zh 和 en 两种", "name needs both zh and en", part, number, "name")
        return Text(entry.name["zh"].strip(), entry.name["en"].strip())

    def owned(self, part: str, number: int, entry: _Owned) -> Text:
        """Likewise, for what lies in a compound and may have a kind."""
        name = self.entry(part, number, entry)
        self.refers(part, number, "community", entry.community, Community)
        return name

    def refers(self, part: str, number: int, key: str, wanted: str, kind: type[Thing]) -> None:
        """Refuse a reference that leads nowhere."""
        if not isinstance(self._known.get(wanted), kind):
            raise self._nothing(part, number, key, wanted, kind)

    def names(
        self,
        part: str,
        number: int,
        entry: _Owned,
        key: str,
        wanted: str,
        kind: type[Place | Gateway | Facility | Device],
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
