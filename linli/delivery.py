"""End-to-end delivery, the consumer's half: which message of a lane to take, and what to answer. No I/O.

Theory of operation. An agent numbers each lane from 1 without gaps and keeps every message until all required consumers
have acknowledged it. It writes into each message the lowest sequence it still holds (`oldest`): what is missing below
that was dropped and will never come. A consumer keeps one number for each lane, `upto`: it has everything up to there
for good. So one comparison decides:

    sequence <= upto        seen before: REPEAT, answered with `upto`, since the earlier answer may have been lost
    sequence == upto + 1    the next: ACCEPT (also after skipping up to oldest - 1, and that gap is told)
    sequence >  upto + 1    one went missing on the way: GAP, answered with `upto`, and the agent sends again from there

A lane not seen before starts at `oldest`. `upto` moves when the consumer has committed, not when the message arrives:
`judge` says what to do, `commit` records that it is done, and only `committed` may go into an acknowledgement. The agent's
half is `edge.delivery`.
"""

from dataclasses import dataclass
from enum import StrEnum

from linli.model import LaneKey, Message


class Verdict(StrEnum):
    """What a consumer does with a message."""

    ACCEPT = "accept"
    REPEAT = "repeat"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`skipped`: how many sequences were passed over because the agent no longer holds them (0 but on ACCEPT)."""

    verdict: Verdict
    skipped: int = 0


@dataclass(slots=True)
class _Lane:
    taken: int
    committed: int


def key_of(message: Message) -> LaneKey:
    """The sequence that `message` is counted in."""
    return LaneKey(message.community, message.gateway, message.bootid, message.lane)


class Positions:
    """Where a consumer is on every lane. `committed` holds what was loaded from its durable state."""

    def __init__(self, committed: dict[LaneKey, int] | None = None) -> None:
        self._lanes = {key: _Lane(upto, upto) for key, upto in (committed or {}).items()}

    def judge(self, key: LaneKey, sequence: int, oldest: int) -> Judgement:
        """Decide about one message that has just arrived; ACCEPT counts it as taken."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(oldest - 1, oldest - 1)
        if sequence <= lane.taken:
            return Judgement(Verdict.REPEAT)
        reach = max(lane.taken, oldest - 1)
        if sequence > reach + 1:
            return Judgement(Verdict.GAP)
        skipped = reach - lane.taken
        lane.taken = sequence
        return Judgement(Verdict.ACCEPT, skipped)

    def upto(self, key: LaneKey) -> int:
        """What may be acknowledged on this lane: the last sequence committed, 0 if none is known."""
        lane = self._lanes.get(key)
        return 0 if lane is None else lane.committed

    def pending(self) -> dict[LaneKey, int]:
        """The lanes with something taken and not committed, and up to where."""
        return {key: lane.taken for key, lane in self._lanes.items() if lane.taken > lane.committed}

    def commit(self, upto: dict[LaneKey, int]) -> None:
        """Record that everything up to these positions is durable."""
        for key, sequence in upto.items():
            lane = self._lanes.setdefault(key, _Lane(sequence, sequence))
            lane.committed = max(lane.committed, sequence)
            lane.taken = max(lane.taken, sequence)

    def roll_back(self) -> None:
        """Forget what was taken and not committed: the write failed, and the agent will send it again."""
        for lane in self._lanes.values():
            lane.taken = lane.committed

    def known(self) -> dict[LaneKey, int]:
        """Every lane and its committed position."""
        return {key: lane.committed for key, lane in self._lanes.items()}
