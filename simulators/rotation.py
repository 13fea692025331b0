"""Which scenario a running demonstration plays next, and when. No I/O."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from linli.clock import MINUTE, SECOND
from simulators.scenario import Scenario

FIRST_AFTER = 8 * SECOND
"""The first scenario comes soon, so that who has just started Linli sees an alert within the minute."""

EVERY = 4 * MINUTE

ORDER = (
    "forced-door",
    "kitchen-fire",
    "door-held-open",
    "lift-entrapment",
    "pump-room-flood",
    "camera-offline",
    "cable-overheating",
    "intrusion-after-hours",
)
"""The scenarios of the rotation, in turn; those bound to a time of day are passed over outside it."""


class Rotation:
    """The turn of the scenarios, from `start` on."""

    def __init__(self, scenarios: Mapping[str, Scenario], zone: ZoneInfo, start: int) -> None:
        self._scenarios = [scenarios[name] for name in ORDER if name in scenarios]
        self._zone = zone
        self._turn = 0
        self.next_at = start + FIRST_AFTER

    def next(self, now: int) -> Scenario | None:
        """The scenario that is due now, once; None while none is."""
        if now < self.next_at:
            return None
        self.next_at = now + EVERY
        for _ in self._scenarios:
            scenario = self._scenarios[self._turn % len(self._scenarios)]
            self._turn += 1
            if scenario.fits(now, self._zone):
                return scenario
        return None
