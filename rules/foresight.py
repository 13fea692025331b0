"""What is told while nothing can be written: critical alerts, from memory, under the ids that they will have.

Theory of operation. With the disk full no input can be journalled, so none counts and none is acknowledged; the agents keep
them all and send them again. Meanwhile the engine itself looks ahead: it takes what comes as if it were journalled, and what it
makes critical is told at once. Once there is room again it is made anew from the journal; what the agents send then gives the
same alerts, since an id is a function of rule, subject and starting event, and they are written.
"""

import logging
from collections.abc import Iterable, Mapping

from linli.delivery import Positions, Verdict
from linli.model import Alert, LaneKey, Severity
from rules import wire
from rules.engine.book import Transition
from rules.engine.inputs import Input
from rules.engine.machine import Engine
from rules.inbox import Arrival

_log = logging.getLogger(__name__)

URGENT_KINDS = ("opened", "escalated", "confirmed")
"""The changes of a critical alert that somebody has to hear of even if nobody can look them up."""


class Foresight:
    """Looks ahead with an engine that is the journal's no more. `positions`: what is journalled of each lane."""

    def __init__(self, engine: Engine, positions: Mapping[LaneKey, int]) -> None:
        self.engine = engine
        self._positions = Positions(dict(positions))

    def read(self, arrivals: Iterable[Arrival]) -> list[Input]:
        """The messages that are next on their lanes; what is sent again is looked at once."""
        found: list[Input] = []
        for arrival in arrivals:
            read = wire.read(*arrival)
            if read is not None:
                place, entry = read
                if self._positions.judge(place.lane, place.sequence, place.oldest).verdict is Verdict.ACCEPT:
                    found.append(entry)
        return found

    def took(self, taken: Mapping[LaneKey, int]) -> None:
        """These were read already, before it began."""
        self._positions.commit(dict(taken))

    def look_at(self, entries: Iterable[Input]) -> list[tuple[Alert, str]]:
        """The alerts that would come of them and cannot wait, each with what happened. An input that raises is left to be judged when it is journalled."""
        urgent: list[tuple[Alert, str]] = []
        for entry in entries:
            try:
                outputs = self.engine.apply(entry)
            except Exception:  # noqa: BLE001  (nothing of this engine is kept)
                _log.warning("%s cannot be looked ahead at", type(entry).__name__)
                continue
            changes = [(output.alert, output.kind) for output in outputs if isinstance(output, Transition)]
            urgent += [change for change in changes if is_urgent(*change)]
        return urgent


def is_urgent(alert: Alert, kind: str) -> bool:
    """Whether somebody has to hear of this change of an alert now."""
    return alert.severity is Severity.CRITICAL and kind in URGENT_KINDS
