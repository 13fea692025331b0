"""Zigbee2MQTT (www.zigbee2mqtt.io, 'MQTT Topics and Messages'), with its JSON and its attribute output.

{base}/{name}                   the state of a device; the name may hold '/', spaces, any letters
{base}/{name}/availability      {"state": "online"} or bare `online`; empty and retained: removed
{base}/{name}/action            a bare word: what was pressed or done
{base}/{name}/{attribute}       one bare value (attribute output)
{base}/bridge/state, /event     the bridge itself; who joined and left
{base}/{name}/set, /get         commands to devices: not ours
"""

from collections.abc import Collection
from typing import Any

from edge.sources import (
    EventSeen,
    Ignored,
    Observation,
    Rejected,
    States,
    ValueSeen,
    epoch_time,
    iso_time,
    parse_json,
    parse_word,
)
from edge.sources.fields import FLAGS, NUMBERS
from edge.sources.interpret import Context, interpret
from linli.clock import SECOND
from linli.model import JsonValue

_COMMANDS = frozenset(("set", "get"))
_NOT_MEASURED = frozenset(("action", "last_seen", "lock_state", "state", "color", "update", "device", "elapsed"))
_MILLIVOLTS = 1000.0
"""No mains has as many volts: from here on a voltage is in mV, whether or not the message tells of a battery."""

_SAME_ACTION_US = 2 * SECOND
"""An action comes on two topics, within milliseconds."""
_LOCK_WORDS = {"LOCK": "locked", "UNLOCK": "unlocked"}
"""`state` of a lock that does not tell its `lock_state`."""

_SHAKEN = frozenset(("vibration", "shake", "tilt", "drop", "fall"))


class Zigbee2Mqtt:
    """One Zigbee2MQTT instance. `known`: the friendly names in the mapping, to tell a name with '/' from a subtopic."""

    def __init__(self, base: str = "zigbee2mqtt", known: Collection[str] = ()) -> None:
        self._base = base
        self._known = frozenset(known)
        self._states = States()
        self._actions: dict[tuple[str, bool], tuple[str, str, int]] = {}

    def topics(self) -> list[str]:
        """Everything below the base topic."""
        return [f"{self._base}/#"]

    def translate(self, topic: str, payload: bytes, retained: bool, received_at: int) -> list[Observation] | None:
        """See `Source.translate`."""
        if not topic.startswith(self._base + "/"):
            return None
        name = topic[len(self._base) + 1 :]
        if name == "bridge" or name.startswith("bridge/"):
            return self._bridge(name[len("bridge/") :], payload)
        parent, _, leaf = name.rpartition("/")
        if name not in self._known and parent:
            if leaf in _COMMANDS or "/set/" in name or "/get/" in name:
                return [Ignored("a command to a device")]
            if leaf == "availability":
                return self._availability(parent, payload)
            if leaf == "action":
                return self._action_topic(parent, payload, retained, received_at)
            if parent in self._known or not payload.lstrip().startswith(b"{"):
                return self._attribute(parent, leaf, payload, retained, received_at)
        return self._state(name, payload, retained, received_at)

    def _bridge(self, leaf: str, payload: bytes) -> list[Observation]:
        if leaf == "state":
            return self._availability("bridge", payload, optional=True)
        if leaf != "event":
            return [Ignored(f"bridge/{leaf:.40}")]
        document = parse_json(payload)
        if isinstance(document, Rejected):
            return [document]
        kind = {"device_joined": "device.joined", "device_leave": "device.removed"}.get(str(document.get("type")))
        data = document.get("data")
        if kind is None:
            return [Ignored(f"bridge event {document.get('type')!r:.40}")]
        known = data if isinstance(data, dict) else {}
        keys = ("friendly_name", "ieee_address")
        names = tuple(dict.fromkeys(str(known[key]) for key in keys if isinstance(known.get(key), str)))
        if not names:
            return [Rejected("no_device", "a bridge event without friendly_name and ieee_address")]
        return [EventSeen(names, kind, {"ieee_address": str(known.get("ieee_address", ""))[:64]})]

    def _availability(self, name: str, payload: bytes, optional: bool = False) -> list[Observation]:
        if not payload:
            return [EventSeen((name,), "device.removed", {"by": "empty availability"}, optional=optional)]
        word: object = parse_word(payload)
        if payload.lstrip().startswith(b"{"):
            document = parse_json(payload)
            if isinstance(document, Rejected):
                return [document]
            word = document.get("state")
        if word not in ("online", "offline"):
            return [Rejected("wrong_type", f"availability {word!r:.80} is neither online nor offline")]
        out: list[Observation] = [ValueSeen((name,), "online", float(word == "online"), optional=optional)]
        if self._states.changed((name, "online"), word):
            out.insert(0, EventSeen((name,), f"device.{word}", optional=optional))
        return out

    def _state(self, name: str, payload: bytes, retained: bool, received_at: int) -> list[Observation]:
        if not payload:
            return [EventSeen((name,), "device.removed", {"by": "empty retained state"})]
        document = parse_json(payload)
        if isinstance(document, Rejected):
            return [document]
        seen = document.get("last_seen")
        time = iso_time(seen) if isinstance(seen, str) else epoch_time(seen, 1000)
        context = Context((name,), time, retained, received_at)
        out, action = self._lock(context, document), document.get("action")
        if not out and isinstance(action, str) and action:  # a lock keeps its last action beside its state
            out += self._acted(context, action, "state")
        return out + interpret(context, _measured(document), self._states) or [Ignored("a state without a value")]

    def _attribute(self, name: str, leaf: str, payload: bytes, retained: bool, received_at: int) -> list[Observation]:
        word = parse_word(payload)
        if leaf not in FLAGS and leaf not in NUMBERS and leaf != "state":
            return [Ignored(f"attribute {leaf:.40}")]
        context = Context((name,), None, retained, received_at)
        return interpret(context, _measured({leaf: word}), self._states) or [Ignored("empty")]

    def _lock(self, context: Context, document: dict[str, Any]) -> list[Observation]:
        state = document.get("lock_state", _LOCK_WORDS.get(str(document.get("state"))))
        if state not in ("locked", "unlocked", "not_fully_locked"):
            return []
        locked = state == "locked"
        out: list[Observation] = [context.value("locked", float(locked))]
        if context.changed(self._states, (context.names[0], "lock"), locked):
            action = document.get("action")
            word = action if isinstance(action, str) and _lock_result(action) is locked else state
            self._actions[context.names[0], context.historic] = (word, "state", context.received_at)
            data: dict[str, JsonValue] = {"action": word[:64]}
            user = document.get("action_user")
            if isinstance(user, str | int):
                data["user"] = user
            out.insert(0, context.event("access.lock.locked" if locked else "access.lock.unlocked", data))
        return out

    def _action_topic(self, name: str, payload: bytes, retained: bool, received_at: int) -> list[Observation]:
        word = parse_word(payload)
        if not word:
            return [Ignored("an action that has ended")]
        if len(word) > 64 or not word.isprintable():
            return [Rejected("wrong_type", f"action {word!r:.80} is not a word")]
        context = Context((name,), None, retained, received_at)
        return self._acted(context, word, "topic") or [Ignored("told already")]

    def _acted(self, context: Context, action: str, form: str) -> list[Observation]:
        name = context.names[0]
        last = self._actions.pop((name, context.historic), None)
        told = last is not None and last[0] == action and last[1] != form
        if last is not None and told and context.received_at - last[2] <= _SAME_ACTION_US:
            return []
        self._actions[name, context.historic] = (action, form, context.received_at)
        result = _lock_result(action)
        if result is not None:
            context.changed(self._states, (name, "lock"), result)
            kind = "access.lock.locked" if result else "access.lock.unlocked"
        elif "lock_failure" in action:
            kind = "access.denied"
        elif action in _SHAKEN:
            context.changed(self._states, (name, "vibration"), True)  # so the flag beside it does not tell it again
            kind = "sensor.vibration.detected"
        else:
            kind = "sensor.button.pressed"
        return [context.event(kind, {"action": action[:64]})]


def _lock_result(action: str) -> bool | None:
    """Whether a lock's action locked it (True) or unlocked it (False); None if it did neither."""
    if "lock" not in action or "failure" in action:
        return None
    return "unlock" not in action


def _measured(document: dict[str, Any]) -> list[tuple[str, object]]:
    """The fields to be read as values, in the units that `fields` expects."""
    out: list[tuple[str, object]] = []
    on_battery = "battery" in document or "battery_low" in document
    for name, value in document.items():
        if name == "voltage" and isinstance(value, int | float) and (on_battery or value >= _MILLIVOLTS):
            out.append((name, value / 1000))
        elif name == "state" and value in ("ON", "OFF"):
            out.append(("on", float(value == "ON")))
        elif name == "state" and value in ("OPEN", "CLOSE", "CLOSED"):
            out.append(("open", value == "OPEN"))
        elif name not in _NOT_MEASURED and not isinstance(value, dict | list):
            out.append((name, value))
    return out
