"""The model of each kind of device in the demo compound."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from linli.clock import SECOND
from linli.model import DEVICE_HEARTBEAT_TYPE, Device
from simulators import curves
from simulators.compound import FLOORS, GARAGE, GATE, PUMP_ROOM
from simulators.devices import DeviceModel, ModelMaker, Observation, Occurrence

_OPENED, _CLOSED, _FORCED = "access.door.opened", "access.door.closed", "access.door.forced"
_LOCKED, _UNLOCKED = "access.lock.locked", "access.lock.unlocked"
_SIREN_ON, _SIREN_OFF = "facility.siren.started", "facility.siren.stopped"
_MOVING, _STOPPED = "facility.lift.moving", "facility.lift.stopped"
_PASSAGE_S = (2, 8)
"""Somebody waits at a door that is opened from afar: seconds from unlocking until they open it, and until it is shut."""
_FLOOR_S = 2.5
"""Seconds a lift takes for one storey."""


class Camera(DeviceModel):
    """Says that it is alive with each reading of its frame rate, and sees people by day."""

    rate_per_hour = 12.0

    def busyness(self, time: int) -> float:
        """As people are about; nobody by night."""
        return curves.share(curves.IN_VIEW, curves.hour_of(time, self.zone))

    def activity(self, time: int) -> list[Occurrence]:
        """One person in view."""
        zone = {GATE: "entrance", GARAGE: "driveway", PUMP_ROOM: "doorway"}.get(self.device.place, "lobby")
        confidence = round(self.rng.uniform(0.62, 0.98), 2)
        return [self.event(time, "camera.person.detected", zone=zone, confidence=confidence)]

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Frames a second."""
        yield "frame_rate", 25 + self.noise(0.1)

    def _readings(self, time: int) -> Iterator[Observation]:
        yield self.event(time, DEVICE_HEARTBEAT_TYPE)
        yield from super()._readings(time)


class Door(DeviceModel):
    """Grants or exit requests, each followed by an opening of 5 to 12 s; now and then a denial."""

    def __init__(self, device: Device, seed: int, zone: ZoneInfo, start: int) -> None:
        self._staff_only = device.place == PUMP_ROOM or device.id.endswith("-08")
        self.rate_per_hour = 1.0 if self._staff_only else 40.0
        self._open = False
        super().__init__(device, seed, zone, start)

    def busyness(self, time: int) -> float:
        """As people come and go; plant rooms in office hours only."""
        course = curves.OFFICE_HOURS if self._staff_only else curves.FOOT_TRAFFIC
        return curves.share(course, curves.hour_of(time, self.zone))

    def activity(self, time: int) -> list[Occurrence]:
        """Somebody comes in, goes out, or is not let in."""
        opened = time + self.between(0.8, 2.5)
        passage = [self.event(opened, _OPENED), self.event(opened + self.between(5, 12), _CLOSED)]
        card = f"card-{self.rng.randrange(1, 600):04}"
        chance = self.rng.random()
        if chance < 0.02:
            return [self.event(time, "access.denied", credential=card, reason="unknown_credential")]
        if chance < 0.45:
            return [self.event(time, "access.exit.requested"), *passage]
        return [self.event(time, "access.granted", credential=card), *passage]

    settled_by_command = frozenset((_LOCKED, _UNLOCKED))

    def obey(self, command: str, arguments: Mapping[str, int], time: int) -> list[Occurrence]:
        """Unlocked for `seconds`; if that is long enough, whoever waits there goes in and lets the door fall shut."""
        if command == "lock":
            return [self.event(time, _LOCKED)]
        seconds = arguments["seconds"]
        follows = [self.event(time, _UNLOCKED, seconds=seconds), self.event(time + seconds * SECOND, _LOCKED)]
        opens, shuts = _PASSAGE_S
        if seconds > opens and not self._open:
            follows += [self.event(time + opens * SECOND, _OPENED), self.event(time + shuts * SECOND, _CLOSED)]
        return follows

    def apply(self, occurrence: Occurrence) -> None:
        """It stands open from an opening to a closing."""
        if occurrence.type in (_OPENED, _FORCED):
            self._open = True
        elif occurrence.type == _CLOSED:
            self._open = False

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """1 while it stands open."""
        yield "open", float(self._open)


class Siren(DeviceModel):
    """Silent, until it is told otherwise."""

    settled_by_command = frozenset((_SIREN_ON, _SIREN_OFF))

    def __init__(self, device: Device, seed: int, zone: ZoneInfo, start: int) -> None:
        super().__init__(device, seed, zone, start)
        self._sounds = False

    def obey(self, command: str, arguments: Mapping[str, int], time: int) -> list[Occurrence]:
        """It sounds for `seconds`, or until it is told to stop."""
        if command == "off":
            return [self.event(time, _SIREN_OFF)]
        seconds = arguments["seconds"]
        return [self.event(time, _SIREN_ON, seconds=seconds), self.event(time + seconds * SECOND, _SIREN_OFF)]

    def apply(self, occurrence: Occurrence) -> None:
        """It sounds from started to stopped."""
        if occurrence.type in self.settled_by_command:
            self._sounds = occurrence.type == _SIREN_ON

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """1 while it sounds."""
        yield "on", float(self._sounds)


class Lift(DeviceModel):
    """Trips between floors; it always stops in a door zone."""

    rate_per_hour = 45.0

    def __init__(self, device: Device, seed: int, zone: ZoneInfo, start: int) -> None:
        super().__init__(device, seed, zone, start)
        self._floor = 1
        self._moving = False

    def busyness(self, time: int) -> float:
        """As people come and go."""
        return curves.share(curves.FOOT_TRAFFIC, curves.hour_of(time, self.zone))

    def activity(self, time: int) -> list[Occurrence]:
        """A trip: to the ground floor, or from it."""
        target = 1 if self._floor != 1 else self.rng.randint(2, FLOORS)
        arrival = time + round(abs(target - self._floor) * _FLOOR_S * 1e6) + self.between(1, 3)
        occupied = self.rng.random() < 0.7
        return [
            self.event(time, _MOVING, floor=self._floor),
            self.event(arrival, _STOPPED, floor=target, door_zone=True, occupied=occupied),
        ]

    def apply(self, occurrence: Occurrence) -> None:
        """It is where its last event says."""
        if occurrence.type in (_MOVING, _STOPPED):
            self._moving = occurrence.type == _MOVING
            floor = occurrence.data.get("floor")
            self._floor = floor if isinstance(floor, int) else self._floor

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """The floor it was last at, and whether it runs."""
        yield "position", self._floor
        yield "running", float(self._moving)


class WaterProbe(DeviceModel):
    """Dry, unless a scenario wets it."""

    def __init__(self, device: Device, seed: int, zone: ZoneInfo, start: int) -> None:
        super().__init__(device, seed, zone, start)
        self._wet = False

    def apply(self, occurrence: Occurrence) -> None:
        """Wet from detected to cleared."""
        if occurrence.type in ("facility.water.detected", "facility.water.cleared"):
            self._wet = occurrence.type == "facility.water.detected"

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """1 while wet."""
        yield "water_leak", float(self._wet)


class FireDetector(DeviceModel):
    """A smoke or a heat detector, in alarm only when a scenario says so."""

    def __init__(self, device: Device, seed: int, zone: ZoneInfo, start: int) -> None:
        super().__init__(device, seed, zone, start)
        self._alarm = False
        self._offset = self.rng.uniform(-1.5, 1.5)

    def apply(self, occurrence: Occurrence) -> None:
        """In alarm from raised to cleared."""
        if occurrence.type in ("fire.alarm.raised", "fire.alarm.cleared"):
            self._alarm = occurrence.type == "fire.alarm.raised"

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Smoke 0 or 1, or the temperature indoors; hot while in alarm."""
        if self.device.kind == "smoke_detector":
            yield "smoke", float(self._alarm)
            return
        indoors = 19 + 0.25 * curves.outdoor_temperature(time, self.zone) + self._offset
        yield "temperature", (64.0 if self._alarm else indoors) + self.noise(0.15)


class LevelSensor(DeviceModel):
    """The roof tank: lower while much water is drawn."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Metres of water, 2.1 to 2.8."""
        yield "water_level", 2.75 - 0.55 * _water_demand(self, time) + self.noise(0.01)


class PressureSensor(DeviceModel):
    """Supply pressure: the lower floors' 0.35 MPa, the upper floors' 0.75 MPa, less while much is drawn."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Pascal."""
        base = 350_000 if self.device.id.endswith("-1") else 750_000
        yield "water_pressure", base * (1 - 0.08 * _water_demand(self, time)) + self.noise(1500)


class Pump(DeviceModel):
    """Two pumps take turns by the hour; both run at the peaks."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Whether it runs, and its current in ampere."""
        hour = curves.hour_of(time, self.zone)
        demand = _water_demand(self, time)
        on_duty = int(hour) % 2 == int(self.device.id.endswith("-1"))
        running = demand > 0.7 or (on_duty and demand > 0.03)
        yield "running", float(running)
        yield "current", 5.5 + 4 * demand + self.noise(0.1) if running else 0.0


class CableSensor(DeviceModel):
    """A cable warms with the load it carries."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Degrees Celsius, below 60."""
        load = curves.share(curves.POWER, curves.hour_of(time, self.zone))
        ambient = 12 + 0.5 * curves.outdoor_temperature(time, self.zone)
        yield "temperature", ambient + 18 * load**2 + self.noise(0.2)


class ElectricityMeter(DeviceModel):
    """The main meter of a building: three phases of 220 V, up to 160 kW in the evening."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Phase voltage, current of a phase (power factor 0.95), and power."""
        load = curves.share(curves.POWER, curves.hour_of(time, self.zone))
        power = 160_000 * load * (1 + self.noise(0.02))
        voltage = 224 - 5 * load + self.noise(0.5)
        yield "voltage", voltage
        yield "current", power / (3 * voltage * 0.95)
        yield "power", power


class ResidualCurrentSensor(DeviceModel):
    """The leakage that many appliances make together: far below 300 mA."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Ampere."""
        load = curves.share(curves.POWER, curves.hour_of(time, self.zone))
        yield "residual_current", 0.03 + 0.06 * load + self.noise(0.004)


class WaterMeter(DeviceModel):
    """The main water meter of a building: up to 2.5 l/s in the morning."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """Flow, and the volume since the meter was fitted, which never falls."""
        yield "flow", max(0.0, 0.0025 * _water_demand(self, time) * (1 + self.noise(0.1)))
        fitted_after = 18_000 * curves.hours_of_full(curves.WATER, 24)  # days since 1970
        used = curves.total_hours(curves.WATER, time, self.zone) - fitted_after
        yield "water_volume", 0.0025 * 3600 * used


class AirSensor(DeviceModel):
    """Garage air: carbon monoxide follows the cars."""

    def measure(self, time: int) -> Iterator[tuple[str, float]]:
        """CO in mg/m3 (below 15), degrees Celsius, and percent of relative humidity."""
        cars = curves.share(curves.CARS, curves.hour_of(time, self.zone))
        outdoors = curves.outdoor_temperature(time, self.zone)
        yield "co", max(0.0, 1.5 + 9 * cars + self.noise(0.5))
        yield "temperature", 15 + 0.3 * outdoors + self.noise(0.1)
        yield "humidity", min(95.0, 68 + 0.3 * outdoors + self.noise(0.8))


MODELS: dict[str, ModelMaker] = {
    "camera": Camera,
    "door": Door,
    "lift": Lift,
    "siren": Siren,
    "water_probe": WaterProbe,
    "level_sensor": LevelSensor,
    "pressure_sensor": PressureSensor,
    "pump": Pump,
    "smoke_detector": FireDetector,
    "heat_detector": FireDetector,
    "cable_sensor": CableSensor,
    "electricity_meter": ElectricityMeter,
    "residual_current_sensor": ResidualCurrentSensor,
    "water_meter": WaterMeter,
    "air_sensor": AirSensor,
}
"""The model of each kind; a kind that is not here stays silent (`DeviceModel`)."""


def model_of(device: Device, seed: int, zone: ZoneInfo, start: int) -> DeviceModel:
    """A fresh model of the device that begins at `start`."""
    return MODELS.get(device.kind, DeviceModel)(device, seed, zone, start)


def _water_demand(model: DeviceModel, time: int) -> float:
    return curves.share(curves.WATER, curves.hour_of(time, model.zone))
