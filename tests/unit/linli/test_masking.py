"""What of a person is shown without a purpose that needs more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.registry.inhabitants import Consent, Contact, Household, Person, Resident
from linli.registry.kinds import KINDS
from linli.registry.masking import HIDDEN, MASKS, mask_day, mask_name, mask_value, masked

PERSON = Person("i1", "c1", "王小明", "male", "1953-07-21", "uses a wheelchair")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("王小明", "王**"), ("王", "王*"), ("欧阳小明", "欧***"), ("Ann Lee", "A***"), ("A", "A***"), ("  ", HIDDEN)],
)
def test_names(name: str, shown: str) -> None:
    """The family's, as people in China write it of others; a first letter elsewhere."""
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13812345678", "138****5678"),
        ("+8613812345678", "+86****5678"),
        ("010-62345678", "010****5678"),
        ("ann@example.org", "a***@example.org"),
        ("wxid_abc", HIDDEN),
        ("8001", HIDDEN),
        ("a1b2c3d4e5f6g7h8i9j0", HIDDEN),
    ],
)
def test_ways_to_reach_somebody(value: str, shown: str) -> None:
    """Enough to tell two apart for who knows them."""
    assert mask_value(value) == shown


def test_a_person_is_masked_field_by_field() -> None:
    """What is not known stays so: that nobody knows it is no secret."""
    assert masked(PERSON) == Person("i1", "c1", "王**", HIDDEN, "195*", HIDDEN)
    assert masked(Person("i1", "c1", None)) == Person("i1", "c1", None)
    assert masked(Contact("k1", "c1", "i1", "mobile", "13812345678")).value == "138****5678"
    assert masked(Consent("n1", "c1", "i1", "care", True, 1, "told Ms Li")).source == HIDDEN
    assert masked(Resident("m1", "c1", "h1", "i1", "head", "2019-05-01")).since == mask_day("2019")
    assert masked(Household("h1", "c1", "r1", "owner")) == Household("h1", "c1", "r1", "owner")


def test_every_personal_kind_is_in_the_table() -> None:
    """And each of its fields that holds words, but for ids and words of lists."""
    assert MASKS.keys() == {name for name, kind in KINDS.items() if kind.personal}
    harmless = {
        "community",
        "place",
        "kind",
        "household",
        "person",
        "relation",
        "position",
        "verified_at",
        "purpose",
        "given",
        "at",
    }
    for name, masks in MASKS.items():
        assert set(KINDS[name].fields) == set(masks) | (set(KINDS[name].fields) & harmless)


@given(st.text(min_size=4, max_size=40))
def test_nobody_is_shown_whole(text: str) -> None:
    """Whatever was typed into a field: what is shown of it is not it."""
    for masks in MASKS.values():
        for mask in masks.values():
            shown = mask(text)
            assert "*" in shown
            assert text.strip("* ") not in shown or not text.strip("* ") or len(text.strip("* ")) <= 3
