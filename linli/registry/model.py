"""The nouns of the registry: the district and what is in it, down to a room, a device and who looks after them.

Frozen dataclasses. Each has an id that never changes and is never given to another thing; names and numbers may be
corrected. Persons are in `linli.registry.inhabitants`.
"""

from dataclasses import dataclass

from linli.i18n import Text


@dataclass(frozen=True, slots=True)
class District:
    """What an installation of Linli is for: some committees with their communities."""

    id: str
    name: Text


@dataclass(frozen=True, slots=True)
class Committee:
    """A village or neighbourhood committee. `kind` is one of COMMITTEE_KINDS."""

    id: str
    district: str
    kind: str
    name: Text


@dataclass(frozen=True, slots=True)
class Community:
    """A residential compound: the unit of sharding, and of who may see what.

    `committee`: whose it is; `kind` is one of COMMUNITY_KINDS; `manager`: its property company, an organisation. None:
    nobody has said so yet.
    """

    id: str
    name: Text
    timezone: str = "Asia/Shanghai"
    committee: str | None = None
    kind: str | None = None
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A building, unit, floor, room, gate or zone; `parent` is the place that it lies in.

    `code` is the number that people use ('12', '1', '1203'), unique among its siblings of a kind.
    """

    id: str
    community: str
    kind: str
    name: Text
    parent: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """A drawing of a place. `file` is its name alone; a point on it is in metres from its left and from its top."""

    id: str
    community: str
    place: str
    name: Text
    file: str
    width_m: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Gateway:
    """An edge agent: the only thing that speaks to the broker for its devices."""

    id: str
    community: str
    name: Text


@dataclass(frozen=True, slots=True)
class Facility:
    """What a property manager looks after: a lift, a pump room, a fire panel, a garage."""

    id: str
    community: str
    kind: str
    name: Text
    place: str


@dataclass(frozen=True, slots=True)
class Device:
    """A camera, door or sensor. It may report only through its own `gateway`.

    `interval_s`: it reports at least this often, in seconds, when it is well; None where nothing is promised. `parent`: the
    device (a switch, a supply, a controller) of its community that it hangs on and fails with; None: its gateway alone.
    What stands there is its `Equipment`.
    """

    id: str
    community: str
    gateway: str
    kind: str
    name: Text
    place: str
    facility: str | None = None
    interval_s: float | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Equipment:
    """What stands where a device is, and where exactly. It has the device's id: of a device, it is what may be replaced.

    `in_service_since`: microseconds since 1970 UTC. `latitude`, `longitude`: degrees, WGS 84, both or neither. `plan`: a
    floor plan, with `x_m` and `y_m` in metres from its left and from its top, all three or none. None: not known.
    """

    id: str
    community: str
    serial: str | None = None
    model: str | None = None
    in_service_since: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    plan: str | None = None
    x_m: float | None = None
    y_m: float | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """A piece of equipment at a device's place, from `since` (None: nobody knows) to `until` (None: it stands there now)."""

    device: str
    serial: str | None
    model: str | None
    since: int | None
    until: int | None
    reason: str
    actor: str | None


@dataclass(frozen=True, slots=True)
class Organisation:
    """A property company, a contractor or a department; `kind` is one of ORGANISATION_KINDS."""

    id: str
    kind: str
    name: Text
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who works for an organisation; `account` is their user in Linli, if they have one."""

    id: str
    organisation: str
    name: str
    duty: str
    phone: str | None = None
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """People of an organisation who serve some communities, named each or by their committee. Members are staff."""

    id: str
    organisation: str
    name: Text
    members: tuple[str, ...] = ()
    communities: tuple[str, ...] = ()
    committees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day of the calendar that is not what its weekday says: a holiday, or a working day made up for one.

    `community`: '' for the whole district; a community's own entry goes over that. `day` is local, as '2026-10-01'.
    """

    community: str
    day: str
    is_holiday: bool
    name: Text

    @property
    def id(self) -> str:
        """Names it in the registry's history."""
        return f"{self.community}/{self.day}"


COMMITTEE_KINDS = {
    "village": Text("村委会", "Village committee"),
    "neighbourhood": Text("居委会", "Neighbourhood committee"),
}

COMMUNITY_KINDS = {
    "commercial": Text("商品房小区", "Commercial compound"),
    "resettlement": Text("安置小区", "Resettlement compound"),
}

ORGANISATION_KINDS = {
    "property": Text("物业公司", "Property company"),
    "contractor": Text("维保单位", "Contractor"),
    "department": Text("政府部门", "Department"),
}
