"""From messages to observations: what a message says of registered devices, oldest first, as the rules take it. No I/O, no clock."""

from math import isfinite
from operator import itemgetter
from typing import Any

from linli.clock import DAY
from linli.model import DROPPED_TYPE, HEARTBEAT_TYPE, READINGS_TYPE, Device, Evidence, Message, Readings
from rules.engine.evidence import evidence_data
from rules.engine.lanes import sane
from rules.engine.memories import Counters, Memories
from rules.engine.scope import Heard, Plan
from rules.engine.seen import Seen

HISTORIC_AFTER = DAY
"""What is older than this when it arrives is history: it alarms nobody, whatever its sender says. What is younger and called
historic by its sender counts for life safety alone."""


class Intake:
    """Takes messages apart, and counts what it refuses."""

    def __init__(self, memories: Memories, counters: Counters) -> None:
        self.refusals = 0
        self._memories = memories
        self._counters = counters

    def observations(self, message: Message, received_at: int, base: int) -> list[tuple[Device, Seen]]:
        """What the rules have to look at, oldest first; history is left out. `base`: what the lane has delivered."""
        if message.type == READINGS_TYPE:
            return self._packet(message, received_at, base)
        if message.type in (HEARTBEAT_TYPE, DROPPED_TYPE):
            return []
        device = self._device(message)
        if device is None:
            return []
        if self._is_history(message, self._memories.scope.plan(device), message.time, received_at):
            return []
        time = sane(message.time, received_at)
        evidence = Evidence(time, device.id, message.type, data=evidence_data(message.data))
        return [(device, _seen(message, time, base, evidence))]

    def refuse(self, reason: str) -> None:
        """Count an observation, or a whole message, that the rules do not take."""
        self.refusals += 1
        self._counters.refused[reason] = self._counters.refused.get(reason, 0) + 1

    def _packet(self, message: Message, received_at: int, base: int) -> list[tuple[Device, Seen]]:
        readings = Readings.of(message.readings)
        judged: list[tuple[int, int, Heard]] = []
        for number, name in enumerate(readings.names):
            heard = self._memories.scope.heard(name)
            if heard is None or heard.gateway != message.gateway or heard.community != message.community:
                if name.partition("/")[0] != message.gateway:
                    self.refuse("unregistered_device")
                continue
            time = readings.times[number]
            if not self._is_history(message, heard.plan, time, received_at):
                judged.append((sane(time, received_at), number, heard))
        if len(judged) > 1:
            judged.sort(key=itemgetter(0))
        return [(heard.device, seen_reading(message, number, heard, time, base)) for time, number, heard in judged]

    def _device(self, message: Message) -> Device | None:
        name = message.subject
        device = self._memories.scope.registry.devices.get(name)
        if device is None or device.gateway != message.gateway or device.community != message.community:
            if name != message.gateway:
                self.refuse("unregistered_device")
            return None
        return device

    def _is_history(self, message: Message, plan: Plan, time: int, received_at: int) -> bool:
        if received_at - time <= HISTORIC_AFTER and not (message.historic and not plan.life_safety):
            return False
        self.refuse("historic")
        return True


def seen_reading(message: Message, number: int, heard: Heard, time: int, base: int) -> Seen:
    """One reading of a packet, which stands at `number` in it, at its (sane) time."""
    readings = Readings.of(message.readings)
    value, unit = readings.values[number], readings.units[number]
    seen = _seen(
        message, time, base, Evidence(time, heard.device.id, heard.quantity, value if isfinite(value) else None, unit)
    )
    seen.number, seen.quantity, seen.value, seen.unit = number, heard.quantity, value, unit
    return seen


def _seen(message: Message, time: int, base: int, evidence: Evidence) -> Seen:
    data: dict[str, Any] = dict(message.data)
    return Seen(
        evidence.device,
        message.type,
        time,
        base,
        message.lane,
        message.gateway,
        message.bootid,
        message.sequence,
        evidence,
        historic=message.historic,
        data=data,
    )
