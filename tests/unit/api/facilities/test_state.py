"""Every combination that decides how a facility is."""

import pytest

from api.facilities.state import AlertFacts, DeviceFacts, decide, heard_at, is_stale, stale_after
from api.views import FacilityStatus
from linli.clock import DAY, SECOND
from linli.i18n import Text
from linli.model import Severity
from linli.ports import Latest

NOW = 1_700_000_000_000_000
FRESH, OLD, NEVER = NOW - 5 * SECOND, NOW - 100 * SECOND, None
OFFLINE_AT = NOW - 20 * SECOND


def device(name: str, last: int | None, offline: int | None = None) -> DeviceFacts:
    return DeviceFacts(name, Text(f"设备{name}", f"device {name}"), 10.0, last, offline)


def alert(severity: Severity, opened_at: int = NOW - SECOND, standing: bool = True) -> AlertFacts:
    return AlertFacts(f"a-{severity}", severity, Text("告警", "alert"), opened_at, standing)


SILENT = {"old": (OLD, None), "never": (NEVER, None), "offline": (FRESH, OFFLINE_AT)}
HEARD = {"fresh": (FRESH, None)}


@pytest.mark.parametrize("first", [*SILENT, *HEARD])
@pytest.mark.parametrize("second", [*SILENT, *HEARD])
@pytest.mark.parametrize("severity", [None, *Severity])
@pytest.mark.parametrize("standing", [True, False])
def test_every_pair_of_devices_with_every_alert(
    first: str, second: str, severity: Severity | None, standing: bool
) -> None:
    """A standing critical or high alert is a fault whatever the data; else all silent is unknown and never ok; else one
    silent, or a lesser alert, is degraded; else ok. An alert that has gone back to normal counts for nothing."""
    states = SILENT | HEARD
    devices = [device("a", *states[first]), device("b", *states[second])]
    alerts = [] if severity is None else [alert(severity, standing=standing)]
    counted = severity if standing else None
    decided = decide(devices, alerts, NOW)
    silent = [name in SILENT for name in (first, second)]
    if counted in (Severity.CRITICAL, Severity.HIGH):
        wanted = FacilityStatus.FAULT
    elif all(silent):
        wanted = FacilityStatus.UNKNOWN
    elif any(silent) or counted is not None:
        wanted = FacilityStatus.DEGRADED
    else:
        wanted = FacilityStatus.OK
    assert decided.status is wanted
    assert bool(decided.reasons) == (wanted is not FacilityStatus.OK)
    assert decided.worst_alerts == (() if counted is None else (f"a-{counted}",))
    if any(silent):
        assert len(decided.reasons) > (counted is not None), "silence is among the reasons of every state"


def test_no_devices_is_unknown() -> None:
    """Where nothing can tell, nothing is ok."""
    decided = decide([], [], NOW)
    assert (decided.status, decided.since) == (FacilityStatus.UNKNOWN, None)
    assert decided.reasons[0].en == "no devices are registered"


def test_unknown_is_since_the_last_value() -> None:
    """Of all devices: the newest value that anybody saw."""
    decided = decide([device("a", OLD), device("b", OLD - SECOND), device("c", NEVER)], [], NOW)
    assert (decided.status, decided.since) == (FacilityStatus.UNKNOWN, OLD)


def test_unknown_since_never_when_no_value_ever_came() -> None:
    """There is no time to name."""
    assert decide([device("a", NEVER)], [], NOW).since is None


def test_fault_is_since_the_first_bad_alert() -> None:
    """A lesser alert that stood before does not move it."""
    alerts = [alert(Severity.LOW, NOW - 90), alert(Severity.HIGH, NOW - 50), alert(Severity.CRITICAL, NOW - 10)]
    decided = decide([device("a", FRESH)], alerts, NOW)
    assert (decided.status, decided.since) == (FacilityStatus.FAULT, NOW - 50)
    assert decided.worst_alerts == ("a-critical", "a-high", "a-low"), "worst first"


def test_degraded_is_since_whatever_came_first() -> None:
    """Going stale, the gateway's going offline, or the alert."""
    stale_since = OLD + stale_after(10.0)
    assert decide([device("a", FRESH), device("b", OLD)], [], NOW).since == stale_since
    offline = [device("a", FRESH), device("b", FRESH, OFFLINE_AT)]
    assert decide(offline, [], NOW).since == OFFLINE_AT
    assert decide(offline, [alert(Severity.LOW, OFFLINE_AT - 1)], NOW).since == OFFLINE_AT - 1
    assert decide([device("a", FRESH), device("b", NEVER)], [], NOW).since is None


def test_a_store_that_does_not_answer_is_unknown_and_says_so() -> None:
    """And not 'never sent a value', which would send somebody to the device."""
    decided = decide([device("a", None)], [], NOW, store_answers=False)
    assert decided.status is FacilityStatus.UNKNOWN
    assert [reason.en for reason in decided.reasons] == [
        "the store of readings does not answer: current values are not known"
    ]


@pytest.mark.parametrize(
    ("interval_s", "age_s", "stale"),
    [(10.0, 30.0, False), (10.0, 30.000001, True), (None, 180.0, False), (None, 180.1, True), (60.0, -5.0, False)],
)
def test_stale_after_three_intervals(interval_s: float | None, age_s: float, stale: bool) -> None:
    """Exactly three intervals is still fresh; without one it is 180 s; a time ahead of ours is fresh."""
    assert is_stale(NOW - round(age_s * SECOND), interval_s, NOW) is stale


def test_a_value_from_the_future_is_as_old_as_its_receipt() -> None:
    """An agent's clock that was a year ahead once would keep a device fresh that has been dead for a month."""
    month = 30 * DAY
    ahead = Latest("probe", "water_level", NOW + 365 * DAY, 2.5, "m", NOW - month)
    assert heard_at(ahead) == NOW - month
    assert is_stale(heard_at(ahead), 10.0, NOW)
    assert heard_at(Latest("probe", "water_level", NOW - 9, 2.5, "m", NOW)) == NOW - 9


def test_reasons_name_a_few_devices() -> None:
    """Three names and how many more; in both languages."""
    devices = [device(str(number), OLD) for number in range(5)] + [device("f", FRESH)]
    reason = decide(devices, [], NOW).reasons[0]
    assert reason.en == "data have stopped: device 0, device 1, device 2 and 2 more"
    assert reason.zh == "数据已中断：设备0、设备1、设备2等 5 个设备"


def test_a_device_name_with_braces_is_only_a_name() -> None:
    """Names are data, never a format."""
    odd = DeviceFacts("a", Text("{0}", "{x}"), 10.0, OLD)
    assert "{x}" in decide([odd, device("b", FRESH)], [], NOW).reasons[0].en


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_of_alerts_does_not_matter(order: tuple[int, int]) -> None:
    """The same facts give the same state."""
    alerts = [alert(Severity.LOW, 5), alert(Severity.MEDIUM, 7)]
    decided = decide([device("a", FRESH)], [alerts[index] for index in order], NOW)
    assert (decided.since, decided.worst_alerts) == (5, ("a-medium", "a-low"))
