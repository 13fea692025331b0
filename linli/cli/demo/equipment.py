"""What hangs in a compound of the invented district: its places besides homes, its facilities, its devices and what they hang on."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from linli.cli.demo.layout import Building, Plan
from linli.i18n import Text
from linli.registry.model import Community, Device, Equipment, Facility, Gateway, Place
from simulators.compound import BUILDINGS, INTERVALS, demo_registry

_INTERVALS = INTERVALS | {"gas_detector": 30.0, "home_gas_detector": 3600.0, "fire_panel": 30.0, "network_switch": 60.0}
_PER_GATEWAY = 250
_SERVICE_FROM = 1_546_300_800_000_000
"""2019-01-01."""
_DAY = 86_400_000_000
_CENTRE = (31.32, 120.62)
_MAKERS = ("HK", "DH", "HL", "ZK", "SY", "JD")

Item = Place | Facility | Gateway | Device | Equipment


@dataclass
class Site:
    """A compound being furnished. `devices` come in the order of their weight: those of a small compound are the first."""

    plan: Plan
    rng: Random
    places: list[Place] = field(default_factory=list)
    facilities: list[Facility] = field(default_factory=list)
    devices: list[tuple[str, str, Text, str, str | None, str | None]] = field(default_factory=list)

    def place(
        self, suffix: str, kind: str, zh: str, en: str, parent: str | None = None, code: str | None = None
    ) -> str:
        """One more place; its id."""
        key = f"{self.plan.id}-{suffix}"
        self.places.append(Place(key, self.plan.id, kind, Text(zh, en), parent, code))
        return key

    def facility(self, suffix: str, kind: str, zh: str, en: str, place: str) -> str:
        """One more facility; its id."""
        key = f"{self.plan.id}-{suffix}"
        self.facilities.append(Facility(key, self.plan.id, kind, Text(zh, en), place))
        return key

    def device(
        self, kind: str, zh: str, en: str, place: str, facility: str | None = None, parent: str | None = None
    ) -> str:
        """One more device; its id."""
        short = kind.replace("_", "-")
        self.counts[kind] = self.counts.get(kind, 0) + 1
        key = f"{self.plan.id}-{short}-{self.counts[kind]:03}"
        self.devices.append((key, kind, Text(zh, en), place, facility, parent))
        return key

    counts: dict[str, int] = field(default_factory=dict)


def furnished(plan: Plan, rng: Random) -> Iterator[Item]:
    """All that is in the compound but its people, each after what it refers to: `plan.devices` devices exactly."""
    site = Site(plan, rng)
    homes = _homes(site)
    ups, core = _common(site)
    _buildings(site, ups, core)
    _in_homes(site, homes)
    _more_cameras(site, core)
    kept = site.devices[: plan.devices]
    gateways = max(1, len(kept) // _PER_GATEWAY)
    yield from site.places
    yield from site.facilities
    for number in range(1, gateways + 1):
        zh, en = f"{plan.name.zh}{number}号网关", f"{plan.name.en}, gateway {number}"
        yield Gateway(f"gw-{plan.id}-{number}", plan.id, Text(zh, en))
    north, east = (middle + rng.uniform(-0.06, 0.06) for middle in _CENTRE)
    for at, (key, kind, name, place, facility, parent) in enumerate(kept):
        gateway = f"gw-{plan.id}-{at * gateways // len(kept) + 1}"
        yield Device(key, plan.id, gateway, kind, name, place, facility, _INTERVALS.get(kind, 300.0), parent)
        yield _equipment(rng, plan.id, key, kind, north, east)


def simulated(plan: Plan) -> Iterator[Item]:
    """The simulated compound with homes in its three buildings; its places, devices and facilities are as it has them."""
    numbers = {key: str(number) for number, key in enumerate(BUILDINGS, 1)}
    for item in demo_registry():
        if isinstance(item, Place) and item.id in numbers:
            yield replace(item, code=numbers[item.id])
        elif not isinstance(item, Community):
            yield item
    left = plan.households
    for building, key in zip(plan.buildings, BUILDINGS, strict=True):
        rooms = building.rooms()[:left]
        left -= len(rooms)
        if rooms:
            yield Place(f"{key}-u1", plan.id, "unit", Text("1单元", "Unit 1"), key, "1")
        for unit, room in rooms:
            name = Text(f"{room}室", f"Room {room}")
            yield Place(f"{key}-u{unit}-r{room}", plan.id, "dwelling", name, f"{key}-u{unit}", room)


def _equipment(rng: Random, community: str, device: str, kind: str, north: float, east: float) -> Equipment:
    maker = rng.choice(_MAKERS)
    return Equipment(
        device,
        community,
        serial=f"{maker}{rng.randrange(10**9):09}",
        model=f"{maker}-{kind[:3].upper()}-{rng.choice((100, 200, 310, 500))}",
        in_service_since=_SERVICE_FROM + rng.randrange(2_500) * _DAY,
        latitude=round(north + rng.uniform(-0.001, 0.001), 6),
        longitude=round(east + rng.uniform(-0.001, 0.001), 6),
    )


def _homes(site: Site) -> list[tuple[str, str, str]]:
    """Buildings, units and as many rooms as there are households: the id of each room, and its address in words."""
    found: list[tuple[str, str, str]] = []
    for building in site.plan.buildings:
        number = building.number
        of = site.place(f"b{number}", "building", f"{number}号楼", f"Building {number}", code=str(number))
        units = [
            site.place(f"b{number}-u{unit}", "unit", f"{unit}单元", f"Unit {unit}", of, str(unit))
            for unit in range(1, building.units + 1)
        ]
        for unit, room in building.rooms():
            if len(found) == site.plan.households:
                break
            suffix = f"b{number}-u{unit}-r{room}"
            key = site.place(suffix, "dwelling", f"{room}室", f"Room {room}", units[unit - 1], room)
            found.append((key, f"{number}号楼{unit}单元{room}室", f"Building {number}, unit {unit}, room {room}"))
    return found


def _common(site: Site) -> tuple[str, str]:
    """Gates, garage and plant rooms; the supply and the switch that the rest hangs on."""
    control = site.place("control", "plant_room", "消防控制室", "Fire control room")
    fire = site.facility("fire", "fire_panel", "消防主机", "Fire panel", control)
    ups = site.device("power_supply", "弱电总电源", "Low-voltage supply", control)
    core = site.device("network_switch", "核心交换机", "Core switch", control, parent=ups)
    panel = site.device("fire_panel", "消防主机", "Fire panel", control, fire, ups)
    site.device("keypad", "消控室布防键盘", "Control room keypad", control, parent=core)
    site.device("siren", "小区警号", "Compound siren", control, parent=core)
    site.device("relay", "应急广播继电器", "Public address relay", control, parent=core)
    _gates(site, core)
    _pump_room(site, core, panel)
    _garage(site, core)
    _power_room(site, ups)
    return ups, core


def _gates(site: Site, core: str) -> None:
    access_place = ""
    for number, (zh, en) in enumerate((("东门", "East gate"), ("西门", "West gate")), 1):
        gate = site.place(f"gate{number}", "gate", zh, en)
        if not access_place:
            access_place = gate
            site.facility("access", "access", "门禁", "Access control", gate)
            site.facility("cameras", "cameras", "视频监控", "Cameras", gate)
            site.facility("parking", "parking", "停车场", "Parking", gate)
        access, cameras = f"{site.plan.id}-access", f"{site.plan.id}-cameras"
        switch = site.device("network_switch", f"{zh}交换机", f"{en}, switch", gate, parent=core)
        control = site.device("controller", f"{zh}门禁控制器", f"{en}, door controller", gate, access, switch)
        site.device("door", f"{zh}人行门", f"{en}, pedestrian door", gate, access, control)
        site.device("turnstile", f"{zh}通道闸", f"{en}, turnstile", gate, access, control)
        site.device("barrier", f"{zh}道闸", f"{en}, barrier", gate, f"{site.plan.id}-parking", switch)
        site.device("camera", f"{zh}车道摄像机", f"{en}, driveway camera", gate, cameras, switch)
        site.device("camera", f"{zh}人行道摄像机", f"{en}, footpath camera", gate, cameras, switch)
        site.device("panic_button", f"{zh}岗亭紧急按钮", f"{en}, panic button", gate, parent=switch)


def _pump_room(site: Site, core: str, panel: str) -> None:
    room = site.place("pump", "plant_room", "水泵房", "Pump room")
    own = site.facility("pump-room", "pump_room", "生活水泵房", "Water pump room", room)
    drains = site.facility("drainage", "drainage", "排水", "Drainage", room)
    tank = site.facility("fire-tank", "fire_tank", "消防水池", "Fire water tank", room)
    hydrants = site.facility("hydrants", "hydrants", "消火栓系统", "Fire hydrants", room)
    sprinklers = site.facility("sprinklers", "sprinklers", "喷淋系统", "Sprinklers", room)
    control = site.device("controller", "水泵控制柜", "Pump controller", room, own, core)
    for kind, zh, en, facility, parent in (
        ("water_probe", "泵坑水浸探头", "Water probe, pump pit", own, control),
        ("water_probe", "门口水浸探头", "Water probe, doorway", own, control),
        ("level_sensor", "水箱水位计", "Tank level", own, control),
        ("level_sensor", "集水坑水位计", "Sump level", drains, control),
        ("level_sensor", "消防水池水位计", "Fire tank level", tank, panel),
        ("pressure_sensor", "低区供水压力表", "Supply pressure, lower floors", own, control),
        ("pressure_sensor", "高区供水压力表", "Supply pressure, upper floors", own, control),
        ("pressure_sensor", "消火栓压力表", "Hydrant pressure", hydrants, panel),
        ("pressure_sensor", "喷淋压力表", "Sprinkler pressure", sprinklers, panel),
        ("pump", "1号生活水泵", "Supply pump 1", own, control),
        ("pump", "2号生活水泵", "Supply pump 2", own, control),
        ("water_quality_sensor", "水质仪", "Water quality", own, control),
        ("water_meter", "小区总水表", "Main water meter", own, control),
        ("door", "水泵房门", "Pump room door", f"{site.plan.id}-access", core),
        ("sensor", "水泵房人体感应", "Pump room motion sensor", own, core),
    ):
        site.device(kind, zh, en, room, facility, parent)


def _garage(site: Site, core: str) -> None:
    zone = site.place("garage", "zone", "地下车库", "Underground garage")
    air = site.facility("garage-air", "garage", "车库通风", "Garage ventilation", zone)
    switch = site.device("network_switch", "车库交换机", "Garage switch", zone, parent=core)
    site.device("parking_counter", "车位计数器", "Parking counter", zone, f"{site.plan.id}-parking", switch)
    for letter in "ABC":
        site.device("air_sensor", f"车库 {letter} 区空气传感器", f"Garage zone {letter}, air sensor", zone, air, switch)
        site.device(
            "camera",
            f"车库 {letter} 区摄像机",
            f"Garage zone {letter}, camera",
            zone,
            f"{site.plan.id}-cameras",
            switch,
        )
        site.device(
            "smoke_detector",
            f"车库 {letter} 区烟感",
            f"Garage zone {letter}, smoke detector",
            zone,
            f"{site.plan.id}-fire",
            f"{site.plan.id}-fire-panel-001",
        )
    site.device("water_probe", "车库坡道水浸探头", "Garage ramp, water probe", zone, air, switch)


def _power_room(site: Site, ups: str) -> None:
    room = site.place("power", "plant_room", "配电房", "Power room")
    own = site.facility("electricity", "electricity", "总配电", "Main power distribution", room)
    for kind, zh, en in (
        ("electricity_meter", "总电表", "Main electricity meter"),
        ("residual_current_sensor", "总剩余电流互感器", "Main residual current sensor"),
        ("cable_sensor", "总开关电缆测温", "Main switch, cable temperature"),
        ("smoke_detector", "配电房烟感", "Power room, smoke detector"),
        ("heat_detector", "配电房温感", "Power room, heat detector"),
        ("gas_detector", "调压站可燃气体探测器", "Regulator station, gas detector"),
        ("door", "配电房门", "Power room door"),
    ):
        site.device(kind, zh, en, room, own, ups)


def _buildings(site: Site, ups: str, core: str) -> None:
    for building in site.plan.buildings:
        _building(site, building, ups, core)


def _building(site: Site, building: Building, ups: str, core: str) -> None:
    key, number = f"{site.plan.id}-b{building.number}", building.number
    zh, en = f"{number}号楼", f"Building {number}"
    cameras, access, fire = (f"{site.plan.id}-{one}" for one in ("cameras", "access", "fire"))
    panel = f"{site.plan.id}-fire-panel-001"
    power = site.facility(f"b{number}-electricity", "electricity", f"{zh}配电", f"{en}, power distribution", key)
    water = site.facility(f"b{number}-water", "water", f"{zh}供水", f"{en}, water supply", key)
    switch = site.device("network_switch", f"{zh}交换机", f"{en}, switch", key, parent=core)
    site.device("electricity_meter", f"{zh}电表", f"{en}, electricity meter", key, power, ups)
    site.device("residual_current_sensor", f"{zh}剩余电流互感器", f"{en}, residual current sensor", key, power, ups)
    site.device("cable_sensor", f"{zh}电缆测温", f"{en}, cable temperature", key, power, ups)
    site.device("water_meter", f"{zh}水表", f"{en}, water meter", key, water, switch)
    for unit in range(1, building.units + 1):
        place, of_zh, of_en = f"{key}-u{unit}", f"{zh}{unit}单元", f"{en}, unit {unit}"
        control = site.device("controller", f"{of_zh}门禁控制器", f"{of_en}, door controller", place, access, switch)
        site.device("door", f"{of_zh}单元门", f"{of_en}, entrance", place, access, control)
        site.device("camera", f"{of_zh}大堂摄像机", f"{of_en}, lobby camera", place, cameras, switch)
        for lift in range(1, 1 + (building.floors > 6) + (building.floors > 17)):
            name = Text(f"{of_zh}{lift}号电梯", f"{of_en}, lift {lift}")
            own = site.facility(f"b{number}-u{unit}-lift{lift}", "lift", name.zh, name.en, place)
            site.device("lift", name.zh, name.en, place, own, switch)
            site.device("camera", f"{name.zh}轿厢摄像机", f"{name.en}, camera in the car", place, own, switch)
        site.device("manual_call_point", f"{of_zh}手动报警按钮", f"{of_en}, manual call point", place, fire, panel)
        for floor in range(3, building.floors + 1, 6):
            site.device(
                "smoke_detector",
                f"{of_zh}{floor}楼走廊烟感",
                f"{of_en}, floor {floor} corridor smoke detector",
                place,
                fire,
                panel,
            )


def _in_homes(site: Site, homes: list[tuple[str, str, str]]) -> None:
    """Gas detectors first, then what a home has besides, until there are enough; in homes drawn by lot."""
    chosen = list(homes)
    site.rng.shuffle(chosen)
    for kind, zh, en, share in (
        ("home_gas_detector", "燃气探测器", "gas detector", 0.6),
        ("water_meter", "水表", "water meter", 0.5),
        ("sensor", "门磁", "door contact", 0.15),
        ("panic_button", "紧急按钮", "panic button", 0.12),
        ("smoke_detector", "烟感", "smoke detector", 0.4),
    ):
        for place, of_zh, of_en in chosen[: int(len(chosen) * share)]:
            site.device(kind, of_zh + zh, f"{of_en}, {en}", place)


def _more_cameras(site: Site, core: str) -> None:
    """Along the fence, as many as are still missing."""
    missing = site.plan.devices - len(site.devices)
    if missing > 0:
        fence = site.place("fence", "zone", "周界", "Perimeter")
        for number in range(1, missing + 1):
            of = f"{site.plan.id}-cameras"
            site.device("camera", f"周界{number}号摄像机", f"Perimeter, camera {number}", fence, of, core)
