"""Who acts, from where and by what session: known where a request or a command begins, and needed where its act is written.

What lies between would pass it through every layer, and whoever forgot it would leave an act nobody's. So it goes along with the
context: `beginning` notes it once - for each request in `api.http.gate`, for each command where it opens the database -, whoever
recognises a session or token adds to it, and `who_of` reads it. A thread that is started for the request has it too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from linli.audit import NOBODY, Who

NOBODY_ASKED = "linli"
"""What those who write say for what Linli does by itself."""


@dataclass(slots=True)
class Came:
    """What is known of who acts. One for each request or command, and changed as more becomes known."""

    address: str = ""
    actor: str = ""
    credential: str = ""


_CAME: ContextVar[Came | None] = ContextVar("linli_came", default=None)


@contextmanager
def beginning(came: Came) -> Iterator[Came]:
    """Within the block, and what is started in it, this is who acts."""
    token = _CAME.set(came)
    try:
        yield came
    finally:
        _CAME.reset(token)


def recognised(actor: str, credential: str) -> None:
    """It is this person, by the session or token of this id. Without a request, nothing."""
    came = _CAME.get()
    if came is not None:
        came.actor, came.credential = actor, credential


def who_of(actor: str | None = None, address: str = "") -> Who:
    """Who acts. `actor`: as whoever writes knows it, None if they do not; `address`: likewise."""
    came = _CAME.get() or Came()
    if actor is None or actor == NOBODY_ASKED:
        known = came.actor or (NOBODY if actor is None else f"system:{actor}")
        return Who(known, address or came.address, came.credential)
    credential = came.credential if actor == came.actor or not came.actor else ""
    return Who(actor, address or came.address, credential)
