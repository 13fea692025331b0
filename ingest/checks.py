"""Whether what a gateway sent may be stored: who it is, whose devices it speaks for, and whether the time can be right.

The wire format has been checked by the codec; this is what only the registry and the clock can tell. No I/O.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from linli.clock import DAY, format_time
from linli.errors import Refused
from linli.model import Message, Reading, Readings
from linli.ports import Registry

YEAR = 365.25 * DAY
_MAX_NAMED = 5
_MAX_KNOWN = 1_000_000

REGISTRY_REASONS = frozenset(("unknown_gateway", "wrong_community", "unregistered_device", "foreign_device"))
"""Refusals that a change of the registry can turn into acceptance."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_clock_error`: microseconds by which an event time may differ from the server's receive time."""

    max_clock_error: float

    @classmethod
    def of_years(cls, years: float) -> "Limits":
        """As the setting max_clock_error_years has it."""
        return cls(years * YEAR)


def check_gateway(registry: Registry, community: str, gateway: str) -> None:
    """Refused 'unknown_gateway' or 'wrong_community' unless `gateway` is registered in `community`."""
    known = registry.gateway(gateway)
    if known is None:
        raise Refused("unknown_gateway", f"gateway {gateway} is not registered")
    if known.community != community:
        raise Refused("wrong_community", f"gateway {gateway} belongs to {known.community}, not to {community}")


def check_device(registry: Registry, gateway: str, device: str) -> None:
    """Refused 'unregistered_device' or 'foreign_device' unless `device` reports through `gateway`."""
    known = registry.device(device)
    if known is None:
        raise Refused("unregistered_device", f"device {device} is not registered")
    if known.gateway != gateway:
        raise Refused("foreign_device", f"device {device} reports through gateway {known.gateway}, not {gateway}")


def check_time(limits: Limits, time: int, received_at: int) -> None:
    """Refused 'time_out_of_range' for a time too far from when it was received, either way."""
    if abs(time - received_at) > limits.max_clock_error:
        years = (time - received_at) / YEAR
        raise Refused("time_out_of_range", f"{format_time(time)} is {years:+.1f} years from when it was received")


def check_event(registry: Registry, limits: Limits, message: Message, received_at: int) -> None:
    """Refused unless the discrete event may be stored. A gateway speaks for itself too."""
    if message.subject != message.gateway:
        check_device(registry, message.gateway, message.subject)
    check_time(limits, message.time, received_at)


class KnownSeries:
    """The series that each gateway was found to report rightly, so that a packet of them is one look into a set.

    `clear` it when the registry has changed.
    """

    def __init__(self) -> None:
        self._of: dict[str, set[str]] = {}
        self._count = 0

    def all_known(self, gateway: str, names: Sequence[str]) -> bool:
        """Whether the gateway may report all of these."""
        known = self._of.get(gateway)
        return known is not None and known.issuperset(names)

    def learn(self, gateway: str, names: Sequence[str]) -> None:
        """The gateway may report these."""
        if self._count > _MAX_KNOWN:
            self.clear()
        known = self._of.setdefault(gateway, set())
        before = len(known)
        known.update(names)
        self._count += len(known) - before

    def clear(self) -> None:
        """Know nothing any more."""
        self._of.clear()
        self._count = 0


def sort_readings(
    registry: Registry, limits: Limits, message: Message, received_at: int, known: KnownSeries | None = None
) -> tuple[Readings, Refused | None]:
    """The readings of a packet that may be stored, and one refusal for all the others (None if there are none).

    The refusal has the reason of the first and names up to five.
    """
    readings = Readings.of(message.readings)
    apart = limits.max_clock_error
    in_time = readings.earliest >= received_at - apart and readings.latest <= received_at + apart
    if in_time and known is not None and known.all_known(message.gateway, readings.names):
        return readings, None
    faults: list[Refused] = []
    names: list[str] = []
    good: list[int] = []
    devices: dict[str, Refused | None] = {}
    for number, reading in enumerate(readings):
        if reading.device not in devices:
            devices[reading.device] = _refusal(registry, message.gateway, reading.device)
        fault = devices[reading.device]
        if fault is None and abs(reading.time - received_at) <= apart:
            good.append(number)
            continue
        faults.append(fault or _time_refusal(limits, reading, received_at))
        names.append(f"{reading.device}/{reading.quantity}")
    if not faults:
        if known is not None:
            known.learn(message.gateway, readings.names)
        return readings, None
    return readings.pick(good), Refused(faults[0].reason, _summary(faults, names, len(readings)))


def _refusal(registry: Registry, gateway: str, device: str) -> Refused | None:
    try:
        check_device(registry, gateway, device)
    except Refused as refused:
        return refused
    return None


def _time_refusal(limits: Limits, reading: Reading, received_at: int) -> Refused:
    try:
        check_time(limits, reading.time, received_at)
    except Refused as refused:
        return refused
    raise AssertionError("only called for a time out of range")


def _summary(faults: list[Refused], names: list[str], total: int) -> str:
    told: Iterable[str] = (f"{name}: {fault.detail}" for name, fault in zip(names, faults, strict=True))
    shown = "; ".join(list(told)[:_MAX_NAMED])
    more = f"; and {len(faults) - _MAX_NAMED} more" if len(faults) > _MAX_NAMED else ""
    return f"{len(faults)} of {total} readings: {shown}{more}"
