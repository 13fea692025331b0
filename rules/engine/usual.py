"""What was usual: the mean and variance of a reading clause's number, learned as it goes. No I/O, no clock.

Each number weighs exp(-age / learn). Only how weights compare matters, so each is kept as exp((its time - `origin`) / learn), and
nothing has to be made smaller as time passes; the origin is moved on before they become too large ("forward decay", Cormode
et al. 2009). Mean and variance are brought up to date by West's formulas (1979).

Of one memory and device that is 24 bytes, or 24 for each hour of the day.
"""

import math
import struct
from collections.abc import Callable, Container
from sys import intern
from zoneinfo import ZoneInfo

import msgspec

from linli.clock import local_time
from rules.engine.perdevice import Memory, PerDevice
from rules.language.model import ReadingClause, duration

HOURS = 24

_CELL = struct.Struct("<3d")  # weight, mean, variance

_FAR = 32.0
"""So many times `learn` after the origin a weight is e**32, and the origin is moved."""


class Learned(msgspec.Struct, array_like=True, gc=False):
    """Of one memory and device. `number` (its quantity or expression), `learn` and `by` as the clause had them; `first` and
    `origin` in microseconds; `cells`: weight, mean and variance for each hour of the local day, or once."""

    device: str
    number: str
    learn: str
    by: str
    first: int
    origin: int
    cells: bytearray

    def range(self, hour: int, sigmas: float) -> tuple[float, float] | None:
        """The usual one; None if nothing is known of that hour."""
        weight, mean, variance = _CELL.unpack_from(self.cells, hour * _CELL.size)
        if weight == 0:
            return None
        reach = sigmas * math.sqrt(variance)
        return mean - reach, mean + reach

    def add(self, hour: int, time: int, value: float) -> None:
        """Learn a number."""
        since = (time - self.origin) / duration(self.learn)
        if since > _FAR:
            self._move(math.exp(-since))
            self.origin, since = time, 0.0
        known, mean, variance = _CELL.unpack_from(self.cells, hour * _CELL.size)
        fresh = math.exp(since)
        weight = known + fresh
        share = fresh / weight if weight else 1.0
        distance = value - mean
        mean += share * distance
        variance = (1 - share) * (variance + share * distance * distance)
        if math.isfinite(mean) and math.isfinite(variance):
            _CELL.pack_into(self.cells, hour * _CELL.size, weight, mean, variance)

    def _move(self, factor: float) -> None:
        for at in range(0, len(self.cells), _CELL.size):
            weight, mean, variance = _CELL.unpack_from(self.cells, at)
            _CELL.pack_into(self.cells, at, weight * factor, mean, variance)


Kept = list[tuple[Memory, list[Learned]]]
"""All memories, in a snapshot."""


class Usuals:
    """What was learned for clauses with `normal`, for each memory and device apart."""

    def __init__(self) -> None:
        self._learned: PerDevice[Learned] = PerDevice()

    def usual(
        self, part: ReadingClause, memory: Memory, device: str, time: int, value: float, zone: ZoneInfo
    ) -> tuple[float, float] | None:
        """The usual range (lowest, highest) of the clause's number before this `value`, None while too little is known; then
        learns `value`, unless it lies outside. Call it once for each number; what is not finite is not learned."""
        normal = part.normal
        if normal is None or not math.isfinite(value):
            return None
        learned = self._of(memory, device, (part.value or part.quantity, normal.learn, normal.by), time)
        hour = local_time(time, zone).hour if normal.by == "hour" else 0
        enough = time - learned.first >= duration(normal.learn) // 2
        usual = learned.range(hour, normal.sigmas) if enough else None
        if usual is None or usual[0] <= value <= usual[1]:
            learned.add(hour, time, value)
        return usual

    def _of(self, memory: Memory, device: str, what: tuple[str, str, str], time: int) -> Learned:
        known = self._learned.get(memory, device)
        if known is None or (known.number, known.learn, known.by) != what:
            number, learn, by = map(intern, what)
            cells = bytearray(_CELL.size * (HOURS if by == "hour" else 1))
            known = Learned(device, number, learn, by, time, time, cells)
            self._learned.put(memory, known)
        known.first = min(known.first, time)
        return known

    def retain(self, wanted: Callable[[Memory, str], bool], only: Container[str] | None = None) -> None:
        """Forget what is of a memory and device that are not `wanted`: they are gone, or begin anew. `only`: no other devices
        have to be asked about."""
        self._learned.retain(wanted, only)

    def dump(self) -> Kept:
        """All of it for a snapshot; the same state always gives the same."""
        return self._learned.dump()

    def restore(self, kept: Kept) -> None:
        """Go on where `dump` was."""
        self._learned.restore(kept)

    def __len__(self) -> int:
        """How many devices are remembered, in all memories."""
        return len(self._learned)
