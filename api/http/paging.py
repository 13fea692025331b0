"""Pages of lists, all in one way: `limit` and `cursor` come in, `items` and `next` go out, and `Link: <...>; rel="next"`.

A cursor is the key of the last row of a page, so a page begins after a row and never at a number: what arrives or goes
meanwhile neither doubles a row nor leaves one out. To whoever uses the API a cursor is opaque. It grants nothing: which rows a
person sees is decided by the query. Its checksum is there so that a cursor that was cut off, edited or is of another list is
an error, and not a page of something else.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from linli.errors import Refused
from linli.i18n import Text

Key = tuple[int | str, ...]
_T = TypeVar("_T")

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100
MAX_CURSOR = 600
_VERSION = 1
_INT64 = 2**63
_CHECK = 6
"""Bytes of checksum."""

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most this many")]
Cursor = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR, description="`next` of the page before, as it was; without: the first page"),
]


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Some rows of a list, and the key of the last one if there are more."""

    items: list[_T]
    following: Key | None


class Listed(BaseModel, Generic[_T]):
    """A page of a list."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    items: list[_T]
    next: str | None = Field(description="The `cursor` of the next page; null at the end")


def write_cursor(name: str, key: Key) -> str:
    """`key`, of the list `name`, as text to go on from."""
    body = json.dumps([name, *key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(bytes((_VERSION,)) + _checksum(body) + body).rstrip(b"=").decode()


def read_cursor(name: str, text: str, shape: tuple[type[int] | type[str], ...]) -> Key:
    """The key that `write_cursor` wrote for the list `name`. `shape`: the types of its parts.

    Refused 'bad_cursor' for any other text: of another list, of another version, edited or cut off.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body = raw[1 + _CHECK :]
        found = json.loads(body) if raw[:1] == bytes((_VERSION,)) and raw[1 : 1 + _CHECK] == _checksum(body) else None
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != 1 + len(shape) or found[0] != name:
        raise bad_cursor()
    key = tuple(found[1:])
    if any(type(part) is not wanted for part, wanted in zip(key, shape, strict=True)) or not all(map(_possible, key)):
        raise bad_cursor()
    if write_cursor(name, key) != text:  # another way to write the same
        raise bad_cursor()
    return key


def page_of(rows: Sequence[_T], limit: int, key: Callable[[_T], Key]) -> Page[_T]:
    """The page that `rows` begins with: ask for one row more than `limit`, and it is known whether there are more."""
    items = list(rows[:limit])
    return Page(items, key(items[-1]) if len(rows) > limit else None)


def cut(rows: Sequence[_T], limit: int, key: Callable[[_T], Key], after: Key | None) -> Page[_T]:
    """The page after `after` of rows that are in memory, in ascending order of their keys."""
    if after is None:
        return page_of(rows[: limit + 1], limit, key)
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if key(rows[middle]) <= after else (low, middle)
    return page_of(rows[low : low + limit + 1], limit, key)


def following(name: str, page: Page[_T], request: Request, response: Response) -> str | None:
    """The cursor of the next page, for the body, and the `Link` to it in the headers; None at the end."""
    if page.following is None:
        return None
    cursor = write_cursor(name, page.following)
    kept = [(key, value) for key, value in parse_qsl(request.url.query, keep_blank_values=True) if key != "cursor"]
    # A path without a host: whatever proxy stands before us, the reader knows how it came here.
    response.headers.append("link", f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"')
    return cursor


def _possible(part: int | str) -> bool:
    """Whether it could be a key's: whoever makes a cursor up must not reach a query with what no column holds."""
    return -_INT64 <= part < _INT64 if isinstance(part, int) else part.isprintable()


def listed(name: str, page: Page[_T], request: Request, response: Response) -> dict[str, object]:
    """A page as a `Listed` has it, and the `Link` to the next."""
    return {"items": page.items, "next": following(name, page, request, response)}


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK, person=b"linli cursor").digest()


def bad_cursor() -> Refused:
    """What to raise for a cursor that is none."""
    error = Refused("bad_cursor", "cursor: give the `next` of the page before, as it was, and of the same list")
    error.text = Text(
        "cursor 不对：请原样使用同一列表上一页的 next", f"{error.detail}; without one you get the first page"
    )
    return error
