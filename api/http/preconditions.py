"""ETag, If-Match and If-None-Match (RFC 9110, 13.1): who changes a thing says which version of it they have read.

A tag here is always strong: it is made of the version of the row, which every change counts up.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from linli.errors import MatchMissing, Outdated
from linli.i18n import Text

STALE: dict[int | str, dict[str, Any]] = {
    412: {"description": "It was changed since you read it"},
    428: {"description": "Say in If-Match which version you have read"},
}
"""What a change with `If-Match` may be answered, for the document."""

_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def etag_of(version: int | str) -> str:
    """The strong entity tag of a version: 3 -> '"3"'."""
    return f'"{version}"'


def demand_match(request: Request, current: str) -> None:
    """Let a change pass only from who has read the thing as it is now.

    MatchMissing (428) without If-Match, Outdated (412) if it names other versions. `*` is any version.
    """
    header = request.headers.get("if-match")
    if header is None:
        raise MatchMissing(
            Text(
                f"请在 If-Match 中给出所读版本的 ETag，现为 {current}",
                f"say in If-Match which version you have read; it is {current} now",
            )
        )
    if header.strip() != "*" and current not in [tag for weak, tag in _tags(header) if not weak]:
        raise Outdated(
            Text(f"读取之后已有改动，现为 {current}", f"it was changed since you read it, and is {current} now")
        )


def unchanged(request: Request, current: str) -> bool:
    """Whether who asks has this version already (If-None-Match), so that 304 is the answer."""
    header = request.headers.get("if-none-match")
    if header is None:
        return False
    return header.strip() == "*" or current in [tag for _, tag in _tags(header)]


def not_modified(current: str) -> Response:
    """304, with the tag."""
    return Response(status_code=304, headers={"etag": current})


def _tags(header: str) -> list[tuple[bool, str]]:
    """The tags of a list, each with whether it is weak; none of a header that is not one."""
    found: list[tuple[bool, str]] = []
    place = 0
    while place < len(header):
        match = _TAG.match(header, place)
        if match is None:
            return []
        found.append((match[1] is not None, match[2]))
        place = match.end()
    return found
