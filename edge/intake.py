"""What an agent takes: events and readings become drafts, are committed to the outbox, and what is refused is reported."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from edge.outbox.outbox import Draft, Outbox, OutboxError
from edge.refusals import REFUSED_TYPE, RefusalReport
from edge.timing import EventTime, event_time
from linli.clock import Clock
from linli.errors import Refused
from linli.model import READINGS_TYPE, JsonValue, Lane, Reading, TimeSource

_log = logging.getLogger(__name__)

_PACKET = 500
"""Readings that go into one message at most."""


class Intake:
    """One gateway's. What comes in is on the disk when `take...` returns; each may be called from any thread.

    `taken` is called after each commit.
    """

    def __init__(self, gateway: str, outbox: Outbox, clock: Clock, taken: Callable[[], None]) -> None:
        self._gateway = gateway
        self._outbox = outbox
        self._clock = clock
        self._tell = taken
        self._refusals = RefusalReport()
        self._lock = threading.Lock()
        self._taken = self._refused = 0

    @property
    def counts(self) -> tuple[int, int]:
        """Messages taken, and inputs refused, since the start."""
        with self._lock:
            return self._taken, self._refused

    def take_event(
        self,
        device: str,
        type: str,
        data: Mapping[str, JsonValue],
        *,
        time: int | None = None,
        lane: Lane = Lane.URGENT,
        historic: bool = False,
        believe_time: bool = False,
    ) -> None:
        """Take one discrete event (`event` says which); return once it is in the outbox. OutboxError if it could not be kept.

        An event that breaks a bound of the wire format is refused: counted, logged and reported.
        """
        draft = self.event(device, type, data, time=time, lane=lane, historic=historic, believe_time=believe_time)
        self.take([draft])

    def take_readings(
        self,
        readings: Sequence[Reading],
        *,
        time_source: TimeSource = TimeSource.DEVICE,
        historic: bool = False,
        believe_time: bool = False,
    ) -> None:
        """Take readings (`packets` says how); return once they are in the outbox. OutboxError if they could not be kept."""
        self.take(self.packets(readings, time_source=time_source, historic=historic, believe_time=believe_time))

    def event(
        self,
        device: str,
        type: str,
        data: Mapping[str, JsonValue],
        *,
        time: int | None = None,
        lane: Lane = Lane.URGENT,
        historic: bool = False,
        believe_time: bool = False,
        at: int | None = None,
    ) -> Draft:
        """The draft of one discrete event. `time` is the device's own, in microseconds since 1970 UTC, if it gave one;
        `believe_time`: the device is known to buffer; `at`: when the agent got it, if that is not now."""
        now = self._clock.now() if at is None else at
        when = event_time(time, now, buffers=believe_time)
        return Draft(lane, type, device, when.time, now, when.source, historic or when.historic, data)

    def packets(
        self,
        readings: Sequence[Reading],
        *,
        time_source: TimeSource = TimeSource.DEVICE,
        historic: bool = False,
        believe_time: bool = False,
        at: int | None = None,
    ) -> list[Draft]:
        """The drafts of readings, on the bulk lane: a message has one time source, and is historic or not.

        `time_source` says whose clock their times are from; a device's is held to the same rule as that of events.
        """
        now = self._clock.now() if at is None else at
        groups: dict[tuple[TimeSource, bool], list[Reading]] = {}
        for reading in readings:
            when = EventTime(reading.time, time_source)
            if time_source is TimeSource.DEVICE:
                when = event_time(reading.time, now, buffers=believe_time)
            timed = reading if when.time == reading.time else replace(reading, time=when.time)
            groups.setdefault((when.source, historic or when.historic), []).append(timed)
        return [
            self._packet(group[start : start + _PACKET], now, source, is_historic)
            for (source, is_historic), group in groups.items()
            for start in range(0, len(group), _PACKET)
        ]

    def _packet(self, readings: list[Reading], now: int, source: TimeSource, historic: bool) -> Draft:
        newest = max(reading.time for reading in readings)
        return Draft(Lane.BULK, READINGS_TYPE, self._gateway, newest, now, source, historic, readings=tuple(readings))

    def take(self, drafts: Sequence[Draft]) -> None:
        """Take several at once: with one commit, and one more for each time that what was refused is halved.

        OutboxError if they could not be kept; its `unkept` are those of them that are not, to be taken again.
        """
        waiting: Sequence[Draft] = drafts
        reports: list[Draft] = []
        try:
            while waiting or reports:
                refused = self._keep(waiting, reports)
                waiting, reports = self._halve(refused)
        finally:
            self._tell()

    def refuse(self, reason: str, detail: str, topic: str, payload: bytes) -> None:
        """Count, log and report an input from the device side that was not taken."""
        self.take(self._refuse(reason, detail, topic, payload))

    def _keep(self, waiting: Sequence[Draft], reports: Sequence[Draft]) -> list[tuple[Draft, Refused]]:
        """Commit both; what was refused of them. Reports that could not be kept are only logged: nobody has more."""
        try:
            refused = self._outbox.take([*waiting, *reports])
        except OutboxError as error:
            if waiting:
                raise OutboxError(error.text, waiting) from error
            _log.error("%d refused inputs could not be reported: %s", len(reports), error)
            return []
        with self._lock:
            self._taken += len(waiting) + len(reports) - len(refused)
        return refused

    def _halve(self, refused: Sequence[tuple[Draft, Refused]]) -> tuple[list[Draft], list[Draft]]:
        """What to take again of what was refused, and what to report: one bad reading does not take others with it."""
        halves: list[Draft] = []
        reports: list[Draft] = []
        for draft, refusal in refused:
            if len(draft.readings) > 1:
                middle = len(draft.readings) // 2
                halves += [replace(draft, readings=draft.readings[:middle])]
                halves += [replace(draft, readings=draft.readings[middle:])]
            else:
                reports += self._refuse(refusal.reason, refusal.detail, f"{draft.subject}/{draft.type}", b"")
        return halves, reports

    def _refuse(self, reason: str, detail: str, topic: str, payload: bytes) -> list[Draft]:
        _log.warning("refused (%s) from %s: %s", reason, topic[:200], detail[:500])
        with self._lock:
            self._refused += 1
            data = self._refusals.data(reason, detail, topic, payload, self._clock.monotonic())
        return [] if data is None else [self.event(self._gateway, REFUSED_TYPE, data, lane=Lane.BULK)]
