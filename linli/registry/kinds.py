"""The kinds of item that are registered: what each is called, what it refers to, and which are personal.

Everything that goes over all kinds (writing, removing, history, facts, import and export) goes by this table.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from linli.i18n import Text
from linli.registry.inhabitants import Consent, Contact, Credential, Household, Person, Resident
from linli.registry.model import (
    Committee,
    Community,
    Device,
    District,
    Equipment,
    Facility,
    FloorPlan,
    Gateway,
    Holiday,
    Organisation,
    Place,
    Staff,
    Team,
)

Personal = Household | Person | Resident | Contact | Consent | Credential
Shared = (
    District
    | Committee
    | Organisation
    | Community
    | Place
    | FloorPlan
    | Gateway
    | Facility
    | Device
    | Equipment
    | Staff
    | Team
)
Item = Shared | Personal
"""All that is registered but for the days of calendars, which have no id of their own."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`refers`: the kind to which each of these fields leads, by id (a Team's are tuples of ids). `loosely`: those of them by
    which it does not belong there: it stays, when that is removed. `fields`: all but the id."""

    noun: type
    name: Text
    refers: Mapping[str, str] = field(default_factory=dict)
    personal: bool = False
    fields: tuple[str, ...] = ()
    loosely: frozenset[str] = frozenset()


_LOOSE: Mapping[type, frozenset[str]] = {
    Community: frozenset(("committee", "manager")),
    Device: frozenset(("facility", "parent")),
    Equipment: frozenset(("plan",)),
    Team: frozenset(("members", "communities", "committees")),
}


def _kind(noun: type, zh: str, en: str, *, personal: bool = False, **refers: str) -> Kind:
    own = tuple(one.name for one in fields(noun) if one.name != "id")
    return Kind(noun, Text(zh, en), refers, personal, own, _LOOSE.get(noun, frozenset()))


KINDS: Mapping[str, Kind] = {
    "district": _kind(District, "片区", "District"),
    "committee": _kind(Committee, "村居", "Committee", district="district"),
    "organisation": _kind(Organisation, "单位", "Organisation"),
    "community": _kind(Community, "小区", "Compound", committee="committee", manager="organisation"),
    "place": _kind(Place, "地点", "Place", community="community", parent="place"),
    "floor_plan": _kind(FloorPlan, "平面图", "Floor plan", community="community", place="place"),
    "gateway": _kind(Gateway, "网关", "Gateway", community="community"),
    "facility": _kind(Facility, "设施", "Facility", community="community", place="place"),
    "device": _kind(
        Device,
        "设备",
        "Device",
        community="community",
        gateway="gateway",
        place="place",
        facility="facility",
        parent="device",
    ),
    "equipment": _kind(Equipment, "装机", "Equipment", community="community", plan="floor_plan"),
    "staff": _kind(Staff, "人员", "Staff", organisation="organisation"),
    "team": _kind(
        Team,
        "班组",
        "Team",
        organisation="organisation",
        members="staff",
        communities="community",
        committees="committee",
    ),
    "household": _kind(Household, "住户", "Household", personal=True, community="community", place="place"),
    "person": _kind(Person, "居民", "Person", personal=True, community="community"),
    "resident": _kind(
        Resident,
        "住户成员",
        "Resident",
        personal=True,
        community="community",
        household="household",
        person="person",
    ),
    "contact": _kind(Contact, "联系方式", "Contact", personal=True, community="community", person="person"),
    "consent": _kind(Consent, "同意", "Consent", personal=True, community="community", person="person"),
    "credential": _kind(Credential, "通行凭证", "Credential", personal=True, community="community", person="person"),
}
"""By name, each after those that it refers to. An Equipment has the id of its Device."""

FOLLOWED = frozenset(("community", "place", "gateway", "facility", "device", "holiday"))
"""The kinds that ingest and rules follow: what a snapshot of the registry is made of."""

_NAME_OF: Mapping[type, str] = {kind.noun: name for name, kind in KINDS.items()} | {Holiday: "holiday"}


def kind_of(item: Item | Holiday) -> str:
    """The name of the item's kind."""
    return _NAME_OF[type(item)]


def community_of(item: Item | Holiday) -> str | None:
    """The community that it belongs to; None for what belongs to several, '' for the whole district's calendar."""
    return item.id if isinstance(item, Community) else getattr(item, "community", None)


def person_of(item: Item) -> str | None:
    """Whose personal data it is; None for what is nobody's in particular."""
    return item.id if isinstance(item, Person) else getattr(item, "person", None)


def references_of(item: Item) -> Iterator[tuple[str, str, str]]:
    """The field, the kind and the id of each thing that it refers to."""
    for name, kind in KINDS[kind_of(item)].refers.items():
        value = getattr(item, name)
        if isinstance(value, str):
            yield name, kind, value
        elif value is not None:
            for one in value:
                yield name, kind, one
