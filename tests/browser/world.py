"""A small world for the console: the demo compound, people, alerts and a day of readings, without broker or rules.

`Hand` stands in for rules: it writes alerts as rules does, and applies what people do to them.
"""

import math
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from linli.clock import DAY, HOUR, MINUTE, SECOND, Clock
from linli.db import migrate
from linli.db.alerts import Change, Effects, Outcome, SqlAlerts
from linli.db.database import Database, open_database
from linli.db.people import People
from linli.db.registry import save
from linli.i18n import Text
from linli.ids import alert_id
from linli.model import (
    READINGS_TYPE,
    Action,
    ActionKind,
    Alert,
    Community,
    Condition,
    Device,
    Evidence,
    Handling,
    Lane,
    Message,
    Place,
    Reading,
    Received,
    Role,
    Severity,
)
from linli.testing import MemoryStore
from simulators.compound import COMMUNITY, GATEWAY, demo_registry

PASSWORD = "lakeview-night-shift"
EVIL = '<img src=x onerror="window.hacked=1">'
EVIL_DEVICE = "c001-cam-12"
STUCK_DOOR, DEAF_DOOR = "c001-door-06", "c001-door-07"
SILENT_DEVICES = ("c001-b3-lift-2", "c001-garage-air-2")

_CURVES: dict[str, tuple[tuple[str, float, float], ...]] = {
    # by kind of device: (quantity, middle, swing over the day)
    "camera": (("frame_rate", 25, 0.5),),
    "door": (("open", 0, 0),),
    "siren": (("on", 0, 0),),
    "lift": (("position", 9, 8), ("running", 1, 0)),
    "water_probe": (("water_leak", 0, 0),),
    "level_sensor": (("water_level", 2.1, 0.35),),
    "pressure_sensor": (("water_pressure", 420_000, 30_000),),
    "pump": (("running", 1, 0), ("current", 11.5, 2.0)),
    "smoke_detector": (("smoke", 0, 0),),
    "heat_detector": (("temperature", 24, 4),),
    "cable_sensor": (("temperature", 41, 9),),
    "electricity_meter": (("voltage", 231, 4), ("current", 86, 40), ("power", 58_000, 26_000)),
    "residual_current_sensor": (("residual_current", 0.042, 0.01),),
    "water_meter": (("flow", 0.0011, 0.0008), ("water_volume", 18_432, 20)),
    "air_sensor": (("co", 6, 5), ("temperature", 19, 3), ("humidity", 61, 9)),
}


def build(data: Path, clock: Clock) -> Database:
    """A database with the registry and three people (guard, manager, admin), all with PASSWORD."""
    data.mkdir(parents=True, exist_ok=True)
    database = open_database(f"sqlite:///{data / 'linli.db'}")
    migrate.upgrade(database)
    with database.write() as connection:
        save(connection, demo_registry())
        save(connection, (_renamed(item) for item in demo_registry() if item.id == EVIL_DEVICE))
        save(connection, [Community("c002", Text("听松里", "Pine Lane")), _gate_of_c002()])
    people = People(database, clock)
    people.add("guard", Role.SECURITY, [COMMUNITY], display_name="王建国", password=PASSWORD)
    people.add("manager", Role.PROPERTY, [COMMUNITY], display_name="李晓梅", password=PASSWORD)
    people.add("admin", Role.ADMINISTRATOR, display_name="Admin", password=PASSWORD)
    return database


def fill(store: MemoryStore, now: int) -> None:
    """A day of readings of every device, five minutes apart; the silent ones stopped three hours ago."""
    for device in _devices():
        last = now - 3 * HOUR if device.id in SILENT_DEVICES else now
        readings = [reading for at in range(now - DAY, last + 1, 5 * MINUTE) for reading in _readings(device, at)]
        write(store, readings, now)


def keep_fresh(store: MemoryStore, now: int) -> None:
    """What every device reports at `now`, but for the silent ones."""
    write(store, [r for device in _devices() if device.id not in SILENT_DEVICES for r in _readings(device, now)], now)


def write(store: MemoryStore, readings: list[Reading], now: int) -> None:
    """Put readings into the store as ingest would."""
    message = Message(COMMUNITY, GATEWAY, "b1", Lane.BULK, 1, 1, READINGS_TYPE, GATEWAY, now, now)
    store.write([Received(replace(message, readings=tuple(readings)), now)], {})


class Hand:
    """Writes alerts and applies people's acts, at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._alerts = SqlAlerts(database)
        self._clock = clock
        self._lock = threading.Lock()

    def put(self, alert: Alert, kind: str = "opened", actor: str | None = None, comment: str | None = None) -> Alert:
        """Write the alert as it is after `kind`."""
        now = self._clock.now()
        with self._lock:
            position = self._alerts.position() + 1
            self._alerts.apply([Effects(position, (Change(alert, kind, now, actor, comment),))])
        return alert

    def apply_acts(self) -> int:
        """Apply what people have asked for; how many acts there were."""
        pending = self._alerts.pending_actions()
        for act in pending:
            self._apply(act.action)
        return len(pending)

    def _apply(self, action: Action) -> None:
        alert = self._alerts.get(action.alert)
        assert alert is not None
        now = self._clock.now()
        if action.kind in (ActionKind.SHELVE, ActionKind.UNSHELVE):
            shelve = action.kind is ActionKind.SHELVE
            kind = "shelved" if shelve else "unshelved"
            handling = Handling.SHELVED if shelve else Handling.UNACKNOWLEDGED
            alert = replace(alert, handling=handling, shelved_until=action.until)
        elif action.kind is ActionKind.CLOSE:
            kind = "closed"
            alert = replace(
                alert, handling=Handling.CLOSED, closed_at=now, closed_by=action.actor, close_reason=action.comment
            )
        else:
            kind = "acknowledged"
            alert = replace(
                alert,
                handling=Handling.ACKNOWLEDGED,
                acknowledged_at=now,
                acknowledged_by=action.actor,
                acknowledge_comment=action.comment,
            )
        change = Change(replace(alert, updated_at=now), kind, now, action.actor, action.comment)
        with self._lock:
            position = self._alerts.position() + 1
            self._alerts.apply([Effects(position, (change,), (Outcome(action.id, "done", now),))])


def forced_door(now: int, door: str = "c001-door-08") -> Alert:
    """A door forced open at night."""
    return _alert(
        now,
        "door_forced",
        door,
        "c001-b1",
        Severity.HIGH,
        Text("门被强行打开", "Door forced open"),
        Text(
            "1号楼楼顶门在没有刷卡和按出门按钮的情况下被打开。",
            "The roof door of building 1 was opened without a card and without the exit button.",
        ),
        Text(
            "1. 查看最近的摄像机画面。2. 派最近的巡逻员到现场。3. 确认门已关好并上锁，再关闭告警。",
            "1. Look at the nearest camera. 2. Send the nearest patrol. 3. See that the door is shut and locked, then close.",
        ),
        Evidence(now - SECOND, door, "access.door.forced", data={"contact": "open"}),
    )


def kitchen_fire(now: int) -> Alert:
    """Smoke and heat in one kitchen."""
    smoke, heat = "c001-b2-smoke-1", "c001-b2-heat-1"
    alert = _alert(
        now,
        "fire_alarm",
        smoke,
        "c001-b2",
        Severity.CRITICAL,
        Text("火警：2号楼3楼厨房", "Fire alarm: building 2, floor 3 kitchen"),
        Text(
            "2号楼3楼厨房烟感报警，14 秒后温感升到 68 °C，两个探测器互相证实。",
            "The smoke detector of the floor 3 kitchen raised an alarm; 14 s later the heat detector rose to 68 °C.",
        ),
        Text(
            "立即拨打 119。通知该楼层住户沿楼梯疏散。电梯迫降首层。",
            "Call 119 now. Have the floor evacuate by the stairs. Send the lifts to the ground floor.",
        ),
        Evidence(now - 16 * SECOND, smoke, "fire.alarm.raised"),
        Evidence(now - 9 * SECOND, smoke, "smoke", 1.0),
        Evidence(now - 2 * SECOND, heat, "temperature", 68.4, "Cel"),
    )
    return replace(alert, latched=True, confirmed=True, occurrences=3)


def flooded_pump_room(now: int) -> Alert:
    """Water at two probes."""
    return _alert(
        now,
        "pump_room_flooded",
        "c001-pump",
        "c001-pump",
        Severity.CRITICAL,
        Text("水泵房进水", "Pump room flooded"),
        Text("泵坑水浸探头报水，已持续 40 秒。", "The water probe in the pump pit has been wet for 40 s."),
        Text(
            "切断水泵电源。查看集水坑排污泵。通知工程值班。",
            "Cut the pumps' power. Check the sump pump. Call engineering.",
        ),
        Evidence(now - 40 * SECOND, "c001-pump-probe-1", "water_leak", 1.0),
        kind="place",
    )


def hot_cable(now: int) -> Alert:
    """A cable above its threshold, with all that the rules say of it."""
    alert = _alert(
        now,
        "cable-temperature",
        "c001-b1-cable-1",
        "c001-b1",
        Severity.MEDIUM,
        Text("电缆温度偏高", "Cable temperature high"),
        Text(
            "1号楼总开关电缆 72.5 °C，超过 70 °C 已 5 分钟。",
            "The main switch cable is at 72.5 °C, above 70 °C for 5 min.",
        ),
        Text("通知电工检查接头。", "Have an electrician check the joints."),
        Evidence(now - MINUTE, "c001-b1-cable-1", "temperature", 72.5, "Cel"),
    )
    why = {
        "clause": 1,
        "part": "reading",
        "words": {"zh": "温度高于 70 °C，持续 5 分钟", "en": "temperature above 70 °C for 5 min"},
        "began": now - 6 * MINUTE,
        "held": 5 * MINUTE,
        "fired": now - MINUTE,
        "limit": 70.0,
        "value": 72.5,
        "rule": "0123456789ab",
    }
    steps = (
        Text("用热像仪看接头", "Look at the joints with a thermal camera"),
        Text("超过 90 °C 时先减负荷", "Above 90 °C, take load off first"),
    )
    return replace(alert, why=why, steps=steps)


def camera_offline(now: int, camera: str = "c001-cam-09") -> Alert:
    """A camera that says nothing."""
    return _alert(
        now,
        "camera_offline",
        camera,
        "c001-b3",
        Severity.LOW,
        Text("摄像机离线", "Camera offline"),
        Text("已 3 分钟没有收到摄像机的心跳。", "No heartbeat from the camera for 3 min."),
        Text("检查供电和网络。", "Check power and network."),
        Evidence(now - 3 * MINUTE, camera, "device.heartbeat"),
    )


def evil_camera(now: int) -> Alert:
    """An alert whose texts and device are markup."""
    alert = camera_offline(now, EVIL_DEVICE)
    return replace(alert, title=Text(EVIL, EVIL), sentence=Text(EVIL, EVIL), advice=Text(EVIL, EVIL))


def foreign_alert(now: int) -> Alert:
    """An alert of a community that only the administrator sees."""
    alert = camera_offline(now)
    return replace(alert, id=alert_id("camera_offline", "c002-gate", str(now)), community="c002", subject="c002-gate")


def evening(hand: Hand, now: int, guard: str) -> None:
    """A few alerts as an evening leaves them: new, acknowledged, returned, closed."""
    lift = _alert(
        now - 47 * MINUTE,
        "lift_entrapment",
        "c001-b3-lift-1",
        "c001-b3",
        Severity.CRITICAL,
        Text("电梯困人", "Person trapped in lift"),
        Text(
            "3号楼1号电梯停在 7 层非平层区，轿厢有人并按了呼救。",
            "Lift 1 of building 3 stopped between floors with a person inside.",
        ),
        Text("通过对讲安抚。通知维保单位。", "Talk to them over the intercom. Call the lift company."),
        Evidence(now - 48 * MINUTE, "c001-b3-lift-1", "facility.lift.button", data={"pressed": True}),
    )
    hand.put(lift)
    closed = replace(
        lift,
        handling=Handling.CLOSED,
        condition=Condition.RESOLVED,
        acknowledged_at=now - 46 * MINUTE,
        acknowledged_by=guard,
        closed_at=now - 20 * MINUTE,
        closed_by=guard,
        close_reason="维保到场，被困人员已救出，无人受伤。",
        updated_at=now - 20 * MINUTE,
    )
    hand.put(closed, "closed", guard, closed.close_reason)
    hand.put(camera_offline(now - 3 * HOUR))
    cable = hand.put(hot_cable(now - 26 * MINUTE))
    cable = replace(
        cable,
        handling=Handling.ACKNOWLEDGED,
        acknowledged_at=now - 24 * MINUTE,
        acknowledged_by=guard,
        acknowledge_comment="已通知电工老周，10 分钟到。",
        updated_at=now - 24 * MINUTE,
        occurrences=4,
    )
    hand.put(cable, "acknowledged", guard, cable.acknowledge_comment)
    held = _alert(
        now - 9 * MINUTE,
        "door_held_open",
        "c001-door-03",
        "c001-b1",
        Severity.MEDIUM,
        Text("单元门长时间未关", "Door held open"),
        Text(
            "1号楼单元门打开超过 2 分钟，已自行关上。",
            "The entrance of building 1 stood open for over 2 min; it is shut now.",
        ),
        Text("查看是否有人尾随进入。", "See whether somebody followed in."),
        Evidence(now - 11 * MINUTE, "c001-door-03", "access.door.opened"),
    )
    hand.put(held)
    hand.put(
        replace(held, handling=Handling.RETURNED_UNACKNOWLEDGED, condition=Condition.RESOLVED, updated_at=now - MINUTE),
        "resolved",
    )


def _alert(
    now: int,
    rule: str,
    subject: str,
    place: str,
    severity: Severity,
    title: Text,
    sentence: Text,
    advice: Text,
    *evidence: Evidence,
    kind: str = "device",
) -> Alert:
    return Alert(
        id=alert_id(rule, subject, str(now)),
        rule=rule,
        community=COMMUNITY,
        subject=subject,
        subject_kind=kind,
        place=place,
        severity=severity,
        condition=Condition.FIRING,
        handling=Handling.UNACKNOWLEDGED,
        latched=False,
        confirmed=False,
        historic=False,
        title=title,
        sentence=sentence,
        advice=advice,
        opened_at=now,
        first_seen=now,
        last_seen=now,
        occurrences=1,
        evidence=tuple(evidence),
        updated_at=now,
    )


def _renamed(item: object) -> Device:
    assert isinstance(item, Device)
    return replace(item, name=Text(EVIL, EVIL))


def _gate_of_c002() -> Place:
    return Place("c002-gate", "c002", "gate", Text("北门", "North gate"))


def _devices() -> Iterator[Device]:
    return (item for item in demo_registry() if isinstance(item, Device))


def _readings(device: Device, at: int) -> Iterator[Reading]:
    phase = (zlib.crc32(device.id.encode()) % 7) / 7 + at / DAY * 2 * math.pi
    for quantity, middle, swing in _CURVES[device.kind]:
        wobble = math.sin(at / MINUTE / 7.3) * swing * 0.15
        yield Reading(device.id, quantity, at, round(middle + swing * math.sin(phase) + wobble, 6))
