"""The day of a whole compound: all models on one time line, and what a scenario lays over them. No I/O, no clock."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from linli.model import Device, Reading
from linli.vocabulary import quantity_of
from simulators.devices import DeviceModel, Observation, Occurrence
from simulators.models import model_of


@dataclass(frozen=True, slots=True)
class _Hold:
    device: str
    quantity: str
    value: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Silence:
    device: str
    start: int
    end: int


class Day:
    """What the devices say from `start` on. `advance` is to be called with times that never go back.

    The same devices, seed, start and overlays give the same observations, however `advance` cuts the time.
    """

    def __init__(self, devices: Iterable[Device], seed: int, zone: ZoneInfo, start: int) -> None:
        self._models = {device.id: model_of(device, seed, zone, start) for device in devices}
        self._due = [(model.due, name) for name, model in self._models.items()]
        heapq.heapify(self._due)
        self._forced: list[tuple[int, int, Occurrence]] = []
        self._count = 0
        self._holds: list[_Hold] = []
        self._unsaid: list[_Hold] = []
        self._silences: list[_Silence] = []

    @property
    def due(self) -> int:
        """When something is said next, or may be."""
        times = [self._due[0][0]] if self._due else []
        times += [self._forced[0][0]] if self._forced else []
        times += [hold.start for hold in self._unsaid]
        return min(times, default=2**62)

    def knows(self, device: str) -> bool:
        """Whether the device is one of these."""
        return device in self._models

    def model(self, device: str) -> DeviceModel:
        """The model of a device that is known."""
        return self._models[device]

    def occur(self, occurrence: Occurrence) -> None:
        """Let an event happen that no model planned, at its time."""
        self._count += 1
        heapq.heappush(self._forced, (occurrence.time, self._count, occurrence))

    def tell(self, device: str, command: str, arguments: Mapping[str, int], now: int) -> None:
        """Let a device that is known do something from `now` on. Refused if it cannot.

        What an earlier command of this device has still to bring is called off.
        """
        model = self._models[device]
        follows = model.obey(command, arguments, now)
        self._forced = [
            planned
            for planned in self._forced
            if planned[0] <= now or planned[2].device != device or planned[2].type not in model.settled_by_command
        ]
        heapq.heapify(self._forced)
        for occurrence in follows:
            self.occur(occurrence)

    def hold(self, device: str, quantity: str, value: float, start: int, end: int) -> None:
        """Let the device measure `value` from `start` until before `end`; it says so at once, then on its beat."""
        hold = _Hold(device, quantity, value, start, end)
        self._holds.append(hold)
        self._unsaid.append(hold)

    def silence(self, device: str, start: int, end: int) -> None:
        """Let nothing that the device says from `start` until before `end` come through."""
        self._silences.append(_Silence(device, start, end))

    def advance(self, now: int) -> list[Observation]:
        """All that is said up to and including `now`, in order of time."""
        said: list[Observation] = []
        while self._forced and self._forced[0][0] <= now:
            _, _, occurrence = heapq.heappop(self._forced)
            model = self._models[occurrence.device]
            said.extend(model.step(occurrence.time))  # what it says of itself before this is done to it
            model.apply(occurrence)
            said.append(occurrence)
        while self._due and self._due[0][0] <= now:
            _, name = heapq.heappop(self._due)
            said.extend(self._models[name].step(now))
            heapq.heappush(self._due, (self._models[name].due, name))
        said = self._overlaid(said)
        begun = [hold for hold in self._unsaid if hold.start <= now]
        said += [Reading(hold.device, hold.quantity, hold.start, hold.value, _unit(hold.quantity)) for hold in begun]
        self._unsaid = [hold for hold in self._unsaid if hold.start > now]
        self._holds = [hold for hold in self._holds if hold.end > now]
        self._silences = [silence for silence in self._silences if silence.end > now]
        return sorted(said, key=lambda observation: observation.time)

    def _overlaid(self, said: list[Observation]) -> list[Observation]:
        kept = [seen for seen in said if not any(_covers(silence, seen) for silence in self._silences)]
        if not self._holds:
            return kept
        return [self._held(seen) if isinstance(seen, Reading) else seen for seen in kept]

    def _held(self, reading: Reading) -> Reading:
        for hold in self._holds:
            if _covers(hold, reading) and hold.quantity == reading.quantity:
                return Reading(reading.device, reading.quantity, reading.time, hold.value, reading.unit)
        return reading


def _covers(overlay: _Hold | _Silence, seen: Observation) -> bool:
    return overlay.device == seen.device and overlay.start <= seen.time < overlay.end


def _unit(quantity: str) -> str | None:
    return quantity_of(quantity).unit
