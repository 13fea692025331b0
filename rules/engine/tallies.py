"""What became of the observations of each gateway, outbox and day, so that both ends can be compared. No I/O.

A part of the engine's state: counted once for each message, whatever is sent again or replayed. The numbers are absolute, so
writing them again changes nothing; `unwritten` says which the database may not have.
"""

from collections.abc import Mapping

from linli.clock import DAY
from linli.db.tallies import RulesTally
from linli.model import LaneKey, TallyKey

MOST = 50_000
"""Kept at once: a thousand gateways for seven weeks. Beyond, the oldest days are dropped; what comes of them so late is
counted from 0 again."""

_DROPPED_AT_ONCE = MOST // 10


class Tallies:
    """Counts by TallyKey, and which of them have changed since they were last written."""

    def __init__(self) -> None:
        self.counts: dict[TallyKey, RulesTally] = {}
        self._unwritten: set[TallyKey] = set()

    def count(self, lane: LaneKey, agent_time: int, evaluated: int, refused: int) -> None:
        """Add what became of one message that the agent took at `agent_time` (as it says itself)."""
        key = TallyKey(lane.community, lane.gateway, lane.bootid, agent_time // DAY)
        before = self.counts.get(key)
        if before is None:
            self._make_room()
            self.counts[key] = RulesTally(evaluated, refused)
        else:
            self.counts[key] = RulesTally(before.evaluated + evaluated, before.refused + refused)
        self._unwritten.add(key)

    def adopt(self, counts: Mapping[TallyKey, RulesTally]) -> None:
        """Take over what was counted before, where it is more: this state is younger than the counts."""
        for key, theirs in counts.items():
            ours = self.counts.get(key, RulesTally(0, 0))
            self.counts[key] = RulesTally(max(ours.evaluated, theirs.evaluated), max(ours.refused, theirs.refused))

    def touch(self) -> None:
        """Have all of them written: who knows what the database has."""
        self._unwritten.update(self.counts)

    def unwritten(self) -> dict[TallyKey, RulesTally]:
        """Those that have changed since `written` was told of them."""
        return {key: self.counts[key] for key in self._unwritten if key in self.counts}

    def written(self, counts: Mapping[TallyKey, RulesTally]) -> None:
        """The database has these now."""
        self._unwritten -= {key for key, tally in counts.items() if self.counts.get(key) == tally}

    def _make_room(self) -> None:
        if len(self.counts) < MOST:
            return
        for key in sorted(self.counts, key=lambda key: (key.day, key))[:_DROPPED_AT_ONCE]:
            del self.counts[key]
            self._unwritten.discard(key)
