"""Frigate (docs.frigate.video, 'MQTT'): what its cameras see, and how they are.

    {base}/available                        online, stopped, offline (last will)
    {base}/events, /reviews                 an object or a review, new, update or end, as before and after
    {base}/tracked_object_update            a description, a face, a number plate, a class
    {base}/stats                            frames a second of each camera
    {base}/{camera}/motion, /review_status, /status/{role}, /audio/{sound}, /classification/{model}
    {base}/{camera}/{label}[/active]        how many of them are in view

Settings (`.../set`, `.../state`) and pictures are not ours.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from edge.sources import (
    EventSeen,
    Ignored,
    Observation,
    Recent,
    Rejected,
    States,
    ValueSeen,
    epoch_time,
    parse_json,
    parse_word,
)
from edge.sources.fields import as_number, quantity_name
from edge.sources.interpret import Context
from linli.model import DEVICE_HEARTBEAT_TYPE, JsonValue, Lane

_PHASES = ("new", "update", "end")
_GENERAL = frozenset(("restart", "camera_activity", "profile", "notifications", "onConnect", "triggers", "birdseye"))
_NOT_OURS = frozenset(("set", "state", "snapshot", "ptz", "suspend", "suspended", "transcription"))
_REVIEW_WORDS = frozenset(("NONE", "DETECTION", "ALERT"))
_REMEMBERED = 1000


class Frigate:
    """One Frigate instance. Itself it is known to the mapping by its base topic."""

    def __init__(self, base: str = "frigate") -> None:
        self._base = base
        self._states = States()
        self._recent = Recent()
        self._cameras: OrderedDict[str, str] = OrderedDict()

    def topics(self) -> list[str]:
        """Everything below the base topic."""
        return [f"{self._base}/#"]

    def translate(self, topic: str, payload: bytes, retained: bool, received_at: int) -> list[Observation] | None:
        """See `Source.translate`."""
        if not topic.startswith(self._base + "/"):
            return None
        levels = topic[len(self._base) + 1 :].split("/")
        if len(levels) == 1:
            return self._general(levels[0], payload, retained, received_at)
        if levels[0] in _GENERAL or levels[-1] in _NOT_OURS:
            return [Ignored("a setting or a picture")]
        return self._camera(levels[0], levels[1:], payload, retained, received_at)

    def _general(self, leaf: str, payload: bytes, retained: bool, received_at: int) -> list[Observation]:
        if leaf == "available":
            return self._available(parse_word(payload))
        readers = {
            "events": self._event,
            "reviews": self._review,
            "tracked_object_update": self._update,
            "stats": self._stats,
        }
        read = readers.get(leaf)
        if read is None:
            return [Ignored(leaf[:40])]
        document = parse_json(payload)
        return [document] if isinstance(document, Rejected) else read(document, retained, received_at)

    def _available(self, word: str) -> list[Observation]:
        if word not in ("online", "offline", "stopped"):
            return [Rejected("wrong_type", f"available is {word!r:.80}")]
        name, online = (self._base,), word == "online"
        out: list[Observation] = [ValueSeen(name, "online", float(online), optional=True)]
        if self._states.changed("available", word):
            kind = "device.online" if online else "device.offline"
            out.insert(0, EventSeen(name, kind, {"state": word}, optional=True))
        return out

    # --- objects and reviews ---

    def _event(self, document: Mapping[str, Any], retained: bool, _received_at: int) -> list[Observation]:
        after, phase = document.get("after"), document.get("type")
        if not isinstance(after, dict) or phase not in _PHASES:
            return [Rejected("wrong_type", "an event needs 'type' (new, update, end) and 'after'")]
        camera, label, number = after.get("camera"), after.get("label"), after.get("id")
        if not (isinstance(camera, str) and isinstance(label, str) and isinstance(number, str)):
            return [Rejected("wrong_type", "after needs camera, label and id as texts")]
        self._remember(number, camera)
        if after.get("false_positive") is True:
            return [Ignored("a false positive")]
        key = (number, phase, repr(after.get("frame_time")))
        if self._recent.seen_retained(key) if retained else self._recent.seen(key):
            return [Ignored("told already")]
        kind = "camera.person.detected" if label == "person" else "camera.object.detected"
        data = _object_data(after) | {"id": number, "type": phase, "label": label}
        lane = Lane.BULK if retained or phase == "end" else Lane.URGENT
        return [EventSeen((camera,), kind, data, epoch_time(after.get("frame_time")), retained, lane)]

    def _review(self, document: Mapping[str, Any], retained: bool, received_at: int) -> list[Observation]:
        after, phase = document.get("after"), document.get("type")
        if not isinstance(after, dict) or phase not in _PHASES:
            return [Rejected("wrong_type", "a review needs 'type' (new, update, end) and 'after'")]
        camera, severity = after.get("camera"), after.get("severity")
        if not (isinstance(camera, str) and isinstance(severity, str)):
            return [Rejected("wrong_type", "after needs camera and severity as texts")]
        inside = after.get("data")
        facts = inside if isinstance(inside, dict) else {}
        data: dict[str, JsonValue] = {
            "id": str(after.get("id"))[:64],
            "type": phase,
            "status": severity.upper()[:32],
            "objects": _words(facts.get("objects")),
            "zones": _words(facts.get("zones")),
        }
        time = {"new": after.get("start_time"), "end": after.get("end_time")}.get(str(phase))
        return [Context((camera,), epoch_time(time), retained, received_at).event("camera.review.changed", data)]

    def _update(self, document: Mapping[str, Any], retained: bool, received_at: int) -> list[Observation]:
        kind, number, camera = document.get("type"), document.get("id"), document.get("camera")
        if not (isinstance(kind, str) and isinstance(number, str)):
            return [Rejected("wrong_type", "an update needs type and id as texts")]
        if not isinstance(camera, str):
            camera = self._cameras.get(number)
        names = (self._base,) if camera is None else (camera,)
        context = Context(names, epoch_time(document.get("timestamp")), retained, received_at)
        data: dict[str, JsonValue] = {"id": number, "type": kind}
        if kind == "description":
            data["description"] = str(document.get("description"))[:2000]
            return [context.event("camera.object.described", data)]
        value = next((document[key] for key in ("sub_label", "attribute", "name", "plate") if document.get(key)), None)
        if kind not in ("classification", "face", "lpr"):
            return [Ignored(f"update {kind:.40}")]
        data["model"] = str(document.get("model", kind))[:64]
        data["value"] = None if value is None else str(value)[:256]
        for key in ("attribute", "sub_label", "plate"):
            if isinstance(document.get(key), str):
                data[key] = document[key][:256]
        data["score"] = as_number(document.get("score"))
        return [context.event("camera.object.classified", data)]

    def _remember(self, number: str, camera: str) -> None:
        """A description that comes later names the object only, not the camera."""
        self._cameras[number] = camera
        self._cameras.move_to_end(number)
        if len(self._cameras) > _REMEMBERED:
            self._cameras.popitem(last=False)

    def _stats(self, document: Mapping[str, Any], retained: bool, _received_at: int) -> list[Observation]:
        cameras = document.get("cameras")
        out: list[Observation] = []
        for name, facts in cameras.items() if isinstance(cameras, dict) else ():
            rate = as_number(facts.get("camera_fps")) if isinstance(facts, dict) else None
            if rate is not None:
                out.append(ValueSeen((name,), "frame_rate", rate, "1/s", None, retained, optional=True))
            if rate and not retained:
                out.append(EventSeen((name,), DEVICE_HEARTBEAT_TYPE, {}, lane=Lane.BULK, optional=True))
        return out or [Ignored("stats without cameras")]

    # --- one camera ---

    def _camera(
        self, camera: str, leaf: list[str], payload: bytes, retained: bool, received_at: int
    ) -> list[Observation]:
        context = Context((camera,), None, retained, received_at)
        word = parse_word(payload)
        match leaf:
            case ["motion"]:
                return self._motion(context, word)
            case ["review_status"]:
                if word not in _REVIEW_WORDS:
                    return [Rejected("wrong_type", f"review_status is {word!r:.80}")]
                if not context.changed(self._states, (camera, "review"), word):
                    return [Ignored("no change")]
                return [context.event("camera.review.changed", {"status": word})]
            case ["status", role]:
                return self._status(camera, role, word)
            case ["audio", sound]:
                return self._audio(context, sound, word)
            case ["classification", model]:
                return [context.event("camera.object.classified", {"model": model[:64], "value": word[:256]})]
            case [label] | [label, "active"]:
                return self._count(context, label, len(leaf) == 2, word)
        return [Ignored("an unknown topic of a camera")]

    def _motion(self, context: Context, word: str) -> list[Observation]:
        if word not in ("ON", "OFF"):
            return [Rejected("wrong_type", f"motion is {word!r:.80}")]
        if not context.changed(self._states, (context.names[0], "motion"), word):
            return [Ignored("no change")]
        return [context.event("camera.motion.started" if word == "ON" else "camera.motion.stopped")]

    def _status(self, camera: str, role: str, word: str) -> list[Observation]:
        if word not in ("online", "offline", "disabled"):
            return [Rejected("wrong_type", f"status is {word!r:.80}")]
        out: list[Observation] = []
        if role == "detect" and word != "disabled":
            out.append(ValueSeen((camera,), "online", float(word == "online")))
        if self._states.changed((camera, "status", role), word):
            out.append(EventSeen((camera,), "device.status.changed", {"role": role[:64], "status": word}))
            if role == "detect" and word != "disabled":
                out.append(EventSeen((camera,), f"device.{word}"))
        return out or [Ignored("no change")]

    def _audio(self, context: Context, sound: str, word: str) -> list[Observation]:
        if sound in ("dBFS", "rms"):
            level = as_number(word)
            if level is None:
                return [Rejected("wrong_type", f"audio/{sound} is {word!r:.80}")]
            return [context.value("sound_level" if sound == "dBFS" else "sound_rms", level, None)]
        if sound == "all":
            return [Ignored("the sum of all sounds")]
        if word not in ("ON", "OFF"):
            return [Rejected("wrong_type", f"audio/{sound:.40} is {word!r:.80}")]
        if not context.changed(self._states, (context.names[0], "audio", sound), word):
            return [Ignored("no change")]
        kind = "camera.sound.detected" if word == "ON" else "camera.sound.ended"
        return [context.event(kind, {"sound": sound[:64]})]

    def _count(self, context: Context, label: str, active: bool, word: str) -> list[Observation]:
        name = quantity_name(f"{'active' if active else 'count'}_{label}")
        if name is None or not word.isascii() or not word.isdigit() or len(word) > 9:
            return [Ignored("an unknown topic of a camera")]
        # Zones have the same topics as cameras, so a name that nobody mapped is no fault.
        return [ValueSeen(context.names, name, float(word), None, None, context.historic, optional=True)]


def _object_data(after: Mapping[str, Any]) -> dict[str, JsonValue]:
    """The facts of a tracked object that a rule or a person may ask for."""
    zones = _words(after.get("current_zones"))
    score = as_number(after.get("score"))
    data: dict[str, JsonValue] = {
        "score": score,
        "confidence": score,
        "zones": zones,
        "entered_zones": _words(after.get("entered_zones")),
        "zone": zones[-1] if isinstance(zones, list) and zones else None,
        "stationary": after.get("stationary") is True,
    }
    sub_label = after.get("sub_label")  # null, a text, or [text, score]
    if isinstance(sub_label, list) and sub_label:
        sub_label = sub_label[0]
    if isinstance(sub_label, str):
        data["sub_label"] = sub_label[:256]
    if isinstance(after.get("recognized_license_plate"), str):
        data["plate"] = after["recognized_license_plate"][:32]
    return data


def _words(value: object) -> JsonValue:
    return [str(word)[:64] for word in value[:50]] if isinstance(value, list) else []
