"""What the field names that sensors report mean: quantity, unit and factor, or a flag with the events of its two states.

Zigbee2MQTT's names (its 'exposes' pages), and what decoders of LoRaWAN payloads use for the same things. A name that is not
listed is kept as a number under its own name, without a unit.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from linli.ids import is_id
from linli.vocabulary import QUANTITIES

MAX_FIELDS = 200
_NOT_ID = re.compile(r"[^a-z0-9_-]+")
# fmt: off
_TRUE = frozenset((
    "true", "1", "on", "yes", "active", "alarm", "alert", "detected", "occupied", "motion", "leak", "leaking", "wet",
    "open", "opened", "trigger", "triggered", "tampered", "uninstalled",
))
_FALSE = frozenset((
    "false", "0", "off", "no", "inactive", "normal", "clear", "cleared", "none", "vacant", "empty", "idle", "dry",
    "close", "closed", "untriggered", "installed", "ok",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Number:
    """A measured field: `value * factor` in `unit`."""

    quantity: str
    unit: str | None = None
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Flag:
    """A field of two states: kept as 1 or 0, and a change is an event if that state has one.

    `inverted`: the field is true when the quantity is 0 (a contact is true when it is closed).
    """

    quantity: str
    raised: str | None = None
    cleared: str | None = None
    inverted: bool = False


_WATER = Flag("water_leak", "facility.water.detected", "facility.water.cleared")
_OPEN = Flag("open", "sensor.contact.opened", "sensor.contact.closed")
_OCCUPANCY = Flag("occupancy", "sensor.occupancy.detected", "sensor.occupancy.cleared")
_TAMPER = Flag("tamper", "sensor.tamper.detected", "sensor.tamper.cleared")
_SMOKE = Flag("smoke", "sensor.smoke.detected", "sensor.smoke.cleared")
_VIBRATION = Flag("vibration", "sensor.vibration.detected")

FLAGS: dict[str, Flag] = {
    "water_leak": _WATER,
    "waterleak": _WATER,
    "water_leakage": _WATER,
    "leak": _WATER,
    "leakage_status": _WATER,
    "flood": _WATER,
    "contact": Flag("open", "sensor.contact.opened", "sensor.contact.closed", inverted=True),
    "door": _OPEN,
    "door_status": _OPEN,
    "magnet_status": _OPEN,
    "open": _OPEN,
    "window": _OPEN,
    "occupancy": _OCCUPANCY,
    "presence": _OCCUPANCY,
    "motion": _OCCUPANCY,
    "pir": _OCCUPANCY,
    "smoke": _SMOKE,
    "carbon_monoxide": Flag("carbon_monoxide", "sensor.carbon_monoxide.detected", "sensor.carbon_monoxide.cleared"),
    "gas": Flag("gas", "sensor.gas.detected", "sensor.gas.cleared"),
    "vibration": _VIBRATION,
    "tamper": _TAMPER,
    "tamper_status": _TAMPER,
    "battery_low": Flag("battery_low", "device.battery.low"),
    "sos": Flag("sos", "sensor.button.pressed"),
}

NUMBERS: dict[str, Number] = {
    "temperature": Number("temperature", "Cel"),
    "local_temperature": Number("temperature", "Cel"),
    "device_temperature": Number("device_temperature", "Cel"),
    "humidity": Number("humidity", "%RH"),
    "soil_moisture": Number("soil_moisture", "%"),
    "pressure": Number("air_pressure", "Pa", 100.0),  # hPa
    "barometric_pressure": Number("air_pressure", "Pa", 100.0),
    "illuminance": Number("illuminance", "lx"),
    "illuminance_lux": Number("illuminance", "lx"),
    "co2": Number("co2", "ppm"),
    "co": Number("co", "mg/m3", 1.145),  # ppm; 28.01 g/mol at 25 degC and 1013 hPa
    "battery": Number("battery", "%EL"),
    "voltage": Number("voltage", "V"),
    "current": Number("current", "A"),
    "power": Number("power", "W"),
    "energy": Number("energy", "J", 3.6e6),  # kWh
    "produced_energy": Number("produced_energy", "J", 3.6e6),
    "ac_frequency": Number("frequency", "Hz"),
    "linkquality": Number("link_quality"),
    "rssi": Number("rssi", "dBm"),
    "snr": Number("snr", "dB"),
    "latitude": Number("latitude", "lat"),
    "longitude": Number("longitude", "lon"),
    "altitude": Number("altitude", "m"),
    "position": Number("opening", "%"),  # of a cover; Linli's `position` is a lift's floor
}


def as_flag(value: object) -> bool | None:
    """A state in any of the forms that devices use (true, 1, "ON", "open", "leak"), or None if it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def as_number(value: object) -> float | None:
    """A number, also one written as a text, or a truth value as 1 or 0; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def quantity_name(field: str) -> str | None:
    """A field's name as a quantity's: lower case, other letters as '_'; None if nothing is left of it."""
    name = _NOT_ID.sub("_", field.lower()).strip("_-")[:64]
    return name if is_id(name) else None


def number_of(field: str) -> Number | None:
    """What a numeric field means; None if its name cannot be a quantity."""
    known = NUMBERS.get(field.lower())
    if known is not None:
        return known
    name = quantity_name(field)
    if name is None:
        return None
    known_unit = name in QUANTITIES and QUANTITIES[name].unit is not None
    # Under such a name a number must be in that unit, and which one the device used is not known here.
    return Number(f"raw_{name}"[:64] if known_unit else name)


def flatten(tree: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of nested objects and lists with their path joined by '_'."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flatten(value, f"{prefix}_{key}" if prefix else key)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from flatten(value, f"{prefix}_{index}")
    else:
        yield prefix, tree
