"""Two agents under one gateway's name are told within a minute; one agent never is, whatever happens to it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from linli.clock import SECOND
from linli.doubles import AGAIN_AFTER, WITHIN, Doubles

BEAT = 10 * SECOND


def test_two_that_are_heard_in_turn_are_told_within_a_minute() -> None:
    """Each every ten seconds, as heartbeats are: from the first message of the second one on."""
    doubles, at, told = Doubles(), 0, list[int]()
    for number in range(20):
        at = number * BEAT // 2
        if doubles.heard("gw-1", "ab"[number % 2], at):
            told.append(at)
    assert told[0] <= 30 * SECOND
    assert all(later - before >= AGAIN_AFTER for before, later in pairwise(told))


def test_an_agent_that_lost_its_outbox_is_one_agent() -> None:
    """Also when messages of the old one come after some of the new; also when it loses it again and again."""
    doubles = Doubles()
    assert not any(doubles.heard("gw-1", bootid, number) for number, bootid in enumerate("aaaabababababbbbbb"))
    assert not any(doubles.heard("gw-2", f"b{number}", number * SECOND) for number in range(100))


def test_gateways_are_told_apart() -> None:
    """Each has a name of its own for its outbox."""
    doubles = Doubles()
    assert not any(doubles.heard(f"gw-{number % 2}", f"b{number % 2}", number) for number in range(1000))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2 * WITHIN)), max_size=60))
def test_slow_turns_are_none(heard: list[tuple[str, int]]) -> None:
    """Turns that are further apart than WITHIN, as after a repair of a spare machine, tell nothing; it never raises."""
    doubles, at = Doubles(), 0
    for bootid, pause in heard:
        at += WITHIN + pause
        assert not doubles.heard("gw-1", bootid, at)
