"""The consumer's half of delivery, against an agent and a network that lose, repeat, reorder and drop."""

import random

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from linli.delivery import Judgement, Positions, Verdict, key_of
from linli.model import Lane, LaneKey
from tests.unit.linli.test_codec import EVENT

KEY = LaneKey("c001", "gw", "b1", Lane.BULK)
ACCEPT, REPEAT, GAP = Judgement(Verdict.ACCEPT), Judgement(Verdict.REPEAT), Judgement(Verdict.GAP)


def test_a_message_belongs_to_the_lane_of_its_outbox() -> None:
    """A new bootid is a new sequence."""
    assert key_of(EVENT) == LaneKey("c001", "gw-c001", "b1", Lane.URGENT)


def test_in_order_repeats_and_gaps() -> None:
    """One comparison decides."""
    positions = Positions({KEY: 4})
    assert positions.judge(KEY, 4, 1) == REPEAT
    assert positions.judge(KEY, 6, 1) == GAP
    assert positions.judge(KEY, 5, 1) == ACCEPT
    assert positions.judge(KEY, 5, 1) == REPEAT
    assert positions.judge(KEY, 6, 1) == ACCEPT


def test_a_lane_not_seen_before_starts_at_oldest() -> None:
    """A consumer that is new does not wait for what the agent has long forgotten."""
    positions = Positions()
    assert positions.upto(KEY) == 0
    assert positions.judge(KEY, 12, 10) == GAP
    assert positions.upto(KEY) == 9
    assert positions.judge(KEY, 10, 10) == ACCEPT


def test_what_was_dropped_is_skipped_and_told() -> None:
    """Below `oldest` nothing will come; how many are missing is reported, and only once."""
    positions = Positions({KEY: 3})
    assert positions.judge(KEY, 9, 8) == GAP
    assert positions.judge(KEY, 8, 8) == Judgement(Verdict.ACCEPT, skipped=4)
    assert positions.judge(KEY, 9, 8) == ACCEPT


def test_nothing_is_acknowledged_before_it_is_committed() -> None:
    """Taken is not durable."""
    positions = Positions({KEY: 3})
    positions.judge(KEY, 4, 1)
    assert positions.upto(KEY) == 3
    assert positions.pending() == {KEY: 4}
    positions.commit({KEY: 4})
    assert positions.upto(KEY) == 4
    assert positions.pending() == {}
    assert positions.known() == {KEY: 4}


def test_a_failed_write_is_taken_again() -> None:
    """After roll_back the same messages are accepted, and a skipped gap is told again."""
    positions = Positions({KEY: 3})
    assert positions.judge(KEY, 6, 6).skipped == 2
    positions.roll_back()
    assert positions.upto(KEY) == 3
    assert positions.pending() == {}
    assert positions.judge(KEY, 6, 6).skipped == 2


def test_a_commit_of_less_moves_nothing_back() -> None:
    """Positions only grow."""
    positions = Positions({KEY: 9})
    positions.commit({KEY: 5})
    assert positions.upto(KEY) == 9
    other = LaneKey("c001", "gw", "b2", Lane.BULK)
    positions.commit({other: 5})
    assert positions.known() == {KEY: 9, other: 5}


class Delivery(RuleBasedStateMachine):
    """An agent with sequences 1..n that may forget the oldest; a network that delivers any of them at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = Positions()
        self.oldest = 1
        self.newest = 0
        self.pending: list[int] = []
        self.stored: list[int] = []
        self.told_missing = 0
        self.committed: int | None = None

    @rule(count=st.integers(1, 5))
    def agent_takes(self, count: int) -> None:
        self.newest += count

    @rule(count=st.integers(1, 4))
    def agent_drops_oldest(self, count: int) -> None:
        self.oldest = min(self.oldest + count, max(self.newest, self.oldest))

    @rule(choice=st.integers(0, 10**6), stale=st.integers(0, 3))
    def network_delivers(self, choice: int, stale: int) -> None:
        """Any message that was ever sent, with what `oldest` was then or is now."""
        if self.newest == 0:
            return
        sequence = 1 + choice % self.newest
        oldest = max(1, min(sequence, self.oldest - stale))
        upto = self.positions.upto(KEY)
        known = KEY in self.positions.known()
        judgement = self.positions.judge(KEY, sequence, oldest)
        if judgement.verdict is Verdict.ACCEPT:
            before = max([*self.pending, *self.stored, upto if known else oldest - 1])
            assert sequence == before + judgement.skipped + 1
            self.pending.append(sequence)
            self.told_missing += judgement.skipped
        else:
            assert judgement.skipped == 0

    @rule()
    def consumer_commits(self) -> None:
        pending = self.positions.pending()
        assert pending == ({KEY: self.pending[-1]} if self.pending else {})
        self.positions.commit(pending)
        self.stored += self.pending
        self.pending = []

    @rule()
    def write_fails(self) -> None:
        self.positions.roll_back()
        self.pending = []

    @rule()
    def process_is_killed(self) -> None:
        self.positions = Positions({KEY: self.stored[-1]} if self.stored else {})
        self.pending = []

    @invariant()
    def nothing_twice_and_all_in_order(self) -> None:
        taken = self.stored + self.pending
        assert taken == sorted(set(taken))

    @invariant()
    def never_acknowledged_beyond_what_is_durable(self) -> None:
        """What is below `oldest` the agent no longer holds: saying that it is done promises nothing."""
        upto = self.positions.upto(KEY)
        assert upto <= max([*self.stored, self.oldest - 1])


TestDelivery = Delivery.TestCase


@given(st.integers(1, 40), st.floats(0, 0.6), st.randoms(use_true_random=False))
def test_what_is_lost_comes_in_the_end(count: int, loss: float, chance: random.Random) -> None:
    """An agent that sends again from what was acknowledged gets everything through, each once and in order."""
    positions = Positions()
    stored: list[int] = []
    acknowledged = 0
    for _ in range(2000):
        for sequence in range(acknowledged + 1, min(acknowledged + 8, count) + 1):
            if chance.random() >= loss:
                verdict = positions.judge(KEY, sequence, acknowledged + 1).verdict
                if verdict is Verdict.ACCEPT:
                    stored.append(sequence)
        positions.commit(positions.pending())
        if chance.random() >= loss:
            acknowledged = positions.upto(KEY)
        if acknowledged == count:
            break
    assert stored == list(range(1, count + 1))
