"""Ids: derived once, valid, never twice."""

from hypothesis import given
from hypothesis import strategies as st

from linli.ids import is_id
from linli.registry.naming import derived_id, random_id, slug

PARTS = st.lists(st.text(min_size=1, max_size=90), min_size=1, max_size=4)


@given(PARTS)
def test_whatever_a_thing_is_called_it_gets_an_id(parts: list[str]) -> None:
    """The same parts give the same one."""
    made = derived_id(*parts)
    assert is_id(made)
    assert derived_id(*parts) == made


@given(PARTS, st.integers(0, 30))
def test_a_taken_id_is_not_given_again(parts: list[str], already: int) -> None:
    """Also when many are, and when there is no room for a number."""
    taken: set[str] = set()
    for _ in range(already + 1):
        made = derived_id(*parts, taken=taken.__contains__)
        assert is_id(made)
        assert made not in taken
        taken.add(made)


def test_an_id_can_be_read() -> None:
    """Where it can be: other letters become a digest, which differs."""
    assert derived_id("lakeview", "12", "1", "1203") == "lakeview-12-1-1203"
    assert derived_id("lakeview", "甲") != derived_id("lakeview", "乙")
    assert slug("Lakeview Court (East)") == "lakeview-court-east"


def test_a_long_one_is_told_from_another_long_one() -> None:
    """They differ behind what there is room for."""
    assert derived_id("a" * 70 + "1") != derived_id("a" * 70 + "2")


def test_a_persons_id_says_nothing() -> None:
    """It is random."""
    assert is_id(random_id("p"))
    assert len({random_id("p") for _ in range(100)}) == 100
