"""A small district with one of everything, for tests of the registry."""

from linli.i18n import Text
from linli.registry.changes import Key, Origin
from linli.registry.inhabitants import Consent, Contact, Credential, Household, Person, Resident
from linli.registry.kinds import Item, kind_of
from linli.registry.model import (
    Committee,
    Community,
    Device,
    District,
    Equipment,
    Facility,
    FloorPlan,
    Gateway,
    Organisation,
    Place,
    Staff,
    Team,
)

NAME = Text("名", "Name")
AT = Origin(1_000, "li", "file")

DISTRICT = District("lakeside", Text("望湖区", "Lakeside"))
COMMITTEE = Committee("hubin", "lakeside", "neighbourhood", Text("湖滨居委会", "Hubin"))
COMPANY = Organisation("green", "property", Text("绿城物业", "Green Property"), "021-5555 1234")
COMMUNITY = Community("c1", Text("望湖苑", "Lakeview Court"), committee="hubin", kind="commercial", manager="green")
OTHER = Community("c2", Text("东苑", "East Court"), committee="hubin", kind="resettlement")
BUILDING = Place("c1-12", "c1", "building", Text("12号楼", "Building 12"), code="12")
UNIT = Place("c1-12-1", "c1", "unit", Text("1单元", "Unit 1"), "c1-12", "1")
FLOOR = Place("c1-12-1-f12", "c1", "floor", Text("12层", "Floor 12"), "c1-12-1", "12")
ROOM = Place("c1-12-1-1203", "c1", "dwelling", Text("1203室", "Room 1203"), "c1-12-1-f12", "1203")
ROOM_2 = Place("c1-12-1-1204", "c1", "dwelling", Text("1204室", "Room 1204"), "c1-12-1-f12", "1204")
PLAN = FloorPlan("plan", "c1", "c1-12-1-f12", NAME, "12.png", 40.0, 20.0)
GATEWAY = Gateway("gw", "c1", NAME)
LIFTS = Facility("lifts", "c1", "lift", NAME, "c1-12")
SWITCH = Device("switch", "c1", "gw", "relay", NAME, "c1-12")
DOOR = Device("door", "c1", "gw", "door", NAME, "c1-12-1", None, 30.0, "switch")
STANDS = Equipment("door", "c1", "S-1", "D100", 500, 31.2, 121.5, "plan", 1.5, 2.5)
GUARD = Staff("guard", "green", "李", "保安", "13800000001")
TEAM = Team("night", "green", NAME, ("guard",), ("c1",), ("hubin",))
HOME = Household("h1", "c1", "c1-12-1-1203", "owner")
WANG = Person("p1", "c1", "王", "female", "1953", "独居")
LIVES = Resident("r1", "c1", "h1", "p1", "head")
MOBILE = Contact("t1", "c1", "p1", "mobile", "13800000000")
AGREED = Consent("k1", "c1", "p1", "emergency", True, 900, "form")
CARD = Credential("n1", "c1", "p1", "card", "C0012342", "2026-01-01")

EVERYTHING: list[Item] = [
    DISTRICT,
    COMMITTEE,
    COMPANY,
    COMMUNITY,
    OTHER,
    BUILDING,
    UNIT,
    FLOOR,
    ROOM,
    ROOM_2,
    PLAN,
    GATEWAY,
    LIFTS,
    SWITCH,
    DOOR,
    STANDS,
    GUARD,
    TEAM,
    HOME,
    WANG,
    LIVES,
    MOBILE,
    AGREED,
    CARD,
]


def key(item: Item) -> Key:
    """Names the item."""
    return Key(kind_of(item), item.id)
