"""What the stores have of the past, as inputs of the engine in event time: stretch by stretch, in bounded memory.

Readings are asked for as they came, never as rollups. Nobody kept in which packets they travelled and when they arrived: they
come packed as an agent packs them, those of one gateway and ten seconds together, and are received when they were taken.
Events have their own lane and place on it, heartbeats of the gateways among them, so the lanes' clocks go as they went. The
registry and the modes of places change when they did.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.db.registry import RegistrySnapshot
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Device, Lane, Message, Readings
from linli.ports import EventKey, ReadingStore, StoredEvent
from linli.vocabulary import quantity_of
from rules.engine.inputs import ArmingIn, Input, ListenIn, MessageIn, RegistryIn, Tick
from rules.trial.reach import Needs

SLOT = 10 * SECOND
"""What is packed together, and how often the server's clock ticks. A time at its end belongs to it: at one instant readings come
before events, and these before the tick."""

ROWS = 200_000
"""Rows that a stretch should have, so that memory stays bounded; and at most so many in one answer of the store."""

SHORTEST, LONGEST = 10 * MINUTE, DAY
_PAGE = 10_000
_BOOT = "backtest"

T = TypeVar("T")
Modes = Mapping[str, str]
Series = tuple[str, str]
"""Device and quantity."""


@dataclass(frozen=True, slots=True)
class Span:
    """What to look at: [start, until) of these communities."""

    start: int
    until: int
    communities: tuple[str, ...]


@dataclass(slots=True)
class Seen:
    """What was found, counted up while the past is read."""

    readings: int = 0
    events: int = 0
    first_reading: int | None = None
    first_event: int | None = None
    upto: int = 0
    """How far it has been read."""

    def since(self, needs: Needs) -> int | None:
        """The time of the first that was found of what is needed; None if nothing was. Heartbeats are events, and tell that
        events were stored."""
        events = None if needs.quantities and not (needs.types or needs.anything) else self.first_event
        return min((time for time in (self.first_reading, events) if time is not None), default=None)


@dataclass(slots=True)
class Past:
    """The past of some devices. `watched` says, for a registry, which of its devices matter."""

    store: ReadingStore
    span: Span
    needs: Needs
    registries: Sequence[tuple[int, RegistrySnapshot]]
    """Since when which registry held, oldest first; the first from before the start."""
    modes: Sequence[tuple[int, Modes]]
    """The same of the modes of places."""
    watched: Mapping[str, Device]
    """Every device that matters at any time of the span, as it was last."""
    seen: Seen = field(default_factory=Seen)

    def batches(self) -> Iterator[list[Input]]:
        """The inputs, a batch for each ten seconds in which anything came or changed or is due; ticks among them."""
        span = self.span
        yield [ListenIn(span.start)]
        units = self._units()
        series = self._series(units)
        length = HOUR
        registry: RegistrySnapshot | None = None
        modes: Modes | None = None
        for start, until in self._unchanged():
            before, registry = registry, _newest(self.registries, start)
            was, modes = modes, _newest(self.modes, start)
            changes: list[Input] = [] if registry is before else [RegistryIn(registry)]
            yield changes if modes is was else [*changes, ArmingIn(start, dict(modes))]
            at = start
            while at < until:
                end = min(until, at + length)
                rows = yield from self._stretch(at, end, registry, series, units)
                length = _adapted(length, rows)
                self.seen.upto = at = end

    def _unchanged(self) -> Iterator[tuple[int, int]]:
        """The stretches in which registry and modes are what they are."""
        changed = {at for at, _ in (*self.registries, *self.modes) if self.span.start < at < self.span.until}
        cuts = sorted({self.span.start, *changed})
        return zip(cuts, (*cuts[1:], self.span.until), strict=True)

    def _stretch(
        self,
        start: int,
        end: int,
        registry: RegistrySnapshot,
        series: Sequence[Series],
        units: Mapping[Series, str | None],
    ) -> Generator[list[Input], None, int]:
        events = self._events(start, end)
        packets, count = self._packets(start, end, registry, series, units)
        self.seen.readings += count
        self.seen.events += len(events)
        yield from _slots(
            start, end, sorted((*packets, *map(_message_of, events)), key=lambda message: message.received_at)
        )
        return count + len(events)

    # --- readings ---------------------------------------------------------------------------------------------------

    def _units(self) -> dict[Series, str | None]:
        """The unit in which each known series reports today: the store tells no unit with each old reading."""
        return {
            (newest.device, newest.quantity): newest.unit
            for community in self.span.communities
            for newest in self.store.latest(community)
        }

    def _series(self, units: Mapping[Series, str | None]) -> list[Series]:
        if self.needs.anything:
            return sorted(name for name in units if name[0] in self.watched)
        return sorted((device, quantity) for device in self.watched for quantity in self.needs.quantities)

    def _packets(
        self,
        start: int,
        end: int,
        registry: RegistrySnapshot,
        series: Sequence[Series],
        units: Mapping[Series, str | None],
    ) -> tuple[list[MessageIn], int]:
        """What each gateway read in each ten seconds, as one packet; and how many readings these are."""
        gateways = sorted(registry.gateways)
        number_of = {name: number for number, name in enumerate(gateways)}
        columns: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int, int]] = []
        for number, (device, quantity) in enumerate(series):
            there = registry.devices.get(device)
            if there is None or there.gateway not in number_of:
                continue
            times, values = self._raw(there.community, device, quantity, start, end)
            if times.size:
                columns.append((times, values, number, number_of[there.gateway]))
        if not columns:
            return [], 0
        times = np.concatenate([column[0] for column in columns])
        values = np.concatenate([column[1] for column in columns])
        which = np.repeat([column[2] for column in columns], [column[0].size for column in columns])
        whose = np.repeat([column[3] for column in columns], [column[0].size for column in columns])
        self.seen.first_reading = min(self.seen.first_reading or int(times.min()), int(times.min()))
        slots = (times - 1) // SLOT
        order = np.lexsort((which, times, whose, slots))
        edges = np.flatnonzero(np.diff(slots[order]) | np.diff(whose[order])) + 1
        names = [f"{device}/{quantity}" for device, quantity in series]
        named_units = [units.get(name, quantity_of(name[1]).unit) for name in series]
        packets = []
        for part in np.split(order, edges):
            gateway = registry.gateways[gateways[int(whose[part[0]])]]
            numbers = which[part].tolist()
            readings = Readings(
                [names[number] for number in numbers],
                times[part].tolist(),
                values[part].tolist(),
                [named_units[number] for number in numbers],
            )
            packets.append(_packet(gateway.community, gateway.id, readings))
        return packets, int(times.size)

    def _raw(
        self, community: str, device: str, quantity: str, start: int, end: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        times: list[int] = []
        values: list[float] = []
        while True:
            points = self.store.raw(community, device, quantity, start, end, ROWS)
            times += [point.time for point in points]
            values += [point.value for point in points]
            if len(points) < ROWS:
                return np.array(times, np.int64), np.array(values, np.float64)
            start = points[-1].time + 1

    # --- events -----------------------------------------------------------------------------------------------------

    def _events(self, start: int, end: int) -> list[StoredEvent]:
        """Those that matter, oldest first: of the watched devices, and the heartbeats of all gateways."""
        types = () if self.needs.anything else (HEARTBEAT_TYPE, *sorted(self.needs.types))
        found: list[StoredEvent] = []
        for community in self.span.communities:
            before: EventKey | None = None
            while True:
                page = self.store.events(community, start, end, types=types, limit=_PAGE, before=before)
                found += [event for event in page if event.type == HEARTBEAT_TYPE or event.device in self.watched]
                if len(page) < _PAGE:
                    break
                before = page[-1].key
        found.sort(key=lambda event: event.key)
        if found:
            self.seen.first_event = min(self.seen.first_event or found[0].time, found[0].time)
        return found


def _adapted(length: int, rows: int) -> int:
    """How long the next stretch should be after one of this length with so many rows."""
    return min(LONGEST, max(SHORTEST, length * ROWS // max(rows, ROWS // 8)))


def _newest(held: Sequence[tuple[int, T]], time: int) -> T:
    return [what for since, what in held if since <= time][-1]


def _slots(start: int, end: int, messages: Sequence[MessageIn]) -> Iterator[list[Input]]:
    """The messages, in order, each with the others of its ten seconds and the tick that ends these."""
    batch: list[Input] = []
    tick = start - start % SLOT + SLOT
    for message in messages:
        while message.received_at > tick and tick <= end:
            yield [*batch, Tick(tick)]
            batch, tick = [], tick + SLOT
        batch.append(message)
    while tick <= end:
        yield [*batch, Tick(tick)]
        batch, tick = [], tick + SLOT
    if batch:
        yield batch


def _packet(community: str, gateway: str, readings: Readings) -> MessageIn:
    """Taken when its newest reading was."""
    message = Message(
        community=community,
        gateway=gateway,
        bootid=_BOOT,
        lane=Lane.BULK,
        sequence=(readings.latest - 1) // SLOT,
        oldest=1,
        type=READINGS_TYPE,
        subject=gateway,
        time=readings.latest,
        agent_time=readings.latest,
        readings=readings,
    )
    return MessageIn(message, readings.latest)


def _message_of(event: StoredEvent) -> MessageIn:
    """As its agent sent it, received at its time."""
    message = Message(
        community=event.community,
        gateway=event.gateway,
        bootid=event.bootid,
        lane=Lane(event.lane),
        sequence=event.sequence,
        oldest=1,
        type=event.type,
        subject=event.device,
        time=event.time,
        agent_time=event.time,
        historic=event.historic,
        data=event.data,
    )
    return MessageIn(message, event.time)
