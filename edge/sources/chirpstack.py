"""ChirpStack v4, a LoRaWAN network server (www.chirpstack.io, 'Event types'), over its JSON MQTT integration.

    application/{application}/device/{devEui}/event/{up,status,join,ack,txack,log,location,integration}

The devEui of the topic names the device; the device's name in ChirpStack will do as well. Fields that are 0 or false are
left out of its JSON (proto3). A message may come twice; `deduplicationId` tells.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from edge.sources import (
    EventSeen,
    Ignored,
    Observation,
    Recent,
    Rejected,
    States,
    iso_time,
    parse_json,
)
from edge.sources.fields import MAX_FIELDS, as_number, flatten
from edge.sources.interpret import Context, interpret
from linli.model import JsonValue, Lane

_TOPIC = re.compile(r"(?:.+/)?application/[^/]+/device/([^/]+)/(event|command|state)/([^/]+)")


class ChirpStack:
    """One ChirpStack server."""

    def __init__(self, base: str = "application") -> None:
        self._base = base
        self._states = States()
        self._recent = Recent()

    def topics(self) -> list[str]:
        """The events of every device of every application."""
        return [f"{self._base}/+/device/+/event/+"]

    def translate(self, topic: str, payload: bytes, retained: bool, received_at: int) -> list[Observation] | None:
        """See `Source.translate`."""
        match = _TOPIC.fullmatch(topic)
        if match is None or not topic.startswith(self._base + "/"):
            return None
        device, branch, kind = match.groups()
        if branch != "event":
            return [Ignored("a command to a device")]
        document = parse_json(payload)
        if isinstance(document, Rejected):
            return [document]
        duplicate = document.get("deduplicationId")
        if isinstance(duplicate, str) and self._told((device, kind, duplicate), retained):
            return [Ignored("told already")]
        context = Context(_names(device, document), iso_time(document.get("time")), retained, received_at)
        return self._read(kind, context, document) or [Ignored(f"{kind:.40} without content")]

    def _told(self, key: tuple[str, str, str], retained: bool) -> bool:
        return self._recent.seen_retained(key) if retained else self._recent.seen(key)

    def _read(self, kind: str, context: Context, document: Mapping[str, Any]) -> list[Observation]:
        match kind:
            case "up":
                return self._up(context, document)
            case "status":
                return _status(context, document)
            case "join":
                return [context.event("device.joined", {"dev_addr": str(document.get("devAddr", ""))[:32]})]
            case "ack":
                data: dict[str, JsonValue] = {
                    "acknowledged": document.get("acknowledged") is True,
                    "queue_item": str(document.get("queueItemId", ""))[:64],
                    "f_cnt_down": as_number(document.get("fCntDown", 0)),
                }
                return [context.event("device.downlink.acknowledged", data)]
            case "txack":
                item = str(document.get("queueItemId", ""))[:64]
                return [_bulk(context, "device.downlink.sent", {"queue_item": item})]
            case "log":
                data = {"level": str(document.get("level", "INFO"))[:32], "code": str(document.get("code", ""))[:64]}
                data["description"] = str(document.get("description", ""))[:1000]
                return [_bulk(context, "device.status.changed", data | {"status": data["code"]})]
            case "location":
                return _location(context, document)
        return [Ignored(f"event {kind:.40}")]

    def _up(self, context: Context, document: Mapping[str, Any]) -> list[Observation]:
        out: list[Observation] = []
        decoded = document.get("object")
        if isinstance(decoded, dict):
            out = interpret(context, islice(_unwrapped(decoded), MAX_FIELDS), self._states)
        raw = document.get("data")
        if not out and isinstance(raw, str) and raw:
            data: dict[str, JsonValue] = {
                "data": raw[:1024],
                "hex": _hex(raw),
                "f_port": as_number(document.get("fPort", 0)),
                "f_cnt": as_number(document.get("fCnt", 0)),
            }
            out = [_bulk(context, "device.uplink", data)]
        return out + _radio(context, document)


def _names(device: str, document: Mapping[str, Any]) -> tuple[str, ...]:
    info = document.get("deviceInfo")
    name = info.get("deviceName") if isinstance(info, dict) else None
    names = (device, device.lower(), device.upper(), *((name,) if isinstance(name, str) else ()))
    return tuple(dict.fromkeys(names))


def _bulk(context: Context, kind: str, data: dict[str, JsonValue]) -> EventSeen:
    return EventSeen(context.names, kind, data, context.time, context.historic, Lane.BULK)


def _unwrapped(decoded: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The leaves; what a decoder wraps as {"value": 3, "unit": ...} goes by the outer name."""
    for name, value in decoded.items():
        if isinstance(value, dict) and "value" in value and not isinstance(value["value"], dict | list):
            yield name, value["value"]
        elif name == "data" and isinstance(value, dict):  # the convention of The Things Stack's decoders
            yield from flatten(value)
        else:
            yield from flatten({name: value})


def _status(context: Context, document: Mapping[str, Any]) -> list[Observation]:
    out: list[Observation] = []
    margin, battery = as_number(document.get("margin", 0)), as_number(document.get("batteryLevel"))
    if margin is not None:
        out.append(context.value("link_margin", margin, "dB"))
    if document.get("externalPowerSource") is True:
        out.append(context.value("external_power", 1.0))
    elif battery is not None and document.get("batteryLevelUnavailable") is not True:
        out.append(context.value("battery", battery, "%EL"))
    return out


def _location(context: Context, document: Mapping[str, Any]) -> list[Observation]:
    place = document.get("location")
    if not isinstance(place, dict):
        return [Rejected("wrong_type", "location is not an object")]
    units = {"latitude": "lat", "longitude": "lon", "altitude": "m"}
    values = {key: as_number(place.get(key, 0)) for key in units}
    return [context.value(key, value, units[key]) for key, value in values.items() if value is not None]


def _radio(context: Context, document: Mapping[str, Any]) -> list[Observation]:
    """Signal strength at the gateway that heard it best."""
    heard = document.get("rxInfo")
    radios = [item for item in heard if isinstance(item, dict)] if isinstance(heard, list) else []
    strengths = [(as_number(item.get("rssi")), as_number(item.get("snr", 0))) for item in radios]
    known = [(rssi, snr) for rssi, snr in strengths if rssi is not None]
    if not known:
        return []
    rssi, snr = max(known, key=lambda pair: pair[0])
    out: list[Observation] = [context.value("rssi", rssi, "dBm")]
    if snr is not None:
        out.append(context.value("snr", snr, "dB"))
    return out


def _hex(raw: str) -> str:
    try:
        return base64.b64decode(raw[:1024], validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
