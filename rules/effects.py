"""From what the engine says to what is written and told: effects wait here, in order, until the database has them."""

import logging
from collections.abc import Sequence

from sqlalchemy.exc import DataError, IntegrityError

from linli.db.alerts import Change, Effects, Outcome, SqlAlerts
from rules.engine.book import ActionDone, Transition
from rules.engine.machine import Output

_log = logging.getLogger(__name__)


def effects_of(position: int, outputs: Sequence[Output]) -> Effects:
    """The outputs of the input at `position`, as the alerts repository takes them."""
    return Effects(
        position,
        tuple(
            Change(output.alert, output.kind, output.at, output.actor, output.comment)
            for output in outputs
            if isinstance(output, Transition)
        ),
        tuple(
            Outcome(output.action, output.outcome, output.at) for output in outputs if isinstance(output, ActionDone)
        ),
    )


class Waiting:
    """Effects that are not in the database yet. Bounded by what can be open and by the journal, not by a count: dropping
    one would lose an alert."""

    def __init__(self) -> None:
        self._effects: list[Effects] = []
        self.told = 0

    def add(self, position: int, outputs: Sequence[Output]) -> None:
        """Queue what an input changed; nothing is kept of an input without effect."""
        if outputs:
            self._effects.append(effects_of(position, outputs))
            self.told = position

    @property
    def all(self) -> list[Effects]:
        """What waits, oldest first."""
        return self._effects

    @property
    def actions(self) -> set[str]:
        """Acts that are applied and whose outcome is not written yet."""
        return {outcome.action for effect in self._effects for outcome in effect.outcomes}

    def written(self, count: int) -> None:
        """The first `count` are in the database now."""
        del self._effects[:count]

    def drop_upto(self, position: int) -> None:
        """Forget what the database has already."""
        self._effects = [effect for effect in self._effects if effect.position > position]

    def __len__(self) -> int:
        return len(self._effects)


def write(alerts: SqlAlerts, effects: Sequence[Effects]) -> tuple[list[Change], int]:
    """Write them: the changes written, and how many effects were refused. SQLAlchemyError while the database fails.

    What the database will never take is left out, logged and counted: it must not hold up the rest.
    """
    try:
        return alerts.apply(effects), 0
    except (IntegrityError, DataError) as error:
        if len(effects) == 1:
            _log.error("the database refuses the effects of input %d: %s", effects[0].position, error)
            return alerts.apply([Effects(effects[0].position)]), 1
    apart = [write(alerts, [effect]) for effect in effects]
    return [change for changes, _ in apart for change in changes], sum(refused for _, refused in apart)
