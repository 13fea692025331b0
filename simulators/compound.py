"""The simulated compound as registry items: 望湖苑 / Lakeview Court, with three buildings, a garage and a pump room.

12 cameras, 8 doors, 40 facility sensors and a siren behind one gateway. The rule catalogue, the console and the scenarios go by
these ids.
"""

from collections.abc import Iterator

from linli.i18n import Text
from linli.model import Community, Device, Facility, Gateway, Place

Item = Community | Place | Gateway | Facility | Device

COMMUNITY = "c001"
GATEWAY = "gw-c001"
TIMEZONE = "Asia/Shanghai"
BUILDINGS = ("c001-b1", "c001-b2", "c001-b3")
GARAGE, PUMP_ROOM, GATE = "c001-garage", "c001-pump", "c001-gate"

FLOORS = 18
"""Storeys of each building above ground."""

INTERVALS = {
    "camera": 60.0,
    "door": 60.0,
    "lift": 10.0,
    "water_probe": 10.0,
    "level_sensor": 30.0,
    "pressure_sensor": 10.0,
    "pump": 10.0,
    "smoke_detector": 30.0,
    "heat_detector": 30.0,
    "cable_sensor": 10.0,
    "electricity_meter": 30.0,
    "residual_current_sensor": 30.0,
    "water_meter": 60.0,
    "air_sensor": 60.0,
    "siren": 60.0,
}
"""Seconds between two reports of a device of each kind."""

_CAMERAS = (
    (GATE, "东大门车道", "East gate, driveway"),
    (GATE, "东大门人行道", "East gate, footpath"),
    (GATE, "西侧小门", "West side gate"),
    ("c001-b1", "1号楼大堂", "Building 1, lobby"),
    ("c001-b1", "1号楼电梯厅", "Building 1, lift lobby"),
    ("c001-b2", "2号楼大堂", "Building 2, lobby"),
    ("c001-b2", "2号楼电梯厅", "Building 2, lift lobby"),
    ("c001-b3", "3号楼大堂", "Building 3, lobby"),
    ("c001-b3", "3号楼电梯厅", "Building 3, lift lobby"),
    (GARAGE, "车库入口", "Garage, entrance"),
    (GARAGE, "车库 B 区", "Garage, zone B"),
    (PUMP_ROOM, "水泵房门前", "Pump room, outside the door"),
)

_DOORS = (
    (GATE, "东大门人行门", "East gate, pedestrian door"),
    (GATE, "西侧小门", "West side gate"),
    ("c001-b1", "1号楼单元门", "Building 1, entrance"),
    ("c001-b2", "2号楼单元门", "Building 2, entrance"),
    ("c001-b3", "3号楼单元门", "Building 3, entrance"),
    (GARAGE, "车库电梯厅门", "Garage, lift lobby door"),
    (PUMP_ROOM, "水泵房门", "Pump room door"),
    ("c001-b1", "1号楼楼顶门", "Building 1, roof door"),
)


def demo_registry() -> list[Item]:
    """Everything of the demo compound, in an order in which each item comes after what it refers to."""
    return [
        Community(COMMUNITY, Text("望湖苑", "Lakeview Court"), TIMEZONE),
        *_places(),
        Gateway(GATEWAY, COMMUNITY, Text("望湖苑网关", "Lakeview Court gateway")),
        Facility("c001-cameras", COMMUNITY, "cameras", Text("视频监控", "Video surveillance"), GATE),
        Facility("c001-access", COMMUNITY, "access", Text("门禁", "Access control"), GATE),
        *_cameras(),
        *_doors(),
        *_pump_room(),
        *_garage(),
        *(item for building in BUILDINGS for item in _building(building)),
    ]


def demo_devices() -> list[Device]:
    """The devices of the demo compound."""
    return [item for item in demo_registry() if isinstance(item, Device)]


def _places() -> Iterator[Place]:
    for number, building in enumerate(BUILDINGS, 1):
        yield Place(building, COMMUNITY, "building", Text(f"{number}号楼", f"Building {number}"))
    yield Place(GARAGE, COMMUNITY, "zone", Text("地下车库", "Underground garage"))
    yield Place(PUMP_ROOM, COMMUNITY, "plant_room", Text("水泵房", "Pump room"), GARAGE)
    yield Place(GATE, COMMUNITY, "gate", Text("出入口", "Gates"))


def _device(device: str, kind: str, name: Text, place: str, facility: str) -> Device:
    return Device(device, COMMUNITY, GATEWAY, kind, name, place, facility, INTERVALS[kind])


def _cameras() -> Iterator[Item]:
    for number, (place, zh, en) in enumerate(_CAMERAS, 1):
        name = Text(f"{zh}摄像机", f"{en}, camera")
        yield _device(f"c001-cam-{number:02}", "camera", name, place, "c001-cameras")


def _doors() -> Iterator[Item]:
    for number, (place, zh, en) in enumerate(_DOORS, 1):
        yield _device(f"c001-door-{number:02}", "door", Text(zh, en), place, "c001-access")
    yield _device("c001-siren-01", "siren", Text("东大门警号", "East gate siren"), GATE, "c001-access")


def _pump_room() -> Iterator[Item]:
    own = "c001-pump-room"
    yield Facility(own, COMMUNITY, "pump_room", Text("生活水泵房", "Water pump room"), PUMP_ROOM)
    sensors = (
        ("probe-1", "water_probe", "泵坑水浸探头", "Water probe, pump pit"),
        ("probe-2", "water_probe", "门口水浸探头", "Water probe, doorway"),
        ("level-1", "level_sensor", "水箱水位计", "Tank level sensor"),
        ("pressure-1", "pressure_sensor", "低区供水压力表", "Supply pressure, lower floors"),
        ("pressure-2", "pressure_sensor", "高区供水压力表", "Supply pressure, upper floors"),
        ("pump-1", "pump", "1号生活水泵", "Supply pump 1"),
        ("pump-2", "pump", "2号生活水泵", "Supply pump 2"),
    )
    for suffix, kind, zh, en in sensors:
        yield _device(f"c001-pump-{suffix}", kind, Text(zh, en), PUMP_ROOM, own)


def _garage() -> Iterator[Item]:
    own = "c001-garage-air"
    yield Facility(own, COMMUNITY, "garage", Text("车库通风", "Garage ventilation"), GARAGE)
    for number, zone in enumerate("ABC", 1):
        name = Text(f"车库 {zone} 区空气传感器", f"Garage zone {zone}, air sensor")
        yield _device(f"c001-garage-air-{number}", "air_sensor", name, GARAGE, own)


def _building(building: str) -> Iterator[Item]:
    number = BUILDINGS.index(building) + 1
    zh, en = f"{number}号楼", f"Building {number}"
    for lift in (1, 2):
        own, name = f"{building}-lift-{lift}", Text(f"{zh}{lift}号电梯", f"{en}, lift {lift}")
        yield Facility(f"{own}-unit", COMMUNITY, "lift", name, building)
        yield _device(own, "lift", name, building, f"{own}-unit")
    fire, power, water = f"{building}-fire", f"{building}-electricity", f"{building}-water"
    yield Facility(fire, COMMUNITY, "fire_panel", Text(f"{zh}消防主机", f"{en}, fire panel"), building)
    yield Facility(power, COMMUNITY, "electricity", Text(f"{zh}配电", f"{en}, power distribution"), building)
    yield Facility(water, COMMUNITY, "water", Text(f"{zh}供水", f"{en}, water supply"), building)
    sensors = (
        (fire, "smoke-1", "smoke_detector", "3楼厨房烟感", "floor 3 kitchen smoke detector"),
        (fire, "smoke-2", "smoke_detector", "12楼走廊烟感", "floor 12 corridor smoke detector"),
        (fire, "heat-1", "heat_detector", "3楼厨房温感", "floor 3 kitchen heat detector"),
        (fire, "heat-2", "heat_detector", "12楼配电间温感", "floor 12 electrical closet heat detector"),
        (power, "cable-1", "cable_sensor", "总开关电缆测温", "main switch cable temperature"),
        (power, "meter-1", "electricity_meter", "总电表", "main electricity meter"),
        (power, "residual-1", "residual_current_sensor", "总剩余电流互感器", "main residual current sensor"),
        (water, "flow-1", "water_meter", "总水表", "main water meter"),
    )
    for facility, suffix, kind, of_zh, of_en in sensors:
        yield _device(f"{building}-{suffix}", kind, Text(zh + of_zh, f"{en}, {of_en}"), building, facility)
