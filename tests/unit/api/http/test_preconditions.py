"""Entity tags: who changes what they have not read is told so."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.http.preconditions import demand_match, etag_of, not_modified, unchanged
from linli.errors import MatchMissing, Outdated


def request(**headers: str) -> Request:
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": given})


@pytest.mark.parametrize("header", ['"3"', ' "3" ', '"1", "3"', '"1","3","4"', "*", 'W/"3", "3"', '"a,b", "3"'])
def test_whoever_has_read_it_may_change_it(header: str) -> None:
    """One of the tags is that of the version as it is."""
    demand_match(request(if_match=header), etag_of(3))


@pytest.mark.parametrize("header", ['"2"', 'W/"3"', "3", "", '"3', '"2" "3"', '"3" nonsense'])
def test_whoever_has_read_another_version_may_not(header: str) -> None:
    """412; a weak tag does not tell two versions apart, and what is no list of tags names none."""
    with pytest.raises(Outdated):
        demand_match(request(if_match=header), etag_of(3))


def test_whoever_does_not_say_what_they_have_read_may_not() -> None:
    """428, with the tag to read again by."""
    with pytest.raises(MatchMissing) as caught:
        demand_match(request(), etag_of(3))
    assert '"3"' in caught.value.text.en


@pytest.mark.parametrize(
    ("header", "same"), [('"3"', True), ('W/"3"', True), ('"2", "3"', True), ("*", True), ('"2"', False), ("3", False)]
)
def test_what_has_not_changed_need_not_be_sent(header: str, same: bool) -> None:
    """304, by weak comparison."""
    assert unchanged(request(if_none_match=header), etag_of(3)) is same
    assert not unchanged(request(), etag_of(3))
    assert not_modified(etag_of(3)).headers["etag"] == '"3"'


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=200))
def test_any_header_is_read_in_no_time(header: str) -> None:
    """And raises nothing but the one error."""
    with contextlib.suppress(Outdated):
        demand_match(request(if_match=header), etag_of("x"))
