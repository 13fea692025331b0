"""Addresses: what people write, and what is kept of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.errors import Refused
from linli.registry.address import LEVEL_OF, Address, address_key, code_of

CODES = st.from_regex(r"[A-Z0-9一-鿿._-]{1,12}", fullmatch=True)
NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    """Any address that can be made of what people write."""
    parts = {level: draw(st.just("") | CODES) for level in ("building", "unit", "room")}
    try:
        return Address.of(draw(NAMES), draw(NAMES), draw(NAMES), **parts)
    except Refused:
        return Address.of("望湖区", "湖滨", "望湖苑", "12", "1", "1203")


@given(addresses(), st.sampled_from(["zh", "en"]))
def test_what_is_printed_is_read_again(address: Address, language: str) -> None:
    """In both languages, whichever parts are missing."""
    assert Address.parse(address.printed(language)) == address


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    """Nothing else comes out of it, and an address is in its canonical form at once."""
    try:
        address = Address.parse(text)
    except Refused as refusal:
        assert refusal.reason == "bad_address"
    else:
        assert Address.parse(address.printed("zh")) == address


@given(st.sampled_from(["building", "unit", "room", "dwelling", "floor", "gate"]), st.text(max_size=20))
def test_a_number_in_shape_stays_as_it_is(kind: str, text: str) -> None:
    """Bringing it into shape twice is bringing it into shape."""
    try:
        code = code_of(kind, text)
    except Refused as refusal:
        assert refusal.reason == "bad_address"
    else:
        assert code_of(kind, code) == code
        assert "/" not in code
        assert " " not in code


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        ("building", "12号楼", "12"),
        ("building", "１２幢", "12"),
        ("building", "12#", "12"),
        ("building", "Building 12", "12"),
        ("building", "a座", "A"),
        ("building", "北楼", "北"),
        ("unit", "甲单元", "甲"),
        ("unit", "unit 2", "2"),
        ("room", "1203室", "1203"),
        ("dwelling", "Flat 12-A", "12-A"),
        ("floor", "3层", "3"),
        ("floor", "B1", "B1"),
        ("gate", "东", "东"),
    ],
)
def test_the_words_around_a_number_are_left_out(kind: str, written: str, kept: str) -> None:
    """As people write it on doors, forms and in tables."""
    assert code_of(kind, written) == kept


@pytest.mark.parametrize("text", ["", " ", "1/2", "12 34", "12;", "=1", "十二号楼之一" * 8, "\x00"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """Also what a table program would take for a formula."""
    with pytest.raises(Refused, match="such as 12"):
        code_of("building", text)


def test_the_canonical_text() -> None:
    """A part that is not there is left out; the others keep their words."""
    address = Address.of(" 望湖区", "湖滨居委会 ", "望湖  苑", "12幢", "", "1203")
    assert address.printed("zh") == "望湖区 / 湖滨居委会 / 望湖 苑 / 12号楼 / 1203室"
    assert (
        Address.of("Lakeside", "Hubin", "Lakeview", "12", "1").printed("en")
        == "Lakeside / Hubin / Lakeview / Building 12 / Unit 1"
    )


@pytest.mark.parametrize(
    "text", ["a / b", "a / b / c / d", "a/b/c/1室/2单元", "a/b/c/1单元/2单元", "a//c", "a/b/c/Building"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Too short, parts without a word, in another order, or twice."""
    with pytest.raises(Refused):
        Address.parse(text)


def test_two_addresses_have_two_keys() -> None:
    """Numbers do not run into each other."""
    assert address_key("c1", "1", "", "2") != address_key("c1", "1", "2", "")
    assert set(LEVEL_OF.values()) == {"building", "unit", "room"}
