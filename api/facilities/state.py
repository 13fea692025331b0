"""How a facility is, decided from what is known about it. No I/O; time is an argument.

In this order, the first that holds:

1. fault     an open critical or high alert stands on one of its devices. A standing danger is shown even when the data
             have stopped since: the reasons then say so.
2. unknown   nobody can tell: no devices, no value ever, every gateway offline, or every device stale. Never shown as ok.
3. degraded  an open medium or low alert stands, or some of its devices are stale or behind an offline gateway.
4. ok        otherwise.

A device is stale once its newest value is older than STALE_INTERVALS of its intervals, or if it never sent one. A value
is as old as its own time says, and never younger than its receipt (`heard_at`): a clock that is ahead keeps no dead device
fresh. An alert whose condition has gone back to normal counts only while it latches (a person closes those).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.views import FacilityStatus
from linli.clock import SECOND
from linli.i18n import Text
from linli.model import Severity
from linli.ports import Latest

STALE_INTERVALS = 3
DEFAULT_STALE_S = 180.0
"""For a device that promises no interval."""

NO_STORE = Text(
    "读数库没有应答，无法得知当前数值", "the store of readings does not answer: current values are not known"
)
"""A reason: nothing is wrong with the devices that is known, nor right."""
_FAULT = (Severity.CRITICAL, Severity.HIGH)


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is known of one device. `last_time`: `heard_at` of its newest value, None if it never sent one. `gateway_offline_since`:
    when its gateway went offline; None while it is online or was never heard of."""

    id: str
    name: Text
    interval_s: float | None
    last_time: int | None
    gateway_offline_since: int | None = None


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An open alert on one of the devices. `standing`: its condition holds, or it latches until a person closes it."""

    id: str
    severity: Severity
    title: Text
    opened_at: int
    standing: bool = True


@dataclass(frozen=True, slots=True)
class FacilityState:
    """The decision. `since`: when the state began, as far as that is known; unknown: the time of the last value."""

    status: FacilityStatus
    since: int | None
    reasons: tuple[Text, ...]
    worst_alerts: tuple[str, ...]


def stale_after(interval_s: float | None) -> int:
    """Microseconds after which a value is stale."""
    return round((STALE_INTERVALS * interval_s if interval_s else DEFAULT_STALE_S) * SECOND)


def heard_at(value: Latest) -> int:
    """When the value was true, as far as that can be believed: no later than when the server had it."""
    return min(value.time, value.received_at)


def is_stale(last_time: int | None, interval_s: float | None, now: int) -> bool:
    """Whether a device's newest value is too old to go by. No value at all is."""
    return last_time is None or now - last_time > stale_after(interval_s)


def decide(
    devices: Sequence[DeviceFacts], alerts: Sequence[AlertFacts], now: int, *, store_answers: bool = True
) -> FacilityState:
    """How the facility with these devices and open alerts is at `now`.

    With `store_answers` False no value is known, and every `last_time` is None for that reason.
    """
    standing = sorted((alert for alert in alerts if alert.standing), key=lambda a: (a.severity.rank, a.opened_at, a.id))
    silent = [device for device in devices if _silent(device, now)]
    told = tuple(alert.title for alert in standing)
    worst = tuple(alert.id for alert in standing)
    silence = _silence(devices, silent) if store_answers or not devices else (NO_STORE,)
    bad = [alert.opened_at for alert in standing if alert.severity in _FAULT]
    if bad:
        return FacilityState(FacilityStatus.FAULT, min(bad), told + silence, worst)
    if len(silent) == len(devices):
        last = max((device.last_time for device in devices if device.last_time is not None), default=None)
        return FacilityState(FacilityStatus.UNKNOWN, last, silence + told, worst)
    if standing or silent:
        began = [alert.opened_at for alert in standing] + [t for d in silent if (t := _silent_since(d)) is not None]
        return FacilityState(FacilityStatus.DEGRADED, min(began, default=None), told + silence, worst)
    return FacilityState(FacilityStatus.OK, None, (), ())


def _silent(device: DeviceFacts, now: int) -> bool:
    return device.gateway_offline_since is not None or is_stale(device.last_time, device.interval_s, now)


def _silent_since(device: DeviceFacts) -> int | None:
    """When the device fell silent: its gateway's going offline or its value's going stale, whichever came first."""
    times = [] if device.gateway_offline_since is None else [device.gateway_offline_since]
    if device.last_time is not None:
        times.append(device.last_time + stale_after(device.interval_s))
    return min(times, default=None)


def _silence(devices: Sequence[DeviceFacts], silent: Sequence[DeviceFacts]) -> tuple[Text, ...]:
    """Why nobody hears the silent ones, in at most a sentence for each kind of silence."""
    if not devices:
        return (Text("没有登记设备", "no devices are registered"),)
    offline = [device for device in silent if device.gateway_offline_since is not None]
    never = [device for device in silent if device not in offline and device.last_time is None]
    old = [device for device in silent if device not in offline and device.last_time is not None]
    reasons = []
    if offline:
        reasons.append(_of(offline, devices, Text("网关离线", "gateway offline")))
    if never:
        reasons.append(_of(never, devices, Text("从未上报数据", "never sent a value")))
    if old:
        reasons.append(_of(old, devices, Text("数据已中断", "data have stopped")))
    return tuple(reasons)


def _of(some: Sequence[DeviceFacts], devices: Sequence[DeviceFacts], what: Text) -> Text:
    if len(some) == len(devices):
        return Text("{what}：全部 {count} 个设备", "{what}: all {count} devices").format(what=what, count=len(devices))
    names = some[:3]
    more = len(some) - len(names)
    return Text(
        f"{what.zh}：{'、'.join(device.name.zh for device in names)}" + (f"等 {len(some)} 个设备" if more else ""),
        f"{what.en}: {', '.join(device.name.en for device in names)}" + (f" and {more} more" if more else ""),
    )
