"""Which messages are next on their lanes; who is in no registry is held for a while, and nothing is lost, doubled or put out of
order by that."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli import topics
from linli.codec import encode
from linli.model import Lane, LaneKey
from linli.testing import ManualClock
from rules import accepting
from rules.accepting import HOLD_S, QUIET_S, SLOW_S, VAIN_S, Accepted, Accepting
from rules.engine.inputs import MessageIn, PassedIn
from rules.inbox import Arrival
from tests.unit.rules.world import T0, Feed, registry

KNOWN = registry()


def arrival(entry: MessageIn) -> Arrival:
    message = entry.message
    return Arrival(topics.lane_topic(message.community, message.gateway, message.lane), encode(message), T0)


def sent(feed: Feed, device: str, lane: Lane, gateway: str) -> Arrival:
    return arrival(feed.event(1, device, "fire.alarm.raised", lane=lane, gateway=gateway))


class Taker:
    """Accepts and commits at once; what it has taken of each lane, in order."""

    def __init__(self) -> None:
        self.clock = ManualClock(T0)
        self.accepting = Accepting({}, self.clock)
        self.lanes: dict[LaneKey, list[int]] = {}
        self.answered: set[LaneKey] = set()

    def take(self, arrivals: Sequence[Arrival], *, holds: bool, looked_at: float = 0.0) -> Accepted:
        found = self.accepting.accept(arrivals, KNOWN if holds else None, looked_at)
        self.accepting.positions.commit(found.taken)
        self.answered |= found.answers.keys()
        for entry in found.entries:
            place = (entry.lane, entry.sequence) if isinstance(entry, PassedIn) else place_of(entry)
            self.lanes.setdefault(place[0], []).append(place[1])
        return found

    @property
    def result(self) -> tuple[object, ...]:
        it = self.accepting
        return self.lanes, self.answered, it.positions.known(), it.repeats, it.gaps, it.refused


def place_of(entry: object) -> tuple[LaneKey, int]:
    assert isinstance(entry, MessageIn)
    message = entry.message
    return LaneKey(message.community, message.gateway, message.bootid, message.lane), message.sequence


devices = st.sampled_from(("door", "smoke", "nobody", "stranger", "gw"))
steps = st.lists(
    st.tuples(
        st.lists(
            st.tuples(devices, st.sampled_from(Lane), st.sampled_from(("gw", "gw-2", "gw-9")), st.integers(0, 9)),
            max_size=6,
        ),
        st.sampled_from((0.0, 0.01, 0.5, HOLD_S + 1, VAIN_S + 1)),
        st.booleans(),
    ),
    max_size=12,
)


@given(steps)
def test_holding_changes_nothing_but_when(drawn: list[tuple[list[tuple[str, Lane, str, int]], float, bool]]) -> None:
    """Whoever is held, however often and long: each lane has the same messages in the same order, and all is counted once."""
    feed, held, plain = Feed(), Taker(), Taker()
    gone: list[Arrival] = []
    for events, wait, looks in drawn:
        came: list[Arrival] = []
        for device, lane, gateway, fate in events:
            one = sent(feed, device, lane, gateway)
            if fate == 0:  # it got lost, and comes with the next step, behind others
                gone.append(one)
            elif fate == 1:
                came += [one, one]
            elif fate == 2:
                came.append(one._replace(payload=one.payload[:-9]))
            else:
                came.append(one)
        held.take(came, holds=True, looked_at=held.clock.monotonic() if looks else 0.0)
        plain.take(came, holds=False)
        held.clock.advance(wait)
    for _ in range(2):
        held.clock.advance(HOLD_S + 1)
        held.take((), holds=True)
    assert held.accepting.held_from is None
    assert held.result == plain.result


def test_a_lane_waits_behind_a_stranger_and_the_others_do_not() -> None:
    """Until a look that began afterwards is back."""
    feed, taker = Feed(), Taker()
    stranger, behind = sent(feed, "nobody", Lane.URGENT, "gw"), sent(feed, "smoke", Lane.URGENT, "gw")
    bulk, other = sent(feed, "smoke", Lane.BULK, "gw"), sent(feed, "gw-2", Lane.URGENT, "gw-2")
    early = taker.clock.monotonic()
    taker.clock.advance(0.1)
    found = taker.take([stranger, behind, bulk, other], holds=True)
    assert len(found.entries) == 2
    assert taker.accepting.held_from == T0
    taker.clock.advance(0.1)
    assert taker.take((), holds=True, looked_at=early).entries == []
    assert len(taker.take((), holds=True, looked_at=taker.clock.monotonic()).entries) == 2


def looked(taker: Taker) -> Accepted:
    """A look that begins now is back."""
    return taker.take((), holds=True, looked_at=taker.clock.monotonic())


@pytest.mark.parametrize(("took", "quiet"), [(0.1, QUIET_S), (SLOW_S + 0.1, VAIN_S)])
def test_who_was_looked_for_in_vain_is_not_held_again_for_a_while(took: float, quiet: float) -> None:
    """A device that nobody registers and that reports each second would slow down its gateway for ever; the longer the slower a look."""
    feed, taker = Feed(), Taker()
    assert taker.take([sent(feed, "nobody", Lane.URGENT, "gw")], holds=True).entries == []
    taker.clock.advance(took)
    assert len(looked(taker).entries) == 1
    taker.clock.advance(quiet / 2)
    assert len(taker.take([sent(feed, "nobody", Lane.URGENT, "gw")], holds=True).entries) == 1
    taker.clock.advance(quiet)
    assert taker.take([sent(feed, "nobody", Lane.URGENT, "gw")], holds=True).entries == []


def test_each_waits_for_a_look_that_began_after_it_came() -> None:
    """Not for somebody else's, which read the registry before; and after a look that never came back it is looked for again."""
    feed, taker = Feed(), Taker()
    assert taker.take([sent(feed, "nobody", Lane.URGENT, "gw")], holds=True).entries == []
    began = taker.clock.monotonic()
    taker.clock.advance(0.1)
    assert taker.take([sent(feed, "stranger", Lane.BULK, "gw")], holds=True).entries == []
    assert len(taker.take((), holds=True, looked_at=began).entries) == 1
    taker.clock.advance(HOLD_S + 0.1)
    assert len(taker.take((), holds=True, looked_at=began).entries) == 1
    assert taker.take([sent(feed, "stranger", Lane.BULK, "gw")], holds=True, looked_at=began).entries == []


def test_no_more_is_held_than_there_is_room_for() -> None:
    """A flood of strangers waits for nothing."""
    feed, taker = Feed(), Taker()
    flood = [sent(feed, "nobody", Lane.URGENT, "gw") for _ in range(accepting.MOST_HELD + 1)]
    assert taker.take(flood, holds=True).entries == []
    assert len(taker.take((), holds=True).entries) == len(flood)
