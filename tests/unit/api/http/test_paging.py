"""Pages: cursors that only their own list takes, and pages that nothing arriving disturbs."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from api.http.paging import Page, cut, following, page_of, read_cursor, write_cursor
from linli.errors import Refused

PARTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(max_size=40).filter(str.isprintable))


@given(st.lists(PARTS, min_size=1, max_size=4), st.text("abcdefgh", min_size=1, max_size=8))
def test_a_cursor_is_read_as_it_was_written(key: list[Any], name: str) -> None:
    """Whatever the key holds; and it goes into an address as it is."""
    text = write_cursor(name, tuple(key))
    assert read_cursor(name, text, tuple(type(part) for part in key)) == tuple(key)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    """With the reason that the problem document names."""
    with pytest.raises(Refused) as caught:
        read_cursor("alerts", text, (int, str))
    assert caught.value.reason == "bad_cursor"


@given(st.integers(0, 200), st.sampled_from("ABCxyz019-_"))
def test_an_edited_cursor_is_refused(place: int, letter: str) -> None:
    """Any one letter changed, or the end cut off."""
    good = write_cursor("alerts", (1_700_000_000_000_000, "a1"))
    place %= len(good)
    edited = good[:place] + letter + good[place + 1 :]
    for text in (edited, good[: place or 1]):
        if text != good:
            with pytest.raises(Refused):
                read_cursor("alerts", text, (int, str))


def forged(body: object, version: int = 1) -> str:
    raw = json.dumps(body).encode()
    return base64.urlsafe_b64encode(bytes((version,)) + bytes(6) + raw).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        write_cursor("events", (1, "a")),
        write_cursor("alerts", (1,)),
        write_cursor("alerts", ("1", "a")),
        write_cursor("alerts", (True, "a")),
        write_cursor("alerts", (2**63, "a")),
        write_cursor("alerts", (1, "a\0")),
        write_cursor("alerts", (1, "\ud800")),
        forged(["alerts", 1, "a"]),
        forged(["alerts", 1, "a"], version=2),
        write_cursor("alerts", (1, "a")) + "=",
    ],
)
def test_what_is_not_of_this_list(text: str) -> None:
    """Of another list, with too few or other parts, without the checksum, padded."""
    with pytest.raises(Refused):
        read_cursor("alerts", text, (int, str))


def test_there_is_a_next_page_only_if_there_are_more() -> None:
    """One row more than asked for tells; exactly as many is the end."""
    assert page_of([1, 2, 3], 2, lambda row: (row,)) == Page([1, 2], (2,))
    assert page_of([1, 2], 2, lambda row: (row,)) == Page([1, 2], None)
    assert page_of([], 2, lambda row: (row,)) == Page([], None)


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(1, 9))
def test_pages_are_stable_while_rows_come_and_go(first: set[int], later: set[int], limit: int) -> None:
    """Each row that was there all the time comes once, in order, whatever changes between two pages."""
    rows, after, seen = sorted(first), None, []
    while True:
        page = cut(rows, limit, lambda row: (row,), after)
        seen += page.items
        if page.following is None:
            break
        after, rows = page.following, sorted(later)
    assert seen == sorted(set(seen))
    assert set(seen) >= first & later


def test_the_link_is_the_same_question_with_the_cursor() -> None:
    """Other parameters stay, an older cursor goes; and there is none at the end."""
    scope = {
        "type": "http",
        "path": "/api/v1/alerts",
        "query_string": b"rule=a&rule=b&cursor=old&open=false",
        "headers": [],
    }
    request, response = Request(scope | {"server": ("h", 80), "scheme": "http"}), Response()
    cursor = following("alerts", Page([1], (5, "x")), request, response)
    assert response.headers["link"] == f'</api/v1/alerts?rule=a&rule=b&open=false&cursor={cursor}>; rel="next"'
    end = Response()
    assert following("alerts", Page([1], None), request, end) is None
    assert "link" not in end.headers
