"""From what the engine says to what is written and told: effects wait here, in order, until the database has them."""

from collections.abc import Sequence

from linli.db.alerts import Change, Effects, Outcome
from rules.book import ActionDone, Transition
from rules.engine import Output


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
