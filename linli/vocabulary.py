"""The words that devices report in: quantities with their units, and discrete event types, named in both languages.

A type or quantity that is not listed here is taken all the same (any valid name is); it is then shown by its own name.
Units are SenML's (RFC 8428 section 12.1 and RFC 8798).
"""

from dataclasses import dataclass

from linli.i18n import Text
from linli.shards import service_of


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something measured. `flag`: it is 1 or 0, shown as the two words of `words` (0 first)."""

    name: Text
    unit: str | None = None
    symbol: str = ""
    flag: bool = False
    words: tuple[Text, Text] = (Text("否", "no"), Text("是", "yes"))


QUANTITIES: dict[str, Quantity] = {
    "temperature": Quantity(Text("温度", "Temperature"), "Cel", "°C"),
    "humidity": Quantity(Text("湿度", "Humidity"), "%RH", "%"),
    "pressure": Quantity(Text("压力", "Pressure"), "Pa", "Pa"),
    "air_pressure": Quantity(Text("气压", "Air pressure"), "Pa", "Pa"),
    "water_pressure": Quantity(Text("水压", "Water pressure"), "Pa", "Pa"),
    "water_level": Quantity(Text("水位", "Water level"), "m", "m"),
    "water_leak": Quantity(Text("水浸", "Water leak"), flag=True, words=(Text("干燥", "dry"), Text("有水", "wet"))),
    "flow": Quantity(Text("流量", "Flow"), "m3/s", "m³/s"),
    "water_volume": Quantity(Text("用水量", "Water volume"), "m3", "m³"),
    "co": Quantity(Text("一氧化碳", "Carbon monoxide"), "mg/m3", "mg/m³"),
    "co2": Quantity(Text("二氧化碳", "Carbon dioxide"), "ppm", "ppm"),
    "voltage": Quantity(Text("电压", "Voltage"), "V", "V"),
    "current": Quantity(Text("电流", "Current"), "A", "A"),
    "residual_current": Quantity(Text("剩余电流", "Residual current"), "A", "A"),
    "power": Quantity(Text("功率", "Power"), "W", "W"),
    "energy": Quantity(Text("电量", "Energy"), "J", "J"),
    "battery": Quantity(Text("电池电量", "Battery"), "%EL", "%"),
    "link_quality": Quantity(Text("信号质量", "Link quality")),
    "position": Quantity(Text("楼层", "Floor")),
    "open": Quantity(Text("开合", "Open"), flag=True, words=(Text("关", "closed"), Text("开", "open"))),
    "running": Quantity(Text("运行", "Running"), flag=True, words=(Text("停止", "stopped"), Text("运行", "running"))),
    "occupancy": Quantity(
        Text("有人", "Occupancy"), flag=True, words=(Text("无人", "empty"), Text("有人", "occupied"))
    ),
    "smoke": Quantity(Text("烟感", "Smoke"), flag=True, words=(Text("正常", "clear"), Text("有烟", "smoke"))),
    "online": Quantity(Text("在线", "Online"), flag=True, words=(Text("离线", "offline"), Text("在线", "online"))),
    "queue": Quantity(Text("待发数", "Queue")),
    "frame_rate": Quantity(Text("帧率", "Frame rate"), "1/s", "fps"),
    "rssi": Quantity(Text("接收信号强度", "Signal strength"), "dBm", "dBm"),
    "snr": Quantity(Text("信噪比", "Signal-to-noise ratio"), "dB", "dB"),
    "device_temperature": Quantity(Text("设备温度", "Device temperature"), "Cel", "°C"),
    "illuminance": Quantity(Text("照度", "Illuminance"), "lx", "lx"),
    "frequency": Quantity(Text("频率", "Frequency"), "Hz", "Hz"),
    "produced_energy": Quantity(Text("发电量", "Produced energy"), "J", "J"),
    "soil_moisture": Quantity(Text("土壤湿度", "Soil moisture"), "%", "%"),
    "fill_level": Quantity(Text("液位百分比", "Fill level"), "%", "%"),
    "gas_level": Quantity(Text("燃气浓度", "Gas level"), "%", "% LEL"),
    "chlorine": Quantity(Text("余氯", "Chlorine"), "mg/l", "mg/L"),
    "turbidity": Quantity(Text("浊度", "Turbidity"), "NTU", "NTU"),
    "parking_occupancy": Quantity(Text("车位占用率", "Parking occupancy"), "%", "%"),
    "opening": Quantity(Text("开度", "Opening"), "%", "%"),
    "link_margin": Quantity(Text("链路余量", "Link margin"), "dB", "dB"),
    "latitude": Quantity(Text("纬度", "Latitude"), "lat", "°"),
    "longitude": Quantity(Text("经度", "Longitude"), "lon", "°"),
    "altitude": Quantity(Text("海拔", "Altitude"), "m", "m"),
    "on": Quantity(Text("通断", "On"), flag=True, words=(Text("断", "off"), Text("通", "on"))),
    "locked": Quantity(Text("上锁", "Locked"), flag=True, words=(Text("未锁", "unlocked"), Text("已锁", "locked"))),
    "vibration": Quantity(Text("震动", "Vibration"), flag=True),
    "tamper": Quantity(Text("拆动", "Tamper"), flag=True),
    "gas": Quantity(Text("燃气", "Gas"), flag=True),
    "carbon_monoxide": Quantity(Text("一氧化碳报警", "Carbon monoxide alarm"), flag=True),
    "battery_low": Quantity(Text("电池电量低", "Battery low"), flag=True),
    "external_power": Quantity(Text("外接电源", "External power"), flag=True),
}

EVENT_TYPES: dict[str, Text] = {
    "access.granted": Text("准许通行", "Access granted"),
    "access.denied": Text("拒绝通行", "Access denied"),
    "access.exit.requested": Text("出门按钮", "Exit requested"),
    "access.door.opened": Text("门打开", "Door opened"),
    "access.door.closed": Text("门关闭", "Door closed"),
    "access.door.forced": Text("门被强行打开", "Door forced"),
    "access.lock.locked": Text("门锁上锁", "Lock locked"),
    "access.lock.unlocked": Text("门锁开锁", "Lock unlocked"),
    "access.duress.used": Text("胁迫码开门", "Duress code used"),
    "alarm.panic.pressed": Text("紧急按钮按下", "Panic button pressed"),
    "facility.siren.started": Text("警号鸣响", "Siren started"),
    "facility.siren.stopped": Text("警号停止", "Siren stopped"),
    "camera.person.detected": Text("发现人员", "Person detected"),
    "camera.object.detected": Text("发现目标", "Object detected"),
    "camera.motion.started": Text("画面有动静", "Motion started"),
    "camera.motion.stopped": Text("画面恢复平静", "Motion stopped"),
    "camera.review.changed": Text("录像待查状态", "Review status"),
    "camera.object.classified": Text("目标分类", "Object classified"),
    "camera.object.described": Text("目标描述", "Object described"),
    "camera.person.entered": Text("有人通过", "Person came in"),
    "camera.intrusion.started": Text("有人进入警戒区", "Somebody in the guarded zone"),
    "camera.intrusion.stopped": Text("警戒区无人", "Guarded zone empty"),
    "camera.loitering.detected": Text("有人徘徊", "Loitering detected"),
    "camera.falling_object.detected": Text("高空抛物", "Falling object detected"),
    "camera.ebike.entered": Text("电动自行车进入电梯", "E-bike in the lift"),
    "camera.ebike.left": Text("电动自行车离开电梯", "E-bike out of the lift"),
    "camera.video.covered": Text("画面被遮挡", "Camera covered"),
    "camera.video.frozen": Text("画面静止", "Picture frozen"),
    "camera.video.lost": Text("视频丢失", "Video lost"),
    "camera.video.restored": Text("视频恢复", "Video restored"),
    "fire.alarm.raised": Text("火警", "Fire alarm"),
    "fire.alarm.cleared": Text("火警解除", "Fire alarm cleared"),
    "fire.fault.raised": Text("消防故障", "Fire system fault"),
    "fire.fault.cleared": Text("消防故障恢复", "Fire system fault cleared"),
    "fire.part.disabled": Text("消防部件屏蔽", "Part of the fire system disabled"),
    "fire.part.enabled": Text("消防部件恢复", "Part of the fire system enabled"),
    "facility.water.detected": Text("发现水浸", "Water detected"),
    "facility.water.cleared": Text("水浸解除", "Water cleared"),
    "facility.lift.stopped": Text("电梯停止", "Lift stopped"),
    "facility.lift.moving": Text("电梯运行", "Lift moving"),
    "facility.lift.button": Text("轿厢呼救按钮", "Lift alarm button"),
    "facility.lift.released": Text("被困人员已救出", "Lift passengers released"),
    "facility.lift.fault": Text("电梯故障", "Lift fault"),
    "facility.fire_lane.blocked": Text("消防通道被占", "Fire lane blocked"),
    "facility.fire_lane.cleared": Text("消防通道畅通", "Fire lane clear"),
    "facility.power.lost": Text("供电中断", "Supply lost"),
    "facility.power.restored": Text("供电恢复", "Supply restored"),
    "facility.sump.high": Text("集水坑高水位", "Sump high"),
    "facility.sump.normal": Text("集水坑水位正常", "Sump normal"),
    "parking.barrier.moving": Text("道闸动作中", "Barrier moving"),
    "parking.barrier.opened": Text("道闸已开", "Barrier open"),
    "parking.barrier.closed": Text("道闸已关", "Barrier closed"),
    "sensor.contact.opened": Text("门磁打开", "Contact opened"),
    "sensor.contact.closed": Text("门磁闭合", "Contact closed"),
    "sensor.occupancy.detected": Text("感应到人", "Occupancy detected"),
    "sensor.occupancy.cleared": Text("人已离开", "Occupancy cleared"),
    "sensor.vibration.detected": Text("感应到震动", "Vibration detected"),
    "sensor.button.pressed": Text("按钮按下", "Button pressed"),
    "sensor.smoke.detected": Text("感应到烟雾", "Smoke detected"),
    "sensor.smoke.cleared": Text("烟雾消散", "Smoke cleared"),
    "sensor.tamper.detected": Text("设备被拆动", "Tamper detected"),
    "sensor.tamper.cleared": Text("设备已复位", "Tamper cleared"),
    "sensor.gas.detected": Text("感应到燃气", "Gas detected"),
    "sensor.gas.cleared": Text("燃气消散", "Gas cleared"),
    "sensor.carbon_monoxide.detected": Text("感应到一氧化碳", "Carbon monoxide detected"),
    "sensor.carbon_monoxide.cleared": Text("一氧化碳消散", "Carbon monoxide cleared"),
    "camera.sound.detected": Text("听到声音", "Sound detected"),
    "camera.sound.ended": Text("声音停止", "Sound ended"),
    "device.battery.low": Text("电池电量低", "Battery low"),
    "device.heartbeat": Text("设备心跳", "Device heartbeat"),
    "device.online": Text("设备上线", "Device online"),
    "device.offline": Text("设备离线", "Device offline"),
    "device.status.changed": Text("设备状态变化", "Device status changed"),
    "device.joined": Text("设备入网", "Device joined"),
    "device.removed": Text("设备移除", "Device removed"),
    "device.uplink": Text("未解码的上行数据", "Undecoded uplink"),
    "device.downlink.acknowledged": Text("下行已确认", "Downlink acknowledged"),
    "device.downlink.sent": Text("下行已发送", "Downlink sent"),
    "linli.input.refused": Text("网关拒收设备数据", "Device input refused by the gateway"),
    "linli.gateway.heartbeat": Text("网关心跳", "Gateway heartbeat"),
    "linli.outbox.dropped": Text("网关存储已满，丢弃了消息", "Gateway storage full, messages dropped"),
    "linli.dropped": Text("记录丢失", "Record dropped"),
    "linli.store.failing": Text("存储写不进去", "The store cannot be written"),
    "linli.store.written": Text("存储又能写入", "The store was written again"),
    "linli.ingest.silent": Text("数据接入没有应答", "Ingest does not answer"),
    "linli.ingest.heard": Text("数据接入又有应答", "Ingest answers again"),
    "linli.platform.unchanged": Text("平台状况没有变化", "Linli is as it was"),
    "linli.readings": Text("读数", "Readings"),
}

PLACE_KINDS: dict[str, Text] = {
    "community": Text("小区", "Compound"),
    "building": Text("楼栋", "Building"),
    "unit": Text("单元", "Unit"),
    "floor": Text("楼层", "Floor"),
    "room": Text("房间", "Room"),
    "plant_room": Text("设备间", "Plant room"),
    "dwelling": Text("住户", "Dwelling"),
    "gate": Text("出入口", "Gate"),
    "zone": Text("区域", "Zone"),
}

FACILITY_KINDS: dict[str, Text] = {
    "lift": Text("电梯", "Lift"),
    "pump_room": Text("水泵房", "Pump room"),
    "fire_panel": Text("消防主机", "Fire panel"),
    "electricity": Text("配电", "Electricity"),
    "water": Text("供水", "Water supply"),
    "drainage": Text("排水", "Drainage"),
    "hydrants": Text("消火栓系统", "Fire hydrants"),
    "sprinklers": Text("喷淋系统", "Sprinklers"),
    "fire_tank": Text("消防水池", "Fire water tank"),
    "garage": Text("车库通风", "Garage air"),
    "parking": Text("停车场", "Parking"),
    "access": Text("门禁", "Access control"),
    "cameras": Text("视频监控", "Cameras"),
}

DEVICE_KINDS: dict[str, Text] = {
    "camera": Text("摄像机", "Camera"),
    "door": Text("门", "Door"),
    "turnstile": Text("通道闸", "Turnstile"),
    "barrier": Text("道闸", "Barrier"),
    "parking_counter": Text("车位计数器", "Parking counter"),
    "panic_button": Text("紧急按钮", "Panic button"),
    "keypad": Text("布防键盘", "Alarm keypad"),
    "lift": Text("电梯", "Lift"),
    "water_probe": Text("水浸探头", "Water probe"),
    "level_sensor": Text("水位计", "Level sensor"),
    "pressure_sensor": Text("压力表", "Pressure sensor"),
    "pump": Text("水泵", "Pump"),
    "smoke_detector": Text("烟感探测器", "Smoke detector"),
    "heat_detector": Text("温感探测器", "Heat detector"),
    "manual_call_point": Text("手动火灾报警按钮", "Manual call point"),
    "fire_panel": Text("消防主机", "Fire panel"),
    "gas_detector": Text("可燃气体探测器", "Gas detector"),
    "home_gas_detector": Text("家用燃气探测器", "Household gas detector"),
    "cable_sensor": Text("电缆测温", "Cable temperature sensor"),
    "electricity_meter": Text("电表", "Electricity meter"),
    "residual_current_sensor": Text("剩余电流互感器", "Residual current sensor"),
    "water_meter": Text("水表", "Water meter"),
    "water_quality_sensor": Text("水质仪", "Water quality sensor"),
    "air_sensor": Text("空气传感器", "Air sensor"),
    "sensor": Text("传感器", "Sensor"),
    "siren": Text("警号", "Siren"),
    "relay": Text("继电器", "Relay"),
    "network_switch": Text("交换机", "Network switch"),
    "power_supply": Text("电源", "Power supply"),
    "controller": Text("控制器", "Controller"),
}


PART_NAMES: dict[str, Text] = {
    "broker": Text("消息服务器", "broker"),
    "ingest": Text("数据接入", "ingest"),
    "rules": Text("规则引擎", "rules"),
    "api": Text("接口与页面", "api"),
    "simulator": Text("模拟小区", "simulator"),
}


def event_name(kind: str) -> Text:
    """The type's name for people, or the type itself."""
    return EVENT_TYPES.get(kind, Text(kind, kind))


DATA_NAMES: dict[str, Text] = {
    "floor": Text("楼层", "floor"),
    "door_zone": Text("在平层区", "at a landing"),
    "occupied": Text("有人", "occupied"),
    "pressed": Text("按下", "pressed"),
    "credential": Text("凭证", "credential"),
    "direction": Text("方向", "direction"),
    "reason": Text("原因", "reason"),
    "id": Text("目标", "person or object"),
    "point": Text("点位", "point"),
    "zone": Text("区域", "zone"),
    "confidence": Text("置信度", "confidence"),
    "contact": Text("门磁", "contact"),
    "command": Text("命令", "command"),
    "seconds": Text("秒数", "seconds"),
}
"""What the fields of events' data are called."""

DATA_VALUES: dict[str, Text] = {
    "in": Text("进", "in"),
    "out": Text("出", "out"),
    "revoked": Text("已注销", "revoked"),
    "lost": Text("已挂失", "lost"),
}
"""What some words in events' data are called."""

ROUTES: dict[str, Text] = {
    "guard": Text("保安", "guards"),
    "duty_lead": Text("值班负责人", "the lead on duty"),
    "control_room": Text("消控室", "the control room"),
    "fire_officer": Text("消防负责人", "the fire officer"),
    "property": Text("物业", "property management"),
    "committee": Text("业委会", "the owners' committee"),
    "electrician": Text("电工", "the electrician"),
    "maintainer": Text("维保单位", "the maintenance company"),
    "gas_company": Text("燃气公司", "the gas company"),
    "water_company": Text("供水公司", "the water company"),
    "family": Text("家属", "the family"),
    "volunteer": Text("志愿者", "volunteers"),
}
"""Whom rules' alerts are for."""


def data_name(field: str) -> Text:
    """What a field of events' data is called, or the field itself."""
    return DATA_NAMES.get(field, Text(field, field))


def data_value(value: object) -> Text:
    """What a word or a flag in events' data is called; anything else as it is."""
    if isinstance(value, bool):
        return Text("是", "yes") if value else Text("否", "no")
    word = str(value)
    return DATA_VALUES.get(word, Text(word, word))


def route_name(route: str) -> Text:
    """Whom it is for, in people's words, or the word itself."""
    return ROUTES.get(route, Text(route, route))


def quantity_of(name: str) -> Quantity:
    """The quantity, or a plain number under its own name."""
    return QUANTITIES.get(name, Quantity(Text(name, name)))


def kind_name(kinds: dict[str, Text], kind: str) -> Text:
    """The kind's name for people, or the kind itself."""
    return kinds.get(kind, Text(kind, kind))


def part_name(name: str) -> Text:
    """What a part of Linli (a process) is called, with its shard if it has one of several, or its own name."""
    service, shard = service_of(name)
    part = PART_NAMES.get(service, Text(service, service))
    return part if shard.whole else Text(f"{part.zh} {shard}", f"{part.en} {shard}")
